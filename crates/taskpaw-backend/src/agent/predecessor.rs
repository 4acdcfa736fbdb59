//! What TaskPaw V3 has left of its events, for the journal.

use taskpaw_v3::events;

use super::events::Place;
use crate::launch::Launch;

/// The journal of a launch.
pub(crate) const JOURNAL: &str = "agent-events.jsonl";
/// What tells its numbers from others.
pub(crate) const LINEAGE: &str = "agent-cursor.json";

/// Where the events of this launch are kept, with what V3 has left. What cannot be read of it stops nothing.
pub(super) fn place(launch: &Launch) -> Place {
    let server_id = launch.config.agent.server_id.clone();
    let counter = events::counter(&launch.v3_folder);
    for problem in &counter.problems {
        tracing::error!(
            "{problem}. The numbers of events may not go on after those of TaskPaw 3; hubs that polled it then ask for \
             the wrong ones, which this agent says"
        );
    }
    let from_memory = events::kept(launch.state.path()).unwrap_or_else(|error| {
        tracing::error!("the events that TaskPaw 3 had not sent cannot be read: {error}");
        Vec::new()
    });
    let stream_id = counter.stream.filter(|stream| stream.server_id == server_id);
    Place {
        journal: launch.state.file(JOURNAL),
        lineage: launch.state.file(LINEAGE),
        server_id,
        stream_id: stream_id.map(|stream| stream.stream_id),
        used_up: counter.used_up,
        from_memory,
    }
}

/// What V3's memory held is in the journal now.
pub(super) fn taken_over(launch: &Launch) {
    if let Err(error) = events::forget(launch.state.path()) {
        tracing::error!(
            "the events that TaskPaw 3 had not sent cannot be removed, and may be told twice: {error}"
        );
    }
}
