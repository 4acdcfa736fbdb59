//! The board: what each event changes, and what it must not touch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use port_takeover::PortState;
use taskpaw_contract::ipc::{Backend, LingeringCause, Replaced, TookOver};

use super::*;

#[test]
fn events_are_numbered_without_gaps_and_the_snapshot_knows_the_last() {
    let last = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&last);
    let board = Arc::new(Board::new(
        "/c".into(),
        "/d".into(),
        Box::new(move |event| {
            let seq = event.snapshot.seq;
            assert_eq!(seen.swap(seq, Ordering::SeqCst) + 1, seq);
        }),
    ));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let board = Arc::clone(&board);
            std::thread::spawn(move || {
                for generation in 0..100 {
                    board.publish(Event::BackendStopping { role: Role::Hub, generation });
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(board.snapshot().seq, 400);
    assert_eq!(last.load(Ordering::SeqCst), 400);
}

#[test]
fn what_happens_while_the_window_is_not_told_is_told_afterwards_in_order() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let board = Board::new(
        "/c".into(),
        "/d".into(),
        Box::new(move |event| heard.lock().unwrap().push(event.snapshot.seq)),
    );
    let numbers = || told.lock().unwrap().clone();
    let happens = || board.publish(Event::AppChanged);
    let (first, second) = (board.window.hold(), board.window.hold());
    happens();
    happens();
    board.window.release(first);
    assert_eq!((numbers(), board.snapshot().seq), (vec![], 2), "another one holds it");
    board.window.release(second);
    happens();
    assert_eq!(numbers(), [1, 2, 3]);
    board.window.hold();
    (0..1_000).for_each(|_| happens());
    assert_eq!(numbers().len(), 1_003, "a storm is told at once");
}

const AGENT: Role = Role::Agent;

fn board() -> Board {
    let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
    board.configure(&Config::default(), false);
    board
}

fn agent(board: &Board) -> RoleView {
    board.snapshot().roles.remove(0)
}

fn started(generation: u32) -> Event {
    Event::TakeoverStarted { role: AGENT, generation, ports: configured_ports(&Config::default(), AGENT) }
}

/// The agent's ports, each in this state.
fn ports(state: PortState) -> Vec<PortView> {
    let mut ports = configured_ports(&Config::default(), AGENT);
    for port in &mut ports {
        (port.state, port.suggestion) = (Some(state.into()), Some(6000));
        port.in_use_by_app = state == PortState::OwnStale;
    }
    ports
}

fn backend() -> Backend {
    Backend { pid: 7, version: "9.9.9".into(), base_url: "http://127.0.0.1:5681".into(), ready_ms: 9.0 }
}

fn finished(generation: u32, replaced: Vec<Replaced>) -> Event {
    Event::ReclaimFinished { role: AGENT, generation, replaced, elapsed_ms: 47.0 }
}

fn wait(generation: u32, seconds_left: u32) -> Event {
    Event::LingeringWait { role: AGENT, generation, seconds_left, cause: LingeringCause::Connections }
}

#[test]
fn the_window_is_sent_what_is_shown_after_an_event() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&sent);
    let sink = move |event: &HostEvent| keep.lock().unwrap().push(event.snapshot.clone());
    let board = Board::new("/c".into(), "/d".into(), Box::new(sink));
    board.show_tray(true);
    assert!(sent.lock().unwrap().last().unwrap().app.has_tray);
    board.publish(started(1));
    let sent = sent.lock().unwrap();
    assert_eq!(sent.last(), Some(&board.snapshot()));
}

#[test]
fn a_new_attempt_begins_a_new_timeline_and_keeps_what_was_replaced() {
    let board = board();
    let old = Replaced {
        pid: 812,
        name: "taskpaw-backend".into(),
        version: Some("3.9.2".into()),
        forced: false,
        ms: 41.0,
        left: Vec::new(),
    };
    for event in [started(1), finished(1, vec![old]), wait(1, 9), wait(1, 8)] {
        board.publish(event);
    }
    assert_eq!(agent(&board).timeline.len(), 3, "a countdown is one line");
    let lingering = RoleState::Lingering { seconds_left: 8, cause: LingeringCause::Connections };
    assert_eq!(agent(&board).state, lingering);
    board.publish(started(2));
    let view = agent(&board);
    assert_eq!((view.timeline.len(), view.generation), (1, 2));
    board.publish(finished(2, Vec::new()));
    let last = agent(&board).last_takeover.unwrap();
    assert_eq!(last.replaced.len(), 1, "a takeover that replaced nothing is not the last that did");
}

#[test]
fn an_event_of_an_attempt_that_is_over_changes_nothing_and_is_told_to_nobody() {
    let board = board();
    board.publish(started(4));
    let (before, mut heard) = (board.snapshot(), board.listen());
    board.publish(Event::BackendExited { role: AGENT, generation: 3, status: "exit status 0".into() });
    assert_eq!(board.snapshot(), before);
    assert!(heard.try_recv().is_err());
}

