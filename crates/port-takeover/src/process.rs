//! Processes as they were seen, and what tells one from a later one with the same id.

use std::fmt;
use std::num::NonZeroU32;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// A process id. Never zero, which every system keeps for itself; and never enough to end a process by,
/// because ids are reused: see [`ProcessIdentity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(transparent))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "number"))]
pub struct Pid(pub NonZeroU32);

impl Pid {
    /// The id as a `Pid`, or `None` for 0.
    #[must_use]
    pub fn new(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    /// The id of this process.
    #[must_use]
    pub fn own() -> Self {
        Self(NonZeroU32::new(std::process::id()).unwrap_or(NonZeroU32::MIN))
    }

    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Process {
    /// The process id.
    pub pid: Pid,
    /// The name that the system shows. Linux cuts it at 15 bytes.
    #[cfg_attr(feature = "serde", serde(default))]
    pub name: String,
    /// The path of its executable, or `None` where it cannot be read.
    #[cfg_attr(feature = "serde", serde(default))]
    pub exe: Option<String>,
    /// The arguments, the program first; bytes that are not UTF-8 are replaced.
    #[cfg_attr(feature = "serde", serde(default))]
    pub argv: Vec<String>,
    /// The folder that it works in, of an interpreter such as Python or Node whose folder can be read (Linux): a script is looked for there.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub cwd: Option<String>,
    /// Whether it is run by the user who asks; `None` where that cannot be read.
    #[cfg_attr(feature = "serde", serde(default))]
    pub same_user: Option<bool>,
    /// Who runs it, as far as it can be named.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub user: Option<String>,
    /// When it started, in the system's own finest unit (Linux: clock ticks since boot; macOS: microseconds
    /// and Windows: 100 ns since their epochs). Only ever compared for equality.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub started_at: Option<u64>,
}

impl Process {
    /// What must stay the same for this to be the same process.
    #[must_use]
    pub fn identity(&self) -> ProcessIdentity {
        ProcessIdentity {
            pid: self.pid,
            started_at: self.started_at,
            exe: self.exe.as_deref().map(|exe| without_deleted(exe).to_owned()),
        }
    }
}

/// Linux shows ` (deleted)` behind an executable that was replaced: the normal case during an update.
pub(crate) fn without_deleted(exe: &str) -> &str {
    exe.strip_suffix(" (deleted)").unwrap_or(exe)
}

/// What tells a process from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: Pid,
    /// When it started; see [`Process::started_at`].
    pub started_at: Option<u64>,
    /// The path of its executable.
    pub exe: Option<String>,
}

impl ProcessIdentity {
    /// Whether what is found now is still this process. Both start times must be known and the same. A path that cannot
    /// be told any more tells nothing: macOS has none once the file of a running program was removed, as by an update.
    #[must_use]
    pub fn is_still(&self, found: &Self) -> bool {
        let (pid, started_at) = (self.pid == found.pid, self.started_at == found.started_at);
        pid && started_at && found.started_at.is_some() && (found.exe.is_none() || found.exe == self.exe)
    }
}
