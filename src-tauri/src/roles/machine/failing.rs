//! What follows a failure: another attempt soon, rarely, or when a person wants it.

use std::time::Duration;

use taskpaw_contract::ipc::{Event, Failure};
use taskpaw_contract::sidecar::StartupErrorCode;

use super::Machine;
use super::message::{Effect, Stood, Timer};
use super::state::{Next, Standing, State};

/// The first wait after a failure; it doubles up to [`BACKOFF_LONGEST`].
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_LONGEST: Duration = Duration::from_secs(30);
/// After so many failures within [`BUDGET_WINDOW`] a person is asked, and attempts are rare.
const BUDGET: usize = 5;
const BUDGET_WINDOW: Duration = Duration::from_secs(120);
/// The first wait when a person is asked; it doubles up to [`RETRY_LONGEST`]. What keeps a backend from running may be
/// put right without anybody who comes here to say so.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_LONGEST: Duration = Duration::from_secs(300);

impl Machine {
    pub(super) fn after_exit(
        &mut self,
        next: Next,
        status: String,
        log: Vec<String>,
        now: Duration,
    ) -> Vec<Effect> {
        if let Next::Fail(failure) = next {
            return self.fail(with_log(failure, log), now);
        }
        if let Next::StandDown { served, resumes } = next {
            let mut effects =
                if resumes { self.stand_by(false, false) } else { self.stopped(Next::Stay, status) };
            effects.push(Effect::StoodDown(Stood { served, keeps_ports: false }));
            return effects;
        }
        let mut effects = Vec::new();
        if std::mem::take(&mut self.is_ahead) {
            // The caller no longer waits for it.
            effects.push(Effect::PreparedAhead(Ok(())));
        }
        effects.extend(match next {
            Next::Start { is_launch } => self.begin(is_launch),
            next => self.stopped(next, status),
        });
        effects
    }

    pub(super) fn fail(&mut self, failure: Failure, now: Duration) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        if std::mem::take(&mut self.stands_down_next) {
            // The other app waits for the ports, and has them.
            return self.stood_down(false, false);
        }
        if std::mem::take(&mut self.is_ahead) {
            self.state = State::Stopped;
            return vec![Effect::PreparedAhead(Err(failure))];
        }
        self.failures.retain(|&at| now.saturating_sub(at) < BUDGET_WINDOW);
        self.failures.push(now);
        // Without the place it is the app that runs that goes on.
        if self.standing < Standing::Placed || waits_for_person(&failure) {
            self.state = State::Failed;
            self.failed_for = Some(failure.clone());
            let mut effects = Vec::new();
            if self.standing == Standing::GoesLive {
                effects.push(Effect::BecameLive(Err(failure.clone())));
            }
            effects.push(Effect::Publish(Event::BackendFailed { role, generation, failure, retry_ms: None }));
            return effects;
        }
        if self.rare > 0 || is_lasting(&failure) || self.failures.len() >= BUDGET {
            return self.retry_rarely(failure);
        }
        self.back_off(failure, u32::try_from(self.failures.len()).unwrap_or(u32::MAX))
    }

    pub(super) fn retry_rarely(&mut self, failure: Failure) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        self.state = State::Failed;
        let wait = RETRY_FIRST.saturating_mul(1 << self.rare.min(16)).min(RETRY_LONGEST);
        self.rare = self.rare.saturating_add(1);
        let retry_ms = u32::try_from(wait.as_millis()).ok();
        vec![
            Effect::Publish(Event::BackendFailed { role, generation, failure, retry_ms }),
            Effect::Arm(Timer::Backoff, wait),
        ]
    }

    pub(super) fn back_off(&mut self, failure: Failure, attempt: u32) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        self.state = State::Backoff;
        let wait = BACKOFF_FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(BACKOFF_LONGEST);
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        vec![
            Effect::Publish(Event::BackendBackoff { role, generation, failure, wait_ms, attempt }),
            Effect::Arm(Timer::Backoff, wait),
        ]
    }
}

/// Whether a person decides what is done: no attempt follows by itself.
fn waits_for_person(failure: &Failure) -> bool {
    matches!(failure, Failure::Config { .. } | Failure::V3Busy { .. })
}

/// Whether the next attempts hardly come out otherwise, unless something is put right on this machine.
fn is_lasting(failure: &Failure) -> bool {
    match failure {
        Failure::SpawnFailed { .. } | Failure::WrongVersion { .. } => true,
        Failure::StartupError { code, .. } => matches!(
            code,
            StartupErrorCode::ConfigInvalid
                | StartupErrorCode::ConfigUnwritable
                | StartupErrorCode::ExposureRefused
                | StartupErrorCode::StateTooNew
        ),
        _ => false,
    }
}

fn with_log(failure: Failure, log: Vec<String>) -> Failure {
    match failure {
        Failure::BrokenProtocol { message, .. } => Failure::BrokenProtocol { message, log },
        Failure::NotReady { seconds, .. } => Failure::NotReady { seconds, log },
        Failure::Unhealthy { missed, .. } => Failure::Unhealthy { missed, log },
        other => other,
    }
}
