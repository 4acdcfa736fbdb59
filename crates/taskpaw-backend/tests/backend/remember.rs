//! What monitors remember across an update, a crash, and standing by: what was told is not told again, and what changes
//! meanwhile is told once.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::{Line, Step};

use crate::client::{bearer, call, get, until};
use crate::ports::free_ports;
use crate::running::{Machine, Running, TOKEN};

/// What was told, without the starts: which monitor, and which title.
fn told(machine: &Machine) -> Vec<(String, String)> {
    let answer = call(machine.control, "GET", "/control/events?limit=10000", &[&bearer(TOKEN)]).json();
    let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
    let events = answer["events"].as_array().unwrap().iter();
    let of_monitors =
        events.filter(|event| event["monitor"] != "taskpaw" && event["monitor"] != "host_metrics");
    of_monitors.map(|event| (text(event, "monitor"), text(event, "title"))).collect()
}

fn state(machine: &Machine, name: &str) -> Value {
    get(machine.network, "/status").json()["monitors"][name]["state"].clone()
}

/// Waits until each monitor has looked.
fn looked(machine: &Machine) {
    until("a look of each", || {
        let status = get(machine.network, "/status").json();
        let monitors = status["monitors"].as_object().unwrap().clone();
        monitors.values().all(|monitor| monitor["last_update"].is_string()).then_some(())
    });
}

/// A service that is down, a folder, a log, a file of state, and a command that fails.
struct Watched {
    machine: Machine,
    port: u16,
    folder: PathBuf,
    log: PathBuf,
    word: PathBuf,
}

