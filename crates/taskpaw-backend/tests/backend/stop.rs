//! Every way to stop is the same one, and nobody can hold it up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use taskpaw_contract::Role;

use crate::client::{bearer, call, connect, get};
use crate::running::{Machine, Running, TOKEN, is_free};

/// A way to ask for the stop.
type Way = fn(&Machine, &mut Running);

const WAYS: &[(&str, Way)] = &[
    ("SIGTERM", |_, running| running.signal(Signal::TERM)),
    ("SIGINT", |_, running| running.signal(Signal::INT)),
    #[cfg(target_os = "linux")]
    ("SIGHUP", |_, running| running.signal(Signal::HUP)),
    ("the end of stdin", |_, running| running.close_stdin()),
    ("the control call", |machine, _| {
        let port = if is_free(machine.control) { machine.api } else { machine.control };
        assert_eq!(call(port, "POST", "/control/stop", &[&bearer(TOKEN)]).status, 202);
    }),
];

#[test]
fn every_way_ends_with_status_0_and_free_ports() {
    for role in Role::ALL {
        for &(name, stop) in WAYS {
            let machine = Machine::new();
            let mut running = machine.start(role);
            running.ready();
            stop(&machine, &mut running);
            let took = running.ended_well();
            assert!(took < Duration::from_secs(1), "{role} by {name}: {took:?}");
            assert!(
                [machine.network, machine.control, machine.api].into_iter().all(is_free),
                "{role} by {name}"
            );
        }
    }
}

#[test]
fn clients_that_stay_neither_delay_the_stop_nor_keep_the_port() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let silent = connect(machine.network);
    let mut half = connect(machine.network);
    half.write_all(b"GET /status HTTP/1.1\r\nHost: 127").unwrap();
    let mut kept = connect(machine.network);
    kept.write_all(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut first = [0; 15];
    kept.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    running.signal(Signal::TERM);
    let took = running.ended_well();
    assert!(took < Duration::from_secs(1), "{took:?}");
    // The clients are still there, and the next version can listen at once.
    assert!(is_free(machine.network));
    drop((silent, half, kept));
    machine.start(Role::Agent).ready();
}

/// A machine whose answer does not fit into the buffers of a connection: one event that is larger than what is given
/// together with others.
fn machine_with_a_long_answer() -> Machine {
    let machine = Machine::new();
    let message = "m".repeat(9_000 * 1024);
    let event = json!({ "id": 9_000, "time": "t", "machine": "box", "monitor": "x", "message": message });
    let journal = format!("{{\"schema\":1}}\n{}\n", json!({ "event": event }));
    std::fs::create_dir_all(machine.data_dir().join("state")).unwrap();
    std::fs::write(machine.state_file("agent-events.jsonl"), journal).unwrap();
    machine
}

/// A client that asks for it and does not take it.
fn stuck_client(machine: &Machine) -> TcpStream {
    let mut stuck = connect(machine.network);
    stuck.write_all(b"GET /events?ack=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut first = [0; 15];
    stuck.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    stuck
}

#[test]
fn a_client_that_does_not_take_its_answer_holds_up_neither_the_port_nor_the_end() {
    let machine = machine_with_a_long_answer();
    let mut old = machine.start(Role::Agent);
    old.ready();
    let stuck = stuck_client(&machine);
    old.signal(Signal::TERM);
    let since = Instant::now();
    crate::client::until("the release of the ports", || {
        (is_free(machine.network) && is_free(machine.control)).then_some(())
    });
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert!(old.child.try_wait().unwrap().is_none(), "the client still has its chance");

    // The old one may still write its state, so the new one does not read it before the old one's end.
    let new = machine.start(Role::Agent);
    old.ended_well();
    new.ready();
    let events = get(machine.network, "/events?ack=9000").json()["events"].clone();
    let ids: Vec<_> = events.as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, [9001, 9002]);
    drop(stuck);
}

#[test]
fn an_answer_that_is_under_way_is_finished() {
    let machine = machine_with_a_long_answer();
    let running = machine.start(Role::Agent);
    running.ready();
    let mut client = stuck_client(&machine);
    running.signal(Signal::TERM);
    crate::client::until("the release of the port", || is_free(machine.network).then_some(()));
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("]}") && rest.len() > 9_000 * 1024, "{}", rest.len());
    let took = running.ended_well();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// What was asked before the stop is answered, even if the backend has not read it yet, nor accepted the
/// connection: it is held by a signal while it is asked, and the stop comes before it goes on.
#[test]
fn what_was_asked_before_the_stop_is_answered() {
    let ping = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let mut kept: Vec<TcpStream> = (0..20).map(|_| connect(machine.network)).collect();
    for client in &mut kept {
        client.write_all(ping).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut some = [0; 1024];
            let read = client.read(&mut some).unwrap();
            answer.extend_from_slice(&some[..read]);
        }
    }
    running.signal(Signal::STOP);
    let fresh = (0..40).map(|_| connect(machine.network));
    let mut clients: Vec<TcpStream> = kept.into_iter().chain(fresh).collect();
    for client in &mut clients {
        client.write_all(ping).unwrap();
    }
    running.signal(Signal::TERM);
    running.signal(Signal::CONT);
    for (number, mut client) in clients.into_iter().enumerate() {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap_or_else(|error| panic!("client {number}: {error}"));
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with('}'),
            "client {number}: {answer:?}"
        );
    }
    running.ended_well();
}

#[test]
fn a_host_that_is_killed_leaves_nobody_to_read_and_the_end_is_graceful_all_the_same() {
    let machine = Machine::new();
    let mut running = machine.start(Role::Agent);
    running.ready();
    running.stderr = None;
    running.close_stdin();
    running.ended_well();
}

#[test]
fn a_second_signal_changes_nothing() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    running.signal(Signal::TERM);
    running.signal(Signal::TERM);
    running.signal(Signal::INT);
    running.ended_well();
}
