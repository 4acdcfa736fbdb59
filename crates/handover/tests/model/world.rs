//! What is around the decisions: hosts, their backends, two locks, one connection, a person, and what goes wrong.

use std::fmt::Debug;

use handover::{Incumbent, IncumbentEffect, IncumbentInput, Successor, SuccessorEffect, SuccessorInput};
use stateright::{Model, Property};

/// What is wrong with the version of the successors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Broken {
    #[default]
    Not,
    CannotPrepare,
    FailsGoingOn,
    HangsGoingOn,
}

/// A handover to be tried in every order. The first host runs, the others are started some time.
#[derive(Debug, Clone)]
pub(crate) struct Handover {
    pub(crate) hosts: usize,
    pub(crate) broken: Broken,
    /// Of processes that are killed or hang.
    pub(crate) faults: u8,
    /// Of a person.
    pub(crate) quits: u8,
}

impl Default for Handover {
    fn default() -> Self {
        Self { hosts: 2, broken: Broken::Not, faults: 1, quits: 0 }
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
    Live,
    StandingDown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Backend {
    stage: Stage,
    hangs: bool,
    /// How many events it found in the state when it opened it.
    read: u8,
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
    is_named: bool,
    has_left: [bool; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
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
    /// A backend wrote over events that it had not read.
    is_rolled_back: bool,
    /// A working backend was ended although no other one served.
    is_given_up: bool,
    /// A host ended by itself without having heard that another has the place.
    has_left: bool,
    /// A fault took the host that had the place for good.
    is_holder_lost: bool,
    /// A fault took the backend of the first host. Its program is not there any more to be started anew.
    is_old_lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Start(usize),
    /// A host that waits becomes the next one.
    Follow(usize),
    Do(usize),
    Hear(usize),
    HearOther(usize),
    TimeOut(usize),
    /// The time of a host is over although what it waits for would still come.
    LoseTime(usize),
    WatchedPlace(usize),
    Backend(usize),
    /// A backend whose host is gone comes to its end.
    Orphan(usize),
    /// Supervision: a host that runs starts its backend anew.
    Restart(usize),
    Quit(usize),
    Kill(usize),
    Hang(usize),
    KillBackend(usize),
    HangBackend(usize),
}

impl World {
    fn serves(&self, host: usize) -> bool {
        let backend = &self.hosts[host].backend;
        backend.stage >= Stage::Ready && backend.stage <= Stage::Live && !backend.hangs
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

    /// Its backend is gone, and what it held is free.
    fn backend_ends(&mut self, host: usize) {
        self.hosts[host].backend = Backend { stage: Stage::None, hangs: false, read: 0 };
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
            if self.next == Some(host) {
                self.next = None;
            }
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
                self.hosts[host].side = Side::Successor(side);
                self.hosts[host].todo.extend(effects.into_iter().map(Effect::Successor));
            }
            // What a host was told in an earlier part of its life.
            _ => {}
        }
        let host_after = &mut self.hosts[host];
        if host_after.side == Side::Successor(Successor::Running) && host_after.todo.is_empty() {
            host_after.side = Side::Incumbent(Incumbent::Serving);
        }
    }

    fn perform(&mut self, host: usize, effect: Effect) {
        match effect {
            Effect::Incumbent(effect) => self.perform_incumbent(host, effect),
            Effect::Successor(effect) => self.perform_successor(host, effect),
        }
        let done = &mut self.hosts[host];
        if done.side == Side::Successor(Successor::Running) && done.todo.is_empty() {
            // Its place is that of an incumbent from now on.
            done.side = Side::Incumbent(Incumbent::Serving);
            done.waits = false;
            self.leave(host);
        }
    }

    fn perform_incumbent(&mut self, host: usize, effect: IncumbentEffect) {
        use IncumbentEffect as Do;

        match effect {
            Do::StandDown => match self.hosts[host].backend.stage {
                Stage::Ready | Stage::Live => self.hosts[host].backend.stage = Stage::StandingDown,
                // A role that does not serve takes no part, and must not begin to.
                stage => {
                    if stage == Stage::GoingOn {
                        self.hosts[host].backend.stage = Stage::Prepared;
                    }
                    self.hosts[host].heard.push(Heard::Incumbent(IncumbentInput::BackendsStoodDown));
                }
            },
            Do::SayStoodDown => self.say_to_successor(host, SuccessorInput::StoodDown),
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
                        is_named: false,
                        has_left: [false, false],
                    });
                }
            }
            Do::SayGoingOn => {
                if let Some(connection) = &mut self.connection {
                    connection.is_named = true;
                }
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
            Do::MakeLive => {
                if self.hosts[host].backend.stage == Stage::Ready {
                    self.hosts[host].backend.stage = Stage::Live;
                }
            }
            Do::EndBackends => self.end_backend(host),
            // Whoever has the place may start its backend anew.
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

    /// Whether another backend serves, or is on its way back because this one came too late.
    fn is_replaceable(&self, host: usize) -> bool {
        (0..self.hosts.len()).any(|other| {
            other != host && self.is_alive(other) && self.hosts[other].backend.stage >= Stage::Prepared
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

impl Model for Handover {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let host = |at: usize| Host {
            process: if at == 0 { Process::Runs } else { Process::NotStarted },
            side: if at == 0 { Side::Incumbent(Incumbent::Serving) } else { Side::Waiting },
            todo: Vec::new(),
            heard: Vec::new(),
            waits: false,
            backend: Backend {
                stage: if at == 0 { Stage::Live } else { Stage::None },
                hangs: false,
                read: 0,
            },
            is_told: false,
        };
        vec![World {
            hosts: (0..self.hosts).map(host).collect(),
            place: Some(0),
            next: None,
            state: Some(0),
            events: 0,
            connection: None,
            faults: self.faults,
            quits: self.quits,
            is_quit: false,
            is_rolled_back: false,
            is_given_up: false,
            has_left: false,
            is_holder_lost: false,
            is_old_lost: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.steps(world, actions);
        // Time passes when nothing else happens. That somebody is slower than others wait, or that the machine slept, is a
        // fault like any other.
        let is_quiet = actions.is_empty();
        if is_quiet {
            actions.extend(self.patient(world).map(Action::WatchedPlace));
        }
        for (at, host) in world.hosts.iter().enumerate() {
            let waits =
                host.waits && host.process == Process::Runs && host.todo.is_empty() && host.heard.is_empty();
            let has_word = world.connection.as_ref().is_some_and(|connection| self.has_word(connection, at));
            if waits && !has_word && (is_quiet || world.faults > 0) {
                actions.push(if is_quiet { Action::TimeOut(at) } else { Action::LoseTime(at) });
            }
        }
        self.what_goes_wrong(world, actions);
        for (at, host) in world.hosts.iter().enumerate() {
            if host.process == Process::NotStarted && !world.is_quit {
                actions.push(Action::Start(at));
            }
            if host.process == Process::Runs && host.todo.is_empty() && world.quits > 0 {
                actions.push(Action::Quit(at));
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Start(at) => {
                world.hosts[at].process = Process::Runs;
                self.follow(&mut world, at);
            }
            Action::Follow(at) => self.follow(&mut world, at),
            Action::Do(at) => {
                let effect = world.hosts[at].todo.remove(0);
                world.perform(at, effect);
            }
            Action::Hear(at) => {
                let heard = world.hosts[at].heard.remove(0);
                world.hear(at, heard);
            }
            Action::HearOther(at) => self.hear_other(&mut world, at),
            Action::TimeOut(at) | Action::LoseTime(at) => {
                world.faults -= u8::from(matches!(action, Action::LoseTime(_)));
                world.hosts[at].waits = false;
                let heard = match world.hosts[at].side {
                    Side::Incumbent(_) => Heard::Incumbent(IncumbentInput::TimedOut),
                    Side::Successor(_) | Side::Waiting => {
                        // Of the incumbent; who that is says the connection.
                        let incumbent = world.connection.as_ref().map(|connection| connection.incumbent);
                        let is_served = incumbent.is_some_and(|incumbent| world.serves(incumbent));
                        Heard::Successor(SuccessorInput::TimedOut { is_served })
                    }
                };
                world.hear(at, heard);
            }
            Action::WatchedPlace(at) => {
                if world.hosts[at].side == Side::Waiting {
                    world.hosts[at].side = Side::Successor(Successor::Preparing);
                    world.hosts[at].backend.stage = Stage::Preparing;
                }
                world.take_place(at);
                world.hear(at, Heard::Successor(SuccessorInput::PlaceFree));
            }
            Action::Backend(at) => self.step_backend(&mut world, at),
            Action::Orphan(at) => world.backend_ends(at),
            Action::Restart(at) => {
                world.backend_ends(at);
                world.hosts[at].backend.stage = Stage::GoingOn;
            }
            Action::Quit(at) => {
                world.quits -= 1;
                world.is_quit = true;
                // It is passed on: who is on the way, and who runs.
                let heard = match world.hosts[at].side {
                    Side::Incumbent(_) => Heard::Incumbent(IncumbentInput::Quit),
                    Side::Successor(_) | Side::Waiting => Heard::Successor(SuccessorInput::Quit),
                };
                if matches!(world.hosts[at].side, Side::Successor(_)) {
                    world.say_to_incumbent(at, IncumbentInput::Quit);
                }
                world.hear(at, heard);
            }
            Action::Kill(at) => {
                world.faults -= 1;
                world.is_holder_lost |= world.has_settled(at);
                world.host_ends(at);
            }
            Action::Hang(at) => {
                world.faults -= 1;
                world.is_holder_lost |= world.has_settled(at);
                world.hosts[at].process = Process::Hangs;
            }
            Action::KillBackend(at) => {
                world.faults -= 1;
                world.is_old_lost |= at == 0;
                let stage = world.hosts[at].backend.stage;
                world.backend_ends(at);
                self.backend_failed(&mut world, at, stage);
            }
            Action::HangBackend(at) => {
                world.faults -= 1;
                world.is_old_lost |= at == 0;
                world.hosts[at].backend.hangs = true;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("at the end somebody serves", |model: &Self, world: &World| {
                !model.is_end(world) || model.is_well(world)
            }),
            Property::always("no backend writes over what it has not read", |_, world: &World| {
                !world.is_rolled_back
            }),
            Property::always("no working backend is given up", |_, world: &World| !world.is_given_up),
            Property::always("who cannot be prepared asks nobody", |model: &Self, world: &World| {
                model.broken != Broken::CannotPrepare || world.connection.is_none()
            }),
            Property::always("one backend is live at a time", |model: &Self, world: &World| {
                (0..model.hosts).filter(|&host| world.hosts[host].backend.stage == Stage::Live).count() <= 1
                    || world.hosts.iter().any(|host| host.process == Process::Gone)
            }),
            Property::sometimes("a sound successor runs", |model: &Self, world: &World| {
                let runs = world.hosts.iter().skip(1).any(|host| host.backend.stage == Stage::Live);
                runs || model.broken != Broken::Not
            }),
        ]
    }
}

impl Handover {
    /// What happens by itself.
    fn steps(&self, world: &World, actions: &mut Vec<Action>) {
        for (at, host) in world.hosts.iter().enumerate() {
            if host.process == Process::Runs {
                self.steps_of(world, at, host, actions);
            }
            if !host.backend.hangs && self.backend_steps(world, at) {
                actions.push(Action::Backend(at));
            }
            if host.process == Process::Gone && host.backend.stage != Stage::None && !host.backend.hangs {
                actions.push(Action::Orphan(at));
            }
        }
    }

    /// A place that stays free is taken by whoever has failed, and by whoever waits: the next one may hang.
    fn patient<'a>(&self, world: &'a World) -> impl Iterator<Item = usize> + use<'a> {
        let may_take = |at: usize| match world.hosts[at].side {
            Side::Waiting => true,
            Side::Successor(Successor::Failed(_)) => world.next.is_none_or(|next| next == at),
            _ => false,
        };
        let is_free = world.place.is_none();
        (0..self.hosts).filter(move |&at| is_free && world.hosts[at].process == Process::Runs && may_take(at))
    }

    fn what_goes_wrong(&self, world: &World, actions: &mut Vec<Action>) {
        if world.faults == 0 {
            return;
        }
        for (at, host) in world.hosts.iter().enumerate() {
            if host.process == Process::Runs {
                actions.extend([Action::Kill(at), Action::Hang(at)]);
            }
            if host.backend.stage > Stage::None && world.is_alive(at) {
                actions.push(Action::KillBackend(at));
                if !host.backend.hangs {
                    actions.push(Action::HangBackend(at));
                }
            }
        }
    }

    fn steps_of(&self, world: &World, at: usize, host: &Host, actions: &mut Vec<Action>) {
        if !host.todo.is_empty() {
            actions.push(Action::Do(at));
            return;
        }
        if !host.heard.is_empty() {
            actions.push(Action::Hear(at));
            return;
        }
        if world.connection.as_ref().is_some_and(|connection| self.has_word(connection, at)) {
            actions.push(Action::HearOther(at));
        }
        match host.side {
            Side::Waiting if world.next.is_none() && !world.is_quit => actions.push(Action::Follow(at)),
            Side::Waiting => {}
            Side::Successor(side) => {
                let may_take = matches!(
                    side,
                    Successor::Preparing | Successor::Asking | Successor::GoingOn | Successor::Confirmed
                );
                if may_take && world.place.is_none() && world.next.is_none_or(|next| next == at) {
                    actions.push(Action::WatchedPlace(at));
                }
            }
            Side::Incumbent(side) => {
                let is_down = host.backend.stage == Stage::None || host.backend.hangs;
                let is_there =
                    at > 0 || world.hosts.iter().skip(1).all(|host| host.process == Process::NotStarted);
                if side == Incumbent::Serving
                    && is_down
                    && is_there
                    && self.is_sound(at)
                    && world.place == Some(at)
                {
                    actions.push(Action::Restart(at));
                }
            }
        }
    }

    fn has_word(&self, connection: &Connection, at: usize) -> bool {
        if connection.incumbent == at && !connection.has_left[0] {
            !connection.to_incumbent.is_empty() || connection.has_left[1]
        } else if connection.successor == at && !connection.has_left[1] {
            !connection.to_successor.is_empty() || connection.has_left[0]
        } else {
            false
        }
    }

    fn hear_other(&self, world: &mut World, at: usize) {
        let Some(connection) = &mut world.connection else { return };
        let heard = if connection.incumbent == at {
            if connection.to_incumbent.is_empty() {
                world.leave(at);
                Heard::Incumbent(IncumbentInput::Disconnected)
            } else {
                Heard::Incumbent(connection.to_incumbent.remove(0))
            }
        } else if connection.to_successor.is_empty() {
            world.leave(at);
            Heard::Successor(SuccessorInput::Disconnected)
        } else {
            Heard::Successor(connection.to_successor.remove(0))
        };
        world.hear(at, heard);
    }

    /// A host that was started takes the turn, if it is free.
    fn follow(&self, world: &mut World, at: usize) {
        if world.next.is_none() {
            world.next = Some(at);
            world.hosts[at].side = Side::Successor(Successor::Preparing);
            world.hosts[at].backend.stage = Stage::Preparing;
        }
    }

    /// Whether the version of a host works.
    fn is_sound(&self, at: usize) -> bool {
        at == 0 || self.broken == Broken::Not
    }

    fn backend_steps(&self, world: &World, at: usize) -> bool {
        match world.hosts[at].backend.stage {
            Stage::Preparing | Stage::StandingDown => true,
            Stage::GoingOn => match self.broken {
                Broken::HangsGoingOn if at > 0 => false,
                Broken::FailsGoingOn if at > 0 => true,
                // It waits for whoever holds the state.
                _ => world.state.is_none(),
            },
            Stage::None | Stage::Prepared | Stage::Ready | Stage::Live => false,
        }
    }

    fn step_backend(&self, world: &mut World, at: usize) {
        match world.hosts[at].backend.stage {
            Stage::Preparing if at > 0 && self.broken == Broken::CannotPrepare => {
                world.backend_ends(at);
                world.hosts[at].heard.push(Heard::Successor(SuccessorInput::CannotPrepare));
            }
            Stage::Preparing => {
                world.hosts[at].backend.stage = Stage::Prepared;
                world.hosts[at].heard.push(Heard::Successor(SuccessorInput::Prepared));
            }
            Stage::GoingOn if at > 0 && self.broken == Broken::FailsGoingOn => {
                world.backend_ends(at);
                self.backend_failed(world, at, Stage::GoingOn);
            }
            Stage::GoingOn => {
                world.state = Some(at);
                let backend = &mut world.hosts[at].backend;
                backend.read = world.events;
                backend.stage = Stage::Ready;
                // The event of its start.
                world.is_rolled_back |= backend.read != world.events;
                world.events = (backend.read + 1).min(7);
                match world.hosts[at].side {
                    Side::Successor(_) => {
                        world.hosts[at].heard.push(Heard::Successor(SuccessorInput::Ready));
                    }
                    _ => world.hosts[at].backend.stage = Stage::Live,
                }
            }
            Stage::StandingDown => {
                world.hosts[at].backend.stage = Stage::Prepared;
                if world.state == Some(at) {
                    world.state = None;
                }
                world.hosts[at].heard.push(Heard::Incumbent(IncumbentInput::BackendsStoodDown));
            }
            _ => {}
        }
    }

    /// A host hears that its backend has ended.
    fn backend_failed(&self, world: &mut World, at: usize, stage: Stage) {
        let heard = match world.hosts[at].side {
            Side::Successor(_) if stage == Stage::Preparing => {
                Heard::Successor(SuccessorInput::CannotPrepare)
            }
            Side::Successor(_) | Side::Waiting => Heard::Successor(SuccessorInput::BackendFailed),
            Side::Incumbent(Incumbent::StandingDown) => {
                Heard::Incumbent(IncumbentInput::BackendsCannotStandDown)
            }
            Side::Incumbent(_) => return,
        };
        world.hosts[at].heard.push(heard);
    }

    /// Nothing happens any more unless something new goes wrong.
    fn is_end(&self, world: &World) -> bool {
        let mut steps = Vec::new();
        self.steps(world, &mut steps);
        let waits = |at: usize| world.hosts[at].waits && world.hosts[at].process == Process::Runs;
        steps.is_empty() && !(0..self.hosts).any(waits) && self.patient(world).next().is_none()
    }

    /// Somebody serves, or nobody could, or a person wants nobody to.
    fn is_well(&self, world: &World) -> bool {
        if world.somebody_serves() {
            return true;
        }
        // The faults have left nobody who could; a host that hangs with the place is what a person ends, as at any time.
        let nobody_runs = world.hosts.iter().all(|host| host.process != Process::Runs);
        let nobody_is_left = nobody_runs && (world.is_holder_lost || !world.has_left);
        let holder_hangs = world.place.is_some_and(|holder| world.hosts[holder].process == Process::Hangs);
        let old_is_lost = world.is_old_lost && world.place == Some(0);
        // Whoever is left cannot serve, and has said so.
        let mut left = (0..self.hosts).filter(|&host| world.hosts[host].process == Process::Runs).peekable();
        let somebody_is_left = left.peek().is_some();
        let nobody_can =
            somebody_is_left && left.all(|host| !self.is_sound(host) && world.hosts[host].is_told);
        world.is_quit || nobody_is_left || holder_hangs || old_is_lost || nobody_can
    }
}
