//! Runs a program for a monitor: bounded in time and in what it may say, and ended together with all that it has
//! started: when it takes too long, when its monitor is removed, and when the agent stops.

mod group;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use taskpaw_contract::sidecar::HOST_VARIABLE;

use group::Group;

/// How much of the end of a program's output is kept.
const TAIL_BYTES: usize = 16 * 1024;
/// How long what it has said may still take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_millis(200);
const LOOK: Duration = Duration::from_millis(10);
/// The same once it was killed: an update waits for its end.
const LOOK_AT_THE_END: Duration = Duration::from_millis(1);
/// How long a program that was killed may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(1);

/// Holds the programs of one monitor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leash(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    is_cut: Mutex<bool>,
    cut: Condvar,
    running: AtomicUsize,
}

impl Leash {
    /// Ends what runs, soon, and lets nothing start any more.
    pub(crate) fn cut(&self) {
        *self.lock() = true;
        self.0.cut.notify_all();
    }

    /// Whether a program still runs.
    pub(crate) fn holds_one(&self) -> bool {
        self.0.running.load(Ordering::SeqCst) > 0
    }

    fn is_cut(&self) -> bool {
        *self.lock()
    }

    /// Waits so long, or until it is cut; says whether it is.
    fn is_cut_within(&self, time: Duration) -> bool {
        let waited = self.0.cut.wait_timeout_while(self.lock(), time, |is_cut| !*is_cut);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.is_cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who looks at processes may have seen them so long ago.
const REMEMBERED: Duration = Duration::from_secs(5);

/// The programs that run for monitors, or did a moment ago: each by its pid, which is the number of its group too, with its end.
static GROUPS: Mutex<BTreeMap<u32, Option<Instant>>> = Mutex::new(BTreeMap::new());

/// The groups of the programs that run for monitors, or did a moment ago.
pub(super) fn groups() -> BTreeSet<u32> {
    let mut groups = lock_groups();
    groups.retain(|_, ended| ended.is_none_or(|ended| ended.elapsed() < REMEMBERED));
    groups.keys().copied().collect()
}

/// Nothing panics while it holds the lock.
fn lock_groups() -> MutexGuard<'static, BTreeMap<u32, Option<Instant>>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that runs. It is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    leash: Leash,
    group: Group,
    said: Arc<Said>,
    started: Instant,
    limit: Duration,
}

/// What a program has said.
#[derive(Debug, Default)]
struct Said {
    tail: Mutex<Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    is_whole: bool,
}

/// How a program has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// With which status; nothing if it took too long and was ended.
    pub(super) status: Option<ExitStatus>,
    /// The end of what it said, to both outputs.
    pub(super) said: String,
    /// How long the program ran.
    pub(super) took: Duration,
}

impl Running {
    /// Starts a program. It has no input, and nothing of this program's own business in its environment.
    pub(super) fn start(
        argv: &[String],
        folder: Option<&Path>,
        limit: Duration,
        leash: &Leash,
    ) -> io::Result<Self> {
        if leash.is_cut() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let Some((program, arguments)) = argv.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove(HOST_VARIABLE)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        // It drops the command, which keeps copies of the writing end: the reader would wait for them.
        let group = Group::start(command)?;
        // At once: the list of processes is read before the groups are asked for.
        lock_groups().insert(group.id(), None);
        let said = Arc::new(Said::default());
        let listener = said.clone();
        leash.0.running.fetch_add(1, Ordering::SeqCst);
        let running = Self { leash: leash.clone(), group, said, started: Instant::now(), limit };
        thread::Builder::new().name("program".to_owned()).spawn(move || listener.listen(reader))?;
        Ok(running)
    }

    /// How it has ended, if it has. One that takes too long is ended here.
    pub(super) fn ended(&mut self) -> io::Result<Option<Ended>> {
        let took = self.started.elapsed();
        let has_ended = self.group.has_ended()?;
        if !has_ended && took < self.limit {
            return Ok(None);
        }
        if has_ended && !self.said.tail().is_whole && took < self.limit + LAST_WORDS {
            // Its last words are on their way, or a program that it has left behind holds the pipe open.
            let deadline = Instant::now() + LAST_WORDS;
            while !self.said.tail().is_whole && Instant::now() < deadline {
                thread::sleep(LOOK);
            }
        }
        // What it has left behind is ended in any case, before it is waited for: only until then its group is its own.
        let status = if has_ended {
            self.group.end();
            self.group.try_wait()?
        } else {
            self.end();
            None
        };
        let said = String::from_utf8_lossy(&self.said.tail().bytes).into_owned();
        Ok(Some(Ended { status, said, took }))
    }

