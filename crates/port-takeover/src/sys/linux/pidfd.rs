//! Which process a pidfd means, as `/proc` says it.
//!
//! What is known of a process is read from `/proc`, by its number there. `pidfd_open` takes a number of this process's own
//! pid namespace. Where the two differ (a new namespace that still sees the outer `/proc`), one number names two processes,
//! and the handle would mean one that nobody has judged.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};

use crate::process::Pid;

/// A handful of short lines.
const MOST_BYTES: u64 = 4096;

/// What a pidfd means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// The process with this number, where `/proc` counts.
    Process(Pid),
    /// A process that has ended and was reaped.
    Gone,
}

/// The process that `/proc` shows for a pidfd; `None` if it does not say, or shows no such process.
pub(super) fn means(pidfd: &OwnedFd) -> Option<Means> {
    let file = File::open(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    parse(&bytes)
}

/// The line `Pid:` (man 2 pidfd_open): -1 once the process was reaped, 0 where it has no number in that `/proc`.
pub(super) fn parse(info: &[u8]) -> Option<Means> {
    let mut lines = info.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"Pid:"));
    let (Some(number), None) = (lines.next(), lines.next()) else { return None };
    match std::str::from_utf8(number).ok()?.trim_ascii() {
        "-1" => Some(Means::Gone),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Pid::new(number.parse().ok()?).map(Means::Process)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{PidfdFlags, pidfd_open};

    use super::*;

    #[test]
    fn only_one_plain_number_is_a_process() {
        let pid = |raw| Pid::new(raw).map(Means::Process);
        for (info, expected) in [
            (
                &b"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1\nPid:\t4321\nNSpid:\t4321\t5\n"[..],
                pid(4321),
            ),
            (b"Pid:\t4321", pid(4321)),
            (b"Pid:\t-1\nNSpid:\t-1\n", Some(Means::Gone)),
            (b"Pid:\t0\nNSpid:\t0\n", None),
            (b"NSpid:\t4321\n", None),
            (b"Pid:\t4321\nPid:\t4322\n", None),
            (b"Pid:\t+4321\n", None),
            (b"Pid:\t-2\n", None),
            (b"Pid:\t99999999999\n", None),
            (b"Pid:\t\n", None),
            (b"Pid:\t43\xff21\n", None),
            (b"", None),
        ] {
            assert_eq!(parse(info), expected, "{}", String::from_utf8_lossy(info));
        }
    }

    #[test]
    fn this_process_and_one_that_is_gone() {
        let open = |raw: u32| {
            let raw = rustix::process::Pid::from_raw(i32::try_from(raw).unwrap()).unwrap();
            pidfd_open(raw, PidfdFlags::empty()).unwrap()
        };
        assert_eq!(means(&open(std::process::id())), Some(Means::Process(Pid::own())));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pidfd = open(child.id());
        child.wait().unwrap();
        assert_eq!(means(&pidfd), Some(Means::Gone));
    }
}
