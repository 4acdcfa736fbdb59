//! What the tray says in each state, in both languages.

use port_takeover::PortState;
use taskpaw_contract::config::{Config, ConfigProblem};
use taskpaw_contract::ipc::{
    Apply, ApplyStep, Backend, Event, Health, LingeringCause, PortView, Progress, RoleFailure, Trouble,
    TroubleState, UpdateNotes, UpdateOffer, UpdatesView, Watched,
};
use taskpaw_contract::sidecar::StartupErrorCode;
use taskpaw_contract::{PortStatus, Role};
use taskpaw_words::Spoken;

use super::*;
use crate::board::Board;

fn running(roles: &[Role]) -> Snapshot {
    let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
    board.configure(&Config { roles: roles.to_vec(), ..Config::default() }, false);
    board.publish(Event::LaunchChanged { launch: Launch::Running });
    board.snapshot()
}

fn agent_is(state: RoleState) -> Snapshot {
    let mut shown = running(&[Role::Agent]);
    shown.roles[0].state = state;
    shown
}

fn ready() -> RoleState {
    let backend = Backend {
        pid: 812,
        version: "4.0.0".into(),
        base_url: "http://127.0.0.1:5681".into(),
        ready_ms: 9.0,
    };
    RoleState::Ready { backend }
}

fn failed(failure: Failure) -> RoleState {
    RoleState::Failed { failure, retry_ms: None }
}

fn conflict(states: &[Option<PortState>]) -> Snapshot {
    let mut shown = agent_is(failed(Failure::PortConflict));
    let ports = shown.roles[0].ports.clone().into_iter().zip(states);
    shown.roles[0].ports = ports
        .map(|(port, state)| PortView {
            state: state.map(PortStatus::from),
            outlook: state.map(PortState::outlook),
            ..port
        })
        .collect();
    shown
}

fn launching(launch: Launch) -> Snapshot {
    let mut shown = running(&[Role::Agent]);
    shown.app.launch = launch;
    shown
}

fn problem() -> ConfigProblem {
    ConfigProblem::TooNew { schema: 9, known: 1 }
}

fn log() -> Vec<String> {
    Vec::new()
}

/// An agent that watches twelve things, of which these are not as they should be.
fn watching(troubles: &[(Option<&str>, Option<&str>, TroubleState)]) -> Snapshot {
    let mut shown = agent_is(ready());
    let trouble = |&(machine, monitor, state): &(Option<&str>, Option<&str>, _)| Trouble {
        machine: machine.map(str::to_owned),
        monitor: monitor.map(str::to_owned),
        state,
        since: None,
    };
    shown.roles[0].watched = Some(Watched::of(12, troubles.iter().map(trouble).collect()));
    shown.health = Health::of(&shown.roles);
    shown
}

/// Every state with its name.
fn cases() -> Vec<(&'static str, Snapshot)> {
    let message = String::new;
    let mut applying = agent_is(ready());
    applying.roles[0].apply =
        Some(Apply { step: ApplyStep::Stopping, keep: true, reason: None, ports: Vec::new() });
    let mut updated = agent_is(ready());
    updated.app.update = Some("4.1.0".into());
    let update = |is_put_off| {
        let mut shown = agent_is(ready());
        let notes = UpdateNotes::default();
        let offer = UpdateOffer { version: "4.2.0".into(), notes, security: false, size: 1 };
        shown.app.updates =
            UpdatesView { state: UpdateState::Ready { offer }, is_put_off, ..Default::default() };
        shown
    };
    let mut relaunching = updated.clone();
    relaunching.app.updates.state = UpdateState::Relaunching { version: "4.1.0".into() };
    let mut replaced = agent_is(ready());
    replaced.app.replaced_by = Some("4.1.0".into());
    let mut broken = running(&[]);
    broken.problem = Some(problem());
    let mut both = running(&[Role::Agent, Role::Hub]);
    both.roles[0].state = ready();
    both.roles[1].state = RoleState::Backoff {
        wait_ms: 500,
        attempt: 1,
        failure: Failure::Exited { status: "exit status 1".into(), log: log() },
    };
    let startup =
        Failure::StartupError { code: StartupErrorCode::StateTooNew, message: message(), port: None };
    let free = Some(PortState::Free);
    let mut well = agent_is(ready());
    (well.roles[0].watched, well.health) = (Some(Watched::of(12, Vec::new())), Health::AllWell { total: 12 });
    vec![
        ("all well", well),
        ("one is not", watching(&[(None, Some("Nightly backup"), TroubleState::Degraded)])),
        (
            "some are not",
            watching(&[
                (None, Some("host_metrics"), TroubleState::Error),
                (Some("nas"), Some("Disk"), TroubleState::Error),
                (Some("render-02"), None, TroubleState::Offline),
            ]),
        ),
        ("ready", agent_is(ready())),
        ("both roles, one of them failing", both),
        ("no role", running(&[])),
        ("stopped", agent_is(RoleState::Stopped)),
        ("looking", agent_is(RoleState::TakingOver { progress: Progress::Looking })),
        ("lingering", agent_is(RoleState::Lingering { seconds_left: 9, cause: LingeringCause::Connections })),
        ("starting", agent_is(RoleState::Starting)),
        ("stopping", agent_is(RoleState::Stopping)),
        ("a change of ports", applying),
        ("an update", updated),
        ("a version that is ready", update(false)),
        ("a version that was put off", update(true)),
        ("a version that is being started", relaunching),
        ("one port", conflict(&[Some(PortState::Foreign), free])),
        ("two ports", conflict(&[Some(PortState::Reserved), Some(PortState::PermissionDenied)])),
        ("unclear ports", conflict(&[None, free])),
        ("takeover", agent_is(failed(Failure::Takeover { message: message() }))),
        ("config", agent_is(failed(Failure::Config { problem: problem() }))),
        (
            "no program",
            agent_is(failed(Failure::SpawnFailed { program: message(), missing: true, message: message() })),
        ),
        ("startup", agent_is(failed(startup))),
        ("protocol", agent_is(failed(Failure::BrokenProtocol { message: message(), log: log() }))),
        ("version", agent_is(failed(Failure::WrongVersion { backend: "3.9.2".into() }))),
        ("slow", agent_is(failed(Failure::NotReady { seconds: 20, log: log() }))),
        ("gone", agent_is(failed(Failure::Exited { status: message(), log: log() }))),
        ("waiting", agent_is(RoleState::Waiting { failure: Failure::PortConflict })),
        (
            "not allowed",
            agent_is(RoleState::Waiting {
                failure: Failure::NotAllowed { pid: 7, name: "TaskPaw".into(), version: None },
            }),
        ),
        ("displaced", agent_is(failed(Failure::Displaced { pid: 7, name: "TaskPaw".into(), version: None }))),
        ("busy", agent_is(failed(Failure::V3Busy { pid: 7, children: Vec::new() }))),
        ("silent", agent_is(failed(Failure::Unhealthy { missed: 3, log: log() }))),
        ("the configuration", broken),
        (
            "taking over",
            launching(Launch::Waiting { version: Some("3.9.2".into()), pid: Some(812), for_turn: false }),
        ),
        ("waiting", launching(Launch::Waiting { version: None, pid: None, for_turn: false })),
        ("blocked", launching(Launch::Blocked { message: message() })),
        ("kept", launching(kept(Some("3.9.2".into())))),
        ("kept, of whatever version", launching(kept(None))),
        ("replaced", replaced),
    ]
}

