//! The agent's network port, as hubs see it.

use std::io::{Read, Write};

use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{AgentEvent, AgentStatus, EventLevel, MonitorState, MonitorStatus};

use crate::client::{LIMIT, bearer, call, connect, get, until};
use crate::running::Machine;

fn host_metrics(port: u16) -> MonitorStatus {
    let status: AgentStatus = serde_json::from_value(get(port, "/status").json()).unwrap();
    serde_json::from_value(status.monitors["host_metrics"].clone()).unwrap()
}

fn events(port: u16, query: &str) -> Vec<AgentEvent> {
    serde_json::from_value(get(port, &format!("/events{query}")).json()["events"].clone()).unwrap()
}

#[test]
fn the_status_has_this_machines_numbers_at_readiness() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let ping = get(machine.network, "/ping").json();
    assert_eq!(ping, json!({ "ok": true, "machine": "box", "version": taskpaw_contract::version() }));
    let status = get(machine.network, "/status").json();
    assert_eq!((&status["machine"], &status["server_id"]), (&json!("box"), &json!("id-of-box")));
    assert_eq!(status["os"], std::env::consts::OS);

    let first = host_metrics(machine.network);
    assert_eq!(first.type_id, "host_metrics");
    assert!(first.last_update.is_some());
    let keys: Vec<&str> = first.metrics.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "cpu_percent",
            "memory_used_bytes",
            "memory_total_bytes",
            "swap_used_bytes",
            "disk_used_bytes",
            "disk_total_bytes",
            "network_rx_bytes_per_s",
            "network_tx_bytes_per_s",
            "load_1m",
            "load_5m",
            "load_15m",
            "uptime_seconds",
            "cpu_count",
            // What hubs of V3 read.
            "cpu_pct",
            "mem_pct",
            "mem_used_mb",
            "mem_total_mb",
            "disk_pct",
            "net_in_bps",
            "net_out_bps",
            "gpu_pct",
            "gpu_mem_used_mb",
            "gpu_mem_total_mb",
        ]
    );
    assert!(first.metrics["memory_total_bytes"].as_u64().unwrap() > 1 << 20);
    // A share of the processors' time needs a second look.
    let cpu = until("a share of the CPU", || host_metrics(machine.network).metrics["cpu_percent"].as_f64());
    assert!((0.0..=100.0).contains(&cpu));
    assert!(host_metrics(machine.network).metrics["network_rx_bytes_per_s"].is_number());
}

#[test]
fn monitors_that_do_not_run_are_shown() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "monitors": [
        { "type_id": "no_such_type", "name": "a", "config": {} },
        { "type_id": "host_metrics", "name": "b", "enabled": false },
    ] } }));
    let running = machine.start(Role::Agent);
    running.ready();
    let monitors = get(machine.network, "/status").json()["monitors"].clone();
    assert_eq!((&monitors["a"]["state"], &monitors["b"]["state"]), (&json!("error"), &json!("stopped")));
    assert!(monitors["a"]["detail"].as_str().unwrap().contains("no_such_type"));
    assert_eq!(host_metrics(machine.network).state, MonitorState::Ok);
}

#[test]
fn a_token_is_asked_for_and_nothing_changes_without_it() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "token": "secret" } }));
    let running = machine.start(Role::Agent);
    running.ready();
    for path in ["/status", "/events", "/events?ack=9", "/events?ack=x"] {
        for headers in [&[][..], &["Authorization: Bearer wrong"], &["Authorization: Basic secret"]] {
            let refused = call(machine.network, "GET", path, headers);
            assert_eq!((refused.status, refused.error_code().as_str()), (401, "unauthorized"), "{path}");
            assert!(refused.head.contains("www-authenticate: bearer realm=\"taskpaw\""), "{}", refused.head);
        }
    }
    // The token of the app is not one for hubs.
    let apps = bearer(crate::running::TOKEN);
    assert_eq!(call(machine.network, "GET", "/status", &[&apps]).status, 401);
    assert_eq!(get(machine.network, "/ping").status, 200);
    let with_token = call(machine.network, "GET", "/events", &[&bearer("secret")]).json();
    assert_eq!(with_token["events"].as_array().unwrap().len(), 1);
}

