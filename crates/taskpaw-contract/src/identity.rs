//! The rules by which a process is known as a TaskPaw backend.

use port_takeover::{IdentityRule, IdentityRules, Process, RuleName};

use crate::Role;
use crate::version::version_of;

/// The base name of the sidecar's program.
pub const BACKEND_PROGRAM: &str = "taskpaw-backend";

/// A TaskPaw backend is the sidecar itself, or one of the Python backends of TaskPaw V3 that people still
/// run when they update: its source entry points, or its headless modules.
#[must_use]
pub fn rules() -> IdentityRules {
    let v3 = || "taskpaw_v3".to_owned();
    IdentityRules {
        roles: Role::ALL.into_iter().map(Into::into).collect(),
        default_role: Role::Agent.into(),
        rules: vec![
            IdentityRule::Program { name: BACKEND_PROGRAM.to_owned() },
            IdentityRule::PythonEntry { path: vec![v3(), "packaging".to_owned(), "backend_main".to_owned()] },
            // Sets V3 up, and with `--run` is the backend itself; without it, it holds no port.
            IdentityRule::PythonEntry { path: vec![v3(), "bootstrap".to_owned()] },
            IdentityRule::PythonPackage { package: v3() },
        ],
    }
}

/// Which TaskPaw a backend belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Generation {
    /// TaskPaw V3, in Python or as the single program that was made of it.
    V3,
    /// TaskPaw 4 or later, with the version in its stamp.
    Stamped(String),
}

impl Generation {
    /// Which one, of a process that is ours by a rule. Its program is read; it is not asked.
    #[must_use]
    pub fn of(process: &Process, rule: RuleName) -> Self {
        match rule {
            RuleName::Program => version_of(process).map_or(Self::V3, Self::Stamped),
            _ => Self::V3,
        }
    }
}
