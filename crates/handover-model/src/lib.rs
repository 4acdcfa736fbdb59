//! What is around the decisions: hosts, their backends, two locks, one connection, a person, and what goes wrong.
//!
//! Of ports it knows who has listening sockets: which way these go (passed on, or let go and taken over) changes no decision of
//! either host, but a stranger can take a port that nobody has. What is passed comes with *stood down* and is given to a backend
//! that is prepared; a role whose sockets cannot be used says so before *going on*, and *stood down* is said once more. Two
//! backends that have the same sockets are told apart by the state: one that has stood down serves nobody.

use handover::{Incumbent, IncumbentEffect, IncumbentInput, Successor, SuccessorEffect, SuccessorInput};

mod explored;
mod steps;
mod trace;

pub use trace::{Refusal, Step};

/// What is wrong with the version of the successors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Broken {
    /// Nothing.
    #[default]
    Not,
    /// The host's backend cannot be prepared.
    CannotPrepare,
    /// The host's backend ends when it has been told to go on.
    FailsGoingOn,
    /// The host's backend hangs when it has been told to go on.
    HangsGoingOn,
    /// The host's backend ends when it has been told that it is live.
    FailsGoingLive,
    /// The host's backend hangs when it has been told that it is live.
    HangsGoingLive,
}

/// A handover to be tried in every order. The first host runs, the others are started some time.
#[derive(Debug, Clone)]
pub struct Handover {
    /// How many hosts there are, the first one included.
    pub hosts: usize,
    /// What is wrong with the version of the others.
    pub broken: Broken,
    /// Of processes that are killed or hang.
    pub faults: u8,
    /// Of a person.
    pub quits: u8,
    /// Whether listening sockets are passed on; else they are let go, and claimed again.
    pub passes: bool,
    /// Whether the version of the others brings the state to a form that the first one cannot read.
    pub migrates: bool,
}

