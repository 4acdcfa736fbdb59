//! `http_check`: whether a URL answers with an expected status within a time.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, Url};
use serde_json::{Value, json};
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::ipc::FieldFault;
use tokio::runtime::Handle;

use super::form::{self, Values};
use super::health::Health;
use super::{BadSetup, Check, Kind, Made, Memory, Monitor, Setup, two_states};
use crate::http::{client as builder, why};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "http_check",
    title: "Web address",
    about: "Whether a URL answers with an expected status within a time.",
    always_on: false,
    fields: form::HTTP_CHECK,
    build,
};

fn build(values: &Values, setup: &Setup) -> Made {
    let url: Url = values
        .text("url")
        .trim()
        .parse()
        .map_err(|error| BadSetup::field("url", FieldFault::NotAUrl, format!("it is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(BadSetup::field(
            "url",
            FieldFault::NotAUrl,
            "write a whole URL, such as https://example.org/health",
        ));
    }
    let expected = Expected::parse(&values.text("expected_status")).ok_or_else(|| {
        BadSetup::field(
            "expected_status",
            FieldFault::NotStatuses,
            "write numbers and ranges between 100 and 599, such as 200-299, 401",
        )
    })?;
    Ok(Box::new(HttpCheck {
        name: setup.name.clone(),
        url,
        method: if values.text("method") == "HEAD" { Method::HEAD } else { Method::GET },
        expected,
        is_strict: values.flag("verify_certificate"),
        limit: values.seconds("timeout"),
        every: values.seconds("poll_interval"),
        health: Health::new(values.count("failures")),
    }))
}

struct HttpCheck {
    name: String,
    url: Url,
    method: Method,
    expected: Expected,
    is_strict: bool,
    limit: Duration,
    every: Duration,
    health: Health,
}

impl Monitor for HttpCheck {
    fn check(&mut self) -> Check {
        let started = Instant::now();
        let answered = self.ask();
        let took = started.elapsed();
        let found = match &answered {
            Ok(status) if self.expected.has(*status) => {
                Ok(format!("answers with {status} ({:.0} ms)", milliseconds(took)))
            }
            Ok(status) => Err(format!("answers with {status}, which is not expected")),
            Err(why) => Err(why.clone()),
        };
        let mut check = two_states(&self.name, &mut self.health, found, self.every);
        let milliseconds = answered.is_ok().then(|| milliseconds(took));
        check.metrics.insert("status".to_owned(), json!(answered.ok()));
        check.metrics.insert("response_ms".to_owned(), json!(milliseconds));
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

impl HttpCheck {
    fn ask(&self) -> Result<u16, String> {
        let client = client(self.url.scheme() == "https", self.is_strict)?;
        let request = client.request(self.method.clone(), self.url.clone()).timeout(self.limit);
        // The runtime's own thread drives the connection; this one only waits. The content is not read.
        let answer = Handle::current().block_on(request.send());
        answer.map(|answer| answer.status().as_u16()).map_err(|error| self.in_words(error))
    }

    /// Without the URL: there may be a password or a key in it.
    fn in_words(&self, error: reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no answer within {} s", self.limit.as_secs_f64());
        }
        format!("no answer: {}", why(&error.without_url()))
    }
}

/// The clients for all URLs; each is made when it is first needed. A check asks the server itself: no proxy, no
/// redirect, and a new connection each time.
pub(super) fn client(is_secure: bool, is_strict: bool) -> Result<Client, String> {
    static CLIENTS: [OnceLock<Client>; 3] = [const { OnceLock::new() }; 3];
    let place = match (is_secure, is_strict) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => 2,
    };
    if let Some(client) = CLIENTS[place].get() {
        return Ok(client.clone());
    }
    // One that trusts everybody needs no list of whom to trust.
    let made = builder(is_secure && is_strict)
        .tls_danger_accept_invalid_certs(is_secure && !is_strict)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| format!("this system allows no such connection: {error}"))?;
    Ok(CLIENTS[place].get_or_init(|| made).clone())
}

/// The statuses that are well.
#[derive(Debug, PartialEq, Eq)]
struct Expected(Vec<(u16, u16)>);

