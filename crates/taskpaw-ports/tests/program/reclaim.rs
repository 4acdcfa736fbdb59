//! `reclaim` with real holders: this test itself is the foreign one, and a copy of it, under the backend's
//! name, the stale one.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::ports::free_ports;
use crate::run::{Home, Ran};

const PORT: &str = "TASKPAW_PORTS_TEST_LISTENER";

/// A listener that everybody may know to be this process's: Wine shows the owner of one only once it has an option.
fn listener(port: u16) -> TcpListener {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    socket2::SockRef::from(&listener).set_tcp_nodelay(true).unwrap();
    listener
}

/// The life of the stale backend: this is run in a copy of the test, never as a test.
#[test]
#[ignore = "the stale backend of the other tests"]
fn agent() {
    if let Ok(port) = std::env::var(PORT) {
        let _held = listener(port.parse().unwrap());
        println!("\nlistening");
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

/// A stale backend, which ends with the test.
struct Stale(Child);

impl Stale {
    fn start(home: &Home, port: u16) -> Self {
        let program = home.path().join("taskpaw-backend").with_extension(std::env::consts::EXE_EXTENSION);
        if !program.exists() {
            std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        }
        let mut child = Command::new(program)
            .args(["agent", "--ignored", "--nocapture"])
            .env(PORT, port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "listening"));
        Self(child)
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Stale {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _status = self.0.wait();
    }
}

fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

fn journal(home: &Home) -> Vec<Value> {
    let path = home.path().join("data").join("takeover-journal.jsonl");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a person sees, without what is different in each run.
fn stable(ran: &Ran, names: &[(String, &str)]) -> String {
    let mut seen = ran.seen();
    for (text, name) in names {
        seen = seen.replace(text, name);
    }
    // Times and the widths that follow from ids and ports.
    let words: Vec<String> = seen
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .map(|line| match (line.find("asked ("), line.find(" ms)")) {
            (Some(from), Some(to)) => format!("{}[time]{}", &line[..from + 7], &line[to..]),
            _ => line,
        })
        .collect();
    words.join("\n")
}

fn wish(port: u16) -> String {
    format!("network=127.0.0.1:{port}")
}

#[test]
fn nothing_held_is_in_the_journal_too() {
    let home = Home::new();
    let ran = home.run(&["reclaim", "--port", &wish(free_port())]);
    assert_eq!(ran.status, 0, "{}", ran.seen());
    let records = journal(&home);
    assert_eq!(records.len(), 1);
    assert_eq!(
        (&records[0]["outcome"], &records[0]["version"]),
        (&json!("ready"), &json!(env!("CARGO_PKG_VERSION")))
    );
    assert!(records[0]["at"].as_u64().unwrap() > 1_700_000_000_000);
}

#[test]
fn a_stale_backend_is_ended_and_recorded() {
    let (home, port) = (Home::new(), free_port());
    let mut stale = Stale::start(&home, port);
    let pid = stale.0.id();
    let program = format!("taskpaw-backend{}", std::env::consts::EXE_SUFFIX);
    let names = [(pid.to_string(), "[pid]"), (port.to_string(), "[port]"), (program, "taskpaw-backend")];

    let look = home.run(&["reclaim", "--dry-run", "--port", &wish(port)]);
    insta::assert_snapshot!("a dry run", stable(&look, &names));
    assert!(stale.lives() && journal(&home).is_empty(), "a dry run does nothing");

    let ran = home.run(&["reclaim", "--port", &wish(port)]);
    assert!(!stale.0.wait().unwrap().success());
    if cfg!(unix) {
        insta::assert_snapshot!("a reclaim", stable(&ran, &names));
    }
    let records = journal(&home);
    assert_eq!((ran.status, records.len()), (0, 1));
    let holder = &records[0]["holders"][0];
    assert_eq!((&holder["pid"], &holder["rule"]), (&json!(pid), &json!("program")));
    assert!(["graceful", "forced"].contains(&holder["done"].as_str().unwrap()), "{holder}");
    assert!(holder["ms"].as_f64().unwrap() > 0.0 && holder["started_at"].as_u64().is_some(), "{holder}");
    assert!(!records[0].to_string().contains("--nocapture"), "no argument is recorded");
}

#[test]
fn a_foreign_holder_beside_a_stale_one_stops_everything() {
    let home = Home::new();
    let foreign = listener(0);
    let held = foreign.local_addr().unwrap().port();
    let port = free_port();
    let mut stale = Stale::start(&home, port);
    let other = format!("control=127.0.0.1:{held}");
    let ran = home.run(&["reclaim", "--json", "--port", &wish(port), "--port", &other]);
    assert_eq!(ran.status, 3, "{}", ran.seen());
    assert!(stale.lives());
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&answer["decision"], &answer["terminate"]), (&json!("refuse"), &json!([])));
    let record = &journal(&home)[0];
    assert_eq!(record["outcome"], "refused");
    assert_eq!(record["ports"][1]["holders"], json!([std::process::id()]));
    let rules: Vec<&Value> = record["holders"].as_array().unwrap().iter().map(|of| &of["rule"]).collect();
    assert!(rules.contains(&&json!("program")) && rules.contains(&&json!("no_rule")), "{record}");
}

#[test]
fn a_journal_that_cannot_be_written_stops_nothing() {
    let home = Home::new();
    std::fs::write(home.path().join("data"), "a file in the folder's place").unwrap();
    let ran = home.run(&["reclaim", "--port", &wish(free_port())]);
    assert_eq!(ran.status, 0);
    assert!(
        ran.stderr.contains("this reclaim is not in the journal: the takeover journal"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_journal_stays_where_it_is_whatever_the_configuration() {
    let (home, elsewhere) = (Home::new(), Home::new());
    let endpoint = |port: u16| json!({ "host": "127.0.0.1", "port": port });
    let config = json!({ "agent": { "network": endpoint(free_port()), "control": endpoint(free_port()) } });
    elsewhere.configure(&config.to_string());
    let ran = home.run(&["reclaim", "--config-dir", elsewhere.path().to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.seen());
    assert_eq!(journal(&home)[0]["ports"].as_array().unwrap().len(), 2);
    assert!(!Path::new(&elsewhere.path().join("data")).exists());
}
