//! Looks how a program was put where it lies: who owns it, and whether this person may write there. Blocks, for some seconds at most.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::way::{Look, Owner, pointer_of};

/// A package manager reads its lists within some ten milliseconds; one that is just at work may wait for its lock.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks whether it has.
const STEP: Duration = Duration::from_millis(10);

/// Where package managers put programs, and nobody else should.
const OF_PACKAGES: [&str; 3] = ["/usr", "/opt", "/bin"];

/// Looks. `program` is a path without links. What takes time is left out where nothing will be downloaded.
#[must_use]
pub fn look(program: &Path, is_thorough: bool) -> Look {
    let pointer = pointer_of(program).and_then(|pointer| std::fs::read_link(pointer).ok());
    let owner = if is_thorough { owner(program) } else { None };
    // On Linux only a folder of versions side by side is ever written to.
    let is_tried = is_thorough && owner.is_none() && (pointer.is_some() || !cfg!(target_os = "linux"));
    let writable = !is_tried || changed_folder(program).is_some_and(is_writable);
    Look { program: program.to_owned(), system: std::env::consts::OS, pointer, owner, writable }
}

/// The folder that an update of a program would write to.
#[must_use]
pub fn changed_folder(program: &Path) -> Option<&Path> {
    match std::env::consts::OS {
        // The bundle lies in it: of `/Applications/TaskPaw.app/Contents/MacOS/taskpaw` it is `/Applications`.
        "macos" => program.ancestors().nth(4),
        // `FOLDER/versions/4.1.0/taskpaw`
        "linux" => program.ancestors().nth(3),
        _ => program.parent(),
    }
}

/// Whose files it is one of, if a package manager says so.
fn owner(program: &Path) -> Option<Owner> {
    if !cfg!(target_os = "linux") || !OF_PACKAGES.iter().any(|folder| program.starts_with(folder)) {
        return None;
    }
    let asked = [(Owner::Debian, "dpkg-query", "--search"), (Owner::Rpm, "rpm", "-qf")];
    let owns = |(_, manager, option): &(Owner, &str, &str)| {
        let mut command = Command::new(manager);
        command.arg(option).arg(program).env("LC_ALL", "C");
        succeeds(command, ANSWERS_WITHIN).unwrap_or(false)
    };
    asked.into_iter().find(owns).map(|(owner, ..)| owner)
}

/// Whether a command succeeds in time; one that does not is ended.
///
/// # Errors
/// If it cannot be started.
pub fn succeeds(mut command: Command, within: Duration) -> io::Result<bool> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if began.elapsed() > within {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(STEP);
    }
}

/// Whether a program runs from a folder; of those of other people it cannot be known.
#[must_use]
pub fn runs_from(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten();
    let mut programs =
        processes.filter_map(|process| std::fs::read_link(process.ok()?.path().join("exe")).ok());
    programs.any(|program| program.starts_with(folder))
}

/// Whether something can be written there: it is tried.
fn is_writable(folder: &Path) -> bool {
    tempfile::Builder::new().prefix(".taskpaw").tempfile_in(folder).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_written_to_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert!(is_writable(folder.path()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(!is_writable(&folder.path().join("missing")));
    }

    #[cfg(unix)]
    #[test]
    fn who_does_not_answer_in_time_is_ended() {
        let sleeping = || {
            let mut command = Command::new("/bin/sleep");
            command.arg("600");
            command
        };
        assert!(!succeeds(sleeping(), Duration::from_millis(50)).unwrap());
        assert!(succeeds(Command::new("/bin/true"), ANSWERS_WITHIN).unwrap());
        assert!(!succeeds(Command::new("/bin/false"), ANSWERS_WITHIN).unwrap());
        assert!(succeeds(Command::new("/missing"), ANSWERS_WITHIN).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_runs_from_a_folder_is_found() {
        let own = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert!(runs_from(own.parent().unwrap()));
        assert!(!runs_from(&own.join("missing")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_no_package_manager_puts_there_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(owner(&folder.path().join("taskpaw")), None);
    }
}
