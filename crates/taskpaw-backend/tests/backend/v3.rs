//! The first start without a host on a machine that TaskPaw V3 was on.

use std::fs;

use serde_json::{Value, json};
use taskpaw_contract::Role;

use crate::client::{bearer, call, get};
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
         - {{type_id: comfyui, name: gone}}\n",
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
        "not taken over: agent.yaml: monitors[1].type_id (gone): this version has no monitor of type comfyui",
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
