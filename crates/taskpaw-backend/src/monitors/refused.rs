//! What a system says when it lets a monitor have no file and no program, and what a person can do about it.

use std::io;

/// `EPERM`. macOS answers it for what a person has not allowed; what belongs to somebody else is `EACCES`.
const NOT_PERMITTED: i32 = 1;

/// Why a file or a folder cannot be read.
pub(super) fn file(error: &io::Error) -> String {
    file_on(error, cfg!(target_os = "macos"))
}

/// Why a program cannot be run.
pub(super) fn program(error: &io::Error, program: &str) -> String {
    program_on(error, program, cfg!(target_os = "macos"))
}

fn file_on(error: &io::Error, is_macos: bool) -> String {
    if is_macos && error.raw_os_error() == Some(NOT_PERMITTED) {
        return format!(
            "{error}: allow TaskPaw to see the folder, in System Settings under Privacy & Security > Files & Folders"
        );
    }
    error.to_string()
}

fn program_on(error: &io::Error, program: &str, is_macos: bool) -> String {
    if is_macos && error.kind() == io::ErrorKind::NotFound && !program.contains('/') {
        return format!(
            "{error}: an app that was not started in a terminal finds only what lies in /usr/bin, /bin, /usr/sbin and /sbin; \
             write the whole path, as the command `which {program}` says it in a terminal"
        );
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_macos_has_not_been_allowed_is_said_with_the_place_where_to_allow_it() {
        let (not_permitted, denied) = (io::Error::from_raw_os_error(1), io::Error::from_raw_os_error(13));
        assert!(file_on(&not_permitted, true).contains("Files & Folders"));
        for (error, is_macos) in [(&not_permitted, false), (&denied, true)] {
            assert_eq!(file_on(error, is_macos), error.to_string());
        }
    }

    #[test]
    fn a_program_that_only_a_terminal_finds_is_told_with_its_whole_path() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert!(program_on(&missing, "docker", true).contains("which docker"));
        for (program, is_macos) in [("docker", false), ("/opt/homebrew/bin/docker", true)] {
            assert_eq!(program_on(&missing, program, is_macos), missing.to_string());
        }
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(program_on(&denied, "docker", true), denied.to_string());
    }
}
