//! Windows: the list of rights of a file or a folder.
#![expect(unsafe_code, reason = "windows-sys has no safe interface")]

use std::io;
use std::mem::size_of_val;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::{ptr, slice};

use windows_sys::Win32::Foundation::{ERROR_SUCCESS, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
    SDDL_REVISION_1, SE_FILE_OBJECT, SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, GetLengthSid, GetSecurityDescriptorDacl, GetTokenInformation,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::rights::lets_in_others;

/// A `TOKEN_USER` and the longest identifier (`SECURITY_MAX_SID_SIZE`, 68 bytes), in 64-bit words.
const USER: usize = (16 + 72) / 8;

/// Takes a file or a folder from everybody but its owner, the system and the administrators, where others are let in. What is
/// in a folder inherits it.
pub(super) fn keep_private(path: &Path) -> io::Result<bool> {
    let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let own = own_user()?;
    if !is_open(&path, &own)? {
        return Ok(false);
    }
    let rights = format!("D:P(A;OICI;FA;;;{0})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", text_of(&own)?);
    let described = Described::parse(&rights)?;
    let (list, what) = (described.list()?, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION);
    let (nobody, none) = (ptr::null_mut(), ptr::null());
    // SAFETY: `path` has a final zero and is not written to, and `list` lives as long as `described`.
    let error = unsafe {
        SetNamedSecurityInfoW(path.as_ptr().cast_mut(), SE_FILE_OBJECT, what, nobody, nobody, list, none)
    };
    if error == ERROR_SUCCESS { Ok(true) } else { Err(of_code(error)) }
}

/// The person who runs this process, as an identifier such as `S-1-5-21-1-2-3-1001`.
///
/// # Errors
/// What Windows says.
pub fn own_user_sid() -> io::Result<String> {
    text_of(&own_user()?)
}

fn is_open(path: &[u16], own: &[u8]) -> io::Result<bool> {
    let (mut list, mut described): (*mut ACL, PSECURITY_DESCRIPTOR) = (ptr::null_mut(), ptr::null_mut());
    let (nobody, none) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `path` has a final zero, and both may be written.
    let error = unsafe {
        GetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            nobody,
            nobody,
            &raw mut list,
            none,
            &raw mut described,
        )
    };
    if error != ERROR_SUCCESS {
        return Err(of_code(error));
    }
    let described = Described(described);
    if list.is_null() {
        // No list: a disk without rights, or a file that everybody may do everything with.
        return Ok(true);
    }
    // SAFETY: Windows gave a whole list, which lives as long as `described`; its own size is in it.
    let bytes = unsafe { slice::from_raw_parts(list.cast::<u8>(), usize::from((*list).AclSize)) };
    let is_open = lets_in_others(bytes, own);
    drop(described);
    Ok(is_open)
}

/// A security descriptor in memory of Windows.
struct Described(PSECURITY_DESCRIPTOR);

impl Described {
    fn parse(text: &str) -> io::Result<Self> {
        let text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let (mut described, no_size) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `text` has a final zero, and `described` may be written.
        let done = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut described,
                no_size,
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(described)) }
    }

    fn list(&self) -> io::Result<*const ACL> {
        let (mut is_there, mut is_default, mut list) = (0, 0, ptr::null_mut());
        // SAFETY: the descriptor is whole, and all three may be written.
        let done = unsafe {
            GetSecurityDescriptorDacl(self.0, &raw mut is_there, &raw mut list, &raw mut is_default)
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(list) }
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        // SAFETY: Windows gave it to be freed like this, and nobody else has it.
        unsafe { LocalFree(self.0) };
    }
}

/// The security identifier of the user that this process runs as.
fn own_user() -> io::Result<Vec<u8>> {
    let mut token = ptr::null_mut();
    // SAFETY: the first means this process, and `token` may be written.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was opened just now, and nobody else has it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    let mut user = [0_u64; USER];
    let size = u32::try_from(size_of_val(&user)).map_err(io::Error::other)?;
    let (base, mut written) = (user.as_mut_ptr(), 0);
    // SAFETY: the handle is open, and `base` has `size` bytes that may be written.
    let done =
        unsafe { GetTokenInformation(token.as_raw_handle(), TokenUser, base.cast(), size, &raw mut written) };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: Windows wrote a `TOKEN_USER` there; the words are aligned for it.
    let sid = unsafe { (*base.cast::<TOKEN_USER>()).User.Sid };
    // SAFETY: the identifier is valid, and lies in `user`, behind the `TOKEN_USER`; it has as many bytes as Windows says.
    let bytes = unsafe { slice::from_raw_parts(sid.cast::<u8>(), GetLengthSid(sid) as usize) };
    Ok(bytes.to_vec())
}

fn text_of(sid: &[u8]) -> io::Result<String> {
    let mut text = ptr::null_mut();
    // SAFETY: `sid` is a whole identifier, which is not written to, and `text` may be written.
    if unsafe { ConvertSidToStringSidW(sid.as_ptr().cast_mut().cast(), &raw mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut units = Vec::new();
    let mut at = text;
    loop {
        // SAFETY: the text ends with a zero, and `at` is not behind it.
        let unit = unsafe { at.read() };
        if unit == 0 {
            break;
        }
        units.push(unit);
        // SAFETY: there is another unit, at least the zero.
        at = unsafe { at.add(1) };
    }
    // SAFETY: Windows gave it to be freed like this, and nobody else has it.
    unsafe { LocalFree(text.cast()) };
    Ok(String::from_utf16_lossy(&units))
}

fn of_code(error: u32) -> io::Error {
    io::Error::from_raw_os_error(error.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_open_to_others(path: &Path) -> bool {
        let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
        is_open(&path, &own_user().unwrap()).unwrap()
    }

    #[test]
    fn what_lets_in_others_does_not_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        let everybody = Described::parse("D:P(A;OICI;FA;;;WD)").unwrap();
        let name: Vec<u16> = open.as_os_str().encode_wide().chain([0]).collect();
        let (what, nobody) =
            (DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, ptr::null_mut());
        let (list, none) = (everybody.list().unwrap(), ptr::null());
        // SAFETY: `name` has a final zero, and `list` lives as long as `everybody`.
        let error = unsafe {
            SetNamedSecurityInfoW(name.as_ptr().cast_mut(), SE_FILE_OBJECT, what, nobody, nobody, list, none)
        };
        assert_eq!(error, ERROR_SUCCESS);
        assert!(is_open_to_others(&open));
        assert!(keep_private(&open).unwrap());
        assert!(!is_open_to_others(&open));
        assert!(!keep_private(&open).unwrap(), "once");
        let file = open.join("config.json");
        std::fs::write(&file, "{}").unwrap();
        keep_private(&file).unwrap();
        assert!(!is_open_to_others(&file));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}", "the owner can still read it");
    }

    #[test]
    fn who_runs_this_process_is_named() {
        let own = own_user_sid().unwrap();
        assert!(own.starts_with("S-1-5-"), "{own}");
    }
}
