//! The processes that load the machine, and the stale backend among them. All are this program again, and are
//! ended by their pid.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, set_parent_process_death_signal};
use tempfile::TempDir;

/// How many processes load the machine, and how many descriptors they have together.
pub(crate) const PROCESSES: usize = 300;
pub(crate) const DESCRIPTORS: usize = 14_000;

const PART: &str = "TASKPAW_BENCH_PART";
/// Standard input, output and error.
const STANDARD: usize = 3;

/// Plays the part that the environment names, if it names one.
pub(crate) fn plays_a_part() -> bool {
    let Some(part) = std::env::var_os(PART) else { return false };
    let part = part.into_string().expect("a part in UTF-8");
    set_parent_process_death_signal(Some(Signal::KILL)).expect("it never outlives the benchmark");
    match part.split(' ').collect::<Vec<_>>().as_slice() {
        ["crowd", descriptors] => be_one_of_the_crowd(descriptors.parse().expect("a number")),
        ["stale", child, ports @ ..] => be_stale(*child == "true", ports),
        _ => panic!("nobody knows the part {part}"),
    }
    true
}

fn ready(pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    println!("{}", pids.join(" "));
    std::io::stdout().flush().expect("somebody waits");
    loop {
        std::thread::park();
    }
}

/// Half its descriptors are files and half are sockets.
fn be_one_of_the_crowd(descriptors: usize) {
    let files = descriptors.saturating_sub(STANDARD);
    let _files: Vec<File> = (0..files / 2).map(|_| File::open("/dev/null").expect("a file")).collect();
    let _sockets: Vec<UnixDatagram> =
        (files / 2..files).map(|_| UnixDatagram::unbound().expect("a socket")).collect();
    ready(&[]);
}

/// SIGTERM ends it, by the system's own doing.
fn be_stale(with_child: bool, ports: &[&str]) {
    let port = |port: &&str| port.parse().expect("a port");
    let sockets: Vec<TcpListener> =
        ports.iter().map(|text| TcpListener::bind(("127.0.0.1", port(text))).expect("a port")).collect();
    let mut pids = vec![std::process::id()];
    if with_child {
        sockets.iter().for_each(|socket| fcntl_setfd(socket, FdFlags::empty()).expect("it is inherited"));
        let program = std::env::current_exe().expect("its program");
        let child = start(Command::new(program).env(PART, "crowd 0"));
        pids.push(child.0.id());
    }
    ready(&pids);
}

/// Starts this program, or a copy of it, and reads its first line.
fn start(command: &mut Command) -> (Child, String) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a process");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it is ready");
    (child, line)
}

/// Processes that do nothing but exist.
pub(crate) struct Crowd(Vec<Child>);

impl Crowd {
    /// How many processes there are, and how many descriptors they have together.
    pub(crate) fn gather(processes: usize, descriptors: usize) -> Self {
        let each = descriptors.div_ceil(processes);
        let program = std::env::current_exe().expect("this program");
        let one = |_| start(Command::new(&program).env(PART, format!("crowd {each}"))).0;
        Self((0..processes).map(one).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(end);
    }
}

fn end(child: &mut Child) {
    let _already_ended = child.kill();
    let _reaped = child.wait();
}

/// A stale backend on two ports.
pub(crate) struct Stale {
    child: Child,
    /// Its own pid, and that of its child.
    pub(crate) pids: Vec<u32>,
    pub(crate) ports: [u16; 2],
    _folder: Option<TempDir>,
}

impl Stale {
    /// Copies this program under the backend's name and starts it.
    pub(crate) fn start(ports: [u16; 2], with_child: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("taskpaw-backend");
        fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy");
        let mut stale = Self::start_program(&program, ports, with_child);
        stale._folder = Some(folder);
        stale
    }

    /// Starts a copy that is already there.
    pub(crate) fn start_program(program: &Path, ports: [u16; 2], with_child: bool) -> Self {
        let part = format!("stale {with_child} {} {}", ports[0], ports[1]);
        let (child, line) = start(Command::new(program).arg("agent").env(PART, part));
        let pids: Vec<u32> = line.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect();
        Self { child, pids, ports, _folder: None }
    }
}

impl Drop for Stale {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Two ports that are free now, below those that the system gives to clients.
pub(crate) fn free_ports() -> [u16; 2] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let from = 20_000 + u16::try_from(std::process::id() % 10_000).expect("a small number");
    std::array::from_fn(|_| {
        loop {
            let port = from + NEXT.fetch_add(1, Ordering::SeqCst) % 2_000;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

/// What is on this machine now, whoever started it.
pub(crate) fn census() -> String {
    let count = |path: &Path| fs::read_dir(path).map_or(0, Iterator::count);
    let (mut processes, mut descriptors) = (0, 0);
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        if entry.file_name().to_string_lossy().parse::<u32>().is_ok() {
            processes += 1;
            descriptors += count(&entry.path().join("fd"));
        }
    }
    format!("{processes} processes and {descriptors} descriptors on the machine")
}
