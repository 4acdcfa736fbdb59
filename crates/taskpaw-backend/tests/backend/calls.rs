//! Every call of an agent with good, bad, missing and oversized input, held against `docs/openapi-agent.json`: each
//! answer is one that the document promises, and the document promises no call that is not there.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use serde_json::{Value, json};
use taskpaw_contract::Role;

use crate::client::{Answer, bearer, call_as, connect, send};
use crate::running::{Machine, TOKEN};

const FOR_HUBS: &str = "for-hubs";

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../docs/openapi-agent.json")).unwrap()
}

/// A call of the document, and what belongs to it.
struct Operation<'a> {
    method: String,
    path: &'a str,
    about: &'a Value,
    port: u16,
    token: Option<&'static str>,
}

fn operations<'a>(document: &'a Value, machine: &Machine) -> Vec<Operation<'a>> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let is_control = about["tags"][0] == "control";
            let is_open = about["security"].as_array().unwrap().is_empty();
            all.push(Operation {
                method: method.to_uppercase(),
                path,
                about,
                port: if is_control { machine.control } else { machine.network },
                token: (!is_open).then_some(if is_control { TOKEN } else { FOR_HUBS }),
            });
        }
    }
    all
}

/// What is wrong with a value, by the part of JSON Schema that the document uses.
fn wrong_with(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = document.pointer(name.strip_prefix('#').unwrap()).unwrap();
        return wrong_with(document, schema, value);
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        let fitting = one_of.iter().filter(|schema| wrong_with(document, schema, value).is_none()).count();
        return (fitting != 1).then(|| format!("{value} fits {fitting} of {one_of:?}"));
    }
    let is_of = |word: &str| match word {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let is_right_type = match &schema["type"] {
        Value::String(word) => is_of(word),
        Value::Array(words) => words.iter().any(|word| is_of(word.as_str().unwrap())),
        _ => true,
    };
    let is_allowed = schema["enum"].as_array().is_none_or(|allowed| allowed.contains(value))
        && schema.get("const").is_none_or(|only| only == value)
        && schema["minimum"]
            .as_u64()
            .is_none_or(|least| value.as_u64().is_some_and(|number| number >= least));
    if !is_right_type || !is_allowed {
        return Some(format!("{value} is not {schema}"));
    }
    if let Some(items) = schema.get("items") {
        return value.as_array()?.iter().find_map(|item| wrong_with(document, items, item));
    }
    let keys = value.as_object()?;
    let missing = schema["required"].as_array().into_iter().flatten();
    if let Some(missing) = missing.map(|key| key.as_str().unwrap()).find(|key| !keys.contains_key(*key)) {
        return Some(format!("{missing} is missing in {value}"));
    }
    keys.iter().find_map(|(key, value)| {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) | (None, schema @ Value::Object(_)) => wrong_with(document, schema, value),
            (None, Value::Bool(false)) => Some(format!("{key} is not in the document")),
            _ => None,
        }
    })
}

/// Asserts that the document promises this answer.
fn promised(document: &Value, operation: &Operation, answer: &Answer) {
    let place = format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.body);
    let promise = &operation.about["responses"][answer.status.to_string()];
    assert!(promise.is_object(), "not in the document: {place}");
    let (kind, content) = promise["content"].as_object().unwrap().iter().next().unwrap();
    assert!(answer.head.contains(&format!("content-type: {kind}")), "{place} {}", answer.head);
    if kind == "application/json" {
        assert_eq!(wrong_with(document, &content["schema"], &answer.json()), None, "{place}");
    }
}

fn monitor(name: &str) -> Value {
    json!({ "type_id": "custom_cmd", "name": name, "enabled": true, "config": { "command": ["true"] } })
}

fn machine() -> Machine {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "token": FOR_HUBS, "monitors": [monitor("one")] } }));
    machine
}

