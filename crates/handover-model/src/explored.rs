//! The handover as a model: what can happen in each world, what follows, and what must be true of all of them.

use stateright::{Model, Property};

use super::*;

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
            backend: if at == 0 {
                Backend { stage: Stage::Live, has_ports: true, ..Backend::NONE }
            } else {
                Backend::NONE
            },
            is_told: false,
            was_replaceable: false,
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
            is_migrated: false,
            is_snatched: false,
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
                world.perform(at, effect, self.passes);
            }
            Action::Hear(at) => {
                let heard = world.hosts[at].heard.remove(0);
                world.hear(at, heard);
            }
            Action::HearOther(at) => self.hear_other(&mut world, at),
            Action::TimeOut(at) | Action::LoseTime(at) => {
                world.faults -= u8::from(matches!(action, Action::LoseTime(_)));
                world.hosts[at].waits = false;
                let heard = world.time_is_over(at);
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
                if self.is_sound(at) {
                    world.hosts[at].backend.stage = Stage::GoingOn;
                } else {
                    // It fails again and again, and the person is told.
                    world.hosts[at].is_told = true;
                }
            }
            Action::Quit(at) => {
                world.quits -= 1;
                world.is_quit = true;
                // It is passed on: who is on the way, and who runs.
                let heard = world.quit_is_wanted(at);
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
            Action::Snatch => {
                world.faults -= 1;
                world.is_snatched = true;
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
            Property::always(
                "no port that is passed on can be taken by a stranger",
                |model: &Self, world: &World| !(model.passes && world.is_snatched && model.faults == 1),
            ),
            Property::always(
                "without a fault everybody can read the state",
                |model: &Self, world: &World| {
                    let old_has_the_place = world.place == Some(0) && world.hosts[0].is_told;
                    !(world.is_migrated && old_has_the_place && world.faults == model.faults)
                },
            ),
            Property::sometimes("a sound successor runs", |model: &Self, world: &World| {
                let runs = world.hosts.iter().skip(1).any(|host| host.backend.stage == Stage::Live);
                runs || model.broken != Broken::Not
            }),
        ]
    }
}
