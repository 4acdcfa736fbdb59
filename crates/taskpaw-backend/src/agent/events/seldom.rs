//! A line in the log that whoever asks could have written with each request: it is said seldom.

use std::time::{Duration, Instant};

/// Between two of them: an hour of it is as long as a quiet day.
const EVERY: Duration = Duration::from_secs(10);

/// When it was said last.
#[derive(Debug, Default)]
pub(super) struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether it is said now.
    pub(super) fn may_say(&mut self, now: Instant) -> bool {
        let may = self.0.is_none_or(|last| now.saturating_duration_since(last) >= EVERY);
        if may {
            self.0 = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_seldom() {
        let began = Instant::now();
        let mut seldom = Seldom::default();
        // A minute of a thousand requests in a second.
        let said = (0..60_000_u64).filter(|step| seldom.may_say(began + Duration::from_millis(*step)));
        assert_eq!(said.count(), 6);
    }
}
