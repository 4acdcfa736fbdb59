//! The one place that talks to the operating system: looking at sockets and processes, and ending processes.
//!
//! [`System`] is the seam. [`Native`] is this machine; tests put a strict fake in its place. Each system has
//! a module with the same functions, and no type of theirs is seen outside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::address::Host;
use crate::decision::in_the_way;
use crate::error::{EndError, LookError, ReuseError};
use crate::port::WantedPort;
use crate::process::{Pid, Process};
use crate::role::Role;
use crate::snapshot::{BindOutcome, BoundSocket, Listener, SCHEMA, Snapshot};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as os;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as os;
#[cfg(target_os = "macos")]
pub use macos::peer_of;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as os;
#[cfg(windows)]
pub(crate) use windows::set_exclusive_address_use;
#[cfg(windows)]
pub use windows::{StopEvent, end_after_others, stop_event_name};

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod unsupported;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use unsupported as os;

#[cfg(target_os = "linux")]
mod passed;
#[cfg(target_os = "linux")]
pub use passed::{FIRST_PASSED, passed_listener};

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod passing;
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub use passing::{MOST_PASSED, PassedSocket, Received, receive_with, send_with, while_none_is_received};
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod not_passing;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub use not_passing::{PassedSocket, while_none_is_received};

mod bind;
mod handle;
mod held;
#[cfg(feature = "installation")]
mod installation;

pub(crate) use bind::bind;
pub use bind::bind_outcome;
use bind::trial_bind;
pub use handle::VerifiedHolder;
#[cfg(feature = "installation")]
pub use installation::{Installation, Keeping, StateHolder};

#[cfg(any(target_os = "macos", windows, test))]
mod bounded;

// What needs no system of its own is tested on every system.
#[cfg(all(test, not(target_os = "macos")))]
#[path = "macos/parse.rs"]
mod macos_parse;
#[cfg(all(test, not(target_os = "macos")))]
#[path = "macos/probe.rs"]
mod macos_probe;
#[cfg(all(test, not(windows)))]
#[path = "windows/command_line.rs"]
mod windows_command_line;
#[cfg(all(test, not(windows)))]
#[path = "windows/records.rs"]
mod windows_records;

/// Whatever this system says of sockets and processes: it is read or refused.
#[cfg(all(feature = "fuzzing", target_os = "linux"))]
pub fn fuzz(bytes: &[u8]) {
    linux::fuzz(bytes);
}

/// What an ask to stop led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// The process was asked, and may take its time to obey.
    Delivered,
    /// The process had already ended.
    AlreadyGone,
    /// The process cannot be asked (Windows, without the backend's stop event): it can only be killed.
    NotPossible,
}

/// What was reached on the sockets of a process that lacked SO_REUSEADDR.
#[derive(Debug, Default)]
pub struct ReuseAllowed {
    /// How many there were.
    pub sockets: u32,
    /// Copies of those of them that listen: connections that ended before leave a port unusable for a minute whatever is
    /// done now, but not for who has its listener.
    pub listeners: Vec<TcpListener>,
}

/// What a takeover needs of a machine.
///
/// # Contract
/// A handle means one process for as long as it lives, also after that process has ended and its id was given
/// to another one. `wait_any` is bounded by its timeout. Nothing but `allow_reuse`, `ask` and `kill` has
/// an effect on a process, and all of them demand a [`VerifiedHolder`].
pub trait System {
    /// A reference to one process that cannot come to mean another one.
    type Handle;

    /// Looks at the wanted ports: who listens, what is known of these processes, and whether a bind works.
    ///
    /// # Errors
    /// [`LookError`] if it cannot be found out. A holder that may not be looked at is not an error: it is in
    /// the snapshot as a listener without a process.
    fn look(&self, role: &Role, wanted: &[WantedPort]) -> Result<Snapshot, LookError>;

    /// How a trial bind of each wanted port ends, where that costs next to nothing and nobody notices it; nothing elsewhere,
    /// and nothing if it cannot be found out. No look: it does not say who holds a port.
    fn try_binds(&self, _wanted: &[WantedPort]) -> Option<BTreeMap<String, BindOutcome>> {
        None
    }

    /// What is known of one process; `None` if it has ended or may not be looked at.
    fn describe(&self, pid: Pid) -> Option<Process>;

    /// Opens a handle on a process; `None` if it has ended.
    ///
    /// # Errors
    /// [`EndError`] if the system does not allow it.
    fn open(&self, pid: Pid) -> Result<Option<Self::Handle>, EndError>;

    /// Waits until at least one of the processes has exited, at most `timeout`. Says for each whether it
    /// has. An unreaped zombie has exited.
    ///
    /// # Errors
    /// [`EndError`] if the system cannot wait.
    fn wait_any(&self, handles: &[&Self::Handle], timeout: Duration) -> Result<Vec<bool>, EndError>;

