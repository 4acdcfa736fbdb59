//! Which hub has which events. One goes when all that still ask have it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::seldom::Seldom;

/// A hub that has not asked for so long is not waited for any more: longer than a holiday week-end, and no longer than
/// the 10,000 events of a quiet machine.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many hubs are remembered; beyond that, the one that has not asked for the longest time is forgotten.
const MOST_HUBS: usize = 32;
/// How exactly it is kept across a restart when a hub has asked last.
const KEEP_EVERY: Duration = Duration::from_secs(60 * 60);

/// What is kept of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HubRecord {
    /// What it calls itself; empty for all that do not, which share one acknowledgement.
    pub(super) hub: String,
    /// The last event that it has.
    pub(super) ack: u64,
    /// For how long it had not asked while this agent ran. Neither a clock that is set nor a machine that was off
    /// makes a hub seem gone.
    pub(super) idle_seconds: u64,
}

/// The hubs that have asked.
#[derive(Debug, Default)]
pub(super) struct Hubs {
    known: Vec<Known>,
    /// What is to be kept is another than what was kept.
    is_changed: bool,
    /// That one is forgotten: whoever asks can call itself what it wants.
    said: Seldom,
}

#[derive(Debug)]
struct Known {
    name: String,
    ack: u64,
    idle_before: Duration,
    since: Instant,
    kept_at: Instant,
}

impl Known {
    fn idle(&self, now: Instant) -> Duration {
        self.idle_before.saturating_add(now.saturating_duration_since(self.since))
    }
}

impl Hubs {
    /// What an earlier launch has known.
    pub(super) fn of(records: Vec<HubRecord>, now: Instant) -> Self {
        let known = |HubRecord { hub, ack, idle_seconds }| Known {
            name: hub,
            ack,
            idle_before: Duration::from_secs(idle_seconds),
            since: now,
            kept_at: now,
        };
        Self {
            known: records.into_iter().take(MOST_HUBS).map(known).collect(),
            is_changed: false,
            said: Seldom::default(),
        }
    }

    /// A hub asks, and says what it has; gives back the last event that it has. `forgotten` is the last event that
    /// nobody can have any more.
    pub(super) fn asks(&mut self, name: &str, ack: u64, forgotten: u64, now: Instant) -> u64 {
        let at = self.known.iter().position(|known| known.name == name).unwrap_or_else(|| {
            if self.known.len() >= MOST_HUBS {
                self.forget_the_longest_idle(now);
            }
            self.is_changed = true;
            let (name, zero) = (name.to_owned(), Duration::ZERO);
            self.known.push(Known { name, ack: forgotten, idle_before: zero, since: now, kept_at: now });
            self.known.len() - 1
        });
        let known = &mut self.known[at];
        let has = known.ack.max(ack).max(forgotten);
        if has != known.ack || now.saturating_duration_since(known.kept_at) >= KEEP_EVERY {
            self.is_changed = true;
        }
        (known.ack, known.idle_before, known.since) = (has, Duration::ZERO, now);
        has
    }

    /// The last event that every hub has that has asked lately; nothing if none has.
    pub(super) fn had_by_all(&self, now: Instant) -> Option<u64> {
        self.known.iter().filter(|known| known.idle(now) < PATIENCE).map(|known| known.ack).min()
    }

    /// What to keep, if it is another than what was kept.
    pub(super) fn take_changed(&mut self, now: Instant) -> Option<Vec<HubRecord>> {
        std::mem::take(&mut self.is_changed).then(|| self.records(now))
    }

    /// Whether what is to be kept is another than what was kept.
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// What to keep could not be kept.
    pub(super) fn not_kept(&mut self) {
        self.is_changed = true;
    }

    /// What to keep.
    pub(super) fn records(&mut self, now: Instant) -> Vec<HubRecord> {
        let record = |known: &mut Known| {
            known.kept_at = now;
            HubRecord { hub: known.name.clone(), ack: known.ack, idle_seconds: known.idle(now).as_secs() }
        };
        self.known.iter_mut().map(record).collect()
    }

    fn forget_the_longest_idle(&mut self, now: Instant) {
        let longest = (0..self.known.len()).max_by_key(|&at| self.known[at].idle(now));
        if let Some(at) = longest {
            let Known { name, .. } = self.known.swap_remove(at);
            if self.said.may_say(now) {
                tracing::warn!(
                    "{MOST_HUBS} hubs have asked for events; {name} has not for the longest time and is forgotten"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn an_event_goes_when_all_that_still_ask_have_it() {
        let start = Instant::now();
        let mut hubs = Hubs::default();
        assert_eq!(hubs.had_by_all(start), None);
        assert_eq!(hubs.asks("a", 5, 0, start), 5);
        assert_eq!(hubs.asks("", 2, 0, start), 2);
        assert_eq!(hubs.had_by_all(start), Some(2));
        assert_eq!(hubs.asks("a", 1, 0, start), 5, "what it has it has");
        let later = start + 7 * DAY;
        assert_eq!(hubs.asks("a", 6, 2, later), 6);
        assert_eq!(hubs.had_by_all(later), Some(6), "nobody waits for a hub that is gone");
        assert_eq!(hubs.asks("", 0, 6, later), 6, "one that comes back gets what is still there");
    }

    #[test]
    fn time_in_which_this_agent_did_not_run_does_not_count() {
        let start = Instant::now();
        let mut hubs = Hubs::default();
        hubs.asks("a", 5, 0, start);
        hubs.asks("b", 9, 0, start + 6 * DAY);
        let records = hubs.take_changed(start + 6 * DAY).unwrap();
        assert_eq!(records[0], HubRecord { hub: "a".into(), ack: 5, idle_seconds: 6 * 24 * 60 * 60 });
        assert_eq!(hubs.take_changed(start + 6 * DAY), None);
        let again = Hubs::of(records, start);
        assert_eq!(again.had_by_all(start), Some(5));
        assert_eq!(again.had_by_all(start + DAY), Some(9));
    }

    #[test]
    fn the_one_that_has_not_asked_longest_is_forgotten_first() {
        let start = Instant::now();
        let mut hubs = Hubs::default();
        for number in 0..=MOST_HUBS {
            hubs.asks(&format!("{number}"), 0, 0, start + Duration::from_secs(number as u64));
        }
        let records = hubs.records(start);
        assert_eq!(records.len(), MOST_HUBS);
        assert!(records.iter().all(|record| record.hub != "0"));
    }

    #[test]
    fn what_did_not_change_is_not_written_again() {
        let start = Instant::now();
        let mut hubs = Hubs::default();
        hubs.asks("a", 1, 0, start);
        assert!(hubs.take_changed(start).is_some());
        hubs.asks("a", 1, 0, start + Duration::from_secs(60));
        assert_eq!(hubs.take_changed(start), None);
        hubs.asks("a", 1, 0, start + KEEP_EVERY);
        assert!(hubs.take_changed(start).is_some());
    }
}
