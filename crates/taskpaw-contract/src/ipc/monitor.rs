//! The kinds of monitors, and what is wrong with the settings of one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::status::{AgentEvent, MonitorStatus};

/// A kind of monitor that an agent offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorType {
    /// The kind's id, such as `tcp_check`.
    pub type_id: String,
    /// What people call it, in English.
    pub title: String,
    /// What it watches, in English.
    pub description: String,
    /// Whether every agent has one, which can be changed but neither added nor removed.
    #[serde(default)]
    pub always_on: bool,
    /// The JSON schema of its settings; the window makes its form from it.
    #[ts(type = "Record<string, unknown>")]
    pub schema: Value,
}

/// What is wrong with one field of what was sent. With `InvalidFields` the details are a
/// list of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FieldProblem {
    /// The path of the field, such as `config.port`.
    pub field: String,
    /// What is wrong with it, in English.
    pub message: String,
    /// The fault as a code, which the window has words for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub fault: Option<FieldFault>,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldFault {
    /// Nothing is in it, and something must be.
    Required,
    /// The value is not text.
    NotText,
    /// The value contains a character that text cannot have.
    BadCharacter,
    /// The value is too long.
    TooLong {
        /// The most bytes that are possible.
        most: u32,
    },
    /// The list has too many entries.
    TooMany {
        /// The most entries that are possible.
        most: u32,
    },
    /// The value is not a list of texts.
    NotAList,
    /// The value is neither the name nor the address of a machine.
    NotAHost,
    /// The value is not an absolute path.
    NotAPath,
    /// The value is not a regular expression.
    NotAPattern,
    /// The value is none of the words that are possible.
    NotOneOf {
        /// The words that are possible.
        words: Vec<String>,
    },
    /// The value is not a number.
    NotANumber,
    /// The value is not a whole number.
    NotWhole,
    /// The number is out of range.
    NotBetween {
        /// The least, as it is written.
        least: String,
        /// The most, as it is written.
        most: String,
    },
    /// The value is neither yes nor no.
    NotAFlag,
    /// The value is not the address of a web page.
    NotAUrl,
    /// The value is not a list of HTTP statuses.
    NotStatuses,
    /// A pattern has no parentheses around what is to be read.
    NoGroup,
    /// None of several patterns is filled in.
    NoneFilled,
    /// Another one has this name.
    Taken,
    /// The name cannot be used for a monitor.
    BadName,
    /// This version has no such kind.
    UnknownKind,
    /// There is one always, and it cannot be changed in this.
    AlwaysOn,
}

impl FieldProblem {
    /// One that the window has words for.
    #[must_use]
    pub fn new(field: impl Into<String>, fault: FieldFault, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), fault: Some(fault) }
    }

    /// One that only its own words say.
    #[must_use]
    pub fn in_words(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), fault: None }
    }
}

/// What `GET /control/stream` of an agent tells, one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentNews {
    /// The state of a monitor is another than before.
    Monitor {
        /// The monitor's name.
        name: String,
        /// The monitor as it is now.
        monitor: MonitorStatus,
    },
    /// A monitor has looked, and its state is what it was; what else it found may be another thing than before.
    Look {
        /// The monitor's name.
        name: String,
        /// The monitor as it is now.
        monitor: MonitorStatus,
    },
    /// The list of monitors is another one, or what the agent says besides: ask for it, and for the status.
    Monitors,
    /// An event happened.
    Event {
        /// The event.
        event: AgentEvent,
    },
    /// The listener was too slow and has missed something: ask for the status and the events.
    Missed,
}