    /// Sets SO_REUSEADDR on the sockets of a process that have one of these ports and lack it, so that its connections do
    /// not keep the port when it has ended.
    ///
    /// # Errors
    /// [`ReuseError`] if that is not allowed or not possible: the port may then have to be waited for.
    fn allow_reuse(
        &self,
        holder: &VerifiedHolder<Self::Handle>,
        ports: &BTreeSet<u16>,
    ) -> Result<ReuseAllowed, ReuseError>;

    /// Asks a process to stop; a stopped one (SIGSTOP) is continued, so that it can obey.
    ///
    /// # Errors
    /// [`EndError`] if the system does not allow it.
    fn ask(&self, holder: &VerifiedHolder<Self::Handle>) -> Result<Asked, EndError>;

    /// Kills a process. One that has already ended is success.
    ///
    /// # Errors
    /// [`EndError`] if the system does not allow it.
    fn kill(&self, holder: &VerifiedHolder<Self::Handle>) -> Result<(), EndError>;

    /// Time on a clock that only goes forward.
    fn now(&self) -> Duration;

    /// Waits. Used only where no system has an event to wait for: until a lingering port can be bound.
    fn pause(&self, duration: Duration);
}

/// This machine.
#[derive(Debug)]
pub struct Native {
    started: Instant,
    #[cfg(feature = "installation")]
    installation: Option<Installation>,
}

impl Default for Native {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            #[cfg(feature = "installation")]
            installation: None,
        }
    }
}

/// A handle of this machine: a pidfd on Linux, a process handle on Windows, a kqueue watch with the exact
/// start time on macOS.
#[derive(Debug)]
pub struct Handle(os::Handle);

/// What a system's module sees of the listeners on the wanted numbers.
pub(crate) struct Seen {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) processes: Vec<Process>,
}

/// What a system's module sees of the other sockets on some numbers, and of the processes that have them.
pub(crate) type Others = (Vec<BoundSocket>, Vec<Process>);

impl Native {
    /// This machine, on which there is one installation only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This machine, as an installation looks at it: the processes of another one are not ours.
    #[cfg(feature = "installation")]
    #[must_use]
    pub fn of(installation: Installation) -> Self {
        Self { installation: Some(installation), ..Self::default() }
    }

    /// Looks once, at the state first and then at the sockets.
    #[cfg(feature = "installation")]
    fn look_once(&self, role: &Role, wanted: &[WantedPort]) -> Result<Snapshot, LookError> {
        let state = self.installation.as_ref().map(|installation| installation.look(role, self));
        let mut snapshot = look_once(role, wanted)?;
        if let Some((state, holder)) = state {
            snapshot.state = Some(state);
            add_processes(&mut snapshot, holder);
        }
        Ok(snapshot)
    }

    /// Looks once.
    #[cfg(not(feature = "installation"))]
    #[expect(clippy::unused_self, reason = "the same signature as where an installation is looked at too")]
    fn look_once(&self, role: &Role, wanted: &[WantedPort]) -> Result<Snapshot, LookError> {
        look_once(role, wanted)
    }

    /// The addresses on which a process listens for TCP connections; none if it has ended or may not be looked at.
    #[must_use]
    pub fn listens_on(&self, pid: Pid) -> Vec<SocketAddr> {
        os::listens_on(pid)
    }

    /// What the system itself answers about listeners on these ports, each with the call that it answers: its own bytes, for a test
    /// of what reads them. Nothing of other ports, no name, no path and no argument is in it.
    ///
    /// # Errors
    /// [`LookError`] if it cannot be asked.
    pub fn raw_answers(&self, wanted: &[WantedPort]) -> Result<Vec<(String, Vec<u8>)>, LookError> {
        os::raw_answers(&wanted.iter().map(|port| port.port.get()).collect())
    }

    /// When a process has started, as in [`Process::started_at`]; `None` if it has ended or may not be looked at. For one that
    /// is looked at again and again: whose it is, which a system may have to ask the network for, is not found out.
    #[must_use]
    pub fn started_at(&self, pid: Pid) -> Option<u64> {
        os::started_at(pid)
    }

    /// The children of a process, and theirs: what it has started and may leave behind. At most some dozen, and only on
    /// Linux; elsewhere none are named.
    #[must_use]
    pub fn descendants(&self, of: Pid) -> Vec<Process> {
        os::descendants(of)
    }
}

/// How often a look starts over because what refuses a bind came or went in the middle of it.
const LOOK_ATTEMPTS: u32 = 4;

