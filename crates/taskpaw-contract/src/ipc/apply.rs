//! A change of ports as the window follows it: a transaction with steps and an end.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::failure::Failure;
use super::port::PortView;

/// A change of a role's ports: under way, or how the last one came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Apply {
    /// How far the change is.
    pub step: ApplyStep,
    /// Whether the change is meant to stay, or ends with the app.
    pub keep: bool,
    /// Why it was refused or is being undone.
    pub reason: Option<Failure>,
    /// The wanted ports with their states, where the reason is that one cannot be had.
    pub ports: Vec<PortView>,
}

/// A step of a change of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ApplyStep {
    /// The wanted ports are looked at.
    Checking,
    /// The end: the wanted ports cannot be had, and nothing was changed.
    Refused,
    /// The new configuration is written.
    Saving,
    /// The backend on the old ports is being stopped.
    Stopping,
    /// The backend is started on the new ports.
    Starting,
    /// The backend is ready; whether it is the one that listens is being checked.
    Confirming,
    /// The end: the new ports are in use.
    Kept,
    /// The old configuration is written again, and the backend started on the old ports.
    RollingBack,
    /// The end: everything is as it was before.
    RolledBack,
}

impl ApplyStep {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Refused | Self::Kept | Self::RolledBack)
    }
}
