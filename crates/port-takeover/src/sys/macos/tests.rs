//! On a real macOS, with real processes and sockets. Elsewhere it is only compiled.

use std::net::TcpListener;
use std::process::{Child, Command};

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

fn sleeper() -> (Child, Pid) {
    let child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    let pid = Pid::new(child.id()).unwrap();
    (child, pid)
}

#[test]
fn this_process_describes_itself() {
    let own = describe(Pid::own()).unwrap();
    let exe = std::env::current_exe().unwrap().canonicalize().unwrap();
    assert_eq!(own.exe.as_deref(), exe.to_str());
    assert_eq!(own.same_user, Some(true));
    assert_eq!(own.argv.len(), std::env::args().count());
    assert!(own.started_at.is_some());
}

#[test]
fn its_listener_is_found_and_its_client_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::net::TcpStream::connect(address).unwrap();
    let seen = |port: u16| {
        let wanted = WantedPort::new("network", "127.0.0.1", port.into()).unwrap();
        holders(&[wanted]).unwrap().listeners
    };
    let found = seen(address.port());
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].address.as_str(), found[0].pids.as_slice()), ("127.0.0.1", &[Pid::own()][..]));
    assert!(seen(client.local_addr().unwrap().port()).is_empty());
}

#[test]
fn an_asked_process_ends_and_its_exit_is_seen() {
    let (mut child, pid) = sleeper();
    let handle = open(pid).unwrap().unwrap();
    assert_eq!(wait_any(&[&handle], Duration::ZERO).unwrap(), [false]);
    assert_eq!(ask(&handle).unwrap(), Asked::Delivered);
    // It is not reaped yet: a zombie has exited.
    assert_eq!(wait_any(&[&handle], PATIENCE).unwrap(), [true]);
    assert_eq!(ask(&handle).unwrap(), Asked::AlreadyGone);
    assert!(open(pid).unwrap().is_none());
    child.wait().unwrap();
    kill(&handle).unwrap();
}

#[test]
fn a_killed_process_is_gone() {
    let (mut child, pid) = sleeper();
    let handle = open(pid).unwrap().unwrap();
    kill(&handle).unwrap();
    assert_eq!(wait_any(&[&handle], PATIENCE).unwrap(), [true]);
    child.wait().unwrap();
    assert!(describe(pid).is_none());
}
