//! Monitors as the app adds, changes and removes them, and the stream that tells of it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::{Value, json};
use taskpaw_contract::Role;

use crate::client::{Answer, bearer, connect, get, send, until};
use crate::ports::free_ports;
use crate::running::{Machine, TOKEN};

fn control(machine: &Machine, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(machine.control, method, path, &[&bearer(TOKEN)], body.as_bytes())
}

fn state(machine: &Machine, name: &str) -> Value {
    get(machine.network, "/status").json()["monitors"][name]["state"].clone()
}

fn in_file(machine: &Machine) -> Value {
    let text = std::fs::read_to_string(machine.config_dir().join("config.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["agent"].clone()
}

fn tcp(name: &str, port: u16) -> Value {
    json!({ "type_id": "tcp_check", "name": name, "enabled": true, "config": { "port": port, "poll_interval": 1 } })
}

/// A port on which nobody listens.
fn closed_port() -> u16 {
    let [port] = free_ports();
    port
}

#[test]
fn monitors_change_live_and_are_kept() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "mood": "good" } }));
    let running = machine.start(Role::Agent);
    running.ready();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();

    let added = control(&machine, "POST", "/control/monitors", &tcp("a/b ü", port));
    assert_eq!((added.status, &added.json()), (201, &tcp("a/b ü", port)), "{}", added.body);
    until("a look", || (state(&machine, "a/b ü") == "ok").then_some(()));
    assert_eq!(in_file(&machine)["monitors"], json!([tcp("a/b ü", port)]));
    assert_eq!(in_file(&machine)["mood"], "good", "what is not known here stays");

    let path = "/control/monitors/a%2Fb%20%C3%BC";
    let changed = control(&machine, "PUT", path, &tcp("renamed", closed_port()));
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert!(state(&machine, "a/b ü").is_null());
    until("a failed look", || (state(&machine, "renamed") == "error").then_some(()));

    assert_eq!(control(&machine, "POST", "/control/monitors/renamed/disable", &Value::Null).status, 200);
    assert_eq!(state(&machine, "renamed"), "stopped");
    assert_eq!(in_file(&machine)["monitors"][0]["enabled"], false);
    assert_eq!(
        control(&machine, "POST", "/control/monitors/renamed/enable", &Value::Null).json()["enabled"],
        true
    );
    until("a look", || (state(&machine, "renamed") == "error").then_some(()));

    let listed = control(&machine, "GET", "/control/monitors", &Value::Null).json();
    let names: Vec<_> =
        listed["monitors"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["host_metrics", "renamed"]);
    assert_eq!(control(&machine, "DELETE", "/control/monitors/renamed", &Value::Null).status, 200);
    assert!(state(&machine, "renamed").is_null());
    assert_eq!(in_file(&machine)["monitors"], json!([]));

    // What is always on keeps its settings under its own name.
    let settings = json!({ "type_id": "host_metrics", "name": "host_metrics", "enabled": true,
                           "config": { "cpu_alert_pct": 50 } });
    assert_eq!(control(&machine, "PUT", "/control/monitors/host_metrics", &settings).status, 200);
    assert_eq!(in_file(&machine)["monitors"], json!([settings]));
    drop(running);
    machine.start(Role::Agent).ready();
}

#[test]
fn of_two_with_one_name_the_first_is_watched_and_the_app_is_told() {
    let machine = Machine::new();
    machine
        .configure(&json!({ "agent": { "monitors": [tcp("a", 1), tcp("b", 2), tcp("a", 3), tcp("a", 4)] } }));
    let running = machine.start(Role::Agent);
    running.ready();
    let told =
        || control(&machine, "GET", "/control/status", &Value::Null).json()["names_in_use_twice"].clone();
    assert_eq!(told(), json!(["a"]));
    assert!(get(machine.network, "/status").json()["names_in_use_twice"].is_null(), "hubs are not told");
    // What was shown is removed, and no other.
    for left in [json!(["a"]), Value::Null] {
        assert_eq!(control(&machine, "DELETE", "/control/monitors/a", &Value::Null).status, 200);
        assert_eq!(told(), left);
    }
    assert_eq!(in_file(&machine)["monitors"], json!([tcp("b", 2), tcp("a", 4)]));
}

