//! Processes, from `/proc`: who holds a socket, and what a process is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::LookError;
use crate::process::{Pid, Process, without_deleted};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// The processes that hold each of these sockets. Processes that may not be looked at are left out: their
/// sockets then have no holder here.
pub(super) fn holding(inodes: &BTreeSet<u64>) -> Result<BTreeMap<u64, BTreeSet<Pid>>, LookError> {
    let processes = |error: Errno| LookError::Processes(io::Error::from(error));
    let root = openat(CWD, "/proc", FOLDER, Mode::empty()).map_err(processes)?;
    let mut holders: BTreeMap<u64, BTreeSet<Pid>> = BTreeMap::new();
    let mut entries = Vec::with_capacity(8192);
    let mut descriptors = Vec::with_capacity(32 * 1024);
    let mut listing = RawDir::new(&root, entries.spare_capacity_mut());
    while let Some(entry) = listing.next() {
        let entry = entry.map_err(processes)?;
        let Some(pid) = decimal(entry.file_name().to_bytes()).and_then(|pid| Pid::new(pid.try_into().ok()?))
        else {
            continue;
        };
        // A process that ends meanwhile, or may not be looked at, is passed over.
        let Ok(folder) = openat(&root, format!("{pid}/fd"), FOLDER, Mode::empty()) else { continue };
        for inode in sockets_of(&folder, descriptors.spare_capacity_mut()) {
            if inodes.contains(&inode) {
                holders.entry(inode).or_default().insert(pid);
            }
        }
    }
    Ok(holders)
}

/// The most descendants of one process that are named.
const MOST_DESCENDANTS: usize = 32;

/// The children of a process, and theirs, as far as they can be seen; zombies are none.
pub(super) fn descendants(of: Pid) -> Vec<Process> {
    let Ok(listing) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = listing.flatten().filter_map(|entry| {
        let pid = decimal(entry.file_name().as_encoded_bytes())?;
        Pid::new(pid.try_into().ok()?)
    });
    let parents: Vec<(Pid, u32)> = pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let (mut found, mut at) = (vec![of], 0);
    while let Some(parent) = found.get(at).copied().filter(|_| found.len() <= MOST_DESCENDANTS) {
        let children = parents.iter().filter(|(pid, its)| *its == parent.get() && !found.contains(pid));
        let children: Vec<Pid> = children.map(|(pid, _)| *pid).collect();
        found.extend(children);
        at += 1;
    }
    let seen = found.into_iter().skip(1).take(MOST_DESCENDANTS).filter_map(describe);
    seen.filter(|process| process.exe.is_some() || !process.argv.is_empty()).collect()
}

fn parent_of(pid: Pid) -> Option<u32> {
    let folder = openat(CWD, format!("/proc/{pid}"), FOLDER, Mode::empty()).ok()?;
    parse_stat(&read(&folder, "stat")?).map(|stat| stat.parent)
}

/// The inodes of all sockets among a process's descriptors.
fn sockets_of(folder: &OwnedFd, buffer: &mut [MaybeUninit<u8>]) -> Vec<u64> {
    descriptors_in(folder, buffer).into_iter().map(|(_, inode)| inode).collect()
}

/// The numbers of a process's descriptors that are these sockets; none if it may not be looked at.
pub(super) fn descriptors_of(pid: Pid, inodes: &BTreeSet<u64>) -> Vec<i32> {
    let all = socket_descriptors_of(pid).into_iter();
    all.filter(|(_, inode)| inodes.contains(inode)).map(|(number, _)| number).collect()
}

/// The inodes of all sockets that a process holds; none if it may not be looked at.
pub(super) fn sockets_held_by(pid: Pid) -> BTreeSet<u64> {
    socket_descriptors_of(pid).into_iter().map(|(_, inode)| inode).collect()
}

fn socket_descriptors_of(pid: Pid) -> Vec<(i32, u64)> {
    let Ok(folder) = openat(CWD, format!("/proc/{pid}/fd"), FOLDER, Mode::empty()) else { return Vec::new() };
    let mut buffer = Vec::with_capacity(32 * 1024);
    descriptors_in(&folder, buffer.spare_capacity_mut())
}

