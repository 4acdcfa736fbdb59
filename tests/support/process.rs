//! Processes that a test started: each is ended by its pid when the test is over, however it ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::until;

/// A process that this test started.
#[derive(Debug)]
pub struct Owned(Child);

impl Owned {
    /// Starts a program.
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}")))
    }

    /// Starts a program and waits for its first line on standard output.
    pub fn start_and_read_line(command: &mut Command) -> (Self, String) {
        let mut owned = Self::start(command.stdout(Stdio::piped()));
        let mut line = String::new();
        let stdout = owned.0.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        (owned, line)
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().expect("its state").is_none()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        send(self.pid(), signal);
    }

    /// Waits for its end and says how it ended; nothing if a signal ended it.
    pub async fn ended(&mut self, within: Duration) -> Option<i32> {
        let child = &mut self.0;
        until("the process ends", within, async || child.try_wait().expect("its state").is_some()).await;
        self.0.wait().expect("its end").code()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Sends a signal to a process that this test, or a program that it started, has started.
pub fn send(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).expect("a pid");
    // SAFETY: kill has no memory effects; the pid is of this test's own making.
    unsafe { libc::kill(pid, signal) };
}

/// Has a process crash. Rust's own handler takes the first signal for a full stack, and lets what is none go on: a real
/// fault happens again at once.
pub fn crash(pid: u32) {
    for _ in 0..500 {
        send(pid, libc::SIGSEGV);
        std::thread::sleep(Duration::from_millis(2));
        if !runs(pid) {
            return;
        }
    }
}

/// Whether a process runs (a zombie does not).
pub fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The processes that run an executable with a folder in their environment: those of one test.
pub fn running(executable: &Path, folder: &Path) -> Vec<u32> {
    let folder = folder.display().to_string();
    let is_it = |pid: u32| {
        let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mentions = environment.windows(folder.len()).any(|part| part == folder.as_bytes());
        (exe == executable && mentions && runs(pid)).then_some(pid)
    };
    std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(is_it)
        .collect()
}

/// Whether this test runs as root. If not, it says so: the case was not tried.
pub fn is_root() -> bool {
    // SAFETY: it has no memory effects and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}
