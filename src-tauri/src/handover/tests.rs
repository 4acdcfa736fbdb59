//! The place of the one app: the lock, the socket and the record, with real files and real processes.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::address::Address;
use super::record::Record;
use super::*;

/// Which part this program plays, when a test has started it: the folder of the app whose place it holds in silence.
const SILENT_IN: &str = "TASKPAW_TEST_SILENT_IN";
/// Set where it listens all the same.
const LISTENS: &str = "TASKPAW_TEST_SILENT_LISTENS";
/// How long whatever is waited for may take. Who plays a part ends by itself soon after.
const LONG: Duration = Duration::from_secs(20);

fn successor(folder: &Path, version: &'static str) -> Successor {
    Successor::prepare(folder, version, Host::default()).unwrap()
}

fn incumbent(folder: &Path, version: &'static str) -> Incumbent {
    match successor(folder, version).first_look().unwrap() {
        FirstLook::Over(Outcome::Placed(first)) => first,
        other => panic!("the place is not free: {other:?}"),
    }
}

/// Waits for the record, which is written behind the back of the host that takes the place.
fn recorded(folder: &Path, version: &str) -> Record {
    let path = Address::prepare(folder).unwrap().record();
    let began = Instant::now();
    loop {
        if let Some(record) = Record::read(&path).filter(|record| record.version == version) {
            return record;
        }
        assert!(began.elapsed() < LONG, "nobody says who runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_same_version_has_the_window_shown_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let first = incumbent(folder.path(), "4.0.0");
    assert_eq!(first.replaced, None);
    recorded(folder.path(), "4.0.0");
    let second = successor(folder.path(), "4.0.0").finish(Want::Run).unwrap();
    assert!(matches!(second, Outcome::Done), "{second:?}");
    assert_eq!(first.asked.recv_timeout(LONG).unwrap().will, Will::Show);
}

#[test]
fn a_successor_is_told_how_the_window_before_it_looks() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::default();
    host.appearance.stands(Some((302, 190)), Some((900, 600)), false);
    let shown = host.appearance.now();
    let first = Successor::prepare(folder.path(), "4.0.0", host).unwrap().first_look().unwrap();
    recorded(folder.path(), "4.0.0");
    let FirstLook::Waits(newer) = successor(folder.path(), "4.0.1").first_look().unwrap() else {
        panic!("it does not wait for the place");
    };
    assert_eq!(newer.before(), shown.as_ref());
    drop(first);
}

#[test]
fn another_version_gets_the_place_of_one_that_is_ending_when_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::default();
    let first = Successor::prepare(folder.path(), "4.0.0", host.clone()).unwrap().first_look().unwrap();
    let FirstLook::Over(Outcome::Placed(Incumbent { asked, mut place, .. })) = first else {
        panic!("the place is not free");
    };
    recorded(folder.path(), "4.0.0");
    host.lifecycle.leave();
    let FirstLook::Waits(newer) = successor(folder.path(), "4.0.1").first_look().unwrap() else {
        panic!("it does not wait for the place");
    };
    let taking = std::thread::spawn(move || newer.finish(Want::Run));
    let hand_over = asked.recv_timeout(LONG).unwrap();
    assert_eq!((hand_over.will, hand_over.ask.version.as_str()), (Will::HandOver, "4.0.1"));
    assert!(!taking.is_finished(), "the place is taken before it is given up");
    place.is_awaited_by(hand_over.waiting);
    place.release();
    let Outcome::Placed(newer) = taking.join().unwrap().unwrap() else { panic!("it has not the place") };
    let replaced = newer.replaced.unwrap();
    assert_eq!((replaced.version.as_deref(), replaced.pid), (Some("4.0.0"), std::process::id()));
    assert!(!replaced.forced);
    recorded(folder.path(), "4.0.1");
}

#[test]
fn of_two_that_start_at_once_one_has_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let successor = successor(folder.path(), "4.0.0");
        std::thread::spawn(move || successor.finish(Want::Run).unwrap())
    };
    let (one, other) = (start(), start());
    let ended = [one.join().unwrap(), other.join().unwrap()];
    let incumbents = ended.iter().filter(|outcome| matches!(outcome, Outcome::Placed(_))).count();
    assert_eq!(incumbents, 1, "{ended:?}");
}

#[test]
fn one_is_on_the_way_the_same_version_has_it_shown_and_another_one_waits() {
    let folder = tempfile::tempdir().unwrap();
    let first = successor(folder.path(), "4.1.0");
    let ask = |version| successor(folder.path(), version).in_turn(Instant::now(), LONG).unwrap();
    assert_eq!(first.in_turn(Instant::now(), LONG).unwrap(), InTurn::Yes);
    let told = |version: &str| InTurn::Not { version: Some(version.into()) };
    assert_eq!(ask("4.1.0"), told("4.1.0"), "it has no window yet");
    let asked = first.asked_on_the_way().unwrap();
    assert_eq!(ask("4.1.0"), InTurn::Over);
    assert_eq!(ask("4.2.0"), told("4.1.0"));
    let promised: Vec<_> = (0..3).map(|_| asked.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(promised, [Will::Stay, Will::Show, Will::Stay]);

    let next = successor(folder.path(), "4.2.0");
    first.end_turn();
    assert_eq!(next.in_turn(Instant::now(), LONG).unwrap(), InTurn::Yes);
    drop(next);
    assert_eq!(ask("4.3.0"), InTurn::Yes, "whoever ends gives up its turn");
}

#[test]
fn who_has_the_place_is_on_the_way_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let _first = incumbent(folder.path(), "4.1.0");
    recorded(folder.path(), "4.1.0");
    let FirstLook::Waits(newer) = successor(folder.path(), "4.2.0").first_look().unwrap() else {
        panic!("it does not wait for the place");
    };
    assert_eq!(newer.in_turn(Instant::now(), LONG).unwrap(), InTurn::Yes);
    let third = successor(folder.path(), "4.3.0").first_look().unwrap();
    let FirstLook::Waits(third) = third else { panic!("it does not wait for its turn: {third:?}") };
    let waits = third.in_turn(Instant::now(), LONG).unwrap();
    assert_eq!(waits, InTurn::Not { version: Some("4.2.0".into()) });
}

