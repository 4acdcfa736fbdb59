//! What a role hears, and what is to be done for it.

use std::time::Duration;

use port_takeover::ProcessIdentity;
use taskpaw_contract::ipc::{Backend, Event, Failure, PortView};
use taskpaw_contract::sidecar::{BrokenLine, Line, Ready};

/// What a role hears.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// The role may be started soon: whether it can be is found out, and nothing is touched. Ends in `PreparedAhead`.
    Prepare,
    /// As `Prepare`, for a person who knows that the backend is slow.
    PreparePatiently,
    /// A person, or the launch, wants it to run.
    Start,
    /// A person wants it to stop.
    Stop,
    /// A person wants it to start again.
    Restart,
    /// A person wants another attempt now, and the failures forgotten.
    Retry,
    /// The same, and for this one attempt a backend of V3 may be ended whatever it works at.
    ReplaceV3,
    /// It is to serve for an app that does not have the place yet: nothing that acts outside begins, and a failure is the
    /// last one. With the backend whose listening sockets its sidecar has been given, and which keeps its own meanwhile;
    /// nothing: the ports are taken over.
    GoOn(Option<ProcessIdentity>),
    /// The app has the place by now: what serves becomes live. A failure is still the last one, since the other app can serve
    /// again. Ends in `BecameLive`.
    Live,
    /// The app has the place, and the other one is gone: it is supervised as any role of an app that runs.
    Placed,
    /// Another app is about to follow: whatever runs lets go of everything but its process. Ends in `StoodDown`.
    StandDown,
    /// The other app cannot take the listening sockets: what stood down lets go of them. Ends in `StoodDown`.
    LetGo,
    /// The other app does not follow: what stood down serves again.
    Serve,
    /// The app ends.
    Quit,
    /// Something that was begun in a generation has come to its end.
    Of(u32, Answer),
}

/// The end of something that an effect began.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The ports are free.
    TakenOver,
    /// The ports could not be looked at, or what must be ended first cannot be.
    NotTakenOver(Failure),
    /// Somebody has the ports, or they cannot be had for another reason that only goes away by itself: they are watched. Also
    /// if that is another reason than before.
    Blocked(Failure),
    /// The ports that are watched can be had, as far as a look can tell.
    CanStart,
    /// The program could not be started.
    NotSpawned(Failure),
    /// The sidecar wrote its line, or broke the protocol.
    Line(Result<Line, BrokenLine>),
    /// The sockets confirm what the line says.
    Confirmed { backend: Backend, ports: Vec<PortView> },
    /// The ports are not confirmed.
    NotConfirmed(Failure),
    /// The sidecar ended.
    Exited { status: String, log: Vec<String> },
    /// A health call was answered, or not.
    Healthy(bool),
    /// Time is over. The number is that of the wait: see [`Machine::waits`](super::Machine::waits).
    Elapsed(Timer, u32),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Timer {
    Prepared,
    Ready,
    Live,
    StandDown,
    LetGo,
    Stop,
    Health,
    Backoff,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Look at the ports and reclaim them: ends in `TakenOver`, `NotTakenOver` or `Blocked`.
    TakeOver,
    /// Watch the ports, and show who has them: ends in `CanStart`, with `Blocked` before whenever it is for another reason.
    Watch,
    /// Start the sidecar and greet it: ends in `Line`, `NotSpawned` or `NotTakenOver`.
    Prepare,
    /// Tell the sidecar to claim its ports: ends in `Line`, or in `NotSpawned`.
    GoOn,
    /// Tell a sidecar to go on that has its listening sockets already: ends in `Line`, or in `NotSpawned`.
    GoOnWithListeners,
    /// Tell the sidecar that this host has the place.
    GoLive,
    /// End a sidecar that has touched nothing. Nobody hears of its end.
    Discard,
    /// Tell the sidecar to let go of everything but its listening sockets: ends in `Line`.
    StandDown,
    /// Tell the sidecar to give copies of these to this host: ends in `Line`.
    PassListeners,
    /// Tell the sidecar to let go of these, too: ends in `Line`.
    CloseListeners,
    /// Tell the caller that had it stand down that it has.
    StoodDown(Stood),
    /// Tell the caller that had it become live how that came out.
    BecameLive(Result<(), Failure>),
    /// Tell the caller that its sidecar advances.
    Advances,
    /// Tell the caller that asked to prepare how that came out.
    PreparedAhead(Result<(), Failure>),
    /// Look whether it is the child that listens: ends in `Confirmed` or `NotConfirmed`.
    Confirm(Ready),
    /// Ask the sidecar to stop.
    AskToStop,
    /// Kill the sidecar.
    Kill,
    /// Ask the backend whether it is well: ends in `Healthy`.
    CheckHealth,
    /// Answer `Elapsed` after a time, with the number of this wait.
    Arm(Timer, Duration),
    /// Tell the window.
    Publish(Event),
    /// The role has ended, and the app may.
    End,
}

/// How a role has stood down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stood {
    /// Whether it served before.
    pub(crate) served: bool,
    /// Whether its sidecar keeps its listening sockets, and has given copies of them.
    pub(crate) keeps_ports: bool,
}

impl Stood {
    /// The role took no part.
    pub(super) const IDLE: Self = Self { served: false, keeps_ports: false };
}
