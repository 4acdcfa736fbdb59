//! Why an attempt to start a role has failed.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Role;
use crate::config::ConfigProblem;
use crate::sidecar::{PortName, StartupErrorCode};

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Failure {
    /// A port cannot be had; the states of the ports say which and why.
    PortConflict,
    /// The ports could not be looked at, or a takeover was called off.
    Takeover {
        /// What went wrong.
        message: String,
    },
    /// A backend of TaskPaw V3 that would have to be ended still works at something; nothing was ended.
    #[serde(rename = "v3_busy")]
    V3Busy {
        /// The process id of the V3 backend.
        pid: u32,
        /// The processes that it has started.
        children: Vec<ChildView>,
    },
    /// Another backend of this role has its ports, which was started after the role was launched here the last time. The last
    /// launch wins: it is left alone until a person launches the role once more.
    Displaced {
        /// The process id of the other backend.
        pid: u32,
        /// The name of the other backend.
        name: String,
        /// The version of the other backend, if it reports one.
        version: Option<String>,
    },
    /// A stale backend has the ports and may not be ended by this user, such as one that runs as administrator.
    NotAllowed {
        /// The process id of the stale backend.
        pid: u32,
        /// The name of the stale backend.
        name: String,
        /// The version of the stale backend, if it reports one.
        version: Option<String>,
    },
    /// The configuration cannot be used any more.
    Config {
        /// What is wrong with it.
        problem: ConfigProblem,
    },
    /// The backend's program could not be started.
    SpawnFailed {
        /// The path of the program.
        program: String,
        /// Whether it is not there at all.
        missing: bool,
        /// What the system says.
        message: String,
    },
    /// The backend said why it cannot start.
    StartupError {
        /// The kind of reason.
        code: StartupErrorCode,
        /// The reason in words.
        message: String,
        /// The port that it is about.
        port: Option<PortName>,
    },
    /// The backend broke the protocol.
    BrokenProtocol {
        /// How the protocol was broken.
        message: String,
        /// The backend's last log lines.
        log: Vec<String>,
    },
    /// The backend is another version than the app.
    WrongVersion {
        /// The backend's.
        backend: String,
    },
    /// The backend was not ready in time.
    NotReady {
        /// Seconds that it had.
        seconds: u32,
        /// The backend's last log lines.
        log: Vec<String>,
    },
    /// The backend ended by itself.
    Exited {
        /// How, in words, such as `exit status 1`.
        status: String,
        /// The backend's last log lines.
        log: Vec<String>,
    },
    /// The backend answered no health call any more.
    Unhealthy {
        /// How many it missed.
        missed: u32,
        /// The backend's last log lines.
        log: Vec<String>,
    },
}

impl Failure {
    /// Whether it is about ports that somebody has, so that these and their holders are shown with it.
    #[must_use]
    pub fn is_about_ports(&self) -> bool {
        matches!(self, Self::PortConflict | Self::Displaced { .. } | Self::NotAllowed { .. })
    }
}

/// A process that a backend has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChildView {
    /// The process id of the child.
    pub pid: u32,
    /// The name of the child.
    pub name: String,
}

/// A role that could not start, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RoleFailure {
    /// Which one.
    pub role: Role,
    /// What went wrong.
    pub failure: Failure,
}
