//! What goes wrong in a cycle: drawn from a seed.

use std::fmt;
use std::time::Duration;

use super::random::Random;

/// The kinds of faults, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing goes wrong.
    None,
    /// The old or the new host is killed at a random moment of the launch.
    HostKilled,
    /// The old backend is killed.
    BackendKilled,
    /// The old backend is stopped (SIGSTOP).
    BackendStopped,
    /// The old host is stopped (SIGSTOP).
    HostHung,
    /// The record of the running host is overwritten or removed.
    RecordDamaged,
    /// Two are started at once.
    BothAtOnce,
    /// A foreign process takes a port and releases it later.
    PortSnatched,
    /// Two of these.
    Mixed,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::None,
        Self::HostKilled,
        Self::BackendKilled,
        Self::BackendStopped,
        Self::HostHung,
        Self::RecordDamaged,
        Self::BothAtOnce,
        Self::PortSnatched,
        Self::Mixed,
    ];
}

/// What happens to what runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The host is killed.
    HostKilled,
    /// The host hangs.
    HostHung,
    /// The backend is killed.
    BackendKilled,
    /// The backend hangs.
    BackendStopped,
    /// The record is overwritten with something else.
    RecordGarbled,
    /// The record is removed.
    RecordRemoved,
}

/// How the other version is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launch {
    /// As a person does.
    Once,
    /// It is killed after a while, and then started again, or the old version is.
    KilledThen {
        /// After the start.
        after: Duration,
        /// Whether it is the old version that is started then.
        old: bool,
    },
    /// Two at once: the new version first, then either.
    Both {
        /// Whether the second one is of the old version.
        old: bool,
        /// Between the two.
        apart: Duration,
    },
    /// Somebody else takes a port.
    Snatched {
        /// Whether it is the control port.
        control: bool,
        /// How long it is held.
        held: Duration,
    },
}

/// Everything that happens in a cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// For counting.
    pub kind: Kind,
    /// What happens to what runs already, and when, counted from the launch.
    pub conditions: Vec<(Condition, Duration)>,
    /// How the other version is started.
    pub launch: Launch,
    /// How many clients ask all the time.
    pub clients: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let clients = 2 + random.below(3);
        // Nearby seeds are as different as any others.
        let kind = random.choose(&Kind::ALL);
        let (conditions, launch) = match kind {
            Kind::None => (Vec::new(), Launch::Once),
            Kind::HostKilled if random.flip() => (vec![at(Condition::HostKilled, random)], Launch::Once),
            Kind::HostKilled => (Vec::new(), killed(random)),
            Kind::BackendKilled => (vec![at(Condition::BackendKilled, random)], Launch::Once),
            Kind::BackendStopped => (vec![at(Condition::BackendStopped, random)], Launch::Once),
            Kind::HostHung => (vec![at(Condition::HostHung, random)], Launch::Once),
            Kind::RecordDamaged => (vec![record(random)], Launch::Once),
            Kind::BothAtOnce => (Vec::new(), both(random)),
            Kind::PortSnatched if random.flip() => {
                (vec![(Condition::BackendKilled, Duration::ZERO)], snatched(random))
            }
            Kind::PortSnatched => (Vec::new(), snatched(random)),
            Kind::Mixed => mixed(random),
        };
        Self { kind, conditions, launch, clients }
    }

    /// How many faults the model needs for it: what happens to what runs, a launch that is killed, a port that is taken.
    pub fn faults(&self) -> u8 {
        let of_launch = !matches!(self.launch, Launch::Once | Launch::Both { .. });
        u8::try_from(self.conditions.len() + usize::from(of_launch)).unwrap_or(u8::MAX)
    }

    /// Whether something happens to what runs already.
    pub fn has(&self, wanted: Condition) -> bool {
        self.conditions.iter().any(|(condition, _)| *condition == wanted)
    }
}

/// Before the launch, or at a random moment of it.
fn at(condition: Condition, random: &mut Random) -> (Condition, Duration) {
    let when = if random.flip() { Duration::ZERO } else { random.milliseconds(600) };
    (condition, when)
}

/// A damaged record must be the old host's own: the new one writes another.
fn record(random: &mut Random) -> (Condition, Duration) {
    (random.choose(&[Condition::RecordGarbled, Condition::RecordRemoved]), Duration::ZERO)
}

fn killed(random: &mut Random) -> Launch {
    Launch::KilledThen { after: random.milliseconds(1200), old: random.flip() }
}

fn both(random: &mut Random) -> Launch {
    let apart = if random.flip() { Duration::ZERO } else { random.milliseconds(300) };
    Launch::Both { old: random.flip(), apart }
}

/// Four attempts with their waits take 7.5 s before the host gives up and asks the person.
fn snatched(random: &mut Random) -> Launch {
    Launch::Snatched { control: random.flip(), held: random.milliseconds(5000) }
}

fn mixed(random: &mut Random) -> (Vec<(Condition, Duration)>, Launch) {
    match random.below(6) {
        0 => (vec![at(Condition::HostHung, random), at(Condition::BackendStopped, random)], Launch::Once),
        1 => (vec![record(random), at(Condition::BackendKilled, random)], Launch::Once),
        2 => (vec![record(random), at(Condition::BackendStopped, random)], Launch::Once),
        3 => {
            // A host that hangs and has no record cannot be ended: it is never proved who it is.
            let conditions = [Condition::HostHung, Condition::BackendStopped, Condition::BackendKilled];
            (vec![at(random.choose(&conditions), random)], both(random))
        }
        4 => {
            // The old version is started again while its host is ending, and takes its time.
            let after = random.milliseconds(1200);
            (vec![(Condition::BackendStopped, Duration::ZERO)], Launch::KilledThen { after, old: true })
        }
        _ => {
            let conditions = [Condition::HostHung, Condition::BackendStopped, Condition::BackendKilled];
            let condition = at(random.choose(&conditions), random);
            (vec![condition], if random.flip() { snatched(random) } else { killed(random) })
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::HostKilled => "host killed during the launch",
            Self::BackendKilled => "backend killed",
            Self::BackendStopped => "backend stopped",
            Self::HostHung => "old host hung",
            Self::RecordDamaged => "record damaged",
            Self::BothAtOnce => "two started at once",
            Self::PortSnatched => "port snatched",
            Self::Mixed => "two of these",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        for (condition, when) in &self.conditions {
            write!(f, "; {condition:?} at {when:?}")?;
        }
        if self.launch != Launch::Once {
            write!(f, "; {:?}", self.launch)?;
        }
        Ok(())
    }
}
