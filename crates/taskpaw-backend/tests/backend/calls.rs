//! Every call of an agent with good, bad, missing and oversized input, held against `docs/openapi-agent.json`: each
//! answer is one that the document promises, and the document promises no call that is not there.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskpaw_contract::Role;

use crate::client::{Answer, bearer, call_as, connect, send};
use crate::openapi::{
    FOR_OTHERS, answered_as_promised, operation_of, operations, promised, refused_everywhere,
};
use crate::running::{Machine, TOKEN};

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../docs/openapi-agent.json")).unwrap()
}

fn monitor(name: &str) -> Value {
    json!({ "type_id": "custom_cmd", "name": name, "enabled": true, "config": { "command": ["true"] } })
}

fn machine() -> Machine {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "token": FOR_OTHERS, "monitors": [monitor("one")] } }));
    machine
}

#[test]
fn good_and_bad_input_is_answered_as_promised() {
    let machine = machine();
    let running = machine.start(Role::Agent);
    running.ready();
    let document = document();
    let operations = operations(&document, [machine.network, machine.control]);
    let none = Value::Null;
    let bad = json!({ "type_id": "custom_cmd", "name": "x", "config": { "command": [] } });
    let always = "/control/monitors/host_metrics";
    let always_off = json!({ "type_id": "host_metrics", "name": "host_metrics", "enabled": false });
    let probe = json!({ "target": "ntfy", "url": "http://127.0.0.1:1/topic", "token": "", "title": "t",
                        "message": "m" });
    let no_topic =
        json!({ "target": "ntfy", "url": "http://127.0.0.1:1", "token": "", "title": "t", "message": "m" });
    let table: &[(&str, &str, &Value, u16)] = &[
        ("GET", "/ping", &none, 200),
        ("GET", "/status", &none, 200),
        ("GET", "/events?ack=0", &none, 200),
        ("GET", "/events?ack=x", &none, 400),
        ("GET", "/events?ack=502", &none, 409),
        ("GET", "/events?ack=0&cursor_boot=x", &none, 409),
        ("GET", "/events?ack=18446744073709551616", &none, 400),
        ("GET", "/events", &none, 200),
        ("GET", "/metrics", &none, 200),
        ("GET", "/history", &none, 200),
        ("GET", "/history?range=week&monitor=one", &none, 200),
        ("GET", "/history?range=year", &none, 400),
        ("GET", "/control/ping", &none, 200),
        ("GET", "/control/status", &none, 200),
        ("GET", "/control/history", &none, 200),
        ("GET", "/control/monitor-history?range=week", &none, 200),
        ("GET", "/control/monitor-history?monitor=nobody", &none, 200),
        ("GET", "/control/monitor-history?range=x", &none, 400),
        ("GET", "/control/events", &none, 200),
        ("GET", "/control/events?limit=1&monitor=taskpaw", &none, 200),
        ("GET", "/control/events?limit=-1", &none, 400),
        ("GET", "/control/monitor-types", &none, 200),
        ("GET", "/control/monitors", &none, 200),
        ("POST", "/control/monitors", &monitor("two"), 201),
        ("POST", "/control/monitors", &monitor("two"), 400),
        ("POST", "/control/monitors", &bad, 400),
        ("POST", "/control/monitors", &none, 400),
        ("POST", "/control/monitors", &json!([]), 400),
        ("POST", "/control/try-monitor", &monitor(""), 200),
        ("POST", "/control/try-monitor", &bad, 400),
        ("POST", "/control/try-monitor", &none, 400),
        ("PUT", "/control/monitors/two", &monitor("three"), 200),
        ("PUT", "/control/monitors/two", &monitor("three"), 404),
        ("PUT", "/control/monitors/three", &bad, 400),
        ("PUT", "/control/monitors/three", &none, 400),
        ("PUT", always, &always_off, 400),
        ("POST", "/control/monitors/three/check", &none, 200),
        ("POST", "/control/monitors/two/check", &none, 404),
        ("POST", "/control/monitors/three/disable", &none, 200),
        ("POST", "/control/monitors/three/enable", &none, 200),
        ("POST", "/control/monitors/two/enable", &none, 404),
        ("POST", "/control/monitors/two/disable", &none, 404),
        ("POST", "/control/monitors/host_metrics/disable", &none, 400),
        ("DELETE", "/control/monitors/three", &none, 200),
        ("DELETE", "/control/monitors/three", &none, 404),
        ("DELETE", always, &none, 400),
        ("POST", "/control/alerts/test", &probe, 200),
        ("POST", "/control/alerts/test", &no_topic, 400),
        ("POST", "/control/alerts/test", &none, 400),
        ("POST", "/control/alerts/test", &json!({ "target": "fax" }), 400),
        ("POST", "/control/stop", &none, 202),
    ];
    let mut called = answered_as_promised(&document, &operations, table);
    // The stream has no end; its head is tested with what it tells.
    called.insert("GET /control/stream".to_owned());
    let promised: BTreeSet<_> =
        operations.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    assert_eq!(called, promised);
    running.ended_well();
}

#[test]
fn missing_tokens_foreign_hosts_other_methods_and_large_bodies_are_refused_everywhere() {
    let machine = machine();
    let running = machine.start(Role::Agent);
    running.ready();
    let document = document();
    refused_everywhere(&document, &operations(&document, [machine.network, machine.control]));
    for (port, path) in
        [(machine.network, "/control/ping"), (machine.control, "/ping"), (machine.network, "/")]
    {
        let answer = call_as("127.0.0.1", port, "GET", path, &[&bearer(TOKEN)]);
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "not_found"), "{path}");
    }
    // A body that does not say how large it is is cut at the same place.
    let mut stream = connect(machine.control);
    let head = format!(
        "POST /control/monitors HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        bearer(TOKEN)
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    // The server may answer and close before it has read everything.
    for _ in 0..3 {
        let _ = stream.write_all(chunk.as_bytes());
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn guessing_is_slow_over_all_connections_and_the_app_is_let_in_at_once() {
    let machine = machine();
    let running = machine.start(Role::Agent);
    running.ready();
    let document = document();
    let operations = operations(&document, [machine.network, machine.control]);
    let operation = operation_of(&operations, "GET", "/control/status");
    let port = machine.control;
    let guess = move || send(port, "GET", "/control/status", &[&bearer("guess")], b"");
    let started = Instant::now();
    let guesses: Vec<_> = (0..40).map(|_| std::thread::spawn(move || (guess(), started.elapsed()))).collect();
    for _ in 0..5 {
        let since = Instant::now();
        let own = send(port, "GET", "/control/status", &[&bearer(TOKEN)], b"");
        assert_eq!(own.status, 200);
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    }
    let answers: Vec<(Answer, Duration)> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
    let in_time =
        |limit: u64| answers.iter().filter(|(_, after)| *after < Duration::from_secs(limit)).count();
    // Ten in each second, and those that began with one.
    assert!(in_time(1) <= 11, "{}", in_time(1));
    let refused: Vec<&Answer> =
        answers.iter().map(|(answer, _)| answer).filter(|answer| answer.status == 429).collect();
    assert!((10..=20).contains(&refused.len()), "{}", refused.len());
    assert!(refused[0].head.contains("retry-after: "), "{}", refused[0].head);
    promised(&document, operation, refused[0]);
}
