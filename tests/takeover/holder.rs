//! Holders of ports: real programs under the names of the adversaries.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::wait::LONG;
use support::{Owned, until};
use tempfile::TempDir;

/// `nobody` on every Linux.
pub(crate) const NOBODY: u32 = 65534;

/// The host and number of a port as a holder is told to take it.
pub(crate) type Place<'a> = (&'a str, u16);

/// A holder that is still to be started.
pub(crate) struct Plan {
    folder: TempDir,
    command: Command,
    program: PathBuf,
}

/// A holder that runs, and the children it had at its start.
pub(crate) struct Holder {
    owned: Owned,
    record: PathBuf,
    /// Its program's file.
    pub(crate) program: PathBuf,
    /// Processes that it started.
    pub(crate) children: Vec<Stranger>,
    _folder: TempDir,
}

/// A process that somebody else started: ended through a handle, because only its parent keeps its id.
pub(crate) struct Stranger {
    pub(crate) pid: u32,
    record: PathBuf,
    pidfd: OwnedFd,
}

impl Plan {
    /// A holder under any name.
    pub(crate) fn named(name: impl AsRef<OsStr>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Other users run programs in it and write down their signals.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("a folder for everybody");
        let program = folder.path().join(name.as_ref());
        fs::create_dir_all(program.parent().expect("a folder")).expect("the folder");
        copy_program(Path::new(env!("CARGO_BIN_EXE_holder")), &program);
        let mut command = Command::new(&program);
        command.stderr(Stdio::inherit()).arg("--record").arg(folder.path().join("signals"));
        Self { folder, command, program }
    }

    /// A backend of ours, as an agent.
    pub(crate) fn agent() -> Self {
        Self::named("taskpaw-backend").word("agent")
    }

    /// A server that is not ours.
    pub(crate) fn foreign() -> Self {
        Self::named("nginx")
    }

    /// One more argument.
    pub(crate) fn word(mut self, word: impl AsRef<OsStr>) -> Self {
        self.command.arg(word);
        self
    }

    /// What it calls itself.
    pub(crate) fn calls_itself(mut self, name: &str) -> Self {
        self.command.arg0(name);
        self
    }

    /// Carries TaskPaw's version stamp, as a backend of TaskPaw 4 does. It may stand anywhere in a program.
    pub(crate) fn stamped(self, version: &str) -> Self {
        // In two parts, so that this program does not carry the mark itself.
        let mut stamp = [&b"TaskPaw version "[..], b"stamp:\0\0", version.as_bytes()].concat();
        stamp.resize(64, 0);
        let mut program = File::options().append(true).open(&self.program).expect("the program");
        program.write_all(&stamp).expect("a stamp");
        self
    }

    /// Listens on a port of loopback, as the tests' own ports are.
    pub(crate) fn listens(self, port: u16) -> Self {
        self.listens_at(("127.0.0.1", port))
    }

    /// Listens.
    pub(crate) fn listens_at(self, place: Place<'_>) -> Self {
        self.word("--listen").word(written(place))
    }

    /// A client whose own port is a given one, of a server.
    pub(crate) fn client(self, local: u16, server: u16) -> Self {
        self.word("--client").word(written(("127.0.0.1", local))).word(written(("127.0.0.1", server)))
    }

    /// Has a child of the same program that inherits its sockets.
    pub(crate) fn forks(self) -> Self {
        let record = self.record_of_child();
        self.word("--fork").word(record)
    }

    /// Has a child of another program that inherits its sockets.
    pub(crate) fn spawns(self, name: &str) -> Self {
        let program = self.folder.path().join(name);
        copy_program(Path::new(env!("CARGO_BIN_EXE_holder")), &program);
        let record = self.record_of_child();
        self.word("--spawn").word(program).word(record)
    }

    /// Has started another program, which has none of its sockets.
    pub(crate) fn works_at(self, name: &str) -> Self {
        let program = self.folder.path().join(name);
        copy_program(Path::new(env!("CARGO_BIN_EXE_holder")), &program);
        let record = self.record_of_child();
        self.word("--work").word(program).word(record)
    }

    /// Keeps a backend of ours alive that listens on a port.
    pub(crate) fn supervises(self, port: u16) -> Self {
        let program = self.folder.path().join("taskpaw-backend");
        copy_program(Path::new(env!("CARGO_BIN_EXE_holder")), &program);
        self.word("--supervise").word(program).word(written(("127.0.0.1", port)))
    }

    /// Is run by another user.
    pub(crate) fn run_by_nobody(mut self) -> Self {
        self.command.uid(NOBODY).gid(NOBODY);
        self
    }

    fn record_of_child(&self) -> PathBuf {
        self.folder.path().join("signals-of-child")
    }

