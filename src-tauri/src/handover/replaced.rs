//! The host before this one.

use std::time::Duration;

use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::ipc::{PortsFrom, TookOver};

/// A host whose place was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replaced {
    /// The version of the host that was replaced, if it said so.
    pub(crate) version: Option<String>,
    /// The process id of the host that was replaced.
    pub(crate) pid: u32,
    /// Whether it had to be ended by force.
    pub(crate) forced: bool,
    /// From the ask to its end.
    pub(crate) took: Duration,
    /// Which way the ports of its roles came.
    pub(crate) ports: Vec<PortsFrom>,
}

impl From<Replaced> for TookOver {
    fn from(replaced: Replaced) -> Self {
        let ms = milliseconds(replaced.took);
        Self {
            version: replaced.version,
            pid: replaced.pid,
            forced: replaced.forced,
            ms,
            ports: replaced.ports,
        }
    }
}
