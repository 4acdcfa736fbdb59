//! The first start without a host on a machine that TaskPaw V3 was on.

use std::fs;

use serde_json::{Value, json};
use taskpaw_contract::Role;

use crate::client::{bearer, call, get, until};
#[cfg(target_os = "linux")]
use crate::ports::free_ports;
use crate::running::{Machine, Running};

/// A machine with the files of V3 and no configuration yet.
fn with_v3() -> Machine {
    let machine = Machine::new();
    fs::remove_file(machine.config_dir().join("config.json")).unwrap();
    fs::create_dir(machine.v3_dir()).unwrap();
    machine
}

fn agent_yaml(machine: &Machine) -> String {
    format!(
        "server_id: id-of-v3\nmachine: old-box\nbind_port: {}\ncontrol_port: {}\napi_token: t0ken-of-v3\n\
         control_host: 0.0.0.0\nmonitors:\n\
         - {{type_id: tcp_check, name: mine, config: {{name: mine, port: {}}}}}\n\
         - {{type_id: lada, name: gone}}\n",
        machine.network, machine.control, machine.control
    )
}

fn config(machine: &Machine) -> Value {
    serde_json::from_slice(&fs::read(machine.config_dir().join("config.json")).unwrap()).unwrap()
}

fn write_agent_yaml(machine: &Machine) -> String {
    let yaml = agent_yaml(machine);
    fs::write(machine.v3_dir().join("agent.yaml"), &yaml).unwrap();
    yaml
}

fn ended_log(mut running: Running) -> String {
    running.child.kill().unwrap();
    running.ended();
    running.log()
}

#[test]
fn an_agent_goes_on_as_the_one_of_v3_and_takes_over_once() {
    let machine = with_v3();
    let yaml = write_agent_yaml(&machine);
    let running = machine.start_headless(Role::Agent);
    running.ready();
    let status = call(machine.network, "GET", "/status", &[&bearer("t0ken-of-v3")]).json();
    assert_eq!((&status["machine"], &status["server_id"]), (&json!("old-box"), &json!("id-of-v3")));
    assert_eq!(status["monitors"]["mine"]["type_id"], "tcp_check");
    assert_eq!(get(machine.network, "/status").status, 401, "the token counts");
    assert_eq!(config(&machine)["roles"], json!(["agent"]));
    assert_eq!(fs::read_to_string(machine.v3_dir().join("agent.yaml")).unwrap(), yaml, "it stays as it is");

    let report = fs::read_to_string(machine.data_dir().join("taskpaw3-import.json")).unwrap();
    let log = ended_log(running);
    for text in [&report, &log] {
        assert!(!text.contains("t0ken-of-v3"), "{text}");
    }
    for line in [
        "taken over: agent.yaml: monitors[0] (mine)",
        "not taken over: agent.yaml: control_host: it is not loopback",
        "not taken over: agent.yaml: monitors[1].type_id (gone): this version has no monitor of type lada",
    ] {
        assert!(log.contains(line), "{line} in {log}");
    }

    fs::write(machine.v3_dir().join("agent.yaml"), "machine: later\nserver_id: later\n").unwrap();
    let again = machine.start_headless(Role::Agent);
    again.ready();
    assert_eq!(get(machine.network, "/ping").json()["machine"], "old-box");
    assert!(!ended_log(again).contains("taken over"));
    assert_eq!(fs::read_to_string(machine.data_dir().join("taskpaw3-import.json")).unwrap(), report);
}

#[test]
fn a_hub_goes_on_as_the_one_of_v3() {
    let machine = with_v3();
    let yaml =
        format!("machine: hub\nbind_port: {}\npoll_interval: 7\npolling_token: t0ken-of-v3\n", machine.api);
    fs::write(machine.v3_dir().join("hub.yaml"), yaml).unwrap();
    let running = machine.start_headless(Role::Hub);
    running.ready();
    assert_eq!(get(machine.api, "/ping").json()["machine"], "hub");
    let config = config(&machine);
    assert_eq!(config["roles"], json!(["hub"]));
    assert_eq!(
        (&config["hub"]["poll_seconds"], &config["hub"]["polling_token"]),
        (&json!(7), &json!("t0ken-of-v3"))
    );
}

