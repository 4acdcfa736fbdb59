//! The first line of stdout: ready, or why not.

use std::fs;
use std::net::TcpListener;

use rusqlite::Connection;
use serde_json::json;
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::StartupErrorCode as Code;

use crate::client::{bearer, call, get, until};
use crate::running::{Machine, Running, is_free, is_private};

#[test]
fn a_ready_agent_says_where_it_is_controlled() {
    let machine = Machine::new();
    let running = machine.start(Role::Agent);
    let ready = running.ready();
    assert_eq!((ready.role, ready.pid), (Role::Agent, running.child.id()));
    assert_eq!(ready.base_url, format!("http://127.0.0.1:{}", machine.control));
    assert_eq!(ready.version, taskpaw_contract::version());
}

#[test]
fn a_ready_hub_says_where_its_api_is() {
    let machine = Machine::new();
    let running = machine.start(Role::Hub);
    assert_eq!(running.ready().base_url, format!("http://127.0.0.1:{}", machine.api));
    assert_eq!(get(machine.api, "/ping").json()["ok"], true);
}

#[test]
fn without_a_host_it_makes_its_own_token_and_identity() {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "server_id": "" } }));
    let running = machine.start_headless(Role::Agent);
    running.ready();
    let path = machine.state_file("control.token");
    assert!(is_private(&path));
    let token = fs::read_to_string(&path).unwrap();
    assert_eq!(call(machine.control, "GET", "/control/ping", &[&bearer(&token)]).status, 200);
    let server_id = get(machine.network, "/status").json()["server_id"].as_str().unwrap().to_owned();
    assert!(fs::read_to_string(machine.config_dir().join("config.json")).unwrap().contains(&server_id));
    let copy = machine.config_dir().join("config.json.last-good");
    until("a copy of the configuration that works", || copy.exists().then_some(()));
    assert!(is_private(&copy));
    drop(running);
    let again = machine.start_headless(Role::Agent);
    again.ready();
    let new = fs::read_to_string(&path).unwrap();
    assert_ne!(new, token, "each start has its own");
    let ping = |token: &str| call(machine.control, "GET", "/control/ping", &[&bearer(token)]).status;
    assert_eq!((ping(&new), ping(&token)), (200, 401));
}

#[test]
fn under_a_host_the_configuration_is_the_hosts_to_write() {
    let machine = Machine::new();
    machine.write_config(&json!({ "agent": { "network": { "port": machine.network }, "control": { "port": machine.control } } }).to_string());
    let before = fs::read(machine.config_dir().join("config.json")).unwrap();
    let running = machine.start(Role::Agent);
    running.ready();
    assert_eq!(fs::read(machine.config_dir().join("config.json")).unwrap(), before);
    assert!(!machine.state_file("control.token").exists());
    assert!(!machine.config_dir().join("config.json.last-good").exists());
    // An empty name is the host's name.
    assert!(!get(machine.network, "/ping").json()["machine"].as_str().unwrap().is_empty());
}

#[test]
fn a_folder_on_the_command_line_counts() {
    let machine = Machine::new();
    let mut command = machine.command(&["agent", "--config-dir"]);
    command.arg(machine.config_dir()).env("TASKPAW_CONFIG_DIR", machine.data_dir());
    let running = Running::spawn(&mut command);
    running.ready();
    assert_eq!(get(machine.network, "/ping").json()["machine"], "box");
}

#[test]
fn a_port_in_use_is_named_and_the_others_are_released() {
    let machine = Machine::new();
    let _holder = TcpListener::bind(("127.0.0.1", machine.control)).unwrap();
    let error = machine.start(Role::Agent).startup_error();
    assert_eq!((error.code, error.role), (Code::PortInUse, Role::Agent));
    let port = error.port.unwrap();
    assert_eq!(
        (port.name.as_str(), port.host.as_str(), port.port),
        ("control", "127.0.0.1", machine.control.into())
    );
    assert!(is_free(machine.network));
}

#[test]
fn every_reason_has_its_code() {
    for (config, role, expected, words) in [
        (
            json!({ "agent": { "network": { "host": "0.0.0.0" } } }),
            Role::Agent,
            Code::ExposureRefused,
            "agent.network.host",
        ),
        (
            json!({ "agent": { "network": { "port": 70000 } } }),
            Role::Agent,
            Code::ConfigInvalid,
            "agent.network.port: 70000",
        ),
        (json!({ "schema": 99 }), Role::Hub, Code::ConfigInvalid, "newer"),
        (
            json!({ "hub": { "api": { "host": "10.255.255.254" }, "token": "t" } }),
            Role::Hub,
            Code::BindAddressUnavailable,
            "10.255.255.254",
        ),
    ] {
        let machine = Machine::new();
        machine.configure(&config);
        let error = machine.start(role).startup_error();
        assert_eq!(error.code, expected, "{error:?}");
        assert!(error.message.contains(words), "{error:?}");
    }
}

