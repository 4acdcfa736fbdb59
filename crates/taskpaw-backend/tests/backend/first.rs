//! The first process of a container: it collects processes that have lost their parent, and ends as the one that works does.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use taskpaw_contract::Role;

use crate::client::{get, until};
use crate::running::{Machine, Running, is_free};

/// Root may, and elsewhere a person may who is root only in there.
const WAYS: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
const OWN_PIDS: [&str; 4] = ["--pid", "--fork", "--kill-child", "--mount-proc"];

/// Starts a role as the first process of a container; nothing where the system does not let a test make one.
fn start(machine: &Machine, role: Role) -> Option<Running> {
    let works = |way: &&&[&str]| {
        let tried = Command::new("unshare").args(**way).args(OWN_PIDS).arg("true").output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(way) = WAYS.iter().find(works) else {
        eprintln!("SKIPPED: this system does not let the test make a namespace of its own");
        return None;
    };
    let program = machine.command(&[role.as_str()]);
    let mut command = Command::new("unshare");
    command.args(*way).args(OWN_PIDS).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(Running::spawn(command.stdin(Stdio::null())))
}

/// The children of a process, as it is seen from outside.
fn children(of: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn is_zombie(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn the_first_process_of_a_container_leaves_no_zombies_and_ends_as_asked() {
    let machine = Machine::new();
    // Each look leaves somebody behind who has no parent any more, and who ends in a group and session of its own.
    let leaves = json!(["sh", "-c", "setsid sh -c 'sleep 0.05; exit 3' >/dev/null 2>&1 & sleep 0.01"]);
    machine.configure(&json!({ "agent": { "monitors": [
        { "type_id": "custom_cmd", "name": "leaves", "config": { "command": leaves, "poll_interval": 1 } },
        { "type_id": "process", "name": "itself", "config": { "pattern": "taskpaw-backend", "poll_interval": 1 } },
    ] } }));
    let Some(running) = start(&machine, Role::Agent) else { return };
    running.ready();
    let [first] = children(running.child.id())[..] else { panic!("one process is the first") };
    let monitors = || get(machine.network, "/status").json()["monitors"].clone();
    until("looks", || (monitors()["leaves"]["state"] == "ok").then_some(()));
    for _ in 0..2 {
        // A process that has left its parent is a child of the first one, beside the one that works.
        let left = until("somebody who is left behind", || {
            children(first).get(1..).filter(|left| !left.is_empty()).map(<[u32]>::to_vec)
        });
        until("they are collected", || {
            let still = children(first);
            assert!(still.len() < 5, "they gather: {still:?}");
            left.iter().all(|pid| !still.contains(pid) && !is_zombie(*pid)).then_some(())
        });
    }
    // Neither of its two processes is one that somebody asks for.
    until("a look for itself", || (monitors()["itself"]["state"] == "error").then_some(()));
    kill_process(Pid::from_raw(first.cast_signed()).unwrap(), Signal::TERM).unwrap();
    running.ended_well();
    assert!([machine.network, machine.control].into_iter().all(is_free));
}

#[test]
fn it_ends_as_the_one_that_works_has_ended() {
    let machine = Machine::new();
    machine.write_config("{");
    let Some(running) = start(&machine, Role::Hub) else { return };
    running.startup_error();

    let machine = Machine::new();
    let Some(mut running) = start(&machine, Role::Hub) else { return };
    running.ready();
    let [first] = children(running.child.id())[..] else { panic!("one process is the first") };
    let [worker] = children(first)[..] else { panic!("one process works") };
    kill_process(Pid::from_raw(worker.cast_signed()).unwrap(), Signal::KILL).unwrap();
    assert_eq!(running.ended().code(), Some(128 + 9), "as a shell says it");
}
