//! Asking a V3 agent for what only its memory holds, in the moment before it is asked to stop.
//!
//! The connection is its own, and ends with a reset from this side: a connection that V3 closed would keep its port
//! for a minute.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use taskpaw_contract::ipc::AgentEvent;

use super::{MOST_BYTES, parse_events};

/// How long a V3 that is stopped or hangs may delay a takeover.
pub const LIMIT: Duration = Duration::from_secs(2);
/// Of the head of an answer.
const MOST_HEAD: usize = 16 << 10;

/// Why V3 has not told what it holds. A journal or a log says it.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The connection failed, or V3 took too long.
    #[error("it could not be asked: {0}")]
    Connection(#[from] io::Error),
    /// The answer took longer than [`LIMIT`].
    #[error("it did not answer within {} s", LIMIT.as_secs())]
    Timeout,
    /// The answer is an error: 401 if the agent has another token.
    #[error("it answers with status {0}")]
    Status(u16),
    /// The agent does not listen anywhere, or nobody can see where.
    #[error("it has no port on which it could be asked")]
    NoPort,
    /// The agent holds more than is taken along.
    #[error("its answer is larger than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    /// What it answers are not events.
    #[error("its answer is none that an agent gives")]
    NoEvents,
}

/// Asks the agent at this address for its events. Nothing is removed there: -1 acknowledges nothing.
///
/// # Errors
/// Why there is no answer; it took at most [`LIMIT`].
pub fn ask(address: SocketAddr, token: &str) -> Result<Vec<AgentEvent>, AskError> {
    ask_within(LIMIT, address, token)
}

fn ask_within(limit: Duration, address: SocketAddr, token: &str) -> Result<Vec<AgentEvent>, AskError> {
    let deadline = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&address, limit).map_err(|error| late(error, deadline))?;
    let answer = exchange(&mut stream, address, token, deadline);
    // Also on the way of an error.
    let is_reset = reset(stream);
    let body = answer?;
    is_reset?;
    parse_events(&body).ok_or(AskError::NoEvents)
}

fn late(error: io::Error, deadline: Instant) -> AskError {
    let is_late = Instant::now() >= deadline
        || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
    if is_late { AskError::Timeout } else { error.into() }
}

fn left(deadline: Instant) -> Result<Duration, AskError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(AskError::Timeout) } else { Ok(left) }
}

fn exchange(
    stream: &mut TcpStream,
    address: SocketAddr,
    token: &str,
    deadline: Instant,
) -> Result<Vec<u8>, AskError> {
    let authorization =
        if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    // Kept open by V3, so that it does not close it first.
    let request =
        format!("GET /events?ack=-1 HTTP/1.1\r\nHost: {address}\r\n{authorization}Accept: */*\r\n\r\n");
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(request.as_bytes()).map_err(|error| late(error, deadline))?;
    let mut received = Vec::new();
    let mut part = [0; 16 << 10];
    let mut answer = None;
    loop {
        if answer.is_none() {
            answer = Head::parse(&received)?;
        }
        if let Some(head) = &answer {
            let body = &received[head.length..];
            if body.len() >= head.body {
                return Ok(body[..head.body].to_vec());
            }
        }
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut part) {
            Ok(0) => return Err(AskError::NoEvents),
            Ok(read) => received.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(late(error, deadline)),
        }
    }
}

/// What the head of an answer says.
struct Head {
    length: usize,
    body: usize,
}

impl Head {
    /// Nothing if it is not whole yet. V3 always says how long an answer is.
    fn parse(received: &[u8]) -> Result<Option<Self>, AskError> {
        let end = received.windows(4).take(MOST_HEAD).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            return if received.len() > MOST_HEAD { Err(AskError::NoEvents) } else { Ok(None) };
        };
        let head = std::str::from_utf8(&received[..end]).map_err(|_| AskError::NoEvents)?;
        let mut lines = head.split("\r\n");
        let first = lines.next().filter(|line| line.starts_with("HTTP/1.")).ok_or(AskError::NoEvents)?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        match status.ok_or(AskError::NoEvents)? {
            200 => {}
            status => return Err(AskError::Status(status)),
        }
        let length = lines.filter_map(|line| line.split_once(':')).find_map(|(key, value)| {
            key.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok()).flatten()
        });
        let body = length.ok_or(AskError::NoEvents)?;
        if body > MOST_BYTES {
            return Err(AskError::TooLarge);
        }
        Ok(Some(Self { length: end + 4, body }))
    }
}

