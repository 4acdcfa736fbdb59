//! The takeover itself: look, decide, verify, end, and look again.

mod round;
mod verify;

use std::ops::ControlFlow;
use std::time::Duration;

use crate::decision::{Decision, PortState, Verdict, decide};
use crate::error::{Doubt, LookError};
use crate::identity::IdentityRules;
use crate::port::{Claim, WantedPort};
use crate::process::Pid;
use crate::report::{AddressReuse, Outcome, Report, Terminated};
use crate::role::Role;
use crate::sys::System;
use round::{Run, without_kept};
use verify::started_since;
pub use verify::{Incumbent, verify};

/// How long a takeover may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the ask to stop until the kill; shared by all processes of a round.
    pub grace: Duration,
    /// From the kill until a process that does not end is given up (one that hangs in the kernel).
    pub kill_wait: Duration,
    /// How long a lingering port is waited for. Linux keeps TIME_WAIT for 60 s (`TCP_TIMEWAIT_LEN`), Windows keeps it, and
    /// FIN_WAIT_2, for up to 120 s (`TcpTimedWaitDelay`).
    pub lingering: Duration,
    /// How often stale processes are ended before one that always comes back is refused.
    pub rounds: u32,
    /// Nobody is ended who started later than this: see [`start_time_now`](crate::sys::start_time_now). Nothing: whenever
    /// they started. Two that restart their processes by themselves would take the ports from each other for ever.
    pub not_started_after: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(5),
            kill_wait: Duration::from_secs(2),
            lingering: Duration::from_secs(if cfg!(windows) { 122 } else { 62 }),
            rounds: 2,
            not_started_after: None,
        }
    }
}

/// Between two trial binds of a lingering port: no system has an event for it.
const LINGERING_STEP: Duration = Duration::from_millis(100);

/// Windows may say that a process has ended before the last of its sockets is gone: until then a listener whose owner cannot
/// be seen is taken for what is left of one that was just ended. Nothing says how long that takes; a second is far more than
/// a socket needs.
const SOCKETS_GONE_WITHIN: Duration = Duration::from_secs(1);
/// Between two looks at them.
const SOCKETS_STEP: Duration = Duration::from_millis(20);

