//! The rules by which a process is known as a TaskPaw backend.

use port_takeover::{IdentityRule, IdentityRules};

use crate::Role;

/// The base name of the sidecar's program.
pub const BACKEND_PROGRAM: &str = "taskpaw-backend";

/// A TaskPaw backend is the sidecar itself, or one of the Python backends of TaskPaw V3 that people still
/// run when they update: its source entry point, or its headless modules.
#[must_use]
pub fn rules() -> IdentityRules {
    let v3 = || "taskpaw_v3".to_owned();
    IdentityRules {
        roles: Role::ALL.into_iter().map(Into::into).collect(),
        default_role: Role::Agent.into(),
        rules: vec![
            IdentityRule::Program { name: BACKEND_PROGRAM.to_owned() },
            IdentityRule::PythonEntry { path: vec![v3(), "packaging".to_owned(), "backend_main".to_owned()] },
            IdentityRule::PythonPackage { package: v3() },
        ],
    }
}