/// Closes a connection so that neither side remembers it.
fn reset(stream: TcpStream) -> io::Result<()> {
    socket2::Socket::from(stream).set_linger(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A test that is not about it does not depend on how busy the machine is.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A server that is asked once, and answers this; it gives back what it was asked.
    fn play(answer: &'static str) -> (SocketAddr, thread::JoinHandle<(String, io::Result<usize>)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut part = [0; 1024];
            let read = stream.read(&mut part).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            let ended = stream.read(&mut [0]);
            (String::from_utf8_lossy(&part[..read]).into_owned(), ended)
        });
        (address, asked)
    }

    #[test]
    fn it_asks_without_removing_and_ends_with_a_reset() {
        let (address, asked) = play(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 32\r\n\r\n\
             {\"events\":[{\"id\":7},{\"id\":\"x\"}]}",
        );
        let events = ask_within(PATIENCE, address, "secret").unwrap();
        assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [7]);
        let (request, ended) = asked.join().unwrap();
        assert!(request.starts_with("GET /events?ack=-1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Authorization: Bearer secret\r\n"), "{request}");
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        #[cfg(target_os = "linux")]
        assert!(!is_remembered(address.port()), "a row without an owner would keep the port for a minute");
        // A server that does not set SO_REUSEADDR can have the port at once.
        assert!(is_bindable(address));
    }

    #[test]
    fn an_answer_of_another_kind_is_told() {
        for (answer, expected) in [
            ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}", "it answers with status 401"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "its answer is none that an agent gives"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "its answer is larger than 16 MiB"),
            ("HTTP/1.1 200 OK\r\n\r\n{}", "its answer is none that an agent gives"),
            ("hello\r\n\r\n", "its answer is none that an agent gives"),
        ] {
            let (address, asked) = play(answer);
            assert_eq!(ask_within(PATIENCE, address, "").unwrap_err().to_string(), expected, "{answer}");
            assert!(asked.join().unwrap().1.is_err());
        }
    }

    #[test]
    fn one_that_does_not_answer_is_not_waited_for() {
        // Connected by the system, as with a process that is stopped.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = ask(listener.local_addr().unwrap(), "").unwrap_err();
        assert!(matches!(error, AskError::Timeout), "{error}");
    }

    #[test]
    fn what_it_holds_is_kept_beside_what_was_kept_before() {
        let folder = tempfile::tempdir().unwrap();
        let event = |id: u64| super::super::event(serde_json::json!({ "id": id, "time": "before" })).unwrap();
        super::super::keep(folder.path(), &[event(6), event(7)]).unwrap();
        let (address, asked) = play(
            "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{\"events\":[{\"id\":7,\"time\":\"now\"}]}   ",
        );
        let taken = super::super::take_along(address, "", folder.path()).unwrap();
        let (_, _ended) = asked.join().unwrap();
        let kept = super::super::kept(folder.path()).unwrap();
        let told: Vec<_> = kept.iter().map(|event| (event.id, event.time.as_str())).collect();
        assert_eq!((taken, told), (1, vec![(6, "before"), (7, "now")]));
    }

    /// The port for hubs may have been changed since: it is found among all on which V3 listens.
    #[test]
    fn another_port_is_asked_if_one_gives_no_events() {
        let folder = tempfile::tempdir().unwrap();
        let (control, refused) = play("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}");
        let (network, asked) = play("HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"events\":[{\"id\":7}]}");
        let taken = super::super::take_along_from_any(&[control, network], "", folder.path()).unwrap();
        assert!(refused.join().unwrap().1.is_err() && asked.join().unwrap().1.is_err());
        assert_eq!(taken, 1);

        let (control, refused) = play("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}");
        let error = super::super::take_along_from_any(&[control], "", folder.path()).unwrap_err();
        assert!(refused.join().unwrap().1.is_err());
        assert_eq!(error.to_string(), "it answers with status 401");
        let error = super::super::take_along_from_any(&[], "", folder.path()).unwrap_err();
        assert_eq!(error.to_string(), "it has no port on which it could be asked");
    }

    fn is_bindable(address: SocketAddr) -> bool {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&address.into()).is_ok()
    }

    /// Whether the system remembers any connection of this port, other than a listener.
    #[cfg(target_os = "linux")]
    fn is_remembered(port: u16) -> bool {
        let rows = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let suffix = format!(":{port:04X}");
        rows.lines()
            .skip(1)
            .any(|row| row.split_whitespace().skip(1).take(2).any(|address| address.ends_with(&suffix)))
    }
}
