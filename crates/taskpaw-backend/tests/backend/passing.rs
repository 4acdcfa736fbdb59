//! Listening sockets that go from one backend to the next, as hosts pass them on.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use port_takeover::sys::{PassedSocket, receive_with, send_with};
use serde_json::json;
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::{GoOn, Line, StartupErrorCode as Code, Step};

use crate::client::{connect, get, read_answer};
use crate::running::{Machine, Running, TOKEN, is_free};

/// A backend whose stdin is one end of a pair of Unix streams, and the other end.
fn start(machine: &Machine, role: Role) -> (Running, UnixStream) {
    let (ours, its) = UnixStream::pair().unwrap();
    let mut command = machine.command(&[role.as_str()]);
    let running = Running::spawn(command.env("TASKPAW_HOST", "stdin").stdin(Stdio::from(OwnedFd::from(its))));
    let greeting = json!({ "taskpaw_host": 2, "host_version": "4.0.0", "control_token": TOKEN,
                           "config_dir": machine.config_dir() });
    writeln!(&ours, "{greeting}").unwrap();
    running.prepared();
    (running, ours)
}

fn ask_with(host: &UnixStream, step: &Step, sockets: &[BorrowedFd<'_>]) {
    let line = serde_json::to_string(step).unwrap() + "\n";
    send_with(host, line.as_bytes(), sockets).unwrap();
}

fn ask(host: &UnixStream, step: &Step) {
    ask_with(host, step, &[]);
}

fn become_live(running: &Running, host: &UnixStream) {
    ask(host, &Step::GoOn(GoOn::default()));
    running.ready();
    ask(host, &Step::Live);
    assert_eq!(running.line(), Line::Live);
}

/// Has a backend stand down, and takes the copies that it passes.
fn passed_by(running: &Running, host: &UnixStream) -> Vec<PassedSocket> {
    ask(host, &Step::StandDown);
    assert_eq!(running.line(), Line::StoodDown);
    ask(host, &Step::PassListeners);
    assert_eq!(running.line(), Line::ListenersPassed);
    receive_with(host, &mut [0; 16], false).unwrap().sockets
}

fn give(host: &UnixStream, sockets: Vec<PassedSocket>) {
    let descriptors: Vec<BorrowedFd<'_>> = sockets.iter().map(|socket| socket.as_fd()).collect();
    ask_with(host, &Step::TakeListeners, &descriptors);
}

#[test]
fn a_port_goes_from_one_backend_to_the_next_and_back_and_nobody_is_refused() {
    let machine = Machine::new();
    let (mut serving, mut its_host) = start(&machine, Role::Agent);
    become_live(&serving, &its_host);
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let port = machine.network;
    let client = thread::spawn({
        let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
        move || {
            while !over.load(Ordering::SeqCst) {
                assert_eq!(get(port, "/ping").json()["ok"], true);
                answered.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    for _ in 0..4 {
        let (next, next_host) = start(&machine, Role::Agent);
        give(&next_host, passed_by(&serving, &its_host));
        become_live(&next, &next_host);
        let before = answered.load(Ordering::SeqCst);
        drop(its_host);
        serving.ended_well();
        (serving, its_host) = (next, next_host);
        crate::client::until("answers of the next one", || {
            (answered.load(Ordering::SeqCst) > before).then_some(())
        });
    }
    over.store(true, Ordering::SeqCst);
    client.join().unwrap();
    assert!(serving.log_of_end(its_host).contains("the ports were passed on"));
    assert!(is_free(machine.network), "nobody else has it");
}

/// A client that connects while the next one is ready and not live is served by the backend that serves in the end.
#[test]
fn a_successor_that_fails_costs_nothing() {
    for role in Role::ALL {
        let machine = Machine::new();
        let port = if role == Role::Hub { machine.api } else { machine.network };
        let (serving, its_host) = start(&machine, role);
        become_live(&serving, &its_host);
        let (next, next_host) = start(&machine, role);
        give(&next_host, passed_by(&serving, &its_host));
        ask(&next_host, &Step::GoOn(GoOn::default()));
        next.ready();
        let mut waiting: Vec<TcpStream> = (0..8).map(|_| connect(port)).collect();
        for client in &mut waiting {
            client.write_all(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        }
        // Who has stood by takes what it was given back, too.
        ask(&next_host, &Step::StandDown);
        assert_eq!(next.line(), Line::StoodDown);
        ask(&next_host, &Step::GoOn(GoOn::default()));
        next.ready();
        next.signal(rustix::process::Signal::KILL);
        drop((next, next_host));
        ask(&its_host, &Step::GoOn(GoOn::default()));
        serving.ready();
        for client in waiting {
            assert_eq!(read_answer(client).json()["ok"], true, "{role}");
        }
        drop(its_host);
        serving.ended_well();
    }
}

/// A client that asks again and again on one connection hears with an answer that it ends.
#[test]
fn a_busy_connection_is_not_closed_between_two_requests() {
    let machine = Machine::new();
    let (serving, its_host) = start(&machine, Role::Agent);
    let (over, cut) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    become_live(&serving, &its_host);
    let port = machine.network;
    let client = thread::spawn({
        let (over, cut) = (Arc::clone(&over), Arc::clone(&cut));
        move || {
            let mut answered = 0;
            while !over.load(Ordering::SeqCst) {
                let mut stream = connect(port);
                while !over.load(Ordering::SeqCst) {
                    let asked = stream.write_all(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
                    let answer = asked.map(|()| answer_of(&mut stream)).unwrap_or_default();
                    if !answer.ends_with('}') {
                        cut.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    answered += 1;
                    if answer.contains("connection: close") {
                        break;
                    }
                }
            }
            answered
        }
    });
    const ROUNDS: usize = 12;
    for _ in 0..ROUNDS {
        ask(&its_host, &Step::StandDown);
        assert_eq!(serving.line(), Line::StoodDown);
        become_live(&serving, &its_host);
    }
    over.store(true, Ordering::SeqCst);
    assert!(client.join().unwrap() > ROUNDS, "it was answered between them");
    // One that gets no processor for long enough is as one that has paused.
    let cut = cut.load(Ordering::SeqCst);
    assert!(cut <= ROUNDS / 6, "{cut} of {ROUNDS}");
    drop(its_host);
    serving.ended_well();
}

/// An answer to `GET /ping`; less if the connection ends.
fn answer_of(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut some = [0; 1024];
        match stream.read(&mut some) {
            Ok(read) if read > 0 => answer.extend_from_slice(&some[..read]),
            _ => break,
        }
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn what_is_not_just_what_is_wanted_is_not_taken() {
    let machine = Machine::new();
    let (serving, its_host) = start(&machine, Role::Agent);
    become_live(&serving, &its_host);
    let mut passed = passed_by(&serving, &its_host);
    // One of two ports, and something else: none is taken, and the ports cannot be bound while the first one keeps them.
    passed.pop();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (next, next_host) = start(&machine, Role::Agent);
    let sockets = [passed[0].as_fd(), datagrams.as_fd()];
    ask_with(&next_host, &Step::TakeListeners, &sockets);
    ask(&next_host, &Step::GoOn(GoOn::default()));
    assert_eq!(next.startup_error().code, Code::PortInUse);
    // Let go, they are bound as any other.
    ask(&its_host, &Step::CloseListeners);
    assert_eq!(serving.line(), Line::ListenersClosed);
    drop(passed);
    let (next, next_host) = start(&machine, Role::Agent);
    ask_with(&next_host, &Step::TakeListeners, &[datagrams.as_fd()]);
    become_live(&next, &next_host);
    assert_eq!(get(machine.network, "/ping").json()["ok"], true);
    assert!(next.log_of_end(next_host).contains("it is no TCP socket"));
}

#[test]
fn without_a_stream_they_are_let_go() {
    let machine = Machine::new();
    let mut running = machine.start_stepwise(Role::Agent);
    running.prepared();
    running.become_live();
    running.ask(&Step::StandDown);
    assert_eq!(running.line(), Line::StoodDown);
    assert!(!is_free(machine.network));
    running.ask(&Step::PassListeners);
    assert_eq!(running.line(), Line::ListenersClosed);
    assert!(is_free(machine.network) && is_free(machine.control));
    running.become_live();
}
