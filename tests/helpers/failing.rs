//! The real backend, until something goes wrong with it at a step that `failure.json` beside it names.
//!
//! The process that the host started becomes the real backend. A second one, its child, stands between it and the host,
//! passes on what they say and give to each other, and does what goes wrong when the moment has come. `told` beside it says
//! when that was.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use port_takeover::sys::{PassedSocket, receive_with, send_with};
use serde_json::{Value, json};
use support::process::{crash, send};

/// Tells the child what it is.
const BETWEEN: &str = "TASKPAW_TEST_BETWEEN";

#[expect(
    clippy::zombie_processes,
    reason = "this process becomes the backend, which has no children of its own"
)]
fn main() {
    let own = std::env::current_exe().expect("its own path");
    let role = std::env::args().nth(1).unwrap_or_default();
    let failure = Failure::read(&own, &role);
    if std::env::var_os(BETWEEN).is_some() {
        let failure = failure.expect("what goes wrong");
        return between(Arc::new(failure));
    }
    let program = own.with_file_name("sound").join("taskpaw-backend");
    let mut backend = Command::new(program);
    backend.args(std::env::args_os().skip(1));
    if let Some(failure) = &failure {
        if failure.at == "start" {
            failure.happens(std::process::id(), &mut io::stdout());
            wait_for_the_end();
        }
        let (ours, theirs) = UnixStream::pair().expect("a connection");
        let host_is = |end: &dyn AsFd| Stdio::from(end.as_fd().try_clone_to_owned().expect("a copy"));
        Command::new(&own)
            .arg(role)
            .env(BETWEEN, "1")
            .stdin(host_is(&io::stdin()))
            .stdout(host_is(&io::stdout()))
            // It has nothing to log: there the backend is.
            .stderr(Stdio::from(OwnedFd::from(ours)))
            .spawn()
            .expect("the one between");
        backend.stdin(Stdio::from(OwnedFd::from(theirs.try_clone().expect("a copy"))));
        backend.stdout(Stdio::from(OwnedFd::from(theirs)));
    }
    panic!("the backend does not start: {}", backend.exec());
}

/// What goes wrong.
struct Failure {
    /// `start`, `greeting`, `before_prepared`, `prepared`, `go_on`, `before_ready`, `ready` or `live`.
    at: String,
    /// `crashes`, `hangs`, `hangs_with_signs` (of life, for ever), `garbage`, `version`, `config_breaks` (somebody saves half a file), or the code of an error that it
    /// says.
    how: String,
    role: String,
    told: PathBuf,
}

impl Failure {
    /// Nothing goes wrong with another role, or once it was enough.
    fn read(own: &Path, role: &str) -> Option<Self> {
        let text = std::fs::read_to_string(own.with_file_name("failure.json")).expect("what goes wrong");
        let wanted: Value = serde_json::from_str(&text).expect("JSON");
        let word = |key: &str| wanted[key].as_str().expect("a word").to_owned();
        let told = own.with_file_name("told");
        let is_over = wanted["once"] == true && told.exists() && std::env::var_os(BETWEEN).is_none();
        (wanted["role"] == role && !is_over).then(|| Self {
            at: word("at"),
            how: word("how"),
            role: word("role"),
            told,
        })
    }

    /// Writes the moment down, and does it. Gives whether nothing is passed on any more.
    fn happens(&self, backend: u32, host: &mut impl Write) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs_f64();
        let mut told = OpenOptions::new().create(true).append(true).open(&self.told).expect("the file");
        writeln!(told, "{now}").expect("the file");
        match self.how.as_str() {
            "crashes" => crash(backend),
            "hangs" => send(backend, libc::SIGSTOP),
            "hangs_with_signs" => {
                send(backend, libc::SIGSTOP);
                let sign = json!({ "taskpaw_sign_of_life": true, "advanced": 7 });
                while writeln!(host, "{sign}").and_then(|()| host.flush()).is_ok() {
                    thread::sleep(Duration::from_secs(1));
                }
            }
            "garbage" => {
                let _host_is_gone = host.write_all(b"Segmentation \xff\xfe fault {]\n");
                let _host_is_gone = host.flush();
            }
            "version" => return false,
            "config_breaks" => {
                let folder = std::env::var_os("TASKPAW_CONFIG_DIR").expect("where the configuration is");
                let half = "{ \"schema\": 1, \"roles\": [";
                std::fs::write(Path::new(&folder).join("config.json"), half).expect("the file");
                return false;
            }
            code => {
                let said = json!({ "taskpaw_startup_error": 1, "role": self.role, "code": code, "message": "a test says so" });
                let _host_is_gone = writeln!(host, "{said}");
                send(backend, libc::SIGKILL);
            }
        }
        true
    }
}

