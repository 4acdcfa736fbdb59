//! A hub under load, under fire, and while its agents are changed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::FleetStatus;

use crate::client::{bearer, connect, get, read_answer, send, until};
use crate::running::{Machine, Running, TOKEN};

/// What a played server is asked: the first line, and the body.
type Answer = dyn Fn(&str, &str) -> (u16, Value) + Send + Sync;

/// Plays a server on a port of its own until the test ends.
fn play(answer: impl Fn(&str, &str) -> (u16, Value) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer: Arc<Answer> = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || serve(&stream, &*answer));
        }
    });
    port
}

fn serve(stream: &TcpStream, answer: &Answer) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, json) = answer(first.trim(), &String::from_utf8_lossy(&body));
    let text = json.to_string();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    let mut stream = stream;
    // The caller may be gone.
    stream.write_all((head + &text).as_bytes()).ok()
}

/// A status as TaskPaw V3 answers it.
fn status_of_v3(name: &str) -> Value {
    json!({
        "machine": name, "server_id": name, "os": "Linux-6.1.0-x86_64-with-glibc2.36",
        "monitors": { format!("{name}-host"): {
            "type_id": "host_metrics", "state": "ok", "detail": "", "last_event_at": "2026-01-01T00:00:00+00:00",
            "metrics": { "cpu_percent": 3.0, "mem_percent": 40.1 }, "last_update": "2026-01-01T00:00:00+00:00",
        } },
    })
}

/// An agent of V3 that makes events: what is acknowledged is forgotten, as it was there.
#[derive(Default)]
struct Events {
    waiting: Vec<Value>,
    made: u64,
}

impl Events {
    fn make(&mut self) {
        self.made += 1;
        let level = if self.made.is_multiple_of(100) { "done" } else { "info" };
        self.waiting.push(json!({
            "id": self.made, "time": "2026-01-01T00:00:00+00:00", "machine": "old", "monitor": "m",
            "message": format!("event {}", self.made), "level": level, "title": "t",
        }));
    }

