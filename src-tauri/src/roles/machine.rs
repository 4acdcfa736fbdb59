//! What a role does next: a state machine over plain data. Messages go in, effects come out; it knows no
//! clock, no process and no socket.

use std::time::Duration;

use port_takeover::ProcessIdentity;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{Backend, Event, Failure, PortView};
use taskpaw_contract::sidecar::{BrokenLine, Line, Ready, SignOfLife, StartupErrorCode};

/// From the greeting until the sidecar says that it is prepared.
pub(super) const PREPARED_WITHIN: Duration = Duration::from_secs(10);
/// How long preparing may take where a person waits for it: a cold disk, or a scanner that looks at a new program, takes some
/// tens of seconds.
pub(super) const PREPARED_PATIENTLY_WITHIN: Duration = Duration::from_secs(60);
/// From *go on*, or the last sign of life since, to the readiness line.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(10);
/// From *live*, or the last sign of life since, until the sidecar says that it is: on ports that were passed on nobody is answered
/// before.
pub(super) const LIVE_WITHIN: Duration = Duration::from_secs(10);
/// However it advances, nobody is kept waiting for longer: a history of some gigabytes is copied and brought to a new form in
/// less.
const ADVANCES_WITHIN: Duration = Duration::from_secs(600);
/// How long a prepared sidecar counts as one; after that it is prepared again.
const PREPARED_FOR: Duration = Duration::from_secs(30);
/// From *stand down* until the listening sockets are closed: the backend gives what is under way a second.
const STAND_DOWN_WITHIN: Duration = Duration::from_secs(2);
/// From the ask to stop until the kill: the backend itself gives what is under way 3 s, and an app that is told to end has 5 s.
const STOP_WITHIN: Duration = Duration::from_secs(4);
/// How often a sidecar may find that its configuration has changed when it is told to go on: a person saves it now and then.
const PREPARED_AGAIN: u8 = 5;
/// Between two health calls.
const HEALTH_EVERY: Duration = Duration::from_secs(10);
/// How many missed health calls in a row restart a backend.
const HEALTH_MISSES: u32 = 3;
/// After how much health the failures before it are forgotten.
const HEALTHY_AGAIN: Duration = Duration::from_secs(600);
/// The first wait after a failure; it doubles up to [`BACKOFF_LONGEST`].
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_LONGEST: Duration = Duration::from_secs(30);
/// After so many failures within [`BUDGET_WINDOW`] a person is asked, and attempts are rare.
const BUDGET: usize = 5;
const BUDGET_WINDOW: Duration = Duration::from_secs(120);
/// The first wait when a person is asked; it doubles up to [`RETRY_LONGEST`]. What keeps a backend from running may be
/// put right without anybody who comes here to say so.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_LONGEST: Duration = Duration::from_secs(300);

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
    /// Time is over.
    Elapsed(Timer),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Answer `Elapsed` after a time.
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
    const IDLE: Self = Self { served: false, keeps_ports: false };
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Stopped,
    /// The sidecar looks whether it can serve.
    Preparing,
    /// It can, and waits for the start. `since` is when it said so.
    Prepared {
        since: Duration,
    },
    TakingOver,
    Starting(Advance),
    /// `heard` is when it last showed that it is well. `becoming_live` is how far it is with that; nothing once it is, or before
    /// it is told.
    Ready {
        since: Duration,
        heard: Duration,
        missed: u32,
        becoming_live: Option<Advance>,
    },
    /// The sidecar lets go of what it has, for another app.
    StandingDown,
    /// It has, and waits, if its process lives; or there was none that served.
    StoodDown {
        has_sidecar: bool,
        keeps_ports: bool,
    },
    Stopping(Next),
    Backoff,
    /// The ports are watched.
    Waiting,
    Failed,
    Ended,
}

/// How a sidecar gets on with what it was told.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Advance {
    began: Duration,
    /// When it last showed that it is getting on.
    heard: Duration,
    /// How far it was then.
    so_far: u64,
}

impl Advance {
    fn begins(now: Duration) -> Self {
        Self { began: now, heard: now, so_far: 0 }
    }

    /// Notes a sign of life; false if it shows no advance, or has taken long enough: one that hangs can give signs for ever.
    fn hears(&mut self, sign: SignOfLife, now: Duration) -> bool {
        let advances = sign.advanced > self.so_far && now.saturating_sub(self.began) < ADVANCES_WITHIN;
        if advances {
            (self.so_far, self.heard) = (sign.advanced, now);
        }
        advances
    }

