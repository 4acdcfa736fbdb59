//! Linux: netlink says who listens, `/proc` says which process that is, a pidfd ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::ipproto;
use rustix::net::sockopt::{socket_acceptconn, socket_protocol};
use rustix::param::clock_ticks_per_second;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::time::{ClockId, clock_gettime};

use super::passing::common_facts;
use super::{Asked, Others, Seen};
use crate::error::{EndError, LookError};
use crate::passing::SocketFacts;
use crate::port::WantedPort;
use crate::process::{Pid, Process};
use crate::snapshot::{BoundSocket, Listener};

mod address_reuse;
mod pidfd;
mod proc_net;
mod processes;
mod sock_diag;

pub(super) use address_reuse::allow_reuse;
use proc_net::Rows;

/// A TCP socket, before it is known who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TcpSocket {
    address: std::net::IpAddr,
    port: u16,
    v6only: bool,
    /// 0 where no process has it any more: TIME_WAIT, and what of a connection outlives its process.
    inode: u64,
}

/// Whatever the kernel answers, and whatever a process calls itself.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(bytes: &[u8]) {
    // That it comes back is what counts.
    let _ = sock_diag::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = proc_net::parse(text, Rows::Listening);
        let _ = proc_net::parse(text, Rows::NotListening);
    }
    processes::fuzz(bytes);
    let _ = pidfd::parse(bytes);
}

/// What a socket of this process is.
pub(super) fn socket_facts(socket: BorrowedFd<'_>) -> io::Result<SocketFacts> {
    let facts = common_facts(socket)?;
    let is_tcp = facts.is_tcp && socket_protocol(socket)? == Some(ipproto::TCP);
    Ok(SocketFacts { is_tcp, listens: socket_acceptconn(socket)?, ..facts })
}

/// How often a look starts over because a holder ended in the middle of it.
const LOOK_ATTEMPTS: u32 = 3;

/// Far longer than a process that was continued waits for a processor; one that is busy does not sleep, and is asked then.
const SETTLES_WITHIN: Duration = Duration::from_millis(200);
const SETTLE_STEP: Duration = Duration::from_millis(1);

pub(super) fn holders(wanted: &[WantedPort]) -> Result<Seen, LookError> {
    let ports: BTreeSet<u16> = wanted.iter().map(|wanted| wanted.port.get()).collect();
    let mut sockets = listening_on(&ports)?;
    for _ in 0..LOOK_ATTEMPTS {
        if sockets.is_empty() {
            break; // The common case, and the fast one: no process is looked at.
        }
        let inodes: BTreeSet<u64> = sockets.iter().map(|socket| socket.inode).collect();
        let holders = processes::holding(&inodes)?;
        if inodes.iter().all(|inode| holders.contains_key(inode)) {
            return Ok(seen(&sockets, &holders));
        }
        // A holder was not found. Either it may not be looked at, or it ended between the two looks: then
        // its socket is gone as well.
        let again = listening_on(&ports)?;
        if again == sockets {
            return Ok(seen(&sockets, &holders));
        }
        sockets = again;
    }
    Ok(seen(&sockets, &BTreeMap::new()))
}

fn listening_on(ports: &BTreeSet<u16>) -> Result<Vec<TcpSocket>, LookError> {
    if ports.is_empty() {
        return Ok(Vec::new());
    }
    let mut sockets = match sock_diag::listening() {
        // A sandbox may forbid netlink, or the kernel be built without it.
        Err(LookError::Sockets(_)) => proc_net::sockets(Rows::Listening)?,
        other => other?,
    };
    sockets.retain(|socket| ports.contains(&socket.port));
    Ok(sockets)
}