    /// Waits for the end.
    pub(super) fn wait(&mut self) -> io::Result<Ended> {
        loop {
            if let Some(ended) = self.ended()? {
                return Ok(ended);
            }
            if self.leash.is_cut_within(LOOK) {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
    }

    /// Ends the program and what it has started. Nothing ends one that waits for a device that does not answer.
    fn end(&mut self) {
        self.group.end();
        let deadline = Instant::now() + GONE_WITHIN;
        while !self.is_gone() && Instant::now() < deadline {
            thread::sleep(LOOK_AT_THE_END);
        }
    }

    /// Whether it is gone after it was ended.
    pub(super) fn is_gone(&mut self) -> bool {
        !matches!(self.group.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_gone() {
            self.end();
        }
        lock_groups().insert(self.group.id(), Some(Instant::now()));
        self.leash.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Said {
    /// Nothing panics while it holds the lock; if it did, the bytes are whole.
    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, mut reader: impl Read) {
        let mut part = [0; 4096];
        while let Ok(length) = reader.read(&mut part) {
            if length == 0 {
                break;
            }
            let mut tail = self.tail();
            tail.bytes.extend_from_slice(&part[..length]);
            let too_many = tail.bytes.len().saturating_sub(TAIL_BYTES);
            tail.bytes.drain(..too_many);
        }
        self.tail().is_whole = true;
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn run(script: &str, limit: f64) -> Ended {
        let argv = ["sh", "-c", script].map(str::to_owned);
        let leash = Leash::default();
        let ended =
            Running::start(&argv, None, Duration::from_secs_f64(limit), &leash).unwrap().wait().unwrap();
        assert!(!leash.holds_one());
        ended
    }

    #[test]
    fn a_leash_that_is_cut_ends_what_runs_and_lets_nothing_start() {
        let leash = Leash::default();
        let argv = ["sleep", "600"].map(str::to_owned);
        let limit = Duration::from_secs(600);
        let mut running = Running::start(&argv, None, limit, &leash).unwrap();
        let waiting = thread::spawn(move || running.wait());
        assert!(leash.holds_one());
        leash.cut();
        assert!(waiting.join().unwrap().is_err() && !leash.holds_one());
        assert!(Running::start(&argv, None, limit, &leash).is_err());
    }

    #[test]
    fn status_and_words_are_known() {
        let ended = run("echo one; echo two >&2; exit 7", 30.0);
        assert_eq!((ended.status.unwrap().code(), ended.said.as_str()), (Some(7), "one\ntwo\n"));
        let leash = Leash::default();
        assert!(Running::start(&["/no/such/program".to_owned()], None, Duration::ZERO, &leash).is_err());
        assert!(Running::start(&[], None, Duration::ZERO, &leash).is_err());
    }

    #[test]
    fn one_that_hangs_is_ended_with_its_children() {
        let ended = run("sleep 600 & echo $!; wait", 0.3);
        assert!(ended.status.is_none() && ended.took < Duration::from_secs(10));
        gone(ended.said.trim().parse().unwrap());
    }

    #[test]
    fn what_a_program_leaves_behind_is_ended_even_if_it_keeps_no_output() {
        let ended = run("sleep 600 >/dev/null 2>&1 & echo $!", 30.0);
        assert_eq!(ended.status.unwrap().code(), Some(0));
        gone(ended.said.trim().parse().unwrap());
    }

    fn gone(child: i32) {
        let pid = rustix::process::Pid::from_raw(child).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(child) {
            assert!(Instant::now() < deadline, "{child} lives");
            thread::sleep(LOOK);
        }
    }

    /// Where nobody collects orphans they stay as zombies.
    fn is_zombie(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn much_output_and_a_child_that_stays_do_no_harm() {
        let much = run("i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done; echo end", 30.0);
        assert!(much.said.len() <= TAIL_BYTES && much.said.ends_with("end\n"), "{}", much.said.len());
        let left = run("sleep 600 & echo done", 30.0);
        assert_eq!((left.status.unwrap().code(), left.said.as_str()), (Some(0), "done\n"));
        assert!(left.took < Duration::from_secs(10));
    }
}
