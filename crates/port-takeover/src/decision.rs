//! From what was seen to what will be done: pure, without a clock and without a system.

use std::collections::BTreeSet;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::address::{Host, blocks, overlaps};
use crate::identity::{IdentityRules, RuleName};
use crate::port::{WantedPort, same_target};
use crate::process::{Pid, Process};
use crate::role::Role;
use crate::snapshot::{BindOutcome, BoundSocket, Listener, Snapshot};

/// The state of one wanted port. A person reads another sentence for each, so they are never merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum PortState {
    /// Nobody holds it and it can be bound.
    Free,
    /// Every holder is a stale process of ours.
    OwnStale,
    /// A process of ours holds it that keeps its state in another folder: another installation's.
    OwnOtherInstallation,
    /// A process of ours in another role holds it.
    OwnOtherRole,
    /// Another user's process of ours holds it.
    OwnOtherUser,
    /// A process that is not ours holds it.
    Foreign,
    /// Somebody listens, but who cannot be seen.
    UnknownHolder,
    /// Nobody listens, yet a bind is refused as in use: by a socket that a process has open without listening, or that
    /// nobody can see.
    Occupied,
    /// Nobody has it any more, yet a bind is refused as in use: connections of a process that has ended, in TIME_WAIT.
    /// The system takes them away by itself.
    Lingering,
    /// The system keeps it back.
    Reserved,
    /// The port is privileged.
    PermissionDenied,
    /// The host is not an address of this machine.
    AddressUnavailable,
    /// Two wanted ports are the same target.
    SelfCollision,
}

/// What a port's state means for the start of its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum PortOutlook {
    /// The port can be had: it is free, or a stale process of ours is replaced.
    Starts,
    /// The port becomes free by itself, and is waited for.
    Waits,
    /// The port cannot be had.
    Refuses,
}

impl PortState {
    /// What it means for the start of the role. The one place in which that is decided.
    #[must_use]
    pub fn outlook(self) -> PortOutlook {
        match self {
            Self::Free | Self::OwnStale => PortOutlook::Starts,
            Self::Lingering => PortOutlook::Waits,
            Self::OwnOtherInstallation
            | Self::OwnOtherRole
            | Self::OwnOtherUser
            | Self::Foreign
            | Self::UnknownHolder
            | Self::Occupied
            | Self::Reserved
            | Self::PermissionDenied
            | Self::AddressUnavailable
            | Self::SelfCollision => PortOutlook::Refuses,
        }
    }

    /// Whether a port in this state forbids the start of its role.
    #[must_use]
    pub fn refuses(self) -> bool {
        self.outlook() == PortOutlook::Refuses
    }

    /// Whether another number would help a person who cannot or will not wait. Not where it is the host that is at fault, or
    /// not known to be the number.
    #[must_use]
    pub fn wants_another_number(self) -> bool {
        self.outlook() != PortOutlook::Starts && self != Self::AddressUnavailable
    }
}

/// What will be done about all wanted ports together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Decision {
    /// All ports are free.
    Start,
    /// All that is held is held by stale processes of ours, and they are to be ended.
    Reclaim,
    /// A port will become free by itself.
    Wait,
    /// A port cannot be had; nothing is ended.
    Refuse,
}

/// How one holder of a port was judged, from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum HolderKind {
    /// Ours: same role, same user, same installation.
    Own,
    /// A process of ours that keeps its state in another folder.
    OtherInstallation,
    /// A process of ours in another role.
    OtherRole,
    /// A process of ours that another user runs.
    OtherUser,
    /// Not ours.
    Foreign,
    /// Nothing could be read of it.
    Unseen,
}

/// A holder of a wanted port that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The holder's process id.
    pub pid: Pid,
    /// What was seen of it; `None` if it could not be seen.
    pub process: Option<Process>,
    /// The holder's role, if it is a process of ours in the wide sense.
    pub role: Option<Role>,
    /// How it was judged.
    pub kind: HolderKind,
    /// The rule that decided it.
    pub rule: RuleName,
}

/// One wanted port, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortVerdict {
    /// The port as it was asked for.
    pub wanted: WantedPort,
    /// The port's state.
    pub state: PortState,
    /// Every holder that counts, by ascending id. A port can be `unknown_holder` with none: then not even
    /// an id is known.
    pub holders: Vec<Holder>,
}

