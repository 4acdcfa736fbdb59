//! What a machine of the fleet keeps of a week: asked for when somebody looks, bounded, and not kept here.

use std::time::Duration;

use taskpaw_contract::ipc::{History, MetricSeries, MonitorHistory};

/// The largest answer that is read: sixty monitors have some 400 KiB.
pub(super) const HISTORY_BYTES: usize = 1024 * 1024;
/// How long it may take: the app waits for 5 s.
pub(super) const HISTORY_LIMIT: Duration = Duration::from_secs(4);
/// How much of the history is kept. An agent has at most as much.
const MOST_MONITORS: usize = 200;
const MOST_SERIES: usize = 16;
const MOST_PLACES: usize = 1_500;
const MOST_STATES: usize = 2_000;
const LONGEST_NAME: usize = 400;
const LONGEST_KEY: usize = 64;

/// A history as it was answered, as far as it is kept; nothing if it is none.
pub(super) fn parse(body: &[u8]) -> Option<History> {
    let mut history: History = serde_json::from_slice(body).ok()?;
    let is_possible = (1..=3_600).contains(&history.step_seconds) && history.from <= history.now;
    let monitors = &mut history.monitors;
    monitors.retain(|monitor| monitor.name.len() <= LONGEST_NAME);
    monitors.truncate(MOST_MONITORS);
    for MonitorHistory { states, series, .. } in monitors {
        states.truncate(MOST_STATES);
        series.retain(|series| series.key.len() <= LONGEST_KEY);
        series.truncate(MOST_SERIES);
        for MetricSeries { mean, low, high, .. } in series {
            for row in [mean, low, high] {
                row.truncate(MOST_PLACES);
            }
        }
    }
    is_possible.then_some(history)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use taskpaw_contract::ipc::MonitorState;

    use super::*;

    #[test]
    fn what_is_too_much_is_cut_and_what_is_none_refused() {
        let row = vec![Some(1.0); 5_000];
        let monitor = json!({
            "name": "m",
            "states": vec![json!({ "at": 5, "state": "ok" }); 3_000],
            "series": vec![json!({ "key": "k", "mean": row, "low": [], "high": [] }); 30],
        });
        let answer =
            json!({ "now": 9, "from": 1, "step_seconds": 60, "monitors": vec![monitor; 2], "more": 1 });
        let history = parse(answer.to_string().as_bytes()).unwrap();
        let found = &history.monitors[0];
        assert_eq!((found.states.len(), found.series.len(), found.series[0].mean.len()), (2_000, 16, 1_500));
        let mut other = answer.clone();
        other["monitors"] =
            json!([{ "name": "m", "states": [{ "at": 1, "state": "dreaming" }], "series": [] }]);
        let history = parse(other.to_string().as_bytes()).unwrap();
        let state = history.monitors[0].states[0].state;
        assert_eq!(state, Some(MonitorState::Unknown), "a word of a later version");
        for (key, wrong) in
            [("step_seconds", json!(0)), ("from", json!(10)), ("now", json!("x")), ("monitors", json!(1))]
        {
            let mut broken = answer.clone();
            broken[key] = wrong;
            assert_eq!(parse(broken.to_string().as_bytes()), None, "{key}");
        }
        assert_eq!(parse(b"[]"), None);
    }
}
