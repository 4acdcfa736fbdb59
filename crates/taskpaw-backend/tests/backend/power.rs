//! Events when the machine loses its power again and again while they are being made: no number twice, nothing that
//! has happened told twice, and nothing lost; the same through a hub that loses its power as well.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskpaw_contract::Role;

use crate::client::{LIMIT, bearer, call, get, try_get, until};
use crate::running::{Machine, Running, TOKEN};

/// Together 200; on Windows 40, since Wine needs a second for what takes a tenth elsewhere.
const MACHINES: u64 = 4;
const CUTS: u64 = if cfg!(windows) { 10 } else { 50 };
/// How long machine and hub may take to come to rest after the last cut.
const PATIENCE: Duration = LIMIT.saturating_mul(if cfg!(windows) { 3 } else { 1 });
/// Each tells what has happened since the cut before.
const MONITORS: usize = 12;

/// What a hub has: each event under its number.
#[derive(Default)]
struct Stored(BTreeMap<u64, Value>);

impl Stored {
    /// Asks once, acknowledging what was stored before; says whether there was an answer.
    fn poll(&mut self, port: u16) -> bool {
        let last = self.0.keys().next_back().copied().unwrap_or(0);
        let Some(answer) = try_get(port, &format!("/events?ack={last}")) else { return false };
        for event in answer.json()["events"].as_array().unwrap() {
            let id = event["id"].as_u64().unwrap();
            assert!(id > last, "acknowledged, and sent again: {event}");
            let known = self.0.insert(id, event.clone());
            assert!(known.is_none(), "number {id} twice");
        }
        true
    }
}

/// Numbers that look random and are the same in each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

fn log(machine: &Machine, number: usize) -> PathBuf {
    machine.data_dir().join(format!("log-{number}"))
}

/// Monitors that each make an event of every line of a log.
fn monitors(machine: &Machine) -> Vec<Value> {
    let monitor = |number| {
        let config = json!({ "path": log(machine, number), "from_start": true, "poll_interval": 1,
                             "progress_pattern": "", "done_pattern": "saved" });
        json!({ "type_id": "log_pattern", "name": format!("m{number}"), "config": config })
    };
    (0..MONITORS).map(monitor).collect()
}

/// Something happens that each monitor will tell.
fn happens(machine: &Machine, round: u64) {
    std::fs::create_dir_all(machine.data_dir()).unwrap();
    for number in 0..MONITORS {
        let mut log = OpenOptions::new().append(true).create(true).open(log(machine, number)).unwrap();
        writeln!(log, "saved {round}").unwrap();
    }
}

/// How often each of them was told.
fn told<'a>(events: impl Iterator<Item = &'a Value>) -> BTreeMap<(String, String), u64> {
    let mut told = BTreeMap::new();
    for event in events.filter(|event| event["monitor"] != "taskpaw") {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        *told.entry((text("monitor"), text("message"))).or_default() += 1;
    }
    told
}

/// Waits until an agent has made the events of its start, and says in which time after it a cut falls among them: at
/// least so many milliseconds, and on a slow machine as many as it took.
fn among_the_events(machine: &Machine, at_least: u64) -> u64 {
    let since = Instant::now();
    until("the events of a start", || {
        // As the app does: a caller that asks as a hub would be waited for.
        let known =
            call(machine.control, "GET", "/control/events", &[&bearer(TOKEN)]).json()["events"].clone();
        (known.as_array().unwrap().len() > MONITORS).then_some(())
    });
    at_least.max(u64::try_from(since.elapsed().as_millis()).unwrap())
}