impl Default for Handover {
    fn default() -> Self {
        Self { hosts: 2, broken: Broken::Not, faults: 1, quits: 0, passes: true, migrates: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Process {
    NotStarted,
    Runs,
    Hangs,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    /// Another host is on its way.
    Waiting,
    Successor(Successor),
    Incumbent(Incumbent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Effect {
    Incumbent(IncumbentEffect),
    Successor(SuccessorEffect),
}

/// How far a backend is. Its process is the same for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    None,
    Preparing,
    /// Also one that has stood down: it holds nothing and remembers nothing.
    Prepared,
    GoingOn,
    Ready,
    GoingLive,
    Live,
    StandingDown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Backend {
    stage: Stage,
    hangs: bool,
    /// How many events it found in the state when it opened it.
    read: u8,
    /// Whether it has its listening sockets.
    has_ports: bool,
}

impl Backend {
    const NONE: Self = Self { stage: Stage::None, hangs: false, read: 0, has_ports: false };
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Host {
    process: Process,
    side: Side,
    /// What it has decided and not done yet: it can end between any two of these.
    todo: Vec<Effect>,
    /// What it hears of itself: answers of the system and of its backends.
    heard: Vec<Heard>,
    waits: bool,
    backend: Backend,
    is_told: bool,
    /// Whether another backend could serve when it decided to end its own: what is lost after that it cannot know.
    was_replaceable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Heard {
    Incumbent(IncumbentInput),
    Successor(SuccessorInput),
}

/// The connection of a successor to the incumbent. An end that is gone is heard after what it has said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Connection {
    incumbent: usize,
    successor: usize,
    to_incumbent: Vec<IncumbentInput>,
    to_successor: Vec<SuccessorInput>,
    has_left: [bool; 2],
}

/// A moment of a handover.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    hosts: Vec<Host>,
    place: Option<usize>,
    next: Option<usize>,
    /// The state is locked by the backend of this host.
    state: Option<usize>,
    events: u8,
    connection: Option<Connection>,
    faults: u8,
    quits: u8,
    is_quit: bool,
    /// The state has a form that the first host's version cannot read.
    is_migrated: bool,
    /// A stranger listens on a port.
    is_snatched: bool,
    /// A backend wrote over events that it had not read.
    is_rolled_back: bool,
    /// A working backend was ended although no other one served.
    is_given_up: bool,
    /// A host ended by itself without having heard that another has the place.
    has_left: bool,
    /// A fault took the host that had the place for good.
    is_holder_lost: bool,
    /// A fault took the backend of the first host. Its program is not there any more to be restarted.
    is_old_lost: bool,
}

/// What can happen next; the number is that of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A person starts a host.
    Start(usize),
    /// A host that waits becomes the next one.
    Follow(usize),
    /// A host does the next thing that it has decided.
    Do(usize),
    /// A host hears of itself: an answer of the system, or of its backend.
    Hear(usize),
    /// A host hears what the other one said.
    HearOther(usize),
    /// What a host waits for has not come in time.
    TimeOut(usize),
    /// The time of a host is over although what it waits for would still come.
    LoseTime(usize),
    /// A host finds the place free that it watches.
    WatchedPlace(usize),
    /// A backend comes to its next step.
    Backend(usize),
    /// A backend whose host is gone comes to its end.
    Orphan(usize),
    /// Supervision: a host that runs restarts its backend.
    Restart(usize),
    /// A person ends TaskPaw in a host.
    Quit(usize),
    /// A host is killed.
    Kill(usize),
    /// A host hangs from now on.
    Hang(usize),
    /// A backend is killed.
    KillBackend(usize),
    /// A backend hangs from now on.
    HangBackend(usize),
    /// A stranger takes a port that nobody has.
    Snatch,
}

impl World {
    fn serves(&self, host: usize) -> bool {
        let backend = &self.hosts[host].backend;
        backend.stage >= Stage::Ready && backend.stage <= Stage::Live && !backend.hangs
    }

    /// What the other end of its connection says to a host next, or that it is gone.
    fn said_to(&self, at: usize) -> Option<Heard> {
        let connection = self.connection.as_ref()?;
        if connection.incumbent == at {
            let said = connection.to_incumbent.first().copied();
            Some(Heard::Incumbent(said.unwrap_or(IncumbentInput::Disconnected)))
        } else {
            let said = connection.to_successor.first().copied();
            Some(Heard::Successor(said.unwrap_or(SuccessorInput::Disconnected)))
        }
    }

    /// What a host hears whose time is over.
    fn time_is_over(&self, at: usize) -> Heard {
        match self.hosts[at].side {
            Side::Incumbent(_) => Heard::Incumbent(IncumbentInput::TimedOut),
            Side::Successor(_) | Side::Waiting => {
                // Of the incumbent; who that is says the connection.
                let incumbent = self.connection.as_ref().map(|connection| connection.incumbent);
                let is_served = incumbent.is_some_and(|incumbent| self.serves(incumbent));
                Heard::Successor(SuccessorInput::TimedOut { is_served })
            }
        }
    }

    /// What a host hears whose person ends it.
    fn quit_is_wanted(&self, at: usize) -> Heard {
        match self.hosts[at].side {
            Side::Incumbent(_) => Heard::Incumbent(IncumbentInput::Quit),
            Side::Successor(_) | Side::Waiting => Heard::Successor(SuccessorInput::Quit),
        }
    }

    fn somebody_serves(&self) -> bool {
        (0..self.hosts.len()).any(|host| self.serves(host))
    }

    fn is_alive(&self, host: usize) -> bool {
        matches!(self.hosts[host].process, Process::Runs | Process::Hangs)
    }

    /// Whether it has the place, and no other host waits to serve again.
    fn has_settled(&self, host: usize) -> bool {
        let is_settled = match self.hosts[host].side {
            Side::Incumbent(side) => side == Incumbent::Serving,
            Side::Successor(side) => matches!(side, Successor::Taking(_) | Successor::Running),
            Side::Waiting => false,
        };
        is_settled && self.place == Some(host)
    }

    /// A host's backend is gone, and what it held is free.
    fn backend_ends(&mut self, host: usize) {
        self.hosts[host].backend = Backend::NONE;
        if self.state == Some(host) {
            self.state = None;
        }
    }

    /// A host is gone: what the system knows of it is free at once. A backend that is not live ends with it, one that is
    /// live a little later.
    fn host_ends(&mut self, host: usize) {
        self.hosts[host].process = Process::Gone;
        self.hosts[host].todo.clear();
        self.hosts[host].heard.clear();
        self.hosts[host].waits = false;
        for lock in [&mut self.place, &mut self.next] {
            if *lock == Some(host) {
                *lock = None;
            }
        }
        self.leave(host);
        // One that hangs hears nothing of it.
        let backend = self.hosts[host].backend;
        if backend.stage != Stage::Live && !backend.hangs {
            self.backend_ends(host);
        }
    }

    /// This end of the connection is closed.
    fn leave(&mut self, host: usize) {
        if let Some(connection) = &mut self.connection {
            if connection.incumbent == host {
                connection.has_left[0] = true;
            } else if connection.successor == host {
                connection.has_left[1] = true;
            }
            if connection.has_left == [true, true] {
                self.connection = None;
            }
        }
    }

    fn say_to_successor(&mut self, host: usize, input: SuccessorInput) {
        if let Some(connection) = self.connection.as_mut().filter(|connection| connection.incumbent == host) {
            connection.to_successor.push(input);
        }
    }

    fn say_to_incumbent(&mut self, host: usize, input: IncumbentInput) {
        if let Some(connection) = self.connection.as_mut().filter(|connection| connection.successor == host) {
            connection.to_incumbent.push(input);
        }
    }

    fn take_place(&mut self, host: usize) -> bool {
        if self.place.is_none() {
            self.place = Some(host);
        }
        self.place == Some(host)
    }

    fn hear(&mut self, host: usize, heard: Heard) {
        match (self.hosts[host].side, heard) {
            (Side::Incumbent(side), Heard::Incumbent(input)) => {
                let (after, effects) = side.handle(input);
                let is_told = matches!(
                    input,
                    IncumbentInput::Taken | IncumbentInput::PlaceTaken(false) | IncumbentInput::Quit
                );
                let ends = after == Incumbent::Ended && side != Incumbent::Ended;
                self.has_left |= ends && !is_told && side != Incumbent::Quitting;
                self.hosts[host].side = Side::Incumbent(after);
                self.hosts[host].todo.extend(effects.into_iter().map(Effect::Incumbent));
            }
            (Side::Successor(side), Heard::Successor(input)) => {
                let (side, effects) = side.handle(input);
                if effects.contains(&SuccessorEffect::EndBackends) {
                    self.hosts[host].was_replaceable = self.is_replaceable(host);
                }
                self.hosts[host].side = Side::Successor(side);
                self.hosts[host].todo.extend(effects.into_iter().map(Effect::Successor));
            }
            // What a host was told in an earlier part of its life.
            _ => {}
        }
        self.settle(host);
    }

    fn perform(&mut self, host: usize, effect: Effect, passes: bool) {
        match effect {
            Effect::Incumbent(effect) => self.perform_incumbent(host, effect, passes),
            Effect::Successor(effect) => self.perform_successor(host, effect),
        }
        self.settle(host);
    }

    /// A host that runs and has done what it decided is an incumbent from now on, and not on the way any more.
    fn settle(&mut self, host: usize) {
        let done = &mut self.hosts[host];
        if done.side == Side::Successor(Successor::Running) && done.todo.is_empty() {
            done.side = Side::Incumbent(Incumbent::Serving);
            done.waits = false;
            if self.next == Some(host) {
                self.next = None;
            }
            self.leave(host);
        }
    }

    fn perform_incumbent(&mut self, host: usize, effect: IncumbentEffect, passes: bool) {
        use IncumbentEffect as Do;

        match effect {
            Do::StandDown => match self.hosts[host].backend.stage {
                Stage::Ready | Stage::GoingLive | Stage::Live => {
                    self.hosts[host].backend.stage = Stage::StandingDown;
                }
                // A role that does not serve takes no part, and must not begin to.
                stage => {
                    if stage == Stage::GoingOn {
                        self.hosts[host].backend.stage = Stage::Prepared;
                    }
                    self.hosts[host].heard.push(Heard::Incumbent(IncumbentInput::BackendsStoodDown));
                }
            },
            Do::SayStoodDown => {
                if passes && self.hosts[host].backend.has_ports {
                    self.pass_ports(host);
                }
                self.say_to_successor(host, SuccessorInput::StoodDown);
            }
            Do::SayRefused => self.say_to_successor(host, SuccessorInput::Refused),
            Do::ReleasePlace => {
                if self.place == Some(host) {
                    self.place = None;
                }
            }
            Do::SayYours => self.say_to_successor(host, SuccessorInput::Yours),
            Do::SayTooLate => self.say_to_successor(host, SuccessorInput::TooLate),
            Do::SayQuit => self.say_to_successor(host, SuccessorInput::Quit),
            Do::Disconnect => self.leave(host),
            Do::TakePlace => {
                let taken = self.take_place(host);
                self.hosts[host].heard.push(Heard::Incumbent(IncumbentInput::PlaceTaken(taken)));
            }
            Do::EndSuccessorBackends => {
                // Those that it can name, or that hold the state: the takeover proves who they are.
                for other in (0..self.hosts.len()).filter(|&other| other != host) {
                    if self.hosts[other].backend.stage > Stage::Prepared {
                        self.end_backend(other);
                    }
                }
                self.hosts[host].heard.push(Heard::Incumbent(IncumbentInput::SuccessorBackendsGone));
            }
            Do::Serve => {
                let backend = &mut self.hosts[host].backend;
                match backend.stage {
                    Stage::Prepared => backend.stage = Stage::GoingOn,
                    // It had not stood down yet.
                    Stage::StandingDown => backend.stage = Stage::Live,
                    _ => {}
                }
            }
            Do::EndBackends => self.end_backend(host),
            Do::Exit => self.host_ends(host),
            Do::Wait => self.hosts[host].waits = true,
        }
    }

    fn perform_successor(&mut self, host: usize, effect: SuccessorEffect) {
        use SuccessorEffect as Do;

        match effect {
            Do::Ask => {
                // Where nobody listens, the place is free soon, and it is watched.
                if let Some(incumbent) = self.place.filter(|&other| other != host) {
                    self.connection = Some(Connection {
                        incumbent,
                        successor: host,
                        to_incumbent: vec![IncumbentInput::Asked],
                        to_successor: Vec::new(),
                        has_left: [false, false],
                    });
                }
            }
            Do::SayGoingOn => {
                self.say_to_incumbent(host, IncumbentInput::GoingOn);
            }
            Do::GoOn => {
                // A launch of the host that has the place reclaims what another one has left behind.
                if let Some(other) = self.state.filter(|&other| self.place == Some(host) && other != host) {
                    self.end_backend(other);
                }
                if self.hosts[host].backend.stage == Stage::Prepared {
                    self.hosts[host].backend.stage = Stage::GoingOn;
                }
            }
            Do::SayConfirmed => self.say_to_incumbent(host, IncumbentInput::Confirmed),
            Do::SayFailed => self.say_to_incumbent(host, IncumbentInput::Failed),
            Do::TakePlace => {
                let taken = self.take_place(host);
                self.hosts[host].heard.push(Heard::Successor(SuccessorInput::PlaceTaken(taken)));
            }
            Do::SayTaken => self.say_to_incumbent(host, IncumbentInput::Taken),
            Do::SayQuit => self.say_to_incumbent(host, IncumbentInput::Quit),
            Do::MakeLive => {
                if self.hosts[host].backend.stage == Stage::Ready {
                    self.hosts[host].backend.stage = Stage::GoingLive;
                }
            }
            Do::EndBackends if self.hosts[host].was_replaceable => self.backend_ends(host),
            Do::EndBackends => self.end_backend(host),
            // The host that has the place may restart its backend.
            Do::Supervise => {}
            Do::Prepare => self.hosts[host].backend.stage = Stage::Preparing,
            Do::EndIncumbent => {
                let incumbent = self.connection.as_ref().map(|connection| connection.incumbent);
                if incumbent.is_some_and(|incumbent| self.serves(incumbent)) {
                    let slow = SuccessorInput::TimedOut { is_served: true };
                    self.hosts[host].heard.push(Heard::Successor(slow));
                    return;
                }
                if let Some(incumbent) = incumbent.filter(|&incumbent| self.is_alive(incumbent)) {
                    self.host_ends(incumbent);
                }
                self.hosts[host].heard.push(Heard::Successor(SuccessorInput::IncumbentGone));
            }
            Do::Disconnect => self.leave(host),
            Do::Tell(_) => self.hosts[host].is_told = true,
            Do::ReleasePlace => {
                if self.place == Some(host) {
                    self.place = None;
                }
            }
            Do::Exit => self.host_ends(host),
            Do::Wait => self.hosts[host].waits = true,
        }
    }

    /// A host passes what its backend listens on to that of its successor, which is prepared.
    fn pass_ports(&mut self, host: usize) {
        let successor = self.connection.as_ref().filter(|connection| connection.incumbent == host);
        if let Some(successor) = successor.map(|connection| connection.successor) {
            let backend = &mut self.hosts[successor].backend;
            backend.has_ports |= backend.stage == Stage::Prepared;
        }
    }

    /// Whether another backend serves, or is on its way back because this one came too late. An incumbent whose own has ended
    /// starts it again.
    fn is_replaceable(&self, host: usize) -> bool {
        (0..self.hosts.len()).any(|other| {
            let Host { side, backend, .. } = &self.hosts[other];
            let starts_it = match side {
                Side::Incumbent(side) => !matches!(side, Incumbent::Ended | Incumbent::Quitting),
                Side::Successor(_) | Side::Waiting => false,
            };
            other != host && self.is_alive(other) && (backend.stage >= Stage::Prepared || starts_it)
        })
    }

    /// A host ends a backend.
    fn end_backend(&mut self, host: usize) {
        // One without a host is on its way out.
        let is_live = self.hosts[host].backend.stage == Stage::Live && self.is_alive(host);
        let served = self.serves(host) && is_live;
        self.backend_ends(host);
        self.is_given_up |= served && !self.is_quit && !self.is_replaceable(host);
    }
}
