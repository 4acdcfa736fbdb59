//! What was seen of a machine, as plain data: it can be decided on, stored, sent and replayed.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};

use serde::{Deserialize, Deserializer, Serialize};

use crate::address::{Host, InvalidHost};
use crate::identity::Role;
use crate::installation::StateSeen;

/// The version of the snapshot's form that this library reads and writes.
pub const SCHEMA: u32 = 1;

/// A process id. Never zero, which every system keeps for itself; and never enough to end a process by,
/// because ids are reused: see [`ProcessIdentity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "number"))]
pub struct Pid(pub NonZeroU32);

impl Pid {
    /// The id as a `Pid`, or nothing for 0.
    #[must_use]
    pub fn new(raw: u32) -> Option<Self> {
        NonZeroU32::new(raw).map(Self)
    }

    /// The id of this process.
    #[must_use]
    pub fn own() -> Self {
        Self(NonZeroU32::new(std::process::id()).unwrap_or(NonZeroU32::MIN))
    }

    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A port that a role needs. Written as `{"name", "host", "port"}`, with the host as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "WrittenPort", into = "WrittenPort")]
pub struct WantedPort {
    /// What the role calls it, such as `network`.
    pub name: String,
    /// Where it is to be listened on.
    pub host: Host,
    /// The number.
    pub port: NonZeroU16,
}

/// Why nobody can want a port as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPort {
    /// The host is no address.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The number is out of range.
    #[error("{0} is no port: write a number from 1 to 65535")]
    Number(i64),
}

impl WantedPort {
    /// Parses a port as people write it.
    ///
    /// # Errors
    /// [`InvalidPort`] if the number is out of range, or the host no address.
    pub fn new(name: impl Into<String>, host: &str, port: i64) -> Result<Self, InvalidPort> {
        let number = u16::try_from(port).ok().and_then(NonZeroU16::new).ok_or(InvalidPort::Number(port))?;
        Ok(Self { name: name.into(), host: host.parse()?, port: number })
    }

    /// The address that a bind of it uses.
    #[must_use]
    pub fn socket_address(&self) -> SocketAddr {
        SocketAddr::new(self.host.bind_address(), self.port.get())
    }
}

impl fmt::Display for WantedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Localhost => write!(f, "{}:{}", self.host, self.port),
            Host::Address(ip) => SocketAddr::new(ip, self.port.get()).fmt(f),
        }
    }
}

/// A [`WantedPort`] as it is written.
#[derive(Serialize, Deserialize)]
struct WrittenPort {
    name: String,
    host: String,
    port: i64,
}

impl TryFrom<WrittenPort> for WantedPort {
    type Error = InvalidPort;

    fn try_from(written: WrittenPort) -> Result<Self, InvalidPort> {
        Self::new(written.name, &written.host, written.port)
    }
}

impl From<WantedPort> for WrittenPort {
    fn from(wanted: WantedPort) -> Self {
        Self { name: wanted.name, host: wanted.host.to_string(), port: wanted.port.get().into() }
    }
}

/// A process as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: Pid,
    /// The name that the system shows. Linux cuts it at 15 bytes.
    #[serde(default)]
    pub name: String,
    /// The path of its executable, or nothing where it cannot be read.
    #[serde(default)]
    pub exe: Option<String>,
    /// Its arguments, the program first; bytes that are no UTF-8 are replaced.
    #[serde(default)]
    pub argv: Vec<String>,
    /// The folder that it works in, of a Python interpreter whose folder can be read (Linux): a script is looked for there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Whether it is run by the user who asks; nothing where that cannot be read.
    #[serde(default)]
    pub same_user: Option<bool>,
    /// Who runs it, as far as it can be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When it started, in the system's own finest unit (Linux: clock ticks since boot; macOS: microseconds
    /// and Windows: 100 ns since their epochs). Only ever compared for equality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<u64>,
}

impl Process {
    /// What must stay the same for this to be the same process.
    #[must_use]
    pub fn identity(&self) -> ProcessIdentity {
        ProcessIdentity {
            pid: self.pid,
            started_at: self.started_at,
            exe: self.exe.as_deref().map(|exe| without_deleted(exe).to_owned()),
        }
    }
}

/// Linux shows ` (deleted)` behind an executable that was replaced: the normal case during an update.
pub(crate) fn without_deleted(exe: &str) -> &str {
    exe.strip_suffix(" (deleted)").unwrap_or(exe)
}

/// What tells a process from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its id.
    pub pid: Pid,
    /// When it started; see [`Process::started_at`].
    pub started_at: Option<u64>,
    /// The path of its executable.
    pub exe: Option<String>,
}

impl ProcessIdentity {
    /// Whether what is found now is still this process. Both start times must be known and the same. A path that cannot
    /// be told any more tells nothing: macOS has none once the file of a running program was removed, as by an update.
    #[must_use]
    pub fn is_still(&self, found: &Self) -> bool {
        let (pid, started_at) = (self.pid == found.pid, self.started_at == found.started_at);
        pid && started_at && found.started_at.is_some() && (found.exe.is_none() || found.exe == self.exe)
    }
}

/// A socket in LISTEN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The local address.
    #[serde(deserialize_with = "host_text")]
    pub address: String,
    /// The local port.
    pub port: u16,
    /// The processes that have it open, as far as they can be seen. Empty: somebody listens, but who cannot
    /// be seen.
    #[serde(default)]
    pub pids: Vec<Pid>,
    /// Whether an IPv6 socket refuses IPv4.
    #[serde(default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundSocket {
    /// The local address.
    #[serde(deserialize_with = "host_text")]
    pub address: String,
    /// The local port.
    pub port: u16,
    /// The processes that have it open, as far as they can be seen.
    #[serde(default)]
    pub pids: Vec<Pid>,
    /// Whether an IPv6 socket refuses IPv4.
    #[serde(default)]
    pub v6only: bool,
    /// Whether no process has it any more: TIME_WAIT, or the end of a connection whose process has ended. Only time
    /// takes it away. One that is not orphaned and has no `pids` belongs to somebody who cannot be seen.
    #[serde(default)]
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
fn host_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Host>().map_err(serde::de::Error::custom)?;
    Ok(text)
}

/// How the trial bind of a wanted port ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindOutcome {
    /// It can be bound.
    Ok,
    /// Refused as in use.
    InUse,
    /// Refused because the port is privileged.
    Denied,
    /// Refused because the system keeps the port back (a Windows excluded range).
    Reserved,
    /// Refused because the host is no address of this machine.
    Unavailable,
}

/// Everything a decision is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of this form: [`SCHEMA`].
    #[serde(deserialize_with = "known_schema")]
    pub schema: u32,
    /// The role that wants to start.
    pub role: Role,
    /// The process that asks: it is never ours to end.
    pub self_pid: Pid,
    /// The ports it needs, in their configured order.
    pub wanted: Vec<WantedPort>,
    /// The processes that hold a socket of interest.
    #[serde(default)]
    pub processes: Vec<Process>,
    /// The sockets in LISTEN on the wanted numbers.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// The sockets on the wanted numbers that do not listen. They are looked for only where a bind is refused as in use
    /// and no listener is in the way. Nothing where that was not necessary, and where the system does not show them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<Vec<BoundSocket>>,
    /// The state of the installation that asks. Nothing where there is only one, or none: every process of ours with the
    /// same role and user is then stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateSeen>,
    /// How the trial binds ended, by the wanted port's name. Left out: `in_use` if a listener blocks it,
    /// else `ok`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub binds: BTreeMap<String, BindOutcome>,
}

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
