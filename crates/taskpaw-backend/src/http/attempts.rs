//! How fast tokens may be tried: at once for who makes a mistake, one after the other for who guesses, over all their
//! connections together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::places::Neighbourhood;

/// Between two wrong tokens from one place: at most ten are tried in a second.
const BETWEEN: Duration = Duration::from_millis(100);
/// The longest wait for a turn; a right token that is too short to be let in at once must not wait longer.
const LONGEST: Duration = Duration::from_secs(2);
/// How long a client that gets no turn waits for the answer: another guess on this connection costs as much.
pub(super) const HELD: Duration = LONGEST;
/// For so long an address that has shown the right token is judged by its own mistakes, and not by its neighbours'.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How many places, and how many addresses, are remembered; beyond that the oldest is forgotten.
const MOST: usize = 1_024;

/// The wrong tokens of late.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the next one may be tried from there.
    next: HashMap<Trier, Instant>,
    /// When an address has shown the right token.
    known: HashMap<IpAddr, Instant>,
}

/// Whose mistakes are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trier {
    Known(IpAddr),
    Neighbourhood(Neighbourhood),
}

/// When a token is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// At once; if it is wrong, [`Attempts::failed`] is told.
    Now,
    /// Then. It is counted already.
    At(Instant),
    /// Not at all: too many wait from there.
    Never,
}

impl Attempts {
    /// When a token of this connection is looked at.
    pub(super) fn turn(&self, peer: Option<IpAddr>, from: Neighbourhood, now: Instant) -> Turn {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trier = state.trier(peer, from, now);
        match state.next.get_mut(&trier) {
            Some(next) if *next > now => {
                let turn = *next;
                if turn.duration_since(now) > LONGEST {
                    return Turn::Never;
                }
                *next = turn + BETWEEN;
                Turn::At(turn)
            }
            _ => Turn::Now,
        }
    }

    /// Notes that a token was checked at once, and was wrong.
    pub(super) fn failed(&self, peer: Option<IpAddr>, from: Neighbourhood, now: Instant) {
        // Nothing panics while it holds the lock.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trier = state.trier(peer, from, now);
        state.next.retain(|_, next| *next > now);
        make_room(&mut state.next, &trier);
        let next = state.next.entry(trier).or_insert(now);
        *next = (*next).max(now) + BETWEEN;
    }

    /// This address has shown the right token.
    pub(super) fn is_right(&self, peer: Option<IpAddr>, from: Neighbourhood, now: Instant) {
        let Some(peer) = peer.filter(|_| from != Neighbourhood::Here) else { return };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut state.known, &peer);
        state.known.insert(peer, now);
    }
}

impl State {
    fn trier(&self, peer: Option<IpAddr>, from: Neighbourhood, now: Instant) -> Trier {
        let is_known = |peer: &IpAddr| {
            self.known.get(peer).is_some_and(|since| now.saturating_duration_since(*since) < KNOWN_FOR)
        };
        peer.filter(is_known).map_or(Trier::Neighbourhood(from), Trier::Known)
    }
}

fn make_room<K: Copy + Eq + std::hash::Hash>(of: &mut HashMap<K, Instant>, for_whom: &K) {
    if of.len() < MOST || of.contains_key(for_whom) {
        return;
    }
    let oldest = of.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key);
    oldest.map(|oldest| of.remove(&oldest));
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Neighbourhood = Neighbourhood::Here;

    fn from(peer: &str) -> (Option<IpAddr>, Neighbourhood) {
        let peer: IpAddr = peer.parse().unwrap();
        (Some(peer), Neighbourhood::of(peer, None))
    }

    /// How many wrong tokens are looked at within a second, if they come as fast as that.
    fn looked_at(
        attempts: &Attempts,
        who: (Option<IpAddr>, Neighbourhood),
        start: Instant,
        most: u32,
    ) -> u32 {
        let (mut turns, end) = (0, start + Duration::from_secs(1));
        for number in 0..most {
            let now = start + Duration::from_secs(1) * number / most;
            match attempts.turn(who.0, who.1, now) {
                Turn::Now => {
                    attempts.failed(who.0, who.1, now);
                    turns += 1;
                }
                Turn::At(then) if then < end => turns += 1,
                Turn::At(_) | Turn::Never => {}
            }
        }
        turns
    }

    #[test]
    fn ten_tries_in_a_second_from_one_place_and_nobody_else_waits() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for who in [from("127.0.0.1"), from("192.168.1.9"), from("fd00::1")] {
            assert_eq!(looked_at(&attempts, who, start, 10_000), 10, "{who:?}");
            let soon = start + Duration::from_secs(1);
            assert!(matches!(attempts.turn(who.0, who.1, soon), Turn::At(_) | Turn::Never), "{who:?}");
            assert_eq!(attempts.turn(who.0, who.1, soon + LONGEST + BETWEEN), Turn::Now, "{who:?}");
        }
        let (peer, there) = from("192.168.1.10");
        assert_eq!(attempts.turn(peer, there, start), Turn::Now);
    }

    #[test]
    fn a_household_is_slow_together_but_for_who_has_shown_the_right_token() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let (good, there) = from("fd00::7");
        attempts.is_right(good, there, start);
        for number in 0..100_u32 {
            let (peer, there) = from(&format!("fd00::1:{number:x}"));
            if attempts.turn(peer, there, start) == Turn::Now {
                attempts.failed(peer, there, start);
            }
        }
        let (bad, _) = from("fd00::2");
        assert_eq!(attempts.turn(bad, there, start), Turn::Never);
        assert_eq!(attempts.turn(good, there, start), Turn::Now);
        // Its own mistakes count.
        assert_eq!(looked_at(&attempts, (good, there), start, 1_000), 10);
    }

    #[test]
    fn memory_is_bounded_and_this_machine_is_nobody_in_particular() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..5_000_u32 {
            let peer = IpAddr::V4(number.into());
            attempts.failed(Some(peer), Neighbourhood::Address(peer), now);
            attempts.is_right(Some(peer), Neighbourhood::Address(peer), now);
        }
        attempts.is_right("127.0.0.1".parse().ok(), HERE, now);
        let state = attempts.0.lock().unwrap();
        assert_eq!((state.next.len(), state.known.len()), (MOST, MOST));
        assert!(state.known.keys().all(|peer| !peer.is_loopback()));
    }
}
