//! The lines that a host and its sidecar exchange, on stdin and stdout.
//!
//! The host sets [`HOST_VARIABLE`] and writes a [`Hello`] as the first line of stdin. End of file on stdin then means
//! that the host is gone. The sidecar prepares itself and says so; each further line of stdin is a [`Step`], and each
//! line of stdout a [`Line`] ([`Life`] says which steps are for when). A host of protocol 1 writes nothing after its
//! greeting and gets exactly one line: its sidecar takes all steps by itself.
//!
//! On Linux and macOS stdin is one end of a pair of Unix streams, over which listening sockets are passed in both directions;
//! where it is something else, none are.

mod life;
mod step;

pub use life::{Effect, Input, Life, Reached, Refusal, RefusalCode};
pub use step::{GoOn, LONGEST_LINE, Step, StepError};

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::Role;
use crate::config::ConfigHash;

/// Set to [`HOST_ON_STDIN`] in the environment of a sidecar that a host started.
pub const HOST_VARIABLE: &str = "TASKPAW_HOST";
/// The one value of [`HOST_VARIABLE`].
pub const HOST_ON_STDIN: &str = "stdin";

/// How long a sidecar waits for its first line. A host may start it ahead of its time and greet it within this: until
/// then it holds nothing, and knows no secret.
pub const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// What a host speaks that takes its sidecar from step to step. One that speaks 1, as that of 4.0.0 does, has it take
/// all steps by itself.
pub const PROTOCOL: u32 = 2;

/// The first line of stdin, from the host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol that the host speaks: 1, or [`PROTOCOL`].
    pub taskpaw_host: u32,
    /// The host's version.
    pub host_version: String,
    /// The token that the control port asks for in this launch.
    pub control_token: String,
    /// The folder of `config.json`; nothing if its name is not text: it is in the environment then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_dir: Option<PathBuf>,
    /// The role's ports for this launch, where they are not those of `config.json`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortName>,
    /// The ports whose listening sockets the host passes, since they could not be bound. Linux only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<PassedListener>,
    /// Whether all steps up to *live* are taken at once, as by protocol 1: only then `taskpaw_ready` is said. The host
    /// has the place, and has seen that this program can be prepared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
}

impl Hello {
    /// Whether the sidecar waits for the host between its steps.
    #[must_use]
    pub fn is_stepwise(&self) -> bool {
        self.taskpaw_host >= 2 && !self.at_once
    }
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

/// A line of stdout, from the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The role can serve, and has touched nothing.
    Prepared(Prepared),
    /// The role listens on all its ports.
    Ready(Ready),
    /// The role does everything that it is for.
    Live,
    /// The role is prepared again; its listening sockets are kept.
    StoodDown,
    /// The listening sockets are closed.
    ListenersClosed,
    /// The host has copies of the listening sockets, which are kept: they lie in the stream that is this sidecar's stdin.
    ListenersPassed,
    /// Something is under way that takes its time.
    SignOfLife(SignOfLife),
    /// A step is not taken, and nothing has changed.
    Refused(Refusal),
    /// The role cannot go on; the sidecar ends with status 1.
    StartupError(StartupError),
}

/// Something is under way that takes its time. The host waits on only if the count advances: a backend that hangs gives signs too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOfLife {
    /// Always true.
    pub taskpaw_sign_of_life: bool,
    /// How far it is: grows as long as it advances.
    #[serde(default)]
    pub advanced: u64,
}

/// The role can serve: configuration and state were read and can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Always true.
    pub taskpaw_prepared: bool,
    /// The role that is prepared.
    pub role: Role,
    /// The sidecar's version.
    pub version: String,
    /// The sidecar's process id.
    pub pid: u32,
    /// Of the configuration that was read: it counts for these bytes only.
    pub config_hash: ConfigHash,
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
        Self { name: wanted.name.clone(), host: wanted.host.to_string(), port: wanted.port.get().into() }
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
    /// A host is not an address of this machine.
    BindAddressUnavailable,
    /// The configuration would open the machine to more than it should.
    ExposureRefused,
    /// The state folder cannot be used, for a reason that has no code of its own.
    StateUnavailable,
    /// Another backend of the role holds the state.
    StateLocked,
    /// This user may not read or write the state.
    StateDenied,
    /// The state lies where nobody can write.
    StateReadOnly,
    /// The state is not what TaskPaw writes.
    StateDamaged,
    /// There is no room left for the state.
    DiskFull,
    /// The state was written by a newer version.
    StateTooNew,
    /// Anything else.
    StartupFailed,
}

/// A line of stdout that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the backend wrote a line that is none of its protocol: {0}")]
pub struct BrokenLine(pub String);

/// What says nothing but that it was reached.
const PLAIN: [(&str, Line); 4] = [
    ("taskpaw_live", Line::Live),
    ("taskpaw_stood_down", Line::StoodDown),
    ("taskpaw_listeners_closed", Line::ListenersClosed),
    ("taskpaw_listeners_passed", Line::ListenersPassed),
];

