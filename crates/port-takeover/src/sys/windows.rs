//! Windows: the tables of the IP helper say who made a listener, and a process handle ends it.
#![expect(unsafe_code, reason = "windows-sys has no safe interface")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::mem::size_of_val;
use std::net::SocketAddr;
use std::os::windows::io::{AsHandle, AsRawHandle, AsRawSocket, OwnedHandle};
use std::slice;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, HANDLE, STILL_ACTIVE, WAIT_FAILED};
use windows_sys::Win32::Networking::WinSock::{SO_EXCLUSIVEADDRUSE, SOCKET_ERROR, SOL_SOCKET, setsockopt};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, PROCESS_TERMINATE, TerminateProcess, WaitForMultipleObjects,
};

use super::{Asked, Others, ReuseAllowed, Seen};
use crate::error::{EndError, LookError, ReuseError};
use crate::port::WantedPort;
use crate::process::{Pid, Process};
use crate::snapshot::Listener;

mod command_line;
mod memory;
mod processes;
mod records;
mod shutdown;
mod stop_event;
mod tcp_table;

pub use shutdown::end_after_others;
pub use stop_event::{StopEvent, stop_event_name};

/// `MAXIMUM_WAIT_OBJECTS`
const WAIT_AT_ONCE: usize = 64;
/// More processes than Windows waits for at once are waited for in turns.
const TURN: Duration = Duration::from_millis(20);
/// The exit status of a process that was killed.
const KILLED: u32 = 1;

/// The tables have no socket that is only bound, and their connections do not keep a port from being claimed exclusively:
/// what refuses a bind without a listener cannot be told apart here.
pub(super) fn not_listening(_ports: &BTreeSet<u16>) -> Result<Option<Others>, LookError> {
    Ok(None)
}

pub(super) fn holders(wanted: &[WantedPort]) -> Result<Seen, LookError> {
    let ports: BTreeSet<u16> = wanted.iter().map(|wanted| wanted.port.get()).collect();
    if ports.is_empty() {
        return Ok(Seen { listeners: Vec::new(), processes: Vec::new() });
    }
    let rows: Vec<_> = tcp_table::listening()?.into_iter().filter(|row| ports.contains(&row.port)).collect();
    let owners: BTreeSet<Pid> = rows.iter().filter_map(|row| Pid::new(row.owner)).collect();
    let processes: BTreeMap<Pid, Process> =
        owners.into_iter().filter_map(|pid| Some((pid, describe(pid)?))).collect();
    let listeners: Vec<Listener> = rows
        .iter()
        .map(|row| {
            // An owner that has ended, may not be looked at, or is a later process with the same id is not a holder:
            // somebody listens, but who cannot be seen.
            let holder = Pid::new(row.owner).filter(|pid| {
                let started_at = processes.get(pid).and_then(|process| process.started_at);
                started_at.is_some_and(|started_at| row.can_be_of(started_at))
            });
            Listener {
                address: row.address.to_string(),
                port: row.port,
                pids: holder.into_iter().collect(),
                // The table does not say it. To take it for one that accepts IPv4 can only refuse a start.
                v6only: false,
            }
        })
        .collect();
    let named: BTreeSet<Pid> = listeners.iter().flat_map(|listener| listener.pids.iter().copied()).collect();
    Ok(Seen {
        listeners,
        processes: processes.into_values().filter(|seen| named.contains(&seen.pid)).collect(),
    })
}

pub(super) fn listens_on(pid: Pid) -> Vec<SocketAddr> {
    let Some(started_at) = describe(pid).and_then(|process| process.started_at) else { return Vec::new() };
    let rows = tcp_table::listening().unwrap_or_default().into_iter();
    let its = rows.filter(|row| row.owner == pid.get() && row.can_be_of(started_at));
    its.map(|row| SocketAddr::new(row.address, row.port)).collect()
}

/// 100 ns since 1601, as Windows notes them for a process; between the two epochs lie 11,644,473,600 s.
pub(super) fn start_time_now() -> Option<u64> {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let since_1601 = since_1970.checked_add(Duration::from_secs(11_644_473_600))?;
    (since_1601.as_nanos() / 100).try_into().ok()
}

/// From 100 ns since 1601.
pub(super) fn started_at_unix_ms(started_at: u64) -> Option<u64> {
    (started_at / 10_000).checked_sub(11_644_473_600_000)
}

pub(super) fn describe(pid: Pid) -> Option<Process> {
    processes::describe(pid)
}

/// The tables, and when the owners of their rows have started.
pub(super) fn raw_answers(ports: &BTreeSet<u16>) -> Result<Vec<(String, Vec<u8>)>, LookError> {
    let mut answers = tcp_table::recorded(ports)?;
    let rows = tcp_table::listening()?.into_iter().filter(|row| ports.contains(&row.port));
    for pid in rows.filter_map(|row| Pid::new(row.owner)).collect::<BTreeSet<Pid>>() {
        if let Some(time) = started_at(pid) {
            answers.push((format!("GetProcessTimes {pid}"), time.to_le_bytes().to_vec()));
        }
    }
    Ok(answers)
}

