//! Agents that announce themselves and a hub that finds them, in a network of their own: a namespace with one cable
//! that leads nowhere, so that nothing of this is heard outside.

use std::fs;
use std::process::Command;

use serde_json::json;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{AgentOffer, FleetStatus};

use crate::client::{bearer, call, get, send, until};
use crate::running::{Machine, TOKEN};

/// Set for the run inside of the network.
const INSIDE: &str = "TASKPAW_TEST_OWN_NETWORK";
/// Of its one end.
const ADDRESS: &str = "10.77.0.1";

/// Runs a test of this file again in a network of its own; true for the run in there. The network ends with its last
/// process.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let setup = format!(
        "ip link set lo up && ip link add lan type veth peer name far && ip link set far up \
         && ip address add {ADDRESS}/24 dev lan && ip link set lan multicast on up && exec \"$@\""
    );
    // Root may, and elsewhere a person may who is root only in there.
    let ways: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
    let works = |way: &&&[&str]| {
        let tried =
            Command::new("unshare").args(**way).args(["ip", "link", "add", "x", "type", "veth"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(way) = ways.iter().find(works) else {
        eprintln!("SKIPPED: this system does not let the test make a network of its own");
        return false;
    };
    let status = Command::new("unshare")
        .args(*way)
        .args(["sh", "-c", &setup, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("discovery::{test}"), "--include-ignored", "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.unwrap().success(), "the test in its own network has failed");
    false
}

/// An agent that the network can reach.
fn announced(name: &str, server_id: &str) -> Machine {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": {
        "machine": name, "server_id": server_id, "token": "secret",
        "network": { "host": ADDRESS },
    } }));
    machine
}

fn hub_that_looks() -> Machine {
    let machine = Machine::new();
    machine.configure(&json!({ "hub": { "discovery": true } }));
    machine
}

/// What a hub offers to the app.
fn offers(hub: &Machine) -> Vec<AgentOffer> {
    let answer = call(hub.api, "GET", "/control/status", &[&bearer(TOKEN)]).json();
    serde_json::from_value::<FleetStatus>(answer).unwrap().offers
}

/// The ports of all datagram sockets in this network, but for those by which a test keeps its ports.
fn datagram_ports() -> Vec<u16> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let port = |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.rsplit(':').next()?, 16).ok();
    let kept = 20_000..32_000;
    let all = tables.iter().flat_map(|table| table.lines().skip(1).filter_map(port));
    all.filter(|port| !kept.contains(port)).collect()
}

#[test]
fn an_agent_on_the_network_is_offered_until_it_is_added_or_goes() {
    if !is_inside("an_agent_on_the_network_is_offered_until_it_is_added_or_goes") {
        return;
    }
    let (hub_machine, alone) = (hub_that_looks(), Machine::new());
    let (hub, loopback) = (hub_machine.start(Role::Hub), alone.start(Role::Agent));
    hub.ready();
    loopback.ready();
    // Answers for other programs are no reason to look around.
    assert!(get(hub_machine.api, "/status").json()["offers"].as_array().unwrap().is_empty());
    assert_eq!(
        datagram_ports(),
        [0; 0],
        "an agent on loopback and a hub that nobody looks at open no socket"
    );

    let desk = announced("Büro", "id-of-desk");
    let mut agent = desk.start(Role::Agent);
    agent.ready();
    until("the agent's socket", || datagram_ports().contains(&5353).then_some(()));
    let offer = until("an offer", || offers(&hub_machine).pop());
    let url = format!("http://{ADDRESS}:{}", desk.network);
    let version = taskpaw_contract::version().to_owned();
    assert_eq!(offer, AgentOffer { machine: "Büro".to_owned(), url: url.clone(), version });
    let shown = get(hub_machine.api, "/status").json();
    assert!(shown["agents"].as_array().unwrap().is_empty(), "nothing is added silently: {shown}");

    let headers = &[bearer(TOKEN)];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let draft = json!({ "name": "desk", "url": offer.url, "token": "secret" }).to_string();
    let added = send(hub_machine.api, "POST", "/control/agents", &headers, draft.as_bytes());
    assert_eq!(added.status, 201, "{}", added.body);
    assert!(offers(&hub_machine).is_empty(), "it is there already");
    until("it is polled", || {
        let agents = get(hub_machine.api, "/status").json()["agents"].clone();
        (agents[0]["online"] == true).then_some(())
    });
    // The same machine under another address is known too.
    let renamed =
        json!({ "url": format!("http://{ADDRESS}:{}/", desk.network), "name": "other" }).to_string();
    assert_eq!(
        send(hub_machine.api, "PATCH", "/control/agents?name=desk", &headers, renamed.as_bytes()).status,
        200
    );
    assert!(offers(&hub_machine).is_empty());
    assert_eq!(send(hub_machine.api, "DELETE", "/control/agents?name=other", &headers, b"").status, 200);
    until("it is offered again", || offers(&hub_machine).pop());

    agent.close_stdin();
    agent.ended_well();
    until("the offer of an agent that has said goodbye goes", || {
        offers(&hub_machine).is_empty().then_some(())
    });
}

#[test]
fn a_hub_that_shall_not_look_opens_no_socket() {
    if !is_inside("a_hub_that_shall_not_look_opens_no_socket") {
        return;
    }
    let machine = Machine::new();
    let hub = machine.start(Role::Hub);
    hub.ready();
    for _ in 0..3 {
        assert!(offers(&machine).is_empty());
    }
    assert_eq!(datagram_ports(), [0; 0]);
}

/// `cargo nextest run -p taskpaw-backend --run-ignored all an_agent_that_was_killed`
#[test]
#[ignore = "it takes two minutes: so long does a network remember a machine that has not said goodbye"]
fn an_agent_that_was_killed_is_not_offered_for_ever() {
    if !is_inside("an_agent_that_was_killed_is_not_offered_for_ever") {
        return;
    }
    let (hub_machine, desk) = (hub_that_looks(), announced("desk", "id-of-desk"));
    let (hub, mut agent) = (hub_machine.start(Role::Hub), desk.start(Role::Agent));
    hub.ready();
    agent.ready();
    until("an offer", || offers(&hub_machine).pop());
    agent.child.kill().unwrap();
    agent.ended();
    let since = std::time::Instant::now();
    while !offers(&hub_machine).is_empty() {
        assert!(since.elapsed().as_secs() < 180, "{:?}", offers(&hub_machine));
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    println!("gone after {:?}", since.elapsed());
}
