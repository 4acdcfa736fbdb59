//! The order in which Windows ends programs when a person logs off.

use std::io;

use windows_sys::Win32::System::Threading::SetProcessShutdownParameters;

/// Programs begin at 0x280, and those with a higher number end first; 0x100 to 0x1FF is for the system's own.
const AFTER_MOST: u32 = 0x200;
/// `SHUTDOWN_NORETRY`: a process that takes its time is ended, and no person is asked.
const SHUTDOWN_NORETRY: u32 = 1;

/// Has Windows end this process after those that have not said when, and ask nobody where it takes its time: what is
/// supervised is not to end before its supervisor, which would take that for a crash.
///
/// # Errors
/// What Windows says. The order is then any.
pub fn end_after_others() -> io::Result<()> {
    // SAFETY: it has no conditions.
    if unsafe { SetProcessShutdownParameters(AFTER_MOST, SHUTDOWN_NORETRY) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::System::Threading::GetProcessShutdownParameters;

    use super::*;

    #[test]
    fn it_ends_after_a_program_that_has_not_said_when() {
        end_after_others().unwrap();
        let (mut level, mut flags) = (0, 0);
        // SAFETY: both may be written.
        let done = unsafe { GetProcessShutdownParameters(&raw mut level, &raw mut flags) };
        assert_ne!(done, 0, "{}", io::Error::last_os_error());
        assert!(level < 0x280, "{level:#x} is not after the others");
        assert_eq!(flags, SHUTDOWN_NORETRY);
    }
}
