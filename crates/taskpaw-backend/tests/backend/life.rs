//! One life of a sidecar, from step to step, as a host of protocol 2 leads it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::{GoOn, Life, Line, RefusalCode, StartupErrorCode as Code, Step};

use crate::client::{bearer, call, connect, get, until};
use crate::running::{Machine, Running, TOKEN, is_free};

/// Every file below these folders, with its bytes. SQLite's index of its log is a memory that is shared, and no state.
fn files(machine: &Machine) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(folder: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        let Ok(found) = fs::read_dir(folder) else { return };
        for path in found.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                add(&path, all);
            } else if !path.ends_with("hub.db-shm") {
                all.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    add(&machine.config_dir(), &mut all);
    add(&machine.data_dir(), &mut all);
    all
}

fn ports_are_free(machine: &Machine) -> bool {
    [machine.network, machine.control, machine.api].into_iter().all(is_free)
}

/// The messages of all events, with their numbers.
fn events(machine: &Machine) -> Vec<(u64, String)> {
    let answer = get(machine.network, "/events?ack=0").json();
    let event = |event: &Value| {
        (event["id"].as_u64().unwrap(), event["title"].as_str().unwrap_or_default().to_owned())
    };
    answer["events"].as_array().unwrap().iter().map(event).collect()
}

fn go_on() -> Step {
    Step::GoOn(GoOn::default())
}

/// A role that has been live and has ended: there is state to be found.
fn machine_with_state() -> Machine {
    let machine = Machine::new();
    for role in Role::ALL {
        let mut running = machine.start(role);
        running.ready();
        running.close_stdin();
        running.ended_well();
    }
    machine
}

#[test]
fn what_is_prepared_has_touched_nothing() {
    for machine in [Machine::new(), machine_with_state()] {
        let before = files(&machine);
        for role in Role::ALL {
            let mut running = machine.start_stepwise(role);
            let prepared = running.prepared();
            assert_eq!((prepared.role, prepared.pid), (role, running.child.id()));
            assert_eq!(prepared.version, taskpaw_contract::version());
            assert!(ports_are_free(&machine));
            assert!(files(&machine) == before, "{role}: {:?}", files(&machine).keys());
            running.close_stdin();
            let took = running.ended_well();
            assert!(took < Duration::from_millis(500), "{took:?}");
            assert!(files(&machine) == before);
        }
    }
}

#[test]
fn a_new_one_is_prepared_beside_the_one_that_serves() {
    let machine = Machine::new();
    let serving = Role::ALL.map(|role| machine.start(role));
    for (role, serving) in Role::ALL.into_iter().zip(&serving) {
        serving.ready();
        machine.start_stepwise(role).prepared();
    }
    assert_eq!(get(machine.network, "/ping").json()["ok"], true);
    assert_eq!(get(machine.api, "/ping").json()["ok"], true);
}

#[test]
fn only_what_is_live_acts_outside() {
    let machine = Machine::new();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    target.set_nonblocking(true).unwrap();
    let port = target.local_addr().unwrap().port();
    machine.configure(&json!({ "agent": { "monitors": [
        { "type_id": "tcp_check", "name": "target", "config": { "host": "127.0.0.1", "port": port } } ] } }));
    let mut running = machine.start_stepwise(Role::Agent);
    running.prepared();
    running.ask(&go_on());
    running.ready();
    let status = get(machine.network, "/status").json();
    assert!(status["monitors"]["host_metrics"]["metrics"]["memory_used_bytes"].is_number(), "{status}");
    assert_eq!(status["monitors"]["target"]["detail"], "not looked yet");
    assert!(events(&machine).is_empty());
    assert!(target.accept().is_err(), "nobody has connected");
    running.ask(&Step::Live);
    assert_eq!(running.line(), Line::Live);
    assert_eq!(events(&machine), [(1, "Agent started".to_owned())]);
    until("a look at the target", || target.accept().ok());
    running.close_stdin();
    running.ended_well();
}

#[test]
fn a_hub_polls_only_when_it_is_live() {
    let machine = Machine::new();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    target.set_nonblocking(true).unwrap();
    let url = format!("http://{}", target.local_addr().unwrap());
    machine.configure(&json!({ "hub": { "agents": [{ "name": "desk", "url": url }] } }));
    let mut running = machine.start_stepwise(Role::Hub);
    running.prepared();
    running.ask(&go_on());
    running.ready();
    let status = get(machine.api, "/status").json();
    assert_eq!(status["agents"][0]["name"], "desk", "{status}");
    assert!(target.accept().is_err(), "nobody has connected");
    running.ask(&Step::Live);
    assert_eq!(running.line(), Line::Live);
    until("a poll", || target.accept().ok());
    running.ask(&Step::StandDown);
    assert_eq!(running.line(), Line::StoodDown);
}

