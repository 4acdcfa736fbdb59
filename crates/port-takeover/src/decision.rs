//! From what was seen to what will be done: pure, without a clock and without a system.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::address::{Host, blocks, overlaps, same_target};
use crate::identity::{IdentityRules, Role, RuleName};
use crate::snapshot::{BindOutcome, Listener, Pid, Process, Snapshot, WantedPort};

/// The state of one wanted port. A person reads another sentence for each, so they are never merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum PortState {
    /// Nobody holds it and it can be bound.
    Free,
    /// Every holder is a stale process of ours.
    OwnStale,
    /// A process of ours in another role holds it.
    OwnOtherRole,
    /// Another user's process of ours holds it.
    OwnOtherUser,
    /// A process that is not ours holds it.
    Foreign,
    /// Somebody listens, but who cannot be seen.
    UnknownHolder,
    /// Nobody listens, yet a bind is refused as in use: connections of a dead process in TIME_WAIT, or a
    /// socket that is bound and does not listen.
    Lingering,
    /// The system keeps it back.
    Reserved,
    /// The port is privileged.
    PermissionDenied,
    /// The host is no address of this machine.
    AddressUnavailable,
    /// Two wanted ports are the same target.
    SelfCollision,
    /// The host is no address, or the number is out of range.
    Invalid,
}

impl PortState {
    /// Whether a port in this state forbids the start of its role.
    #[must_use]
    pub fn refuses(self) -> bool {
        !matches!(self, Self::Free | Self::OwnStale | Self::Lingering)
    }
}

/// What will be done about all wanted ports together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum HolderKind {
    /// Ours: same role, same user.
    Own,
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
pub struct Holder {
    /// Its id.
    pub pid: Pid,
    /// What was seen of it; nothing if it could not be seen.
    pub process: Option<Process>,
    /// Its role, if it is a process of ours in the wide sense.
    pub role: Option<Role>,
    /// How it was judged.
    pub kind: HolderKind,
    /// The rule that decided it.
    pub rule: RuleName,
}

/// One wanted port, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortVerdict {
    /// The port as it was asked for.
    pub wanted: WantedPort,
    /// Its state.
    pub state: PortState,
    /// Every holder that counts, by ascending id. A port can be `unknown_holder` with none: then not even
    /// an id is known.
    pub holders: Vec<Holder>,
}

/// The decision over all wanted ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What will be done.
    pub decision: Decision,
    /// Each wanted port, in the order in which they were asked for.
    pub ports: Vec<PortVerdict>,
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

    let any = |state: PortState| ports.iter().any(|port| port.state == state);
    let decision = if ports.iter().any(|port| port.state.refuses()) {
        Decision::Refuse
    } else if any(PortState::OwnStale) {
        Decision::Reclaim
    } else if any(PortState::Lingering) {
        Decision::Wait
    } else {
        Decision::Start
    };
    let terminate = match decision {
        Decision::Reclaim => {
            let stale: BTreeSet<Pid> = ports
                .iter()
                .filter(|port| port.state == PortState::OwnStale)
                .flat_map(|port| &port.holders)
                .map(|holder| holder.pid)
                .collect();
            stale.into_iter().collect()
        }
        Decision::Start | Decision::Wait | Decision::Refuse => Vec::new(),
    };
    Verdict { decision, ports, terminate }
}

fn judge_port(snapshot: &Snapshot, rules: &IdentityRules, index: usize, wanted: &WantedPort) -> PortVerdict {
    let verdict = |state, holders| PortVerdict { wanted: wanted.clone(), state, holders };
    let Some((host, port)) = wanted.target() else {
        return verdict(PortState::Invalid, Vec::new());
    };
    let collides = |(at, other): (usize, &WantedPort)| at != index && same_target(wanted, other);
    if snapshot.wanted.iter().enumerate().any(collides) {
        return verdict(PortState::SelfCollision, Vec::new());
    }

    let listeners = || snapshot.listeners.iter().filter(move |listener| listener.port == port);
    let bind = snapshot.binds.get(&wanted.name).copied().unwrap_or_else(|| {
        if listeners().any(|listener| in_the_way(listener, host)) {
            BindOutcome::InUse
        } else {
            BindOutcome::Ok
        }
    });
    let (worst, holders) = holders_that_count(snapshot, rules, host, listeners());
    let state = match (bind, worst) {
        (BindOutcome::Unavailable, _) => PortState::AddressUnavailable,
        (BindOutcome::Reserved, _) => PortState::Reserved,
        (BindOutcome::Denied, _) => PortState::PermissionDenied,
        (_, Some(HolderKind::Unseen)) => PortState::UnknownHolder,
        (_, Some(HolderKind::Foreign)) => PortState::Foreign,
        (_, Some(HolderKind::OtherUser)) => PortState::OwnOtherUser,
        (_, Some(HolderKind::OtherRole)) => PortState::OwnOtherRole,
        (_, Some(HolderKind::Own)) => PortState::OwnStale,
        (BindOutcome::InUse, None) => PortState::Lingering,
        (BindOutcome::Ok, None) => PortState::Free,
    };
    verdict(state, holders)
}

/// A listener whose address cannot be read is in the way: that can only refuse, never end anything.
fn in_the_way(listener: &Listener, wanted: Host) -> bool {
    listener.host().is_none_or(|host| blocks(host, listener.v6only, wanted))
}

/// The holders that count, by ascending id, and the worst kind among them. Ours count where they overlap
/// with the wanted host, all others only where they block it.
fn holders_that_count<'a>(
    snapshot: &Snapshot,
    rules: &IdentityRules,
    wanted: Host,
    listeners: impl Iterator<Item = &'a Listener>,
) -> (Option<HolderKind>, Vec<Holder>) {
    let mut holders: Vec<Holder> = Vec::new();
    let mut worst = None;
    for listener in listeners {
        let blocked = in_the_way(listener, wanted);
        let overlapping = listener.host().is_some_and(|host| overlaps(wanted, host));
        if listener.pids.is_empty() && blocked {
            worst = worst.max(Some(HolderKind::Unseen));
        }
        for &pid in &listener.pids {
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
        return Holder { pid, process: None, role: None, kind: HolderKind::Unseen, rule: RuleName::Unseen };
    };
    let identified = rules.identify(process.into());
    let (kind, rule) = match &identified {
        None => (HolderKind::Foreign, RuleName::NoRule),
        Some(_) if pid == snapshot.self_pid => (HolderKind::Foreign, RuleName::Itself),
        Some(_) if process.same_user != Some(true) => (HolderKind::OtherUser, RuleName::OtherUser),
        Some(ours) if ours.role != snapshot.role => (HolderKind::OtherRole, RuleName::OtherRole),
        Some(ours) => (HolderKind::Own, ours.rule.name()),
    };
    let role = identified.map(|ours| ours.role);
    Holder { pid, process: Some(process.clone()), role, kind, rule }
}