impl Watched {
    fn new(stable_seconds: f64) -> Self {
        let machine = Machine::new();
        let [port] = free_ports();
        let at = |name: &str| machine.data_dir().join(name);
        let (folder, log, word) = (at("folder"), at("log"), at("word.json"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("old.mkv"), "old").unwrap();
        fs::write(&log, "finished 0\n").unwrap();
        fs::write(&word, r#"{"state":"running"}"#).unwrap();
        let monitor = |type_id: &str, name: &str, mut config: Value| {
            config["poll_interval"] = json!(1);
            json!({ "type_id": type_id, "name": name, "config": config })
        };
        machine.configure(&json!({ "agent": { "monitors": [
            monitor("tcp_check", "nas", json!({ "port": port })),
            monitor("folder", "films", json!({ "path": folder, "stable_seconds": stable_seconds })),
            monitor("log_pattern", "render", json!({ "path": log, "progress_pattern": "", "done_pattern": "finished" })),
            monitor("state_file", "job", json!({ "path": word })),
            monitor("heartbeat", "beat", json!({ "path": at("no-such-file") })),
        ] } }));
        Self { machine, port, folder, log, word }
    }

    fn say(&self, line: &str) {
        let mut log = OpenOptions::new().append(true).open(&self.log).unwrap();
        writeln!(log, "{line}").unwrap();
    }
}

fn times(told: &[(String, String)], monitor: &str, title: &str) -> usize {
    told.iter().filter(|(name, said)| name == monitor && said == title).count()
}

/// Each event once, whatever happened in the gap.
fn check(watched: &Watched) {
    let Watched { machine, .. } = watched;
    until("everything that has happened", || {
        let told = told(machine);
        let all = [
            ("nas", "nas is well again"),
            ("films", "films: film.mkv"),
            ("films", "films: gap.mkv"),
            ("job", "job: idle"),
        ];
        let is_all = all.iter().all(|(name, title)| times(&told, name, title) > 0);
        (is_all && times(&told, "render", "render finished") > 2).then_some(())
    });
    looked(machine);
    let told = told(machine);
    let expected = [
        ("nas", "nas is down", 1),
        ("nas", "nas is well again", 1),
        ("beat", "beat is down", 1),
        ("films", "films: old.mkv", 0),
        ("films", "films: film.mkv", 1),
        ("films", "films: gap.mkv", 1),
        ("render", "render finished", 3),
        ("job", "job: idle", 1),
    ];
    for (name, title, expected) in expected {
        assert_eq!(times(&told, name, title), expected, "{title}: {told:#?}");
    }
    assert_eq!(told.len(), 9, "{told:#?}");
    assert_eq!(state(machine, "beat"), "error");
}

/// What happens while nobody watches.
fn gap(watched: &Watched) -> TcpListener {
    watched.say("finished 2");
    watched.say("finished 3");
    fs::write(watched.folder.join("gap.mkv"), "gap").unwrap();
    fs::write(&watched.word, r#"{"state":"idle"}"#).unwrap();
    TcpListener::bind(("127.0.0.1", watched.port)).unwrap()
}

fn before(watched: &Watched) {
    let Watched { machine, .. } = watched;
    looked(machine);
    until("both alerts", || (told(machine).len() == 2).then_some(()));
    watched.say("finished 1");
    fs::write(watched.folder.join("film.mkv"), "film").unwrap();
    until("the line, and the file that arrives", || {
        let is_told = times(&told(machine), "render", "render finished") == 1;
        (is_told && state(machine, "films") == "running").then_some(())
    });
}

#[test]
fn an_update_in_the_middle_tells_everything_once() {
    let watched = Watched::new(2.0);
    let running = watched.machine.start(Role::Agent);
    running.ready();
    before(&watched);
    running.signal(rustix::process::Signal::TERM);
    running.ended_well();
    let _listening = gap(&watched);
    let again = watched.machine.start(Role::Agent);
    again.ready();
    check(&watched);
}

#[test]
fn who_has_stood_down_and_returns_tells_everything_once() {
    let watched = Watched::new(2.0);
    let mut running = watched.machine.start_stepwise(Role::Agent);
    running.prepared();
    running.become_live();
    before(&watched);
    running.ask(&Step::StandDown);
    assert_eq!(running.line(), Line::StoodDown);
    let kept = fs::read(watched.machine.state_file("agent-monitors.json")).unwrap();
    let _listening = gap(&watched);
    // Another one serves, is never live, and goes: it leaves what it found.
    running.ask(&Step::CloseListeners);
    assert_eq!(running.line(), Line::ListenersClosed);
    let mut other = watched.machine.start_stepwise(Role::Agent);
    other.prepared();
    other.ask(&Step::GoOn(taskpaw_contract::sidecar::GoOn::default()));
    other.ready();
    other.ask(&Step::StandDown);
    assert_eq!(other.line(), Line::StoodDown);
    drop(other);
    assert_eq!(fs::read(watched.machine.state_file("agent-monitors.json")).unwrap(), kept);
    running.become_live();
    check(&watched);
}

#[test]
fn a_memory_that_cannot_be_used_is_put_aside_and_stops_nothing() {
    for text in ["", "{", "[1]", r#"{"schema":2}"#, r#"{"schema":1,"up_to":-1,"monitors":{}}"#] {
        let watched = Watched::new(0.0);
        let path = watched.machine.state_file("agent-monitors.json");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mut running = watched.machine.start_stepwise(Role::Agent);
        running.prepared();
        running.ask(&Step::GoOn(taskpaw_contract::sidecar::GoOn::default()));
        running.ready();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "not live, it changes nothing");
        running.ask(&Step::Live);
        assert_eq!(running.line(), Line::Live);
        looked(&watched.machine);
        running.close_stdin();
        running.ended();
        assert_eq!(fs::read_to_string(path.with_extension("damaged.json")).unwrap(), text);
        assert!(running.log().contains("It is kept as"), "{text}");
        assert!(fs::read_to_string(&path).unwrap().contains(r#""schema":1"#));
    }
}

fn kill(mut running: Running) {
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}

/// Killed a dozen times at odd moments: every file and every line is told once, and the service that comes and goes in turn.
#[test]
fn a_dozen_crashes_tell_nothing_twice_and_lose_nothing() {
    crashes(12);
}

/// The same, for longer. By hand: `cargo nextest run -p taskpaw-backend --run-ignored only crashes`.
#[test]
#[ignore = "some minutes"]
fn two_hundred_crashes_tell_nothing_twice_and_lose_nothing() {
    crashes(200);
}

fn crashes(rounds: u64) {
    let watched = Watched::new(0.0);
    let Watched { machine, .. } = &watched;
    let mut running = machine.start(Role::Agent);
    running.ready();
    looked(machine);
    // What is new to it is remembered soon: before that, what is there at a first look is not new.
    until("the first memory", || machine.state_file("agent-monitors.json").exists().then_some(()));
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    for round in 0..rounds {
        seed = seed.rotate_left(17).wrapping_mul(0x2545_f491_4f6c_dd1d) ^ round;
        thread::sleep(Duration::from_millis(seed % 1_300));
        let early = round % 2 == 0;
        let happens = || {
            fs::write(watched.folder.join(format!("{round}.mkv")), "x").unwrap();
            watched.say(&format!("finished {round}"));
        };
        if early {
            happens();
            thread::sleep(Duration::from_millis(seed % 90));
        }
        kill(running);
        if !early {
            happens();
        }
        running = machine.start(Role::Agent);
        running.ready();
    }
    let films = |told: &[(String, String)]| {
        let mut films = BTreeMap::new();
        for (_, title) in told.iter().filter(|(name, _)| name == "films") {
            *films.entry(title.clone()).or_insert(0) += 1;
        }
        films
    };
    let enough = |told: &[(String, String)]| {
        films(told).len() as u64 >= rounds && times(told, "render", "render finished") as u64 >= rounds
    };
    until("every file and every line", || enough(&told(machine)).then_some(()));
    let told = told(machine);
    assert!(films(&told).values().all(|times| *times == 1), "{told:#?}");
    assert_eq!(times(&told, "render", "render finished") as u64, rounds, "{told:#?}");
    assert_eq!(
        (times(&told, "nas", "nas is down"), times(&told, "beat", "beat is down")),
        (1, 1),
        "{told:#?}"
    );
}

/// A day of a machine: ten updates, three returns of who has stood down, and a reboot without a word. In each gap everything
/// changes once.
#[test]
fn a_day_with_ten_updates_three_returns_and_a_reboot_tells_everything_once() {
    const RETURNS: [u64; 3] = [3, 7, 11];
    const REBOOT: u64 = 13;
    let watched = Watched::new(0.0);
    let Watched { machine, .. } = &watched;
    let live = || {
        let mut running = machine.start_stepwise(Role::Agent);
        running.prepared();
        running.become_live();
        running
    };
    let mut running = live();
    looked(machine);
    until("the first memory", || machine.state_file("agent-monitors.json").exists().then_some(()));
    let mut listening = None;
    for round in 0..=REBOOT {
        let happens = |listening: &mut Option<TcpListener>| {
            watched.say(&format!("finished {round}"));
            fs::write(watched.folder.join(format!("{round}.mkv")), "x").unwrap();
            let word = if round % 2 == 0 { "idle" } else { "running" };
            fs::write(&watched.word, json!({ "state": word }).to_string()).unwrap();
            *listening = listening.is_none().then(|| TcpListener::bind(("127.0.0.1", watched.port)).unwrap());
        };
        if RETURNS.contains(&round) {
            running.ask(&Step::StandDown);
            assert_eq!(running.line(), Line::StoodDown);
            happens(&mut listening);
            running.become_live();
        } else {
            if round == REBOOT {
                kill(running);
            } else {
                running.signal(rustix::process::Signal::TERM);
                running.ended_well();
            }
            happens(&mut listening);
            running = live();
        }
        let expected = [
            ("films", format!("films: {round}.mkv"), 1),
            ("render", "render finished".to_owned(), round + 1),
            ("job", "job: idle".to_owned(), round / 2 + 1),
            ("job", "job: running".to_owned(), round.div_ceil(2)),
            ("nas", "nas is well again".to_owned(), round / 2 + 1),
            ("nas", "nas is down".to_owned(), round.div_ceil(2) + 1),
            ("beat", "beat is down".to_owned(), 1),
        ];
        let is = |told: &[(String, String)]| {
            expected.iter().all(|(name, title, count)| times(told, name, title) as u64 == *count)
        };
        until(&format!("what happened in round {round}, once"), || is(&told(machine)).then_some(()));
    }
    looked(machine);
    let told = told(machine);
    let films: Vec<_> = told.iter().filter(|(name, _)| name == "films").collect();
    assert_eq!(films.len() as u64, REBOOT + 1, "{told:#?}");
    let rounds = REBOOT + 1;
    // A film, a line, a word and a turn of the service in each round; at the start two that were down.
    assert_eq!(told.len() as u64, 4 * rounds + 2, "{told:#?}");
}
