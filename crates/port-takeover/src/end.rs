//! Ending one process that is known from a record, by the same rules as a holder: a handle first, then the
//! proof that it means the process of the record, and only then a signal.

use std::time::Duration;

use crate::error::{Doubt, EndError};
use crate::execute::Limits;
use crate::process::ProcessIdentity;
use crate::report::HowEnded;
use crate::sys::{Asked, System, VerifiedHolder};

/// Ends the process that a record names, if it still is that process.
///
/// `limits` gives the grace between the ask and the kill, and the wait after the kill.
///
/// # Errors
/// [`Doubt`] if the process is not, or cannot be shown to be, the one of the record: nothing was signalled
/// then. Also if it may not be ended, or does not end.
pub fn end_process<S: System>(
    system: &S,
    expected: &ProcessIdentity,
    limits: Limits,
) -> Result<(HowEnded, Duration), Doubt> {
    let Some(handle) = system.open(expected.pid).map_err(Doubt::from)? else {
        return Ok((HowEnded::AlreadyGone, Duration::ZERO));
    };
    // What is described between the opening of the handle and the proof that its process lives, is that very
    // process: its id cannot have been given away.
    let found = system.describe(expected.pid);
    if has_exited(system, &handle, Duration::ZERO).map_err(Doubt::from)? {
        return Ok((HowEnded::AlreadyGone, Duration::ZERO));
    }
    let found = found.ok_or(Doubt::ProcessChanged(expected.pid))?;
    if found.started_at.is_none() {
        return Err(Doubt::NoStartTime(expected.pid));
    }
    if !expected.is_still(&found.identity()) || found.same_user != Some(true) {
        return Err(Doubt::ProcessChanged(expected.pid));
    }

    let verified = VerifiedHolder::new(found.identity(), handle);
    let asked_at = system.now();
    let took = || system.now().saturating_sub(asked_at);
    match system.ask(&verified).map_err(Doubt::from)? {
        Asked::AlreadyGone => return Ok((HowEnded::AlreadyGone, took())),
        Asked::Delivered => {
            if has_exited(system, verified.handle(), limits.grace).map_err(Doubt::from)? {
                return Ok((HowEnded::Graceful, took()));
            }
        }
        Asked::NotPossible => {}
    }
    system.kill(&verified).map_err(Doubt::from)?;
    if has_exited(system, verified.handle(), limits.kill_wait).map_err(Doubt::from)? {
        return Ok((HowEnded::Forced, took()));
    }
    Err(Doubt::NotAllowed(format!("process {} does not end, even though it was killed", expected.pid)))
}

fn has_exited<S: System>(system: &S, handle: &S::Handle, within: Duration) -> Result<bool, EndError> {
    Ok(system.wait_any(&[handle], within)?.first() == Some(&true))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::process::Pid;
    use crate::sys::Native;

    /// A process that ends with the test.
    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(Command::new("sleep").arg("60").spawn().unwrap())
        }

        fn identity(&self) -> ProcessIdentity {
            let pid = Pid::new(self.0.id()).unwrap();
            // Until the program has taken the place of the test's copy.
            loop {
                let process = Native::new().describe(pid).unwrap();
                if process.name == "sleep" {
                    return process.identity();
                }
                std::thread::yield_now();
            }
        }

        fn is_alive(&mut self) -> bool {
            self.0.try_wait().unwrap().is_none()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _already_ended = self.0.kill();
            let _reaped = self.0.wait();
        }
    }

    #[test]
    fn the_process_of_the_record_is_ended() {
        let mut sleeper = Sleeper::start();
        let ended = end_process(&Native::new(), &sleeper.identity(), Limits::default()).unwrap();
        assert_eq!(ended.0, HowEnded::Graceful);
        assert!(!sleeper.is_alive());
    }

    #[test]
    fn another_process_with_its_id_is_not_touched() {
        let mut sleeper = Sleeper::start();
        let identity = sleeper.identity();
        for other in [
            ProcessIdentity { started_at: identity.started_at.map(|at| at + 1), ..identity.clone() },
            ProcessIdentity { started_at: None, ..identity.clone() },
            ProcessIdentity { exe: Some("/opt/taskpaw/taskpaw".into()), ..identity.clone() },
            ProcessIdentity { exe: None, ..identity.clone() },
        ] {
            assert!(end_process(&Native::new(), &other, Limits::default()).is_err(), "{other:?}");
        }
        assert!(sleeper.is_alive());
    }

    #[test]
    fn a_path_that_cannot_be_told_any_more_is_no_other_process() {
        let recorded = Sleeper::start().identity();
        let found = ProcessIdentity { exe: None, ..recorded.clone() };
        assert!(recorded.is_still(&recorded) && recorded.is_still(&found));
        assert!(!found.is_still(&recorded), "a record without a path is none");
        let later = |at| ProcessIdentity { started_at: at, ..found.clone() };
        assert!(!recorded.is_still(&later(None)) && !recorded.is_still(&later(Some(1))));
        assert!(!later(None).is_still(&later(None)));
    }

    #[test]
    fn one_that_is_gone_is_success() {
        let mut sleeper = Sleeper::start();
        let identity = sleeper.identity();
        sleeper.0.kill().unwrap();
        sleeper.0.wait().unwrap();
        let ended = end_process(&Native::new(), &identity, Limits::default()).unwrap();
        assert_eq!(ended.0, HowEnded::AlreadyGone);
    }
}
