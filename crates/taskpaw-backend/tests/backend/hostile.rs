//! Agents that do with HTTP and JSON whatever can be done, all at once, beside a good one.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{FleetAgent, FleetStatus, PollErrorCode as Code};

use crate::client::{get, until};
use crate::running::Machine;

/// What an agent does with a connection on which it was asked for this path. It may go on until it cannot write.
type Does = fn(&mut TcpStream, &str) -> std::io::Result<()>;

/// Who does what, and as what the hub shows it; nothing where what it does is not a fault.
const HOSTILE: &[(&str, &[Code], Does)] = &[
    ("a gzip bomb", &[Code::NoAgent], |to, _| {
        // A hub asks for none, and makes nothing larger than it came.
        let body = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &[0; 200_000]].concat();
        answer(to, "Content-Encoding: gzip\r\n", &body)
    }),
    ("brotli, deflate and a chain of both", &[Code::NoAgent], |to, _| {
        answer(to, "Content-Encoding: br, deflate, br\r\n", &[0x0b; 100_000])
    }),
    ("chunks without an end", &[Code::TooMuch], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
        for_ever(|| to.write_all(&chunk))
    }),
    ("a trickle of chunks", &[Code::Timeout], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for_ever(|| slowly(to, b"1\r\n \r\n"))
    }),
    ("a trickle of a header", &[Code::Timeout], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
        for_ever(|| slowly(to, b"x"))
    }),
    ("one header without an end", &[Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
        for_ever(|| to.write_all(&[b'x'; 0x10000]))
    }),
    ("headers without an end", &[Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\n")?;
        let many: String = (0..1_000).map(|number| format!("X-{number}: {number}\r\n")).collect();
        for_ever(|| to.write_all(many.as_bytes()))
    }),
    ("cookies", &[Code::Unreachable], |to, _| {
        let cookie = format!("Set-Cookie: a={}\r\n", "x".repeat(1_000));
        answer(to, &cookie.repeat(2_000), STATUS)
    }),
    ("a promise to answer, again and again", &[Code::Timeout, Code::Unreachable], |to, _| {
        for_ever(|| slowly(to, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"))
    }),
    ("extensions of chunks", &[Code::Timeout, Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=")?;
        for_ever(|| to.write_all(&[b'x'; 0x1000]))
    }),
    ("trailers without an end", &[Code::Timeout, Code::Unreachable], |to, _| {
        let status = format!("{:x}\r\n{}\r\n0\r\n", STATUS.len(), String::from_utf8_lossy(STATUS));
        to.write_all(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{status}").as_bytes())?;
        for_ever(|| to.write_all(b"X-Trailer: 1\r\n"))
    }),
    ("a length beyond every memory", &[Code::Timeout, Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775000\r\n\r\n{")?;
        for_ever(|| slowly(to, b" "))
    }),
    ("a length that is none", &[Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}")
    }),
    ("two lengths", &[Code::Unreachable, Code::NoAgent], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}")
    }),
    ("a length and chunks", &[Code::Unreachable, Code::NoAgent], |to, _| {
        to.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        )
    }),
    ("less than it has promised", &[Code::Timeout, Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{")
    }),
    ("HTTP/2", &[Code::Unreachable], |to, _| {
        to.write_all(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff")?;
        for_ever(|| slowly(to, b"\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0"))
    }),
    ("TLS", &[Code::Unreachable], |to, _| to.write_all(b"\x15\x03\x01\0\x02\x02\x46")),
    ("no HTTP at all", &[Code::Unreachable], |to, _| to.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")),
    ("another protocol", &[Code::Status, Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    }),
    ("nothing, as if that were an answer", &[Code::Status], |to, _| {
        to.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
    }),
    ("a part of an answer", &[Code::Status], |to, _| {
        to.write_all(
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\n{}",
        )
    }),
    ("a status that does not exist", &[Code::Status, Code::Unreachable], |to, _| {
        to.write_all(b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\n{}")
    }),
    ("a request for a password", &[Code::Unauthorized], |to, _| {
        let realm = "r".repeat(10_000);
        let head = format!(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"{realm}\"\r\nContent-Length: 0\r\n\r\n"
        );
        to.write_all(head.as_bytes())
    }),
    ("a connection that ends at once", &[Code::Unreachable], |to, _| to.shutdown(Shutdown::Both)),
    ("two answers to one question", &[Code::NoAgent], |to, _| {
        // The second one must not become that to the next question.
        answer(to, "", STATUS)?;
        answer(to, "", br#"{"machine":"forged","server_id":"forged","os":"x","monitors":{}}"#)
    }),
    ("a number of many digits", &[Code::NoAgent], |to, path| match path {
        "/status" => {
            let number = format!(
                r#"{{"monitors":{{"a":{{"state":"ok","metrics":{{"n":{}}}}}}}}}"#,
                "7".repeat(200_000)
            );
            answer(to, "", number.as_bytes())
        }
        _ => answer(to, "", format!(r#"{{"events":[],"x":0.{}}}"#, "1".repeat(15_000_000)).as_bytes()),
    }),
    ("one name again and again", &[], |to, path| match path {
        "/status" => {
            answer(to, "", format!(r#"{{{}"monitors":{{}}}}"#, r#""monitors":{},"#.repeat(15_000)).as_bytes())
        }
        _ => answer(
            to,
            "",
            format!(r#"{{{}"events":[]}}"#, r#""events":[{"id":1}],"#.repeat(300_000)).as_bytes(),
        ),
    }),
    ("nesting where nobody looks", &[Code::NoAgent], |to, _| {
        answer(to, "", format!(r#"{{"x":{},"monitors":{{}}}}"#, "[".repeat(200_000)).as_bytes())
    }),
    ("half of a letter", &[Code::NoAgent], |to, _| answer(to, "", br#"{"machine":"\ud800","monitors":{}}"#)),
    ("another alphabet", &[Code::NoAgent], |to, _| {
        let utf16: Vec<u8> = "\u{feff}{\"monitors\":{}}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        answer(to, "Content-Type: application/json; charset=utf-16\r\n", &utf16)
    }),
];

const STATUS: &[u8] = br#"{"machine":"m","server_id":"","os":"x","monitors":{}}"#;

fn answer(to: &mut TcpStream, headers: &str, body: &[u8]) -> std::io::Result<()> {
    to.write_all(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).as_bytes())?;
    to.write_all(body)
}

/// Until the other side has gone.
fn for_ever(mut write: impl FnMut() -> std::io::Result<()>) -> std::io::Result<()> {
    loop {
        write()?;
    }
}

fn slowly(to: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    thread::sleep(Duration::from_millis(50));
    to.write_all(bytes)
}

/// Plays a server until the test ends.
fn serve(does: impl Fn(&mut TcpStream, &str) -> std::io::Result<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let does = Arc::new(does);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let does = does.clone();
            thread::spawn(move || {
                while let Some(path) = asked(&stream) {
                    // The caller may be gone.
                    if does(&mut stream, &path).is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

/// The path that is asked for, without its query.
fn asked(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut line = String::from(" ");
    while line.trim_end() != "" || line == " " {
        line.clear();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    }
    Some(first.split([' ', '?']).nth(1)?.to_owned())
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn fleet(hub: &Machine) -> Vec<FleetAgent> {
    serde_json::from_value::<FleetStatus>(get(hub.api, "/status").json()).unwrap().agents
}

/// Where the system says it.
fn resident_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

#[test]
fn whatever_agents_answer_a_hub_goes_on_with_the_good_one() {
    let machine = Machine::new();
    let told = Arc::new(AtomicUsize::new(0));
    let elsewhere = told.clone();
    // Nobody may be sent here, with or without a token.
    let other = serve(move |to, _| {
        elsewhere.fetch_add(1, Ordering::SeqCst);
        answer(to, "", STATUS)
    });
    let mut agents = vec![json!({ "name": "good", "url": url(machine.network) })];
    // The hub is not an agent of its own.
    agents.push(json!({ "name": "itself", "url": url(machine.api) }));
    for status in [301, 302, 303, 307, 308] {
        let port = serve(move |to, _| {
            let head = format!(
                "HTTP/1.1 {status} X\r\nLocation: {}/status\r\nContent-Length: 0\r\n\r\n",
                url(other)
            );
            to.write_all(head.as_bytes())
        });
        agents.push(json!({ "name": format!("redirect {status}"), "url": url(port), "token": "the-token-of-this-agent" }));
    }
    for &(name, _, does) in HOSTILE {
        agents.push(json!({ "name": name, "url": url(serve(does)), "token": "the-token-of-this-agent" }));
    }
    machine.configure(&json!({ "hub": { "agents": agents } }));
    let agent = machine.start(Role::Agent);
    agent.ready();
    let mut hub = machine.start(Role::Hub);
    hub.ready();
    let pid = hub.child.id();
    // Each is as it is after it was asked once, whatever the others do.
    until("all were asked", || {
        let fleet = fleet(&machine);
        assert!(resident_mib(pid).is_none_or(|mib| mib < 100), "{:?} MiB", resident_mib(pid));
        fleet.iter().all(|agent| agent.online || agent.error.is_some()).then_some(())
    });
    let is_as_expected = |agent: &FleetAgent| match agent.name.as_str() {
        "good" => agent.online && agent.error.is_none(),
        "itself" => agent.error_code.is_some_and(|code| matches!(code, Code::NoAgent | Code::Unauthorized)),
        name if name.starts_with("redirect") => agent.error_code == Some(Code::Status),
        name => {
            let (_, codes, _) = HOSTILE.iter().find(|(hostile, ..)| *hostile == name).unwrap();
            match agent.error_code {
                Some(code) => codes.contains(&code),
                None => codes.is_empty() && agent.online,
            }
        }
    };
    // Two rounds later all is as before, and the good one's events are there.
    for _ in 0..2 {
        until("everybody is shown as what it is", || {
            let wrong: Vec<_> = fleet(&machine).into_iter().filter(|agent| !is_as_expected(agent)).collect();
            wrong.is_empty().then_some(())
        });
    }
    for agent in fleet(&machine) {
        assert!(agent.status.is_none_or(|status| status.machine != "forged"), "{}", agent.name);
        assert!(
            agent.error.is_none_or(|error| error.len() < 1_000 && !error.contains("token-of-this")),
            "{}",
            agent.name
        );
    }
    let events: Value = get(machine.api, "/events?server=good").json();
    assert!(!events["events"].as_array().unwrap().is_empty(), "{events}");
    assert_eq!(told.load(Ordering::SeqCst), 0, "a hub goes nowhere else");
    assert!(resident_mib(pid).is_none_or(|mib| mib < 100), "{:?} MiB", resident_mib(pid));
    hub.close_stdin();
    hub.ended();
    let log = hub.log();
    assert!(log.len() < 64 * 1024, "{} bytes of log", log.len());
    assert!(!log.contains("token-of-this") && !log.contains("panicked"), "{log}");
}