/// What happens during a takeover.
#[derive(Debug)]
#[non_exhaustive]
pub enum TakeoverEvent<'a> {
    /// The ports were looked at; sent for every look.
    Looked(&'a Verdict),
    /// All that are to be ended are verified, and none was asked to stop yet: the last moment to ask something of them.
    /// `Break` calls the takeover off with nothing signalled, as [`Doubt::CalledOff`]. Sent once for each round.
    Verified(&'a [Incumbent]),
    /// What was done so that the connections of one of them do not keep its ports; sent before any is asked, and not where
    /// the system has no way to do it.
    Reuse(Pid, &'a AddressReuse),
    /// A process was asked to stop.
    Asked(Pid),
    /// A process has ended.
    Gone(&'a Terminated),
    /// A process did not stop in time and is killed.
    Forcing(Pid),
    /// A port becomes free by itself; sent for every trial.
    Lingering {
        /// Until it is given up.
        left: Duration,
    },
}

/// What an observer answers: `Break` ends a wait for a lingering port, and calls a reclaim off that was only verified. It
/// never leaves a reclaim half done.
pub type Called = ControlFlow<()>;

/// Takes over all wanted ports of a role, or none.
///
/// Blocks until the outcome is known: at most `rounds` × (`grace` + `kill_wait` + `lingering`) + `lingering`, and the looks.
///
/// # Errors
/// [`LookError`] if the first look fails; nothing was touched then. A later look that fails ends the
/// takeover too, after processes may have been ended: the report says so, as [`Doubt::LookFailed`].
pub fn take_over<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &[WantedPort],
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
) -> Result<Report, LookError> {
    run(system, rules, role, wanted, limits, observe, false).map(|(report, _none_is_kept)| report)
}

/// As [`take_over`], and keeps the listeners of those stale holders that never set SO_REUSEADDR: connections of theirs that
/// ended within the last minute would keep the port, but not from who has its listener. Clients that connect meanwhile wait
/// in its queue. The caller serves them, or passes them to the process that will; [`claim_the_rest`](crate::claim_the_rest)
/// claims the ports that are missing.
///
/// Linux only, and only where the system lets this process have them; else nothing is kept.
///
/// # Errors
/// As [`take_over`].
pub fn take_over_keeping<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &[WantedPort],
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
) -> Result<(Report, Vec<Claim>), LookError> {
    run(system, rules, role, wanted, limits, observe, true)
}

fn run<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &[WantedPort],
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
    keeps: bool,
) -> Result<(Report, Vec<Claim>), LookError> {
    let started = system.now();
    let snapshot = system.look(role, wanted)?;
    let first = decide(&snapshot, rules);
    let mut run = Run {
        system,
        rules,
        limits,
        observe,
        terminated: Vec::new(),
        survived: Vec::new(),
        reuse: Vec::new(),
        keeps,
        kept: Vec::new(),
        signalled: false,
    };
    let (mut seen, mut verdict) = (snapshot.clone(), first.clone());
    let (mut rounds, mut doubt, mut lingering_since, mut ended_at) = (0, None, None, None);
    let mut holders = Vec::new();
    loop {
        Report::note_holders(&mut holders, &verdict);
        let called = (run.observe)(TakeoverEvent::Looked(&verdict));
        match verdict.decision {
            Decision::Start => break,
            Decision::Refuse => {
                let is_just_ended = |ended_at: Duration| {
                    system.now().saturating_sub(ended_at) < SOCKETS_GONE_WITHIN && nobody_is_seen(&verdict)
                };
                if called.is_break() || !ended_at.is_some_and(is_just_ended) {
                    break;
                }
                system.pause(SOCKETS_STEP);
            }
            Decision::Reclaim => {
                if let Some(pid) = started_since(&seen, &verdict, limits.not_started_after) {
                    doubt = Some(Doubt::StartedSince(pid));
                    break;
                }
                if rounds == limits.rounds {
                    break;
                }
                rounds += 1;
                // What lingers afterwards is another thing than what was waited for before.
                lingering_since = None;
                if let Err(why) = run.reclaim(&seen, &verdict) {
                    doubt = Some(why);
                    break;
                }
                ended_at = Some(system.now());
            }
            Decision::Wait => {
                let since = *lingering_since.get_or_insert(system.now());
                let left = limits.lingering.saturating_sub(system.now().saturating_sub(since));
                let mut told = || (run.observe)(TakeoverEvent::Lingering { left });
                if left.is_zero() || called.is_break() || told().is_break() {
                    break;
                }
                system.pause(LINGERING_STEP.min(left));
            }
        }
        match system.look(role, wanted) {
            Ok(again) => seen = without_kept(again, &run.kept),
            Err(error) => {
                doubt = Some(Doubt::LookFailed(error.to_string()));
                break;
            }
        }
        verdict = decide(&seen, rules);
    }
    let outcome = match (verdict.decision, run.signalled) {
        (Decision::Start, _) => Outcome::Ready,
        (_, false) => Outcome::Refused,
        (_, true) => Outcome::NotFree,
    };
    // What cannot be served is not held either.
    let kept = if outcome == Outcome::Ready { run.kept } else { Vec::new() };
    let report = Report {
        snapshot,
        first,
        last: verdict,
        holders,
        terminated: run.terminated,
        survived: run.survived,
        reuse: run.reuse,
        doubt,
        outcome,
        elapsed: system.now().saturating_sub(started),
    };
    Ok((report, kept))
}

/// Whether no port is refused because of a process that can be seen.
fn nobody_is_seen(verdict: &Verdict) -> bool {
    let mut refused = verdict.ports.iter().filter(|port| port.state.refuses());
    refused.all(|port| {
        matches!(port.state, PortState::UnknownHolder | PortState::Occupied) && port.holders.is_empty()
    })
}
