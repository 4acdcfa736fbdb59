//! A backend that is ready.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A backend that is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Backend {
    /// The backend's process id.
    pub pid: u32,
    /// The backend's version.
    pub version: String,
    /// Where the host reaches it.
    pub base_url: String,
    /// Milliseconds from its start to its readiness.
    pub ready_ms: f64,
}
