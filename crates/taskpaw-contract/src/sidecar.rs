//! The lines that a host and its sidecar exchange: one on stdin, one on stdout.
//!
//! The host sets [`HOST_VARIABLE`] and writes a [`Hello`] as the first line of stdin. End of file on stdin
//! then means that the host is gone. The sidecar writes exactly one [`Line`] to stdout.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Role;

/// Set to [`HOST_ON_STDIN`] in the environment of a sidecar that a host started.
pub const HOST_VARIABLE: &str = "TASKPAW_HOST";
/// The one value of [`HOST_VARIABLE`].
pub const HOST_ON_STDIN: &str = "stdin";

/// How long a sidecar waits for its first line. A host may start it ahead of its time and greet it within this: until
/// then it holds nothing, and knows no secret.
pub const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// The first line of stdin, from the host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of this line: 1.
    pub taskpaw_host: u32,
    /// The host's version.
    pub host_version: String,
    /// The token that the control port asks for in this launch.
    pub control_token: String,
    /// The folder of `config.json`.
    pub config_dir: PathBuf,
    /// The role's ports for this launch, where they are not those of `config.json`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortName>,
    /// The ports whose listening sockets the host passes, since they could not be bound. Linux only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<PassedListener>,
}

/// A listening socket that a sidecar has inherited from its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedListener {
    /// The port's name, such as `network`.
    pub name: String,
    /// The number of its descriptor in the sidecar.
    pub descriptor: i32,
}

/// The token is a secret: it is never printed.
impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("host_version", &self.host_version)
            .field("config_dir", &self.config_dir)
            .finish_non_exhaustive()
    }
}

/// The one line of stdout, from the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The role listens on all its ports.
    Ready(Ready),
    /// The role cannot start; the sidecar ends with status 1.
    StartupError(StartupError),
}

/// The role listens on all its ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Always true.
    pub taskpaw_ready: bool,
    /// The role that is ready.
    pub role: Role,
    /// Where the host reaches it, such as `http://127.0.0.1:5681`.
    pub base_url: String,
    /// The sidecar's version.
    pub version: String,
    /// The sidecar's process id.
    pub pid: u32,
}

/// Why a role cannot start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartupError {
    /// The version of this line: 1.
    pub taskpaw_startup_error: u32,
    /// The role that cannot start.
    pub role: Role,
    /// What kind of reason it is.
    pub code: StartupErrorCode,
    /// The reason in words.
    pub message: String,
    /// The port that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<PortName>,
}

/// A port of a role, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortName {
    /// `network`, `control` or `api`.
    pub name: String,
    /// The configured host.
    pub host: String,
    /// The configured number.
    #[ts(type = "number")]
    pub port: i64,
}

impl From<&port_takeover::WantedPort> for PortName {
    fn from(wanted: &port_takeover::WantedPort) -> Self {
        Self { name: wanted.name.clone(), host: wanted.host.clone(), port: wanted.port }
    }
}

/// The kinds of reasons why a role cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StartupErrorCode {
    /// The configuration cannot be read or has a wrong value.
    ConfigInvalid,
    /// The configuration cannot be written.
    ConfigUnwritable,
    /// Somebody else holds a port.
    PortInUse,
    /// A host is no address of this machine.
    BindAddressUnavailable,
    /// The configuration would open the machine to more than it should.
    ExposureRefused,
    /// The state folder cannot be used.
    StateUnavailable,
    /// The state was written by a newer version.
    StateTooNew,
    /// Anything else.
    StartupFailed,
}

/// A line of stdout that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the backend wrote a line that is none of its protocol: {0}")]
pub struct BrokenLine(pub String);

impl Line {
    /// Reads the line. A sidecar writes nothing else to stdout, so every other text is an error.
    ///
    /// # Errors
    /// [`BrokenLine`] with the reason.
    pub fn parse(text: &str) -> Result<Self, BrokenLine> {
        let broken = |reason: String| BrokenLine(reason);
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| broken(format!("it is no JSON ({error})")))?;
        if value.get("taskpaw_ready").is_some() {
            let ready: Ready = serde_json::from_value(value).map_err(|error| broken(error.to_string()))?;
            if !ready.taskpaw_ready {
                return Err(broken("taskpaw_ready is false".to_owned()));
            }
            Ok(Self::Ready(ready))
        } else if value.get("taskpaw_startup_error").is_some() {
            let error: StartupError =
                serde_json::from_value(value).map_err(|error| broken(error.to_string()))?;
            if error.taskpaw_startup_error != 1 {
                return Err(broken(format!("startup error {} is not known", error.taskpaw_startup_error)));
            }
            Ok(Self::StartupError(error))
        } else {
            Err(broken("it is neither ready nor a startup error".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_ready_or_an_error_or_broken() {
        let ready = r#"{"taskpaw_ready":true,"role":"agent","base_url":"http://127.0.0.1:5681","version":"4.0.0","pid":123}"#;
        assert!(matches!(Line::parse(ready), Ok(Line::Ready(Ready { role: Role::Agent, pid: 123, .. }))));
        let failed = r#"{"taskpaw_startup_error":1,"role":"hub","code":"port_in_use","message":"m","port":{"name":"api","host":"127.0.0.1","port":5690}}"#;
        assert!(matches!(
            Line::parse(failed),
            Ok(Line::StartupError(StartupError { code: StartupErrorCode::PortInUse, port: Some(_), .. }))
        ));
        for text in [
            "",
            "hello",
            "[]",
            "{}",
            r#"{"taskpaw_ready":true}"#,
            r#"{"taskpaw_ready":false,"role":"agent","base_url":"x","version":"4.0.0","pid":1}"#,
            r#"{"taskpaw_startup_error":2,"role":"hub","code":"port_in_use","message":"m"}"#,
            r#"{"taskpaw_startup_error":1,"role":"hub","code":"no_such_code","message":"m"}"#,
        ] {
            assert!(Line::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hello_does_not_print_its_token() {
        let hello = Hello {
            taskpaw_host: 1,
            host_version: "4.0.0".into(),
            control_token: "secret".into(),
            config_dir: "/c".into(),
            ports: Vec::new(),
            listeners: Vec::new(),
        };
        assert!(!format!("{hello:?}").contains("secret"));
    }
}
