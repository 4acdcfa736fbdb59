//! What can go wrong, by what it means for the caller.

use std::io;

use crate::port::WantedPort;
use crate::process::Pid;

/// The ports or their holders could not be looked at. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// The system's list of listening sockets cannot be read.
    #[error("the list of listening sockets cannot be read: {0}")]
    Sockets(io::Error),
    /// The system's answer breaks its own format.
    #[error("the system's list of listening sockets is damaged: {0}")]
    Malformed(&'static str),
    /// The list of processes cannot be read.
    #[error("the list of processes cannot be read: {0}")]
    Processes(io::Error),
    /// A trial bind failed in a way that says nothing about the port.
    #[error("whether {port} can be bound cannot be found out: {cause}")]
    Bind {
        /// The port.
        port: WantedPort,
        /// What the system says.
        cause: io::Error,
    },
    /// This system is not supported.
    #[error("who holds a port cannot be found out on this system")]
    Unsupported,
}

/// A process could not be opened, asked, killed or waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// The system does not allow it.
    #[error("process {pid} may not be ended by this user")]
    Denied {
        /// The process.
        pid: Pid,
    },
    /// The number means another process where processes are looked at than where they are ended: `/proc` belongs to
    /// another pid namespace, or says nothing about the handle.
    #[error(
        "process {pid} cannot be told from another one with that number: /proc shows the processes of another place"
    )]
    OtherProcess {
        /// The process.
        pid: Pid,
    },
    /// The system refused for another reason.
    #[error("process {pid} cannot be ended: {cause}")]
    System {
        /// The process.
        pid: Pid,
        /// What the system says.
        cause: io::Error,
    },
    /// This system is not supported.
    #[error("a process cannot be ended safely on this system")]
    Unsupported,
}

/// The sockets of a process could not be made to leave their ports at once. No reason to let it live: the ports are then
/// waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReuseError {
    /// The system does not allow it: Yama, a sandbox's filter, or missing rights.
    #[error("the system does not let one program change the sockets of another")]
    NotAllowed,
    /// The system refused for another reason, such as a kernel that cannot do it.
    #[error("the sockets cannot be changed: {0}")]
    System(io::Error),
    /// This system has no way to do it. None but Linux needs one.
    #[error("the sockets of another program cannot be changed on this system")]
    Unsupported,
}

/// A port could not be claimed; all ports that already were are released.
#[derive(Debug, thiserror::Error)]
#[error("{port} ({}) cannot be claimed: {cause}", port.name)]
pub struct ClaimError {
    /// The port.
    pub port: WantedPort,
    /// What the system says.
    pub cause: io::Error,
}

/// Why a takeover was called off. The round that had the doubt signalled nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// Between the looks, the decision became another one.
    #[error("what holds the ports changed while it was being verified")]
    DecisionChanged,
    /// Between the looks, a process became another one.
    #[error("process {0} is no longer the one that was seen first")]
    ProcessChanged(Pid),
    /// A process that must be ended holds the ports only since the second look.
    #[error("process {0} began to hold a port while it was being verified")]
    HolderAppeared(Pid),
    /// A process that must be ended has started since the time that the caller has set.
    #[error("process {0} has started since, and is left to work")]
    StartedSince(Pid),
    /// When a process started cannot be read, so it cannot be told from a later one with its id.
    #[error("when process {0} started cannot be read")]
    NoStartTime(Pid),
    /// A process may not be ended by this user: on Windows one that runs as administrator, for one.
    #[error("process {0} may not be ended by this user")]
    Denied(Pid),
    /// A process cannot be opened or signalled.
    #[error("{0}")]
    NotAllowed(String),
    /// The ports could not be looked at once more.
    #[error("{0}")]
    LookFailed(String),
    /// The observer of [`TakeoverEvent::Verified`](crate::TakeoverEvent::Verified) did not want it.
    #[error("it was called off before any process was asked to stop")]
    CalledOff,
}

impl From<EndError> for Doubt {
    fn from(error: EndError) -> Self {
        match error {
            EndError::Denied { pid } => Self::Denied(pid),
            other => Self::NotAllowed(other.to_string()),
        }
    }
}
