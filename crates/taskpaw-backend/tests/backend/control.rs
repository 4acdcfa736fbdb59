//! The agent's control port, as the app sees it.

use serde_json::json;
use taskpaw_contract::Role;

use crate::client::{Answer, bearer, call, call_as, get};
use crate::running::{Machine, TOKEN};

fn control(machine: &Machine, path: &str) -> Answer {
    call(machine.control, "GET", path, &[&bearer(TOKEN)])
}

#[test]
fn only_the_token_of_this_launch_opens_it() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "token": "for-hubs" } }));
    let running = machine.start(Role::Agent);
    running.ready();
    for path in ["/control/ping", "/control/status", "/control/history", "/control/events"] {
        for headers in [&[][..], &["Authorization: Bearer for-hubs"], &["Authorization: Bearer "]] {
            assert_eq!(call(machine.control, "GET", path, headers).status, 401, "{path} {headers:?}");
        }
        assert_eq!(control(&machine, path).status, 200, "{path}");
    }
    assert_eq!(call(machine.control, "POST", "/control/stop", &[]).status, 401);
    assert_eq!(control(&machine, "/control/stop").status, 405);
    assert_eq!(control(&machine, "/status").status, 404, "what hubs ask is on the other port");
    assert_eq!(control(&machine, "/control/ping").json()["version"], taskpaw_contract::version());
}

#[test]
fn another_host_name_is_refused_whatever_the_token() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    running.ready();
    let token = bearer(TOKEN);
    for (host, expected) in [
        ("127.0.0.1", 200),
        ("localhost:5681", 200),
        ("[::1]:5681", 200),
        ("127.1.2.3", 200),
        ("evil.example", 403),
        ("evil.example:5681", 403),
        ("localhost.evil.example", 403),
        ("192.168.1.5", 403),
        ("0.0.0.0", 403),
        ("", 403),
    ] {
        let answer = call_as(host, machine.control, "GET", "/control/ping", &[&token]);
        assert_eq!(answer.status, expected, "{host}");
    }
    let twice = call(machine.control, "GET", "/control/ping", &[&token, "Host: evil.example"]);
    assert_eq!((twice.status, twice.error_code().as_str()), (403, "foreign_host"));
    let line = call(machine.control, "GET", "http://evil.example/control/ping", &[&token]);
    assert_eq!(line.status, 403);
}

#[test]
fn looking_at_events_does_not_take_them() {
    let machine = Machine::new();
    drop({
        let first = machine.start(Role::Agent);
        first.ready();
        first
    });
    let running = machine.start(Role::Agent);
    running.ready();
    let ids = |path: &str| -> Vec<u64> {
        let events = control(&machine, path).json()["events"].clone();
        events.as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids("/control/events"), [1, 2], "the newest last");
    assert_eq!(ids("/control/events?limit=1"), [2]);
    assert_eq!(ids("/control/events?monitor=taskpaw&limit=5"), [1, 2]);
    assert!(ids("/control/events?monitor=other").is_empty());
    assert_eq!(control(&machine, "/control/events?limit=x").status, 400);
    // A hub takes them, and the app still shows them.
    assert_eq!(get(machine.network, "/events").json()["events"].as_array().unwrap().len(), 2);
    assert_eq!(ids("/control/events"), [1, 2]);
    let (app, hub) = (control(&machine, "/control/status").json(), get(machine.network, "/status").json());
    let last_hour = control(&machine, "/control/history").json();
    assert!(
        last_hour["samples"][0]["metrics"]["memory_used_bytes"].as_f64().is_some_and(|bytes| bytes > 0.0)
    );
    assert_eq!((&app["server_id"], &app["machine"]), (&hub["server_id"], &hub["machine"]));
}

#[test]
fn without_a_token_a_web_page_gets_nothing_and_takes_no_event() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "token": "" }, "hub": { "token": "" } }));
    for (role, port) in [(Role::Agent, machine.network), (Role::Hub, machine.api)] {
        let running = machine.start(role);
        running.ready();
        for path in ["/ping", "/status", "/events?ack=999999", "/metrics"] {
            for page in [
                "Origin: https://evil.example",
                "Origin: null",
                "Sec-Fetch-Site: cross-site",
                "Referer: http://evil.example/page",
            ] {
                let answer = call(port, "GET", path, &[page]);
                assert_eq!(
                    (answer.status, answer.error_code().as_str()),
                    (403, "foreign_host"),
                    "{page} {path}"
                );
            }
            for host in ["evil.example", "evil", "my-box:5680", "ai."] {
                assert_eq!(call_as(host, port, "GET", path, &[]).status, 403, "{host} {path}");
            }
        }
        // A person's own address line, a hub, and a page of this machine.
        assert_eq!(call(port, "GET", "/status", &["Sec-Fetch-Site: none"]).status, 200);
        assert_eq!(
            call_as("localhost", port, "GET", "/status", &["Referer: http://127.0.0.1:1/x"]).status,
            200
        );
        assert_eq!(get(port, "/status").status, 200);
    }
}