/// The decision over all wanted ports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What will be done.
    pub decision: Decision,
    /// Each wanted port, in the order in which they were asked for.
    pub ports: Vec<PortVerdict>,
    /// The stale process that keeps the state which the role would use, if it holds none of the wanted ports.
    pub state_holder: Option<Holder>,
    /// The processes to end, once each and by ascending id; empty unless the decision is `Reclaim`.
    pub terminate: Vec<Pid>,
}

/// Decides on a snapshot by the rules of what is ours.
///
/// The result depends on the order of `wanted` alone, and only in the order of `ports`.
#[must_use]
pub fn decide(snapshot: &Snapshot, rules: &IdentityRules) -> Verdict {
    let ports: Vec<PortVerdict> = snapshot
        .wanted
        .iter()
        .enumerate()
        .map(|(index, wanted)| judge_port(snapshot, rules, index, wanted))
        .collect();

    let state_holder = state_holder(snapshot, rules)
        .filter(|keeps| ports.iter().flat_map(|port| &port.holders).all(|holder| holder.pid != keeps.pid));

    // What is waited for comes before anything is ended: a working backend is not given up for a port that may never
    // become free.
    let decision = match ports.iter().map(|port| port.state.outlook()).max() {
        Some(PortOutlook::Refuses) => Decision::Refuse,
        Some(PortOutlook::Waits) => Decision::Wait,
        _ if ports.iter().any(|port| port.state == PortState::OwnStale) => Decision::Reclaim,
        // The ports are free, and still the role could not start: its state is in use.
        _ if state_holder.is_some() => Decision::Reclaim,
        _ => Decision::Start,
    };
    let terminate = match decision {
        Decision::Reclaim => {
            let stale: BTreeSet<Pid> = ports
                .iter()
                .filter(|port| port.state == PortState::OwnStale)
                .flat_map(|port| &port.holders)
                .chain(&state_holder)
                .map(|holder| holder.pid)
                .collect();
            stale.into_iter().collect()
        }
        Decision::Start | Decision::Wait | Decision::Refuse => Vec::new(),
    };
    Verdict { decision, ports, state_holder, terminate }
}

/// The process that holds the lock of the state, if the record beside it names it and it is ours.
fn state_holder(snapshot: &Snapshot, rules: &IdentityRules) -> Option<Holder> {
    let state = snapshot.state.as_ref().filter(|state| state.held == Some(true))?;
    let process = snapshot.process(state.holder.as_ref()?.pid)?;
    let holder = state.is_recorded(process).then(|| judge_holder(snapshot, rules, process.pid))?;
    (holder.kind == HolderKind::Own).then_some(holder)
}

fn judge_port(snapshot: &Snapshot, rules: &IdentityRules, index: usize, wanted: &WantedPort) -> PortVerdict {
    let verdict = |state, holders| PortVerdict { wanted: wanted.clone(), state, holders };
    let (host, port) = (wanted.host, wanted.port.get());
    let collides = |(at, other): (usize, &WantedPort)| at != index && same_target(wanted, other);
    if snapshot.wanted.iter().enumerate().any(collides) {
        return verdict(PortState::SelfCollision, Vec::new());
    }

    let listeners = || snapshot.listeners.iter().filter(move |listener| listener.port == port);
    let bind = snapshot.binds.get(&wanted.name).copied().unwrap_or_else(|| {
        if listeners().any(|listener| in_the_way(listener.host(), listener.v6only, host)) {
            BindOutcome::InUse
        } else {
            BindOutcome::Ok
        }
    });
    let (worst, holders) = holders_that_count(snapshot, rules, host, listeners().map(Row::from));
    if (bind, worst) == (BindOutcome::InUse, None) {
        let (state, holders) = judge_refused(snapshot, rules, host, port);
        return verdict(state, holders);
    }
    let state = match (bind, worst) {
        (BindOutcome::Unavailable, _) => PortState::AddressUnavailable,
        (BindOutcome::Reserved, _) => PortState::Reserved,
        (BindOutcome::Denied, _) => PortState::PermissionDenied,
        (_, Some(HolderKind::Unseen)) => PortState::UnknownHolder,
        (_, Some(HolderKind::Foreign)) => PortState::Foreign,
        (_, Some(HolderKind::OtherUser)) => PortState::OwnOtherUser,
        (_, Some(HolderKind::OtherRole)) => PortState::OwnOtherRole,
        (_, Some(HolderKind::OtherInstallation)) => PortState::OwnOtherInstallation,
        (_, Some(HolderKind::Own)) => PortState::OwnStale,
        (BindOutcome::Ok | BindOutcome::InUse, None) => PortState::Free,
    };
    verdict(state, holders)
}