#[test]
fn what_cannot_be_is_refused_with_the_field_and_changes_nothing() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "monitors": [tcp("taken", closed_port())] } }));
    let running = machine.start(Role::Agent);
    running.ready();
    let before = in_file(&machine);
    let with = |key: &str, value: Value| {
        let mut monitor = tcp("new", 1);
        monitor[key] = value;
        monitor
    };
    let host_metrics = json!({ "type_id": "host_metrics", "name": "new" });
    for (body, field) in [
        (with("name", json!("taken")), "name"),
        (with("name", json!("  ")), "name"),
        (with("name", json!("taskpaw")), "name"),
        (with("name", json!(".")), "name"),
        (with("name", json!("..")), "name"),
        (with("name", json!("a\nb")), "name"),
        (with("name", json!("x".repeat(101))), "name"),
        (with("type_id", json!("no_such_type")), "type_id"),
        (with("config", json!({})), "config.port"),
        (with("config", json!({ "port": 70000 })), "config.port"),
        (host_metrics.clone(), "type_id"),
    ] {
        let answer = control(&machine, "POST", "/control/monitors", &body);
        assert_eq!((answer.status, answer.error_code().as_str()), (400, "invalid_fields"), "{body}");
        assert_eq!(answer.json()["error"]["detail"][0]["field"], field, "{body}");
    }
    let always_on = json!({ "type_id": "host_metrics", "name": "host_metrics", "enabled": false });
    for (method, path, body, status, code) in [
        ("PUT", "/control/monitors/host_metrics", &always_on, 400, "invalid_fields"),
        ("POST", "/control/monitors/host_metrics/disable", &Value::Null, 400, "invalid_fields"),
        ("DELETE", "/control/monitors/host_metrics", &Value::Null, 400, "invalid_fields"),
        ("PUT", "/control/monitors/nobody", &tcp("nobody", 1), 404, "no_such_monitor"),
        ("DELETE", "/control/monitors/nobody", &Value::Null, 404, "no_such_monitor"),
        ("POST", "/control/monitors/nobody/enable", &Value::Null, 404, "no_such_monitor"),
        ("POST", "/control/monitors", &json!({ "name": 1 }), 400, "bad_body"),
        ("POST", "/control/monitors", &json!(["x"]), 400, "bad_body"),
        ("POST", "/control/monitors", &Value::Null, 400, "bad_body"),
    ] {
        let answer = control(&machine, method, path, body);
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{method} {path} {body}");
    }
    assert_eq!(in_file(&machine), before);

    // A file that became unusable is left alone, and nothing runs that is not kept.
    machine.write_config("{");
    let answer = control(&machine, "POST", "/control/monitors", &tcp("new", 1));
    assert_eq!((answer.status, answer.error_code().as_str()), (409, "config"));
    assert_eq!(answer.json()["error"]["detail"]["kind"], "syntax");
    assert!(state(&machine, "new").is_null());
    assert_eq!(std::fs::read_to_string(machine.config_dir().join("config.json")).unwrap(), "{");
}

#[test]
fn every_kind_is_offered_with_its_schema() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let answer = control(&machine, "GET", "/control/monitor-types", &Value::Null).json();
    let types = answer["types"].as_array().unwrap();
    assert_eq!(types[0]["type_id"], "host_metrics");
    let tcp = types.iter().find(|one| one["type_id"] == "tcp_check").unwrap();
    assert_eq!(tcp["schema"]["required"], json!(["port"]));
    assert_eq!(tcp["schema"]["properties"]["port"]["maximum"], 65535);
}

#[test]
fn the_stream_tells_of_states_events_and_the_list_and_ends_with_the_stop() {
    let machine = Machine::new();
    let mut running = machine.start(Role::Agent);
    running.ready();
    let mut stream = connect(machine.control);
    let request = format!("GET /control/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n\r\n", bearer(TOKEN));
    stream.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(
        head[0].contains("200") && head.iter().any(|line| line == "content-type: text/event-stream"),
        "{head:?}"
    );

    let port = closed_port();
    assert_eq!(control(&machine, "POST", "/control/monitors", &tcp("gone", port)).status, 201);
    let mut news = lines
        .filter_map(|line| {
            line.strip_prefix("data: ").map(|json| serde_json::from_str::<Value>(json).unwrap())
        })
        .filter(|news| news["name"] != "host_metrics");
    assert_eq!(news.next().unwrap(), json!({ "kind": "monitors" }));
    let monitor = news.next().unwrap();
    assert_eq!((&monitor["name"], &monitor["monitor"]["state"]), (&json!("gone"), &json!("error")));
    let event = news.next().unwrap();
    assert_eq!((&event["event"]["monitor"], &event["event"]["level"]), (&json!("gone"), &json!("alert")));
    assert!(event["event"]["id"].as_u64().unwrap() > 1, "durable, with its number");

    running.close_stdin();
    assert!(news.next().is_none());
    running.ended_well();
}

#[cfg(unix)]
#[test]
fn a_command_ends_with_its_monitor_and_with_the_agent() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let file = machine.data_dir().join("pid");
    let script = format!("echo $$ > '{0}.new'; mv '{0}.new' '{0}'; exec sleep 600", file.display());
    let monitor = json!({ "type_id": "custom_cmd", "name": "long",
                          "config": { "command": ["sh", "-c", script], "timeout": 600 } });
    let started = || {
        assert_eq!(control(&machine, "POST", "/control/monitors", &monitor).status, 201);
        let pid = until("its pid", || std::fs::read_to_string(&file).ok());
        std::fs::remove_file(&file).unwrap();
        rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
    };
    let is_gone = |pid| {
        // Where nobody collects orphans they stay as zombies.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid)).unwrap_or_default();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::test_kill_process(pid).is_err() || stat.contains(") Z ")
    };
    let first = started().as_raw_nonzero().get();
    assert_eq!(control(&machine, "DELETE", "/control/monitors/long", &Value::Null).status, 200);
    until("its end", || is_gone(first).then_some(()));
    let second = started().as_raw_nonzero().get();
    running.signal(rustix::process::Signal::TERM);
    running.ended_well();
    assert!(is_gone(second));
}
