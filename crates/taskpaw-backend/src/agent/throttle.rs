//! Keeps one monitor from flooding everybody: more events than a minute allows become one that says how many.

use std::time::{Duration, Instant};

/// So many events of one monitor in each window.
const MOST: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// How many events a monitor has sent lately.
#[derive(Debug)]
pub(super) struct Throttle {
    since: Instant,
    sent: u32,
    folded: u32,
}

impl Throttle {
    /// Nothing was sent yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, sent: 0, folded: 0 }
    }

    /// Whether one more event may be sent; if not, it is counted.
    pub(super) fn admits_one(&mut self) -> bool {
        let admits = self.sent < MOST;
        if admits {
            self.sent += 1
        } else {
            self.folded += 1
        }
        admits
    }

    /// Begins a new window when it is time; says how many events were folded in the old one. Telling that is the
    /// first event of the new one.
    pub(super) fn folded(&mut self, now: Instant) -> Option<u32> {
        if now.duration_since(self.since) < WINDOW {
            return None;
        }
        let folded = std::mem::take(&mut self.folded);
        (self.since, self.sent) = (now, u32::from(folded > 0));
        (folded > 0).then_some(folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_one_event() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        let admitted = (0..100).filter(|_| throttle.admits_one()).count();
        assert_eq!((admitted, throttle.folded(start + Duration::from_secs(59))), (60, None));
        assert_eq!(throttle.folded(start + WINDOW), Some(40));
        assert_eq!((0..100).filter(|_| throttle.admits_one()).count(), 59);
        assert_eq!(throttle.folded(start + 2 * WINDOW), Some(41));
        assert_eq!(throttle.folded(start + 3 * WINDOW), None);
    }
}
