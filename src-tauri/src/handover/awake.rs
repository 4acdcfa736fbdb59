//! Whether the machine slept while something was waited for.
//!
//! Some systems' clocks go on while a machine sleeps (Windows), others' do not. A limit that has passed in sleep says nothing
//! about the other host, which slept too: the wait starts over.

use std::time::Duration;

use tokio::time::Instant;

/// A host that waits looks at the clock at least so often; a machine that is only busy is late by less than the double.
pub(super) const STEP: Duration = Duration::from_secs(1);
/// A clock that went on for longer than this between two looks has jumped.
const JUMP: Duration = Duration::from_secs(3);

/// When the clock was looked at last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awake {
    seen: Instant,
}

impl Awake {
    /// Awake now.
    pub(super) fn since(now: Instant) -> Self {
        Self { seen: now }
    }

    /// Looks at the clock; true if it has jumped since the last look.
    pub(super) fn has_slept(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.seen);
        self.seen = now;
        passed > JUMP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_noticed_once_and_a_busy_machine_is_none() {
        let began = Instant::now();
        let mut awake = Awake::since(began);
        for second in 1..60 {
            assert!(!awake.has_slept(began + second * STEP));
        }
        assert!(!awake.has_slept(began + 62 * STEP), "it is late");
        assert!(awake.has_slept(began + 3600 * STEP));
        assert!(!awake.has_slept(began + 3601 * STEP));
    }
}
