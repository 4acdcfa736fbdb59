//! Being told outside of this machine: by a webhook, or by ntfy. Addresses and tokens are secrets: they come from the window and
//! never go back to it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use crate::config::AlertTarget;
use crate::config::WebhookEvents;

/// One that is set, as far as the window may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AlertTargetView {
    /// Which one.
    pub target: AlertTarget,
    /// The beginning of its address, such as `https://ntfy.sh`: what follows opens it.
    pub server: String,
    /// Whether a token is shown there.
    pub has_token: bool,
    /// Which events it is told.
    pub events: WebhookEvents,
}

/// What a person sets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AlertTargetDraft {
    /// Which one.
    pub target: AlertTarget,
    /// The target's whole address; nothing keeps the one that is set.
    pub url: Option<String>,
    /// What is shown there as `Authorization: Bearer`; empty: nothing; left out: the one that is set.
    pub token: Option<String>,
    /// Which events it is told.
    pub events: WebhookEvents,
}

/// What the host has a backend send once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertProbe {
    /// How it is written.
    pub target: AlertTarget,
    /// The whole address.
    pub url: String,
    /// What is shown there; empty: nothing.
    pub token: String,
    /// The title, in the language of the person.
    pub title: String,
    /// The text, in the language of the person.
    pub message: String,
}

/// How a test of an alert target went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AlertTest {
    /// What came of it.
    pub outcome: AlertOutcome,
    /// The status of HTTP that the server answered with, if it did.
    pub status: Option<u16>,
    /// What the server said besides, cut, if that is text; never what was sent to it.
    pub said: Option<String>,
    /// Milliseconds until that was known.
    pub milliseconds: f64,
}

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AlertOutcome {
    /// The server has taken it.
    Taken,
    /// The target wants another token, or does not want this one.
    TokenRefused,
    /// Nothing is at this address there.
    NotFound,
    /// The target redirects to another address, which is not followed: a token would go there too.
    Moved,
    /// The target accepts nothing more for a while.
    TooMany,
    /// The target does not accept what was sent.
    Refused,
    /// The target has a fault of its own.
    ServerFault,
    /// The target did not answer in time.
    Timeout,
    /// No machine of this name is known.
    NameUnknown,
    /// Nobody listens there.
    NobodyListens,
    /// There is no way to it, or this system does not let TaskPaw reach it.
    NoWay,
    /// The connection ended before an answer.
    CutOff,
    /// The target's certificate is not trusted, or the target does not speak HTTPS.
    NotTrusted,
    /// The target could not be reached, for another reason.
    Unreachable,
}

impl AlertOutcome {
    /// What an answer means.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Taken,
            300..=399 => Self::Moved,
            401 | 403 | 407 => Self::TokenRefused,
            404 | 405 | 410 => Self::NotFound,
            429 => Self::TooMany,
            500..=599 => Self::ServerFault,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_means_one_thing() {
        for (status, outcome) in [
            (200, AlertOutcome::Taken),
            (204, AlertOutcome::Taken),
            (302, AlertOutcome::Moved),
            (400, AlertOutcome::Refused),
            (401, AlertOutcome::TokenRefused),
            (403, AlertOutcome::TokenRefused),
            (404, AlertOutcome::NotFound),
            (413, AlertOutcome::Refused),
            (429, AlertOutcome::TooMany),
            (503, AlertOutcome::ServerFault),
        ] {
            assert_eq!(AlertOutcome::of_status(status), outcome, "{status}");
        }
    }
}
