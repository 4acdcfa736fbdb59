//! Commands: what the window can ask of the host. Each is declared here once, with its answer's type.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::fleet::FleetStatus;
use super::status::{AgentEvent, AgentStatus};
use super::view::{PortView, Snapshot};
use crate::Role;
use crate::config::{Endpoint, Preferences};

/// Ports that a person is thinking of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortDraft {
    /// The role.
    pub role: Role,
    /// The port's name.
    pub name: String,
    /// The wanted host and number.
    pub endpoint: Endpoint,
}

/// Declares the requests as one enum and, from the same lines, the table that TypeScript is made from.
macro_rules! requests {
    ($( $(#[doc = $doc:literal])+ $name:ident $({ $($(#[doc = $fdoc:literal])+ $field:ident : $type:ty),* $(,)? })? -> $answer:ty; )*) => {
        /// A request of the window.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Request {
            $( $(#[doc = $doc])+ $name $({ $($(#[doc = $fdoc])+ $field: $type),* })?, )*
        }

        /// Each request's name and the TypeScript of its answer.
        pub(super) fn answers(config: &ts_rs::Config) -> Vec<(&'static str, String)> {
            vec![$( (stringify!($name), <$answer as TS>::name(config)) ),*]
        }
    };
}

requests! {
    /// Everything that the window shows now.
    Snapshot -> Snapshot;
    /// The window has painted for the first time.
    Painted -> ();
    /// Try again after a failure, at once.
    Retry {
        /// The role.
        role: Role,
    } -> ();
    /// Start a role that is stopped.
    Start {
        /// The role.
        role: Role,
    } -> ();
    /// Stop a role until it is started again.
    Stop {
        /// The role.
        role: Role,
    } -> ();
    /// Stop a role and start it again.
    Restart {
        /// The role.
        role: Role,
    } -> ();
    /// Look at ports that a person is thinking of; changes nothing.
    CheckPorts {
        /// All ports of one role.
        draft: Vec<PortDraft>,
    } -> Vec<PortView>;
    /// The next free number for a port.
    SuggestPort {
        /// The role.
        role: Role,
        /// The port's name.
        name: String,
    } -> u16;
    /// Save ports and start the role on them.
    ApplyPorts {
        /// The ports to change.
        draft: Vec<PortDraft>,
    } -> ();
    /// The last log lines of a role, the newest last.
    Logs {
        /// The role.
        role: Role,
        /// How many at most.
        limit: u32,
    } -> Vec<String>;
    /// Save what the person chose for the app.
    SetPreferences {
        /// All of it.
        preferences: Preferences,
    } -> ();
    /// Put the last good copy in the place of a configuration that cannot be used, and start.
    RestoreLastGoodConfig -> ();
    /// Read the configuration again, after a person has corrected it, and start.
    ReloadConfig -> ();
    /// What the agent sees now.
    AgentStatus -> AgentStatus;
    /// The agent's last events, the newest last.
    AgentEvents {
        /// How many at most.
        limit: u32,
    } -> Vec<AgentEvent>;
    /// What the hub sees now.
    FleetStatus -> FleetStatus;
    /// Ask the other app for its place again, after that was given up.
    ClaimAgain -> ();
    /// Start the version that was installed over this one; it takes over.
    Relaunch -> ();
    /// End the app.
    Quit -> ();
}
