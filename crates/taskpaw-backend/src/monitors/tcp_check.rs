//! `tcp_check`: whether a host and port accept a connection.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskpaw_contract::clock::milliseconds;

use super::form::{self, Values};
use super::health::Health;
use super::{Check, Kind, Made, Memory, Monitor, Setup, refused, two_states};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "tcp_check",
    title: "TCP port",
    about: "Whether a host and port accept a connection.",
    always_on: false,
    fields: form::TCP_CHECK,
    build,
};

fn build(values: &Values, setup: &Setup) -> Made {
    Ok(Box::new(TcpCheck {
        name: setup.name.clone(),
        host: values.host("host"),
        port: u16::try_from(values.whole("port")).unwrap_or_default(),
        limit: values.seconds("timeout"),
        every: values.seconds("poll_interval"),
        health: Health::new(values.count("failures")),
    }))
}

struct TcpCheck {
    name: String,
    host: String,
    port: u16,
    limit: Duration,
    every: Duration,
    health: Health,
}

impl Monitor for TcpCheck {
    fn check(&mut self) -> Check {
        let connected = connect(&self.host, self.port, self.limit);
        let place = format!("{}:{}", self.host, self.port);
        let found = match &connected {
            Ok(took) => Ok(format!("{place} accepts connections ({:.0} ms)", milliseconds(*took))),
            Err(error) => {
                Err(format!("{place} does not accept a connection: {}", in_words(error, self.limit)))
            }
        };
        let mut check = two_states(&self.name, &mut self.health, found, self.every);
        let took = connected.ok().map(milliseconds);
        check.metrics.insert("listening".to_owned(), took.is_some().into());
        check.metrics.insert("connect_ms".to_owned(), json!(took));
        check
    }

    fn look_limit(&self) -> Duration {
        self.limit + super::LOOK_LIMIT
    }

    fn memory(&mut self) -> Option<Value> {
        self.health.memory()
    }

    fn recall(&mut self, memory: &Memory) {
        self.health.recall_turns(memory);
    }
}

/// Tries every address of a name until one accepts, all within the limit.
fn connect(host: &str, port: u16, limit: Duration) -> io::Result<Duration> {
    let started = Instant::now();
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    // The name lookup has limits of its own; what is left is for the connection, and never nothing.
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let connecting = Instant::now();
    for (address, waiting) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let left = limit.saturating_sub(connecting.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // One that swallows everything leaves the others their part of the time.
        let part = u32::try_from(waiting).map_or(left, |waiting| left / waiting);
        match TcpStream::connect_timeout(address, part.max(Duration::from_millis(1))) {
            Ok(_) => return Ok(started.elapsed()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn in_words(error: &io::Error, limit: Duration) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("no answer within {} s", limit.as_secs_f64())
        }
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        _ => refused::plain(error),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use taskpaw_contract::ipc::{EventLevel, MonitorState};

    use super::*;
    use crate::monitors::tests::{levels, made, problem};

    #[test]
    fn a_port_goes_and_comes_back() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let mut monitor = made(&KIND, json!({ "host": "localhost", "port": port, "failures": 2 }));
        let up = monitor.check();
        assert_eq!((up.state, levels(&up).len()), (MonitorState::Ok, 0), "{}", up.detail);
        assert!(up.metrics["connect_ms"].as_f64().unwrap() < 5_000.0);
        drop(server);
        let once = monitor.check();
        assert_eq!((once.state, levels(&once).len()), (MonitorState::Degraded, 0));
        let down = monitor.check();
        assert_eq!((down.state, levels(&down)), (MonitorState::Error, vec![EventLevel::Alert]));
        assert!(down.detail.contains("nobody listens there"), "{}", down.detail);
        assert!(levels(&monitor.check()).is_empty(), "said once");
        let server = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert_eq!(levels(&monitor.check()), [EventLevel::Done]);
        drop(server);
    }

    #[test]
    fn an_unknown_name_is_a_failure_and_a_wrong_one_is_refused() {
        let mut monitor = made(&KIND, json!({ "host": "no-such-host.invalid", "port": 1 }));
        assert_eq!(monitor.check().state, MonitorState::Error);
        assert_eq!(problem(&KIND, json!({ "host": "http://x", "port": 1 })), "config.host");
        assert_eq!(problem(&KIND, json!({ "port": 65536 })), "config.port");
        assert_eq!(problem(&KIND, json!({})), "config.port");
    }
}