/// The sockets on these numbers that do not listen, and the processes that have them.
pub(super) fn not_listening(ports: &BTreeSet<u16>) -> Result<Option<Others>, LookError> {
    let sockets = others_on(ports)?;
    let inodes: BTreeSet<u64> =
        sockets.iter().map(|socket| socket.inode).filter(|&inode| inode != 0).collect();
    let holders = if inodes.is_empty() { BTreeMap::new() } else { processes::holding(&inodes)? };
    let bound = |socket: &TcpSocket| BoundSocket {
        address: socket.address.to_string(),
        port: socket.port,
        v6only: socket.v6only,
        pids: holders.get(&socket.inode).into_iter().flatten().copied().collect(),
        orphaned: socket.inode == 0,
    };
    let bound = sockets.iter().map(bound).collect();
    let pids: BTreeSet<Pid> = holders.values().flatten().copied().collect();
    Ok(Some((bound, pids.into_iter().filter_map(processes::describe).collect())))
}

fn others_on(ports: &BTreeSet<u16>) -> Result<Vec<TcpSocket>, LookError> {
    let mut sockets = Vec::new();
    for &port in ports {
        match sock_diag::not_listening(port) {
            Err(LookError::Sockets(_)) => {
                sockets = proc_net::sockets(Rows::NotListening)?;
                break;
            }
            found => sockets.extend(found?),
        }
    }
    sockets.retain(|socket| ports.contains(&socket.port));
    Ok(sockets)
}

fn seen(sockets: &[TcpSocket], holders: &BTreeMap<u64, BTreeSet<Pid>>) -> Seen {
    let listeners = sockets
        .iter()
        .map(|socket| Listener {
            address: socket.address.to_string(),
            port: socket.port,
            v6only: socket.v6only,
            pids: holders.get(&socket.inode).into_iter().flatten().copied().collect(),
        })
        .collect();
    let pids: BTreeSet<Pid> = holders.values().flatten().copied().collect();
    let processes = pids.into_iter().filter_map(processes::describe).collect();
    Seen { listeners, processes }
}

pub(super) fn listens_on(pid: Pid) -> Vec<SocketAddr> {
    let sockets = match sock_diag::listening() {
        Err(LookError::Sockets(_)) => proc_net::sockets(Rows::Listening),
        other => other,
    };
    // Nobody but this process is looked at: that takes a fraction of a millisecond, however many there are.
    let its = processes::sockets_held_by(pid);
    let is_its = |socket: &TcpSocket| its.contains(&socket.inode);
    let sockets = sockets.unwrap_or_default().into_iter().filter(is_its);
    sockets.map(|socket| SocketAddr::new(socket.address, socket.port)).collect()
}

pub(super) fn descendants(of: Pid) -> Vec<Process> {
    processes::descendants(of)
}

/// Clock ticks since the machine began, as in field 22 of `/proc/PID/stat`: it counts the time asleep too.
pub(super) fn start_time_now() -> Option<u64> {
    let now = clock_gettime(ClockId::Boottime);
    let ticks = clock_ticks_per_second();
    let of_second = u64::try_from(now.tv_nsec).ok()?.checked_mul(ticks)? / 1_000_000_000;
    u64::try_from(now.tv_sec).ok()?.checked_mul(ticks)?.checked_add(of_second)
}

/// When the machine began, once: the clock may be set meanwhile, and what is said of a process stays as it is.
pub(super) fn started_at_unix_ms(started_at: u64) -> Option<u64> {
    static BEGAN: OnceLock<Option<u64>> = OnceLock::new();
    let began = (*BEGAN.get_or_init(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let ticks = start_time_now()?;
        u64::try_from(now.as_millis()).ok()?.checked_sub(milliseconds_of(ticks)?)
    }))?;
    began.checked_add(milliseconds_of(started_at)?)
}

fn milliseconds_of(ticks: u64) -> Option<u64> {
    ticks.checked_mul(1_000)?.checked_div(clock_ticks_per_second())
}

pub(super) fn describe(pid: Pid) -> Option<Process> {
    processes::describe(pid)
}

/// The lines of the kernel's lists that are of these ports.
pub(super) fn raw_answers(ports: &BTreeSet<u16>) -> Result<Vec<(String, Vec<u8>)>, LookError> {
    let mut answers = Vec::new();
    for list in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // Without IPv6 there is no such list.
        let text = std::fs::read_to_string(list).unwrap_or_default();
        let port = |line: &str| {
            let local = line.split_ascii_whitespace().nth(1)?;
            u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()
        };
        let lines: Vec<&str> =
            text.lines().filter(|line| port(line).is_some_and(|it| ports.contains(&it))).collect();
        answers.push((list.to_owned(), lines.join("\n").into_bytes()));
    }
    Ok(answers)
}

