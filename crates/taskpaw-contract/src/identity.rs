//! The rules by which a process is known as a TaskPaw backend.

use std::path::Path;

use port_takeover::{ExecutableName, IdentityRules, Installation, Keeping, Process, RuleName};

mod interpreter;
mod python;

pub use python::{PYTHON_ENTRY, PYTHON_PACKAGE};

use crate::Role;
use crate::version::{Stamp, stamp_of};

/// The base name of the sidecar's program.
pub const BACKEND_PROGRAM: &str = "taskpaw-backend";

/// The Python package of TaskPaw V3.
const V3_PACKAGE: &str = "taskpaw_v3";

/// A TaskPaw backend is the sidecar itself, or one of the Python backends of TaskPaw V3 that people still
/// run when they update: its source entry points, or its headless modules.
#[must_use]
pub fn rules() -> IdentityRules {
    let roles = Role::ALL.into_iter().map(Into::into);
    roles
        .fold(IdentityRules::new(Role::Agent.into()), IdentityRules::with_role)
        .with_rule(ExecutableName::new(BACKEND_PROGRAM))
        .with_rule(python::Entry::new(&[V3_PACKAGE, "packaging", "backend_main"]))
        // Sets V3 up, and with `--run` is the backend itself; without it, it holds no port.
        .with_rule(python::Entry::new(&[V3_PACKAGE, "bootstrap"]))
        .with_rule(python::Package::new(V3_PACKAGE))
}

/// The TaskPaw that keeps its state in this folder. Its backends are told from those of another one.
#[must_use]
pub fn installation(state_folder: &Path) -> Installation {
    Installation::new(state_folder, keeping)
}

/// How a backend keeps its state. V3, in Python or as a single program without a stamp, knows nothing of the lock; 4.0
/// holds it and writes no record.
fn keeping(process: &Process) -> Keeping {
    let rules = rules();
    let Some(ours) = rules.identify(process.into()) else { return Keeping::Recorded };
    match Generation::of(process, ours.rule) {
        Generation::V3 => Keeping::Elsewhere,
        Generation::Stamped(version) if version.starts_with("4.0.") => Keeping::Unrecorded,
        Generation::Stamped(_) => Keeping::Recorded,
        // On Linux the program that runs can always be read, unless somebody has forbidden it.
        Generation::Unknown if cfg!(target_os = "linux") => Keeping::Recorded,
        Generation::Unknown => Keeping::Unknown,
    }
}

/// Which TaskPaw a backend belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Generation {
    /// TaskPaw V3, in Python or as the single program that was made of it.
    V3,
    /// TaskPaw 4 or later, with the version in its stamp.
    Stamped(String),
    /// The program cannot be read, or what was read may not be what runs. The backend counts as one of TaskPaw 4: it is not
    /// asked what only V3 is asked, and no version is shown.
    Unknown,
}

impl Generation {
    /// Which one, of a process that is ours by a rule. Its program is read; it is not asked.
    #[must_use]
    pub fn of(process: &Process, rule: RuleName) -> Self {
        match rule {
            RuleName::PROGRAM => Self::by_stamp(stamp_of(process)),
            _ => Self::V3,
        }
    }

    /// Which one, of a program of its own. Every one of TaskPaw 4 has a stamp, and no one of V3.
    fn by_stamp(stamp: Stamp) -> Self {
        match stamp {
            Stamp::Version(version) => Self::Stamped(version),
            Stamp::Missing => Self::V3,
            Stamp::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_called_v3() {
        assert_eq!(Generation::by_stamp(Stamp::Unknown), Generation::Unknown);
        assert_eq!(Generation::by_stamp(Stamp::Missing), Generation::V3);
        assert_eq!(Generation::by_stamp(Stamp::Version("4.0.0".into())), Generation::Stamped("4.0.0".into()));
    }
}
