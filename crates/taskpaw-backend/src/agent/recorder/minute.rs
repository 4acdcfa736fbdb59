//! What the monitors have found since the last write: sums of this minute, and changes of state. It has no disk and no clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};
use taskpaw_contract::ipc::MonitorState;

use super::segment::{Entry, LONGEST_KEY, Name};

pub(super) const MINUTE_MS: u64 = 60_000;
/// The most numbers that are kept of one monitor, and of all.
const MOST_KEYS: usize = 12;
const MOST_NUMBERS: usize = 1_000;
/// So many changes of one monitor's state are kept of an hour: of one that flaps every second, what comes after them is seen
/// in the next hour.
const MOST_CHANGES: u32 = 120;
const HOUR_MS: u64 = 3_600_000;
/// How much waits while no disk accepts it: beyond that the oldest go.
const MOST_WAITING: usize = 4_096;
/// A jump by more than so many minutes is a time when nobody watched.
const JUMP: u64 = 2;
/// Numbers that say nothing over time.
const LEFT_OUT: [&str; 4] = ["uptime_seconds", "cpu_count", "load_5m", "load_15m"];

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Minute {
    /// The minute since 1970 that is summed up; nothing before the first.
    now: Option<u64>,
    sums: BTreeMap<Name, (f64, u32)>,
    known: BTreeMap<String, Known>,
    waiting: VecDeque<Entry>,
    is_full: bool,
}

/// What is known of a monitor's state.
#[derive(Debug)]
struct Known {
    state: MonitorState,
    hour: u64,
    changes: u32,
}

impl Minute {
    /// A monitor is in a state; says whether that is another one than before.
    pub(super) fn state(&mut self, monitor: &str, state: MonitorState, now: u64) -> bool {
        let hour = now / HOUR_MS;
        let known = match self.known.get_mut(monitor) {
            Some(known) if known.state == state => return false,
            Some(known) => known,
            None => {
                let first = Known { state, hour, changes: 0 };
                self.known.entry(monitor.to_owned()).or_insert(first)
            }
        };
        if known.hour != hour {
            (known.hour, known.changes) = (hour, 0);
        }
        if known.changes >= MOST_CHANGES {
            return false;
        }
        known.changes += 1;
        known.state = state;
        self.wait(Entry::State { monitor: monitor.to_owned(), at: now, state: Some(state) });
        true
    }

    /// A monitor has found these numbers.
    pub(super) fn numbers(&mut self, monitor: &str, metrics: &Map<String, Value>, now: u64) {
        self.roll(now);
        let (mut count, total) = (0, self.sums.len());
        for (key, number) in numbers_of(metrics) {
            if count >= MOST_KEYS {
                return;
            }
            count += 1;
            let name = Arc::new((monitor.to_owned(), key.to_owned()));
            if let Some((sum, looks)) = self.sums.get_mut(&name) {
                *sum += number;
                *looks += 1;
            } else if total + count <= MOST_NUMBERS {
                self.sums.insert(name, (number, 1));
            } else if !std::mem::replace(&mut self.is_full, true) {
                tracing::warn!(
                    "the history keeps {MOST_NUMBERS} numbers; those of {monitor} are not among them"
                );
            }
        }
    }

    /// A monitor is watched no more: what it was is shown no more either.
    pub(super) fn forget(&mut self, monitor: &str, now: u64) {
        self.known.remove(monitor);
        self.sums.retain(|name, _| name.0 != monitor);
        self.wait(Entry::State { monitor: monitor.to_owned(), at: now, state: None });
    }

    /// Nobody watched until now.
    pub(super) fn gap(&mut self, from: u64, to: u64) {
        self.wait(Entry::Gap { from, to });
    }

    /// Time goes on. A minute that is over waits to be written, and a jump is a time when nobody watched.
    pub(super) fn roll(&mut self, now: u64) {
        let minute = now / MINUTE_MS;
        let Some(before) = self.now.replace(minute).filter(|before| *before != minute) else { return };
        self.close(before);
        if minute > before + JUMP {
            self.wait(Entry::Gap { from: (before + 1) * MINUTE_MS, to: now });
        }
    }

    /// What waits, in order.
    pub(super) fn take(&mut self, now: u64) -> Vec<Entry> {
        self.roll(now);
        std::mem::take(&mut self.waiting).into()
    }

    /// Takes everything, including the minute that is not over.
    pub(super) fn take_all(&mut self, now: u64) -> Vec<Entry> {
        self.roll(now);
        if let Some(minute) = self.now.take() {
            self.close(minute);
        }
        std::mem::take(&mut self.waiting).into()
    }

    /// What waits, without taking it.
    pub(super) fn waiting(&self) -> Vec<Entry> {
        self.waiting.iter().cloned().collect()
    }

    /// What could not be written waits again.
    pub(super) fn put_back(&mut self, entries: Vec<Entry>) {
        for entry in entries.into_iter().rev() {
            self.waiting.push_front(entry);
        }
        self.trim();
    }