#[test]
fn to_stand_down_and_serve_again_is_the_same_step_and_keeps_every_event() {
    let machine = Machine::new();
    let mut running = machine.start_stepwise(Role::Agent);
    running.prepared();
    // Wine needs a second for what takes a tenth elsewhere.
    let rounds = if cfg!(windows) { 3 } else { 20 };
    for round in 1..=rounds {
        running.become_live();
        assert_eq!(events(&machine).last(), Some(&(round, "Agent started".to_owned())));
        let mut stream = connect(machine.control);
        std::io::Write::write_all(
            &mut stream,
            format!("GET /control/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n\r\n", bearer(TOKEN))
                .as_bytes(),
        )
        .unwrap();
        // One that was not accepted yet would wait for the backend that serves next.
        stream.read_exact(&mut [0; 8]).unwrap();
        let since = Instant::now();
        running.ask(&Step::StandDown);
        assert_eq!(running.line(), Line::StoodDown);
        assert!(since.elapsed() < Duration::from_millis(1500), "{:?}", since.elapsed());
        let mut rest = Vec::new();
        let _ended_or_reset = stream.read_to_end(&mut rest);

        // Nothing is held any more but the ports, and nothing is written.
        File::open(machine.state_file("agent.lock")).unwrap().try_lock().unwrap();
        assert!(!is_free(machine.network) && !is_free(machine.control));
        let before = files(&machine);
        // A client that connects meanwhile is not refused, and is answered by the backend that serves next.
        let waiting = std::thread::spawn({
            let port = machine.network;
            move || get(port, "/ping").json()["ok"].clone()
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(files(&machine) == before, "what has stood down writes");
        if round == rounds {
            running.ask(&Step::CloseListeners);
            assert_eq!(running.line(), Line::ListenersClosed);
            assert!(ports_are_free(&machine));
            running.close_stdin();
            running.ended_well();
            assert!(files(&machine) == before, "its end writes nothing");
            return;
        }
        running.ask(&go_on());
        running.ready();
        assert_eq!(waiting.join().unwrap(), true);
        assert_eq!(events(&machine).len() as u64, round);
        running.ask(&Step::StandDown);
        assert_eq!(running.line(), Line::StoodDown, "before it was live");
    }
}

/// Half a file, saved while it stands by, does not keep it from what it did before; one that has never served refuses.
#[test]
fn a_configuration_that_breaks_while_it_stands_by_ends_nothing() {
    for role in Role::ALL {
        let machine = Machine::new();
        let mut running = machine.start_stepwise(role);
        running.prepared();
        running.become_live();
        running.ask(&Step::StandDown);
        assert_eq!(running.line(), Line::StoodDown);
        machine.write_config("{ \"schema\": 1, \"roles\": [");
        running.ask(&go_on());
        running.ready();
        let another = machine.start_stepwise(role);
        assert!(matches!(another.line(), Line::StartupError(_)));
    }
}

/// While it stands by, another backend serves and tells events; then it serves again, and remembers nothing.
#[test]
fn what_another_one_has_told_meanwhile_is_neither_lost_nor_numbered_twice() {
    for role in Role::ALL {
        let machine = Machine::new();
        let mut old = machine.start_stepwise(role);
        old.prepared();
        old.become_live();
        old.ask(&Step::StandDown);
        assert_eq!(old.line(), Line::StoodDown);
        old.ask(&Step::CloseListeners);
        assert_eq!(old.line(), Line::ListenersClosed);
        let mut new = machine.start_stepwise(role);
        new.prepared();
        new.become_live();
        new.ask(&Step::StandDown);
        assert_eq!(new.line(), Line::StoodDown);
        drop(new);
        old.become_live();
        if role == Role::Agent {
            let numbers: Vec<u64> = events(&machine).into_iter().map(|(id, _)| id).collect();
            assert_eq!(numbers, [1, 2, 3]);
        }
        old.close_stdin();
        old.ended_well();
    }
}

#[test]
fn the_end_of_stdin_ends_it_in_every_state() {
    for role in Role::ALL {
        for reached in 0..4 {
            let machine = Machine::new();
            let mut running = machine.start_stepwise(role);
            running.prepared();
            if reached > 0 {
                running.ask(&go_on());
                running.ready();
            }
            if reached > 1 {
                running.ask(&Step::Live);
                assert_eq!(running.line(), Line::Live);
            }
            if reached > 2 {
                running.ask(&Step::StandDown);
                assert_eq!(running.line(), Line::StoodDown);
            }
            running.close_stdin();
            let took = running.ended_well();
            assert!(took < Duration::from_secs(1), "{role} in step {reached}: {took:?}");
            assert!(ports_are_free(&machine));
        }
        // In the middle of one.
        let machine = Machine::new();
        let mut running = machine.start_stepwise(role);
        running.ask(&go_on());
        running.close_stdin();
        assert_eq!(running.ended().code(), Some(0));
    }
}

/// Nobody is waited for: a client that takes its answer slowly keeps only what is live.
#[test]
fn what_is_not_live_ends_without_grace() {
    let machine = Machine::new();
    let message = "m".repeat(9_000 * 1024);
    let event = json!({ "id": 9_000, "time": "t", "machine": "box", "monitor": "x", "message": message });
    fs::create_dir_all(machine.data_dir().join("state")).unwrap();
    let journal = format!("{{\"schema\":1}}\n{}\n", json!({ "event": event }));
    fs::write(machine.state_file("agent-events.jsonl"), journal).unwrap();
    let mut running = machine.start_stepwise(Role::Agent);
    running.prepared();
    running.ask(&go_on());
    running.ready();
    let mut stuck = connect(machine.network);
    std::io::Write::write_all(&mut stuck, b"GET /events?ack=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    stuck.read_exact(&mut [0; 15]).unwrap();
    running.close_stdin();
    let took = running.ended_well();
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn what_is_not_for_now_is_refused_and_changes_nothing() {
    let machine = Machine::new();
    let mut running = machine.start_stepwise(Role::Agent);
    running.prepared();
    let refused = |running: &Running, step: &str, code, state| match running.line() {
        Line::Refused(it) => assert_eq!((it.step.as_str(), it.code, it.state), (step, code, state)),
        other => panic!("{other:?}"),
    };
    for (line, step, code) in [
        (r#"{"taskpaw_step":"live"}"#, "live", RefusalCode::WrongState),
        (r#"{"taskpaw_step":"stand_down"}"#, "stand_down", RefusalCode::WrongState),
        (r#"{"taskpaw_step":"dance"}"#, "dance", RefusalCode::UnknownStep),
        ("nonsense", "", RefusalCode::BrokenLine),
        ("", "", RefusalCode::BrokenLine),
        (&"x".repeat(200_000), "", RefusalCode::BrokenLine),
    ] {
        running.say(line);
        refused(&running, step, code, Life::Prepared);
    }
    running.become_live();
    for step in [go_on(), Step::Live, Step::CloseListeners] {
        running.ask(&step);
        refused(&running, step.name(), RefusalCode::WrongState, Life::Live);
    }
    assert_eq!(get(machine.network, "/ping").json()["ok"], true);
}

#[test]
fn a_host_of_protocol_1_is_answered_once_and_may_write_what_it_wants() {
    let machine = Machine::new();
    let mut running = machine.start(Role::Agent);
    running.ready();
    running.say("nonsense");
    running.ask(&Step::StandDown);
    assert_eq!(get(machine.network, "/ping").json()["ok"], true);
    running.close_stdin();
    running.ended_well();
}

#[test]
fn all_steps_at_once_say_only_that_it_is_ready_and_then_it_can_stand_down() {
    let machine = Machine::new();
    let greeting = json!({ "taskpaw_host": 2, "host_version": "4.0.0", "control_token": TOKEN,
                           "config_dir": machine.config_dir(), "at_once": true });
    let mut running = machine.start_greeted(Role::Agent, &format!("{greeting}\n"));
    running.ready();
    assert_eq!(events(&machine).len(), 1, "it is live");
    running.ask(&Step::StandDown);
    assert_eq!(running.line(), Line::StoodDown);
    running.become_live();
}

#[test]
fn a_configuration_that_has_changed_is_prepared_anew() {
    let machine = Machine::new();
    let mut running = machine.start_stepwise(Role::Agent);
    let first = running.prepared();
    machine.configure(&json!({ "agent": { "machine": "renamed" } }));
    let go_on_with = |hash| Step::GoOn(GoOn { config_hash: Some(hash), ports: None });
    running.ask(&go_on_with(first.config_hash.clone()));
    let second = running.prepared();
    assert_ne!(first.config_hash, second.config_hash);
    assert!(ports_are_free(&machine));
    running.ask(&go_on_with(second.config_hash));
    running.ready();
    assert_eq!(get(machine.network, "/ping").json()["machine"], "renamed");
    // One that cannot be used any more is told, and nothing is claimed.
    let mut running = machine.start_stepwise(Role::Hub);
    let prepared = running.prepared();
    machine.configure(&json!({ "hub": { "api": { "host": "0.0.0.0" } } }));
    running.ask(&go_on_with(prepared.config_hash));
    assert_eq!(running.startup_error().code, Code::ExposureRefused);
    assert!(is_free(machine.api));
}

#[test]
fn ports_of_this_launch_can_be_named_when_it_goes_on() {
    let machine = Machine::new();
    let mut running = machine.start_stepwise(Role::Hub);
    running.prepared();
    let line = json!({ "taskpaw_step": "go_on",
                       "ports": [{ "name": "api", "host": "127.0.0.1", "port": machine.network }] });
    running.say(&line.to_string());
    assert_eq!(running.ready().base_url, format!("http://127.0.0.1:{}", machine.network));
    assert!(is_free(machine.api));
}

#[test]
fn state_that_cannot_be_used_is_told_before_anything_is_touched() {
    let too_new: &[(Role, &str, &str, Code)] = &[
        (Role::Agent, "agent-events.jsonl", "{\"schema\":2}\n", Code::StateTooNew),
        (Role::Agent, "agent-events.jsonl", "{\"schema\":1}\nnonsense\n", Code::StateDamaged),
        (Role::Agent, "agent-cursor.json", "{\"schema\":2,\"stream_id\":\"x\"}", Code::StateTooNew),
        (Role::Hub, "hub.db", "no database at all, only text", Code::StateDamaged),
    ];
    for (role, name, text, code) in too_new {
        let machine = Machine::new();
        fs::create_dir_all(machine.data_dir().join("state")).unwrap();
        fs::write(machine.state_file(name), text).unwrap();
        let before = files(&machine);
        assert_eq!(machine.start_stepwise(*role).startup_error().code, *code, "{name}: {text}");
        assert!(files(&machine) == before);
    }
    let machine = machine_with_state();
    Connection::open(machine.state_file("hub.db")).unwrap().pragma_update(None, "user_version", 3).unwrap();
    let before = files(&machine);
    assert_eq!(machine.start_stepwise(Role::Hub).startup_error().code, Code::StateTooNew);
    assert!(files(&machine) == before);
    fs::remove_file(machine.state_file("agent-events.jsonl")).unwrap();
    fs::create_dir(machine.state_file("agent-events.jsonl")).unwrap();
    // Windows calls a folder in the place of a file a lack of rights.
    let code = if cfg!(windows) { Code::StateDenied } else { Code::StateUnavailable };
    assert_eq!(machine.start_stepwise(Role::Agent).startup_error().code, code);
}

#[test]
fn state_that_somebody_else_holds_is_told_when_it_goes_on_and_not_before() {
    let machine = machine_with_state();
    let lock = File::open(machine.state_file("agent.lock")).unwrap();
    lock.lock().unwrap();
    let mut running = machine.start_stepwise(Role::Agent);
    running.prepared();
    running.ask(&go_on());
    assert_eq!(running.startup_error().code, Code::StateLocked);
    assert!(ports_are_free(&machine));
}

#[test]
fn a_database_of_an_older_version_keeps_its_form_until_it_is_live() {
    let machine = machine_with_state();
    let path = machine.state_file("hub.db");
    Connection::open(&path).unwrap().execute_batch("DROP TABLE outbox; PRAGMA user_version = 1;").unwrap();
    let schema = || -> u32 {
        let database = Connection::open(&path).unwrap();
        database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let copy = machine.state_file("hub.db.schema-1");
    let mut running = machine.start_stepwise(Role::Hub);
    running.prepared();
    running.ask(&go_on());
    running.ready();
    assert_eq!(call(machine.api, "GET", "/status", &[&bearer(TOKEN)]).status, 200);
    assert_eq!(call(machine.api, "GET", "/events", &[&bearer(TOKEN)]).status, 200);
    assert_eq!((schema(), copy.exists()), (1, true));
    running.ask(&Step::StandDown);
    assert_eq!(running.line(), Line::StoodDown);
    assert_eq!(schema(), 1);
    running.become_live();
    assert_eq!(schema(), 2);
}

/// Without a host, too, nobody is ended for one that could not serve.
#[test]
fn a_start_without_a_host_ends_nobody_if_it_cannot_use_the_state() {
    let machine = Machine::new();
    let mut serving = machine.start_headless(Role::Agent);
    serving.ready();
    fs::write(machine.state_file("agent-events.jsonl"), "{\"schema\":2}\n").unwrap();
    assert_eq!(machine.start_headless(Role::Agent).startup_error().code, Code::StateTooNew);
    assert!(serving.child.try_wait().unwrap().is_none());
    assert_eq!(get(machine.network, "/ping").json()["ok"], true);
}