impl Line {
    /// Reads the line. A sidecar writes nothing else to stdout, so every other text is an error.
    ///
    /// # Errors
    /// [`BrokenLine`] with the reason.
    pub fn parse(text: &str) -> Result<Self, BrokenLine> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| broken(format!("it is no JSON ({error})")))?;
        let is = |key: &str| value.get(key).is_some();
        if is("taskpaw_prepared") {
            let prepared: Prepared = typed(value)?;
            kept_to(prepared.taskpaw_prepared, "taskpaw_prepared is false")?;
            Ok(Self::Prepared(prepared))
        } else if is("taskpaw_ready") {
            let ready: Ready = typed(value)?;
            kept_to(ready.taskpaw_ready, "taskpaw_ready is false")?;
            Ok(Self::Ready(ready))
        } else if is("taskpaw_startup_error") {
            let error: StartupError = typed(value)?;
            kept_to(error.taskpaw_startup_error == 1, "such a startup error is not known")?;
            Ok(Self::StartupError(error))
        } else if is("taskpaw_refused") {
            let refused: Refusal = typed(value)?;
            kept_to(refused.taskpaw_refused == 1, "such a refusal is not known")?;
            Ok(Self::Refused(refused))
        } else if is("taskpaw_sign_of_life") {
            let sign: SignOfLife = typed(value)?;
            kept_to(sign.taskpaw_sign_of_life, "taskpaw_sign_of_life is false")?;
            Ok(Self::SignOfLife(sign))
        } else if let Some((key, line)) = PLAIN.into_iter().find(|(key, _)| is(key)) {
            kept_to(value.get(key) == Some(&Value::Bool(true)), "what was reached is not true")?;
            Ok(line)
        } else {
            Err(broken("it is nothing that a backend says".to_owned()))
        }
    }

    /// The line as it is written, without its end.
    ///
    /// # Errors
    /// Does not happen: everything here can be written as JSON.
    pub fn text(&self) -> serde_json::Result<String> {
        match self {
            Self::Prepared(prepared) => serde_json::to_string(prepared),
            Self::Ready(ready) => serde_json::to_string(ready),
            Self::StartupError(error) => serde_json::to_string(error),
            Self::Refused(refused) => serde_json::to_string(refused),
            Self::SignOfLife(sign) => serde_json::to_string(sign),
            Self::Live | Self::StoodDown | Self::ListenersClosed | Self::ListenersPassed => {
                let key = PLAIN.into_iter().find(|(_, line)| line == self).map_or("", |(key, _)| key);
                serde_json::to_string(&serde_json::json!({ key: true }))
            }
        }
    }
}

fn broken(reason: String) -> BrokenLine {
    BrokenLine(reason)
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, BrokenLine> {
    serde_json::from_value(value).map_err(|error| broken(error.to_string()))
}

fn kept_to(is_so: bool, otherwise: &str) -> Result<(), BrokenLine> {
    if is_so { Ok(()) } else { Err(broken(otherwise.to_owned())) }
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
            r#"{"taskpaw_prepared":true,"role":"agent"}"#,
            r#"{"taskpaw_live":false}"#,
            r#"{"taskpaw_stood_down":1}"#,
            r#"{"taskpaw_refused":1,"step":"live","code":"no_such_code","state":"prepared"}"#,
        ] {
            assert!(Line::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_unknown_keys_are_no_fault() {
        let prepared = Prepared {
            taskpaw_prepared: true,
            role: Role::Hub,
            version: "4.0.0".into(),
            pid: 7,
            config_hash: ConfigHash::of(Some(b"{}")),
        };
        let refused = Refusal {
            taskpaw_refused: 1,
            step: "live".into(),
            code: RefusalCode::WrongState,
            state: Life::Prepared,
        };
        let lines = [Line::Prepared(prepared), Line::Refused(refused)];
        for line in lines.into_iter().chain(PLAIN.map(|(_, line)| line)) {
            let text = line.text().unwrap();
            assert_eq!(Line::parse(&text), Ok(line.clone()), "{text}");
            assert_eq!(Line::parse(&text.replacen('{', "{\"later\":{},", 1)), Ok(line));
        }
    }

    #[test]
    fn only_a_host_of_protocol_2_takes_its_sidecar_from_step_to_step() {
        let of = |more: &str| {
            let text = format!(r#"{{"host_version":"4.0.0","control_token":"t","config_dir":"/c",{more}}}"#);
            serde_json::from_str::<Hello>(&text).unwrap().is_stepwise()
        };
        assert!(!of(r#""taskpaw_host":1"#));
        assert!(of(r#""taskpaw_host":2"#));
        assert!(!of(r#""taskpaw_host":2,"at_once":true"#));
    }

    #[test]
    fn a_hello_does_not_print_its_token() {
        let hello = Hello {
            taskpaw_host: 1,
            host_version: "4.0.0".into(),
            control_token: "secret".into(),
            config_dir: Some("/c".into()),
            ports: Vec::new(),
            listeners: Vec::new(),
            at_once: false,
        };
        assert!(!format!("{hello:?}").contains("secret"));
    }
}
