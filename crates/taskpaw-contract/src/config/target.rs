//! Where events are told outside of this machine.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Somewhere outside of this machine that is told of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum AlertTarget {
    /// A server that takes JSON, such as one of Slack, Mattermost or one's own.
    Webhook,
    /// A topic of ntfy, which shows it on telephones.
    Ntfy,
}

impl AlertTarget {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Webhook, Self::Ntfy];
}