#[test]
fn good_and_bad_input_is_answered_as_promised() {
    let machine = machine();
    let running = machine.start(Role::Agent);
    running.ready();
    let document = document();
    let operations = operations(&document, &machine);
    let none = Value::Null;
    let bad = json!({ "type_id": "custom_cmd", "name": "x", "config": { "command": [] } });
    let always = "/control/monitors/host_metrics";
    let always_off = json!({ "type_id": "host_metrics", "name": "host_metrics", "enabled": false });
    let table: &[(&str, &str, &Value, u16)] = &[
        ("GET", "/ping", &none, 200),
        ("GET", "/status", &none, 200),
        ("GET", "/events?ack=0", &none, 200),
        ("GET", "/events?ack=x", &none, 400),
        ("GET", "/events?ack=18446744073709551616", &none, 400),
        ("GET", "/events", &none, 200),
        ("GET", "/metrics", &none, 200),
        ("GET", "/control/ping", &none, 200),
        ("GET", "/control/status", &none, 200),
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
        ("PUT", "/control/monitors/two", &monitor("three"), 200),
        ("PUT", "/control/monitors/two", &monitor("three"), 404),
        ("PUT", "/control/monitors/three", &bad, 400),
        ("PUT", "/control/monitors/three", &none, 400),
        ("PUT", always, &always_off, 400),
        ("POST", "/control/monitors/three/disable", &none, 200),
        ("POST", "/control/monitors/three/enable", &none, 200),
        ("POST", "/control/monitors/two/enable", &none, 404),
        ("POST", "/control/monitors/two/disable", &none, 404),
        ("POST", "/control/monitors/host_metrics/disable", &none, 400),
        ("DELETE", "/control/monitors/three", &none, 200),
        ("DELETE", "/control/monitors/three", &none, 404),
        ("DELETE", always, &none, 400),
        ("POST", "/control/stop", &none, 202),
    ];
    let mut called = BTreeSet::new();
    for (method, path, body, status) in table {
        let operation = operation_of(&operations, method, path);
        let token = operation.token.map(bearer);
        let headers: Vec<&str> = token.iter().map(String::as_str).collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = send(operation.port, method, path, &headers, body.as_bytes());
        assert_eq!(answer.status, *status, "{method} {path} {body}: {}", answer.body);
        promised(&document, operation, &answer);
        called.insert(format!("{method} {}", operation.path));
    }
    // The stream has no end; its head is tested with what it tells.
    called.insert("GET /control/stream".to_owned());
    let promised: BTreeSet<_> =
        operations.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    assert_eq!(called, promised);
    running.ended_well();
}

fn operation_of<'a, 'b>(operations: &'b [Operation<'a>], method: &str, path: &str) -> &'b Operation<'a> {
    let path = path.split('?').next().unwrap();
    let fits = |template: &str| {
        let (mut wanted, mut parts) = (template.split('/'), path.split('/'));
        let same =
            wanted.by_ref().zip(parts.by_ref()).all(|(wanted, part)| wanted == part || wanted == "{name}");
        same && template.matches('/').count() == path.matches('/').count()
    };
    operations.iter().find(|operation| operation.method == method && fits(operation.path)).unwrap()
}

#[test]
fn missing_tokens_foreign_hosts_other_methods_and_large_bodies_are_refused_everywhere() {
    let machine = machine();
    let running = machine.start(Role::Agent);
    running.ready();
    let document = document();
    for operation in operations(&document, &machine) {
        let Operation { method, path, port, token, .. } = &operation;
        let path = path.replace("{name}", "one");
        let right = token.map(bearer);
        let right: Vec<&str> = right.iter().map(String::as_str).collect();
        if token.is_some() {
            for wrong in [&[][..], &["Authorization: Bearer wrong"], &["Authorization: Basic eDp5"]] {
                let answer = send(*port, method, &path, wrong, b"");
                assert_eq!((answer.status, answer.error_code().as_str()), (401, "unauthorized"), "{path}");
                assert!(answer.head.contains("www-authenticate: bearer"), "{path}");
                promised(&document, &operation, &answer);
            }
        }
        if *port == machine.control {
            let answer = call_as("evil.example", *port, method, &path, &right);
            assert_eq!((answer.status, answer.error_code().as_str()), (403, "foreign_host"), "{path}");
            promised(&document, &operation, &answer);
        }
        let mut large = right.clone();
        large.push("Content-Length: 65537");
        let answer = call_as("127.0.0.1", *port, method, &path, &large);
        assert_eq!((answer.status, answer.error_code().as_str()), (413, "too_large"), "{path}");
        promised(&document, &operation, &answer);
        let answer = call_as("127.0.0.1", *port, "PATCH", &path, &right);
        assert_eq!((answer.status, answer.error_code().as_str()), (405, "wrong_method"), "{path}");
    }
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
fn guessing_is_answered_with_a_pause_and_the_app_is_not_kept_out() {
    let machine = machine();
    let running = machine.start(Role::Agent);
    running.ready();
    let document = document();
    let operations = operations(&document, &machine);
    let operation = operation_of(&operations, "GET", "/control/status");
    let guess = || send(machine.control, "GET", "/control/status", &[&bearer("guess")], b"");
    let answers: Vec<Answer> = (0..60).map(|_| guess()).collect();
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 50);
    let last = answers.last().unwrap();
    assert_eq!((last.status, last.error_code().as_str()), (429, "too_many_attempts"));
    assert!(last.head.contains("retry-after: "), "{}", last.head);
    promised(&document, operation, last);
    let own = send(machine.control, "GET", "/control/status", &[&bearer(TOKEN)], b"");
    assert_eq!(own.status, 200);
}
