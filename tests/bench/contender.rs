//! Ways to find out who holds two ports: the library's, and what a person would use instead.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};

use crate::takeover::{look, ports_program, wanted};

/// One way.
pub(crate) struct Contender {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    how: How,
}

type Pids = Vec<u32>;

enum How {
    /// In this process; gives the pids, or nothing where it looks for none.
    Here(Box<dyn FnMut() -> Option<Pids>>),
    /// A whole process; the pids are somewhere in what it prints, if it is asked to say more.
    Program { program: PathBuf, arguments: Vec<String>, say_more: &'static [&'static str] },
    /// Inside a Python interpreter that runs already.
    Python(&'static str, Python),
}

impl Contender {
    /// How many of these processes it finds.
    pub(crate) fn found(&mut self, pids: &[u32]) -> Option<usize> {
        let among = |found: &[u32]| pids.iter().filter(|pid| found.contains(pid)).count();
        match &mut self.how {
            How::Here(run) => run().map(|found| among(&found)),
            How::Program { program, arguments, say_more } => {
                let mut command = Command::new(&*program);
                command.args(*say_more).args(arguments).stdin(Stdio::null());
                let ran = command.output().expect(self.id);
                let printed = [ran.stdout, ran.stderr].concat();
                let numbers: Vec<u32> = String::from_utf8_lossy(&printed)
                    .split(|letter: char| !letter.is_ascii_digit())
                    .filter_map(|word| word.parse().ok())
                    .collect();
                Some(among(&numbers))
            }
            How::Python(what, python) => Some(among(&python.ask(what, 1).1)),
        }
    }

    /// How long it takes so many times.
    pub(crate) fn run(&mut self, times: u64) -> Duration {
        match &mut self.how {
            How::Python(what, python) => python.ask(what, times).0,
            How::Here(run) => {
                let began = Instant::now();
                (0..times).for_each(|_| drop(std::hint::black_box(run())));
                began.elapsed()
            }
            How::Program { program, arguments, .. } => {
                let began = Instant::now();
                for _ in 0..times {
                    let mut command = Command::new(&*program);
                    command.args(&*arguments).stdin(Stdio::null());
                    std::hint::black_box(command.output().expect(self.id));
                }
                began.elapsed()
            }
        }
    }
}

/// All of them; for one that is not there, the sentence that says so.
pub(crate) fn all(ports: [u16; 2]) -> Vec<Result<Contender, String>> {
    let here =
        |id, what, run: Box<dyn FnMut() -> Option<Pids>>| Ok(Contender { id, what, how: How::Here(run) });
    let program = |id, what: &'static str, path: PathBuf, arguments: &[&str]| {
        if !(if path.is_absolute() { path.exists() } else { on_search_path(&path) }) {
            return Err(missing(what));
        }
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        // It names processes by their command lines; their ids are in its debug output.
        let say_more: &[&str] = if id == "killport" { &["-vvv"] } else { &[] };
        Ok(Contender { id, what, how: How::Program { program: path, arguments, say_more } })
    };
    let [one, two] = ports.map(|port| port.to_string());
    let asked = wanted(ports);
    let to_ports = |name: &str, port: &str| format!("{name}=127.0.0.1:{port}");
    let status =
        ["status", "--json", "--port", &to_ports("network", &one), "--port", &to_ports("control", &two)];
    let mut contenders = vec![
        here("library", "this library: look and decision", Box::new(move || Some(look(&asked).1))),
        here(
            "bare_walk",
            "a bare walk: readlink of every /proc/*/fd",
            Box::new(|| finds_nobody(bare_walk())),
        ),
        here("std_walk", "the same walk with std::fs", Box::new(|| finds_nobody(std_walk()))),
        program("taskpaw_ports", "`taskpaw-ports status`", ports_program(), &status),
        program("ss", "`ss -ltnp`", "ss".into(), &["-ltnp"]),
        program(
            "lsof",
            "`lsof -iTCP -sTCP:LISTEN -P -n`",
            "lsof".into(),
            &["-iTCP", "-sTCP:LISTEN", "-P", "-n"],
        ),
        program("fuser", "`fuser -n tcp PORT PORT`", "fuser".into(), &["-n", "tcp", &one, &two]),
        program(
            "killport",
            "`killport --dry-run PORT PORT`",
            tool("bin/killport"),
            &["--dry-run", &one, &two],
        ),
    ];
    for (id, what) in [
        ("psutil_net_connections", "psutil: net_connections, interpreter already running"),
        (
            "psutil_process_iter",
            "psutil: process_iter with net_connections of each, interpreter already running",
        ),
    ] {
        contenders.push(
            Python::start(ports)
                .map(|python| Contender { id, what, how: How::Python(id, python) })
                .ok_or_else(|| missing(what)),
        );
    }
    #[cfg(feature = "competitors")]
    contenders.extend([
        here("listeners", "crate `listeners`: get_all", Box::new(move || Some(listeners_all(ports)))),
        here(
            "listeners_by_port",
            "crate `listeners`: get_process_by_port, twice",
            Box::new(move || Some(listeners_by_port(ports))),
        ),
        here("netstat2", "crate `netstat2`: get_sockets_info", Box::new(move || Some(netstat2_all(ports)))),
    ]);
    contenders
}