/// The numbers and inodes of all sockets among a process's descriptors.
fn descriptors_in(folder: &OwnedFd, buffer: &mut [MaybeUninit<u8>]) -> Vec<(i32, u64)> {
    let mut sockets = Vec::new();
    let mut listing = RawDir::new(folder, buffer);
    while let Some(Ok(entry)) = listing.next() {
        let number = decimal(entry.file_name().to_bytes()).and_then(|number| i32::try_from(number).ok());
        let mut target = [MaybeUninit::uninit(); 64];
        if let (Some(number), Ok((target, _))) =
            (number, readlinkat_raw(folder, entry.file_name(), &mut target[..]))
        {
            sockets.extend(socket_inode(target).map(|inode| (number, inode)));
        }
    }
    sockets
}

/// `socket:[12345]`
fn socket_inode(target: &[u8]) -> Option<u64> {
    decimal(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

/// What is known of a process; `None` if it has ended or shows nothing of itself.
///
/// Everything is read through one descriptor of `/proc/PID`, which keeps meaning the same process: when it
/// ends, the reads fail.
pub(super) fn describe(pid: Pid) -> Option<Process> {
    let folder = openat(CWD, format!("/proc/{pid}"), FOLDER, Mode::empty()).ok()?;
    let stat = parse_stat(&read(&folder, "stat")?)?;
    let uid = effective_uid(&read(&folder, "status")?);
    let argv = read(&folder, "cmdline").unwrap_or_default();
    let exe = link(&folder, "exe");
    let program = exe.as_deref().and_then(|exe| without_deleted(exe).rsplit('/').next());
    let cwd = if program.is_some_and(runs_scripts) { link(&folder, "cwd") } else { None };
    Some(Process {
        pid,
        name: stat.name,
        exe,
        argv: arguments(&argv),
        cwd,
        same_user: uid.map(|uid| uid == geteuid().as_raw()),
        user: uid.map(user_name),
        started_at: Some(stat.started_at),
    })
}

/// Interpreters, by how their names begin: which script one of them runs may be told by its folder alone.
const INTERPRETERS: [&str; 6] = ["python", "pypy", "node", "ruby", "perl", "php"];

fn runs_scripts(program: &str) -> bool {
    let name = program.to_ascii_lowercase();
    INTERPRETERS.iter().any(|interpreter| name.starts_with(interpreter))
}

/// When a process has started.
pub(super) fn started_at(pid: Pid) -> Option<u64> {
    let folder = openat(CWD, format!("/proc/{pid}"), FOLDER, Mode::empty()).ok()?;
    Some(parse_stat(&read(&folder, "stat")?)?.started_at)
}

fn read(folder: impl AsFd, name: &str) -> Option<Vec<u8>> {
    let file = openat(folder, name, FILE, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut fs::File::from(file), &mut bytes).ok()?;
    Some(bytes)
}

fn link(folder: impl AsFd, name: &str) -> Option<String> {
    let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok()?;
    Some(target.to_string_lossy().into_owned())
}

struct Stat {
    name: String,
    parent: u32,
    started_at: u64,
}

/// `PID (NAME) STATE …`; the name may hold spaces and parentheses, so it ends at the last one. The start
/// time is field 22, in clock ticks since boot (man 5 proc_pid_stat).
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let open = stat.iter().position(|&byte| byte == b'(')?;
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3);
    Some(Stat { name, parent: field(4)?.parse().ok()?, started_at: field(22)?.parse().ok()? })
}

/// `Uid: real effective saved filesystem` of `/proc/PID/status`.
fn effective_uid(status: &[u8]) -> Option<u32> {
    let status = String::from_utf8_lossy(status);
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// How often the first thread of a process has gone to sleep, if the process is stopped; `None` if it runs.
pub(super) fn sleeps_if_stopped(pid: Pid) -> Option<u64> {
    sleeps(pid).filter(|(_, is_stopped)| *is_stopped).map(|(sleeps, _)| sleeps)
}

/// Whether that thread has run since then and waits again for what it waited for. One that has ended waits for nothing.
pub(super) fn sleeps_again(pid: Pid, before: u64) -> bool {
    sleeps(pid).is_none_or(|(sleeps, is_stopped)| !is_stopped && sleeps != before)
}

fn sleeps(pid: Pid) -> Option<(u64, bool)> {
    let folder = openat(CWD, format!("/proc/{pid}"), FOLDER, Mode::empty()).ok()?;
    parse_sleeps(&read(&folder, "status")?)
}

/// `State:` and `voluntary_ctxt_switches:` of `/proc/PID/status`, which is about the first thread.
fn parse_sleeps(status: &[u8]) -> Option<(u64, bool)> {
    let status = String::from_utf8_lossy(status);
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim_start);
    let state = line("State:")?;
    Some((line("voluntary_ctxt_switches:")?.parse().ok()?, state.starts_with(['T', 't'])))
}

