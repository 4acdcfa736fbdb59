//! Why a monitor gets no file and no program, in words that a person can do something about: neither the number of the system nor a
//! name of the language that this is written in.

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
            "{}: allow TaskPaw to see the folder, in System Settings under Privacy & Security > Files & Folders",
            plain(error)
        );
    }
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "TaskPaw is not allowed to read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is a file".to_owned(),
        _ => plain(error),
    }
}

fn program_on(error: &io::Error, program: &str, is_macos: bool) -> String {
    if is_macos && error.kind() == io::ErrorKind::NotFound && !program.contains('/') {
        return format!(
            "no such program: an app that was not started in a terminal finds only what lies in /usr/bin, /bin, /usr/sbin and /sbin; \
             write the whole path, as the command `which {program}` says it in a terminal"
        );
    }
    match error.kind() {
        io::ErrorKind::NotFound => "no such program".to_owned(),
        io::ErrorKind::PermissionDenied => "TaskPaw is not allowed to run it".to_owned(),
        _ => plain(error),
    }
}

/// What the system says, without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let said = error.to_string();
    match said.rfind(" (os error ") {
        Some(at) => said[..at].to_owned(),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn what_macos_has_not_been_allowed_is_said_with_the_place_where_to_allow_it() {
        let (not_permitted, denied) = (io::Error::from_raw_os_error(1), io::Error::from_raw_os_error(13));
        assert!(file_on(&not_permitted, true).contains("Files & Folders"));
        for (error, is_macos) in [(&not_permitted, false), (&denied, true)] {
            assert_eq!(file_on(error, is_macos), "TaskPaw is not allowed to read it");
        }
    }

    #[test]
    fn numbers_of_the_system_are_not_said() {
        for number in 1..=40 {
            let error = io::Error::from_raw_os_error(number);
            for said in [file_on(&error, false), program_on(&error, "x", false), plain(&error)] {
                assert!(!said.contains("os error") && !said.is_empty(), "{said}");
            }
        }
    }

    #[test]
    fn a_program_that_only_a_terminal_finds_is_told_with_its_whole_path() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert!(program_on(&missing, "docker", true).contains("which docker"));
        for (program, is_macos) in [("docker", false), ("/opt/homebrew/bin/docker", true)] {
            assert_eq!(program_on(&missing, program, is_macos), "no such program");
        }
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(program_on(&denied, "docker", true), "TaskPaw is not allowed to run it");
    }
}