/// A process that hangs, whatever its host does.
fn wait_for_the_end() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// Passes on what host and backend say to each other, until the moment has come.
fn between(failure: Arc<Failure>) {
    let backend = parent_id();
    let connection = UnixStream::from(io::stderr().as_fd().try_clone_to_owned().expect("a copy"));
    let host = Arc::new(Mutex::new(io::stdout()));
    let (to_backend, says) = (connection.try_clone().expect("a copy"), Arc::clone(&host));
    let failing = Arc::clone(&failure);
    thread::spawn(move || from_host(&failing, backend, to_backend, &says));
    thread::spawn(move || from_backend(&failure, backend, connection, &host));
    // It lives as long as the backend.
    while parent_id() == backend {
        thread::sleep(Duration::from_millis(5));
    }
    exit(0);
}

/// What is read, and the listening sockets that come with it.
struct Incoming<F> {
    from: F,
    sockets: Arc<Mutex<Vec<PassedSocket>>>,
}

impl<F: AsFd> Incoming<F> {
    fn lines(from: F) -> (impl Iterator<Item = String>, Arc<Mutex<Vec<PassedSocket>>>) {
        let sockets = Arc::<Mutex<Vec<PassedSocket>>>::default();
        let incoming = Self { from, sockets: Arc::clone(&sockets) };
        (BufReader::new(incoming).lines().map_while(Result::ok), sockets)
    }
}

impl<F: AsFd> Read for Incoming<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let received = receive_with(&self.from, into, true)?;
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).extend(received.sockets);
        Ok(received.bytes)
    }
}

/// Gives sockets away with a line: this process has them no more afterwards.
fn give(to: impl AsFd, line: &str, sockets: &Mutex<Vec<PassedSocket>>) -> io::Result<()> {
    let sockets = std::mem::take(&mut *sockets.lock().unwrap_or_else(PoisonError::into_inner));
    let descriptors: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    send_with(to, format!("{line}\n").as_bytes(), &descriptors)
}

fn from_host(failure: &Failure, backend: u32, to_backend: UnixStream, host: &Mutex<impl Write>) {
    let (lines, sockets) = Incoming::lines(io::stdin());
    let mut is_greeted = false;
    for line in lines {
        let at = if !std::mem::replace(&mut is_greeted, true) {
            "greeting"
        } else if line.contains("\"go_on\"") {
            "go_on"
        } else if line.contains("\"live\"") {
            "live"
        } else {
            ""
        };
        // It fails between the two, however late it is given the processor for that.
        if failure.at == "ready" && at == "live" {
            return;
        }
        if failure.at == at {
            let stops = failure.happens(backend, &mut *host.lock().unwrap_or_else(PoisonError::into_inner));
            if stops {
                return;
            }
        }
        let given = if line.contains("\"take_listeners\"") {
            give(&to_backend, &line, &sockets)
        } else {
            writeln!(&to_backend, "{line}")
        };
        if given.is_err() {
            return;
        }
    }
    let _it_has_ended = to_backend.shutdown(std::net::Shutdown::Write);
}

fn from_backend(failure: &Failure, backend: u32, from: UnixStream, host: &Mutex<impl Write>) {
    let (lines, sockets) = Incoming::lines(from);
    for line in lines {
        // What a backend gives comes with an empty line: its stdin is its stdout here.
        if line.is_empty() {
            let _a_pipe_takes_none = give(io::stdin(), "", &sockets);
            continue;
        }
        let (before, after) = if line.contains("taskpaw_prepared") {
            ("before_prepared", "prepared")
        } else if line.contains("taskpaw_ready") {
            ("before_ready", "ready")
        } else {
            ("", "")
        };
        let mut host = host.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = line;
        if failure.at == before {
            if failure.happens(backend, &mut *host) {
                return;
            }
            if failure.how == "version" {
                let mut said: Value = serde_json::from_str(&line).expect("a line");
                said["version"] = json!("3.9.9");
                line = said.to_string();
            }
        }
        if writeln!(host, "{line}").and_then(|()| host.flush()).is_err() {
            return;
        }
        if failure.at == after && failure.happens(backend, &mut *host) {
            return;
        }
    }
}
