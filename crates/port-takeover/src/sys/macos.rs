//! macOS: libproc says which process holds which socket, and a kqueue tells when a process ends.
//!
//! There is no list of listeners to begin with, so each look walks over the sockets of all processes of this
//! user; those of other users do not show theirs, and are found by asking the port itself.
#![expect(unsafe_code, reason = "libproc, sysctl, kqueue and kill have no safe interface")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::time::Duration;

use super::bounded::within;
use super::passing::common_facts;
use super::{Asked, Others, ReuseAllowed, Seen};
use crate::error::{EndError, LookError, ReuseError};
use crate::passing::SocketFacts;
use crate::port::WantedPort;
use crate::process::{Pid, Process};
use crate::snapshot::{BoundSocket, Listener};

mod libproc;
mod parse;
mod peer;
mod probe;
mod watch;

use parse::TcpSocket;
pub use peer::peer_of;
use watch::Watch;

/// A directory service answers in time, or the user is shown by number.
const USER_NAME_TIMEOUT: Duration = Duration::from_millis(200);

pub(super) fn holders(wanted: &[WantedPort]) -> Result<Seen, LookError> {
    let ports: BTreeSet<u16> = wanted.iter().map(|wanted| wanted.port.get()).collect();
    let mut holders: BTreeMap<TcpSocket, BTreeSet<Pid>> = BTreeMap::new();
    if !ports.is_empty() {
        for pid in libproc::all_pids()? {
            let listener = |socket: &TcpSocket| socket.listens && ports.contains(&socket.port);
            for socket in sockets_of(pid).into_iter().filter(listener) {
                holders.entry(socket).or_default().insert(pid);
            }
        }
    }
    let mut listeners: Vec<Listener> = holders
        .iter()
        .map(|(socket, pids)| Listener {
            address: socket.address.to_string(),
            port: socket.port,
            pids: pids.iter().copied().collect(),
            v6only: socket.v6only,
        })
        .collect();
    listeners.extend(probe::unseen(wanted, &listeners));
    let pids: BTreeSet<Pid> = holders.into_values().flatten().collect();
    Ok(Seen { listeners, processes: pids.into_iter().filter_map(describe).collect() })
}

/// The sockets of this user on these numbers that do not listen. Those of other users are not shown, so that a number on
/// which none was found is taken to have one that nobody has any more: it is then waited for, and nothing is ended.
pub(super) fn not_listening(ports: &BTreeSet<u16>) -> Result<Option<Others>, LookError> {
    let mut holders: BTreeMap<TcpSocket, BTreeSet<Pid>> = BTreeMap::new();
    for pid in libproc::all_pids()? {
        let bound = |socket: &TcpSocket| !socket.listens && ports.contains(&socket.port);
        for socket in sockets_of(pid).into_iter().filter(bound) {
            holders.entry(socket).or_default().insert(pid);
        }
    }
    let mut sockets: Vec<BoundSocket> = holders
        .iter()
        .map(|(socket, pids)| BoundSocket {
            address: socket.address.to_string(),
            port: socket.port,
            pids: pids.iter().copied().collect(),
            v6only: socket.v6only,
            orphaned: false,
        })
        .collect();
    let unseen = ports.iter().filter(|port| !holders.keys().any(|socket| socket.port == **port));
    // `::` is in the way of every host.
    sockets.extend(unseen.map(|&port| BoundSocket {
        address: "::".to_owned(),
        port,
        pids: Vec::new(),
        v6only: false,
        orphaned: true,
    }));
    let pids: BTreeSet<Pid> = holders.into_values().flatten().collect();
    Ok(Some((sockets, pids.into_iter().filter_map(describe).collect())))
}

/// What a socket of this process is. SO_ACCEPTCONN is only declared here; libproc says whether it listens, and that it is of TCP.
pub(super) fn socket_facts(socket: BorrowedFd<'_>) -> io::Result<SocketFacts> {
    let facts = common_facts(socket)?;
    let info = libproc::socket_info(Pid::own(), socket.as_raw_fd());
    let seen = info.and_then(|info| parse::tcp_socket(&info));
    Ok(SocketFacts {
        is_tcp: facts.is_tcp && seen.is_some(),
        listens: seen.is_some_and(|it| it.listens),
        ..facts
    })
}

/// The TCP sockets of a process; none if it has ended or may not be looked at.
fn sockets_of(pid: Pid) -> Vec<TcpSocket> {
    let sockets = libproc::sockets_of(pid).unwrap_or_default();
    sockets.into_iter().filter_map(|fd| parse::tcp_socket(&libproc::socket_info(pid, fd)?)).collect()
}

pub(super) fn listens_on(pid: Pid) -> Vec<SocketAddr> {
    let sockets = sockets_of(pid).into_iter().filter(|socket| socket.listens);
    sockets.map(|socket| SocketAddr::new(socket.address, socket.port)).collect()
}

/// Microseconds since 1970, as the kernel notes them for a process.
pub(super) fn start_time_now() -> Option<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    now.as_micros().try_into().ok()
}

pub(super) fn started_at_unix_ms(started_at: u64) -> Option<u64> {
    Some(started_at / 1_000)
}

