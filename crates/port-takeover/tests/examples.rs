//! The examples, run as somebody who tries the library would run them.
#![cfg(any(target_os = "linux", target_os = "macos", windows))]
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use port_takeover::journal::Done;
use port_takeover::{Journal, Pid};

/// Cargo builds the examples along with the tests, into a folder beside them.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    let program: PathBuf = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is not built: cargo build --examples", program.display());
    Command::new(program)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A server of the example, once it serves; it ends with the test.
struct Server(Child);

impl Server {
    fn start(port: u16, journal: &std::path::Path) -> Self {
        let mut command = example("take_over");
        let child = command.arg(port.to_string()).arg(journal).stdout(Stdio::piped()).spawn().unwrap();
        let mut server = Self(child);
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http on "), "{line}");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A listener that everybody may know to be this test's: Wine shows the owner of one only once it has an option.
fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_tcp_nodelay(true).unwrap();
    listener
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn who_holds_names_the_holder() {
    let held = listener();
    let port = held.local_addr().unwrap().port();
    let output = example("who_holds").arg(port.to_string()).output().unwrap();
    let shown = text(&output);
    assert!(output.status.success() && shown.contains("Foreign"), "{shown}");
    assert!(shown.contains(&format!("process {}: ", std::process::id())), "{shown}");
}

#[test]
fn the_second_server_replaces_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let port = free_port();
    let mut first = Server::start(port, &journal);
    let first_pid = Pid::new(first.0.id()).unwrap();
    let _second = Server::start(port, &journal);
    assert!(!first.0.wait().unwrap().success());

    let records = Journal::at(journal).read(10).unwrap();
    assert_eq!(records.len(), 2);
    assert!(records[1].holders.is_empty(), "the first found the port free");
    assert_eq!(records[0].holders[0].pid, first_pid);
    assert!(matches!(records[0].holders[0].done, Done::Graceful { .. } | Done::Forced { .. }));
}

#[test]
fn a_foreign_holder_is_left_alone() {
    let held = listener();
    let port = held.local_addr().unwrap().port();
    let output = example("take_over").arg(port.to_string()).output().unwrap();
    let shown = text(&output);
    assert!(!output.status.success() && shown.contains("Foreign"), "{shown}");
}
