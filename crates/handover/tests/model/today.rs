//! The protocol of TaskPaw 4.0, written down to see that a model finds what is wrong with it: the last host that was
//! started wins, and whether it can serve is found out afterwards.

use stateright::{Checker, Model, Property};

/// Two hosts of the same person: the first runs, the second is started.
#[derive(Debug, Clone)]
struct LastOneWins {
    /// Whether the second one's backend can start: it may miss a library, or be too old for the state.
    second_is_sound: bool,
    /// Whether each has a data folder of its own, on one configuration.
    own_folders: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Host {
    NotStarted,
    /// Waits until the other one has ended.
    Asking,
    /// Has the place of its folder, and supervises a backend.
    Running,
    /// Has given up after too many failures.
    Failed,
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    hosts: [Host; 2],
    /// Whose backend has the port.
    port: Option<usize>,
    changes_of_hands: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    Start,
    /// The first host ends its backend and itself.
    HandOver,
    /// A host whose backend does not have the port takes the port over and starts it.
    TakeOver(usize),
}

impl Model for LastOneWins {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World { hosts: [Host::Running, Host::NotStarted], port: Some(0), changes_of_hands: 0 }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.hosts[1] == Host::NotStarted {
            actions.push(Action::Start);
        }
        if world.hosts[1] == Host::Asking {
            actions.push(Action::HandOver);
        }
        for host in 0..2 {
            // Enough to see where it leads.
            if world.hosts[host] == Host::Running && world.port != Some(host) && world.changes_of_hands < 4 {
                actions.push(Action::TakeOver(host));
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Start => {
                world.hosts[1] = if self.own_folders { Host::Running } else { Host::Asking };
            }
            Action::HandOver => {
                world.hosts = [Host::Ended, Host::Running];
                world.port = None;
            }
            Action::TakeOver(host) => {
                // The holder of the port is a backend of the same role and person: it is ended first.
                world.port = None;
                if host == 1 && !self.second_is_sound {
                    world.hosts[1] = Host::Failed;
                } else {
                    world.port = Some(host);
                    world.changes_of_hands += 1;
                }
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("at the end somebody serves", |model: &Self, world: &World| {
                let mut actions = Vec::new();
                model.actions(world, &mut actions);
                !actions.is_empty() || world.port.is_some()
            }),
            Property::always("the port changes hands once", |_, world: &World| world.changes_of_hands <= 1),
        ]
    }
}

/// Whether the model finds a way to break a promise.
fn breaks(model: LastOneWins, promise: &'static str) -> bool {
    model.checker().spawn_bfs().join().discovery(promise).is_some()
}

#[test]
fn a_sound_successor_is_no_problem() {
    let model = || LastOneWins { second_is_sound: true, own_folders: false };
    assert!(!breaks(model(), "at the end somebody serves"));
    assert!(!breaks(model(), "the port changes hands once"));
}

/// Whether it misses a library or is too old for the state makes no difference: it is found out when nobody serves.
#[test]
fn a_successor_that_cannot_start_ends_what_works() {
    assert!(breaks(LastOneWins { second_is_sound: false, own_folders: false }, "at the end somebody serves"));
}

#[test]
fn one_of_another_data_folder_that_cannot_start_ends_what_works_for_a_while() {
    // The first one's supervision takes the port back: but what worked was given up.
    assert!(!breaks(LastOneWins { second_is_sound: false, own_folders: true }, "at the end somebody serves"));
}

#[test]
fn two_data_folders_on_one_configuration_take_the_port_from_each_other_for_ever() {
    assert!(breaks(LastOneWins { second_is_sound: true, own_folders: true }, "the port changes hands once"));
}
