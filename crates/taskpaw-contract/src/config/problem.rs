//! What can be wrong with a configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ExposureReason;

/// Why a configuration cannot be used. Each says what happened, why, and what to do now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConfigProblem {
    /// The file is there and cannot be read.
    #[error("{} cannot be read: {reason}. Check its permissions and start TaskPaw again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is no JSON.
    #[error(
        "{} is no valid JSON: line {line}, column {column}: {reason}. Correct that place, or go back to the \
         last good copy; the file was left as it is", path.display()
    )]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A value has the wrong type or an impossible value.
    #[error("{key}: {reason}. Correct it in config.json; the file was left as it is")]
    Value {
        /// The path of the key, such as `agent.network.port`.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// A port number is out of range.
    #[error(
        "{key}: {value} is not between 1 and 65535. Correct it in config.json; the file was left as it is"
    )]
    PortRange {
        /// The path of the key.
        key: String,
        /// The number.
        #[ts(type = "number")]
        value: i64,
    },
    /// A host is not an address.
    #[error(
        "{key}: \"{value}\" is no address (write an IP address such as 127.0.0.1, or localhost). \
         Correct it in config.json; the file was left as it is"
    )]
    NotAnAddress {
        /// The path of the key.
        key: String,
        /// The text.
        value: String,
    },
    /// The configuration would open this machine to more than it should.
    #[error("{key}: {address} {reason}. Correct it in config.json; the file was left as it is")]
    Exposure {
        /// The path of the key.
        key: String,
        /// The address.
        address: String,
        /// Why it is refused.
        reason: ExposureReason,
    },
    /// The file was written by a newer version.
    #[error(
        "config.json has schema {schema}, and this version knows {known}: a newer TaskPaw wrote it. \
         Start that version, or restore an older copy of the file"
    )]
    TooNew {
        /// The schema of the file.
        schema: u32,
        /// The newest schema that is known here.
        known: u32,
    },
    /// There is no copy of the file that was seen to work.
    #[error(
        "{} is not there any more, so nothing can be put in the place of the configuration. Correct config.json by hand; \
         the file was left as it is", path.display()
    )]
    NoLastGood {
        /// Where it was.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error(
        "{} cannot be written: {reason}. Give yourself permission to write there, or set TASKPAW_CONFIG_DIR \
         to a folder that you can write to", path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}