fn cut_again_and_again(seed: u64) -> usize {
    let machine = Machine::new();
    machine.configure(&json!({ "agent": { "monitors": monitors(&machine) } }));
    let (mut stored, mut draw) = (Stored::default(), Draw(seed));
    // What a hub has seen and not acknowledged must be the same after the cut.
    let mut peeked: BTreeMap<u64, Value> = BTreeMap::new();
    let mut span = None;
    for round in 0..CUTS {
        happens(&machine, round);
        let mut running = machine.start(Role::Agent);
        running.ready();
        let span = *span.get_or_insert_with(|| among_the_events(&machine, 25));
        let cut = Instant::now() + Duration::from_millis(draw.below(span));
        let acknowledges = draw.below(3) > 0;
        while Instant::now() < cut {
            if acknowledges {
                stored.poll(machine.network);
            } else {
                // Looking with the old number acknowledges nothing.
                let last = stored.0.keys().next_back().copied().unwrap_or(0);
                let answer = try_get(machine.network, &format!("/events?ack={last}")).unwrap().json();
                for event in answer["events"].as_array().unwrap() {
                    peeked.insert(event["id"].as_u64().unwrap(), event.clone());
                }
            }
        }
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
    let running = machine.start(Role::Agent);
    running.ready();
    let deadline = Instant::now() + LIMIT;
    let starts =
        |stored: &Stored| stored.0.values().filter(|event| event["monitor"] == "taskpaw").count() as u64;
    let lines = |stored: &Stored| told(stored.0.values());
    while starts(&stored) < CUTS + 1 || lines(&stored).len() < MONITORS * CUTS as usize {
        assert!(Instant::now() < deadline, "{} starts, {} lines", starts(&stored), lines(&stored).len());
        stored.poll(machine.network);
    }
    let twice: Vec<_> = lines(&stored).into_iter().filter(|(_, times)| *times > 1).collect();
    assert!(twice.is_empty(), "told more than once: {twice:?}");
    let ids: Vec<u64> = stored.0.keys().copied().collect();
    let all: Vec<u64> = (1..=ids.len() as u64).collect();
    assert_eq!(ids, all, "none is lost, none is skipped");
    for (id, event) in peeked {
        assert_eq!(stored.0[&id], event, "another event under the same number");
    }
    ids.len()
}

#[test]
fn two_hundred_power_cuts_lose_no_event_and_repeat_no_number() {
    let machines: Vec<_> = (1..=MACHINES)
        .map(|number| thread::spawn(move || cut_again_and_again(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
        .collect();
    let events: usize = machines.into_iter().map(|machine| machine.join().unwrap()).sum();
    assert!(events as u64 > MACHINES * CUTS * 3 / 2, "{events}: hardly any besides the starts");
}

/// Kills the agent, its hub, or both, at another moment each time.
fn cut_agent_and_hub(seed: u64) -> usize {
    let machine = Machine::new();
    let url = format!("http://127.0.0.1:{}", machine.network);
    machine.configure(&json!({
        "agent": { "monitors": monitors(&machine) },
        "hub": { "agents": [{ "name": "box", "url": url }] },
    }));
    let mut draw = Draw(seed);
    let start = |role| {
        let running = machine.start(role);
        running.ready();
        running
    };
    let cut = |running: &mut Running| {
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    };
    happens(&machine, 0);
    let mut agent = start(Role::Agent);
    let span = among_the_events(&machine, 30);
    let mut hub = start(Role::Hub);
    let mut starts: u64 = 1;
    let mut cuts = 0;
    while cuts < CUTS {
        // A hub polls as soon as it runs: this is somewhere between its first question and its last word.
        thread::sleep(Duration::from_millis(draw.below(span)));
        let (cuts_agent, cuts_hub) = [(true, false), (true, true), (false, true)][draw.below(3) as usize];
        if cuts_agent {
            cut(&mut agent);
            cuts += 1;
        }
        if cuts_hub {
            cut(&mut hub);
            hub = start(Role::Hub);
        }
        if cuts_agent {
            happens(&machine, starts);
            agent = start(Role::Agent);
            starts += 1;
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let events = loop {
        let mut events = get(machine.api, "/events?limit=10000").json()["events"].as_array().unwrap().clone();
        // What the hub says itself, of a machine that went away, has numbers of its own.
        events.retain(|event| event["monitor"] != "");
        let stored = events.iter().filter(|event| event["monitor"] == "taskpaw").count() as u64;
        let lines = told(events.iter()).len() as u64;
        // In the hub's name: whoever else asks would be waited for.
        let name = format!("TaskPaw-Hub: {}", std::fs::read_to_string(machine.state_file("hub.id")).unwrap());
        let waiting = call(machine.network, "GET", "/events?ack=0", &[&name]).json()["events"].clone();
        let waiting = waiting.as_array().unwrap().len();
        if stored == starts && lines == MONITORS as u64 * starts && waiting == 0 {
            break events;
        }
        let fleet = get(machine.api, "/status").json();
        assert!(
            Instant::now() < deadline,
            "{stored} of {starts} starts, {lines} lines, {waiting} events wait: {fleet}"
        );
        thread::sleep(Duration::from_millis(10));
    };
    let mut ids: Vec<u64> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    let all: Vec<u64> = (1..=ids.len() as u64).collect();
    assert_eq!(ids, all, "none is lost, none is stored twice, none is skipped");
    assert!(told(events.iter()).values().all(|times| *times == 1), "a line is told more than once");
    let fleet = get(machine.api, "/status").json();
    assert_eq!(fleet["agents"][0]["installed_anew_seconds"], Value::Null, "{fleet}");
    drop((agent, hub));
    ids.len()
}

#[test]
fn two_hundred_power_cuts_of_an_agent_whose_hub_is_cut_too_lose_no_event() {
    let machines: Vec<_> = (1..=MACHINES)
        .map(|number| thread::spawn(move || cut_agent_and_hub(number.wrapping_mul(0x2545_f491_4f6c_dd1d))))
        .collect();
    let events: usize = machines.into_iter().map(|machine| machine.join().unwrap()).sum();
    assert!(events as u64 > MACHINES * CUTS * 3 / 2, "{events}: hardly any besides the starts");
}
