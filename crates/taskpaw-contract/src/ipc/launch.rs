//! How far this app is on its way to the place of the one app that runs, and who is beside it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::failure::RoleFailure;

/// How far this app is on its way to the place of the one app that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Launch {
    /// This app has the place.
    Running,
    /// Another app has the place, and is asked for it.
    Waiting {
        /// The other one's version, if it is known.
        version: Option<String>,
        /// The other app's process id, if it is known.
        pid: Option<u32>,
        /// Whether it is not an app that has the place but one that was started before, and goes first.
        for_turn: bool,
    },
    /// The other app goes on: a role of this one could not start, or it does not hand over now.
    Kept {
        /// The other one's version, if it is known.
        version: Option<String>,
        /// The role that could not start, and why; nothing if it is the other app that does not hand over.
        because: Option<RoleFailure>,
        /// Whether a person may have this app follow all the same: its backend was slow, and told no error.
        may_start: bool,
    },
    /// The other app neither answers nor can be ended safely: the person is asked.
    Blocked {
        /// Why it is not safe.
        message: String,
    },
}

/// A version that could not follow the one that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FailedSuccessor {
    /// Which one.
    pub version: String,
    /// The role that could not start, and why, if it said so.
    pub because: Option<RoleFailure>,
}

/// Another version that was started beside the one that runs, and that could not hand over and serve again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OtherStart {
    /// Which one.
    pub version: String,
    /// The program of the other version, if it is known for certain and so can be started from here.
    pub program: Option<String>,
}