    /// Starts it and waits until it holds what it was told to.
    pub(crate) fn start(mut self) -> Holder {
        let (owned, ready) = Owned::start_and_read_line(&mut self.command);
        let children = ready.strip_prefix("ready").unwrap_or_else(|| panic!("it is not ready: {ready:?}"));
        let of_child = self.record_of_child();
        let children =
            children.split_whitespace().map(|pid| Stranger::of(pid.parse().expect("a pid"), &of_child));
        Holder {
            children: children.collect(),
            owned,
            record: self.folder.path().join("signals"),
            program: self.program,
            _folder: self.folder,
        }
    }
}

impl Holder {
    /// Its id.
    pub(crate) fn pid(&self) -> u32 {
        self.owned.pid()
    }

    /// It lives, runs, and nobody sent it anything.
    pub(crate) async fn is_untouched(&self) {
        is_untouched(self.pid(), &self.record).await;
    }

    /// Nobody sent it anything, whatever its state.
    pub(crate) async fn received_nothing(&self) {
        received_nothing(self.pid(), &self.record).await;
    }

    /// It lives or not, without being reaped.
    pub(crate) fn state(&self) -> char {
        state(self.pid()).unwrap_or('X')
    }

    /// The signals that it received so far.
    pub(crate) fn signals(&self) -> Vec<i32> {
        signals(&self.record)
    }

    /// It stopped by itself when it was asked.
    pub(crate) async fn stopped_by_itself(&mut self) {
        assert_eq!(self.owned.ended(LONG).await, Some(0), "it was asked, and stopped by itself");
        assert!(self.signals().contains(&libc::SIGTERM));
    }

    /// It was killed.
    pub(crate) async fn was_killed(&mut self) {
        assert_eq!(self.owned.ended(LONG).await, None, "it was killed");
    }

    /// Sends it a signal, as the test's own doing.
    pub(crate) fn signal(&self, signal: i32) {
        self.owned.signal(signal);
    }

    /// Ends it, as the test's own doing.
    pub(crate) async fn end(&mut self) {
        self.signal(libc::SIGKILL);
        self.owned.ended(LONG).await;
    }
}

impl Stranger {
    pub(crate) fn of(pid: u32, record: &Path) -> Self {
        // SAFETY: pidfd_open has no memory effects, and its result is a new descriptor or -1.
        let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let pidfd = i32::try_from(pidfd).ok().filter(|&pidfd| pidfd >= 0).expect("the process lives");
        // SAFETY: the descriptor is new, and nobody else has it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        Self { pid, record: record.to_owned(), pidfd }
    }

    /// It lives, runs, and nobody sent it anything.
    pub(crate) async fn is_untouched(&self) {
        is_untouched(self.pid, &self.record).await;
    }

    /// It has ended.
    pub(crate) async fn ended(&self) {
        until("it has ended", LONG, async || !support::process::runs(self.pid)).await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let null = std::ptr::null_mut::<libc::siginfo_t>();
        // SAFETY: the descriptor is open, and no information is passed.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), libc::SIGKILL, null, 0) };
    }
}

/// It runs and received nothing.
///
/// The proof: a last signal is sent, which the kernel delivers after all others,
/// and once it is written down it must be alone.
pub(crate) async fn is_untouched(pid: u32, record: &Path) {
    assert!(matches!(state(pid), Some('S' | 'R' | 'D')), "process {pid} runs: {:?}", state(pid));
    received_nothing(pid, record).await;
}

async fn received_nothing(pid: u32, record: &Path) {
    let last = libc::SIGRTMAX();
    support::process::send(pid, last);
    until("its last signal is written down", LONG, async || signals(record).contains(&last)).await;
    assert_eq!(signals(record), [last], "process {pid} received a signal");
    fs::write(record, "").expect("the record begins anew");
}

fn signals(record: &Path) -> Vec<i32> {
    let text = fs::read_to_string(record).unwrap_or_default();
    text.lines().map(|line| line.parse().expect("a signal")).collect()
}

/// The state that `/proc` shows: `S`, `T`, `Z`, …; nothing if there is no such process.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Copies a program. Another process does it: a descriptor that is open for writing could be inherited by a
/// program that another thread starts at this moment, and nothing can be run as long as it is open.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().expect("cp");
    assert!(copied.success(), "{} can be copied", from.display());
    fs::set_permissions(to, Permissions::from_mode(0o755)).expect("everybody may run it");
}

/// An address as a holder's option takes it.
pub(crate) fn written((host, port): Place<'_>) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// An empty file at a path, with its folders.
pub(crate) fn touch(path: &Path) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
    File::create(path).expect("the file");
}
