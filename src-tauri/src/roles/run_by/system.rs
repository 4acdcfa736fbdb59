//! Linux: `/proc` says in which control group a process is, and which processes are above it.

use std::fs::{self, File};
use std::io::Read as _;

use port_takeover::Process;

use super::Above;

/// How much of a file is read: each is a few lines long.
const MOST_BYTES: u64 = 16 * 1024;
/// How many processes above are looked at.
const MOST_ABOVE: usize = 16;

/// The control groups of a process and the processes above it; nothing if the id belongs to another process before or after the
/// look.
pub(super) fn look(process: &Process) -> Option<(String, Vec<Above>)> {
    let pid = process.pid.get();
    let is_still = || stat(pid).is_some_and(|stat| Some(stat.started_at) == process.started_at);
    if !is_still() {
        return None;
    }
    let groups = read(pid, "cgroup")?;
    let mut above = Vec::new();
    let mut next = stat(pid)?.parent;
    while next > 1 && above.len() < MOST_ABOVE {
        let Some(found) = stat(next) else { break };
        above.push(Above { pid: next, name: executable(next).unwrap_or(found.name) });
        next = found.parent;
    }
    is_still().then_some((groups, above))
}

/// The base name of its executable; nothing where that cannot be read, or says less than the process says itself.
fn executable(pid: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    (!name.starts_with("python") && !name.starts_with("tmux")).then(|| name.to_owned())
}

struct Stat {
    name: String,
    parent: u32,
    started_at: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = read(pid, "stat")?;
    // The name may have brackets and blanks of its own.
    let (before, after) = text.rsplit_once(") ")?;
    let (_, name) = before.split_once('(')?;
    // From the third field on (proc_pid_stat(5)): the parent is the fourth, and when it started the 22nd.
    let mut fields = after.split(' ');
    let parent = fields.nth(1)?.parse().ok()?;
    let started_at = fields.nth(17)?.parse().ok()?;
    Some(Stat { name: name.to_owned(), parent, started_at })
}

fn read(pid: u32, name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/{name}")).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    use taskpaw_contract::ipc::{RunBy, RunByProgram};

    use super::super::run_by;
    use super::*;

    fn seen(pid: u32) -> Process {
        let stat = stat(pid).unwrap();
        let text = format!("{{\"pid\":{pid},\"started_at\":{}}}", stat.started_at);
        serde_json::from_str(&text).unwrap()
    }

    /// A shell that is called like an editor, and what it has started.
    #[test]
    fn a_program_that_runs_in_an_editors_terminal_is_found_by_who_is_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let editor = folder.path().join("codium");
        fs::copy(fs::canonicalize("/bin/sh").unwrap(), &editor).unwrap();
        let mut command = Command::new(&editor);
        command.args(["-c", "sleep 60 & echo $!; wait"]).stdout(Stdio::piped()).process_group(0);
        let mut shell = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(shell.stdout.take().unwrap()), &mut line)
            .unwrap();
        let inner: u32 = line.trim().parse().unwrap();
        let found = run_by(&seen(inner), 1);
        let mut another = seen(inner);
        another.started_at = another.started_at.map(|at| at + 1);
        let of_another = run_by(&another, 1);
        let group = nix::unistd::Pid::from_raw(shell.id().cast_signed());
        nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
        shell.wait().unwrap();
        let expected = RunBy::Program { pid: shell.id(), name: "codium".into(), what: RunByProgram::Editor };
        assert_eq!(found, Some(expected));
        assert_eq!(of_another, None, "it is not that process any more");
    }
}
