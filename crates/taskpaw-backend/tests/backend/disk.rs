//! A full disk and one that cannot be written: agent and hub say so, go on where they can, and lose no event.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::StartupErrorCode;

use crate::client::{get, until};
use crate::running::Machine;

const MONITORS: usize = 40;

/// A small disk of its own for the data of a machine; only root may make one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(machine: &Machine, options: &str) -> Option<Self> {
        let folder = machine.data_dir();
        fs::create_dir_all(&folder).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: only root can mount a small disk");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The folder is removed with the machine; a disk that is still mounted would be left.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Monitors of which each has an event to tell at once.
fn alarms() -> Vec<Value> {
    let alarm = |number: usize| {
        let config = json!({ "path": format!("/no/such/file-{number}") });
        json!({ "type_id": "heartbeat", "name": format!("m{number}"), "config": config })
    };
    (0..MONITORS).map(alarm).collect()
}

#[test]
fn a_full_disk_is_survived_and_said_and_no_event_is_lost() {
    let machine = Machine::new();
    let Some(disk) = SmallDisk::mount(&machine, "size=256k") else { return };
    let mut running = machine.start(Role::Agent);
    running.ready();
    drop(running);
    let filler = disk.0.join("filler");
    // It ends with an error, when nothing fits any more.
    assert!(fs::write(&filler, vec![0; 1 << 20]).is_err());
    machine.configure(&json!({ "agent": { "monitors": alarms() } }));
    running = machine.start(Role::Agent);
    running.ready();
    let ids = || -> Vec<u64> {
        let events = get(machine.network, "/events?ack=0").json()["events"].clone();
        events.as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect()
    };
    until("every monitor's first look", || {
        let monitors = get(machine.network, "/status").json()["monitors"].clone();
        let errors = monitors.as_object().unwrap().values().filter(|one| one["state"] == "error").count();
        (errors == MONITORS).then_some(())
    });
    let before = ids();
    assert!(before.len() < MONITORS, "only what is on the disk can be seen: {before:?}");
    fs::remove_file(&filler).unwrap();
    let all: Vec<u64> = (1..=MONITORS as u64 + 2).collect();
    until("every event", || (ids() == all).then_some(()));
    running.close_stdin();
    assert_eq!(running.ended().code(), Some(0));
    assert!(running.log().contains("events cannot be written"));
}

#[test]
fn a_disk_that_cannot_be_written_is_told_at_the_start() {
    let machine = Machine::new();
    let Some(_disk) = SmallDisk::mount(&machine, "size=64k,ro") else { return };
    for role in Role::ALL {
        let error = machine.start(role).startup_error();
        assert_eq!(error.code, StartupErrorCode::StateReadOnly, "{}", error.message);
    }
}

#[test]
fn a_hub_whose_disk_is_full_says_so_and_gets_the_events_once_there_is_room() {
    let (machine, desk) = (Machine::new(), Machine::new());
    let Some(disk) = SmallDisk::mount(&machine, "size=512k") else { return };
    let agents = json!([{ "name": "desk", "url": format!("http://127.0.0.1:{}", desk.network) }]);
    machine.configure(&json!({ "hub": { "agents": agents } }));
    let mut hub = machine.start(Role::Hub);
    hub.ready();
    let filler = disk.0.join("filler");
    assert!(fs::write(&filler, vec![0; 1 << 20]).is_err());
    // More than fits into what is left of the last page.
    desk.configure(&json!({ "agent": { "monitors": alarms() } }));
    let agent = desk.start(Role::Agent);
    agent.ready();
    let shown = || get(machine.api, "/status").json()["agents"][0].clone();
    let stored = || get(machine.api, "/events?limit=1000").json()["events"].as_array().unwrap().len();
    until("the hub says that it cannot store", || (shown()["error_code"] == "store").then_some(()));
    assert_eq!(
        (shown()["online"].as_bool(), stored()),
        (Some(true), 0),
        "it still polls, and has lost nothing"
    );
    fs::remove_file(&filler).unwrap();
    until("every event", || (stored() == MONITORS + 1).then_some(()));
    until("the error is over", || shown()["error"].is_null().then_some(()));
    hub.close_stdin();
    assert_eq!(hub.ended().code(), Some(0));
}
