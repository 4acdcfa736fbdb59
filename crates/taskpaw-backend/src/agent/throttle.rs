//! Keeps one monitor from flooding everybody: more events than a minute allows become one that says how many.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most events of one monitor in any minute.
const MOST: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// What a monitor has sent lately.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// When the events of the last minute were sent.
    sent: VecDeque<Instant>,
    folding: Option<Folding>,
}

/// Events that were not sent.
#[derive(Debug)]
struct Folding {
    since: Instant,
    folded: Folded,
}

/// What stands for events that were not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folded {
    /// How many they are.
    pub(super) count: u32,
    /// What the last of them said: that is how things are now.
    pub(super) last: String,
}

impl Throttle {
    /// Whether one more event may be sent; if not, it is counted, and what it says is kept.
    pub(super) fn admits(&mut self, message: &str, now: Instant) -> bool {
        while self.sent.front().is_some_and(|sent| now.duration_since(*sent) >= WINDOW) {
            self.sent.pop_front();
        }
        // Once events are folded they are until that is told, so that their order stays.
        if self.folding.is_none() && self.sent.len() < MOST {
            self.sent.push_back(now);
            return true;
        }
        let fresh = || Folding { since: now, folded: Folded { count: 0, last: String::new() } };
        let Folding { folded, .. } = self.folding.get_or_insert_with(fresh);
        folded.count += 1;
        message.clone_into(&mut folded.last);
        false
    }

    /// Goes on with events that were not sent before a restart.
    pub(super) fn resume(&mut self, count: u32, last: String, now: Instant) {
        self.folding = Some(Folding { since: now, folded: Folded { count, last } });
    }

    /// The events that are not sent now, if there are any: how many, and the last word.
    pub(super) fn left_out(&self) -> Option<(u32, String)> {
        self.folding.as_ref().map(|Folding { folded, .. }| (folded.count, folded.last.clone()))
    }

    /// How many events are not sent now.
    pub(super) fn dropped(&self) -> u32 {
        self.folding.as_ref().map_or(0, |folding| folding.folded.count)
    }

    /// A minute after the first event that was not sent: what stands for all of them. Telling it counts as an event.
    pub(super) fn folded(&mut self, now: Instant) -> Option<Folded> {
        let folding = self.folding.take_if(|folding| now.duration_since(folding.since) >= WINDOW)?;
        self.sent.clear();
        self.sent.push_back(now);
        Some(folding.folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_one_event_and_no_minute_has_more_than_sixty() {
        let start = Instant::now();
        let at = |tenths: u32| start + tenths * Duration::from_millis(100);
        let mut throttle = Throttle::default();
        let mut told = Vec::new();
        let (mut admitted, mut counted) = (0, 0);
        // Two events a second, for ten minutes, and then silence.
        for tenths in (0..12_000).step_by(5) {
            if let Some(folded) = throttle.folded(at(tenths)) {
                told.push(tenths);
                counted += folded.count;
                assert!(folded.last.parse::<u32>().unwrap() < tenths);
            }
            if tenths < 6_000 && throttle.admits(&tenths.to_string(), at(tenths)) {
                told.push(tenths);
                admitted += 1;
            }
        }
        assert_eq!(admitted + counted, 1_200, "none is forgotten");
        for window in told.windows(MOST + 1) {
            assert!(window[MOST] - window[0] >= 600, "{window:?}");
        }
    }

    #[test]
    fn the_last_word_is_kept() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        for number in 0..=60 {
            throttle.admits(&number.to_string(), start);
        }
        assert_eq!(throttle.folded(start + WINDOW / 2), None);
        let folded = throttle.folded(start + WINDOW);
        assert_eq!(folded, Some(Folded { count: 1, last: "60".to_owned() }));
        assert_eq!(throttle.folded(start + 3 * WINDOW), None);
    }
}
