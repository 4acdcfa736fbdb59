//! The processes of this machine, read once for all monitors that ask for them at about the same time.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use super::form::{Pattern, SearchError};
use super::program::groups;

/// So old may what is answered be.
const FRESH: Duration = Duration::from_millis(500);

/// The most ancestors of a process that are followed.
const MOST_ANCESTORS: usize = 64;

/// What is known about the processes. Nothing is read before somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Processes(Mutex<Option<Table>>);

#[derive(Debug)]
struct Table {
    system: System,
    read_at: Instant,
}

/// A process that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The process id, which another process may get later.
    pub(crate) pid: u32,
    /// When it was started, in seconds since 1970. With the id it means one process for ever.
    pub(crate) started_at: u64,
    /// The process's name.
    pub(crate) name: String,
    /// The process's memory in bytes.
    pub(crate) memory: u64,
    /// Set once it has ended and its parent has not noticed yet: with its exit status, where that can be seen.
    pub(crate) ended: Option<Option<i32>>,
}

impl Processes {
    /// The processes with this pattern in their name or, if that counts too, in their command line. This program itself is
    /// none of them, and what it has started for a monitor is none either: a command that checks a service names it.
    pub(crate) fn matching(&self, pattern: &Pattern, in_command: bool) -> Result<Vec<Found>, String> {
        // A table that was left by a panic is read again.
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = match table.take() {
            Some(known) => known,
            None => Table::unread().map_err(|error| format!("processes cannot be listed: {error}"))?,
        };
        known.refresh();
        let groups = groups();
        let mut found = Vec::new();
        let mut failed = None;
        for (pid, process) in known.system.processes() {
            match matches(process, pattern, in_command) {
                Ok(true) if !is_own(*pid, &known.system, &groups) => found.push(Found {
                    pid: pid.as_u32(),
                    started_at: process.start_time(),
                    name: name_of(process).into_owned(),
                    memory: process.memory(),
                    ended: (process.status() == ProcessStatus::Zombie).then(|| exit_status(pid.as_u32())),
                }),
                Ok(_) => {}
                Err(error) => {
                    failed = Some(error.to_string());
                    break;
                }
            }
        }
        *table = Some(known);
        failed.map_or(Ok(found), Err)
    }
}

impl Table {
    fn unread() -> Result<Self, sysinfo::Error> {
        // Older than anything that is fresh; a machine that was started just now has no earlier moment.
        let read_at = Instant::now().checked_sub(2 * FRESH).unwrap_or_else(Instant::now);
        let mut table = Self { system: System::new()?, read_at };
        table.read();
        Ok(table)
    }

    fn refresh(&mut self) {
        if self.read_at.elapsed() >= FRESH {
            self.read();
        }
    }

    fn read(&mut self) {
        let kind =
            // Always: a script that ends in `exec` becomes another program, as the same process.
            ProcessRefreshKind::nothing().with_memory().with_cmd(UpdateKind::Always).without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        self.read_at = Instant::now();
    }
}

/// Whether it is this program, or was started by it for a monitor, through however many others.
fn is_own(pid: Pid, system: &System, groups: &BTreeSet<u32>) -> bool {
    let own = Pid::from_u32(std::process::id());
    if pid == own || is_own_first(pid) || groups.contains(&pid.as_u32()) || is_in_group(pid, groups) {
        return true;
    }
    let (mut pid, mut born) = (pid, u64::MAX);
    for _ in 0..MOST_ANCESTORS {
        let Some(process) = system.process(pid) else { return false };
        // Who came later is not an ancestor: the number was another's.
        if process.start_time() > born {
            return false;
        }
        match process.parent() {
            Some(parent) if groups.contains(&parent.as_u32()) => return true,
            Some(parent) if parent != pid => (pid, born) = (parent, process.start_time()),
            _ => return false,
        }
    }
    false
}

/// The first process of a container, if it is this program's.
#[cfg(target_os = "linux")]
fn is_own_first(pid: Pid) -> bool {
    crate::first::is_own(pid.as_u32())
}

#[cfg(not(target_os = "linux"))]
fn is_own_first(_pid: Pid) -> bool {
    false
}

/// Processes that have lost their parent are in the group all the same.
#[cfg(unix)]
fn is_in_group(pid: Pid, groups: &BTreeSet<u32>) -> bool {
    let pid = i32::try_from(pid.as_u32()).ok().and_then(rustix::process::Pid::from_raw);
    let group = pid.and_then(|pid| rustix::process::getpgid(Some(pid)).ok());
    group.is_some_and(|group| groups.contains(&group.as_raw_nonzero().get().unsigned_abs()))
}

#[cfg(not(unix))]
fn is_in_group(_pid: Pid, _groups: &BTreeSet<u32>) -> bool {
    false
}

/// What is added where nothing was found and it may be there all the same: other users' processes can be hidden.
#[cfg(target_os = "linux")]
pub(super) fn hidden() -> Option<&'static str> {
    // The first process is always there.
    std::fs::read("/proc/1/stat").is_err().then_some(
        "; this system hides the processes of other users (hidepid), so that one of theirs cannot be seen",
    )
}

