//! Whose backend is it: those of one data folder follow each other, those of another one are left alone.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::StartupErrorCode as Code;

use crate::running::{Machine, Running, is_private};

fn record(machine: &Machine) -> Option<Value> {
    let bytes = fs::read(machine.state_file("agent.holder.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A backend on the configuration and ports of `machine`, with its data in another folder.
fn elsewhere(machine: &Machine, folder: &str) -> Command {
    let mut command = machine.command(&["agent"]);
    command.env("TASKPAW_DATA_DIR", machine.config_dir().with_file_name(folder));
    command
}

#[test]
fn who_holds_the_state_is_written_down_until_its_end() {
    let machine = Machine::new();
    let running = machine.start_headless(Role::Agent);
    running.ready();
    let written = record(&machine).unwrap();
    assert_eq!(written["pid"], running.child.id());
    let ports = json!([format!("127.0.0.1:{}", machine.network), format!("127.0.0.1:{}", machine.control)]);
    assert_eq!(written["ports"], ports);
    assert!(is_private(&machine.state_file("agent.holder.json")));
    // Its successor has the same place.
    let successor = machine.start_headless(Role::Agent);
    successor.ready();
    running.ended_well();
    assert_eq!(record(&machine).unwrap()["pid"], successor.child.id());
    successor.signal(rustix::process::Signal::TERM);
    successor.ended_well();
    assert_eq!(record(&machine), None);
}

#[test]
fn two_data_folders_on_one_configuration_end_nobody() {
    let machine = Machine::new();
    let mut first = machine.start_headless(Role::Agent);
    first.ready();
    for _ in 0..3 {
        let error = Running::spawn(&mut elsewhere(&machine, "data-of-another")).startup_error();
        assert_eq!(error.code, Code::PortInUse);
        let words = format!("(process {}), a TaskPaw with another data folder", first.child.id());
        assert!(error.message.contains(&words), "{}", error.message);
    }
    assert!(first.child.try_wait().unwrap().is_none(), "it was ended");
    let journal = machine.config_dir().with_file_name("data-of-another").join("takeover-journal.jsonl");
    let journal = fs::read_to_string(journal).unwrap();
    assert!(journal.contains(r#""state":"own_other_installation""#), "{journal}");
    assert!(
        journal.contains(r#""rule":"other_installation""#) && journal.contains(r#""done":"untouched""#),
        "{journal}"
    );
}

#[test]
fn a_data_folder_that_was_deleted_or_copied_ends_nobody() {
    let machine = Machine::new();
    let mut first = machine.start_headless(Role::Agent);
    first.ready();
    // A copy names the backend of the original, and nobody holds its lock.
    let copy = machine.config_dir().with_file_name("copy").join("state");
    fs::create_dir_all(&copy).unwrap();
    fs::copy(machine.state_file("agent.holder.json"), copy.join("agent.holder.json")).unwrap();
    fs::write(copy.join("agent.lock"), "").unwrap();
    assert_eq!(Running::spawn(&mut elsewhere(&machine, "copy")).startup_error().code, Code::PortInUse);
    fs::remove_dir_all(machine.data_dir()).unwrap();
    assert_eq!(machine.start_headless(Role::Agent).startup_error().code, Code::PortInUse);
    assert!(first.child.try_wait().unwrap().is_none(), "it was ended");
}

#[test]
fn a_stale_backend_on_the_old_ports_is_found_and_ended() {
    let machine = Machine::new();
    let old = machine.start_headless(Role::Agent);
    old.ready();
    let moved = Machine::new();
    machine.configure(&json!({ "agent": { "network": { "port": moved.network },
                                          "control": { "port": moved.control } } }));
    let new = machine.start_headless(Role::Agent);
    new.ready();
    old.ended_well();
    assert_eq!(record(&machine).unwrap()["pid"], new.child.id());
}

#[test]
fn who_holds_the_state_is_named_by_a_start_that_may_not_end_it() {
    let machine = Machine::new();
    let holder = machine.start_headless(Role::Agent);
    holder.ready();
    // Under a host a backend ends nobody.
    let moved = Machine::new();
    machine.configure(&json!({ "agent": { "network": { "port": moved.network },
                                          "control": { "port": moved.control } } }));
    let error = machine.start(Role::Agent).startup_error();
    assert_eq!(error.code, Code::StateLocked);
    assert!(error.message.contains(&format!("process {}", holder.child.id())), "{}", error.message);
}

#[test]
fn a_forged_record_ends_nobody_and_hangs_nothing() {
    let machine = Machine::new();
    fs::create_dir_all(machine.data_dir().join("state")).unwrap();
    let path = machine.state_file("agent.holder.json");
    let mut stranger = Command::new("sleep").arg("60").spawn().unwrap();
    let started_at = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", stranger.id())).unwrap();
        stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().parse::<u64>().unwrap()
    };
    let forged = json!({ "schema": 1, "pid": stranger.id(), "started_at": started_at(),
                         "exe": fs::read_link(format!("/proc/{}/exe", stranger.id())).unwrap() });
    fs::write(&path, forged.to_string()).unwrap();
    // Somebody holds the lock, as one would who forges it.
    let lock = fs::File::create(machine.state_file("agent.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(machine.start_headless(Role::Agent).startup_error().code, Code::StateLocked);
    drop(lock);
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    machine.start_headless(Role::Agent).ready();
    fs::remove_file(&path).unwrap();
    fs::File::create(&path).unwrap().set_len(6 << 30).unwrap();
    machine.start_headless(Role::Agent).ready();
    assert!(stranger.try_wait().unwrap().is_none(), "it was ended");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn the_configuration_knows_its_data_folder() {
    let machine = Machine::new();
    let home = machine.config_dir().with_file_name("home");
    let start = |xdg: Option<&str>| {
        let mut command = machine.command(&["agent"]);
        command.env_remove("TASKPAW_DATA_DIR").env_remove("XDG_DATA_HOME").env("HOME", &home);
        if let Some(xdg) = xdg {
            command.env("XDG_DATA_HOME", home.join(xdg));
        }
        let running = Running::spawn(&mut command);
        running.ready();
        running
    };
    fs::create_dir_all(&home).unwrap();
    let first = start(None);
    let config = || -> Value {
        serde_json::from_slice(&fs::read(machine.config_dir().join("config.json")).unwrap()).unwrap()
    };
    assert_eq!(config()["data_dir"], "~/.local/share/taskpaw");
    let second = start(Some("snap"));
    first.ended_well();
    assert!(!home.join("snap").exists());
    // Once it is gone it is created again, and that is said.
    second.signal(rustix::process::Signal::TERM);
    second.ended_well();
    fs::remove_dir_all(home.join(".local/share/taskpaw")).unwrap();
    let mut third = start(Some("snap"));
    third.signal(rustix::process::Signal::TERM);
    assert_eq!(third.ended().code(), Some(0));
    let log = third.log();
    assert!(log.contains("is gone: it is made anew"), "{log}");
    assert!(home.join(".local/share/taskpaw/state").is_dir());
}