impl Expected {
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse().ok().filter(|status| (100..=599).contains(status));
        let range = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) = (number(from)?, number(to)?);
            (from <= to).then_some((from, to))
        };
        text.split(',').map(range).collect::<Option<Vec<_>>>().map(Self)
    }

    fn has(&self, status: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use serde_json::Value;
    use taskpaw_contract::ipc::{EventLevel, MonitorState};

    use super::*;
    use crate::monitors::tests::{levels, made, problem};

    /// A server that gives these answers, one for each connection, and the requests that it got.
    fn server(answers: &'static [&'static str]) -> (u16, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = move || answers.iter().map(|answer| one(&listener, answer)).collect();
        (port, thread::spawn(serve))
    }

    fn one(listener: &TcpListener, answer: &str) -> String {
        let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let length = stream.read(&mut part).unwrap();
            if length == 0 {
                break;
            }
            request.extend_from_slice(&part[..length]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        if answer.is_empty() {
            // It keeps the client waiting until that gives up.
            while stream.read(&mut part).is_ok_and(|length| length > 0) {}
        }
        String::from_utf8(request).unwrap()
    }

    /// As an agent looks: on a thread of the runtime.
    fn checks(settings: Value, count: usize) -> Vec<Check> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut monitor = made(&KIND, settings);
        runtime.block_on(async move {
            tokio::task::spawn_blocking(move || (0..count).map(|_| monitor.check()).collect()).await.unwrap()
        })
    }

    #[test]
    fn the_status_decides() {
        let (port, served) = server(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            "nonsense\r\n\r\n",
            "HTTP/1.1 204 None\r\n\r\n",
        ]);
        let found =
            checks(json!({ "url": format!("http://me:secret@127.0.0.1:{port}/health?key=secret") }), 5);
        let states: Vec<_> = found.iter().map(|check| check.state).collect();
        use MonitorState::{Error, Ok};
        assert_eq!(states, [Ok, Ok, Error, Error, Ok]);
        let said: Vec<_> = found.iter().flat_map(levels).collect();
        assert_eq!(said, [EventLevel::Alert, EventLevel::Done]);
        assert_eq!(found[2].metrics["status"], 503);
        let requests = served.join().unwrap();
        assert!(requests[0].starts_with("GET /health?key=secret HTTP/1.1\r\n"), "{}", requests[0]);
        assert!(requests[0].to_lowercase().contains("authorization: basic "));
        for check in &found {
            let shown = format!("{check:?}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn no_answer_in_time_and_no_server_are_down() {
        let (port, served) = server(&["", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
        let settings = json!({ "url": format!("http://127.0.0.1:{port}"), "timeout": 0.3, "method": "HEAD" });
        let found = checks(settings.clone(), 2);
        assert!(found[0].detail.contains("no answer within 0.3 s"), "{}", found[0].detail);
        assert_eq!((found[0].state, found[1].state), (MonitorState::Error, MonitorState::Ok));
        assert!(served.join().unwrap()[1].starts_with("HEAD / "));
        assert_eq!(checks(settings, 1)[0].state, MonitorState::Error, "nobody listens any more");
    }

    #[test]
    fn https_is_spoken_and_a_server_that_does_not_is_down() {
        let (port, served) = server(&["HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"]);
        let url = format!("https://127.0.0.1:{port}");
        let found = checks(json!({ "url": url, "verify_certificate": false }), 1);
        assert_eq!(found[0].state, MonitorState::Error, "{}", found[0].detail);
        drop(served);
    }

    #[test]
    fn what_is_no_url_or_no_status_is_refused() {
        for url in ["example.org", "ftp://example.org", "http://", "https://[", "/path"] {
            assert_eq!(problem(&KIND, json!({ "url": url })), "config.url", "{url}");
        }
        for status in ["", "x", "99", "600", "300-200", "200,,201", "200-"] {
            let settings = json!({ "url": "http://example.org", "expected_status": status });
            let parsed = Expected::parse(status);
            assert!(parsed.is_none(), "{status}: {parsed:?}");
            assert_eq!(problem(&KIND, settings), "config.expected_status", "{status}");
        }
        let expected = Expected::parse("200-299, 401").unwrap();
        assert_eq!(
            [199, 200, 299, 300, 401].map(|status| expected.has(status)),
            [false, true, true, false, true]
        );
    }
}
