//! Nobody without a token keeps out who has one: not by connecting, not by asking, not by guessing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;
use taskpaw_contract::Role;

use crate::client::{bearer, send};
use crate::running::{Machine, TOKEN};

/// How long one way is gone at least, and how often the right token is shown in that time.
const FOR: Duration = Duration::from_millis(200);
/// Between two connections of a stranger.
const BETWEEN: Duration = Duration::from_micros(300);
/// An answer to the right token takes no longer, also where many tests run at once, and in Wine. (`npm run trial:shutout` allows a second.)
const AT_ONCE: Duration = if cfg!(windows) { Duration::from_secs(20) } else { Duration::from_secs(5) };

/// What a stranger sends on each connection; nothing is a connection that only waits.
const WAYS: [&str; 6] = [
    "",
    "GET /con",
    "GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "GET /control/ping HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer no\r\n\r\n",
    "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer no\r\n\r\n",
    "POST /control/stop HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\nslow",
];

/// Somebody who connects as fast as possible, and keeps the last thousand connections.
struct Stranger(Arc<AtomicBool>, Option<JoinHandle<usize>>);

impl Stranger {
    fn goes(port: u16, says: &'static str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let connects = thread::spawn(move || {
            let (mut kept, mut number) = (std::collections::VecDeque::new(), 0);
            while !over.load(Ordering::Relaxed) {
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                let Ok(mut stream) = TcpStream::connect_timeout(&address, AT_ONCE) else { continue };
                let _ = stream.write_all(says.as_bytes());
                kept.push_back(stream);
                number += 1;
                // Not faster than the system's queue on a busy machine: `npm run trial:shutout` goes as fast as it can.
                thread::sleep(BETWEEN);
                if kept.len() > 500 {
                    kept.pop_front();
                }
            }
            number
        });
        Self(is_over, Some(connects))
    }

    /// How many connections it has made.
    fn ends(mut self) -> usize {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap()
    }
}

fn is_let_in(port: u16, path: &str, token: &str, says: &str) {
    let until = Instant::now() + FOR;
    while Instant::now() < until {
        let since = Instant::now();
        let answer = send(port, "GET", path, &[&bearer(token)], b"");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(since.elapsed() < AT_ONCE, "{path} during {says:?}: {:?}", since.elapsed());
    }
}

#[test]
fn who_shows_the_token_gets_in_whatever_strangers_do() {
    const FOR_OTHERS: &str = "the-token-for-all-others";
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "token": FOR_OTHERS }, "hub": { "token": FOR_OTHERS } }));
    let (agent, hub) = (machine.start(Role::Agent), machine.start(Role::Hub));
    // Also while it starts.
    let early = Stranger::goes(machine.control, "");
    agent.ready();
    hub.ready();
    is_let_in(machine.control, "/control/ping", TOKEN, "start");
    early.ends();
    let ports = [
        (machine.control, "/control/ping", TOKEN, &WAYS[..]),
        (machine.api, "/control/ping", TOKEN, &WAYS[..2]),
        (machine.api, "/events", FOR_OTHERS, &WAYS[3..5]),
    ];
    for (port, path, token, ways) in ports {
        for says in ways {
            let stranger = Stranger::goes(port, says);
            is_let_in(port, path, token, says);
            assert!(stranger.ends() > 20, "{says:?}");
        }
    }
    agent.ended_well_after_stdin();
    hub.ended_well_after_stdin();
}

#[test]
fn a_connection_that_has_shown_the_token_outlasts_all_others() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let mut own = crate::client::connect(machine.control);
    let mut ask = |number: usize| {
        let request = format!("GET /control/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n\r\n", bearer(TOKEN));
        own.write_all(request.as_bytes()).unwrap();
        let mut bytes = [0; 4_096];
        let length = own.read(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{number}: {text}");
    };
    ask(0);
    let crowd: Vec<TcpStream> = (0..600).map(|_| crate::client::connect(machine.control)).collect();
    ask(1);
    // The oldest of the crowd were closed, with a reset; the newest are still heard.
    let is_closed = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let found = stream.read(&mut [0]);
        !matches!(found, Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
    };
    crate::client::until("the oldest one is closed", || is_closed(&crowd[0]).then_some(()));
    assert!(!is_closed(&crowd[599]));
}
