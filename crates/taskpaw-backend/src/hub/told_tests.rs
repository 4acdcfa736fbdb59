//! The table by case of `docs/being-told.md`, played against what the hub decides: when a machine is told to be away, why, and how often.
//! Time is counted in polls here: nothing waits.

use taskpaw_contract::config::HubAgent;
use taskpaw_contract::ipc::{AgentStatus, PollErrorCode};

use super::fleet::{AgentId, Fleet};

/// What was told: after which poll, and why; nothing as the reason: it is back.
type Told = Vec<(usize, Option<PollErrorCode>)>;

const DOCUMENT: &str = include_str!("../../../../docs/being-told.md");

/// The rows of the table by case: what happens, and what is told.
fn rows() -> Vec<(&'static str, &'static str)> {
    let table = DOCUMENT.split("## By case").nth(1).unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.contains("---"));
    rows.skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert_eq!(cells.len(), 4, "{line}");
            (cells[0], cells[2])
        })
        .collect()
}

fn fleet() -> (Fleet, AgentId) {
    let fleet = Fleet::default();
    let agent = HubAgent { name: "box".into(), url: "u".into(), token: String::new(), enabled: true };
    let id = fleet.reconcile(&[agent]).started[0].0;
    (fleet, id)
}

fn status() -> AgentStatus {
    AgentStatus {
        machine: "box".into(),
        server_id: "s".into(),
        os: "o".into(),
        version: None,
        monitors: serde_json::Map::new(),
        event_cursor: None,
        event_refusals: Vec::new(),
        names_in_use_twice: Vec::new(),
    }
}

/// Polls with these answers, one after the other; nothing is an answer as it should be.
fn played(answers: impl IntoIterator<Item = Option<PollErrorCode>>) -> Told {
    let (fleet, id) = fleet();
    let mut told = Vec::new();
    for (poll, answer) in (1..).zip(answers) {
        let changed = match answer {
            Some(code) => fleet.missed(id, code, String::new(), 2),
            None => fleet.answered(id, status(), 1, None).0,
        };
        told.extend(changed.presence.map(|presence| (poll, presence.away)));
    }
    told
}

/// A night of polls, once a minute, between an answer and the next one.
fn night_of(code: PollErrorCode) -> impl Iterator<Item = Option<PollErrorCode>> {
    std::iter::once(None).chain((0..600).map(move |_| Some(code))).chain([None, None])
}

#[test]
fn each_case_in_which_a_machine_is_away_is_told_after_the_second_poll_once_and_once_that_it_is_back() {
    use PollErrorCode::{NoAgent, Status, Timeout, TooOld, Unauthorized, Unreachable};
    let mut codes = Vec::new();
    for (case, told) in rows().into_iter().filter(|(_, told)| told.contains("`machine_offline`")) {
        let reasons = told.split('`').skip(1).step_by(2).filter(|word| !word.starts_with("machine_"));
        for reason in reasons {
            let code: PollErrorCode = serde_json::from_value(reason.into()).expect(case);
            // The answer before is the first poll.
            assert_eq!(played(night_of(code)), [(3, Some(code)), (602, None)], "{case}");
            codes.push(code);
        }
    }
    for code in [Unreachable, Timeout, Unauthorized, Status, NoAgent, TooOld] {
        assert!(codes.contains(&code), "the table says nothing of {code:?}");
    }
}

#[test]
fn one_missed_poll_a_changed_reason_and_a_hub_that_slept_tell_nothing_of_it() {
    use PollErrorCode::{Timeout, Unauthorized};
    assert!(played([None, Some(Timeout), None, Some(Timeout), None]).is_empty());
    let changed = [None, Some(Timeout), Some(Timeout), Some(Unauthorized), Some(Unauthorized), None];
    assert_eq!(played(changed), [(3, Some(Timeout)), (6, None)]);
    // A hub that sleeps polls nobody: the next poll follows the last one.
    assert!(played([None, None]).is_empty());
}

#[test]
fn the_table_names_every_case_that_is_asked_about() {
    let cases: Vec<&str> = rows().into_iter().map(|(case, _)| case).collect();
    for word in [
        "killed",
        "token",
        "port is changed",
        "monitor there breaks",
        "10 min ahead",
        "10 min behind",
        "sleeps over night",
    ] {
        assert!(cases.iter().any(|case| case.contains(word)), "{word} is not in the table: {cases:?}");
    }
}
