//! Whether a version on trial has come to stay: pure. Two decide: the version itself, which knows its roles, and a small program
//! of the version before it, which stays beside it and needs nothing of it to work.
//!
//! The pointer is moved when a version has settled, and not before. So whatever becomes of it until then, the version before it is
//! the one that is started next: there is nothing to move back.

use std::time::Duration;

use semver::Version;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{RoleState, RoleView, UpdateFailureReason as Reason};

use crate::record::Record;
use crate::source::for_tests;

/// So long every role must stay ready.
pub const MINUTE: Duration = Duration::from_mins(1);
/// A build with debug assertions may be told another time, in ms.
const MINUTE_VARIABLE: &str = "TASKPAW_UPDATES_MINUTE_MS";
/// So much longer it may take until that is said, since the version has the place.
const SAID_WITHIN: Duration = Duration::from_mins(2);
/// So long a version may take until it has the place: one that brings a long history to a new form is waited for, while
/// the one before it serves or is about to.
const PLACED_WITHIN: Duration = Duration::from_hours(1);

/// So long every role must stay ready here.
#[must_use]
pub fn minute() -> Duration {
    let told = for_tests(MINUTE_VARIABLE).and_then(|text| text.to_str()?.parse().ok());
    told.map_or(MINUTE, Duration::from_millis)
}

/// What the version on trial knows of its roles, from when it has the place.
#[derive(Debug, Clone)]
pub struct Proving {
    awaited: Vec<Role>,
    minute: Duration,
    placed: Duration,
    ready_since: Option<Duration>,
    was_ready: bool,
}

/// What follows for the version on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It is too early to say.
    NotYet,
    /// It works.
    Settled,
    /// It does not.
    Failed(Reason),
}

impl Proving {
    /// These roles must be ready. `now` is any clock that only goes on.
    #[must_use]
    pub fn new(awaited: Vec<Role>, minute: Duration, now: Duration) -> Self {
        Self { awaited, minute, placed: now, ready_since: None, was_ready: false }
    }

    /// Looks at the roles.
    pub fn look(&mut self, roles: &[RoleView], now: Duration) -> Proof {
        // One that was switched off since is not missed.
        let awaited = roles.iter().filter(|view| view.enabled && self.awaited.contains(&view.role));
        let states: Vec<&RoleState> = awaited.map(|view| &view.state).collect();
        let has_failed = |state: &&RoleState| {
            matches!(state, RoleState::Backoff { .. } | RoleState::Waiting { .. } | RoleState::Failed { .. })
        };
        if states.iter().any(has_failed) {
            return Proof::Failed(if self.was_ready { Reason::NotStayedReady } else { Reason::NotReady });
        }
        if !states.iter().all(|state| matches!(state, RoleState::Ready { .. })) {
            // A person may have stopped it, or changed its ports.
            self.ready_since = None;
            let is_late = now.saturating_sub(self.placed) > self.minute + SAID_WITHIN;
            return if is_late { Proof::Failed(Reason::NotReady) } else { Proof::NotYet };
        }
        self.was_ready = true;
        let since = *self.ready_since.get_or_insert(now);
        if now.saturating_sub(since) >= self.minute { Proof::Settled } else { Proof::NotYet }
    }
}

/// What whoever stays beside a version on trial sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whether its program runs.
    pub runs: bool,
    /// What is remembered of it.
    pub trial: OfTrial,
    /// How long ago it was started.
    pub started: Duration,
    /// How long ago it took the place, as far as that was seen.
    pub placed: Option<Duration>,
}

/// What is remembered of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfTrial {
    /// It goes on.
    On,
    /// The version was ended as a person does.
    Left,
    /// It has failed.
    Failed,
    /// It has settled, or another trial has begun.
    Over,
}

/// What whoever stays beside it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Looks again.
    Wait,
    /// Nothing is left to do.
    Done,
    /// The version does not work: that is remembered, if it is not yet, and the version before it is started.
    GoBack(Option<Reason>),
}

impl OfTrial {
    /// What a record says of the trial of a version.
    #[must_use]
    pub fn of(record: &Record, version: &Version) -> Self {
        match &record.trial {
            Some(trial) if trial.version == *version => {
                if trial.left {
                    Self::Left
                } else {
                    Self::On
                }
            }
            None if record.failure_of(version).is_some() => Self::Failed,
            _ => Self::Over,
        }
    }
}

