//! What TaskPaw V3 has left of its events, for the journal.

use taskpaw_v3::events::{self, Counter};

use super::events::Place;
use crate::context::Launch;

/// The journal of a launch.
pub(crate) const JOURNAL: &str = "agent-events.jsonl";
/// What tells its numbers from others.
pub(crate) const LINEAGE: &str = "agent-cursor.json";
/// What the monitors remember.
const MEMORIES: &str = "agent-monitors.json";

/// More events than any TaskPaw 3 has told: three years of ten a second.
const BEYOND_V3: u64 = 1_000_000_000;

/// Where the events of this launch are kept, with what V3 has left. What cannot be read of it stops nothing.
pub(super) fn place(launch: &Launch) -> Place {
    let server_id = launch.config.agent.server_id.clone();
    let counter = events::counter(&launch.v3_folder);
    let is_first = !launch.state.file(JOURNAL).exists();
    let used_up = used_up(&counter, is_first);
    for problem in &counter.problems {
        if used_up == counter.used_up {
            tracing::error!(
                "{problem}. The numbers of events may not go on after those of TaskPaw 3; hubs that polled it then ask \
                 for the wrong ones, which this agent says"
            );
        } else {
            tracing::warn!(
                "{problem}. The numbers of events go on after {used_up} instead, where no TaskPaw 3 has got to, so that \
                 hubs that polled it miss none"
            );
        }
    }
    let from_memory = events::kept(launch.state.path()).unwrap_or_else(|error| {
        tracing::error!("the events that TaskPaw 3 had not sent cannot be read: {error}");
        Vec::new()
    });
    let stream_id = counter.stream.filter(|stream| stream.server_id == server_id);
    Place {
        journal: launch.state.file(JOURNAL),
        lineage: launch.state.file(LINEAGE),
        memories: launch.state.file(MEMORIES),
        server_id,
        stream_id: stream_id.map(|stream| stream.stream_id),
        used_up,
        from_memory,
    }
}

/// The last number that V3 may have given. Where it has counted and nobody can read how far, a first start goes on beyond it:
/// a hub asks for what comes after the last number that it has seen.
fn used_up(counter: &Counter, is_first: bool) -> u64 {
    let is_unknown = counter.used_up == 0 && !counter.problems.is_empty();
    if is_unknown && is_first { BEYOND_V3 } else { counter.used_up }
}

/// What V3's memory held is in the journal now.
pub(super) fn taken_over(launch: &Launch) {
    if let Err(error) = events::forget(launch.state.path()) {
        tracing::error!(
            "the events that TaskPaw 3 had not sent cannot be removed, and may be told twice: {error}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_cannot_be_read_is_gone_beyond_once() {
        let counter = |used_up, problems: &[&str]| Counter {
            used_up,
            problems: problems.iter().map(|&problem| problem.to_owned()).collect(),
            ..Counter::default()
        };
        assert_eq!(used_up(&counter(0, &[]), true), 0, "V3 was never here");
        assert_eq!(used_up(&counter(502, &[]), true), 502);
        assert_eq!(used_up(&counter(502, &["one of two"]), true), 502, "the other one counts");
        assert_eq!(used_up(&counter(0, &["half a file"]), true), BEYOND_V3);
        assert_eq!(used_up(&counter(0, &["half a file"]), false), 0, "this agent counts by itself since");
    }
}
