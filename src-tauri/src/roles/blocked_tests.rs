//! Who is left alone, on looks that are written down.

use std::collections::BTreeMap;

use port_takeover::{BindOutcome, Listener, SCHEMA, Snapshot, decide};
use taskpaw_contract::identity::rules;

use super::*;

const NETWORK: u16 = 5680;
const CONTROL: u16 = 5681;

/// Of a snapshot with processes that have the network port: pid, program and start time of each.
fn verdict(holders: &[(u32, &str, Option<u64>)]) -> Verdict {
    let pid = |raw: u32| Pid::new(raw).unwrap();
    let process = |&(raw, exe, started_at): &(u32, &str, Option<u64>)| Process {
        pid: pid(raw),
        name: exe.rsplit('/').next().unwrap().to_owned(),
        exe: Some(exe.to_owned()),
        argv: vec![exe.to_owned(), "agent".to_owned()],
        cwd: None,
        same_user: Some(true),
        user: None,
        started_at,
    };
    let config = Config::default();
    let wanted = config.wanted_ports(Role::Agent).unwrap();
    let pids: Vec<Pid> = holders.iter().map(|holder| pid(holder.0)).collect();
    let listener = Listener { address: "127.0.0.1".to_owned(), port: NETWORK, pids, v6only: false };
    let bind = |port: u16| match port {
        NETWORK if !holders.is_empty() => BindOutcome::InUse,
        _ => BindOutcome::Ok,
    };
    let snapshot = Snapshot {
        schema: SCHEMA,
        role: Role::Agent.into(),
        self_pid: pid(1),
        processes: holders.iter().map(process).collect(),
        listeners: if holders.is_empty() { Vec::new() } else { vec![listener] },
        sockets: None,
        state: None,
        binds: BTreeMap::from([("network".to_owned(), bind(NETWORK)), ("control".to_owned(), bind(CONTROL))]),
        wanted,
    };
    decide(&snapshot, &rules())
}

fn failure(holders: &[(u32, &str, Option<u64>)], past: &Past) -> Option<Failure> {
    Blocked::now(Role::Agent, &Config::default(), &verdict(holders), past).map(|blocked| blocked.failure)
}

const OURS: &str = "/opt/taskpaw-backend";

#[test]
fn who_was_there_before_the_launch_is_replaced_and_who_came_later_is_left_alone() {
    let past = Past { launched_at: Some(100), denied: None };
    assert_eq!(failure(&[], &past), None);
    assert_eq!(failure(&[(300, "/usr/bin/python3", Some(1))], &past), Some(Failure::PortConflict));
    assert_eq!(failure(&[(300, OURS, Some(99))], &past), None);
    assert_eq!(failure(&[(300, OURS, Some(100))], &past), None, "started in that very moment");
    for later in [Some(101), None] {
        let blocked = failure(&[(299, OURS, Some(1)), (300, OURS, later)], &past);
        assert!(matches!(blocked, Some(Failure::Displaced { pid: 300, .. })), "{blocked:?}");
    }
    // Beside a stranger it is the stranger that counts.
    let both = [(300, OURS, Some(101)), (301, "/usr/bin/python3", Some(1))];
    assert_eq!(failure(&both, &past), Some(Failure::PortConflict));
    assert_eq!(failure(&[(300, OURS, Some(101))], &Past::default()), None, "no launch can be told");
}

#[test]
fn who_may_not_be_ended_is_waited_for_until_it_is_another_process() {
    let theirs = verdict(&[(300, OURS, Some(1))]).ports[0].holders[0].process.clone().unwrap();
    let past = Past { launched_at: Some(100), denied: Some(theirs.identity()) };
    assert!(matches!(failure(&[(300, OURS, Some(1))], &past), Some(Failure::NotAllowed { pid: 300, .. })));
    assert_eq!(failure(&[(300, OURS, Some(2))], &past), None, "the same number, another process");
    assert_eq!(failure(&[], &past), None);
}

#[test]
fn a_backend_that_is_left_alone_keeps_its_port() {
    let past = Past { launched_at: Some(100), denied: None };
    let later = verdict(&[(300, OURS, Some(101))]);
    let blocked = Blocked::now(Role::Agent, &Config::default(), &later, &past).unwrap();
    let outlooks: Vec<_> = blocked.ports.iter().map(|port| port.outlook).collect();
    assert_eq!(outlooks, [Some(PortOutlook::Refuses), Some(PortOutlook::Starts)]);
}
