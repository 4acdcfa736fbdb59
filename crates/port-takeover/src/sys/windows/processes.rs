//! Processes: what one is, through a handle that keeps meaning the same one.

use std::io;
use std::mem::{MaybeUninit, size_of_val};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;

use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessCommandLineInformation};
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_PARAMETER, FILETIME, INVALID_HANDLE_VALUE, STATUS_INVALID_INFO_CLASS, WAIT_OBJECT_0,
};
use windows_sys::Win32::Security::{
    GetLengthSid, GetTokenInformation, LookupAccountSidW, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, OpenProcessToken, PROCESS_ACCESS_RIGHTS,
    PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, QueryFullProcessImageNameW,
    WaitForSingleObject,
};

use super::super::bounded::within;
use super::{bytes_of, command_line, memory, records};
use crate::process::{Pid, Process};

/// Enough to say what a process is and whether it lives; given for other sessions and integrity levels too.
pub(super) const LOOK: PROCESS_ACCESS_RIGHTS = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;

/// The longest path that Windows has, in UTF-16 (`UNICODE_STRING_MAX_CHARS`).
const PATH: usize = 32_767;
/// A `UNICODE_STRING` and the longest text that it can have, in 64-bit words.
const COMMAND_LINE: usize = (64 * 1024 + 16) / 8;
/// A `TOKEN_USER` and the longest identifier (`SECURITY_MAX_SID_SIZE`, 68 bytes), in 64-bit words.
const USER: usize = (16 + 72) / 8;
/// A domain controller answers in time, or the user is shown by identifier.
const USER_NAME_TIMEOUT: Duration = Duration::from_millis(200);

/// Opens a process; `None` if there is none with this id that lives.
pub(super) fn open(pid: Pid, rights: PROCESS_ACCESS_RIGHTS) -> io::Result<Option<OwnedHandle>> {
    // SAFETY: it has no conditions on memory.
    let handle = unsafe { OpenProcess(rights, 0, pid.get()) };
    if handle.is_null() {
        return match io::Error::last_os_error() {
            gone if is(&gone, ERROR_INVALID_PARAMETER) => Ok(None),
            error => Err(error),
        };
    }
    // SAFETY: it was opened just now, and nobody else has it.
    let handle = unsafe { OwnedHandle::from_raw_handle(handle) };
    // An id stays taken, and can be opened, as long as anybody has a handle of the dead process.
    Ok((!has_exited(&handle)).then_some(handle))
}

/// Whether an error of std is this one of Windows.
pub(super) fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error().map(i32::cast_unsigned) == Some(code)
}

/// This process.
pub(super) fn own() -> BorrowedHandle<'static> {
    // SAFETY: it has no conditions, and what it gives means this process, without being opened or closed.
    unsafe { BorrowedHandle::borrow_raw(GetCurrentProcess()) }
}

/// Whether the process has exited.
pub(super) fn has_exited(process: &OwnedHandle) -> bool {
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(process.as_raw_handle(), 0) == WAIT_OBJECT_0 }
}

/// When the process was created, in 100 ns since 1601.
pub(super) fn started_at(process: BorrowedHandle<'_>) -> io::Result<u64> {
    let mut times = [FILETIME::default(); 4];
    let [created, exited, kernel, user] = &mut times;
    // SAFETY: the handle is open, and all four may be written.
    let done = unsafe { GetProcessTimes(process.as_raw_handle(), created, exited, kernel, user) };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}

/// What is known of a process; `None` if it has ended or may not be looked at.
pub(super) fn describe(pid: Pid) -> Option<Process> {
    let process = match open(pid, LOOK) {
        Ok(process) => process?,
        Err(_) => return listed(pid),
    };
    let exe = executable(&process);
    let argv = arguments(&process, pid);
    let name = exe.as_deref().and_then(|path| path.rsplit('\\').next()).unwrap_or_default().to_owned();
    let user = user_of(process.as_handle());
    let own_user = user_of(own());
    let same_user = user.as_ref().zip(own_user.as_ref()).map(|(user, own)| user == own);
    Some(Process {
        pid,
        name,
        same_user,
        user: user.and_then(|sid| {
            let text = records::sid_text(&sid);
            within(USER_NAME_TIMEOUT, move || account(&sid)).or(text)
        }),
        started_at: started_at(process.as_handle()).ok().filter(|&time| time != 0),
        // Without its arguments its role would be a guess, so it is not to be known by its executable either.
        exe: exe.filter(|_| argv.is_some()),
        argv: argv.unwrap_or_default(),
        cwd: None,
    })
}

