//! Why a launch fails, and the one line that tells the host.

use std::io;

use port_takeover::{BindOutcome, ClaimError, bind_outcome};
use taskpaw_contract::Role;
use taskpaw_contract::config::ConfigProblem;
use taskpaw_contract::folders::NoHome;
use taskpaw_contract::sidecar::{StartupError, StartupErrorCode};

use crate::host::HelloError;
use crate::release::CannotStandDown;
use crate::state::StateError;

/// Why a launch fails. Each says what happened, why, and what to do now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The host broke the protocol.
    #[error(transparent)]
    Hello(#[from] HelloError),
    /// No place for files.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    /// A port cannot be had.
    #[error("{}", claim_message(.0))]
    Claim(#[from] ClaimError),
    /// A port is kept by what is left of connections, longer than it was waited for.
    #[error("{} ({}) is still kept by the system for connections that have ended. It is free within a minute: start again then", .0.port, .0.port.name)]
    StillLingers(ClaimError),
    /// A port is somebody's, and it is known whose.
    #[error("{} ({}) {who}", .error.port, .error.port.name)]
    Held {
        /// What the system said.
        error: ClaimError,
        /// Who has it, and what can be done.
        who: String,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A port is served no more, though nobody has asked for that.
    #[error("this backend serves its {name} no more, and ends: {why}")]
    PortLost {
        /// Which one.
        name: String,
        /// What is known of it.
        why: String,
    },
    /// What has to end for it cannot be seen to end.
    #[error(transparent)]
    CannotStandDown(#[from] CannotStandDown),
    /// The system refused something that a launch needs.
    #[error("{what}: {source}")]
    System {
        /// What it refused.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
}

impl Failure {
    /// For `map_err`: the system refused something.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    fn code(&self) -> StartupErrorCode {
        use StartupErrorCode as Code;
        match self {
            Self::Config(ConfigProblem::Exposure { .. }) => Code::ExposureRefused,
            Self::Config(ConfigProblem::Unwritable { .. }) => Code::ConfigUnwritable,
            Self::Config(_) => Code::ConfigInvalid,
            Self::Claim(error) => match bind_outcome(&error.cause) {
                // Windows answers the same to a port that it keeps back and to one that is held exclusively.
                Some(BindOutcome::InUse | BindOutcome::Reserved) => Code::PortInUse,
                Some(BindOutcome::Unavailable) => Code::BindAddressUnavailable,
                _ => Code::StartupFailed,
            },
            Self::StillLingers(_) | Self::Held { .. } => Code::PortInUse,
            Self::State(StateError::TooNew { .. }) => Code::StateTooNew,
            Self::State(StateError::Locked { .. }) => Code::StateLocked,
            Self::State(StateError::Damaged { .. } | StateError::Database { .. }) => Code::StateDamaged,
            Self::State(StateError::Unavailable { source, .. }) => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
                io::ErrorKind::ReadOnlyFilesystem => Code::StateReadOnly,
                io::ErrorKind::PermissionDenied => Code::StateDenied,
                _ => Code::StateUnavailable,
            },
            Self::Hello(_)
            | Self::NoHome(_)
            | Self::CannotStandDown(_)
            | Self::PortLost { .. }
            | Self::System { .. } => Code::StartupFailed,
        }
    }

    /// The line for stdout.
    pub(crate) fn line(&self, role: Role) -> StartupError {
        let port = match self {
            Self::Claim(error) | Self::StillLingers(error) | Self::Held { error, .. } => {
                Some((&error.port).into())
            }
            _ => None,
        };
        StartupError { taskpaw_startup_error: 1, role, code: self.code(), message: self.to_string(), port }
    }
}

fn claim_message(error: &ClaimError) -> String {
    let ClaimError { port, cause: source } = error;
    let place = format!("{port} ({})", port.name);
    match bind_outcome(source) {
        Some(BindOutcome::InUse) => {
            format!("{place} is in use by another program. Stop that program, or choose another port")
        }
        Some(BindOutcome::Unavailable) => {
            format!("{place}: {} is no address of this machine. Choose one that is", port.host)
        }
        Some(BindOutcome::Denied) => {
            format!("{place} needs administrator rights. Choose a port number from 1024 on")
        }
        Some(BindOutcome::Reserved) => {
            format!("{place} is kept back by the system, or held exclusively. Choose another port")
        }
        _ => format!("{place} cannot be listened on: {source}"),
    }
}

#[cfg(test)]
mod tests {
    use port_takeover::WantedPort;

    use super::*;

    fn claim(kind: io::ErrorKind) -> Failure {
        let port = WantedPort::new("api", "127.0.0.1", 5690).unwrap();
        ClaimError { port, cause: kind.into() }.into()
    }

    fn lingering(kind: io::ErrorKind) -> Failure {
        match claim(kind) {
            Failure::Claim(error) => Failure::StillLingers(error),
            other => other,
        }
    }

    #[test]
    fn every_failure_has_its_code() {
        use StartupErrorCode as Code;
        let unwritable = ConfigProblem::Unwritable { path: "/c".into(), reason: "r".into() };
        let unavailable =
            |kind: io::ErrorKind| StateError::Unavailable { path: "/s".into(), source: kind.into() }.into();
        let locked = StateError::Locked { path: "/s".into(), role: Role::Hub, holder: None };
        let damaged = StateError::Damaged { path: "/s".into(), line: 1, reason: "r".into() };
        let too_new = StateError::TooNew { path: "/s".into(), schema: 2, known: 1 };
        for (failure, code, about_a_port) in [
            (claim(io::ErrorKind::AddrInUse), Code::PortInUse, true),
            (lingering(io::ErrorKind::AddrInUse), Code::PortInUse, true),
            (claim(io::ErrorKind::AddrNotAvailable), Code::BindAddressUnavailable, true),
            (claim(io::ErrorKind::OutOfMemory), Code::StartupFailed, true),
            (unwritable.into(), Code::ConfigUnwritable, false),
            (ConfigProblem::TooNew { schema: 2, known: 1 }.into(), Code::ConfigInvalid, false),
            (too_new.into(), Code::StateTooNew, false),
            (unavailable(io::ErrorKind::StorageFull), Code::DiskFull, false),
            (unavailable(io::ErrorKind::QuotaExceeded), Code::DiskFull, false),
            (unavailable(io::ErrorKind::ReadOnlyFilesystem), Code::StateReadOnly, false),
            (unavailable(io::ErrorKind::PermissionDenied), Code::StateDenied, false),
            (unavailable(io::ErrorKind::NotADirectory), Code::StateUnavailable, false),
            (locked.into(), Code::StateLocked, false),
            (damaged.into(), Code::StateDamaged, false),
            (HelloError::Silent.into(), Code::StartupFailed, false),
        ] {
            let line = failure.line(Role::Hub);
            assert_eq!((line.code, line.port.is_some()), (code, about_a_port), "{failure}");
            assert!(!line.message.is_empty());
        }
    }
}
