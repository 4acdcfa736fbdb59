//! The calls to libproc and sysctl, each of which gives bytes or nothing.
//!
//! libproc reports a failure as 0 and leaves the reason in `errno` (`libproc.c` turns the -1 of the system
//! call into it). Only an answer of the full size is one.

use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::ptr;

use super::parse;
use crate::error::LookError;
use crate::process::Pid;

// sys/proc_info.h; libc has the rest.
const PROC_ALL_PIDS: u32 = 1;
const PROC_PIDFDSOCKETINFO: c_int = 3;

/// `ARG_MAX`: no program has more arguments, and sysctl refuses a buffer that is larger by more than the
/// count in front of them.
const ARGUMENTS: usize = 1024 * 1024;

/// How often a list that grew while it was read is asked for again.
const LIST_ATTEMPTS: u32 = 5;

/// The id as the system calls take it.
pub(super) fn raw(pid: Pid) -> Option<c_int> {
    c_int::try_from(pid.get()).ok()
}

/// Every process, of whichever user; zombies too.
pub(super) fn all_pids() -> Result<Vec<Pid>, LookError> {
    let bytes = list(|buffer, size| {
        // SAFETY: `buffer` is null, which asks for the size, or has `size` bytes that may be written.
        unsafe { libc::proc_listpids(PROC_ALL_PIDS, 0, buffer, size) }
    });
    Ok(parse::pids(&bytes.map_err(LookError::Processes)?).collect())
}

/// The descriptors of a process that are sockets; `None` if the process has ended or may not be inspected.
pub(super) fn sockets_of(pid: Pid) -> Option<Vec<i32>> {
    let pid = raw(pid)?;
    let bytes = list(|buffer, size| {
        // SAFETY: `buffer` is null, which asks for the size, or has `size` bytes that may be written.
        unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDLISTFDS, 0, buffer, size) }
    });
    Some(parse::sockets(&bytes.ok()?).collect())
}

/// The `struct socket_fdinfo` of a descriptor; `None` if it was closed meanwhile.
pub(super) fn socket_info(pid: Pid, descriptor: i32) -> Option<[u8; parse::SOCKET_FDINFO]> {
    let mut info = [0; parse::SOCKET_FDINFO];
    let size = c_int::try_from(info.len()).ok()?;
    let (pid, buffer) = (raw(pid)?, info.as_mut_ptr().cast::<c_void>());
    // SAFETY: `buffer` has `size` bytes that may be written.
    let written = unsafe { libc::proc_pidfdinfo(pid, descriptor, PROC_PIDFDSOCKETINFO, buffer, size) };
    (written == size).then_some(info)
}

/// What the kernel knows of a living process; `None` if there is none with this id, which a zombie counts as.
pub(super) fn process_info(pid: Pid) -> io::Result<Option<libc::proc_bsdinfo>> {
    let Some(pid) = raw(pid) else { return Ok(None) };
    let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = size_of::<libc::proc_bsdinfo>();
    let size = c_int::try_from(size).map_err(io::Error::other)?;
    // The argument 0 leaves zombies out.
    // SAFETY: `info` has `size` bytes that may be written.
    let written =
        unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size) };
    if written == size {
        // SAFETY: it is made of integers alone, and was zeroed before the kernel filled it.
        let info = unsafe { info.assume_init() };
        return Ok((info.pbi_status != libc::SZOMB).then_some(info));
    }
    if written > 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    match io::Error::last_os_error() {
        gone if gone.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        error => Err(error),
    }
}

/// The path of the executable; `None` if it cannot be told, as for one that was deleted.
pub(super) fn executable(pid: Pid) -> Option<String> {
    let mut path = vec![0_u8; usize::try_from(libc::PROC_PIDPATHINFO_MAXSIZE).ok()?];
    let size = u32::try_from(path.len()).ok()?;
    // SAFETY: `path` has `size` bytes that may be written.
    let length = unsafe { libc::proc_pidpath(raw(pid)?, path.as_mut_ptr().cast(), size) };
    let path = path.get(..usize::try_from(length).ok()?)?;
    (!path.is_empty()).then(|| String::from_utf8_lossy(path).into_owned())
}

/// The arguments of a process, the program first; `None` if they may not be read.
pub(super) fn arguments(pid: Pid) -> Option<Vec<String>> {
    let mut name = [libc::CTL_KERN, libc::KERN_PROCARGS2, raw(pid)?];
    let mut bytes = vec![0_u8; ARGUMENTS];
    let mut size = bytes.len();
    let (names, buffer) = (u32::try_from(name.len()).ok()?, bytes.as_mut_ptr().cast::<c_void>());
    // SAFETY: `name` has `names` parts, `buffer` has `size` bytes that may be written, and nothing is set.
    let result = unsafe { libc::sysctl(name.as_mut_ptr(), names, buffer, &raw mut size, ptr::null_mut(), 0) };
    if result != 0 {
        return None;
    }
    parse::arguments(bytes.get(..size)?)
}

/// The name of a user. It may ask a directory service, and so block.
pub(super) fn user_name(uid: libc::uid_t) -> Option<String> {
    let mut entry = MaybeUninit::<libc::passwd>::zeroed();
    let mut strings = vec![0 as libc::c_char; 16 * 1024];
    let mut found = ptr::null_mut();
    let (buffer, size) = (strings.as_mut_ptr(), strings.len());
    // SAFETY: all three may be written, `buffer` for `size` bytes.
    let error = unsafe { libc::getpwuid_r(uid, entry.as_mut_ptr(), buffer, size, &raw mut found) };
    if error != 0 || found.is_null() {
        return None;
    }
    // SAFETY: it was found, so `found` is `entry`, which is filled; its name lies in `strings`, which lives,
    // and has a final zero.
    let name = unsafe { CStr::from_ptr((*found).pw_name) };
    Some(name.to_string_lossy().into_owned())
}

/// The user in whose name this program acts.
pub(super) fn own_uid() -> libc::uid_t {
    // SAFETY: it has no conditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// Sends a signal. The caller has just made sure whom the id means.
pub(super) fn kill(pid: Pid, signal: c_int) -> io::Result<()> {
    let pid = raw(pid).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: it has no conditions on memory; `pid` is positive, so it is one process and no group.
    let result = unsafe { libc::kill(pid, signal) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A list whose size is asked for first, and which is asked for again if it filled its buffer and so may have
/// been cut.
fn list(mut ask: impl FnMut(*mut c_void, c_int) -> c_int) -> io::Result<Vec<u8>> {
    let mut room = length(ask(ptr::null_mut(), 0))?;
    for _ in 0..LIST_ATTEMPTS {
        room += room / 4 + 64 * parse::FDINFO;
        let mut bytes = vec![0_u8; room];
        let size = c_int::try_from(room).map_err(io::Error::other)?;
        let written = length(ask(bytes.as_mut_ptr().cast(), size))?;
        if written < room {
            bytes.truncate(written);
            return Ok(bytes);
        }
    }
    Err(io::Error::other("the list kept growing while it was read"))
}

fn length(answer: c_int) -> io::Result<usize> {
    match usize::try_from(answer) {
        Ok(length) if length > 0 => Ok(length),
        _ => Err(io::Error::last_os_error()),
    }
}
