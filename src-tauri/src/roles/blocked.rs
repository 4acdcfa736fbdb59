//! Why a role cannot have its ports now, although no attempt was wrong: decided on a look.

use port_takeover::{Decision, Pid, PortOutlook, PortState, Process, ProcessIdentity, Verdict};
use taskpaw_contract::config::Config;
use taskpaw_contract::identity::Generation;
use taskpaw_contract::ipc::{Failure, PortView};
use taskpaw_contract::{PortStatus, Role};

use super::ports::{suggest, views};

/// What came before a look, and counts for what may be ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Past {
    /// When the role was launched last, in the system's own measure; nothing where that cannot be said.
    pub(super) launched_at: Option<u64>,
    /// A process that the system does not let this user end.
    pub(super) denied: Option<ProcessIdentity>,
}

/// Why a role cannot have its ports, and who has them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blocked {
    pub(super) failure: Failure,
    pub(super) ports: Vec<PortView>,
    pub(super) past: Past,
}

impl Blocked {
    /// What keeps the role from its ports by this verdict; nothing if an attempt would get them.
    pub(super) fn now(role: Role, config: &Config, verdict: &Verdict, past: &Past) -> Option<Self> {
        let failure = why(verdict, past)?;
        let mut ports = views(config, role, verdict, None);
        if failure != Failure::PortConflict {
            let own_stale = Some(PortStatus::Judged(PortState::OwnStale));
            for port in ports.iter_mut().filter(|port| port.state == own_stale) {
                port.outlook = Some(PortOutlook::Refuses);
            }
        }
        Some(Self { failure, ports, past: past.clone() })
    }

    /// The ports with other numbers that could be had. That needs more looks.
    pub(super) fn shown(&self, role: Role, config: &Config) -> Vec<PortView> {
        let mut ports = self.ports.clone();
        suggest(role, config, &mut ports);
        ports
    }
}

fn why(verdict: &Verdict, past: &Past) -> Option<Failure> {
    match verdict.decision {
        Decision::Start => None,
        Decision::Refuse | Decision::Wait => Some(Failure::PortConflict),
        Decision::Reclaim => {
            let found = |pid: &Pid| process(verdict, *pid);
            let stale = || verdict.terminate.iter().filter_map(found);
            let is_denied = |it: &&Process| past.denied.as_ref().is_some_and(|d| d.is_still(&it.identity()));
            if let Some(process) = stale().find(is_denied) {
                let (name, version) = known_as(process, Some(&generation(verdict, process)));
                return Some(Failure::NotAllowed { pid: process.pid.get(), name, version });
            }
            let launched_at = past.launched_at?;
            let process = stale().find(|it| it.started_at.is_none_or(|started| started > launched_at))?;
            let (name, version) = known_as(process, Some(&generation(verdict, process)));
            Some(Failure::Displaced { pid: process.pid.get(), name, version })
        }
    }
}

fn process(verdict: &Verdict, pid: Pid) -> Option<&Process> {
    let mut holders = verdict.ports.iter().flat_map(|port| &port.holders).chain(&verdict.state_holder);
    holders.find(|holder| holder.pid == pid)?.process.as_ref()
}

fn generation(verdict: &Verdict, process: &Process) -> Generation {
    let mut holders = verdict.ports.iter().flat_map(|port| &port.holders).chain(&verdict.state_holder);
    let rule = holders.find(|holder| holder.pid == process.pid).map(|holder| holder.rule);
    rule.map_or(Generation::Unknown, |rule| Generation::of(process, rule))
}

/// The name and version by which people know a backend: what a process of V3 is called is Python's name, or the same as ours.
pub(super) fn known_as(process: &Process, generation: Option<&Generation>) -> (String, Option<String>) {
    match generation {
        Some(Generation::V3) => ("TaskPaw".to_owned(), Some("3".to_owned())),
        Some(Generation::Stamped(version)) => (process.name.clone(), Some(version.clone())),
        Some(Generation::Unknown) | None => (process.name.clone(), None),
    }
}

#[cfg(test)]
#[path = "blocked_tests.rs"]
mod tests;
