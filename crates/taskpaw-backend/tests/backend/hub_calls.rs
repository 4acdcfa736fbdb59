//! Every call of a hub with good, bad, missing and oversized input, held against `docs/openapi-hub.json`: each answer is
//! one that the document promises, and the document promises no call that is not there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};

use serde_json::{Value, json};
use taskpaw_contract::Role;

use crate::client::{bearer, connect, send, until};
use crate::openapi::{FOR_OTHERS, answered_as_promised, operations, refused_everywhere, wrong_with};
use crate::running::{Machine, Running, TOKEN};

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../docs/openapi-hub.json")).unwrap()
}

/// A hub with one agent that it polls, and that has told it an event.
fn fleet() -> (Machine, [Running; 2]) {
    let machine = Machine::new();
    machine.configure(&json!({
        "agent": { "token": "agents-own" },
        "hub": { "token": FOR_OTHERS, "polling_token": "agents-own",
                 "agents": [{ "name": "one", "url": format!("http://127.0.0.1:{}", machine.network) }] },
    }));
    let (agent, hub) = (machine.start(Role::Agent), machine.start(Role::Hub));
    agent.ready();
    hub.ready();
    until("the first event", || {
        let events = send(machine.api, "GET", "/events", &[&bearer(FOR_OTHERS)], b"").json();
        (!events["events"].as_array().unwrap().is_empty()).then_some(())
    });
    (machine, [agent, hub])
}

#[test]
fn good_and_bad_input_is_answered_as_promised() {
    let (machine, [_agent, hub]) = fleet();
    let document = document();
    let operations = operations(&document, [machine.api; 2]);
    let none = Value::Null;
    let url = format!("http://127.0.0.1:{}", machine.network);
    let two = json!({ "name": "two", "url": url, "token": "agents-own", "enabled": false });
    let nowhere = json!({ "url": "http://127.0.0.1:1" });
    let probe = json!({ "target": "ntfy", "url": "http://127.0.0.1:1/topic", "token": "", "title": "t",
                        "message": "m" });
    let no_topic =
        json!({ "target": "ntfy", "url": "http://127.0.0.1:1", "token": "", "title": "t", "message": "m" });
    let table: &[(&str, &str, &Value, u16)] = &[
        ("GET", "/ping", &none, 200),
        ("GET", "/status", &none, 200),
        ("GET", "/events", &none, 200),
        ("GET", "/events?server=one&level=info&limit=1", &none, 200),
        ("GET", "/events?level=loud", &none, 400),
        ("GET", "/events?limit=-1", &none, 400),
        ("GET", "/events?limit=18446744073709551616", &none, 400),
        ("GET", "/metrics", &none, 200),
        ("GET", "/control/ping", &none, 200),
        ("GET", "/control/status", &none, 200),
        ("GET", "/control/events?limit=0", &none, 200),
        ("GET", "/control/events?limit=x", &none, 400),
        ("POST", "/control/agents", &two, 201),
        ("POST", "/control/agents", &two, 400),
        ("POST", "/control/agents", &none, 400),
        ("POST", "/control/agents", &json!([]), 400),
        ("POST", "/control/agents", &json!({ "name": "x", "url": "ftp://x" }), 400),
        ("POST", "/control/agents", &json!({ "name": " x", "url": url }), 400),
        ("POST", "/control/agents", &json!({ "name": "x", "url": url, "colour": "red" }), 400),
        ("PATCH", "/control/agents?name=two", &json!({ "name": "three" }), 200),
        ("PATCH", "/control/agents?name=two", &json!({}), 404),
        ("PATCH", "/control/agents?name=three", &json!({ "name": "one" }), 400),
        ("PATCH", "/control/agents?name=three", &none, 400),
        ("PATCH", "/control/agents", &json!({}), 400),
        ("DELETE", "/control/agents?name=three", &none, 200),
        ("DELETE", "/control/agents?name=three", &none, 404),
        ("DELETE", "/control/agents", &none, 400),
        ("POST", "/control/agents/test", &json!({ "url": url, "token": "agents-own" }), 200),
        ("POST", "/control/agents/test", &nowhere, 200),
        ("POST", "/control/agents/test", &json!({ "url": 1 }), 400),
        ("POST", "/control/agents/test", &none, 400),
        ("POST", "/control/alerts/test", &probe, 200),
        ("POST", "/control/alerts/test", &no_topic, 400),
        ("POST", "/control/alerts/test", &none, 400),
        ("POST", "/control/alerts/test", &json!({ "target": "fax" }), 400),
        ("GET", "/control/agent-history?name=one&range=week", &none, 200),
        ("GET", "/control/agent-history?name=one&monitor=host_metrics", &none, 200),
        ("GET", "/control/agent-history?name=nobody", &none, 404),
        ("GET", "/control/agent-history?name=one&range=x", &none, 400),
        ("GET", "/control/agent-history", &none, 400),
        ("POST", "/control/stop", &none, 202),
    ];
    let mut called = answered_as_promised(&document, &operations, table);
    // The streams have no end; what they tell is tested below.
    called.extend(["GET /stream".to_owned(), "GET /control/stream".to_owned()]);
    let promised: BTreeSet<_> =
        operations.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    assert_eq!(called, promised);
    hub.ended_well();
}

#[test]
fn missing_tokens_foreign_hosts_other_methods_and_large_bodies_are_refused_everywhere() {
    let (machine, _running) = fleet();
    let document = document();
    refused_everywhere(&document, &operations(&document, [machine.api; 2]));
    for path in ["/", "/control", "/control/monitors", "/control/agents/other"] {
        let answer = send(machine.api, "GET", path, &[&bearer(TOKEN)], b"");
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "not_found"), "{path}");
    }
}

#[test]
fn what_the_stream_tells_is_in_the_document() {
    let (machine, _running) = fleet();
    let document = document();
    let mut stream = connect(machine.api);
    write!(stream, "GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n\r\n", bearer(FOR_OTHERS)).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.is_empty()), "the head");
    let change = json!({ "enabled": false }).to_string();
    let path = "/control/agents?name=one";
    assert_eq!(send(machine.api, "PATCH", path, &[&bearer(TOKEN)], change.as_bytes()).status, 200);
    let change = json!({ "enabled": true }).to_string();
    assert_eq!(send(machine.api, "PATCH", path, &[&bearer(TOKEN)], change.as_bytes()).status, 200);
    let mut kinds = BTreeSet::new();
    while kinds.len() < 2 {
        let line = lines.next().expect("the stream goes on");
        let Some(news) = line.strip_prefix("data:") else { continue };
        let news: Value = serde_json::from_str(news).unwrap();
        let schema = json!({ "$ref": "#/components/schemas/News" });
        assert_eq!(wrong_with(&document, &schema, &news), None);
        kinds.insert(news["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["agent", "agents"].map(str::to_owned).into());
}