    /// How much of a limit is left since it was heard; nothing if it is over.
    fn left_of(&self, within: Duration, now: Duration) -> Option<Duration> {
        within.checked_sub(now.saturating_sub(self.heard)).filter(|left| !left.is_zero())
    }
}

/// Whose place it is while a role runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Another app's: nothing acts outside, and a failure is the last one.
    Follows,
    /// The app's own, for as long as its backends become live: a failure is the last one.
    GoesLive,
    /// The app's own.
    Placed,
}

/// What follows when the sidecar has ended.
#[derive(Debug, Clone, PartialEq)]
enum Next {
    Stay,
    Start {
        is_launch: bool,
    },
    Fail(Failure),
    /// Another app is about to follow. Whether it runs again if that does not.
    StandDown {
        served: bool,
        resumes: bool,
    },
    End,
}

/// The state of one role.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    role: Role,
    version: &'static str,
    generation: u32,
    state: State,
    failures: Vec<Duration>,
    /// How many times in a row a person was asked, and the role was then tried again all the same.
    rare: u32,
    /// Whether this attempt only finds out if it could start.
    is_ahead: bool,
    /// How long this attempt may take to be prepared.
    prepared_within: Duration,
    /// Whether a person, or the launch of the app, wants this attempt. Only such a one ends backends that were started after
    /// the one before.
    is_launch: bool,
    /// Whether the sidecar has its listening sockets before it goes on: nobody is asked for its ports then.
    has_listeners: bool,
    /// How often the sidecar has prepared itself again when it was told to go on.
    prepared_again: u8,
    standing: Standing,
    /// Why it has failed last.
    failed_for: Option<Failure>,
}

impl Machine {
    /// A role that is stopped. `version` is the host's: a sidecar of another one is refused.
    pub(crate) fn new(role: Role, version: &'static str) -> Self {
        Self {
            role,
            version,
            generation: 0,
            state: State::Stopped,
            failures: Vec::new(),
            rare: 0,
            is_ahead: false,
            prepared_within: PREPARED_WITHIN,
            is_launch: false,
            has_listeners: false,
            prepared_again: 0,
            standing: Standing::Placed,
            failed_for: None,
        }
    }

    /// The number of the current attempt.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the attempt under way only finds out if the role could start.
    pub(crate) fn is_ahead(&self) -> bool {
        self.is_ahead
    }

    /// Whether the attempt under way is to serve on listening sockets that another app has passed, which has not gone yet.
    pub(super) fn follows_on_passed(&self) -> bool {
        self.has_listeners && self.standing == Standing::Follows
    }

    /// Whether a person, or the launch of the app, wants the attempt under way.
    pub(super) fn is_launch(&self) -> bool {
        self.is_launch
    }

    /// Takes a message at a time (any clock that only goes forward) and says what is to be done.
    pub(crate) fn handle(&mut self, message: Message, now: Duration) -> Vec<Effect> {
        match message {
            // A late answer of an old attempt.
            Message::Of(generation, _) if generation != self.generation => Vec::new(),
            Message::Of(_, answer) => self.answer(answer, now),
            Message::Prepare => self.prepare(now, PREPARED_WITHIN),
            Message::PreparePatiently => self.prepare(now, PREPARED_PATIENTLY_WITHIN),
            Message::Start => {
                self.standing = Standing::Placed;
                self.start(now)
            }
            Message::Retry | Message::ReplaceV3 => {
                self.standing = Standing::Placed;
                self.forget_failures();
                self.start(now)
            }
            Message::Restart => {
                self.standing = Standing::Placed;
                self.restart(now)
            }
            Message::GoOn(passed_by) => {
                self.standing = Standing::Follows;
                if passed_by.is_some() { self.start_with_listeners(now) } else { self.start(now) }
            }
            Message::Live => self.take_standing(Standing::GoesLive, now),
            Message::Placed => self.take_standing(Standing::Placed, now),
            Message::StandDown => self.stand_down(),
            Message::LetGo => self.let_go(),
            Message::Serve => self.serve(now),
            Message::Stop => self.stop(Next::Stay),
            Message::Quit => self.stop(Next::End),
        }
    }