#[test]
fn a_broken_configuration_is_left_as_it_is() {
    let machine = Machine::new();
    machine.write_config("{\n  \"schema\": 1,,\n}");
    let error = machine.start_headless(Role::Agent).startup_error();
    assert_eq!(error.code, Code::ConfigInvalid);
    assert!(error.message.contains("line 2"), "{error:?}");
    assert_eq!(
        fs::read_to_string(machine.config_dir().join("config.json")).unwrap(),
        "{\n  \"schema\": 1,,\n}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_configuration_that_cannot_be_written_is_told() {
    // Nobody can make a folder there, not even root.
    let machine = Machine::new();
    let mut command = machine.command(&["agent"]);
    let error = Running::spawn(command.env("TASKPAW_CONFIG_DIR", "/proc/taskpaw")).startup_error();
    assert_eq!(error.code, Code::ConfigUnwritable);
}

#[test]
fn state_that_cannot_be_used_is_told_and_left_as_it_is() {
    let machine = Machine::new();
    fs::create_dir_all(machine.data_dir().join("state")).unwrap();
    for (text, expected) in [
        ("{\"schema\":2}\n", Code::StateTooNew),
        ("{\"schema\":1}\nnonsense\n", Code::StateDamaged),
        // No event could come after this one.
        ("{\"schema\":1}\n{\"forgotten\":18446744073709551615}\n", Code::StateDamaged),
    ] {
        let file = machine.state_file("agent-events.jsonl");
        fs::write(&file, text).unwrap();
        assert_eq!(machine.start(Role::Agent).startup_error().code, expected, "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let history = machine.state_file("hub.db");
    Connection::open(&history).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let newer = fs::read(&history).unwrap();
    for (bytes, expected) in
        [(newer.as_slice(), Code::StateTooNew), (b"no database at all, only text", Code::StateDamaged)]
    {
        fs::write(&history, bytes).unwrap();
        assert_eq!(machine.start(Role::Hub).startup_error().code, expected);
        assert_eq!(fs::read(&history).unwrap(), bytes);
    }
    let machine = Machine::new();
    fs::write(machine.data_dir(), "in the way").unwrap();
    assert_eq!(machine.start(Role::Agent).startup_error().code, Code::StateUnavailable);
}

#[test]
fn a_configuration_is_checked_without_a_start() {
    let machine = Machine::new();
    let check = || machine.command(&["hub", "--check-config"]).output().unwrap();
    let good = check();
    assert!(
        good.status.success() && String::from_utf8_lossy(&good.stdout).contains("can be used"),
        "{good:?}"
    );
    machine.write_config(r#"{"hub":{"api":{"port":70000}}}"#);
    let bad = check();
    assert_eq!((bad.status.code(), bad.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("hub.api.port: 70000 is not between"), "{bad:?}");
    assert!(!machine.data_dir().exists(), "nothing was started");
    let printed = machine.command(&["--print-default-config"]).output().unwrap();
    machine.write_config(&String::from_utf8(printed.stdout).unwrap());
    assert!(check().status.success());
}

#[test]
fn a_host_that_breaks_the_protocol_is_refused() {
    let machine = Machine::new();
    for greeting in [
        "hello\n",
        "{}\n",
        "{\"taskpaw_host\":1,\"host_version\":\"4\",\"control_token\":\"\",\"config_dir\":\"/\"}\n",
    ] {
        let error = machine.start_greeted(Role::Agent, greeting).startup_error();
        assert_eq!(error.code, Code::StartupFailed, "{greeting}");
    }
    let mut gone = machine.start_greeted(Role::Agent, "{\"taskpaw_host\":1");
    gone.close_stdin();
    assert_eq!(gone.startup_error().code, Code::StartupFailed);
    let other = Running::spawn(machine.command(&["agent"]).env("TASKPAW_HOST", "socket"));
    assert_eq!(other.startup_error().code, Code::StartupFailed);
}

#[test]
fn a_silent_host_is_given_up() {
    let error = Machine::new().start_greeted(Role::Agent, "").startup_error();
    assert_eq!(error.code, Code::StartupFailed);
    assert!(error.message.contains("within 5 s"), "{error:?}");
}

#[test]
fn wrong_arguments_are_wrong_usage() {
    let machine = Machine::new();
    for arguments in [&["serve"][..], &["agent", "--config=x"], &["agent", "hub"]] {
        let output = machine.command(arguments).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &[][..]), "{arguments:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("Usage: taskpaw-backend"));
    }
    let output = machine.command(&["--version"]).output().unwrap();
    let expected = format!("taskpaw-backend {}\n", taskpaw_contract::version());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_host_a_stale_backend_is_replaced() {
    let machine = Machine::new();
    let mut old = machine.start_headless(Role::Agent);
    let stale = old.ready().pid;
    let new = machine.start_headless(Role::Agent);
    assert_ne!(new.ready().pid, stale);
    assert!(old.ended().success(), "it was asked, and stopped by itself");
    assert_eq!(get(machine.network, "/ping").json()["machine"], "box");
}

#[cfg(unix)]
#[test]
fn whatever_is_written_is_for_its_owner_only() {
    fn files(folder: &std::path::Path, all: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                files(&entry.path(), all);
            } else {
                all.push(entry.path());
            }
        }
    }
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "server_id": "" } }));
    let config = machine.config_dir().join("config.json");
    for role in Role::ALL {
        let mut running = machine.start_headless(role);
        running.ready();
        let token = fs::read_to_string(machine.state_file("control.token")).unwrap();
        let path = if role == Role::Hub { "/control/agents" } else { "/control/monitors" };
        let port = if role == Role::Hub { machine.api } else { machine.control };
        let added = if role == Role::Hub {
            json!({ "name": "desk", "url": "http://127.0.0.1:1", "token": "secret" })
        } else {
            json!({ "type_id": "heartbeat", "name": "x", "config": { "path": "/no/such/file" } })
        };
        let answer =
            crate::client::send(port, "POST", path, &[&bearer(&token)], added.to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.body);
        running.signal(rustix::process::Signal::TERM);
        running.ended();
    }
    assert!(fs::read_to_string(&config).unwrap().contains("secret"));
    let mut all = Vec::new();
    files(&machine.config_dir(), &mut all);
    files(&machine.data_dir(), &mut all);
    assert!(all.len() >= 5, "{all:?}");
    let open: Vec<_> = all.iter().filter(|path| !is_private(path)).collect();
    assert!(open.is_empty(), "others can read {open:?}");
}
