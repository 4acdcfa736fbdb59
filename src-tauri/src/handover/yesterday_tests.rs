//! Hosts of protocol 1, as 4.0.0 is one, on either side. What they say here is what they say there:
//! `tests/upgrade/yesterday.rs` holds the real 4.0.0 against this version.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use interprocess::local_socket::prelude::*;
use serde_json::{Value, json};

use super::address::Address;
use super::place::Lock;
use super::record::Record;
use super::*;

const OLD: &str = "4.0.0";
const OURS: &str = "4.1.0";
/// How long whatever is waited for may take.
const LONG: Duration = Duration::from_secs(20);

/// What a host of protocol 1 that runs does when it is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    /// It answers as 4.0.0 does, and gives back its place.
    Answers,
    /// It closes the connection without a word, as 4.0.0 does with what it does not know.
    SaysNothing,
    /// It answers what is not an answer.
    SaysNonsense,
}

/// Plays a host of protocol 1 that has the place, until it has given it back. Gives what it was asked for.
fn play(folder: &Path, plays: Old) -> thread::JoinHandle<Vec<Value>> {
    let address = Address::prepare(folder).unwrap();
    let lock = Lock::open(&address.lock()).unwrap();
    assert!(lock.try_take().unwrap());
    Record::own(OLD).unwrap().write(&address.record()).unwrap();
    let listener = address.socket().unwrap().listen().unwrap();
    thread::spawn(move || {
        let mut asked = Vec::new();
        let began = Instant::now();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let ask: Value = serde_json::from_str(&line).unwrap();
            let will = match ask["want"].as_str().unwrap() {
                _ if plays != Old::Answers => "",
                "show" => "stay",
                "run" => "hand_over",
                other => panic!("protocol 1 knows no {other}"),
            };
            asked.push(ask);
            let pid = std::process::id();
            let answer = json!({ "taskpaw_instance": 1, "version": OLD, "pid": pid, "will": will });
            match plays {
                Old::Answers => writeln!(stream.get_mut(), "{answer}").unwrap(),
                Old::SaysNonsense => writeln!(stream.get_mut(), "what?").unwrap(),
                Old::SaysNothing => {}
            }
            if will == "hand_over" || began.elapsed() > LONG / 2 {
                lock.taken().release();
                break;
            }
        }
        asked
    })
}

/// Asks as a host of protocol 1 does; gives the answer, if there is one.
fn ask_as_old(folder: &Path, want: &str) -> Value {
    let address = Address::prepare(folder).unwrap();
    let began = Instant::now();
    let mut stream = loop {
        match address.socket().unwrap().connect() {
            Ok(stream) => break BufReader::new(stream),
            Err(error) => assert!(began.elapsed() < LONG, "{error}"),
        }
        thread::sleep(Duration::from_millis(5));
    };
    writeln!(stream.get_mut(), r#"{{"taskpaw_instance":1,"version":"{OLD}","want":"{want}"}}"#).unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

fn ours(folder: &Path, host: &Host) -> Incumbent {
    match Successor::prepare(folder, OURS, host.clone()).unwrap().first_look().unwrap() {
        FirstLook::Over(Outcome::Placed(incumbent)) => incumbent,
        other => panic!("the place is not free: {other:?}"),
    }
}

#[test]
fn one_of_protocol_1_hands_over_and_is_asked_nothing_that_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let old = play(folder.path(), Old::Answers);
    let looked = Successor::prepare(folder.path(), OURS, Host::default()).unwrap().first_look().unwrap();
    let FirstLook::Waits(newer) = looked else { panic!("it does not wait for the place") };
    assert!(!newer.is_heard_to_hand_over().unwrap());
    let Outcome::Placed(newer) = newer.finish(Want::Run).unwrap() else { panic!("it has not the place") };
    let replaced = newer.replaced.unwrap();
    assert_eq!((replaced.version.as_deref(), replaced.forced), (Some(OLD), false));
    let asked = old.join().unwrap();
    let wants: Vec<_> = asked.iter().map(|ask| ask["want"].as_str().unwrap()).collect();
    assert_eq!(wants, ["show", "show", "run"]);
    assert!(asked.iter().all(|ask| ask["version"] == OURS));
}

#[test]
fn one_that_answers_nothing_is_not_asked_to_succeed_and_not_ended() {
    is_left_alone(Old::SaysNothing);
}

#[test]
fn one_that_answers_nonsense_is_not_asked_to_succeed_and_not_ended() {
    is_left_alone(Old::SaysNonsense);
}

fn is_left_alone(plays: Old) {
    let folder = tempfile::tempdir().unwrap();
    // It is this very process: were it ended, the test would end here.
    let old = play(folder.path(), plays);
    let newer = Successor::prepare(folder.path(), OURS, Host::default()).unwrap();
    assert!(!newer.is_heard_to_hand_over().unwrap());
    let stuck = newer.finish(Want::Run).unwrap_err();
    assert!(stuck.to_string().contains("not so that this version understands"), "{stuck}");
    assert!(!old.is_finished(), "it has its place");
}

#[test]
fn one_of_protocol_1_that_is_started_is_sent_away_and_a_person_is_to_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::default();
    let first = ours(folder.path(), &host);
    assert_eq!(ask_as_old(folder.path(), "show")["will"], "stay");
    let answer = ask_as_old(folder.path(), "run");
    assert_eq!((&answer["will"], &answer["version"]), (&json!("show"), &json!(OURS)));
    let asked = first.asked.recv_timeout(LONG).unwrap();
    let sent_away = asked.sent_away.unwrap();
    assert_eq!(sent_away.version, OLD);
    assert_eq!(sent_away.program, None, "this test is no TaskPaw 4.0.0");
    assert!(!host.lifecycle.is_leaving(), "it goes on");

    // A person wants it all the same.
    host.invitation.invite(OLD, Instant::now());
    assert_eq!(ask_as_old(folder.path(), "run")["will"], "hand_over");
    assert_eq!(first.asked.recv_timeout(LONG).unwrap().will, Will::HandOver);
    assert!(host.lifecycle.is_leaving());
}

#[test]
fn one_of_protocol_1_that_is_started_in_a_handover_is_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::default();
    let first = ours(folder.path(), &host);
    host.invitation.invite(OLD, Instant::now());
    let handover = host.lifecycle.begin_handover().unwrap();
    assert_eq!(ask_as_old(folder.path(), "run")["will"], "show", "else it would end this one by force");
    assert!(first.asked.recv_timeout(LONG).unwrap().sent_away.is_some());
    drop(handover);
    assert!(!host.lifecycle.is_leaving());
}

#[test]
fn one_that_was_not_heard_at_first_is_asked_to_succeed_after_all() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::default();
    let _first = ours(folder.path(), &host);
    let newer = Successor::prepare(folder.path(), "4.2.0", Host::default()).unwrap();
    let outcome = newer.finish(Want::Run).unwrap();
    assert!(matches!(outcome, Outcome::CanServeAgain), "{outcome:?}");
    assert!(newer.is_heard_to_hand_over().unwrap() && !host.lifecycle.is_leaving());
}