    /// The app has come further on its way to the place.
    fn take_standing(&mut self, standing: Standing, now: Duration) -> Vec<Effect> {
        let was = self.standing;
        self.standing = was.max(standing);
        match &mut self.state {
            State::Ready { becoming_live, .. } if was == Standing::Follows => {
                *becoming_live = Some(Advance::begins(now));
                vec![Effect::GoLive, Effect::Arm(Timer::Live, LIVE_WITHIN)]
            }
            // Until now it was the last attempt.
            State::Failed if standing == Standing::Placed && was < Standing::Placed => self.begin(true),
            State::Failed if standing == Standing::GoesLive => {
                self.failed_for.clone().map(|failure| Effect::BecameLive(Err(failure))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether its backend acts outside, and has something to write at its end.
    fn is_live(&self) -> bool {
        let is_told = self.standing > Standing::Follows;
        is_told && matches!(self.state, State::Ready { becoming_live: None, .. })
    }

    fn prepare(&mut self, now: Duration, within: Duration) -> Vec<Effect> {
        match self.state {
            State::Stopped | State::Backoff | State::Waiting | State::Failed => {
                self.is_launch = false;
                let effects = self.begin_within(within);
                self.is_ahead = true;
                effects
            }
            State::Prepared { since } if is_stale(since, now) => {
                let mut effects = vec![Effect::Discard];
                self.is_launch = false;
                effects.extend(self.begin_within(within));
                self.is_ahead = true;
                effects
            }
            // It will be told.
            State::Preparing if self.is_ahead => Vec::new(),
            // It is prepared, or further.
            _ => vec![Effect::PreparedAhead(Ok(()))],
        }
    }

    /// A person, or the launch of the app, wants it to run.
    fn start(&mut self, now: Duration) -> Vec<Effect> {
        match &mut self.state {
            State::Stopped | State::Backoff | State::Waiting | State::Failed => self.begin(true),
            State::Preparing => {
                self.is_launch = true;
                if std::mem::take(&mut self.is_ahead) {
                    vec![Effect::PreparedAhead(Ok(()))]
                } else {
                    Vec::new()
                }
            }
            State::Prepared { since } => {
                // What has been given to it is not given again; it reads everything again in any case.
                if is_stale(*since, now) && !self.has_listeners {
                    let mut effects = vec![Effect::Discard];
                    effects.extend(self.begin(true));
                    return effects;
                }
                self.is_ahead = false;
                self.is_launch = true;
                self.get_ports(now)
            }
            State::Stopping(next) => {
                if *next != Next::End {
                    *next = Next::Start { is_launch: true };
                }
                Vec::new()
            }
            State::TakingOver
            | State::Starting(_)
            | State::Ready { .. }
            | State::StandingDown
            | State::StoodDown { .. }
            | State::Ended => Vec::new(),
        }
    }

    /// Serves on listening sockets that its sidecar was given.
    fn start_with_listeners(&mut self, now: Duration) -> Vec<Effect> {
        match self.state {
            State::Preparing | State::Prepared { .. } => {
                self.has_listeners = true;
                self.start(now)
            }
            // The sidecar that had them is gone. Another one would find the backend that keeps them in its way.
            State::Stopped | State::Backoff | State::Waiting | State::Failed => {
                let status = "it ended before it could serve".to_owned();
                self.fail(Failure::Exited { status, log: Vec::new() }, now)
            }
            _ => Vec::new(),
        }
    }

    /// What a prepared sidecar needs before it goes on.
    fn get_ports(&mut self, now: Duration) -> Vec<Effect> {
        if !self.has_listeners {
            self.state = State::TakingOver;
            return vec![Effect::TakeOver];
        }
        self.state = State::Starting(Advance::begins(now));
        vec![Effect::GoOnWithListeners, Effect::Arm(Timer::Ready, READY_WITHIN)]
    }

    /// Lets go of ports and state for another app.
    fn stand_down(&mut self) -> Vec<Effect> {
        let resumes = !matches!(self.state, State::Stopped | State::Failed | State::Ended);
        match &mut self.state {
            State::Ready { .. } => {
                self.state = State::StandingDown;
                vec![Effect::StandDown, Effect::Arm(Timer::StandDown, STAND_DOWN_WITHIN)]
            }
            State::Starting(_) => self.stopping(Next::StandDown { served: false, resumes }),
            State::Stopping(next) => {
                if *next != Next::End {
                    let resumes = *next != Next::Stay;
                    *next = Next::StandDown { served: false, resumes };
                }
                Vec::new()
            }
            State::Preparing
            | State::Prepared { .. }
            | State::TakingOver
            | State::Backoff
            | State::Waiting => {
                self.generation += 1; // What is under way is over.
                self.is_ahead = false;
                let mut effects = vec![Effect::Discard];
                effects.extend(self.stand_by(false, false));
                effects.push(Effect::StoodDown(Stood::IDLE));
                effects
            }
            // It will be told.
            State::StandingDown => Vec::new(),
            State::Stopped | State::Failed | State::Ended | State::StoodDown { .. } => {
                vec![Effect::StoodDown(Stood::IDLE)]
            }
        }
    }

    /// Lets go of listening sockets that nobody takes.
    fn let_go(&mut self) -> Vec<Effect> {
        match self.state {
            State::StoodDown { has_sidecar: true, keeps_ports: true } => {
                vec![Effect::CloseListeners, Effect::Arm(Timer::LetGo, STAND_DOWN_WITHIN)]
            }
            // It will be told.
            State::Stopping(Next::StandDown { .. }) => Vec::new(),
            _ => vec![Effect::StoodDown(Stood { served: true, keeps_ports: false })],
        }
    }

    /// Serves again, if it stood down. It is the same step as the first time.
    fn serve(&mut self, now: Duration) -> Vec<Effect> {
        match &mut self.state {
            State::StoodDown { has_sidecar: true, keeps_ports } => {
                self.has_listeners = *keeps_ports;
                self.prepared_again = 0;
                self.is_launch = false;
                self.get_ports(now)
            }
            State::StoodDown { has_sidecar: false, .. } => self.begin(false),
            State::Stopping(next @ Next::StandDown { .. }) => {
                *next = Next::Start { is_launch: false };
                Vec::new()
            }
            // One that is still letting go is ended, and restarted.
            State::StandingDown => {
                let mut effects = self.stopping(Next::Start { is_launch: false });
                effects.push(Effect::Kill);
                effects
            }
            _ => Vec::new(),
        }
    }

    /// The sidecar has let go of everything but its listening sockets at most, and served before.
    fn stood_down(&mut self, has_sidecar: bool, keeps_ports: bool) -> Vec<Effect> {
        let mut effects = self.stand_by(has_sidecar, keeps_ports);
        effects.push(Effect::StoodDown(Stood { served: true, keeps_ports }));
        effects
    }

    fn stand_by(&mut self, has_sidecar: bool, keeps_ports: bool) -> Vec<Effect> {
        self.state = State::StoodDown { has_sidecar, keeps_ports };
        let (role, generation) = (self.role, self.generation);
        vec![Effect::Publish(Event::BackendStoodDown { role, generation })]
    }

    fn forget_failures(&mut self) {
        self.failures.clear();
        self.rare = 0;
    }

    fn restart(&mut self, now: Duration) -> Vec<Effect> {
        self.forget_failures();
        match self.state {
            State::Starting(_) | State::Ready { .. } => self.stopping(Next::Start { is_launch: true }),
            State::TakingOver => {
                let mut effects = vec![Effect::Discard];
                effects.extend(self.begin(true));
                effects
            }
            _ => self.start(now),
        }
    }

    fn stop(&mut self, then: Next) -> Vec<Effect> {
        match &mut self.state {
            State::Starting(_)
            | State::Ready { .. }
            | State::StandingDown
            | State::StoodDown { has_sidecar: true, .. } => self.stopping(then),
            State::Stopping(next) => {
                // The part that ends the app waits for that end.
                if *next != Next::End {
                    *next = then;
                }
                Vec::new()
            }
            State::Stopped if then == Next::Stay => Vec::new(),
            State::Preparing | State::Prepared { .. } | State::TakingOver => {
                self.generation += 1; // What is under way is over.
                let mut effects = vec![Effect::Discard];
                if std::mem::take(&mut self.is_ahead) {
                    // The caller no longer waits for it.
                    effects.push(Effect::PreparedAhead(Ok(())));
                }
                effects.extend(self.stopped(then, "not running".to_owned()));
                effects
            }
            State::Stopped
            | State::Backoff
            | State::Waiting
            | State::Failed
            | State::StoodDown { has_sidecar: false, .. } => {
                self.generation += 1;
                self.stopped(then, "not running".to_owned())
            }
            State::Ended => Vec::new(),
        }
    }

    /// A new attempt.
    fn begin(&mut self, is_launch: bool) -> Vec<Effect> {
        self.is_launch = is_launch;
        self.begin_within(PREPARED_WITHIN)
    }

    fn begin_within(&mut self, within: Duration) -> Vec<Effect> {
        self.generation += 1;
        self.is_ahead = false;
        self.prepared_within = within;
        self.has_listeners = false;
        self.prepared_again = 0;
        self.state = State::Preparing;
        vec![Effect::Prepare, Effect::Arm(Timer::Prepared, within)]
    }

    fn stopping(&mut self, next: Next) -> Vec<Effect> {
        let is_live = self.is_live();
        self.state = State::Stopping(next);
        let (role, generation) = (self.role, self.generation);
        let mut effects = vec![Effect::AskToStop, Effect::Arm(Timer::Stop, STOP_WITHIN)];
        // What only finds out whether it could start is nothing that the window shows.
        if !self.is_ahead {
            effects.insert(0, Effect::Publish(Event::BackendStopping { role, generation }));
        }
        // What is not live writes nothing at its end: one that hangs must not keep the other app from the ports.
        if self.standing < Standing::Placed && !is_live {
            effects.push(Effect::Kill);
        }
        effects
    }

    fn stopped(&mut self, then: Next, status: String) -> Vec<Effect> {
        let exited =
            Effect::Publish(Event::BackendExited { role: self.role, generation: self.generation, status });
        if then == Next::End {
            self.state = State::Ended;
            vec![exited, Effect::End]
        } else {
            self.state = State::Stopped;
            vec![exited]
        }
    }

    fn answer(&mut self, answer: Answer, now: Duration) -> Vec<Effect> {
        match (&mut self.state, answer) {
            (State::Preparing, Answer::Line(line)) => self.prepared(line, now),
            (State::Preparing, Answer::Elapsed(Timer::Prepared)) => {
                // It has touched nothing, and may not read what is asked of it.
                let mut effects = self.stopping(Next::Fail(not_ready(self.prepared_within)));
                effects.retain(|effect| *effect != Effect::AskToStop);
                effects.push(Effect::Kill);
                effects
            }
            // It will be prepared again.
            (State::Prepared { .. }, Answer::Exited { .. }) => {
                self.is_ahead = false;
                self.state = State::Stopped;
                Vec::new()
            }
            // So it will: nobody is asked for its ports by one that breaks the protocol.
            (State::Prepared { .. }, Answer::Line(Ok(Line::Ready(_)) | Err(_))) => {
                self.is_ahead = false;
                self.state = State::Stopped;
                vec![Effect::Discard]
            }
            (State::TakingOver, Answer::Line(line @ (Ok(Line::Ready(_)) | Err(_)))) => self.line(line, now),
            (State::TakingOver, Answer::TakenOver) => {
                self.state = State::Starting(Advance::begins(now));
                vec![Effect::GoOn, Effect::Arm(Timer::Ready, READY_WITHIN)]
            }
            (State::TakingOver, Answer::NotTakenOver(failure)) => {
                self.discard_and(|it| it.fail(failure, now))
            }
            (State::Preparing, Answer::NotTakenOver(failure) | Answer::NotSpawned(failure))
            | (State::Starting(_), Answer::NotSpawned(failure)) => self.fail(failure, now),
            // Without the place it is the app that runs that goes on.
            (State::TakingOver, Answer::Blocked(failure)) if self.standing < Standing::Placed => {
                self.discard_and(|it| it.fail(failure, now))
            }
            // No failure of a backend: nobody has to do anything here, and it is not counted.
            (State::TakingOver, Answer::Blocked(failure)) => {
                self.state = State::Waiting;
                let mut effects = vec![Effect::Discard];
                effects.extend(self.waits_for(failure));
                effects.push(Effect::Watch);
                effects
            }
            (State::Waiting, Answer::Blocked(failure)) => self.waits_for(failure),
            (State::Waiting, Answer::CanStart) => self.begin(false),
            (State::Stopping(next), Answer::NotSpawned(_)) => {
                let next = next.clone();
                self.after_exit(next, "not started".to_owned(), Vec::new(), now)
            }
            (State::Starting(advance), Answer::Line(Ok(Line::SignOfLife(sign)))) => {
                if advance.hears(sign, now) { vec![Effect::Advances] } else { Vec::new() }
            }
            (State::Starting(_), Answer::Line(line)) => self.line(line, now),
            // It does not become live after all. What else it says by now is of no interest.
            (State::Ready { .. }, Answer::Line(line @ Ok(Line::StartupError(_)))) => self.line(line, now),
            (State::Starting(_), Answer::Confirmed { backend, ports }) => {
                self.has_listeners = false;
                let is_told = self.standing > Standing::Follows;
                let becoming_live = is_told.then(|| Advance::begins(now));
                self.state = State::Ready { since: now, heard: now, missed: 0, becoming_live };
                let (role, generation) = (self.role, self.generation);
                let ready = Effect::Publish(Event::BackendReady { role, generation, backend, ports });
                let mut effects = vec![ready, Effect::Arm(Timer::Health, HEALTH_EVERY)];
                if is_told {
                    effects.insert(0, Effect::GoLive);
                    effects.push(Effect::Arm(Timer::Live, LIVE_WITHIN));
                }
                effects
            }
            (State::Ready { becoming_live, .. }, Answer::Line(Ok(Line::Live))) => {
                *becoming_live = None;
                let is_awaited = self.standing == Standing::GoesLive;
                if is_awaited { vec![Effect::BecameLive(Ok(()))] } else { Vec::new() }
            }
            (State::Ready { becoming_live: Some(advance), .. }, Answer::Line(Ok(Line::SignOfLife(sign)))) => {
                if advance.hears(sign, now) {
                    vec![Effect::Advances]
                } else {
                    Vec::new()
                }
            }
            (State::Ready { becoming_live: Some(advance), .. }, Answer::Elapsed(Timer::Live)) => {
                if let Some(left) = advance.left_of(LIVE_WITHIN, now) {
                    return vec![Effect::Arm(Timer::Live, left)];
                }
                // It answers nobody, and the caller has waited long enough.
                let mut effects = self.stopping(Next::Fail(not_ready(LIVE_WITHIN)));
                effects.push(Effect::Kill);
                effects
            }
            (State::Starting(_), Answer::NotConfirmed(failure)) => self.stopping(Next::Fail(failure)),
            (State::Starting(advance), Answer::Elapsed(Timer::Ready)) => {
                if let Some(left) = advance.left_of(READY_WITHIN, now) {
                    return vec![Effect::Arm(Timer::Ready, left)];
                }
                self.stopping(Next::Fail(not_ready(READY_WITHIN)))
            }
            (State::Starting(_) | State::Ready { .. }, Answer::Exited { status, log }) => {
                self.fail(Failure::Exited { status, log }, now)
            }
            (State::Preparing, Answer::Exited { status, log }) => {
                self.fail(Failure::Exited { status, log }, now)
            }
            // With the place another one is started, which takes all steps at once. Without it none may be live.
            (State::TakingOver, Answer::Exited { status, log }) if self.standing < Standing::Placed => {
                self.fail(Failure::Exited { status, log }, now)
            }
            // From call to call: one that is not answered does not put off the next.
            (State::Ready { .. }, Answer::Elapsed(Timer::Health)) => {
                vec![Effect::CheckHealth, Effect::Arm(Timer::Health, HEALTH_EVERY)]
            }
            (State::Ready { since, heard, missed, .. }, Answer::Healthy(true)) => {
                *missed = 0;
                *heard = now;
                if now.saturating_sub(*since) >= HEALTHY_AGAIN {
                    self.forget_failures();
                }
                Vec::new()
            }
            (State::Ready { heard, missed, .. }, Answer::Healthy(false)) => {
                *missed += 1;
                if *missed < HEALTH_MISSES {
                    return Vec::new();
                }
                let (heard, missed) = (*heard, *missed);
                // Noticing takes longer than a crash does. Were that time counted, a backend that never answers
                // would be started for ever.
                for failure in &mut self.failures {
                    *failure += now.saturating_sub(heard);
                }
                self.stopping(Next::Fail(Failure::Unhealthy { missed, log: Vec::new() }))
            }
            (State::StandingDown, Answer::Line(Ok(Line::StoodDown))) => vec![Effect::PassListeners],
            (State::StandingDown, Answer::Line(Ok(Line::ListenersPassed))) => self.stood_down(true, true),
            // It cannot pass them.
            (State::StandingDown, Answer::Line(Ok(Line::ListenersClosed))) => self.stood_down(true, false),
            (State::StoodDown { keeps_ports, .. }, Answer::Line(Ok(Line::ListenersClosed))) => {
                *keeps_ports = false;
                vec![Effect::StoodDown(Stood { served: true, keeps_ports: false })]
            }
            (State::StoodDown { keeps_ports: true, .. }, Answer::Elapsed(Timer::LetGo)) => {
                let mut effects = self.stopping(Next::StandDown { served: true, resumes: true });
                effects.push(Effect::Kill);
                effects
            }
            // It was told while it went live, and refused.
            (State::StandingDown, Answer::Line(Ok(Line::Live))) => vec![Effect::StandDown],
            (State::StandingDown, Answer::Line(Ok(Line::SignOfLife(_) | Line::Refused(_)))) => Vec::new(),
            // Its end lets go of everything, too.
            (State::StandingDown, Answer::Line(_) | Answer::Elapsed(Timer::StandDown)) => {
                let mut effects = self.stopping(Next::StandDown { served: true, resumes: true });
                effects.push(Effect::Kill);
                effects
            }
            (State::StandingDown, Answer::Exited { .. }) => self.stood_down(false, false),
            (State::StoodDown { has_sidecar, keeps_ports }, Answer::Exited { .. }) => {
                *has_sidecar = false;
                if !std::mem::take(keeps_ports) {
                    return Vec::new();
                }
                // The host that waits for its ports has them, too.
                vec![Effect::StoodDown(Stood { served: true, keeps_ports: false })]
            }
            (State::Stopping(_), Answer::Elapsed(Timer::Stop)) => vec![Effect::Kill],
            (State::Stopping(next), Answer::Exited { status, log }) => {
                let next = next.clone();
                self.after_exit(next, status, log, now)
            }
            (State::Backoff | State::Failed, Answer::Elapsed(Timer::Backoff)) => self.begin(false),
            // An answer that came when it was no longer waited for.
            _ => Vec::new(),
        }
    }

    /// What it says while it prepares itself.
    fn prepared(&mut self, line: Result<Line, BrokenLine>, now: Duration) -> Vec<Effect> {
        let Ok(Line::Prepared(prepared)) = line else { return self.line(line, now) };
        if let Err(failure) = self.expected(prepared.role, prepared.version) {
            return self.stopping(Next::Fail(failure));
        }
        if self.is_ahead {
            self.state = State::Prepared { since: now };
            return vec![Effect::PreparedAhead(Ok(()))];
        }
        self.get_ports(now)
    }

    /// What it says after it was told to go on, or in place of being prepared.
    fn line(&mut self, line: Result<Line, BrokenLine>, now: Duration) -> Vec<Effect> {
        let failure = match line {
            // Its configuration has changed since: the ports may be others, and are looked at again.
            Ok(Line::Prepared(_)) if self.prepared_again < PREPARED_AGAIN => {
                self.prepared_again += 1;
                return self.get_ports(now);
            }
            Ok(Line::Ready(ready)) => match self.expected(ready.role, ready.version.clone()) {
                Ok(()) if matches!(self.state, State::Starting(_)) => {
                    return vec![Effect::Confirm(ready)];
                }
                Ok(()) => broken("it is ready before it was told to go on".to_owned()),
                Err(failure) => failure,
            },
            Ok(Line::StartupError(error)) => {
                Failure::StartupError { code: error.code, message: error.message, port: error.port }
            }
            Ok(other) => broken(format!("it says what nobody has asked for: {other:?}")),
            Err(line) => broken(line.to_string()),
        };
        self.stopping(Next::Fail(failure))
    }

    /// Whether a sidecar is what was started.
    fn expected(&self, role: Role, version: String) -> Result<(), Failure> {
        if role != self.role {
            return Err(broken(format!("it is the {role}, not the {}", self.role)));
        }
        if version != self.version {
            return Err(Failure::WrongVersion { backend: version });
        }
        Ok(())
    }

    fn discard_and(&mut self, then: impl FnOnce(&mut Self) -> Vec<Effect>) -> Vec<Effect> {
        let mut effects = vec![Effect::Discard];
        effects.extend(then(self));
        effects
    }

    fn after_exit(&mut self, next: Next, status: String, log: Vec<String>, now: Duration) -> Vec<Effect> {
        if let Next::Fail(failure) = next {
            return self.fail(with_log(failure, log), now);
        }
        if let Next::StandDown { served, resumes } = next {
            let mut effects =
                if resumes { self.stand_by(false, false) } else { self.stopped(Next::Stay, status) };
            effects.push(Effect::StoodDown(Stood { served, keeps_ports: false }));
            return effects;
        }
        let mut effects = Vec::new();
        if std::mem::take(&mut self.is_ahead) {
            // The caller no longer waits for it.
            effects.push(Effect::PreparedAhead(Ok(())));
        }
        effects.extend(match next {
            Next::Start { is_launch } => self.begin(is_launch),
            next => self.stopped(next, status),
        });
        effects
    }

    fn fail(&mut self, failure: Failure, now: Duration) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        if std::mem::take(&mut self.is_ahead) {
            self.state = State::Stopped;
            return vec![Effect::PreparedAhead(Err(failure))];
        }
        self.failures.retain(|&at| now.saturating_sub(at) < BUDGET_WINDOW);
        self.failures.push(now);
        // Without the place it is the app that runs that goes on.
        if self.standing < Standing::Placed || waits_for_person(&failure) {
            self.state = State::Failed;
            self.failed_for = Some(failure.clone());
            let mut effects = Vec::new();
            if self.standing == Standing::GoesLive {
                effects.push(Effect::BecameLive(Err(failure.clone())));
            }
            effects.push(Effect::Publish(Event::BackendFailed { role, generation, failure, retry_ms: None }));
            return effects;
        }
        if self.rare > 0 || is_lasting(&failure) || self.failures.len() >= BUDGET {
            return self.retry_rarely(failure);
        }
        self.back_off(failure, u32::try_from(self.failures.len()).unwrap_or(u32::MAX))
    }

    fn retry_rarely(&mut self, failure: Failure) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        self.state = State::Failed;
        let wait = RETRY_FIRST.saturating_mul(1 << self.rare.min(16)).min(RETRY_LONGEST);
        self.rare = self.rare.saturating_add(1);
        let retry_ms = u32::try_from(wait.as_millis()).ok();
        vec![
            Effect::Publish(Event::BackendFailed { role, generation, failure, retry_ms }),
            Effect::Arm(Timer::Backoff, wait),
        ]
    }

    fn waits_for(&self, failure: Failure) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        vec![Effect::Publish(Event::BackendWaiting { role, generation, failure })]
    }

    fn back_off(&mut self, failure: Failure, attempt: u32) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        self.state = State::Backoff;
        let wait = BACKOFF_FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(BACKOFF_LONGEST);
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        vec![
            Effect::Publish(Event::BackendBackoff { role, generation, failure, wait_ms, attempt }),
            Effect::Arm(Timer::Backoff, wait),
        ]
    }
}

