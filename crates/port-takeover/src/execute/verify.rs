//! Who may be ended: the proof that a takeover has of each, and every reason for doubt.

use std::collections::BTreeSet;

use crate::decision::Verdict;
use crate::error::EndError;
use crate::identity::{Role, RuleName};
use crate::snapshot::{Pid, Process, ProcessIdentity, Snapshot, WantedPort};

/// A process that is verified to be a stale holder, with a handle that cannot come to mean another process.
/// Only [`take_over`](crate::take_over) makes one, after its second look; nothing else can be asked to stop or killed.
#[derive(Debug)]
pub struct VerifiedHolder<H> {
    identity: ProcessIdentity,
    handle: H,
}

impl<H> VerifiedHolder<H> {
    /// The caller has proved that the handle means this process, and that it may be ended.
    pub(crate) fn new(identity: ProcessIdentity, handle: H) -> Self {
        Self { identity, handle }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// The handle.
    #[must_use]
    pub fn handle(&self) -> &H {
        &self.handle
    }
}

/// Why a takeover was called off. The round that had the doubt signalled nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// Between the looks, the decision became another one.
    #[error("what holds the ports changed while it was being verified")]
    DecisionChanged,
    /// Between the looks, a process became another one.
    #[error("process {0} is no longer the one that was seen first")]
    ProcessChanged(Pid),
    /// A process that must be ended holds the ports only since the second look.
    #[error("process {0} began to hold a port while it was being verified")]
    HolderAppeared(Pid),
    /// A process that must be ended has started since the time that the caller has set.
    #[error("process {0} has started since, and is left to work")]
    StartedSince(Pid),
    /// When a process started cannot be read, so it cannot be told from a later one with its id.
    #[error("when process {0} started cannot be read")]
    NoStartTime(Pid),
    /// A process may not be ended by this user: on Windows one that runs as administrator, for one.
    #[error("process {0} may not be ended by this user")]
    Denied(Pid),
    /// A process cannot be opened or signalled.
    #[error("{0}")]
    NotAllowed(String),
    /// The ports could not be looked at once more.
    #[error("{0}")]
    LookFailed(String),
    /// The observer of [`TakeoverEvent::Verified`](crate::TakeoverEvent::Verified) did not want it.
    #[error("it was called off before any process was asked to stop")]
    CalledOff,
}

impl From<EndError> for Doubt {
    fn from(error: EndError) -> Self {
        match error {
            EndError::Denied { pid } => Self::Denied(pid),
            other => Self::NotAllowed(other.to_string()),
        }
    }
}

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

/// Those that are still to be ended, with what was seen of them in the look that confirmed it.
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
