//! The tokens that a person sets.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Role;

/// A token that a person sets. (The control token is none: it is made for each launch and never leaves the
/// host.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum TokenName {
    /// What hubs must show to this machine's agent.
    Agent,
    /// What clients must show to this machine's hub.
    Hub,
    /// What this machine's hub shows to agents that have no token of their own.
    Polling,
}

impl TokenName {
    /// Every token.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Hub, Self::Polling];

    /// The role that reads it.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Agent => Role::Agent,
            Self::Hub | Self::Polling => Role::Hub,
        }
    }
}