#[test]
fn a_backend_holds_its_ports_from_its_readiness_to_its_end() {
    let board = board();
    board.publish(started(1));
    board.publish(Event::BackendStarting { role: AGENT, generation: 1, ports: ports(PortState::Free) });
    assert_eq!(agent(&board).state, RoleState::Starting);
    let in_use = ports(PortState::OwnStale);
    board.publish(Event::BackendReady {
        role: AGENT,
        generation: 1,
        backend: backend(),
        ports: in_use.clone(),
    });
    assert_eq!((agent(&board).state, agent(&board).ports), (RoleState::Ready { backend: backend() }, in_use));
    board.publish(Event::BackendStopping { role: AGENT, generation: 1 });
    board.publish(Event::BackendExited { role: AGENT, generation: 1, status: "exit status 0".into() });
    let view = agent(&board);
    assert_eq!(view.state, RoleState::Stopped);
    assert!(view.ports.iter().all(|port| !port.in_use_by_app && port.state.is_none()));
}

#[test]
fn the_ports_of_a_conflict_are_shown_with_the_failure_that_follows() {
    let board = board();
    let conflict = || Event::PortConflict { role: AGENT, generation: 1, ports: ports(PortState::Foreign) };
    board.publish(started(1));
    board.publish(conflict());
    let failure = Failure::PortConflict;
    board.publish(Event::BackendBackoff {
        role: AGENT,
        generation: 1,
        failure: failure.clone(),
        wait_ms: 500,
        attempt: 1,
    });
    assert_eq!(agent(&board).state, RoleState::Backoff { wait_ms: 500, attempt: 1, failure });
    assert_eq!(agent(&board).ports, ports(PortState::Foreign));
    let failure = Failure::Takeover { message: "something else".into() };
    board.publish(Event::BackendFailed { role: AGENT, generation: 1, failure, retry_ms: None });
    assert!(agent(&board).ports.iter().all(|port| port.state.is_none() && port.suggestion.is_none()));
}

#[test]
fn other_versions_of_the_app_are_shown() {
    let board = board();
    let from =
        TookOver { version: Some("3.9.2".into()), pid: 77, forced: false, ms: 120.0, ports: Vec::new() };
    board.publish(Event::HandoverFinished { from: from.clone() });
    board.publish(Event::UpdateInstalled { version: Some("9.9.9".into()) });
    board.publish(Event::HandoverStarted { version: "9.9.9".into() });
    let app = board.snapshot().app;
    assert_eq!(
        (app.took_over, app.update.as_deref(), app.replaced_by.as_deref()),
        (Some(from), Some("9.9.9"), Some("9.9.9"))
    );
    board.publish(Event::UpdateInstalled { version: None });
    assert_eq!(board.snapshot().app.update, None);
}

#[test]
fn a_problem_with_the_configuration_is_shown_until_one_counts_again() {
    let board = board();
    board.show_problem(ConfigProblem::TooNew { schema: 9, known: 1 }, true);
    let shown = board.snapshot();
    assert!(shown.problem.is_some() && shown.app.has_last_good_config);
    assert!(shown.roles.iter().all(|view| !view.enabled));
    board.configure(&Config::default(), false);
    assert!(board.snapshot().problem.is_none() && agent(&board).enabled);
}

#[test]
fn the_preferences_are_shown_before_anything_else_of_a_configuration_counts() {
    let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
    let mut config = Config::default();
    config.app.language = taskpaw_contract::config::Language::SimplifiedChinese;
    board.show_preferences(&config);
    let shown = board.snapshot();
    assert_eq!(shown.app.preferences, config.app);
    assert!(shown.roles.iter().all(|view| !view.enabled));
}

/// Both change the board while it is held: neither tells what the other has just made old.
#[test]
fn what_is_shown_of_the_app_never_brings_old_preferences_back() {
    let board = Arc::new(Board::new("/c".into(), "/d".into(), Box::new(|_| {})));
    let other = Arc::clone(&board);
    let telling = std::thread::spawn(move || (0..2000).for_each(|step| other.show_tray(step % 2 == 0)));
    let mut config = Config::default();
    for step in 0..2000 {
        config.app.notifications = step % 2 == 0;
        board.configure(&config, false);
        assert_eq!(board.snapshot().app.preferences, config.app, "step {step}");
    }
    telling.join().unwrap();
}

#[test]
fn a_token_that_can_be_guessed_is_named_and_still_set() {
    let (board, mut config) = (board(), Config::default());
    config.agent.token = "short".into();
    config.hub.token = "a-token-of-many-letters".into();
    config.hub.polling_token = "short".into();
    board.configure(&config, false);
    let app = board.snapshot().app;
    assert_eq!(app.tokens, TokenName::ALL);
    assert_eq!(app.short_tokens, [TokenName::Agent]);
}
