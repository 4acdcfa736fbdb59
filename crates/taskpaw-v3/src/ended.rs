//! What ends with a backend of V3: what it has started, and what only its memory held.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use port_takeover::journal::RecordedChild;
use port_takeover::sys::{Native, System as _};
use port_takeover::{Incumbent, Pid, Process, Record};
use taskpaw_contract::identity::Generation;

/// A child that lives through so many looks is at work: together a second.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// What is known of backends of V3 that are about to be ended, or have been.
#[derive(Debug, Default)]
pub struct EndedWithV3 {
    /// What each has started. On another system than Linux it is not known.
    children: BTreeMap<Pid, Vec<Process>>,
    /// Why what only the memory of one held could not be taken along.
    lost: BTreeMap<Pid, String>,
}

impl EndedWithV3 {
    /// Looks what a process has started and still works at: more than one of the short questions that V3 asks of the system
    /// all the time. One that holds a port itself is another incumbent. Takes at most a second.
    pub fn look(&mut self, incumbent: &Incumbent, all: &[Incumbent]) -> &[Process] {
        let pid = incumbent.process.pid;
        let is_v3 = Generation::of(&incumbent.process, incumbent.rule) == Generation::V3;
        let mut children = if is_v3 { lasting_children(pid) } else { Vec::new() };
        children.retain(|child| !all.iter().any(|it| it.process.pid == child.pid));
        let known = self.children.entry(pid).or_default();
        *known = children;
        known
    }

    /// What was in its memory is lost, for this reason.
    pub fn lose(&mut self, pid: Pid, reason: String) {
        self.lost.insert(pid, reason);
    }

    /// What one that has ended had started and that still runs.
    #[must_use]
    pub fn left_by(&self, pid: Pid) -> Vec<&Process> {
        self.children.get(&pid).into_iter().flatten().filter(|child| still_runs(child)).collect()
    }

    /// Writes it all into the record of the takeover.
    pub fn note(&self, record: &mut Record) {
        for (pid, children) in &self.children {
            let recorded = children.iter().map(|child| RecordedChild {
                pid: child.pid,
                name: child.name.clone(),
                left: still_runs(child),
            });
            record.note_children(*pid, recorded.collect());
        }
        for (pid, reason) in &self.lost {
            record.note_lost(*pid, &redaction::without_secrets(reason));
        }
    }
}

fn still_runs(child: &Process) -> bool {
    Native::new().describe(child.pid).is_some_and(|now| child.identity().is_still(&now.identity()))
}

fn lasting_children(pid: Pid) -> Vec<Process> {
    let mut children = Native::new().descendants(pid);
    for _ in 0..LOOKS {
        if children.is_empty() {
            break;
        }
        thread::sleep(BETWEEN_LOOKS);
        let now = Native::new().descendants(pid);
        children.retain(|child| now.iter().any(|it| child.identity() == it.identity()));
    }
    children
}