/// What is known of a process; `None` if it has ended or may not be looked at, and `None` also if its id
/// went to another process while it was looked at.
pub(super) fn describe(pid: Pid) -> Option<Process> {
    let info = libproc::process_info(pid).ok()??;
    let exe = libproc::executable(pid);
    let argv = libproc::arguments(pid);
    let started_at = start_of(&info)?;
    if libproc::process_info(pid).ok()?.as_ref().and_then(start_of) != Some(started_at) {
        return None;
    }
    let name =
        parse::process_name(&info.pbi_name.map(i8::cast_unsigned), &info.pbi_comm.map(i8::cast_unsigned));
    let uid = info.pbi_uid;
    Some(Process {
        pid,
        name,
        // Without its arguments its role would be a guess, so it is not to be known by its executable either.
        exe: exe.filter(|_| argv.is_some()),
        argv: argv.unwrap_or_default(),
        cwd: None,
        same_user: Some(uid == libproc::own_uid()),
        user: Some(
            within(USER_NAME_TIMEOUT, move || libproc::user_name(uid))
                .unwrap_or_else(|| format!("uid {uid}")),
        ),
        started_at: Some(started_at),
    })
}

/// The sockets that listen there, and when the processes have started that have them.
pub(super) fn raw_answers(ports: &BTreeSet<u16>) -> Result<Vec<(String, Vec<u8>)>, LookError> {
    let mut answers = Vec::new();
    for pid in libproc::all_pids()? {
        let infos = libproc::sockets_of(pid).unwrap_or_default().into_iter();
        let infos: Vec<_> = infos.filter_map(|fd| libproc::socket_info(pid, fd)).collect();
        let is_wanted = |info: &&[u8; parse::SOCKET_FDINFO]| {
            parse::tcp_socket(*info).is_some_and(|socket| socket.listens && ports.contains(&socket.port))
        };
        let wanted: Vec<_> = infos.iter().filter(is_wanted).collect();
        for info in &wanted {
            answers.push((format!("proc_pidfdinfo {pid}"), info.to_vec()));
        }
        if let Some(time) = started_at(pid).filter(|_| !wanted.is_empty()) {
            answers.push((format!("proc_pidinfo start {pid}"), time.to_le_bytes().to_vec()));
        }
    }
    Ok(answers)
}

pub(super) fn started_at(pid: Pid) -> Option<u64> {
    libproc::process_info(pid).ok()?.as_ref().and_then(start_of)
}

fn start_of(info: &libc::proc_bsdinfo) -> Option<u64> {
    parse::start_time(info.pbi_start_tvsec, info.pbi_start_tvusec)
}

/// The start time of a process with this id; `None` if there is none.
fn start_or_error(pid: Pid) -> Result<Option<u64>, EndError> {
    let info = libproc::process_info(pid).map_err(|error| end_error(pid, error))?;
    let unknown = || end_error(pid, io::Error::from(io::ErrorKind::InvalidData));
    info.map(|info| start_of(&info).ok_or_else(unknown)).transpose()
}

/// A watch on a process, and the microsecond in which it started: another process with its id has another one.
#[derive(Debug)]
pub(super) struct Handle {
    pid: Pid,
    started_at: u64,
    watch: Watch,
}

pub(super) fn open(pid: Pid) -> Result<Option<Handle>, EndError> {
    let Some(before) = start_or_error(pid)? else { return Ok(None) };
    let Some(watch) = Watch::on(pid).map_err(|error| end_error(pid, error))? else { return Ok(None) };
    // The watch is on the process that was meant only if that one has the id still.
    let same = start_or_error(pid)? == Some(before);
    Ok(same.then_some(Handle { pid, started_at: before, watch }))
}

pub(super) fn wait_any(handles: &[&Handle], timeout: Duration) -> Result<Vec<bool>, EndError> {
    let Some(first) = handles.first() else { return Ok(Vec::new()) };
    let watches: Vec<&Watch> = handles.iter().map(|handle| &handle.watch).collect();
    watch::wait_any(&watches, timeout).map_err(|error| end_error(first.pid, error))
}

/// Not looked for here yet: none is named.
pub(super) fn descendants(_of: Pid) -> Vec<Process> {
    Vec::new()
}

/// A socket with SO_REUSEADDR can be bound over what is left of connections, whatever they had: there is nothing to do.
pub(super) fn allow_reuse(_handle: &Handle, _ports: &BTreeSet<u16>) -> Result<ReuseAllowed, ReuseError> {
    Err(ReuseError::Unsupported)
}

pub(super) fn ask(handle: &Handle) -> Result<Asked, EndError> {
    // Continued first, as on Linux; it is only a help, and decides nothing.
    let _only_a_help = signal(handle, libc::SIGCONT);
    match signal(handle, libc::SIGTERM)? {
        Sent::Yes => Ok(Asked::Delivered),
        Sent::Gone => Ok(Asked::AlreadyGone),
    }
}

pub(super) fn kill(handle: &Handle) -> Result<(), EndError> {
    signal(handle, libc::SIGKILL).map(|_| ())
}

enum Sent {
    Yes,
    Gone,
}

/// macOS has no way to signal a handle, only an id. So it is made sure immediately before that the id still
/// means this process: neither has the watch seen its exit, nor has it another start time. For the id to be
/// given away in between, the process would have to end and 99,999 others to start within these microseconds:
/// ids are given in order.
fn signal(handle: &Handle, signal: c_int) -> Result<Sent, EndError> {
    let exited = wait_any(&[handle], Duration::ZERO)?;
    if exited.contains(&true) || start_or_error(handle.pid)? != Some(handle.started_at) {
        return Ok(Sent::Gone);
    }
    match libproc::kill(handle.pid, signal) {
        Ok(()) => Ok(Sent::Yes),
        Err(gone) if gone.raw_os_error() == Some(libc::ESRCH) => Ok(Sent::Gone),
        Err(error) => Err(end_error(handle.pid, error)),
    }
}

fn end_error(pid: Pid, cause: io::Error) -> EndError {
    match cause.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => EndError::Denied { pid },
        _ => EndError::System { pid, cause },
    }
}

#[cfg(test)]
mod tests;