#[test]
fn both_roles_that_start_at_once_take_over_once() {
    let machine = with_v3();
    write_agent_yaml(&machine);
    fs::write(machine.v3_dir().join("hub.yaml"), format!("bind_port: {}\n", machine.api)).unwrap();
    let (agent, hub) = (machine.start_headless(Role::Agent), machine.start_headless(Role::Hub));
    agent.ready();
    hub.ready();
    let config = config(&machine);
    assert_eq!(
        (&config["roles"], &config["agent"]["server_id"]),
        (&json!(["agent", "hub"]), &json!("id-of-v3"))
    );
    let took = [ended_log(agent), ended_log(hub)].map(|log| log.contains("TaskPaw 3 was here"));
    assert!(took[0] != took[1], "{took:?}");
}

#[test]
fn a_file_that_cannot_be_used_does_not_stop_the_start() {
    let machine = with_v3();
    // The ports of the defaults can be anybody's here, so those of this machine come from the other file.
    fs::write(machine.v3_dir().join("agent.yaml"), b"machine: \xff\xfe").unwrap();
    fs::write(machine.v3_dir().join("hub.yaml"), format!("bind_port: {}\nmonitors: {{a: 1]\n", machine.api))
        .unwrap();
    let check = || machine.command(&["hub", "--check-config"]).output().unwrap();
    let told = String::from_utf8(check().stdout).unwrap();
    for line in ["agent.yaml: it is no text in UTF-8", "hub.yaml: it is no valid YAML: line 2"] {
        assert!(told.contains(line), "{line} in {told}");
    }
    fs::write(machine.v3_dir().join("hub.yaml"), format!("bind_port: {}\n", machine.api)).unwrap();
    let hub = machine.start_headless(Role::Hub);
    hub.ready();
    assert_eq!(config(&machine)["roles"], json!(["agent", "hub"]));
}

