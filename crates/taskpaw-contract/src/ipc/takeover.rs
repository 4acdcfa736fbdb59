//! What a start takes over: ports from backends that are left, and the place of another app.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::failure::ChildView;
use crate::Role;

/// How far a takeover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Looking who holds the ports.
    Looking,
    /// Waiting for the old backend to end.
    Ending,
}

/// Why a port is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LingeringCause {
    /// Connections to the port had ended shortly before.
    Connections,
    /// The system did not let it be made free before its backend was ended.
    NotAllowed,
}

/// How far the end of a stale backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The stale backend was asked to stop.
    Asked,
    /// The stale backend is gone.
    Gone,
    /// The stale backend did not stop in time and was killed.
    Forced,
}

/// A stale backend that was replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Replaced {
    /// The process id of the stale backend.
    pub pid: u32,
    /// The name of the stale backend; `TaskPaw` for one of V3.
    pub name: String,
    /// The version in its program's stamp, or `3` for a backend of V3; nothing if it was already gone.
    pub version: Option<String>,
    /// Whether it had to be killed.
    pub forced: bool,
    /// Milliseconds that it took to end.
    pub ms: f64,
    /// What it had started and left running.
    #[serde(default)]
    pub left: Vec<ChildView>,
}

/// A takeover that replaced something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Takeover {
    /// Milliseconds since 1970, UTC.
    #[ts(type = "number")]
    pub at: u64,
    /// What was replaced.
    pub replaced: Vec<Replaced>,
    /// Milliseconds from the first look to the free ports.
    pub elapsed_ms: f64,
}

/// An app whose place this one took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TookOver {
    /// The version of the other app, if it said so.
    pub version: Option<String>,
    /// The process id of the other app.
    pub pid: u32,
    /// Whether it did not answer and had to be ended.
    pub forced: bool,
    /// Milliseconds from the ask to its end.
    pub ms: f64,
    /// Which way the ports of the roles came that served there; of no role if the other app cannot pass any on (4.0.0).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<PortsFrom>>", optional)]
    pub ports: Vec<PortsFrom>,
}

/// Which way a role's ports came from the app before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortsFrom {
    /// The role whose ports these are.
    pub role: Role,
    /// The way.
    pub way: PortsWay,
}

/// A way in which ports go from one app to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PortsWay {
    /// Passed on: they were never without a listener, and nobody was refused.
    PassedOn,
    /// Let go and taken over: the other app passed none.
    NotPassed,
    /// Let go and taken over: what the other app passed is not just what is wanted.
    NotUsable,
}
