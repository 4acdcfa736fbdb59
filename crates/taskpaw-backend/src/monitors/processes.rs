//! The processes of this machine, read once for all monitors that ask for them at about the same time.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use regex_lite::Regex;
use sysinfo::{Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

/// So old may what is answered be.
const FRESH: Duration = Duration::from_millis(500);

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
    /// Its id, which another process may get later.
    pub(crate) pid: u32,
    /// When it was started, in seconds since 1970. With the id it means one process for ever.
    pub(crate) started_at: u64,
    /// Its name.
    pub(crate) name: String,
    /// Its memory in bytes.
    pub(crate) memory: u64,
    /// Set once it has ended and its parent has not noticed yet: with its exit status, where that can be seen.
    pub(crate) ended: Option<Option<i32>>,
}

impl Processes {
    /// The processes with this pattern in their name or, if that counts too, in their command line. This program
    /// itself is none of them.
    pub(crate) fn matching(&self, pattern: &Regex, in_command: bool) -> Result<Vec<Found>, String> {
        // A table that was left by a panic is read anew.
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = match table.take() {
            Some(known) => known,
            None => Table::unread().map_err(|error| format!("processes cannot be listed: {error}"))?,
        };
        known.refresh();
        let own = sysinfo::Pid::from_u32(std::process::id());
        let processes = known.system.processes().iter();
        let found = processes
            .filter(|(pid, process)| **pid != own && matches(process, pattern, in_command))
            .map(|(pid, process)| Found {
                pid: pid.as_u32(),
                started_at: process.start_time(),
                name: name_of(process).into_owned(),
                memory: process.memory(),
                ended: (process.status() == ProcessStatus::Zombie).then(|| exit_status(pid.as_u32())),
            })
            .collect();
        *table = Some(known);
        Ok(found)
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

/// The name that it has now: the list of processes keeps the one that it had when it was first seen.
fn name_of(process: &Process) -> Cow<'_, str> {
    #[cfg(target_os = "linux")]
    if let Ok(name) = std::fs::read_to_string(format!("/proc/{}/comm", process.pid())) {
        return Cow::Owned(name.trim_end_matches('\n').to_owned());
    }
    process.name().to_string_lossy()
}

fn matches(process: &Process, pattern: &Regex, in_command: bool) -> bool {
    if pattern.is_match(&name_of(process)) {
        return true;
    }
    if !in_command || process.cmd().is_empty() {
        return false;
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

    use super::*;

    #[test]
    fn a_process_that_becomes_another_program_has_its_name() {
        let mut child = Command::new("sh")
            .args(["-c", "read line; exec tail -f /dev/null"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let processes = Processes::default();
        let (name, command) = (Regex::new("^tail$").unwrap(), Regex::new("^tail -f /dev/null$").unwrap());
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