#[cfg(not(target_os = "linux"))]
pub(super) fn hidden() -> Option<&'static str> {
    None
}

/// The name that it has now: the list of processes keeps the one that it had when it was first seen.
fn name_of(process: &Process) -> Cow<'_, str> {
    #[cfg(target_os = "linux")]
    if let Ok(name) = std::fs::read_to_string(format!("/proc/{}/comm", process.pid())) {
        let name = name.trim_end_matches('\n');
        return Cow::Owned(completed(name, process).unwrap_or_else(|| name.to_owned()));
    }
    process.name().to_string_lossy()
}

/// Linux cuts names after 15 bytes. The first word of the command line, or the program's file, has the rest if it begins so.
#[cfg(target_os = "linux")]
fn completed(name: &str, process: &Process) -> Option<String> {
    use std::path::Path;

    const WHOLE: usize = 15;
    if name.len() < WHOLE {
        return None;
    }
    let exe = || std::fs::read_link(format!("/proc/{}/exe", process.pid())).ok();
    let first = process.cmd().first().map(|word| Path::new(word).to_owned());
    let longer = |path: std::path::PathBuf| {
        let base = path.file_name()?.to_string_lossy().into_owned();
        base.starts_with(name).then_some(base)
    };
    first.and_then(longer).or_else(|| exe().and_then(longer))
}

fn matches(process: &Process, pattern: &Pattern, in_command: bool) -> Result<bool, SearchError> {
    if pattern.is_match(&name_of(process))? {
        return Ok(true);
    }
    if !in_command || process.cmd().is_empty() {
        return Ok(false);
    }
    let words: Vec<_> = process.cmd().iter().map(|word| word.to_string_lossy()).collect();
    pattern.is_match(&words.join(" "))
}

/// The status that a process has left for its parent.
#[cfg(target_os = "linux")]
fn exit_status(pid: u32) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;

    // The name, in parentheses, may have anything in it; `exit_code` is the 52nd field, the 50th after the name.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let raw: i32 = rest.split_whitespace().nth(49)?.parse().ok()?;
    let status = std::process::ExitStatus::from_raw(raw);
    // As shells say it: a process that a signal has ended has 128 and the signal's number.
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

/// The status that a process has left for its parent: other systems do not tell.
#[cfg(not(target_os = "linux"))]
fn exit_status(_pid: u32) -> Option<i32> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::super::program::{Leash, Running};
    use super::*;

    /// A name of 24 letters, as a service may have it.
    const LONG: &str = "a-very-long-process-name";

    #[test]
    fn a_name_over_15_letters_is_whole_and_what_the_agent_has_started_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(LONG);
        std::fs::copy("/bin/sleep", &program).unwrap();
        let processes = Processes::default();
        let name = Pattern::compiled(&format!("^{LONG}$")).unwrap();
        let sees = |processes: &Processes| !processes.matching(&name, false).unwrap().is_empty();
        // As whoever starts services does: its parent ends, and another one takes care of it.
        let script = format!("'{}' 600 >/dev/null 2>&1 & echo $!", program.display());
        let said = Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
        let pid = String::from_utf8(said).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !sees(&processes) {
            assert!(Instant::now() < deadline, "a service with a long name is not seen");
            std::thread::sleep(FRESH);
        }
        let service = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(service, rustix::process::Signal::KILL).unwrap();

        // What runs for a monitor, its children, and one that has made itself the first of a session of its own.
        let script = format!("echo {LONG}; setsid '{0}' 600 & '{0}' 600 & wait", program.display());
        let argv = ["sh", "-c", &script].map(str::to_owned);
        let limit = Duration::from_secs(600);
        let running = Running::start(&argv, None, limit, &Leash::default()).unwrap();
        let started = || {
            let all = std::fs::read_dir("/proc").unwrap().flatten();
            let words = all.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
            words.filter(|words| words.starts_with(program.to_str().unwrap())).count()
        };
        while started() < 2 {
            assert!(Instant::now() < deadline, "its children are not there");
            std::thread::sleep(Duration::from_millis(10));
        }
        let word = Pattern::compiled(LONG).unwrap();
        let now = Processes::default();
        assert_eq!(now.matching(&word, true).unwrap(), [], "what checks a service is not the service");
        drop(running);
        // It has left its group.
        for one in Processes::default().matching(&name, false).unwrap() {
            let pid = rustix::process::Pid::from_raw(i32::try_from(one.pid).unwrap()).unwrap();
            let _gone_already = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    #[test]
    fn a_process_that_becomes_another_program_has_its_name() {
        let mut child = Command::new("sh")
            .args(["-c", "read line; exec tail -f /dev/null"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let processes = Processes::default();
        let (name, command) =
            (Pattern::compiled("^tail$").unwrap(), Pattern::compiled("^tail -f /dev/null$").unwrap());
        let sees = |pattern, in_command| {
            let found = processes.matching(pattern, in_command).unwrap();
            found.iter().any(|one| one.pid == child.id())
        };
        assert!(!sees(&name, true) && !sees(&command, true));
        child.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !(sees(&name, false) && sees(&command, true)) {
            assert!(Instant::now() < deadline, "it is still known as sh");
            std::thread::sleep(FRESH);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
