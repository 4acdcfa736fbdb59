//! What was seen of a machine, as plain data: it can be decided on, stored, sent and replayed.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "serde")]
use serde::{Deserialize, Deserializer, Serialize};

use crate::address::Host;
use crate::port::WantedPort;
use crate::process::{Pid, Process, ProcessIdentity};
use crate::role::Role;

/// The version of the snapshot's form that this library reads and writes.
pub const SCHEMA: u32 = 1;

/// A socket in LISTEN.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Listener {
    /// The local address.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "host_text"))]
    pub address: String,
    /// The local port.
    pub port: u16,
    /// The processes that have it open, as far as they can be seen. Empty: somebody listens, but who cannot
    /// be seen.
    #[cfg_attr(feature = "serde", serde(default))]
    pub pids: Vec<Pid>,
    /// Whether an IPv6 socket refuses IPv4.
    #[cfg_attr(feature = "serde", serde(default))]
    pub v6only: bool,
}

impl Listener {
    /// The address, parsed.
    #[must_use]
    pub fn host(&self) -> Option<Host> {
        self.address.parse().ok()
    }
}

/// A socket that has a wanted number and does not listen: bound alone, a connection, or what is left of one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct BoundSocket {
    /// The local address.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "host_text"))]
    pub address: String,
    /// The local port.
    pub port: u16,
    /// The processes that have it open, as far as they can be seen.
    #[cfg_attr(feature = "serde", serde(default))]
    pub pids: Vec<Pid>,
    /// Whether an IPv6 socket refuses IPv4.
    #[cfg_attr(feature = "serde", serde(default))]
    pub v6only: bool,
    /// Whether no process has it any more: TIME_WAIT, or the end of a connection whose process has ended. Only time
    /// takes it away. One that is not orphaned and has no `pids` belongs to somebody who cannot be seen.
    #[cfg_attr(feature = "serde", serde(default))]
    pub orphaned: bool,
}

impl BoundSocket {
    /// The address, parsed.
    #[must_use]
    pub fn host(&self) -> Option<Host> {
        self.address.parse().ok()
    }
}

/// A listener's address is checked where it enters: a listener that cannot be placed could be overlooked.
#[cfg(feature = "serde")]
fn host_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Host>().map_err(serde::de::Error::custom)?;
    Ok(text)
}

/// How the trial bind of a wanted port ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum BindOutcome {
    /// The address can be bound.
    Ok,
    /// Refused as in use.
    InUse,
    /// Refused because the port is privileged.
    Denied,
    /// Refused because the system keeps the port back (a Windows excluded range).
    Reserved,
    /// Refused because the host is not an address of this machine.
    Unavailable,
}

/// Everything a decision is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Snapshot {
    /// The version of this form: [`SCHEMA`].
    #[cfg_attr(feature = "serde", serde(deserialize_with = "known_schema"))]
    pub schema: u32,
    /// The role that wants to start.
    pub role: Role,
    /// The process that asks: it is never ours to end.
    pub self_pid: Pid,
    /// The ports it needs, in their configured order.
    pub wanted: Vec<WantedPort>,
    /// The processes that hold a socket of interest.
    #[cfg_attr(feature = "serde", serde(default))]
    pub processes: Vec<Process>,
    /// The sockets in LISTEN on the wanted numbers.
    #[cfg_attr(feature = "serde", serde(default))]
    pub listeners: Vec<Listener>,
    /// The sockets on the wanted numbers that do not listen. They are looked for only where a bind is refused as in use
    /// and no listener is in the way. `None` where that was not necessary, and where the system does not show them.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub sockets: Option<Vec<BoundSocket>>,
    /// The state of the installation that asks. `None` where there is only one, or none: every process of ours with the
    /// same role and user is then stale.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub state: Option<StateSeen>,
    /// How the trial binds ended, by the wanted port's name. Left out: `in_use` if a listener blocks it,
    /// else `ok`.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "BTreeMap::is_empty"))]
    pub binds: BTreeMap<String, BindOutcome>,
}

#[cfg(feature = "serde")]
fn known_schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let schema = u32::deserialize(deserializer)?;
    if schema == SCHEMA {
        Ok(schema)
    } else {
        Err(serde::de::Error::custom(format!("schema {schema} is not known (this version reads {SCHEMA})")))
    }
}

impl Snapshot {
    /// The process with this id, if it was seen. Two records of one id that contradict each other count as
    /// not seen.
    #[must_use]
    pub fn process(&self, pid: Pid) -> Option<&Process> {
        let mut records = self.processes.iter().filter(|process| process.pid == pid);
        let first = records.next()?;
        records.all(|record| record == first).then_some(first)
    }
}

/// What was seen of the state of the installation that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(default))]
pub struct StateSeen {
    /// Whether a process holds the lock of the role's state; `None` where that cannot be found out.
    pub held: Option<bool>,
    /// The process that the record beside the lock names, if it lives and is still that process.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub holder: Option<ProcessIdentity>,
    /// Processes of an earlier generation, which keeps its state elsewhere: they know nothing of this lock.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "BTreeSet::is_empty"))]
    pub predecessors: BTreeSet<Pid>,
    /// Processes of a version that holds the lock and writes no record.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "BTreeSet::is_empty"))]
    pub unrecorded: BTreeSet<Pid>,
}

impl StateSeen {
    /// Whether a process that is ours by its program, user and role belongs to the installation that asks.
    ///
    /// It does if it is the recorded holder of the state. A record in a folder that was copied names the holder of the
    /// original, so one whose lock is free says nothing. It also does if it writes no record and the lock is held by one
    /// that has none; and if it is of a generation that has one installation only.
    #[must_use]
    pub fn has(&self, process: &Process) -> bool {
        let is_recorded = self.is_recorded(process) && self.held != Some(false);
        let is_held_unrecorded = self.held == Some(true) && self.holder.is_none();
        is_recorded
            || self.predecessors.contains(&process.pid)
            || (is_held_unrecorded && self.unrecorded.contains(&process.pid))
    }

    /// Whether the record names this process.
    pub(crate) fn is_recorded(&self, process: &Process) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.is_still(&process.identity()))
    }
}