fn missing(what: &str) -> String {
    format!("Not measured, because it could not be had: {what}.")
}

fn tool(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools").join(path)
}

fn on_search_path(program: &Path) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).exists())
}

fn finds_nobody(links: Option<usize>) -> Option<Pids> {
    assert!(std::hint::black_box(links).is_some_and(|links| links > 0), "it walked");
    None
}

/// Reads where every descriptor of every process leads to, with as little work as the system allows.
fn bare_walk() -> Option<usize> {
    const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
    let mut links = 0;
    let proc = openat(CWD, "/proc", FOLDER, Mode::empty()).ok()?;
    let (mut entries, mut descriptors) = (Vec::with_capacity(32 << 10), Vec::with_capacity(32 << 10));
    let mut processes = RawDir::new(&proc, entries.spare_capacity_mut());
    let mut path = Vec::with_capacity(32);
    while let Some(Ok(process)) = processes.next() {
        let name = process.file_name().to_bytes();
        if !name.iter().all(u8::is_ascii_digit) {
            continue;
        }
        path.clear();
        path.extend_from_slice(name);
        path.extend_from_slice(b"/fd");
        let Ok(folder) = openat(&proc, path.as_slice(), FOLDER, Mode::empty()) else { continue };
        let mut listing = RawDir::new(&folder, descriptors.spare_capacity_mut());
        while let Some(Ok(descriptor)) = listing.next() {
            let mut target = [MaybeUninit::uninit(); 64];
            links += usize::from(readlinkat_raw(&folder, descriptor.file_name(), &mut target[..]).is_ok());
        }
    }
    Some(links)
}

/// The same, as it is written at first.
fn std_walk() -> Option<usize> {
    let mut links = 0;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(listing) = fs::read_dir(process.path().join("fd")) else { continue };
        links += listing.flatten().filter(|descriptor| fs::read_link(descriptor.path()).is_ok()).count();
    }
    Some(links)
}

#[cfg(feature = "competitors")]
fn listeners_all(ports: [u16; 2]) -> Pids {
    let all = listeners::get_all().unwrap_or_default();
    let mut found: Pids = all
        .iter()
        .filter(|one| one.state == listeners::SocketState::Listen && ports.contains(&one.socket.port()))
        .map(|one| one.process.pid)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(feature = "competitors")]
fn listeners_by_port(ports: [u16; 2]) -> Pids {
    let holder = |port| listeners::get_process_by_port(port, listeners::Protocol::TCP).ok();
    ports.into_iter().filter_map(holder).map(|process| process.pid).collect()
}

#[cfg(feature = "competitors")]
fn netstat2_all(ports: [u16; 2]) -> Pids {
    use netstat2::{AddressFamilyFlags, ProtocolFlags, ProtocolSocketInfo, TcpState};
    let families = AddressFamilyFlags::IPV4 | AddressFamilyFlags::IPV6;
    let all = netstat2::get_sockets_info(families, ProtocolFlags::TCP).unwrap_or_default();
    let is_one = |socket: &ProtocolSocketInfo| matches!(socket, ProtocolSocketInfo::Tcp(tcp) if tcp.state == TcpState::Listen && ports.contains(&tcp.local_port));
    all.into_iter()
        .filter(|one| is_one(&one.protocol_socket_info))
        .flat_map(|one| one.associated_pids)
        .collect()
}

/// A Python interpreter with psutil that answers on its standard output.
struct Python {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Python {
    fn start(ports: [u16; 2]) -> Option<Self> {
        let mut child = Command::new(tool("psutil/bin/python"))
            .args(["-c", include_str!("psutil_asked.py")])
            .args(ports.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut answers = BufReader::new(child.stdout.take()?);
        let mut line = String::new();
        answers.read_line(&mut line).ok()?;
        (line == "ready\n").then_some(Self { child, answers })
    }

    /// How long a question takes so many times, and the pids of its answer.
    fn ask(&mut self, what: &str, times: u64) -> (Duration, Pids) {
        let mut stdin = self.child.stdin.as_ref().expect("it is piped");
        writeln!(stdin, "{what} {times}").expect("it lives");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        let mut numbers = line.split_whitespace().map(|word| word.parse::<u64>().expect("a number"));
        let took = Duration::from_nanos(numbers.next().expect("a time"));
        (took, numbers.filter_map(|pid| pid.try_into().ok()).collect())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
