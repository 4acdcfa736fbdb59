//! The version that a person wants in the place of this one, although it cannot give the place back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long it is waited for: it asks once its window has painted.
const ASKS_WITHIN: Duration = Duration::from_secs(60);

/// Whom a person has let in, until it has asked or was long enough waited for. Its clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invitation(Arc<Mutex<Option<Invited>>>);

#[derive(Debug)]
struct Invited {
    version: String,
    at: Instant,
}

impl Invitation {
    /// Lets a version in that asks from now on.
    pub(crate) fn invite(&self, version: &str, now: Instant) {
        self.set(Some(Invited { version: version.to_owned(), at: now }));
    }

    /// Lets nobody in any more.
    pub(crate) fn withdraw(&self) {
        self.set(None);
    }

    /// Whether a version is let in that asks now.
    pub(super) fn is_for(&self, version: &str, now: Instant) -> bool {
        let invited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        invited
            .as_ref()
            .is_some_and(|it| it.version == version && now.saturating_duration_since(it.at) < ASKS_WITHIN)
    }

    fn set(&self, invited: Option<Invited>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = invited;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_one_version_and_not_for_ever() {
        let (invitation, now) = (Invitation::default(), Instant::now());
        assert!(!invitation.is_for("4.0.0", now));
        invitation.invite("4.0.0", now);
        assert!(invitation.is_for("4.0.0", now) && !invitation.is_for("4.0.1", now));
        assert!(!invitation.is_for("4.0.0", now + ASKS_WITHIN));
        invitation.withdraw();
        assert!(!invitation.is_for("4.0.0", now));
    }
}
