//! Of what a person is told, and in which words.

use taskpaw_contract::PortStatus;
use taskpaw_contract::config::Config;
use taskpaw_contract::ipc::{Event, HolderView, PortView};
use taskpaw_words::Spoken;

use super::*;
use crate::board::Board;

fn board() -> Board {
    let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
    board.configure(&Config::default(), false);
    board.publish(Event::TakeoverStarted { role: Role::Agent, generation: 1, ports: Vec::new() });
    board
}

fn held() -> PortView {
    PortView {
        name: "network".into(),
        host: "127.0.0.1".into(),
        port: 5680,
        state: Some(PortStatus::Judged(port_takeover::PortState::Foreign)),
        outlook: Some(PortOutlook::Refuses),
        in_use_by_app: false,
        holders: vec![HolderView {
            pid: 915,
            name: Some("python3".into()),
            exe: None,
            user: None,
            role: None,
            ours: false,
            run_by: None,
            command_line: None,
            since: None,
            is_under_systemd: false,
        }],
        suggestion: Some(5682),
    }
}

fn waits(board: &Board, failure: Failure) {
    board.publish(Event::PortConflict { role: Role::Agent, generation: 1, ports: vec![held()] });
    board.publish(Event::BackendWaiting { role: Role::Agent, generation: 1, failure });
}

fn is_news(known: &mut Known, board: &Board) -> bool {
    !known.news(&board.snapshot()).is_empty()
}

#[test]
fn a_trouble_is_news_once_until_it_was_over() {
    let (board, mut known) = (board(), Known::default());
    assert!(!is_news(&mut known, &board), "it is only starting");
    waits(&board, Failure::PortConflict);
    assert!(is_news(&mut known, &board));
    assert!(!is_news(&mut known, &board));
    let started = |generation| Event::TakeoverStarted { role: Role::Agent, generation, ports: Vec::new() };
    board.publish(started(2));
    assert!(!is_news(&mut known, &board));
    let failure = Failure::PortConflict;
    board.publish(Event::BackendWaiting { role: Role::Agent, generation: 2, failure });
    assert!(!is_news(&mut known, &board), "an attempt between is not its end");
    let failure = Failure::WrongVersion { backend: "3.9.9".into() };
    board.publish(Event::BackendFailed { role: Role::Agent, generation: 2, failure, retry_ms: None });
    assert!(is_news(&mut known, &board), "another trouble");
    board.publish(Event::BackendExited { role: Role::Agent, generation: 2, status: String::new() });
    assert!(!is_news(&mut known, &board), "a person has stopped it");
    let failure = Failure::PortConflict;
    board.publish(started(3));
    board.publish(Event::BackendWaiting { role: Role::Agent, generation: 3, failure });
    assert!(is_news(&mut known, &board), "it comes again");
}

#[test]
fn who_has_the_port_is_said_in_both_languages_with_another_number() {
    let board = board();
    waits(&board, Failure::PortConflict);
    let snapshot = board.snapshot();
    let view = &snapshot.roles[0];
    for (spoken, body, labels) in [
        (
            Spoken::English,
            "Held by python3 (pid 915). TaskPaw starts by itself as soon as it can.",
            ["Open TaskPaw", "Use 5682"],
        ),
        (
            Spoken::SimplifiedChinese,
            "占用者：python3（进程号 915）。一旦可用，TaskPaw 就会自动启动。",
            ["打开 TaskPaw", "改用 5682"],
        ),
    ] {
        let told = news(tray::line(view, spoken), view, &Words::of(spoken));
        assert_eq!(told.body, body);
        assert_eq!(told.actions.iter().map(|action| &*action.label).collect::<Vec<_>>(), labels);
        assert!(told.title.contains("5680"), "{}", told.title);
    }
}

#[test]
fn what_only_a_person_can_decide_says_so() {
    let board = board();
    let failure = Failure::V3Busy { pid: 7, children: Vec::new() };
    board.publish(Event::BackendFailed { role: Role::Agent, generation: 1, failure, retry_ms: None });
    let snapshot = board.snapshot();
    let told = news(String::new(), &snapshot.roles[0], &Words::of(Spoken::English));
    assert_eq!(told.body, "Open TaskPaw to choose what to do.");
    assert_eq!(told.actions.len(), 1, "there is no port to change");
}