pub(super) fn started_at(pid: Pid) -> Option<u64> {
    processes::started_at(pid)
}

/// A pidfd: it means this process even when its id is given to another one.
#[derive(Debug)]
pub(super) struct Handle {
    pid: Pid,
    pidfd: OwnedFd,
}

pub(super) fn open(pid: Pid) -> Result<Option<Handle>, EndError> {
    let raw = i32::try_from(pid.get()).ok().and_then(rustix::process::Pid::from_raw);
    let Some(raw) = raw else { return Ok(None) };
    let pidfd = match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        // What is still to be seen in `/proc` lives, if not where this process could end it.
        Err(Errno::SRCH) if processes::describe(pid).is_some() => return Err(EndError::OtherProcess { pid }),
        Err(Errno::SRCH) => return Ok(None),
        Err(error) => return Err(end_error(pid, error)),
    };
    match pidfd::means(&pidfd) {
        Some(pidfd::Means::Process(shown)) if shown == pid => Ok(Some(Handle { pid, pidfd })),
        Some(pidfd::Means::Gone) => Ok(None),
        _ => Err(EndError::OtherProcess { pid }),
    }
}

pub(super) fn wait_any(handles: &[&Handle], timeout: Duration) -> Result<Vec<bool>, EndError> {
    let Some(first) = handles.first() else { return Ok(Vec::new()) };
    let deadline = Instant::now() + timeout;
    // A pidfd is readable once its process has exited, reaped or not.
    let mut waiting: Vec<PollFd<'_>> =
        handles.iter().map(|handle| PollFd::from_borrowed_fd(handle.pidfd.as_fd(), PollFlags::IN)).collect();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut waiting, Some(&left)) {
            Ok(_) => return Ok(waiting.iter().map(|fd| !fd.revents().is_empty()).collect()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(end_error(first.pid, error)),
        }
    }
}

pub(super) fn ask(handle: &Handle) -> Result<Asked, EndError> {
    // A stopped process can obey only when it is continued. That it was is only a help, so it decides nothing.
    let stopped = processes::sleeps_if_stopped(handle.pid);
    let _only_a_help = signal(handle, Signal::CONT);
    if let Some(sleeps) = stopped {
        settle(handle.pid, sleeps);
    }
    match signal(handle, Signal::TERM)? {
        Sent::Yes => Ok(Asked::Delivered),
        Sent::Gone => Ok(Asked::AlreadyGone),
    }
}

/// Waits until the first thread of a process that was continued has run. Before that, the system hands the next signal to any
/// other thread, and a Python program whose first thread waits for an event never handles it (measured: a stopped V3 was
/// killed after its 5 s in 4 of 4 takeovers). No system tells when it has.
fn settle(pid: Pid, before: u64) {
    let deadline = Instant::now() + SETTLES_WITHIN;
    while !processes::sleeps_again(pid, before) && Instant::now() < deadline {
        std::thread::sleep(SETTLE_STEP);
    }
}

pub(super) fn kill(handle: &Handle) -> Result<(), EndError> {
    signal(handle, Signal::KILL).map(|_| ())
}

enum Sent {
    Yes,
    Gone,
}

fn signal(handle: &Handle, signal: Signal) -> Result<Sent, EndError> {
    match pidfd_send_signal(&handle.pidfd, signal) {
        Ok(()) => Ok(Sent::Yes),
        Err(Errno::SRCH) => Ok(Sent::Gone),
        Err(error) => Err(end_error(handle.pid, error)),
    }
}

fn end_error(pid: Pid, error: Errno) -> EndError {
    match error {
        Errno::PERM | Errno::ACCESS => EndError::Denied { pid },
        error => EndError::System { pid, cause: io::Error::from(error) },
    }
}