#[test]
fn an_end_for_all_ends_who_is_on_the_way_and_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let first = successor(folder.path(), "4.1.0");
    assert_eq!(first.in_turn(Instant::now(), LONG).unwrap(), InTurn::Yes);
    let asked = first.asked_on_the_way().unwrap();
    let quitting = successor(folder.path(), "4.1.0");
    let quit = std::thread::spawn(move || quitting.quit_all());
    assert_eq!(asked.recv_timeout(LONG).unwrap(), Will::Quit);
    first.end_turn();
    let waits = successor(folder.path(), "4.2.0");
    let began = Instant::now();
    loop {
        match waits.in_turn(Instant::now(), LONG).unwrap() {
            InTurn::Over => break,
            // It was quicker than who ends all, and is asked by that one.
            InTurn::Yes => waits.end_turn(),
            InTurn::Not { .. } => {}
        }
        assert!(began.elapsed() < LONG, "who waits is not told");
    }
    quit.join().unwrap().unwrap();
}

#[test]
fn the_record_of_a_dead_app_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let silent = Silent::start(folder.path(), Part::OnlyHolds);
    drop(silent);
    let record = recorded(folder.path(), "3.9.9");
    let next = incumbent(folder.path(), "4.0.0");
    assert_eq!(next.replaced, None);
    assert_ne!(recorded(folder.path(), "4.0.0"), record);
}

#[test]
fn one_that_does_not_answer_is_ended_once_it_is_proved_to_be_that_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut silent = Silent::start(folder.path(), Part::Listens);
    let Outcome::Placed(first) = successor(folder.path(), "4.0.0").finish(Want::Run).unwrap() else {
        panic!("it has not the place");
    };
    let replaced = first.replaced.unwrap();
    assert_eq!((replaced.version.as_deref(), replaced.pid), (Some("3.9.9"), silent.0.id()));
    assert!(!silent.0.wait().unwrap().success(), "it was ended");
}

/// Anyone who can write to the data folder can record any process of the person's; only a connection proves who it is.
#[test]
fn one_that_does_not_listen_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut silent = Silent::start(folder.path(), Part::OnlyHolds);
    let stuck = successor(folder.path(), "4.0.0").finish(Want::Run).unwrap_err();
    assert!(matches!(stuck, HandoverError::Stuck(_)), "{stuck}");
    assert!(silent.0.try_wait().unwrap().is_none(), "it was left alone");
}

#[test]
fn one_that_a_forged_record_names_and_that_does_not_listen_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut silent = Silent::start(folder.path(), Part::Listens);
    // It names this very process: were it believed, the test would end here.
    let path = Address::prepare(folder.path()).unwrap().record();
    Record::own("3.9.9").unwrap().write(&path).unwrap();
    let stuck = successor(folder.path(), "4.0.0").finish(Want::Run).unwrap_err();
    assert!(stuck.to_string().contains("its record names process"), "{stuck}");
    assert!(silent.0.try_wait().unwrap().is_none(), "it was left alone");
}

#[test]
fn one_that_the_record_does_not_name_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut silent = Silent::start(folder.path(), Part::Listens);
    // The record names it, with the start time of another process.
    let path = Address::prepare(folder.path()).unwrap().record();
    let mut record = recorded(folder.path(), "3.9.9");
    record.process.started_at = record.process.started_at.map(|at| at + 1);
    record.write(&path).unwrap();
    let stuck = successor(folder.path(), "4.0.0").finish(Want::Run).unwrap_err();
    assert!(matches!(stuck, HandoverError::Stuck(_)), "{stuck}");
    assert!(silent.0.try_wait().unwrap().is_none(), "it was left alone");
}

/// Not a test: an app that has the place and does not answer.
#[test]
#[ignore = "a program that other tests start"]
fn plays_a_silent_app() {
    let Some(folder) = std::env::var_os(SILENT_IN) else { return };
    let address = Address::prepare(Path::new(&folder)).unwrap();
    let lock = std::fs::File::create(address.lock()).unwrap();
    lock.try_lock().unwrap();
    let _listens = std::env::var_os(LISTENS).map(|_| address.socket().unwrap().listen().unwrap());
    Record::own("3.9.9").unwrap().write(&address.record()).unwrap();
    std::thread::sleep(LONG * 2);
}

/// What an app does that has the place and does not answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    OnlyHolds,
    Listens,
}

/// A process that holds the place and does not answer; it does not outlive its test.
struct Silent(Child);

impl Silent {
    fn start(folder: &Path, part: Part) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "handover::tests::plays_a_silent_app", "--ignored"]).env(SILENT_IN, folder);
        if part == Part::Listens {
            command.env(LISTENS, "1");
        }
        let silent = Self(command.spawn().unwrap());
        recorded(folder, "3.9.9");
        silent
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _nothing_to_do = self.0.wait();
    }
}
