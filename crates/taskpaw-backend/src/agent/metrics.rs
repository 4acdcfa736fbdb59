//! Every number of the status as OpenMetrics, for Prometheus.

use std::collections::BTreeMap;

use serde_json::Value;
use taskpaw_contract::ipc::MonitorState;
use taskpaw_contract::version;

use super::Shared;
use crate::http::{Kind, Metrics};

/// Every state, as it is written.
const STATES: [(MonitorState, &str); 7] = [
    (MonitorState::Unknown, "unknown"),
    (MonitorState::Ok, "ok"),
    (MonitorState::Idle, "idle"),
    (MonitorState::Running, "running"),
    (MonitorState::Degraded, "degraded"),
    (MonitorState::Error, "error"),
    (MonitorState::Stopped, "stopped"),
];

/// A number with what it belongs to.
struct Sample {
    monitor: String,
    /// Which one, for a list of things such as graphics cards.
    part: Option<(String, String)>,
    value: f64,
}

/// All of it.
pub(super) fn of(shared: &Shared) -> Metrics {
    let mut states = Vec::new();
    let mut updates = Vec::new();
    // A family must stand together, and several monitors of a type have the same ones.
    let mut numbers: BTreeMap<(String, String), Vec<Sample>> = BTreeMap::new();
    shared.board.each(|name, status| {
        states.push((name.to_owned(), status.type_id.clone(), status.state));
        let update = status.last_update.as_ref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
        updates.extend(update.map(|time| (name.to_owned(), time.as_millisecond() as f64 / 1_000.0)));
        for (key, value) in &status.metrics {
            collect(name, key, value, None, &mut |key, sample| {
                numbers.entry((status.type_id.clone(), key)).or_default().push(sample);
            });
        }
    });

    let mut metrics = Metrics::default();
    metrics.family("taskpaw_agent", Kind::Gauge, "Always 1; its labels say which agent this is.");
    metrics.sample(
        &[("machine", &shared.machine), ("server_id", &shared.server_id), ("version", version())],
        1.0,
    );
    metrics.family("taskpaw_events_waiting", Kind::Gauge, "Events that no hub has acknowledged.");
    metrics.sample(&[], shared.events.waiting() as f64);
    metrics.family("taskpaw_events", Kind::Counter, "Events since the agent was installed.");
    metrics.sample(&[], shared.events.last_id() as f64);
    metrics.family(
        "taskpaw_monitor_state",
        Kind::Gauge,
        "1 for the state that a monitor is in, 0 for the others.",
    );
    for (name, type_id, now) in &states {
        for (state, word) in STATES {
            let labels = [("monitor", name.as_str()), ("type", type_id), ("state", word)];
            metrics.sample(&labels, f64::from(u8::from(state == *now)));
        }
    }
    metrics.family(
        "taskpaw_monitor_last_update_timestamp_seconds",
        Kind::Gauge,
        "When a monitor looked last, in seconds since 1970.",
    );
    for (name, time) in &updates {
        metrics.sample(&[("monitor", name)], *time);
    }
    for ((type_id, key), samples) in &numbers {
        let help = format!("The number {key} of monitors of the type {type_id}.");
        metrics.family(&format!("taskpaw_{type_id}_{key}"), Kind::Gauge, &help);
        for Sample { monitor, part, value } in samples {
            let mut labels = vec![("monitor", monitor.as_str())];
            labels.extend(part.as_ref().map(|(list, number)| (list.as_str(), number.as_str())));
            metrics.sample(&labels, *value);
        }
    }
    metrics
}

/// The numbers of a value, those of a list of things too. Truth counts as 1, and words do not count.
fn collect(
    monitor: &str,
    key: &str,
    value: &Value,
    part: Option<&(String, String)>,
    found: &mut impl FnMut(String, Sample),
) {
    let number = match value {
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Number(number) => number.as_f64(),
        Value::Array(things) if part.is_none() => {
            for (at, thing) in things.iter().enumerate() {
                let part = (key.to_owned(), at.to_string());
                for (inner, value) in thing.as_object().into_iter().flatten() {
                    collect(monitor, &format!("{key}_{inner}"), value, Some(&part), found);
                }
            }
            None
        }
        _ => None,
    };
    if let Some(value) = number {
        found(key.to_owned(), Sample { monitor: monitor.to_owned(), part: part.cloned(), value });
    }
}