    fn close(&mut self, minute: u64) {
        let sums = std::mem::take(&mut self.sums);
        let Ok(at) = u32::try_from(minute) else { return };
        let means = sums.into_iter().map(|(name, (sum, looks))| (name, sum / f64::from(looks))).collect();
        self.wait(Entry::Minute { at, means });
    }

    fn wait(&mut self, entry: Entry) {
        self.waiting.push_back(entry);
        self.trim();
    }

    fn trim(&mut self) {
        // A minute has many numbers, a change of state has one.
        let minutes = self.waiting.iter().filter(|entry| matches!(entry, Entry::Minute { .. })).count();
        if minutes > 60
            && let Some(oldest) = self.waiting.iter().position(|entry| matches!(entry, Entry::Minute { .. }))
        {
            self.waiting.remove(oldest);
        }
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
        }
    }
}

/// The numbers of a look that are worth a chart, with the busiest graphics card as one.
fn numbers_of(metrics: &Map<String, Value>) -> impl Iterator<Item = (&str, f64)> {
    let own = metrics.iter().filter_map(|(key, value)| {
        let is_kept = key.len() <= LONGEST_KEY && !LEFT_OUT.contains(&key.as_str());
        Some((key.as_str(), value.as_f64()?)).filter(|(_, number)| is_kept && number.is_finite())
    });
    let busiest = |key: &str| {
        let cards = metrics.get("gpus").and_then(Value::as_array).into_iter().flatten();
        cards.filter_map(|card| card.get(key)?.as_f64()).filter(|number| number.is_finite()).reduce(f64::max)
    };
    let gpu = busiest("utilization_percent").map(|percent| ("gpu_percent", percent));
    // Before the others: of twelve it is one that people ask for.
    gpu.into_iter().chain(own)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metrics(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn the_looks_of_a_minute_are_one_mean_and_what_is_no_number_is_left_out() {
        let mut minute = Minute::default();
        let at = 100 * MINUTE_MS;
        let look = |load: f64| {
            metrics(json!({ "load": load, "word": "done", "flag": true, "none": null, "uptime_seconds": 5,
                "gpus": [{ "utilization_percent": 20.0 }, { "utilization_percent": 70.0 }] }))
        };
        minute.numbers("m", &look(1.0), at);
        minute.numbers("m", &look(3.0), at + 59_999);
        assert_eq!(minute.take(at + 59_999), [], "it is not over");
        let name = |key: &str| Arc::new(("m".to_owned(), key.to_owned()));
        let means = vec![(name("gpu_percent"), 70.0), (name("load"), 2.0)];
        assert_eq!(minute.take(at + MINUTE_MS), [Entry::Minute { at: 100, means }]);
        assert_eq!(
            minute.take_all(at + MINUTE_MS),
            [Entry::Minute { at: 101, means: vec![] }],
            "it was watched"
        );
    }

    #[test]
    fn only_changes_are_kept_and_one_that_flaps_is_bounded() {
        let mut minute = Minute::default();
        for second in 0..7_200_u64 {
            let state = if second % 2 == 0 { MonitorState::Ok } else { MonitorState::Error };
            minute.state("flaps", state, second * 1000);
            minute.state("calm", MonitorState::Ok, second * 1000);
        }
        let entries = minute.take(7_200_000);
        let of = |name: &str| {
            let is_it = |entry: &&Entry| matches!(entry, Entry::State { monitor, .. } if monitor == name);
            entries.iter().filter(is_it).count()
        };
        assert_eq!((of("calm"), of("flaps")), (1, 240));
        assert!(
            minute.state("flaps", MonitorState::Ok, 3 * HOUR_MS)
                || minute.known["flaps"].state == MonitorState::Ok
        );
    }

    #[test]
    fn a_jump_ahead_is_a_gap_and_a_clock_that_is_set_back_is_none() {
        let mut minute = Minute::default();
        minute.roll(10 * MINUTE_MS);
        let entries = minute.take(500 * MINUTE_MS + 1);
        let gap = Entry::Gap { from: 11 * MINUTE_MS, to: 500 * MINUTE_MS + 1 };
        assert_eq!(entries, [Entry::Minute { at: 10, means: vec![] }, gap]);
        assert_eq!(minute.take(100 * MINUTE_MS), [Entry::Minute { at: 500, means: vec![] }]);
    }

    #[test]
    fn what_no_disk_takes_is_bounded() {
        let mut minute = Minute::default();
        let many = (0..50).map(|key| (format!("k{key}"), json!(key))).collect();
        for at in 0..10_000 {
            for monitor in 0..100 {
                if at < 3 {
                    minute.numbers(&format!("m{monitor}"), &many, at * MINUTE_MS);
                }
            }
            let waiting = minute.take(at * MINUTE_MS);
            minute.put_back(waiting);
        }
        assert!(minute.waiting.len() <= 61, "{}", minute.waiting.len());
        minute.numbers("m0", &many, 10_000 * MINUTE_MS);
        assert_eq!(minute.sums.len(), MOST_KEYS);
    }
}
