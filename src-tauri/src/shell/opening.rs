//! A file or a folder of TaskPaw's, shown in the program that the system has for it.

use std::path::Path;
use std::process::{Command, Stdio};

/// The program of each system that knows which one shows what.
#[cfg(target_os = "windows")]
const OPENER: &str = "explorer";
#[cfg(target_os = "macos")]
const OPENER: &str = "/usr/bin/open";
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const OPENER: &str = "xdg-open";

/// Has the path shown. What the other program does with it is not waited for.
pub(super) fn open(path: &Path) -> Result<(), String> {
    // Otherwise the other program could take a path for an option, or for an address.
    if !path.is_absolute() {
        return Err(format!("{} is no whole path", path.display()));
    }
    if !path.exists() {
        return Err(format!("{} is not there", path.display()));
    }
    let mut opener = Command::new(OPENER);
    opener.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut started = opener.spawn().map_err(|error| format!("{OPENER} does not start: {error}"))?;
    // Somebody has to hear of its end, or the system keeps what is left of it.
    let heard = std::thread::Builder::new().name("opener".to_owned()).spawn(move || started.wait());
    heard.map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_of_something_that_is_there_opens_nothing() {
        assert!(open(Path::new("--help")).unwrap_err().contains("whole path"));
        assert!(open(&std::env::temp_dir().join("taskpaw-nothing-here")).unwrap_err().contains("not there"));
    }
}
