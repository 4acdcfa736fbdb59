//! Watching ports that cannot be had now, until their caller has seen enough.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::decision::{Verdict, decide};
use crate::identity::IdentityRules;
use crate::port::WantedPort;
use crate::role::Role;
use crate::snapshot::Snapshot;
use crate::sys::System;

/// At least so often it is asked whether the watch is still wanted, and whether a port can be bound where asking that costs
/// next to nothing: a person who ends what was in the way sees the start within a second.
const STEP: Duration = Duration::from_millis(500);
/// The longest time between two looks, whatever they cost.
const LONGEST: Duration = Duration::from_secs(5);
/// The longest interval where trial binds already tell what a person waits for: a look then only finds out who has joined or
/// replaced a holder.
const LONGEST_BESIDE_BINDS: Duration = Duration::from_secs(30);
/// A look may take this part of the time until the next one: 0.1 % of a core.
const SHARE: u32 = 1000;
/// The most processes that are waited for at once. A port has one holder, or a few that have inherited it.
const WAITED_FOR: usize = 32;

/// How long after a look that took `took` the next one follows, if nothing tells sooner that something has changed.
#[must_use]
fn pause_after(took: Duration, has_cheap_binds: bool) -> Duration {
    let longest = if has_cheap_binds { LONGEST_BESIDE_BINDS } else { LONGEST };
    took.saturating_mul(SHARE).clamp(STEP, longest)
}

/// Looks at ports again and again, until `see` has seen enough or `is_wanted` says no. Nothing is changed, and nobody is
/// signalled. Blocks.
///
/// `see` gets what was seen and what is decided on it, of every look. The next look follows at once when a process that was
/// seen has ended; within half a second when a port can be bound that could not, or the other way round (where the system
/// answers that cheaply, see [`System::try_binds`]); and in any case after 0.5 to 5 s, by what a look costs, or up to 30 s where
/// binds are cheap: looks take at most 0.1 % of a core then. A look that fails is made again.
pub fn watch<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &[WantedPort],
    mut see: impl FnMut(&Snapshot, &Verdict) -> ControlFlow<()>,
    is_wanted: impl Fn() -> bool,
) {
    let has_cheap_binds = system.try_binds(wanted).is_some();
    while is_wanted() {
        let began = system.now();
        let looked = system.look(role, wanted).ok();
        let next = system.now() + pause_after(system.now().saturating_sub(began), has_cheap_binds);
        let verdict = looked.as_ref().map(|seen| decide(seen, rules));
        if let (Some(seen), Some(verdict)) = (&looked, &verdict)
            && see(seen, verdict).is_break()
        {
            return;
        }
        let holders = verdict.as_ref().map(|verdict| handles(system, verdict)).unwrap_or_default();
        while is_wanted() && system.now() < next {
            let step = STEP.min(next.saturating_sub(system.now()));
            if wait(system, &holders, step) {
                break;
            }
            let binds = looked.as_ref().and_then(|seen| Some((&seen.binds, system.try_binds(wanted)?)));
            if binds.is_some_and(|(before, now)| *before != now) {
                break;
            }
        }
    }
}

/// Handles on the processes that have a port, or the state. One that cannot be opened is only looked at.
fn handles<S: System>(system: &S, verdict: &Verdict) -> Vec<S::Handle> {
    let holders = verdict.ports.iter().flat_map(|port| &port.holders).chain(&verdict.state_holder);
    let mut pids: Vec<_> = holders.map(|holder| holder.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids.truncate(WAITED_FOR);
    pids.into_iter().filter_map(|pid| system.open(pid).ok().flatten()).collect()
}

/// Waits until one of them has ended; false if none has in this time.
fn wait<S: System>(system: &S, holders: &[S::Handle], time: Duration) -> bool {
    let handles: Vec<&S::Handle> = holders.iter().collect();
    if handles.is_empty() {
        system.pause(time);
        return false;
    }
    match system.wait_any(&handles, time) {
        Ok(exited) => exited.contains(&true),
        Err(_) => {
            system.pause(time);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_costs_a_thousandth_of_the_time_or_less_and_is_never_put_off_for_long() {
        let ms = Duration::from_millis;
        for (took, pause) in [(0, 500), (1, 1000), (3, 3000), (5, 5000), (60_000, 5000)] {
            assert_eq!(pause_after(ms(took), false), ms(pause), "{took} ms");
        }
        assert_eq!(pause_after(ms(15), true), ms(15_000));
        assert_eq!(pause_after(Duration::from_micros(100), true), STEP);
        assert_eq!(pause_after(Duration::MAX, false), LONGEST);
        assert_eq!(pause_after(Duration::MAX, true), LONGEST_BESIDE_BINDS);
    }
}
