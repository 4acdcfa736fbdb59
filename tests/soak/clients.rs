//! Clients that ask `GET /ping` all the time, and write down what became of each request.
//!
//! They speak HTTP themselves: a library would try again in silence, and that is what is to be seen here.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Before the next request of a client that got no answer: what is starting needs the processor too.
const AFTER_NONE: Duration = Duration::from_millis(1);
/// How long an answer may take. A backend that is stopped answers when it is continued.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A request, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// When all its bytes were sent, if there was a connection.
    pub sent: Option<SystemTime>,
    /// Whether its connection had carried an answer before.
    pub kept: bool,
    /// When it was answered, or given up.
    pub ended: SystemTime,
    /// What became of it.
    pub became: Became,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Became {
    /// It was answered by this version.
    Answered(String),
    /// Nobody listened.
    Refused,
    /// There was a connection, and it ended without an answer.
    Cut,
    /// A connection that was kept after an answer was closed before this request went out: the client may, and
    /// does, ask again on a new one.
    ClosedBefore,
    /// No answer within `ANSWER_WITHIN`.
    Late,
}

impl Request {
    /// Who answered.
    pub fn answered_by(&self) -> Option<&str> {
        match &self.became {
            Became::Answered(version) => Some(version),
            _ => None,
        }
    }
}

/// Clients that ask until this is dropped.
#[derive(Debug)]
pub struct Clients {
    requests: Arc<Mutex<Vec<Request>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Lets some clients ask on a port, with a pause after each answer. Every second one keeps its connection.
    pub fn ask(port: u16, how_many: u64, pause: Duration) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let tasks = (0..how_many)
            .map(|number| {
                let requests = Arc::clone(&requests);
                tokio::spawn(async move { ask_on(port, number % 2 == 0, pause, &requests).await })
            })
            .collect();
        Self { requests, tasks }
    }

    /// What became of the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many were answered so far by a version.
    pub fn answered_by(&self, version: &str) -> usize {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|request| request.answered_by() == Some(version)).count()
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn ask_on(port: u16, keep: bool, pause: Duration, requests: &Mutex<Vec<Request>>) {
    let mut kept: Option<TcpStream> = None;
    loop {
        let mut sent = None;
        let was_kept = kept.is_some();
        let asked = ask_once(port, keep, &mut kept, &mut sent);
        let became = tokio::time::timeout(ANSWER_WITHIN, asked).await.unwrap_or(Became::Late);
        let pause = match became {
            Became::Answered(_) => pause,
            Became::ClosedBefore => Duration::ZERO,
            _ => AFTER_NONE,
        };
        let request = Request { sent, kept: was_kept, ended: SystemTime::now(), became };
        requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}

/// One request, on the kept connection if there is one that lives.
async fn ask_once(
    port: u16,
    keep: bool,
    kept: &mut Option<TcpStream>,
    sent: &mut Option<SystemTime>,
) -> Became {
    let mut stream = match kept.take() {
        Some(stream) if is_closed(&stream) => return Became::ClosedBefore,
        Some(stream) => stream,
        None => match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Became::Refused,
            Err(_) => return Became::Cut,
        },
    };
    let close = if keep { "" } else { "Connection: close\r\n" };
    let request = format!("GET /ping HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{close}\r\n");
    if stream.write_all(request.as_bytes()).await.is_err() {
        return Became::Cut;
    }
    *sent = Some(SystemTime::now());
    match answer(&mut stream).await {
        Some((version, closes)) => {
            *kept = (keep && !closes).then_some(stream);
            Became::Answered(version)
        }
        None => Became::Cut,
    }
}

/// Whether the other side has closed a connection on which nothing is expected.
fn is_closed(stream: &TcpStream) -> bool {
    let mut nothing = [0];
    match stream.try_read(&mut nothing) {
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        Ok(_) => true,
    }
}

/// The version in an answer, and whether the connection ends with it.
async fn answer(stream: &mut TcpStream) -> Option<(String, bool)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(whole) = parse(&bytes) {
            return Some(whole);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(String, bool)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if body.len() < header("content-length:")?.parse().ok()? {
        return None;
    }
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some((body["version"].as_str()?.to_owned(), header("connection:") == Some("close")))
}