/// What the list of all processes says of one that may not be opened, as a service's or another account's: its name, and that to
/// everybody. That makes it nobody of ours.
fn listed(pid: Pid) -> Option<Process> {
    // SAFETY: it has no conditions on memory.
    let list = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if list == INVALID_HANDLE_VALUE {
        return None;
    }
    // SAFETY: it was opened just now, and nobody else has it.
    let list = unsafe { OwnedHandle::from_raw_handle(list) };
    let size = u32::try_from(size_of::<PROCESSENTRY32W>()).ok()?;
    let mut entry = PROCESSENTRY32W { dwSize: size, ..Default::default() };
    // SAFETY: the entry says its own size, and lives longer than the call.
    let mut is_there = unsafe { Process32FirstW(list.as_raw_handle(), &raw mut entry) };
    while is_there != 0 {
        if entry.th32ProcessID == pid.get() {
            let name = &entry.szExeFile;
            let length = name.iter().position(|&letter| letter == 0).unwrap_or(name.len());
            return Some(Process {
                pid,
                name: String::from_utf16_lossy(&name[..length]),
                same_user: None,
                user: None,
                started_at: None,
                exe: None,
                argv: Vec::new(),
                cwd: None,
            });
        }
        // SAFETY: as above.
        is_there = unsafe { Process32NextW(list.as_raw_handle(), &raw mut entry) };
    }
    None
}

fn executable(process: &OwnedHandle) -> Option<String> {
    let mut path = vec![0_u16; PATH];
    let mut length = u32::try_from(path.len()).ok()?;
    // SAFETY: the handle is open, and `path` has room for `length` characters.
    let done = unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            path.as_mut_ptr(),
            &raw mut length,
        )
    };
    let path = path.get(..usize::try_from(length).ok()?).filter(|path| done != 0 && !path.is_empty())?;
    Some(String::from_utf16_lossy(path))
}

fn arguments(process: &OwnedHandle, pid: Pid) -> Option<Vec<String>> {
    let mut answer = vec![0_u64; COMMAND_LINE];
    let size = u32::try_from(size_of_val(answer.as_slice())).ok()?;
    let (base, mut written) = (answer.as_mut_ptr(), 0);
    let (handle, question) = (process.as_raw_handle(), ProcessCommandLineInformation);
    // SAFETY: the handle is open, and `base` has `size` bytes that may be written.
    let status = unsafe { NtQueryInformationProcess(handle, question, base.cast(), size, &raw mut written) };
    let line = match status {
        0.. => records::unicode_string(bytes_of(&answer), base.addr()),
        // The caller has a handle of the process, so that its id means it still.
        STATUS_INVALID_INFO_CLASS => memory::command_line(&open(pid, memory::READ | LOOK).ok()??),
        _ => None,
    };
    line.map(|line| command_line::arguments(&line))
}

/// The security identifier of the user that a process runs as.
fn user_of(process: BorrowedHandle<'_>) -> Option<Vec<u8>> {
    let mut token = ptr::null_mut();
    // SAFETY: the process is open, and `token` may be written.
    if unsafe { OpenProcessToken(process.as_raw_handle(), TOKEN_QUERY, &raw mut token) } == 0 {
        return None;
    }
    // SAFETY: it was opened just now, and nobody else has it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    let mut user = [0_u64; USER];
    let size = u32::try_from(size_of_val(&user)).ok()?;
    let (base, mut written) = (user.as_mut_ptr(), 0);
    // SAFETY: the handle is open, and `base` has `size` bytes that may be written.
    let done =
        unsafe { GetTokenInformation(token.as_raw_handle(), TokenUser, base.cast(), size, &raw mut written) };
    if done == 0 {
        return None;
    }
    // SAFETY: Windows wrote a `TOKEN_USER` there; the words are aligned for it.
    let sid = unsafe { (*base.cast::<TOKEN_USER>()).User.Sid };
    // SAFETY: the identifier is valid, and lies in `user`, behind the `TOKEN_USER`.
    let length = usize::try_from(unsafe { GetLengthSid(sid) }).ok()?;
    let from = sid.addr().checked_sub(base.addr())?;
    bytes_of(&user).get(from..from.checked_add(length)?).map(<[u8]>::to_vec)
}

/// `DOMAIN\name`. It may ask a domain controller, and so block.
fn account(sid: &[u8]) -> Option<String> {
    // Names have at most 256 characters, and domains too (`lmcons.h`).
    let mut texts = [[0_u16; 257]; 2];
    let [name, domain] = &mut texts;
    let (mut name_length, mut domain_length) = (257, 257);
    let mut kind = MaybeUninit::uninit();
    // SAFETY: `sid` is a whole identifier, which is not written to, and both texts have the room that is said.
    let done = unsafe {
        LookupAccountSidW(
            ptr::null(),
            sid.as_ptr().cast_mut().cast(),
            name.as_mut_ptr(),
            &raw mut name_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            kind.as_mut_ptr(),
        )
    };
    if done == 0 {
        return None;
    }
    // Without the final zero, as it is returned.
    let text = |text: &[u16], length: u32| {
        Some(String::from_utf16_lossy(text.get(..usize::try_from(length).ok()?)?))
    };
    let (name, domain) = (text(name, name_length)?, text(domain, domain_length)?);
    Some(if domain.is_empty() { name } else { format!("{domain}\\{name}") })
}
