//! Errors as the window gets them: it decides by the code and never by the text.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::config::ConfigProblem;

/// An error of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
pub struct IpcError {
    /// What kind of error it is; stable across versions.
    pub code: ErrorCode,
    /// What happened, why, and what to do now, in English.
    pub message: String,
    /// What belongs to the code, such as a configuration problem.
    #[ts(type = "unknown")]
    pub detail: Value,
}

impl IpcError {
    /// An error without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: Value::Null }
    }
}

/// What is wrong with the configuration, for the window to say in the person's language.
impl From<ConfigProblem> for IpcError {
    fn from(problem: ConfigProblem) -> Self {
        Self {
            code: ErrorCode::Config,
            message: problem.to_string(),
            detail: serde_json::to_value(&problem).unwrap_or_default(),
        }
    }
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request itself is wrong.
    BadRequest,
    /// The configuration cannot be used or written; `detail` is a `ConfigProblem`.
    Config,
    /// Fields of what was sent cannot be used; `detail` is a list of `FieldProblem`.
    InvalidFields,
    /// The same request is already being carried out.
    Busy,
    /// The app is being handed over to another one, which may fail: nothing is changed meanwhile.
    HandingOver,
    /// Another app has the place of the one app that runs: this one changes nothing.
    OtherRuns,
    /// This system cannot do that.
    Unsupported,
    /// The role is not running, so it has no data.
    NotReady,
    /// The backend did not answer, or not as agreed.
    BackendUnreachable,
    /// No port number is free near the wanted one.
    NoFreePort,
    /// The ports cannot be looked at.
    LookFailed,
    /// What was pasted is not a line for a machine; `detail` is a `PairingRefusal`.
    BadPairingLine,
    /// This machine has no address in a network that hubs could reach it at.
    NoNetwork,
    /// An error of TaskPaw itself.
    Internal,
}
