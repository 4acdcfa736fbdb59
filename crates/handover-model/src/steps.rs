//! What happens by itself in a world, what can go wrong in it, and what it comes to.

use super::*;

impl Handover {
    /// What happens by itself.
    pub(super) fn steps(&self, world: &World, actions: &mut Vec<Action>) {
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

    /// A place that stays free is taken by a host that has failed, and by one that waits: the next one may hang.
    pub(super) fn patient<'a>(&self, world: &'a World) -> impl Iterator<Item = usize> + use<'a> {
        let may_take = |at: usize| match world.hosts[at].side {
            Side::Waiting => true,
            Side::Successor(Successor::Failed(_)) => world.next.is_none_or(|next| next == at),
            _ => false,
        };
        let is_free = world.place.is_none();
        (0..self.hosts).filter(move |&at| is_free && world.hosts[at].process == Process::Runs && may_take(at))
    }

    pub(super) fn what_goes_wrong(&self, world: &World, actions: &mut Vec<Action>) {
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
        if !world.is_snatched && !world.hosts.iter().any(|host| host.backend.has_ports) {
            actions.push(Action::Snatch);
        }
    }

    pub(super) fn steps_of(&self, world: &World, at: usize, host: &Host, actions: &mut Vec<Action>) {
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
                    // One that cannot serve finds that out by a start, says so, and waits.
                    && (!host.is_told || (self.is_sound(at) && !self.is_kept_out(world, at)))
                    && world.place == Some(at)
                {
                    actions.push(Action::Restart(at));
                }
            }
        }
    }

    pub(super) fn has_word(&self, connection: &Connection, at: usize) -> bool {
        if connection.incumbent == at && !connection.has_left[0] {
            !connection.to_incumbent.is_empty() || connection.has_left[1]
        } else if connection.successor == at && !connection.has_left[1] {
            !connection.to_successor.is_empty() || connection.has_left[0]
        } else {
            false
        }
    }

    pub(super) fn hear_other(&self, world: &mut World, at: usize) {
        let Some(heard) = world.said_to(at) else { return };
        let Some(connection) = &mut world.connection else { return };
        match heard {
            Heard::Incumbent(IncumbentInput::Disconnected)
            | Heard::Successor(SuccessorInput::Disconnected) => {
                world.leave(at);
            }
            Heard::Incumbent(_) => drop(connection.to_incumbent.remove(0)),
            Heard::Successor(_) => drop(connection.to_successor.remove(0)),
        }
        world.hear(at, heard);
    }

    /// What a host hears in an action, and which one it is.
    pub(super) fn heard_in(&self, world: &World, action: Action) -> Option<(usize, Heard)> {
        match action {
            Action::Hear(at) => Some((at, *world.hosts[at].heard.first()?)),
            Action::HearOther(at) => Some((at, world.said_to(at)?)),
            Action::TimeOut(at) | Action::LoseTime(at) => Some((at, world.time_is_over(at))),
            Action::WatchedPlace(at) => Some((at, Heard::Successor(SuccessorInput::PlaceFree))),
            Action::Quit(at) => Some((at, world.quit_is_wanted(at))),
            Action::Start(_)
            | Action::Follow(_)
            | Action::Do(_)
            | Action::Backend(_)
            | Action::Orphan(_)
            | Action::Restart(_)
            | Action::Kill(_)
            | Action::Hang(_)
            | Action::KillBackend(_)
            | Action::HangBackend(_)
            | Action::Snatch => None,
        }
    }

    /// A host that was started takes the turn, if it is free.
    pub(super) fn follow(&self, world: &mut World, at: usize) {
        if world.next.is_none() {
            world.next = Some(at);
            world.hosts[at].side = Side::Successor(Successor::Preparing);
            world.hosts[at].backend.stage = Stage::Preparing;
        }
    }

    /// Whether the version of a host works.
    pub(super) fn is_sound(&self, at: usize) -> bool {
        at == 0 || self.broken == Broken::Not
    }

    /// Whether the state has a form that the version of a host cannot read.
    fn cannot_read(&self, world: &World, at: usize) -> bool {
        at == 0 && world.is_migrated
    }

    /// Whether a backend that goes on cannot have its ports or its state.
    fn is_kept_out(&self, world: &World, at: usize) -> bool {
        let is_in_the_way = world.is_snatched && !world.hosts[at].backend.has_ports;
        is_in_the_way || self.cannot_read(world, at)
    }

    pub(super) fn backend_steps(&self, world: &World, at: usize) -> bool {
        match world.hosts[at].backend.stage {
            Stage::Preparing | Stage::StandingDown => true,
            Stage::GoingLive => self.broken != Broken::HangsGoingLive || at == 0,
            Stage::GoingOn => match self.broken {
                Broken::HangsGoingOn if at > 0 => false,
                Broken::FailsGoingOn if at > 0 => true,
                _ if self.is_kept_out(world, at) => true,
                // The backend waits for the one that holds the state.
                _ => world.state.is_none(),
            },
            Stage::None | Stage::Prepared | Stage::Ready | Stage::Live => false,
        }
    }

    pub(super) fn step_backend(&self, world: &mut World, at: usize) {
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
            // The host that has the place says so, and waits for what keeps it from its ports or its state to go.
            Stage::GoingOn if self.is_kept_out(world, at) => {
                world.backend_ends(at);
                world.hosts[at].is_told = true;
                self.backend_failed(world, at, Stage::GoingOn);
            }
            Stage::GoingLive if at > 0 && self.broken == Broken::FailsGoingLive => {
                world.backend_ends(at);
                self.backend_failed(world, at, Stage::GoingLive);
            }
            Stage::GoingLive => {
                world.hosts[at].backend.stage = Stage::Live;
                world.is_migrated |= at > 0 && self.migrates;
                if matches!(world.hosts[at].side, Side::Successor(_)) {
                    world.hosts[at].heard.push(Heard::Successor(SuccessorInput::Live));
                }
            }
            Stage::GoingOn => {
                world.state = Some(at);
                let backend = &mut world.hosts[at].backend;
                backend.read = world.events;
                backend.stage = Stage::Ready;
                backend.has_ports = true;
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
                let backend = &mut world.hosts[at].backend;
                backend.stage = Stage::Prepared;
                backend.has_ports &= self.passes;
                if world.state == Some(at) {
                    world.state = None;
                }
                world.hosts[at].heard.push(Heard::Incumbent(IncumbentInput::BackendsStoodDown));
            }
            _ => {}
        }
    }

    /// A host hears that its backend has ended.
    pub(super) fn backend_failed(&self, world: &mut World, at: usize, stage: Stage) {
        let heard = match world.hosts[at].side {
            Side::Successor(_) if stage == Stage::Preparing => {
                Heard::Successor(SuccessorInput::CannotPrepare)
            }
            Side::Successor(_) | Side::Waiting => Heard::Successor(SuccessorInput::BackendFailed),
            Side::Incumbent(Incumbent::StandingDown) => {
                Heard::Incumbent(IncumbentInput::BackendsCannotStandDown)
            }
            // Supervised: its window shows why it does not run.
            Side::Incumbent(_) => {
                world.hosts[at].is_told = true;
                return;
            }
        };
        world.hosts[at].heard.push(heard);
    }

    /// Nothing happens any more unless something new goes wrong.
    pub(super) fn is_end(&self, world: &World) -> bool {
        let mut steps = Vec::new();
        self.steps(world, &mut steps);
        let waits = |at: usize| world.hosts[at].waits && world.hosts[at].process == Process::Runs;
        steps.is_empty() && !(0..self.hosts).any(waits) && self.patient(world).next().is_none()
    }

    /// Somebody serves, or nobody could, or a person wants nobody to.
    pub(super) fn is_well(&self, world: &World) -> bool {
        if world.somebody_serves() {
            return true;
        }
        // The faults have left nobody who could; a host that hangs with the place is what a person ends, as at any time.
        let nobody_runs = world.hosts.iter().all(|host| host.process != Process::Runs);
        let nobody_is_left = nobody_runs && (world.is_holder_lost || !world.has_left);
        let holder_hangs = world.place.is_some_and(|holder| world.hosts[holder].process == Process::Hangs);
        let old_is_lost = world.is_old_lost && world.place == Some(0);
        let is_kept_out = world
            .place
            .is_some_and(|at| world.hosts[at].is_told && (world.is_snatched || self.cannot_read(world, at)));
        // The host that is left cannot serve, and has said so.
        let mut left = (0..self.hosts).filter(|&host| world.hosts[host].process == Process::Runs).peekable();
        let somebody_is_left = left.peek().is_some();
        let nobody_can =
            somebody_is_left && left.all(|host| !self.is_sound(host) && world.hosts[host].is_told);
        world.is_quit || nobody_is_left || holder_hangs || old_is_lost || is_kept_out || nobody_can
    }
}
