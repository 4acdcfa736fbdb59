//! On a real Windows, or in Wine, which has all of this but the owners of its listeners.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);
/// Set for the copies of this program that the tests start.
const CHILD: &str = "PORT_TAKEOVER_TEST_CHILD";

/// What a copy of this program does: it waits until it is asked to stop, if it has an event for that. One binds a port first.
#[test]
#[ignore = "a program that other tests start"]
fn as_a_child() {
    let Ok(how) = std::env::var(CHILD) else { return };
    let _bound = (how == "binding").then(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Wine shows whose it is once it has an option.
        socket2::SockRef::from(&listener).set_tcp_nodelay(true).unwrap();
        listener
    });
    let event = (how == "obedient").then(|| StopEvent::create().unwrap());
    println!("ready");
    let asked = event.map(|event| event.wait(Some(2 * PATIENCE)).unwrap());
    if asked.is_none() {
        std::thread::sleep(2 * PATIENCE);
    }
}

fn child(how: &str) -> (Child, Pid) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sys::windows::tests::as_a_child", "--ignored", "--nocapture"])
        .env(CHILD, how)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"ready") {
        io::Read::read_exact(&mut output, &mut byte).unwrap();
        seen.extend(byte);
    }
    // It still has something to say when it ends.
    child.stdout = Some(output);
    let pid = Pid::new(child.id()).unwrap();
    (child, pid)
}

#[test]
fn this_process_describes_itself() {
    let own = describe(Pid::own()).unwrap();
    assert_eq!(own.exe.as_deref(), std::env::current_exe().unwrap().to_str());
    assert_eq!(own.argv, std::env::args().collect::<Vec<_>>());
    assert_eq!(own.same_user, Some(true));
    assert!(own.user.is_some_and(|user| !user.is_empty()));
    assert!(own.started_at.is_some());
}

/// The two times may come from two clocks. Wine has no times of sockets.
#[test]
fn a_socket_that_was_bound_at_once_is_of_the_process_that_bound_it() {
    for _ in 0..10 {
        let (mut child, pid) = child("binding");
        let started_at = started_at(pid).unwrap();
        let rows = tcp_table::listening().unwrap();
        let own: Vec<_> = rows.iter().filter(|row| row.owner == pid.get()).collect();
        assert_eq!(own.len(), 1);
        assert!(own[0].can_be_of(started_at), "{:?} is younger than its socket: {:?}", started_at, own[0]);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn an_obedient_process_is_asked() {
    let (mut child, pid) = child("obedient");
    assert_eq!(
        describe(pid).unwrap().argv[1..],
        ["--exact", "sys::windows::tests::as_a_child", "--ignored", "--nocapture"]
    );
    let handle = open(pid).unwrap().unwrap();
    assert_eq!(wait_any(&[&handle], Duration::ZERO).unwrap(), [false]);
    assert_eq!(ask(&handle).unwrap(), Asked::Delivered);
    assert_eq!(wait_any(&[&handle], PATIENCE).unwrap(), [true]);
    assert!(child.wait().unwrap().success());
    assert_eq!(ask(&handle).unwrap(), Asked::AlreadyGone);
    assert!(describe(pid).is_none());
}

#[test]
fn one_without_an_event_is_killed() {
    let (mut child, pid) = child("deaf");
    let handle = open(pid).unwrap().unwrap();
    assert_eq!(ask(&handle).unwrap(), Asked::NotPossible);
    kill(&handle).unwrap();
    assert_eq!(wait_any(&[&handle], PATIENCE).unwrap(), [true]);
    // Already gone is success.
    kill(&handle).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(KILLED.cast_signed()));
    assert!(open(pid).unwrap().is_none());
}

#[test]
fn a_wait_is_bounded_and_says_who_has_ended() {
    let (mut first, first_pid) = child("deaf");
    let (mut second, second_pid) = child("deaf");
    let handles = [open(first_pid).unwrap().unwrap(), open(second_pid).unwrap().unwrap()];
    let handles = [&handles[0], &handles[1]];
    let began = Instant::now();
    assert_eq!(wait_any(&handles, Duration::from_millis(50)).unwrap(), [false, false]);
    assert!(began.elapsed() >= Duration::from_millis(50));
    kill(handles[1]).unwrap();
    assert_eq!(wait_any(&handles, PATIENCE).unwrap(), [false, true]);
    // More than Windows waits for at once.
    let many: Vec<Handle> = (0..70).map(|_| open(first_pid).unwrap().unwrap()).collect();
    let many: Vec<&Handle> = many.iter().collect();
    assert_eq!(wait_any(&many, Duration::from_millis(50)).unwrap(), [false; 70]);
    kill(handles[0]).unwrap();
    first.wait().unwrap();
    second.wait().unwrap();
}

#[test]
fn its_listener_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let wanted = WantedPort::new("network", "127.0.0.1", port.into()).unwrap();
    let seen = holders(&[wanted]).unwrap();
    assert_eq!(seen.listeners.len(), 1);
    assert_eq!(seen.listeners[0].address, "127.0.0.1");
    // Wine does not say who made it: then nobody is named.
    let pids = &seen.listeners[0].pids;
    assert!(pids.is_empty() || *pids == [Pid::own()], "{pids:?}");
}

#[test]
fn an_exclusive_port_is_refused_to_others() {
    use crate::claim::claim_all;

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let wanted = |host: &str| [WantedPort::new("network", host, port.into()).unwrap()];
    let held = claim_all(&wanted("127.0.0.1")).unwrap();
    assert!(claim_all(&wanted("127.0.0.1")).is_err());
    drop(held);
    assert!(claim_all(&wanted("127.0.0.1")).is_ok());
}
