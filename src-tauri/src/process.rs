//! Other processes: whether they are still there, and the wait for their end.

use std::time::Duration;

use port_takeover::sys::{Native, System as _};
use port_takeover::{EndError, Pid, ProcessIdentity};

/// Whether a process is alive, and still the one that was meant.
pub(crate) fn is_there(process: &ProcessIdentity) -> bool {
    Native::new().describe(process.pid).is_some_and(|found| process.is_still(&found.identity()))
}

/// Waits for the end of a process; false if it goes on. `is_meant` is asked once the process is held: what has its number by then may
/// be another one, and the one that was meant has ended.
///
/// # Errors
/// [`EndError`] if the system does not allow to wait for it.
pub(crate) fn ends_within(
    pid: Pid,
    within: Duration,
    is_meant: impl FnOnce() -> bool,
) -> Result<bool, EndError> {
    let system = Native::new();
    match system.open(pid)? {
        Some(handle) if is_meant() => Ok(system.wait_any(&[&handle], within)? == [true]),
        _ => Ok(true),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_noticed_and_one_that_goes_on_is_not_waited_for_without_an_end() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::new(child.id()).unwrap();
        assert!(!ends_within(pid, Duration::from_millis(30), || true).unwrap());
        let reaper = std::thread::spawn(move || {
            child.kill().unwrap();
            child.wait().unwrap();
        });
        assert!(ends_within(pid, Duration::from_secs(30), || true).unwrap());
        reaper.join().unwrap();
    }
}