fn kept(version: Option<String>) -> Launch {
    let failure = Failure::NotReady { seconds: 10, log: Vec::new() };
    Launch::Kept { version, because: Some(RoleFailure { role: Role::Agent, failure }), may_start: false }
}

/// The menu as a person reads it.
fn read(shown: &Shown) -> String {
    let mut lines = vec![format!("[{:?}] {}", shown.mood, shown.summary)];
    for entry in &shown.entries {
        match entry {
            Entry::Line => lines.push("  ---".into()),
            Entry::Word(word) => lines.push(format!("  {word}")),
            Entry::Command(command) => lines.push(format!("  > {}", command.label)),
            Entry::Group(label, commands) => {
                lines.push(format!("  {label}"));
                lines.extend(commands.iter().map(|command| format!("    > {}", command.label)));
            }
        }
    }
    lines.join("\n")
}

#[test]
fn what_is_said_in_each_state_in_both_languages() {
    let said = cases().into_iter().map(|(name, shown)| {
        let say = |language| read(&Shown::of(&shown, Words::of(language)));
        format!("== {name}\n{}\n{}\n", say(Spoken::English), say(Spoken::SimplifiedChinese))
    });
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_window_can_be_opened_and_the_app_ended_in_every_state() {
    for (name, shown) in cases() {
        let entries = Shown::of(&shown, Words::of(Spoken::English)).entries;
        let has = |wanted: Click| {
            entries.iter().any(|entry| matches!(entry, Entry::Command(command) if command.click == wanted))
        };
        assert!(has(Click::Open) && has(Click::Ask(Request::Quit)), "{name}");
    }
}

#[test]
fn the_worst_of_the_roles_is_how_the_app_is() {
    let mut shown = running(&[Role::Agent, Role::Hub]);
    let mood = |shown: &Snapshot| Shown::of(shown, Words::of(Spoken::English)).mood;
    assert_eq!(mood(&shown), Mood::Quiet);
    shown.roles[0].state = ready();
    assert_eq!(mood(&shown), Mood::Well, "a role that was stopped on purpose is no fault");
    shown.roles[1].state = RoleState::Starting;
    assert_eq!(mood(&shown), Mood::Busy);
    shown.roles[1].state = failed(Failure::PortConflict);
    assert_eq!(mood(&shown), Mood::Broken);
    shown.roles[1].enabled = false;
    assert_eq!(mood(&shown), Mood::Well, "a role that is off does not count");
}

#[test]
fn a_click_asks_for_what_the_label_says() {
    let shown = Shown::of(&agent_is(ready()), Words::of(Spoken::English));
    let role = Role::Agent;
    let commands = vec![
        Command { label: "Restart the agent".into(), click: Click::Ask(Request::Restart { role }) },
        Command { label: "Stop the agent".into(), click: Click::Ask(Request::Stop { role }) },
    ];
    assert!(shown.entries.contains(&Entry::Group("Agent: Ready".into(), commands)));
}
