//! What a person decides about an app that goes on beside this one.

use std::sync::{Mutex, PoisonError};

use taskpaw_contract::ipc::{Failure, RoleFailure};
use tokio::sync::Notify;

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The other app is asked once more.
    Again,
    /// The other app is asked once more, and the backends may take longer to be prepared.
    Patiently,
    /// The other app keeps the place, and this one ends.
    KeepOther,
}

/// What a person has decided and the launch has not heard yet.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    chosen: Mutex<Option<Choice>>,
    told: Notify,
}

impl Choices {
    /// The last decision counts.
    pub(crate) fn choose(&self, choice: Choice) {
        *self.chosen.lock().unwrap_or_else(PoisonError::into_inner) = Some(choice);
        self.told.notify_one();
    }

    /// Waits until something is decided.
    pub(crate) async fn until_chosen(&self) {
        self.told.notified().await;
    }

    /// What was decided; without a decision it is tried again.
    pub(crate) fn take(&self) -> Choice {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(Choice::Again)
    }
}

/// Whether a person may have this app follow all the same: the backend was slow. What a sidecar has told is true also for
/// anyone who is in a hurry.
pub(crate) fn may_start_all_the_same(because: Option<&RoleFailure>) -> bool {
    because.is_some_and(|it| matches!(it.failure, Failure::NotReady { .. }))
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::Role;

    use super::*;

    #[test]
    fn only_slowness_may_be_overruled() {
        let because = |failure| RoleFailure { role: Role::Agent, failure };
        let slow = because(Failure::NotReady { seconds: 10, log: Vec::new() });
        assert!(may_start_all_the_same(Some(&slow)));
        for failure in [
            Failure::PortConflict,
            Failure::Exited { status: "1".into(), log: Vec::new() },
            Failure::Takeover { message: "m".into() },
        ] {
            assert!(!may_start_all_the_same(Some(&because(failure))));
        }
        assert!(!may_start_all_the_same(None));
    }

    #[tokio::test]
    async fn the_last_decision_counts_and_is_heard_once() {
        let choices = Choices::default();
        choices.choose(Choice::Again);
        choices.choose(Choice::KeepOther);
        choices.until_chosen().await;
        assert_eq!(choices.take(), Choice::KeepOther);
        assert_eq!(choices.take(), Choice::Again);
    }
}
