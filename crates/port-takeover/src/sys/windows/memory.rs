//! The command line of a process, from its own memory: for Windows before 8.1 and Wine, which do not answer
//! `ProcessCommandLineInformation`.

use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::windows::io::{AsRawHandle, OwnedHandle};

use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::Foundation::UNICODE_STRING;
use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows_sys::Win32::System::Threading::{
    PEB, PROCESS_ACCESS_RIGHTS, PROCESS_BASIC_INFORMATION, PROCESS_QUERY_INFORMATION, PROCESS_VM_READ,
    RTL_USER_PROCESS_PARAMETERS,
};

use super::records;

/// What the process may be opened with for it.
pub(super) const READ: PROCESS_ACCESS_RIGHTS = PROCESS_QUERY_INFORMATION | PROCESS_VM_READ;

/// The process is open with [`READ`].
///
/// The addresses come from the process itself: what they lead to is copied, or cannot be, and is only text.
pub(super) fn command_line(process: &OwnedHandle) -> Option<String> {
    let parameters = environment_block(process)?.checked_add(offset_of!(PEB, ProcessParameters))?;
    let parameters = usize::from_le_bytes(*read(process, parameters, size_of::<usize>())?.first_chunk()?);
    let line = parameters.checked_add(offset_of!(RTL_USER_PROCESS_PARAMETERS, CommandLine))?;
    let mut string = read(process, line, size_of::<UNICODE_STRING>())?;
    let (length, text) = records::unicode_string_parts(&string)?;
    string.extend(read(process, text, length)?);
    // The characters now lie behind their header, as if its address were the one before them.
    records::unicode_string(&string, text.checked_sub(size_of::<UNICODE_STRING>())?)
}

/// The address of the process environment block.
fn environment_block(process: &OwnedHandle) -> Option<usize> {
    let mut basic = MaybeUninit::<PROCESS_BASIC_INFORMATION>::zeroed();
    let size = u32::try_from(size_of::<PROCESS_BASIC_INFORMATION>()).ok()?;
    let (handle, answer, mut written) = (process.as_raw_handle(), basic.as_mut_ptr().cast(), 0);
    // SAFETY: the handle is open, and `answer` has `size` bytes that may be written.
    let status =
        unsafe { NtQueryInformationProcess(handle, ProcessBasicInformation, answer, size, &raw mut written) };
    // SAFETY: it is made of numbers and addresses, and was zeroed.
    let basic = unsafe { basic.assume_init() };
    (status >= 0 && written == size).then(|| basic.PebBaseAddress.addr())
}

fn read(process: &OwnedHandle, address: usize, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0_u8; length];
    let mut copied = 0;
    let (from, to) = (std::ptr::without_provenance(address), bytes.as_mut_ptr().cast());
    // SAFETY: the handle is open, `to` has `length` bytes that may be written, and `from` is an address in the
    // other process, which Windows checks.
    let done = unsafe { ReadProcessMemory(process.as_raw_handle(), from, to, length, &raw mut copied) };
    (done != 0 && copied == length).then_some(bytes)
}
