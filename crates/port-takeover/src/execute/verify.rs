//! Who may be ended: the proof that a takeover has of each, and every reason for doubt.

use std::collections::BTreeSet;

use crate::decision::Verdict;
use crate::error::Doubt;
use crate::identity::RuleName;
use crate::port::WantedPort;
use crate::process::{Pid, Process};
use crate::role::Role;
use crate::snapshot::Snapshot;

/// A stale holder that is verified and about to be asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incumbent {
    /// What was seen of it.
    pub process: Process,
    /// The role it plays.
    pub role: Role,
    /// The form by which it is ours.
    pub rule: RuleName,
    /// The wanted ports that it holds, in the order in which they were asked for.
    pub ports: Vec<WantedPort>,
}

/// The incumbents that are still to be ended, with what the confirming look saw of them.
pub(super) fn incumbents(verdict: &Verdict, gone: &BTreeSet<Pid>) -> Vec<Incumbent> {
    let held =
        |pid: Pid| verdict.ports.iter().filter(move |port| port.holders.iter().any(|it| it.pid == pid));
    let incumbent = |pid: Pid| {
        let mut holders = held(pid).flat_map(|port| &port.holders).chain(&verdict.state_holder);
        let holder = holders.find(|holder| holder.pid == pid)?;
        let (process, role) = (holder.process.clone()?, holder.role.clone()?);
        let ports = held(pid).map(|port| port.wanted.clone()).collect();
        Some(Incumbent { process, role, rule: holder.rule, ports })
    };
    verdict.terminate.iter().copied().filter(|pid| !gone.contains(pid)).filter_map(incumbent).collect()
}

/// The first process to be ended that has started later than `time`, or does not show when.
pub(super) fn started_since(seen: &Snapshot, verdict: &Verdict, time: Option<u64>) -> Option<Pid> {
    let time = time?;
    let is_old =
        |pid: Pid| seen.process(pid).and_then(|it| it.started_at).is_some_and(|started| started <= time);
    verdict.terminate.iter().copied().find(|&pid| !is_old(pid))
}

/// Whether a second look confirms the first, so that everything that is still to be ended may be ended.
///
/// `gone` are the processes of the first look that have exited since: that is no reason for doubt.
///
/// # Errors
/// [`Doubt`] if anything at all is different.
pub fn verify(
    seen: &Snapshot,
    verdict: &Verdict,
    again: &Snapshot,
    again_verdict: &Verdict,
    gone: &BTreeSet<Pid>,
) -> Result<(), Doubt> {
    let expected: BTreeSet<Pid> =
        verdict.terminate.iter().copied().filter(|pid| !gone.contains(pid)).collect();
    let found: BTreeSet<Pid> =
        again_verdict.terminate.iter().copied().filter(|pid| !gone.contains(pid)).collect();
    if let Some(&pid) = found.difference(&expected).next() {
        return Err(Doubt::HolderAppeared(pid));
    }
    if found != expected {
        return Err(Doubt::DecisionChanged);
    }
    for pid in expected {
        let (Some(first), Some(second)) = (seen.process(pid), again.process(pid)) else {
            return Err(Doubt::ProcessChanged(pid));
        };
        if first.started_at.is_none() {
            return Err(Doubt::NoStartTime(pid));
        }
        if first.identity() != second.identity() {
            return Err(Doubt::ProcessChanged(pid));
        }
    }
    Ok(())
}
