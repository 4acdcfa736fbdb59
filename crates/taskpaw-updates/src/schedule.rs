//! When the app looks, and when a download that broke off goes on: pure, in ms since 1970. A clock that was set back means now.

/// Between two looks.
pub const DAY: u64 = 24 * 60 * 60 * 1000;
/// Not all ask at the same time of the day: each waits up to so much longer, as it was drawn at its start.
pub const JITTER: u64 = 2 * 60 * 60 * 1000;
/// A start has other things to do for so long.
pub const QUIET: u64 = 60 * 1000;
const HOUR: u64 = 60 * 60 * 1000;
const MINUTE: u64 = 60 * 1000;

/// When the next look by itself is due. `failures` are the looks in a row that reached nobody, the last of them at `tried`.
#[must_use]
pub fn next_look(
    started: u64,
    looked_at: Option<u64>,
    tried: Option<(u64, u32)>,
    jitter: u64,
    now: u64,
) -> u64 {
    let due = match (tried, looked_at) {
        (Some((at, failures)), _) if failures > 0 && at <= now => {
            at.saturating_add(doubled(HOUR, failures, DAY))
        }
        (_, Some(at)) if at <= now => at.saturating_add(DAY).saturating_add(jitter),
        _ => 0,
    };
    due.max(started.saturating_add(QUIET).min(now.saturating_add(QUIET)))
}

/// When a download that broke off the `failures`-th time in a row goes on.
#[must_use]
pub fn goes_on(failures: u32, now: u64) -> u64 {
    now.saturating_add(doubled(MINUTE, failures, HOUR))
}

/// So much at first, and twice as much each time, up to a bound.
fn doubled(first: u64, times: u32, most: u64) -> u64 {
    first.saturating_mul(1_u64.checked_shl(times.saturating_sub(1)).unwrap_or(u64::MAX)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    #[test]
    fn it_looks_once_a_day_and_not_at_once_after_a_start() {
        assert_eq!(next_look(NOW, None, None, 7, NOW), NOW + QUIET);
        assert_eq!(next_look(NOW - DAY, Some(NOW - HOUR), None, 7, NOW), NOW - HOUR + DAY + 7);
        assert_eq!(next_look(NOW, Some(NOW - 2 * DAY), None, 7, NOW), NOW + QUIET, "it was off for two days");
        assert!(next_look(NOW - DAY, Some(NOW + DAY), None, 7, NOW) <= NOW, "the clock was set back");
        assert!(next_look(NOW + DAY, None, None, 7, NOW) <= NOW + QUIET, "since it was started");
    }

    #[test]
    fn who_reaches_nobody_tries_less_and_less_often() {
        let hours = |failures| (next_look(0, None, Some((NOW, failures)), 7, NOW) - NOW) / HOUR;
        assert_eq!([1, 2, 3, 4, 5, 6, 99].map(hours), [1, 2, 4, 8, 16, 24, 24]);
        let minutes = |failures| (goes_on(failures, NOW) - NOW) / MINUTE;
        assert_eq!([1, 2, 3, 7, 99].map(minutes), [1, 2, 4, 60, 60]);
    }
}