pub(super) fn started_at(pid: Pid) -> Option<u64> {
    let process = processes::open(pid, processes::LOOK).ok()??;
    processes::started_at(process.as_handle()).ok()
}

/// A process handle: it means this process even when its id is given to another one, which cannot happen as
/// long as it is open.
#[derive(Debug)]
pub(super) struct Handle {
    pid: Pid,
    started_at: u64,
    process: OwnedHandle,
}

pub(super) fn open(pid: Pid) -> Result<Option<Handle>, EndError> {
    let failed = |error| end_error(pid, error);
    let Some(process) = processes::open(pid, processes::LOOK | PROCESS_TERMINATE).map_err(failed)? else {
        return Ok(None);
    };
    let started_at = processes::started_at(process.as_handle()).map_err(failed)?;
    Ok(Some(Handle { pid, started_at, process }))
}

pub(super) fn wait_any(handles: &[&Handle], timeout: Duration) -> Result<Vec<bool>, EndError> {
    let Some(first) = handles.first() else { return Ok(Vec::new()) };
    let deadline = Instant::now().checked_add(timeout);
    let raw: Vec<HANDLE> = handles.iter().map(|handle| handle.process.as_raw_handle()).collect();
    loop {
        let left = deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
        for some in raw.chunks(WAIT_AT_ONCE) {
            let turn = if raw.len() > WAIT_AT_ONCE { left.min(TURN) } else { left };
            wait_for_one(some, turn).map_err(|error| end_error(first.pid, error))?;
        }
        let exited: Vec<bool> = handles.iter().map(|handle| processes::has_exited(&handle.process)).collect();
        if exited.contains(&true) || left.is_zero() {
            return Ok(exited);
        }
    }
}

fn wait_for_one(processes: &[HANDLE], timeout: Duration) -> io::Result<()> {
    let count = u32::try_from(processes.len()).map_err(io::Error::other)?;
    // SAFETY: `processes` has `count` handles, which are open as long as the handles they are of are borrowed.
    let result = unsafe { WaitForMultipleObjects(count, processes.as_ptr(), 0, milliseconds(timeout)) };
    if result == WAIT_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Not looked for here yet: none is named.
pub(super) fn descendants(_of: Pid) -> Vec<Process> {
    Vec::new()
}

/// Asks through the process's own stop event. One that has none can only be killed.
/// SO_EXCLUSIVEADDRUSE does not mind TIME_WAIT: there is nothing to do.
pub(super) fn allow_reuse(_handle: &Handle, _ports: &BTreeSet<u16>) -> Result<ReuseAllowed, ReuseError> {
    Err(ReuseError::Unsupported)
}

pub(super) fn ask(handle: &Handle) -> Result<Asked, EndError> {
    if processes::has_exited(&handle.process) {
        return Ok(Asked::AlreadyGone);
    }
    // The name cannot mean another process: the handle keeps its id from being given away.
    match stop_event::set(handle.pid, handle.started_at) {
        Ok(()) => Ok(Asked::Delivered),
        Err(_none_or_not_ours) => Ok(Asked::NotPossible),
    }
}

pub(super) fn kill(handle: &Handle) -> Result<(), EndError> {
    // SAFETY: the handle is open.
    if unsafe { TerminateProcess(handle.process.as_raw_handle(), KILLED) } != 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // A process that is ending, or has ended, may not be ended again.
    if is_ending(&handle.process) { Ok(()) } else { Err(end_error(handle.pid, error)) }
}

fn is_ending(process: &OwnedHandle) -> bool {
    let mut status = 0;
    // SAFETY: the handle is open, and `status` may be written.
    let known = unsafe { GetExitCodeProcess(process.as_raw_handle(), &raw mut status) } != 0;
    known && status != STILL_ACTIVE.cast_unsigned()
}

fn end_error(pid: Pid, cause: io::Error) -> EndError {
    if processes::is(&cause, ERROR_ACCESS_DENIED) {
        EndError::Denied { pid }
    } else {
        EndError::System { pid, cause }
    }
}

/// Nobody else can bind the port as long as this socket has it, not even with SO_REUSEADDR.
pub(crate) fn set_exclusive_address_use(socket: &socket2::Socket) -> io::Result<()> {
    let on = 1_i32.to_ne_bytes();
    let raw = usize::try_from(socket.as_raw_socket()).map_err(io::Error::other)?;
    let size = i32::try_from(size_of_val(&on)).map_err(io::Error::other)?;
    // SAFETY: the socket is open, and `on` has `size` bytes.
    let result = unsafe { setsockopt(raw, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, on.as_ptr(), size) };
    if result == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Rounded up, so that a wait does not spin through its last millisecond, and never `INFINITE`.
fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).min(u32::MAX - 1)
}

/// The bytes of what Windows wrote into words, which it wants aligned.
fn bytes_of(words: &[u64]) -> &[u8] {
    // SAFETY: they are as many bytes as the words have, all of them set, and live as long.
    unsafe { slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

#[cfg(test)]
mod tests;
