//! What the roles watch, pushed to the window as it changes: it names what it shows, and is sent that and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::error::IpcError;
use super::fleet::{FleetAgent, FleetEvent, FleetStatus};
use super::log::LogLine;
use super::status::{AgentEvent, AgentStatus, MonitorStatus};
use crate::Role;

/// What a window can show of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// What the agent sees.
    Agent,
    /// What happens on this machine.
    AgentEvents,
    /// The machines of the hub.
    Fleet,
    /// What happens on all of them.
    FleetEvents,
    /// The log of the agent's backend.
    AgentLog,
    /// The log of the hub's backend.
    HubLog,
}

impl DataKind {
    /// The events of a role.
    #[must_use]
    pub const fn events_of(role: Role) -> Self {
        match role {
            Role::Agent => Self::AgentEvents,
            Role::Hub => Self::FleetEvents,
        }
    }

    /// The log of a role's backend.
    #[must_use]
    pub const fn log_of(role: Role) -> Self {
        match role {
            Role::Agent => Self::AgentLog,
            Role::Hub => Self::HubLog,
        }
    }

    /// What a role is watched for.
    #[must_use]
    pub const fn status_of(role: Role) -> Self {
        match role {
            Role::Agent => Self::Agent,
            Role::Hub => Self::Fleet,
        }
    }
}

/// What the window is sent. It takes the place of what it had; what it names is all that is another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RoleData {
    /// All that the agent sees.
    Agent {
        /// The agent's status.
        status: AgentStatus,
    },
    /// Some of its monitors.
    Monitors {
        /// By their names.
        #[ts(type = "Record<string, MonitorStatus>")]
        monitors: BTreeMap<String, MonitorStatus>,
    },
    /// Events of this machine, the newest last.
    AgentEvents {
        /// The events.
        events: Vec<AgentEvent>,
    },
    /// All machines of the hub.
    Fleet {
        /// The machines, and what the hub knows beside them.
        status: FleetStatus,
    },
    /// Some of its machines.
    Machines {
        /// The machines that have changed.
        agents: Vec<FleetAgent>,
    },
    /// Events of the fleet, the newest last.
    FleetEvents {
        /// The events.
        events: Vec<FleetEvent>,
    },
    /// A role may have told events that were not heard: they are to be asked for.
    EventsMissed {
        /// The role whose events were missed.
        role: Role,
    },
    /// A role is not heard for a moment: what is shown of it may be old.
    Unheard {
        /// The role that is not heard.
        role: Role,
        /// Why.
        error: IpcError,
    },
    /// Lines of the log of a role's backend, the newest last.
    Log {
        /// The role whose backend logged the lines.
        role: Role,
        /// The log lines.
        lines: Vec<LogLine>,
    },
}