    fn fetch(&mut self, line: &str) -> Value {
        let ack = line.split("ack=").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        self.waiting.retain(|event| ack.is_none_or(|ack| event["id"].as_u64() > Some(ack)));
        json!({ "events": self.waiting })
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn fleet(hub: &Machine) -> FleetStatus {
    serde_json::from_value(get(hub.api, "/status").json()).unwrap()
}

fn call_with(hub: &Machine, method: &str, path: &str, body: &Value) -> crate::client::Answer {
    let mut stream = connect(hub.api);
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bearer(TOKEN),
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    read_answer(stream)
}

#[test]
fn three_hundred_agents_and_none_is_late_because_of_another() {
    const ANSWERING: usize = 280;
    const MUTE: usize = 20;
    let machine = Machine::new();
    let asked: Arc<Mutex<Vec<Vec<Instant>>>> = Arc::new(Mutex::new(vec![Vec::new(); ANSWERING]));
    let mute: Vec<TcpListener> = (0..MUTE).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let silent = mute.iter().map(|listener| listener.local_addr().unwrap().port());
    let playing = (0..ANSWERING).map(|place| {
        let asked = asked.clone();
        play(move |line, _| {
            if line.starts_with("GET /status ") {
                asked.lock().unwrap()[place].push(Instant::now());
                return (200, status_of_v3(&format!("agent-{place}")));
            }
            (200, json!({ "events": [] }))
        })
    });
    let agents: Vec<Value> = silent
        .chain(playing)
        .enumerate()
        .map(|(place, port)| json!({ "name": format!("a{place}"), "url": url(port) }))
        .collect();
    machine.configure(&json!({ "hub": { "poll_seconds": 3, "agents": agents } }));
    let hub = machine.start(Role::Hub);
    hub.ready();
    let since = Instant::now();
    until("every agent is polled", || {
        let agents = fleet(&machine).agents;
        let online = agents.iter().filter(|agent| agent.online).count();
        let away = agents.iter().filter(|agent| agent.error.is_some()).count();
        (online == ANSWERING && away == MUTE).then_some(())
    });
    let took = since.elapsed();
    let mut calls: Vec<Duration> = (0..20)
        .map(|_| {
            let since = Instant::now();
            get(machine.api, "/status");
            since.elapsed()
        })
        .collect();
    calls.sort();
    let third = || asked.lock().unwrap().iter().all(|times| times.len() >= 3).then_some(());
    until("three polls of everybody", third);
    let asked = asked.lock().unwrap();
    let late = |pair: &[Instant]| (pair[1] - pair[0]).abs_diff(Duration::from_secs(3));
    let latest = asked.iter().flat_map(|times| times.windows(2).map(late)).max().unwrap();
    let resident = resident_mib(hub.child.id());
    println!("poll {took:?}, call {:?}, latest {latest:?}, {resident:?} MiB", calls[10]);
    assert!(took < Duration::from_secs(2), "a full poll: {took:?}");
    assert!(latest < Duration::from_millis(750), "an agent is late: {latest:?}");
    assert!(resident.is_none_or(|mib| mib < 60), "{resident:?} MiB");
    // The program under test is not optimised; what people run is faster.
    assert!(calls[10] < Duration::from_millis(50), "a fleet call: {:?}", calls[10]);
}

/// Ends a hub as its host does.
fn stopped(mut hub: Running) {
    hub.close_stdin();
    hub.ended_well();
}

/// Where the system says it.
fn resident_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

#[test]
fn a_hub_that_is_killed_again_and_again_loses_no_event_and_stores_none_twice() {
    let machine = Machine::new();
    let events = Arc::new(Mutex::new(Events::default()));
    let asked = events.clone();
    let agent = play(move |line, _| match line {
        line if line.starts_with("GET /status ") => (200, status_of_v3("old")),
        line => (200, asked.lock().unwrap().fetch(line)),
    });
    machine.configure(&json!({ "hub": { "agents": [{ "name": "old", "url": url(agent) }] } }));
    let is_over = Arc::new(AtomicBool::new(false));
    let maker = thread::spawn({
        let (events, is_over) = (events.clone(), is_over.clone());
        move || {
            while !is_over.load(Ordering::Relaxed) {
                events.lock().unwrap().make();
                thread::sleep(Duration::from_micros(500));
            }
        }
    });
    for round in 0..25_u64 {
        let mut hub = machine.start(Role::Hub);
        hub.ready();
        // Another moment of the first poll each time.
        thread::sleep(Duration::from_millis(round * 7 % 60));
        hub.child.kill().unwrap();
        hub.ended();
    }
    is_over.store(true, Ordering::Relaxed);
    maker.join().unwrap();
    let made = events.lock().unwrap().made;
    let hub = machine.start(Role::Hub);
    hub.ready();
    let history = machine.state_file("hub.db");
    let count = |what: &str| {
        let connection = Connection::open_with_flags(&history, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection
            .query_row(&format!("SELECT count({what}) FROM events"), [], |row| row.get::<_, u64>(0))
            .unwrap()
    };
    until("every event is stored", || (count("DISTINCT id") == made).then_some(()));
    assert_eq!(count("*"), made, "none twice");
    until("all are acknowledged", || events.lock().unwrap().waiting.is_empty().then_some(()));
    assert_eq!(fleet(&machine).agents[0].installed_anew_seconds, None);
}

#[test]
fn agents_are_tried_added_changed_and_removed_while_the_hub_runs() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "token": "right" }, "future": { "kept": true } }));
    let agent = machine.start(Role::Agent);
    agent.ready();
    let hub = machine.start(Role::Hub);
    hub.ready();
    let mut news = connect(machine.api);
    write!(news, "GET /control/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n\r\n", bearer(TOKEN)).unwrap();
    let mut news = BufReader::new(news).lines().map_while(Result::ok);

    let test = |body: Value| call_with(&machine, "POST", "/control/agents/test", &body).json();
    let wrong = test(json!({ "url": url(machine.network), "token": "wrong" }));
    assert_eq!((&wrong["error_code"], &wrong["status"]), (&json!("unauthorized"), &Value::Null));
    let right = test(json!({ "url": url(machine.network), "token": "right" }));
    assert_eq!((&right["status"]["server_id"], &right["known_as"]), (&json!("id-of-box"), &Value::Null));
    assert!(right["version"].is_string() && fleet(&machine).agents.is_empty(), "nothing is kept");

    let draft = json!({ "name": "desk", "url": url(machine.network), "token": "right" });
    let added = call_with(&machine, "POST", "/control/agents", &draft);
    assert_eq!((added.status, added.json()["has_token"].as_bool()), (201, Some(true)));
    assert!(!added.body.contains("right"), "a token is not given back");
    until("it is polled", || fleet(&machine).agents[0].online.then_some(()));
    assert!(news.any(|line| line.contains(r#""kind":"agents""#)));
    assert!(news.any(|line| line.contains(r#""kind":"event""#)));
    assert_eq!(test(json!({ "url": url(machine.network), "token": "right" }))["known_as"], "desk");

    for (method, path, body, status, words) in [
        ("POST", "/control/agents", draft.clone(), 400, "name"),
        ("POST", "/control/agents", json!({ "name": "x", "url": "nonsense" }), 400, "url"),
        ("POST", "/control/agents", json!({ "name": "x" }), 400, "url"),
        ("POST", "/control/agents", json!({ "name": 1, "url": "http://x" }), 400, "name"),
        ("PATCH", "/control/agents?name=nobody", json!({ "enabled": false }), 404, "nobody"),
        ("PATCH", "/control/agents", json!({ "enabled": false }), 400, "name"),
        ("PATCH", "/control/agents?name=desk", json!({ "colour": "red" }), 400, "colour"),
        ("DELETE", "/control/agents?name=nobody", json!({}), 404, "nobody"),
        ("PUT", "/control/agents", json!({}), 405, "PUT"),
    ] {
        let answer = call_with(&machine, method, path, &body);
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        assert!(answer.body.contains(words), "{method} {path} {body}: {answer:?}");
    }
    let large = json!({ "name": "x".repeat(70_000), "url": "http://x" });
    assert_eq!(call_with(&machine, "POST", "/control/agents", &large).status, 413);

    let renamed = call_with(
        &machine,
        "PATCH",
        "/control/agents?name=desk",
        &json!({ "name": "a/b", "enabled": false }),
    );
    assert_eq!(renamed.json()["enabled"], false, "{renamed:?}");
    let shown = fleet(&machine).agents.remove(0);
    assert!(shown.name == "a/b" && !shown.online && shown.status.is_some(), "{shown:?}");
    let file = || {
        let text = std::fs::read_to_string(machine.config_dir().join("config.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(file()["hub"]["agents"][0]["token"], "right");
    assert_eq!(call_with(&machine, "DELETE", "/control/agents?name=a%2Fb", &json!({})).status, 200);
    assert!(fleet(&machine).agents.is_empty());
    assert_eq!((&file()["hub"]["agents"], &file()["future"]["kept"]), (&json!([]), &json!(true)));
    stopped(hub);
}

/// Four kinds of machines that a hub cannot use, each with a code of its own.
#[test]
fn too_old_refused_unreachable_and_answering_badly_are_four_things() {
    use taskpaw_contract::ipc::PollErrorCode::{NoAgent, TooOld, Unauthorized, Unreachable};

    let machine = Machine::new();
    let old = play(|line, _| match line {
        line if line.starts_with("GET /ping ") => (200, json!({ "ok": true, "version": "2.4.0" })),
        _ => (404, json!({})),
    });
    let other = play(|line, _| match line {
        line if line.starts_with("GET /ping ") => (200, json!({ "ok": true, "version": "4.0.0" })),
        _ => (200, json!({ "hello": "world" })),
    });
    let refusing = play(|_, _| (401, json!({})));
    let agent = |name: &str, url: String| json!({ "name": name, "url": url });
    machine.configure(&json!({ "hub": { "agents": [
        agent("old", url(old)),
        agent("refusing", url(refusing)),
        agent("gone", "http://127.0.0.1:1".to_owned()),
        agent("other", url(other)),
    ] } }));
    let hub = machine.start(Role::Hub);
    hub.ready();
    let codes = until("each was asked", || {
        let codes: Option<Vec<_>> = fleet(&machine).agents.iter().map(|agent| agent.error_code).collect();
        codes
    });
    assert_eq!(codes, [TooOld, Unauthorized, Unreachable, NoAgent]);
}

/// Both are told the same, each once and in its own form; a test says what the server answered, and keeps nothing.
#[test]
fn ntfy_is_told_beside_the_webhook_and_a_test_says_what_the_server_said() {
    let machine = Machine::new();
    let events = Arc::new(Mutex::new(Events::default()));
    (0..100).for_each(|_| events.lock().unwrap().make());
    let asked = events.clone();
    let agent = play(move |line, _| match line {
        line if line.starts_with("GET /status ") => (200, status_of_v3("old")),
        line => (200, asked.lock().unwrap().fetch(line)),
    });
    let told = Arc::new(Mutex::new(Vec::<(String, Value)>::new()));
    let hears = told.clone();
    let server = play(move |line, body| {
        let body = serde_json::from_str::<Value>(body).unwrap_or_default();
        if body["topic"] == "closed" {
            return (403, json!({ "code": 40301, "error": "forbidden" }));
        }
        hears.lock().unwrap().push((line.to_owned(), body));
        (200, json!({}))
    });
    machine.configure(&json!({ "hub": {
        "agents": [{ "name": "old", "url": url(agent) }],
        "webhook": { "url": format!("{}/hooks/wake", url(server)) },
        "ntfy": { "url": format!("{}/my-topic", url(server)), "token": "secret" },
    } }));
    let mut hub = machine.start(Role::Hub);
    hub.ready();
    until("both are told", || {
        let (webhook, ntfy) = (fleet(&machine).webhook?, fleet(&machine).ntfy?);
        (webhook.waiting == 0 && ntfy.waiting == 0 && told.lock().unwrap().len() == 2).then_some(())
    });
    {
        let mut told = told.lock().unwrap();
        told.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(told[0].0, "POST / HTTP/1.1", "the topic is no part of the address");
        let ntfy = &told[0].1;
        assert_eq!((&ntfy["topic"], &ntfy["title"]), (&json!("my-topic"), &json!("old: t")));
        assert_eq!(ntfy["message"], "event 100 (2026-01-01 00:00 UTC)");
        assert_eq!(told[1].0, "POST /hooks/wake HTTP/1.1");
    }
    let test = |url: String, token: &str| {
        let probe =
            json!({ "target": "ntfy", "url": url, "token": token, "title": "Test", "message": "It works." });
        let header = bearer(TOKEN);
        send(machine.api, "POST", "/control/alerts/test", &[&header], probe.to_string().as_bytes()).json()
    };
    let taken = test(format!("{}/my-topic", url(server)), "");
    assert_eq!((&taken["outcome"], &taken["status"]), (&json!("taken"), &json!(200)));
    let refused = test(format!("{}/closed", url(server)), "tk_wrong");
    let answered = [&refused["outcome"], &refused["status"], &refused["said"]];
    assert_eq!(answered, [&json!("token_refused"), &json!(403), &json!("forbidden")]);
    let nobody = test("http://127.0.0.1:1/topic".to_owned(), "");
    assert_eq!((&nobody["outcome"], &nobody["status"]), (&json!("nobody_listens"), &Value::Null));
    assert_eq!(told.lock().unwrap().len(), 3);
    hub.close_stdin();
    hub.ended();
    let log = hub.log();
    assert!(!log.contains("secret") && !log.contains("my-topic") && !log.contains("tk_wrong"), "{log}");
}

#[test]
fn the_webhook_is_told_until_it_has_heard() {
    let machine = Machine::new();
    let events = Arc::new(Mutex::new(Events::default()));
    (0..200).for_each(|_| events.lock().unwrap().make());
    let asked = events.clone();
    let agent = play(move |line, _| match line {
        line if line.starts_with("GET /status ") => (200, status_of_v3("old")),
        line => (200, asked.lock().unwrap().fetch(line)),
    });
    let told = Arc::new(Mutex::new(Vec::<Value>::new()));
    let hears = told.clone();
    let webhook = play(move |line, body| {
        let mut told = hears.lock().unwrap();
        told.push(json!({ "line": line, "body": serde_json::from_str::<Value>(body).unwrap_or_default() }));
        // The first one is not taken.
        (if told.len() == 1 { 503 } else { 200 }, json!({}))
    });
    machine.configure(&json!({ "hub": {
        "agents": [{ "name": "old", "url": url(agent) }],
        "webhook": { "url": format!("{}/hooks/wake", url(webhook)), "token": "secret" },
    } }));
    let mut hub = machine.start(Role::Hub);
    hub.ready();
    // The second one waits for it: an agent is told of in order.
    until("the first one waits", || {
        fleet(&machine).webhook.filter(|webhook| webhook.waiting == 2 && told.lock().unwrap().len() == 1)
    });
    until("everything is delivered", || {
        fleet(&machine).webhook.filter(|webhook| webhook.waiting == 0 && told.lock().unwrap().len() == 3)
    });
    let told = told.lock().unwrap();
    let texts: Vec<&str> = told.iter().map(|told| told["body"]["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "TaskPaw Event | old | m: event 100 (2026-01-01 00:00 UTC)",
            "TaskPaw Event | old | m: event 100 (2026-01-01 00:00 UTC)",
            "TaskPaw Event | old | m: event 200 (2026-01-01 00:00 UTC)"
        ]
    );
    assert_eq!(told[0]["line"], "POST /hooks/wake HTTP/1.1");
    let metrics = get(machine.api, "/metrics");
    assert!(metrics.head.contains("application/openmetrics-text") && metrics.body.ends_with("# EOF\n"));
    for line in [
        "taskpaw_hub_agent_up{agent=\"old\"} 1",
        "taskpaw_hub_events_total 200",
        "taskpaw_hub_webhook_waiting 0",
    ] {
        assert!(metrics.body.lines().any(|there| there == line), "{line}: {}", metrics.body);
    }
    hub.close_stdin();
    hub.ended();
    assert!(!hub.log().contains("secret"));
}

#[test]
fn what_was_known_of_an_agent_survives_the_hub() {
    let machine = Machine::new();
    let agent = play(|line, _| match line {
        line if line.starts_with("GET /status ") => (200, status_of_v3("old")),
        _ => (200, json!({ "events": [] })),
    });
    machine.configure(&json!({ "hub": { "agents": [{ "name": "old", "url": url(agent) }] } }));
    let hub = machine.start(Role::Hub);
    hub.ready();
    until("it is online", || fleet(&machine).agents[0].online.then_some(()));
    stopped(hub);
    let off = json!([{ "name": "old", "url": url(agent), "enabled": false }]);
    machine.configure(&json!({ "hub": { "agents": off } }));
    let hub = machine.start(Role::Hub);
    hub.ready();
    let shown = until("it is remembered", || {
        Some(fleet(&machine).agents.remove(0)).filter(|agent| agent.status.is_some())
    });
    assert!(!shown.online && shown.last_seen_seconds.is_some_and(|age| age < 60.0));
    assert_eq!(shown.status.unwrap().machine, "old");
}