fn is_stale(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= PREPARED_FOR
}

fn not_ready(within: Duration) -> Failure {
    Failure::NotReady { seconds: u32::try_from(within.as_secs()).unwrap_or(u32::MAX), log: Vec::new() }
}

fn broken(message: String) -> Failure {
    Failure::BrokenProtocol { message, log: Vec::new() }
}

/// Whether a person decides what is done: no attempt follows by itself.
fn waits_for_person(failure: &Failure) -> bool {
    matches!(failure, Failure::Config { .. } | Failure::V3Busy { .. })
}

/// Whether the next attempts hardly come out otherwise, unless something is put right on this machine.
fn is_lasting(failure: &Failure) -> bool {
    match failure {
        Failure::SpawnFailed { .. } | Failure::WrongVersion { .. } => true,
        Failure::StartupError { code, .. } => matches!(
            code,
            StartupErrorCode::ConfigInvalid
                | StartupErrorCode::ConfigUnwritable
                | StartupErrorCode::ExposureRefused
                | StartupErrorCode::StateTooNew
        ),
        _ => false,
    }
}

fn with_log(failure: Failure, log: Vec<String>) -> Failure {
    match failure {
        Failure::BrokenProtocol { message, .. } => Failure::BrokenProtocol { message, log },
        Failure::NotReady { seconds, .. } => Failure::NotReady { seconds, log },
        Failure::Unhealthy { missed, .. } => Failure::Unhealthy { missed, log },
        other => other,
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