fn look_once(role: &Role, wanted: &[WantedPort]) -> Result<Snapshot, LookError> {
    let seen = os::holders(wanted)?;
    let mut binds: BTreeMap<String, BindOutcome> = BTreeMap::new();
    for port in wanted {
        binds.insert(port.name.clone(), held::outcome(trial_bind(port)?, port, &seen.listeners));
    }
    Ok(Snapshot {
        schema: SCHEMA,
        role: role.clone(),
        self_pid: Pid::own(),
        wanted: wanted.to_vec(),
        processes: seen.processes,
        listeners: seen.listeners,
        sockets: None,
        state: None,
        binds,
    })
}

/// Adds the sockets that do not listen on these numbers; false where the system does not show them.
fn add_others(snapshot: &mut Snapshot, ports: &BTreeSet<u16>) -> Result<bool, LookError> {
    let Some((sockets, processes)) = os::not_listening(ports)? else { return Ok(false) };
    snapshot.sockets = Some(sockets);
    add_processes(snapshot, processes);
    Ok(true)
}

fn add_processes(snapshot: &mut Snapshot, processes: impl IntoIterator<Item = Process>) {
    for process in processes {
        if !snapshot.processes.iter().any(|known| known.pid == process.pid) {
            snapshot.processes.push(process);
        }
    }
}

/// The time now, as it would stand in [`Process::started_at`] of a process that starts now; `None` where it cannot be
/// said.
#[must_use]
pub fn start_time_now() -> Option<u64> {
    os::start_time_now()
}

/// When a process has started, in milliseconds since 1970, UTC, from its [`Process::started_at`]: for people, and never to be
/// compared. Nothing where it cannot be said.
#[must_use]
pub fn started_at_unix_ms(started_at: u64) -> Option<u64> {
    os::started_at_unix_ms(started_at)
}

impl Snapshot {
    /// The numbers whose bind was refused as in use though no socket that was seen is in the way.
    fn unexplained(&self) -> BTreeSet<u16> {
        let refused = |port: &&WantedPort| self.binds.get(&port.name) == Some(&BindOutcome::InUse);
        let targets = self.wanted.iter().filter(refused).map(|wanted| (wanted.host, wanted.port.get()));
        let is_explained = |host: Host, number: u16| {
            let listeners = self.listeners.iter().filter(|it| it.port == number);
            let others = self.sockets.iter().flatten().filter(|it| it.port == number);
            listeners.into_iter().any(|it| in_the_way(it.host(), it.v6only, host))
                || others.into_iter().any(|it| in_the_way(it.host(), it.v6only, host))
        };
        targets.filter(|&(host, number)| !is_explained(host, number)).map(|(_, number)| number).collect()
    }
}

impl System for Native {
    type Handle = Handle;

    fn look(&self, role: &Role, wanted: &[WantedPort]) -> Result<Snapshot, LookError> {
        let mut snapshot = self.look_once(role, wanted)?;
        for _ in 1..LOOK_ATTEMPTS {
            let unexplained = snapshot.unexplained();
            if unexplained.is_empty() || !add_others(&mut snapshot, &unexplained)? {
                break;
            }
            // Refused, and nothing is there: whoever it was began to listen, or went, while it was looked at. Looking again
            // tells; what stays unexplained is a socket that this system does not show.
            if snapshot.unexplained().is_empty() {
                break;
            }
            let again = self.look_once(role, wanted)?;
            if again.unexplained() == unexplained {
                break;
            }
            snapshot = again;
        }
        #[cfg(feature = "installation")]
        if let Some(installation) = &self.installation {
            installation.add_programs(&mut snapshot);
        }
        Ok(snapshot)
    }

    fn try_binds(&self, wanted: &[WantedPort]) -> Option<BTreeMap<String, BindOutcome>> {
        // macOS would have to connect, and Windows to look whether somebody listens.
        if !cfg!(target_os = "linux") {
            return None;
        }
        wanted.iter().map(|port| Some((port.name.clone(), trial_bind(port).ok()?))).collect()
    }

    fn describe(&self, pid: Pid) -> Option<Process> {
        os::describe(pid)
    }

    fn open(&self, pid: Pid) -> Result<Option<Handle>, EndError> {
        Ok(os::open(pid)?.map(Handle))
    }

    fn wait_any(&self, handles: &[&Handle], timeout: Duration) -> Result<Vec<bool>, EndError> {
        let handles: Vec<&os::Handle> = handles.iter().map(|handle| &handle.0).collect();
        os::wait_any(&handles, timeout)
    }

    fn allow_reuse(
        &self,
        holder: &VerifiedHolder<Handle>,
        ports: &BTreeSet<u16>,
    ) -> Result<ReuseAllowed, ReuseError> {
        os::allow_reuse(&holder.handle().0, ports)
    }

    fn ask(&self, holder: &VerifiedHolder<Handle>) -> Result<Asked, EndError> {
        os::ask(&holder.handle().0)
    }

    fn kill(&self, holder: &VerifiedHolder<Handle>) -> Result<(), EndError> {
        os::kill(&holder.handle().0)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn pause(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
