//! A hub and its agents.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{FleetAgent, FleetStatus};

use crate::client::{bearer, call, get, until};
use crate::running::{Machine, TOKEN};

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn agents(hub: &Machine) -> Vec<FleetAgent> {
    serde_json::from_value::<FleetStatus>(get(hub.api, "/status").json()).unwrap().agents
}

fn events(hub: &Machine, query: &str) -> Vec<Value> {
    get(hub.api, &format!("/events{query}")).json()["events"].as_array().unwrap().clone()
}

/// Waits for an agent, by its place, to be as described.
fn agent_that(hub: &Machine, place: usize, what: &str, is: impl Fn(&FleetAgent) -> bool) -> FleetAgent {
    until(what, || Some(agents(hub).swap_remove(place)).filter(|agent| is(agent)))
}

/// How many events are in a hub's history, for a look from outside.
fn stored_events(history: &Path) -> u64 {
    let connection = Connection::open_with_flags(history, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_hub_polls_an_agent_and_stores_each_event_once() {
    let machine = Machine::new();
    machine.configure(&json!({
        "agent": { "token": "agents-own" },
        "hub": { "polling_token": "agents-own", "agents": [{ "name": "desk", "url": url(machine.network) }] },
    }));
    let agent = machine.start(Role::Agent);
    agent.ready();
    let hub = machine.start(Role::Hub);
    hub.ready();

    let shown = agent_that(&machine, 0, "the agent is online", |agent| agent.online);
    assert_eq!((shown.name.as_str(), shown.enabled, shown.error), ("desk", true, None));
    assert!(shown.last_seen_seconds.unwrap() < 10.0);
    let status = shown.status.unwrap();
    assert_eq!((status.machine.as_str(), status.server_id.as_str()), ("box", "id-of-box"));
    assert_eq!(status.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(status.monitors["host_metrics"]["state"], "ok");

    let stored =
        until("the event is stored", || Some(events(&machine, "")).filter(|events| !events.is_empty()));
    assert_eq!((stored.len(), &stored[0]["id"], &stored[0]["agent"]), (1, &json!(1), &json!("desk")));
    until("the event is acknowledged", || {
        let waiting = call(machine.network, "GET", "/events?ack=0", &[&bearer("agents-own")]).json();
        waiting["events"].as_array().unwrap().is_empty().then_some(())
    });

    // Another start of the agent is another event; another start of the hub is none.
    drop((agent, hub));
    let agent = machine.start(Role::Agent);
    agent.ready();
    let hub = machine.start(Role::Hub);
    hub.ready();
    let ids = until("the second event", || {
        let ids: Vec<Value> = events(&machine, "").iter().map(|event| event["id"].clone()).collect();
        (ids.len() > 1).then_some(ids)
    });
    assert_eq!(ids, [1, 2]);
    for (query, count) in [
        ("?server=desk", 2),
        ("?server=box&level=info", 2),
        ("?level=alert", 0),
        ("?server=other", 0),
        ("?limit=1", 1),
    ] {
        assert_eq!(events(&machine, query).len(), count, "{query}");
    }
    assert_eq!(get(machine.api, "/events?level=loud").status, 400);
    assert_eq!(get(machine.api, "/events?limit=x").status, 400);
}

#[test]
fn an_agent_that_cannot_be_polled_says_why_and_delays_nobody() {
    let machine = Machine::new();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    machine.configure(&json!({
        "agent": { "token": "right" },
        "hub": { "agents": [
            { "name": "mute", "url": url(mute.local_addr().unwrap().port()) },
            { "name": "nobody", "url": url(nobody) },
            { "name": "off", "url": url(machine.network), "enabled": false },
            { "name": "wrong", "url": url(machine.network), "token": "wrong" },
            { "name": "right", "url": url(machine.network) + "/", "token": "right" },
        ] },
    }));
    let agent = machine.start(Role::Agent);
    agent.ready();
    let hub = machine.start(Role::Hub);
    hub.ready();
    agent_that(&machine, 4, "the good one is online", |agent| agent.online);
    let mute = &agents(&machine)[0];
    assert_eq!((mute.online, &mute.error), (false, &None), "it still has time");
    let refused = agent_that(&machine, 3, "the token is refused", |agent| agent.error.is_some());
    assert!(refused.error.unwrap().contains("token") && !refused.online);
    let unreachable = agent_that(&machine, 1, "nobody is there", |agent| agent.error.is_some());
    assert_eq!((unreachable.online, unreachable.last_seen_seconds), (false, None));
    let off = &agents(&machine)[2];
    assert_eq!((off.enabled, off.online, &off.error), (false, false, &None));

    // What it said last stays when it goes away.
    drop(agent);
    let gone = agent_that(&machine, 4, "it is offline", |agent| !agent.online);
    assert!(gone.status.is_some() && gone.last_seen_seconds.is_some() && gone.error.is_some());
    agent_that(&machine, 0, "the mute one is given up", |agent| agent.error.is_some());
}

#[test]
fn an_agent_of_an_older_version_is_understood_and_acknowledged_after_storing() {
    let machine = Machine::new();
    let old = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = old.local_addr().unwrap().port();
    machine.configure(&json!({ "hub": { "agents": [{ "name": "old", "url": url(port) }] } }));
    let history = machine.state_file("hub.db");
    let (asked, requests) = channel();
    // It ends with the test's process: nothing tells it to.
    thread::spawn(move || {
        for stream in old.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let Some(line) = lines.next() else { continue };
            lines.find(String::is_empty);
            let body = if line.starts_with("GET /status ") {
                json!({ "machine": "old", "monitors": { "x": { "state": "fine", "more": 1 } }, "extra": [] })
            } else if line.contains("ack=7") {
                assert_eq!(stored_events(&history), 1, "acknowledged before it was stored");
                json!({ "events": [] })
            } else {
                json!({ "events": [{ "id": 7, "time": "2020-01-01 00:00:00", "message": "from long ago", "level": "critical" }] })
            }
            .to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // The hub may be gone.
            let _ = (&stream).write_all((head + &body).as_bytes());
            let _ = asked.send(line);
        }
    });
    let hub = machine.start(Role::Hub);
    hub.ready();
    until("an acknowledgement", || requests.try_iter().find(|line| line.starts_with("GET /events?ack=7 ")));
    let stored = events(&machine, "");
    assert_eq!(
        (stored.len(), &stored[0]["id"], &stored[0]["message"]),
        (1, &json!(7), &json!("from long ago"))
    );
    // The next poll meets the same event again.
    until("the next poll", || requests.try_iter().find(|line| line.starts_with("GET /events?ack=7 ")));
    assert_eq!(events(&machine, "").len(), 1, "stored once");
}

#[test]
fn a_token_guards_the_api_and_the_launchs_own_opens_it_too() {
    let machine = Machine::new();
    machine.configure(&json!({ "hub": { "token": "for-people" } }));
    let hub = machine.start(Role::Hub);
    hub.ready();
    for (path, token, expected) in [
        ("/ping", None, 200),
        ("/status", None, 401),
        ("/status", Some("wrong"), 401),
        ("/status", Some("for-people"), 200),
        ("/events", Some(TOKEN), 200),
        ("/control/ping", Some("for-people"), 401),
        ("/control/ping", Some(TOKEN), 200),
        ("/control/status", Some(TOKEN), 200),
        ("/metrics", None, 401),
        ("/metrics", Some("for-people"), 200),
    ] {
        let header = token.map(bearer);
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        assert_eq!(call(machine.api, "GET", path, &headers).status, expected, "{path} {token:?}");
    }
    let foreign =
        crate::client::call_as("evil.example", machine.api, "GET", "/control/ping", &[&bearer(TOKEN)]);
    assert_eq!(foreign.status, 403);
}