#[test]
fn bad_requests_get_errors_as_json() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    for (method, path, headers, status, code) in [
        ("GET", "/events?ack=x", &[][..], 400, "bad_query"),
        ("GET", "/events?ack=-2", &[], 400, "bad_query"),
        ("GET", "/events?ack=", &[], 400, "bad_query"),
        ("GET", "/", &[], 404, "not_found"),
        ("GET", "/control/ping", &[], 404, "not_found"),
        ("POST", "/events", &[], 405, "wrong_method"),
        ("DELETE", "/status", &[], 405, "wrong_method"),
        ("POST", "/status", &["Content-Length: 65537"], 413, "too_large"),
    ] {
        let answer = call(machine.network, method, path, headers);
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{method} {path}");
    }
    assert!(
        get(machine.network, "/events?ack=x").json()["error"]["message"].as_str().unwrap().contains("ack")
    );
    // HEAD would take the events and give them to nobody.
    assert_eq!(call(machine.network, "HEAD", "/events", &[]).status, 405);
    assert_eq!(events(machine.network, "").len(), 1, "none of that has changed the queue");
}

/// How TaskPaw V3's hub fetches: it acknowledges the last number that it has stored, and -1 before the first.
#[test]
fn a_hub_of_v3_gets_every_event_once() {
    let machine = Machine::new();
    let agent = machine.start(Role::Agent);
    agent.ready();
    let fetch = |last: i64| {
        let answer = get(machine.network, &format!("/events?ack={last}")).json();
        let ids: Vec<i64> =
            answer["events"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()).collect();
        ids.into_iter().filter(|id| *id > last).collect::<Vec<_>>()
    };
    assert_eq!(fetch(-1), [1]);
    assert_eq!(fetch(-1), [1], "nothing was acknowledged");
    assert!(fetch(1).is_empty());
    let status = get(machine.network, "/status").json();
    assert!(status["monitors"].as_object().unwrap().values().all(|monitor| monitor["type_id"].is_string()));
}

/// The table of `docs/http.md`.
#[test]
fn what_an_acknowledgement_does() {
    let machine = Machine::new();
    let agent = machine.start(Role::Agent);
    agent.ready();
    let ids = |hub: &str, query: &str| -> Vec<u64> {
        let header = format!("TaskPaw-Hub: {}", hub.repeat(32));
        let headers: &[&str] = if hub.is_empty() { &[] } else { &[&header] };
        let answer = call(machine.network, "GET", &format!("/events{query}"), headers);
        assert_eq!(answer.status, 200, "{query}");
        answer.json()["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_u64().unwrap())
            .collect()
    };
    let refused = |query: &str| {
        let answer = get(machine.network, &format!("/events{query}"));
        (answer.status, answer.error_code())
    };
    // Nobody was told of event 1 yet.
    for query in ["?ack=1", "?ack=502", "?ack=18446744073709551615"] {
        assert_eq!(refused(query), (409, "ack_not_offered".to_owned()), "{query}");
    }
    let refusals = || {
        let status =
            call(machine.control, "GET", "/control/status", &[&bearer(crate::running::TOKEN)]).json();
        status["event_refusals"].clone()
    };
    assert_eq!((&refusals()[0]["from"], &refusals()[0]["offered"]), (&json!("127.0.0.1"), &json!(0)));
    for query in ["?ack=-2", "?ack=1.5", "?ack=18446744073709551616"] {
        assert_eq!(refused(query), (400, "bad_query".to_owned()), "{query}");
    }
    assert_eq!(call(machine.network, "HEAD", "/events?ack=1", &[]).status, 405);
    assert_eq!(ids("", "?ack=-1"), [1]);
    assert!(refusals().is_null(), "it has asked as it should");
    assert_eq!(ids("", "?ack=-1"), [1]);
    assert_eq!((ids("a", "?ack=0"), ids("b", "?ack=0")), (vec![1], vec![1]));
    // Each hub has what it says, and no other.
    assert_eq!((ids("a", "?ack=1"), ids("a", "?ack=1"), ids("a", "?ack=0")), (vec![], vec![], vec![]));
    assert_eq!((ids("b", ""), ids("b", "")), (vec![1], vec![]));
    assert_eq!((ids("", "?ack=-1"), ids("", "?ack=1"), ids("", "?ack=0")), (vec![1], vec![], vec![]));
    assert!(ids("c", "?ack=0").is_empty(), "all have it: it is gone");

    let cursor = get(machine.network, "/status").json()["event_cursor"].clone();
    let text = |key: &str| cursor[key].as_str().unwrap().to_owned();
    let (stream, boot) = (text("stream_id"), text("boot_id"));
    assert_eq!((&cursor["version"], &cursor["durable"]), (&json!(1), &json!(true)));
    assert_eq!(
        (&cursor["resume_floor"], &cursor["offered_highwater"], &cursor["next_event_id"]),
        (&json!(0), &json!(1), &json!(2))
    );
    for query in [
        format!("?ack=1&cursor_stream={stream}"),
        format!("?cursor_stream={stream}&cursor_boot={stream}"),
        "?ack=1&cursor_stream=&cursor_boot=".to_owned(),
    ] {
        assert_eq!(refused(&query), (409, "cursor_mismatch".to_owned()), "{query}");
    }
    let answer = get(machine.network, &format!("/events?ack=1&cursor_stream={stream}&cursor_boot={boot}"));
    assert_eq!((answer.status, &answer.json()["event_cursor"]), (200, &cursor));
}

#[test]
fn a_hub_of_v3_finds_what_it_reads() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "monitors": [
        { "type_id": "tcp_check", "name": "off", "enabled": false, "config": { "port": 1 } },
    ] } }));
    let agent = machine.start(Role::Agent);
    agent.ready();
    let status =
        |headers: &[&str]| call(machine.network, "GET", "/status", headers).json()["monitors"].clone();
    let of_v3 = status(&["User-Agent: Python-urllib/3.12"]);
    let host = &of_v3["box-host"];
    assert_eq!(
        (&host["type_id"], &host["enabled"], &host["alive"]),
        (&json!("host_metrics"), &json!(true), &json!(true))
    );
    assert!(host["metrics"]["mem_used_mb"].as_f64().unwrap() > 1.0);
    assert!(host["metrics"]["mem_total_mb"].as_f64().unwrap() > 1.0);
    assert!(of_v3["host_metrics"].is_null());
    let mut off = of_v3["off"].clone();
    assert!(
        off.as_object_mut().and_then(|off| off.remove("state_seconds")).is_some_and(|age| age.is_number())
    );
    assert_eq!(
        off,
        json!({ "type_id": "tcp_check", "state": "stopped", "detail": "switched off", "metrics": {},
                "last_update": null, "enabled": false, "alive": false, "failures": 0, "degraded": false,
                "dropped": 0 })
    );
    assert!(status(&[])["host_metrics"]["metrics"]["mem_used_mb"].is_number());
    let ours = status(&[&format!("TaskPaw-Hub: {}", "a".repeat(32))]);
    assert!(
        ours["host_metrics"]["metrics"]["mem_used_mb"].is_null(),
        "a hub of this version needs no second names"
    );
}