#[test]
fn a_check_says_what_would_be_taken_and_writes_nothing() {
    let machine = with_v3();
    write_agent_yaml(&machine);
    let output = machine.command(&["agent", "--check-config"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && told.contains("the first start makes it"), "{told}");
    assert!(told.contains("taken over: agent.yaml: server_id") && !told.contains("t0ken-of-v3"), "{told}");
    assert!(!machine.config_dir().join("config.json").exists() && !machine.data_dir().exists());
    fs::remove_dir_all(machine.v3_dir()).unwrap();
    let output = machine.command(&["agent", "--check-config"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("every key has its default"));
}

#[test]
fn a_configuration_that_is_there_is_never_made_again() {
    let machine = Machine::new();
    fs::create_dir(machine.v3_dir()).unwrap();
    write_agent_yaml(&machine);
    let running = machine.start_headless(Role::Agent);
    running.ready();
    assert_eq!(get(machine.network, "/ping").json()["machine"], "box");
    assert!(!machine.data_dir().join("taskpaw3-import.json").exists());
}

/// What V3's hub had beside its file: a database with machines, and the file that it wrote for other programs.
fn write_hub(machine: &Machine, more: &str) -> std::path::PathBuf {
    let data = machine.data_dir().join("of-v3");
    fs::create_dir_all(&data).unwrap();
    let yaml =
        format!("bind_port: {}\npoll_interval: 1\ndata_dir: '{}'\n{more}", machine.api, data.display());
    fs::write(machine.v3_dir().join("hub.yaml"), yaml).unwrap();
    fs::write(data.join("status.md"), "of V3").unwrap();
    let database = rusqlite::Connection::open(data.join("hub.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, ip TEXT NOT NULL,
                 port INTEGER NOT NULL DEFAULT 5680, enabled INTEGER NOT NULL DEFAULT 1);
             CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT);
             INSERT INTO servers (name, ip, port) VALUES ('render', '127.0.0.1', 1);
             INSERT INTO config VALUES ('polling_token', 't0ken-of-v3');",
        )
        .unwrap();
    data
}

#[test]
fn a_hub_of_v3_comes_along_with_its_machines_and_its_file_goes_on() {
    let machine = with_v3();
    let data = write_hub(&machine, "");
    let running = machine.start_headless(Role::Hub);
    running.ready();
    let hub = config(&machine)["hub"].clone();
    assert_eq!(hub["agents"][0]["url"], "http://127.0.0.1:1");
    assert_eq!(hub["polling_token"], "t0ken-of-v3");
    let fleet = get(machine.api, "/status").json();
    assert_eq!(fleet["agents"][0]["name"], "render", "it is polled in this launch already");
    let written = until("the file goes on", || {
        let text = fs::read_to_string(data.join("status.md")).unwrap();
        text.starts_with("# TaskPaw Hub Status").then_some(text)
    });
    assert!(written.ends_with("\n## render: OFFLINE\n"), "{written}");
    let log = ended_log(running);
    assert!(log.contains("taken over: hub.db: servers (render)") && !log.contains("t0ken"), "{log}");
}

#[test]
fn who_came_with_an_earlier_version_can_take_over_the_rest() {
    let machine = with_v3();
    write_hub(&machine, "openclaw_enabled: true\nopenclaw_token: t0ken-of-claw\n");
    machine.configure(&json!({ "hub": { "polling_token": "mine" } }));
    let import = || {
        let output = machine.command(&["hub", "--import-v3"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let told = import();
    for line in [
        "taken over: hub.db: servers (render)",
        "taken over: hub.yaml: openclaw_url",
        "taken over: hub.yaml: write_status_md",
        "not taken over: hub.db: polling_token: something else was set since, and stays",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(told.find("not taken over: ") < told.find("\ntaken over: "), "what is lost comes first: {told}");
    assert!(!told.contains("t0ken"), "{told}");
    let hub = config(&machine)["hub"].clone();
    assert_eq!((&hub["polling_token"], &hub["webhook"]["events"]), (&json!("mine"), &json!("all")));
    assert_eq!(hub["agents"][0]["name"], "render");
    assert_eq!(import(), "there is nothing of TaskPaw 3 left to take over\n");
}

#[test]
fn a_database_that_could_not_be_read_can_be_asked_for_again() {
    let machine = with_v3();
    let data = write_hub(&machine, "");
    let whole = fs::read(data.join("hub.db")).unwrap();
    fs::write(data.join("hub.db"), "no database, but a text that is long enough to be looked at").unwrap();
    machine.configure(&json!({}));
    let import = || {
        let output = machine.command(&["hub", "--import-v3"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    for _ in 0..2 {
        let told = import();
        assert!(told.contains("not taken over: hub.db: it cannot be read"), "{told}");
        assert!(told.contains("hub.db is tried again when the hub starts"), "{told}");
    }
    fs::write(data.join("hub.db"), whole).unwrap();
    let told = import();
    assert!(
        told.contains("taken over: hub.db: servers (render)") && !told.contains("cannot be read"),
        "{told}"
    );
    assert_eq!(import(), "there is nothing of TaskPaw 3 left to take over\n");
}

#[test]
fn what_a_hub_of_v3_that_still_runs_has_in_its_log_is_taken_as_well() {
    let machine = with_v3();
    let data = write_hub(&machine, "");
    machine.configure(&json!({}));
    // It keeps its database open, and what it has written last is in the log only.
    let hub = rusqlite::Connection::open(data.join("hub.db")).unwrap();
    hub.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    hub.execute("INSERT INTO servers (name, ip, port) VALUES ('late', '127.0.0.1', 2)", []).unwrap();
    let output = machine.command(&["hub", "--import-v3"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && told.contains("taken over: hub.db: servers (late)"), "{told}");
    // It goes on undisturbed.
    hub.execute("UPDATE servers SET port = 3", []).unwrap();
    let whole: String = hub.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}

/// Asks as V3's hub does that has stored events up to this one.
fn fetched(machine: &Machine, ack: u64) -> Vec<(u64, String)> {
    let answer = call(machine.network, "GET", &format!("/events?ack={ack}"), &[&bearer("t0ken-of-v3")]);
    assert_eq!(answer.status, 200, "{ack}");
    let events = answer.json()["events"].clone();
    let told = |event: &Value| {
        (
            event["id"].as_u64().unwrap(),
            event["message"].as_str().unwrap().split(' ').next().unwrap().to_owned(),
        )
    };
    events.as_array().unwrap().iter().map(told).collect()
}

#[test]
fn events_go_on_where_v3_has_stopped() {
    let machine = with_v3();
    write_agent_yaml(&machine);
    fs::write(machine.v3_dir().join("agent.state.json"), r#"{"next_event_id": 503}"#).unwrap();
    // What only its memory held, as the backend that took over has kept it.
    fs::create_dir_all(machine.data_dir().join("state")).unwrap();
    let memory = machine.state_file("v3-events.json");
    let held = |id: u64| json!({ "id": id, "time": "t", "machine": "m", "monitor": "x", "message": "held" });
    fs::write(&memory, json!({ "schema": 1, "events": [held(500), held(501)] }).to_string()).unwrap();
    let running = machine.start_headless(Role::Agent);
    running.ready();
    let word = |word: &str| word.to_owned();
    assert_eq!(fetched(&machine, 499), [(500, word("held")), (501, word("held")), (503, word("TaskPaw"))]);
    assert!(!memory.exists(), "the journal has it");
    assert_eq!(fetched(&machine, 502), [(503, word("TaskPaw"))]);
    until("what the hub has is on the disk", || {
        let cursor = fs::read_to_string(machine.state_file("agent-cursor.json")).unwrap();
        cursor.contains("\"ack\":502").then_some(())
    });
    assert!(ended_log(running).contains("2 events of TaskPaw 3"));

    // V3 has run once more meanwhile.
    fs::write(machine.v3_dir().join("agent.state.json"), r#"{"next_event_id": 601}"#).unwrap();
    let running = machine.start_headless(Role::Agent);
    running.ready();
    assert_eq!(fetched(&machine, 600), [(601, word("TaskPaw")), (602, word("TaskPaw"))]);

    // The report for a hub of 3.9, while the agent runs.
    let report = machine.data_dir().join("report.json");
    let export = machine.command(&["agent", "--export-cursor"]).arg(&report).output().unwrap();
    assert!(export.status.success(), "{export:?}");
    assert!(crate::running::is_private(&report));
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let status = call(machine.network, "GET", "/status", &[&bearer("t0ken-of-v3")]).json();
    assert_eq!(
        report,
        json!({ "report_version": 1, "verified": true, "record": {
            "version": 2, "server_id": "id-of-v3", "stream_id": status["event_cursor"]["stream_id"],
            "lineage_origin": "legacy_migration", "next_event_id": 603 } })
    );
}

#[test]
fn a_counter_that_cannot_be_read_costs_no_event() {
    let machine = with_v3();
    write_agent_yaml(&machine);
    fs::write(machine.v3_dir().join("agent.state.json"), r#"{"next_event_id": 5"#).unwrap();
    fs::create_dir_all(machine.data_dir().join("state")).unwrap();
    fs::write(machine.state_file("v3-events.json"), "half of a").unwrap();
    for told in [vec![1_000_000_001], vec![1_000_000_001, 1_000_000_002]] {
        let running = machine.start_headless(Role::Agent);
        running.ready();
        // Asked by a hub of V3 that has stored 502.
        assert_eq!(fetched(&machine, 502).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), told);
        assert!(ended_log(running).contains("agent.state.json cannot be used"));
    }
    assert_eq!(fs::read_to_string(machine.state_file("v3-events.damaged.json")).unwrap(), "half of a");
}

#[test]
fn the_stream_of_v3_goes_on_and_without_an_agent_there_is_no_report() {
    let machine = with_v3();
    write_agent_yaml(&machine);
    let stream_id = "0123456789abcdef".repeat(2);
    let record = json!({ "version": 2, "server_id": "id-of-v3", "stream_id": stream_id,
                         "lineage_origin": "new_pairing", "next_event_id": 10 });
    fs::write(machine.v3_dir().join("agent.state.json"), record.to_string()).unwrap();
    let export = machine.command(&["agent", "--export-cursor", "never"]).output().unwrap();
    assert!(!export.status.success());
    let running = machine.start_headless(Role::Agent);
    running.ready();
    let status = call(machine.network, "GET", "/status", &[&bearer("t0ken-of-v3")]).json();
    assert_eq!(status["event_cursor"]["stream_id"], json!(stream_id));
    assert_eq!(status["event_cursor"]["resume_floor"], json!(9));
}

/// The stand-in for V3's agent, on these ports.
#[cfg(target_os = "linux")]
fn start_v3(ports: [u16; 2], arguments: &[&str]) -> std::process::Child {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let helpers = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/helpers");
    let mut old = Command::new("python3")
        .args(["-m", "taskpaw_v3.agent", &ports[0].to_string(), &ports[1].to_string()])
        .args(arguments)
        .env("PYTHONPATH", helpers)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(old.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    old
}

/// The port for hubs was changed, and V3 is in the way with its other one only.
#[cfg(target_os = "linux")]
#[test]
fn events_of_a_v3_that_serves_hubs_on_another_port_come_along() {
    use std::io::Write as _;

    let machine = Machine::new();
    let [elsewhere] = free_ports();
    let mut old = start_v3([elsewhere, machine.control], &[]);
    old.stdin.as_mut().unwrap().write_all(b"rendered\n").unwrap();
    until("it has the event", || {
        let told = call(elsewhere, "GET", "/events?ack=-1", &[]);
        told.json()["events"].as_array().is_some_and(|events| events.len() == 1).then_some(())
    });
    let running = machine.start_headless(Role::Agent);
    running.ready();
    assert_eq!(old.wait().unwrap().code(), Some(0), "it was asked, and ended by itself");
    assert!(ended_log(running).contains("1 events of TaskPaw 3"));
}

#[cfg(target_os = "linux")]
#[test]
fn what_ends_with_a_v3_is_in_the_journal() {
    use rustix::process::{Pid, Signal, kill_process};

    let machine = Machine::new();
    // It has started a program, and wants a token that nobody knows.
    let mut old = start_v3([machine.network, machine.control], &["--works", "--token", "another"]);
    let running = machine.start_headless(Role::Agent);
    running.ready();
    assert_eq!(old.wait().unwrap().code(), Some(0), "it was asked, and ended by itself");
    let journal = fs::read_to_string(machine.data_dir().join("takeover-journal.jsonl")).unwrap();
    let record: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    let [holder] = record["holders"].as_array().unwrap().as_slice() else { panic!("{record}") };
    assert_eq!((&holder["pid"], &holder["done"]), (&json!(old.id()), &json!("graceful")));
    let [child] = holder["children"].as_array().unwrap().as_slice() else { panic!("{record}") };
    assert_eq!((&child["name"], &child["left"]), (&json!("sleep"), &json!(true)));
    assert!(holder["lost"].as_str().is_some_and(|reason| reason.contains("401")), "{record}");
    let pid = i32::try_from(child["pid"].as_u64().unwrap()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let log = ended_log(running);
    assert!(log.contains("sleep") && log.contains("TaskPaw 3 still works at something"), "{log}");
}