/// Decides.
#[must_use]
pub fn verdict(seen: &Seen, minute: Duration) -> Verdict {
    match (seen.trial, seen.runs, seen.placed) {
        (OfTrial::Over, ..) => Verdict::Done,
        (OfTrial::Failed, ..) => Verdict::GoBack(None),
        (OfTrial::Left, false, _) => Verdict::Done,
        (OfTrial::Left, true, _) => Verdict::Wait,
        (OfTrial::On, false, None) => Verdict::GoBack(Some(Reason::NotStarted)),
        (OfTrial::On, false, Some(_)) => Verdict::GoBack(Some(Reason::Ended)),
        (OfTrial::On, true, None) if seen.started > PLACED_WITHIN => Verdict::GoBack(Some(Reason::NotReady)),
        (OfTrial::On, true, Some(placed)) if placed > minute + 2 * SAID_WITHIN => {
            Verdict::GoBack(Some(Reason::Silent))
        }
        (OfTrial::On, true, _) => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::ipc::{Backend, Failure};

    use super::*;

    fn view(state: RoleState) -> RoleView {
        RoleView {
            role: Role::Agent,
            enabled: true,
            generation: 1,
            state,
            ports: Vec::new(),
            last_takeover: None,
            timeline: Vec::new(),
            apply: None,
            watched: None,
        }
    }

    fn ready() -> [RoleView; 1] {
        let backend = Backend { pid: 1, version: "4.2.0".to_owned(), base_url: String::new(), ready_ms: 1.0 };
        [view(RoleState::Ready { backend })]
    }

    fn lost() -> [RoleView; 1] {
        let failure = Failure::Takeover { message: "gone".to_owned() };
        [view(RoleState::Backoff { wait_ms: 500, attempt: 1, failure })]
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn proving() -> Proving {
        Proving::new(vec![Role::Agent], MINUTE, at(100))
    }

    #[test]
    fn a_version_that_stays_ready_for_a_minute_is_settled() {
        let mut proving = proving();
        assert_eq!(proving.look(&[view(RoleState::Starting)], at(100)), Proof::NotYet);
        assert_eq!(proving.look(&ready(), at(101)), Proof::NotYet);
        assert_eq!(proving.look(&ready(), at(160)), Proof::NotYet);
        assert_eq!(proving.look(&ready(), at(161)), Proof::Settled);
    }

    #[test]
    fn a_role_that_is_lost_or_never_comes_is_a_failure_and_an_order_of_a_person_is_none() {
        let mut lost_later = proving();
        lost_later.look(&ready(), at(101));
        assert_eq!(lost_later.look(&lost(), at(150)), Proof::Failed(Reason::NotStayedReady));
        assert_eq!(proving().look(&lost(), at(101)), Proof::Failed(Reason::NotReady));
        let mut never = proving();
        assert_eq!(never.look(&[view(RoleState::Starting)], at(270)), Proof::NotYet);
        assert_eq!(never.look(&[view(RoleState::Starting)], at(281)), Proof::Failed(Reason::NotReady));
        let mut ordered = proving();
        ordered.look(&ready(), at(101));
        assert_eq!(ordered.look(&[view(RoleState::Stopping)], at(150)), Proof::NotYet);
        assert_eq!(ordered.look(&ready(), at(155)), Proof::NotYet, "the minute begins anew");
        assert_eq!(ordered.look(&ready(), at(214)), Proof::NotYet);
        assert_eq!(ordered.look(&ready(), at(215)), Proof::Settled);
    }

    #[test]
    fn roles_that_did_not_run_before_are_not_asked_of_it() {
        let mut proving = Proving::new(Vec::new(), MINUTE, at(0));
        assert_eq!(proving.look(&lost(), at(0)), Proof::NotYet);
        assert_eq!(proving.look(&lost(), at(60)), Proof::Settled);
        let off = [RoleView { enabled: false, ..lost()[0].clone() }];
        let mut switched_off = Proving::new(vec![Role::Agent], MINUTE, at(0));
        assert_eq!(switched_off.look(&off, at(0)), Proof::NotYet);
    }

    #[test]
    fn who_stays_beside_it_goes_back_whatever_it_does() {
        use OfTrial::{Failed, Left, On, Over};
        let back = |reason| Verdict::GoBack(Some(reason));
        let (second, hours) = (at(1), at(2 * 3600));
        let cases = [
            (On, true, second, None, Verdict::Wait),
            (On, true, second, Some(second), Verdict::Wait),
            (On, false, second, None, back(Reason::NotStarted)),
            (On, false, second, Some(second), back(Reason::Ended)),
            (On, true, at(3000), None, Verdict::Wait),
            (On, true, hours, None, back(Reason::NotReady)),
            (On, true, hours, Some(at(299)), Verdict::Wait),
            (On, true, hours, Some(at(301)), back(Reason::Silent)),
            (Left, true, hours, Some(hours), Verdict::Wait),
            (Left, false, second, Some(second), Verdict::Done),
            (Left, false, second, None, Verdict::Done),
            (Failed, true, second, Some(second), Verdict::GoBack(None)),
            (Failed, false, second, None, Verdict::GoBack(None)),
            (Over, true, second, Some(second), Verdict::Done),
            (Over, false, second, None, Verdict::Done),
        ];
        for (trial, runs, started, placed, expected) in cases {
            let seen = Seen { runs, trial, started, placed };
            assert_eq!(verdict(&seen, MINUTE), expected, "{seen:?}");
        }
    }
}
