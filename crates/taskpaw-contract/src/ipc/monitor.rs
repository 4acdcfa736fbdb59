//! The kinds of monitors, and what is wrong with the settings of one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::status::{AgentEvent, MonitorStatus};

/// A kind of monitor that an agent offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorType {
    /// Its id, such as `tcp_check`.
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
}

/// What `GET /control/stream` of an agent tells, one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentNews {
    /// The state of a monitor is another than before.
    Monitor {
        /// Its name.
        name: String,
        /// How it is now.
        monitor: MonitorStatus,
    },
    /// A monitor has looked, and its state is what it was; what else it found may be another thing than before.
    Look {
        /// Its name.
        name: String,
        /// How it is now.
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
