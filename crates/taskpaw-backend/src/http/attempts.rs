//! How often an address may show a wrong token: often enough for a mistake, too seldom for guessing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ApiError;

/// So many wrong tokens of one address in each window.
const MOST: u32 = 50;
const WINDOW: Duration = Duration::from_secs(60);
/// So many addresses are remembered; then the oldest is forgotten.
const MOST_ADDRESSES: usize = 1_024;

/// The wrong tokens of late.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, Count>>);

#[derive(Debug)]
struct Count {
    since: Instant,
    wrong: u32,
}

impl Attempts {
    /// Whether a request goes on. An address that has tried too often is not answered for a while, even if it shows
    /// the right token then. On this machine the right token always counts: otherwise any program on it could keep
    /// the app out.
    pub(super) fn judge(
        &self,
        peer: IpAddr,
        is_let_in: bool,
        has_tried: bool,
        now: Instant,
    ) -> Result<(), ApiError> {
        let peer = peer.to_canonical();
        if is_let_in && peer.is_loopback() {
            return Ok(());
        }
        // Nothing panics while it holds the lock.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = network_of(peer);
        counts.retain(|_, count| now.duration_since(count.since) < WINDOW);
        if let Some(count) = counts.get(&key).filter(|count| count.wrong >= MOST) {
            let left = WINDOW.saturating_sub(now.duration_since(count.since));
            return Err(ApiError::TooManyAttempts { seconds: left.as_secs() + 1 });
        }
        if is_let_in {
            return Ok(());
        }
        if has_tried {
            if counts.len() >= MOST_ADDRESSES && !counts.contains_key(&key) {
                let oldest = counts.iter().min_by_key(|(_, count)| count.since).map(|(address, _)| *address);
                oldest.map(|oldest| counts.remove(&oldest));
            }
            counts.entry(key).or_insert(Count { since: now, wrong: 0 }).wrong += 1;
        }
        Err(ApiError::Unauthorized)
    }
}

/// One household has a whole /64 of IPv6 addresses.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slow_and_nobody_else_suffers() {
        let attempts = Attempts::default();
        let (start, guesser, other) =
            (Instant::now(), "192.168.1.9".parse().unwrap(), "192.168.1.10".parse().unwrap());
        let judge = |peer: IpAddr, is_right: bool, now: Instant| attempts.judge(peer, is_right, true, now);
        for _ in 0..MOST {
            assert!(matches!(judge(guesser, false, start), Err(ApiError::Unauthorized)));
        }
        for is_right in [false, true] {
            let refused = judge(guesser, is_right, start + WINDOW / 2);
            assert!(matches!(refused, Err(ApiError::TooManyAttempts { seconds: 31 })), "{refused:?}");
        }
        assert!(judge(other, true, start).is_ok());
        assert!(judge(guesser, true, start + WINDOW).is_ok());
    }

    #[test]
    fn on_this_machine_the_right_token_always_counts() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let local: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        for _ in 0..MOST {
            assert!(attempts.judge(local, false, true, now).is_err());
        }
        assert!(matches!(attempts.judge(local, false, true, now), Err(ApiError::TooManyAttempts { .. })));
        assert!(attempts.judge(local, true, true, now).is_ok());
    }

    #[test]
    fn asking_without_a_token_is_no_guess_and_memory_is_bounded() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let peer = "10.0.0.1".parse().unwrap();
        for _ in 0..2 * MOST {
            assert!(matches!(attempts.judge(peer, false, false, now), Err(ApiError::Unauthorized)));
        }
        for number in 0..5_000_u32 {
            let _ = attempts.judge(IpAddr::V4(number.into()), false, true, now);
        }
        assert!(attempts.0.lock().unwrap().len() <= MOST_ADDRESSES);
        let same = ["fd00::1", "fd00::2:3"].map(|address| network_of(address.parse().unwrap()));
        assert_eq!(same[0], same[1]);
    }
}
