//! A program under test, in folders and on ports of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::{GoOn, Line, Prepared, Ready, StartupError, Step};
use tempfile::TempDir;

use crate::client::LIMIT;
use crate::ports::free_ports;

/// The token of a launch with a host.
pub(crate) const TOKEN: &str = "token-of-this-launch";

/// The folders and ports of one machine.
pub(crate) struct Machine {
    folder: TempDir,
    pub(crate) network: u16,
    pub(crate) control: u16,
    pub(crate) api: u16,
}

impl Machine {
    /// A machine with free ports and nothing else.
    pub(crate) fn new() -> Self {
        let [network, control, api] = free_ports();
        let machine = Self { folder: tempfile::tempdir().unwrap(), network, control, api };
        std::fs::create_dir(machine.config_dir()).unwrap();
        machine.configure(&json!({}));
        machine
    }

    /// Writes a configuration: the ports, and these keys over them.
    pub(crate) fn configure(&self, keys: &Value) {
        let mut config = json!({
            "agent": { "machine": "box", "server_id": "id-of-box",
                       "network": { "port": self.network }, "control": { "port": self.control } },
            // Only the tests about it send anything into the network that this runs on.
            "hub": { "api": { "port": self.api }, "poll_seconds": 1, "discovery": false },
        });
        merge(&mut config, keys);
        self.write_config(&config.to_string());
    }

    pub(crate) fn write_config(&self, text: &str) {
        std::fs::write(self.config_dir().join("config.json"), text).unwrap();
    }

    pub(crate) fn config_dir(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where the files of TaskPaw V3 would be.
    pub(crate) fn v3_dir(&self) -> PathBuf {
        self.folder.path().join("v3")
    }

    pub(crate) fn state_file(&self, name: &str) -> PathBuf {
        self.data_dir().join("state").join(name)
    }

    /// The program with the folders of this machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskpaw-backend"));
        command
            .args(arguments)
            .env_remove("TASKPAW_HOST")
            .env_remove("TASKPAW_LOG")
            .env("TASKPAW_CONFIG_DIR", self.config_dir())
            .env("TASKPAW_DATA_DIR", self.data_dir())
            .env("TASKPAW_V3_DIR", self.v3_dir());
        command
    }

    /// Starts a role under a host that greets it.
    pub(crate) fn start(&self, role: Role) -> Running {
        let greeting = json!({ "taskpaw_host": 1, "host_version": "4.0.0", "control_token": TOKEN,
                               "config_dir": self.config_dir() });
        self.start_greeted(role, &format!("{greeting}\n"))
    }

    /// Starts a role under a host that takes it from step to step.
    pub(crate) fn start_stepwise(&self, role: Role) -> Running {
        let greeting = json!({ "taskpaw_host": 2, "host_version": "4.0.0", "control_token": TOKEN,
                               "config_dir": self.config_dir() });
        self.start_greeted(role, &format!("{greeting}\n"))
    }

    /// Starts a role under a host that writes this.
    pub(crate) fn start_greeted(&self, role: Role, greeting: &str) -> Running {
        let mut command = self.command(&[role.as_str()]);
        let mut running = Running::spawn(command.env("TASKPAW_HOST", "stdin").stdin(Stdio::piped()));
        let mut stdin = running.child.stdin.take().unwrap();
        // A program that has already refused does not read it.
        let _ = stdin.write_all(greeting.as_bytes());
        running.stdin = Some(stdin);
        running
    }

    /// Starts a role without a host.
    pub(crate) fn start_headless(&self, role: Role) -> Running {
        Running::spawn(self.command(&[role.as_str()]).stdin(Stdio::null()))
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// A process that ends with the test.
pub(crate) struct Running {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) stderr: Option<ChildStderr>,
    stdout: Receiver<String>,
}

impl Running {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, stdout) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stderr = child.stderr.take();
        Self { child, stdin: None, stderr, stdout }
    }

    /// The next line of stdout.
    pub(crate) fn line(&self) -> Line {
        let line = self.stdout.recv_timeout(LIMIT).expect("a line on stdout");
        Line::parse(&line).unwrap_or_else(|broken| panic!("{broken}: {line}"))
    }

    pub(crate) fn ready(&self) -> Ready {
        match self.line() {
            Line::Ready(ready) => ready,
            other => panic!("{other:?}"),
        }
    }

    /// Writes a line to its stdin.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("a host");
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Asks for a step.
    pub(crate) fn ask(&mut self, step: &Step) {
        self.say(&serde_json::to_string(step).unwrap());
    }

    pub(crate) fn prepared(&self) -> Prepared {
        match self.line() {
            Line::Prepared(prepared) => prepared,
            other => panic!("{other:?}"),
        }
    }

    /// Has it go on from *prepared* to *live*.
    pub(crate) fn become_live(&mut self) {
        self.ask(&Step::GoOn(GoOn::default()));
        self.ready();
        self.ask(&Step::Live);
        assert_eq!(self.line(), Line::Live);
    }

    /// The startup error, after which the process has ended with status 1 and written nothing else.
    pub(crate) fn startup_error(mut self) -> StartupError {
        match self.line() {
            Line::StartupError(error) => {
                assert_eq!(self.ended().code(), Some(1));
                assert!(self.stdout.recv_timeout(LIMIT).is_err(), "a second line");
                error
            }
            other => panic!("{other:?}"),
        }
    }

    /// The end of stdin, as when the host closes it or is killed.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        crate::client::until("the end of the process", || self.child.try_wait().unwrap())
    }

    /// Waits for a graceful end, and asserts that it was one: status 0, within 3 s, one line on stdout in all.
    pub(crate) fn ended_well(mut self) -> Duration {
        let since = Instant::now();
        let status = self.ended();
        let took = since.elapsed();
        assert_eq!(status.code(), Some(0), "{}", self.log());
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(self.stdout.recv_timeout(LIMIT).is_err(), "a second line");
        took
    }

    /// The host goes, and the end is graceful.
    pub(crate) fn ended_well_after_stdin(mut self) -> Duration {
        self.close_stdin();
        self.ended_well()
    }

    /// Everything that the process has logged; only for one that has ended.
    pub(crate) fn log(&mut self) -> String {
        let mut log = String::new();
        if let Some(stderr) = &mut self.stderr {
            stderr.read_to_string(&mut log).unwrap();
        }
        log
    }

    /// Ends it by the end of its host, and gives everything that it has logged.
    #[cfg(unix)]
    pub(crate) fn log_of_end(mut self, host: std::os::unix::net::UnixStream) -> String {
        drop(host);
        self.ended();
        self.log()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only this child is ended; one that has ended already cannot be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a server can listen on a port right now, as the next version of a backend would.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(unix)]
pub(crate) fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}

#[cfg(not(unix))]
pub(crate) fn is_private(path: &Path) -> bool {
    path.exists()
}