#[test]
fn events_wait_until_they_are_acknowledged_also_across_restarts() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let first = events(machine.network, "?ack=0");
    assert_eq!((first.len(), first[0].id, first[0].level), (1, 1, Some(EventLevel::Info)));
    assert_eq!(first[0].message, format!("TaskPaw agent {} started", taskpaw_contract::version()));
    assert_eq!((first[0].machine.as_str(), first[0].time.ends_with('Z')), ("box", true));
    assert_eq!(events(machine.network, "?ack=0"), first, "asking does not remove");

    // Killed, as by a power loss: what was seen is still there, under the same number.
    drop(running);
    let running = machine.start(Role::Agent);
    running.ready();
    let both = events(machine.network, "?ack=0");
    assert_eq!((both.len(), &both[0], both[1].id), (2, &first[0], 2));
    assert_eq!(events(machine.network, "?ack=1"), both[1..]);
    assert_eq!(events(machine.network, ""), both[1..], "without a number they are taken");
    assert!(events(machine.network, "").is_empty());

    // The start's event of the next launch goes on counting.
    until("the journal's note", || {
        let journal = std::fs::read_to_string(machine.state_file("agent-events.jsonl")).unwrap();
        journal.contains(&json!({ "forgotten": 2 }).to_string()).then_some(())
    });
    drop(running);
    let running = machine.start(Role::Agent);
    running.ready();
    let ids: Vec<Value> = events(machine.network, "?ack=0").iter().map(|event| event.id.into()).collect();
    assert_eq!(ids, [3]);
}

#[test]
fn a_client_that_does_not_finish_its_request_loses_its_place() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let mut slow = connect(machine.network);
    slow.write_all(b"GET /ping HTTP/1.1\r\nHo").unwrap();
    slow.set_read_timeout(Some(2 * LIMIT)).unwrap();
    // It is told so, or just cut off.
    let _ = slow.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(get(machine.network, "/ping").status, 200);
}