fn arguments(cmdline: &[u8]) -> Vec<String> {
    let Some(whole) = cmdline.strip_suffix(b"\0") else {
        return if cmdline.is_empty() {
            Vec::new()
        } else {
            vec![String::from_utf8_lossy(cmdline).into_owned()]
        };
    };
    whole.split(|&byte| byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// The name of a user of this machine, else the number. Users of a directory service are shown by number:
/// asking one could block.
fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    users
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
        })
        .unwrap_or_else(|| format!("uid {uid}"))
}

/// Whatever stands in the files of a process.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(bytes: &[u8]) {
    let _ = (parse_stat(bytes), effective_uid(bytes), parse_sleeps(bytes), socket_inode(bytes));
    let zeros = bytes.iter().filter(|&&byte| byte == 0).count();
    assert!(arguments(bytes).len() <= zeros + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_describes_itself() {
        let own = describe(Pid::own()).unwrap();
        assert_eq!(own.exe.as_deref(), std::env::current_exe().unwrap().to_str());
        assert_eq!(own.same_user, Some(true));
        assert_eq!(own.argv.len(), std::env::args().count());
        assert!(own.started_at.is_some_and(|ticks| ticks > 0));
        assert_eq!(started_at(Pid::own()), own.started_at);
    }

    #[test]
    fn what_a_process_started_is_found_and_what_has_ended_is_not() {
        use std::process::{Command, Stdio};
        let own = || descendants(Pid::own()).into_iter().map(|process| process.pid.get()).collect::<Vec<_>>();
        let mut shell = Command::new("sh");
        let mut child = shell.args(["-c", "cat; :"]).stdin(Stdio::piped()).spawn().unwrap();
        // The shell, and the program that it starts.
        while !own().contains(&child.id()) || descendants(Pid::new(child.id()).unwrap()).len() != 1 {
            std::thread::yield_now();
        }
        drop(child.stdin.take());
        // Not reaped yet: a zombie is none.
        while own().contains(&child.id()) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn a_name_may_hold_spaces_and_parentheses() {
        let stat = b"812 (a) b (c) S 7 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 98765 20";
        let stat = parse_stat(stat).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.started_at), ("a) b (c", 7, 98765));
        assert!(parse_stat(b"812 (a").is_none());
        assert!(parse_stat(b"812 (a) S 1").is_none());
    }

    #[test]
    fn a_stopped_process_is_told_from_one_that_sleeps() {
        let of = |text: &str| parse_sleeps(text.as_bytes());
        assert_eq!(of("Name:\tT\nState:\tT (stopped)\nvoluntary_ctxt_switches:\t264\n"), Some((264, true)));
        assert_eq!(of("State:\tt (tracing stop)\nvoluntary_ctxt_switches:\t1\n"), Some((1, true)));
        let sleeps = "State:\tS (sleeping)\nvoluntary_ctxt_switches:\t9\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(of(sleeps), Some((9, false)));
        assert_eq!(of("State:\tS (sleeping)\n"), None);
    }

    #[test]
    fn arguments_are_split_at_zeros() {
        assert_eq!(arguments(b"a\0\0c\0"), ["a", "", "c"]);
        assert_eq!(arguments(b"rewritten title"), ["rewritten title"]);
        assert!(arguments(b"").is_empty());
        assert_eq!(arguments(b"\xff\0"), ["\u{fffd}"]);
    }

    #[test]
    fn only_sockets_have_a_socket_inode() {
        assert_eq!(socket_inode(b"socket:[42]"), Some(42));
        for other in
            [&b"pipe:[42]"[..], b"socket:[4", b"socket:[+4]", b"/x/socket:[4]", b"anon_inode:[eventfd]"]
        {
            assert_eq!(socket_inode(other), None);
        }
    }
}
