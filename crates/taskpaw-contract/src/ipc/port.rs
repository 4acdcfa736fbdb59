//! A port of a role, and who holds it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::run_by::RunBy;
use crate::{PortStatus, Role};

/// A port of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortView {
    /// `network`, `control` or `api`.
    pub name: String,
    /// The configured host.
    pub host: String,
    /// The configured number.
    #[ts(type = "number")]
    pub port: i64,
    /// The port's state when it was last looked at; nothing before the first look.
    pub state: Option<PortStatus>,
    /// What that means for a start; nothing if it was not looked at yet.
    pub outlook: Option<port_takeover::PortOutlook>,
    /// Whether the role's own running backend holds it.
    pub in_use_by_app: bool,
    /// Who holds it.
    pub holders: Vec<HolderView>,
    /// A free number near it, where the state calls for another one.
    pub suggestion: Option<u16>,
}

/// A process that holds a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HolderView {
    /// The holder's process id.
    pub pid: u32,
    /// The holder's name; nothing if it cannot be seen.
    pub name: Option<String>,
    /// The path of its executable.
    pub exe: Option<String>,
    /// Who runs it.
    pub user: Option<String>,
    /// The holder's role, if it is a TaskPaw backend.
    pub role: Option<Role>,
    /// Whether it is a stale backend of this role and user.
    pub ours: bool,
    /// Why it runs, where the system proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub run_by: Option<RunBy>,
    /// Its command line, cut, and without what looks like a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub command_line: Option<String>,
    /// Since when it runs, in milliseconds since 1970, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub since: Option<u64>,
    /// Whether systemd runs this machine, so that `systemctl status` tells what has started it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub is_under_systemd: bool,
}
