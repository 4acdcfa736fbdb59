//! The event through which a process of ours is asked to stop: Windows has no SIGTERM for a process without a
//! window.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{HANDLE, WAIT_FAILED, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    CreateEventW, EVENT_MODIFY_STATE, INFINITE, OpenEventW, SetEvent, WaitForSingleObject,
};

use super::{milliseconds, processes};
use crate::process::Pid;

/// The name of the event that asks a process to stop. `started_at` is that of its description.
///
/// The start time is part of the name so that it can never mean a later process with the same id. `Local\` is
/// the session of the user: a process of another session cannot be asked, only killed.
#[must_use]
pub fn stop_event_name(pid: Pid, started_at: u64) -> String {
    format!(r"Local\port-takeover-stop-{pid}-{started_at}")
}

/// The event through which this process can be asked to stop.
///
/// A process that creates it early and obeys it is ended gracefully by a takeover; one that has none is killed.
#[derive(Debug)]
pub struct StopEvent(OwnedHandle);

impl StopEvent {
    /// Creates the event of this process.
    ///
    /// # Errors
    /// What Windows says. This process can then only be killed.
    pub fn create() -> io::Result<Self> {
        let started_at = processes::started_at(processes::own())?;
        let name = wide(&stop_event_name(Pid::own(), started_at));
        // It stays set once it is, so that every thread that waits for it sees it. The default security lets
        // this user and the system set it.
        // SAFETY: `name` has a final zero.
        owned(unsafe { CreateEventW(ptr::null(), 1, 0, name.as_ptr()) }).map(Self)
    }

    /// Waits until this process is asked to stop; without a timeout for as long as it takes. Says whether it
    /// was asked.
    ///
    /// # Errors
    /// What Windows says.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let limit = timeout.map_or(INFINITE, milliseconds);
        // SAFETY: the handle is open.
        match unsafe { WaitForSingleObject(self.0.as_raw_handle(), limit) } {
            WAIT_OBJECT_0 => Ok(true),
            WAIT_FAILED => Err(io::Error::last_os_error()),
            _ => Ok(false),
        }
    }
}

/// Sets the event of a process.
pub(super) fn set(pid: Pid, started_at: u64) -> io::Result<()> {
    let name = wide(&stop_event_name(pid, started_at));
    // SAFETY: `name` has a final zero.
    let event = owned(unsafe { OpenEventW(EVENT_MODIFY_STATE, 0, name.as_ptr()) })?;
    // SAFETY: the handle is open.
    if unsafe { SetEvent(event.as_raw_handle()) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was opened just now, and nobody else has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
