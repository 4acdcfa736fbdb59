//! Many requests: none fails, memory does not grow, and clients that are slow or half gone hold nobody up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use taskpaw_contract::Role;

use crate::client::{LIMIT, connect};
use crate::running::{Machine, Running};

const CLIENTS: u64 = 4;

/// Asks for the status on one connection, so often in each second, and says how many answers came.
fn ask(mut stream: TcpStream, each_second: u64, until: Instant) -> u64 {
    stream.set_nodelay(true).unwrap();
    let started = Instant::now();
    let mut answered = 0;
    let mut bytes = vec![0; 64 * 1024];
    while Instant::now() < until {
        let due = started + Duration::from_nanos(answered * 1_000_000_000 / each_second);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut length = 0;
        let whole = loop {
            length += stream.read(&mut bytes[length..]).unwrap();
            let text = std::str::from_utf8(&bytes[..length]).unwrap();
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let (_, size) = head.split_once("content-length: ").unwrap();
            let size: usize = size.lines().next().unwrap().parse().unwrap();
            if body.len() == size {
                break body.ends_with("}");
            }
        };
        assert!(whole);
        answered += 1;
    }
    answered
}

/// Resident memory in kilobytes, where it can be seen.
fn memory(running: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Requests in each second that were answered, and kilobytes by which the memory has grown after the first half.
fn load(each_second: u64, duration: Duration) -> (f64, u64) {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    // Clients that never finish their request, that never read, and that are gone without a word.
    let mut odd: Vec<TcpStream> = (0..20).map(|_| connect(machine.network)).collect();
    for (number, stream) in odd.iter_mut().enumerate() {
        let part: &[u8] =
            if number % 2 == 0 { b"GET /sta" } else { b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" };
        stream.write_all(part).unwrap();
    }
    let half = duration / 2;
    let round = || {
        let until = Instant::now() + half;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let stream = connect(machine.network);
                thread::spawn(move || ask(stream, each_second / CLIENTS, until))
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum::<u64>()
    };
    let started = Instant::now();
    let mut answered = round();
    let before = memory(&running);
    answered += round();
    let rate = answered as f64 / started.elapsed().as_secs_f64();
    let grown = memory(&running).saturating_sub(before);
    drop(odd);
    (rate, grown)
}

#[test]
fn many_requests_are_answered_and_memory_stays() {
    let (rate, grown) = load(1_000, Duration::from_secs(2));
    assert!(rate > 200.0, "{rate} in each second");
    assert!(grown < 1_024, "{grown} kB");
}

/// `cargo test --release -p taskpaw-backend --test backend -- --ignored --nocapture five_thousand`
#[test]
#[ignore = "it measures: 10 s of a release build on a quiet machine"]
fn five_thousand_requests_each_second_for_ten_seconds() {
    let (rate, grown) = load(5_000, LIMIT);
    println!("{rate:.0} requests in each second; {grown} kB more after the second half");
    assert!(rate > 4_900.0, "{rate} in each second");
    assert!(grown < 1_024, "{grown} kB");
}