/// A port whose bind is refused as in use though nobody listens in its way: who has it, if anybody.
fn judge_refused(
    snapshot: &Snapshot,
    rules: &IdentityRules,
    wanted: Host,
    port: u16,
) -> (PortState, Vec<Holder>) {
    // A system that does not show these sockets, or a snapshot from before they were looked at.
    let Some(sockets) = &snapshot.sockets else { return (PortState::Lingering, Vec::new()) };
    let blocking = |it: &&BoundSocket| it.port == port && in_the_way(it.host(), it.v6only, wanted);
    let (orphaned, owned): (Vec<_>, Vec<_>) = sockets.iter().filter(blocking).partition(|it| it.orphaned);
    let (worst, holders) = holders_that_count(snapshot, rules, wanted, owned.into_iter().map(Row::from));
    let state = match worst {
        Some(HolderKind::Own) => PortState::OwnStale,
        Some(_) => PortState::Occupied,
        None if orphaned.is_empty() => PortState::Occupied,
        None => PortState::Lingering,
    };
    (state, holders)
}

/// Whether a socket keeps a wanted host from being bound. One whose address cannot be read does: that can only refuse,
/// never end anything.
pub(crate) fn in_the_way(held: Option<Host>, v6only: bool, wanted: Host) -> bool {
    held.is_none_or(|held| blocks(held, v6only, wanted))
}

/// A socket, whatever it does.
struct Row<'a> {
    host: Option<Host>,
    v6only: bool,
    pids: &'a [Pid],
}

impl<'a> From<&'a Listener> for Row<'a> {
    fn from(it: &'a Listener) -> Self {
        Self { host: it.host(), v6only: it.v6only, pids: &it.pids }
    }
}

impl<'a> From<&'a BoundSocket> for Row<'a> {
    fn from(it: &'a BoundSocket) -> Self {
        Self { host: it.host(), v6only: it.v6only, pids: &it.pids }
    }
}

/// The holders that count, by ascending id, and the worst kind among them. Ours count where they overlap
/// with the wanted host, all others only where they block it.
fn holders_that_count<'a>(
    snapshot: &Snapshot,
    rules: &IdentityRules,
    wanted: Host,
    sockets: impl Iterator<Item = Row<'a>>,
) -> (Option<HolderKind>, Vec<Holder>) {
    let mut holders: Vec<Holder> = Vec::new();
    let mut worst = None;
    for socket in sockets {
        let blocked = in_the_way(socket.host, socket.v6only, wanted);
        let overlapping = socket.host.is_some_and(|host| overlaps(wanted, host));
        if socket.pids.is_empty() && blocked {
            worst = worst.max(Some(HolderKind::Unseen));
        }
        for &pid in socket.pids {
            let holder = judge_holder(snapshot, rules, pid);
            let counts = if holder.kind == HolderKind::Own { overlapping } else { blocked };
            if counts {
                worst = worst.max(Some(holder.kind));
                if !holders.iter().any(|known| known.pid == pid) {
                    holders.push(holder);
                }
            }
        }
    }
    holders.sort_by_key(|holder| holder.pid);
    (worst, holders)
}

fn judge_holder(snapshot: &Snapshot, rules: &IdentityRules, pid: Pid) -> Holder {
    let Some(process) = snapshot.process(pid) else {
        return Holder { pid, process: None, role: None, kind: HolderKind::Unseen, rule: RuleName::UNSEEN };
    };
    let identified = rules.identify(process.into());
    let (kind, rule) = match &identified {
        None => (HolderKind::Foreign, RuleName::NO_RULE),
        Some(_) if pid == snapshot.self_pid => (HolderKind::Foreign, RuleName::ITSELF),
        Some(_) if process.same_user != Some(true) => (HolderKind::OtherUser, RuleName::OTHER_USER),
        Some(ours) if ours.role != snapshot.role => (HolderKind::OtherRole, RuleName::OTHER_ROLE),
        Some(_) if snapshot.state.as_ref().is_some_and(|state| !state.has(process)) => {
            (HolderKind::OtherInstallation, RuleName::OTHER_INSTALLATION)
        }
        Some(ours) => (HolderKind::Own, ours.rule),
    };
    let role = identified.map(|ours| ours.role);
    Holder { pid, process: Some(process.clone()), role, kind, rule }
}
