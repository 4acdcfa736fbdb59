//! Faults at every step of a takeover: none may lead to a foreign signal, a panic, or an unbounded wait.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

mod machine;
mod watching;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use port_takeover::{
    AddressReuse, Called, Decision, Doubt, ExecutableName, HolderKind, HowEnded, IdentityRules, Limits,
    LookError, Outcome, PortState, Report, Role, RuleName, TakeoverEvent, WantedPort, take_over,
};
use proptest::prelude::*;

use machine::{Fault, Life, Machine, life, pid};

fn rules() -> IdentityRules {
    IdentityRules::new(Role::new("agent")).with_rule(ExecutableName::new("backend"))
}

fn wanted() -> [WantedPort; 2] {
    [
        WantedPort::new("network", "127.0.0.1", 5680).unwrap(),
        WantedPort::new("control", "127.0.0.1", 5681).unwrap(),
    ]
}

fn run(machine: &Machine) -> Result<Report, LookError> {
    run_observed(machine, |_| ControlFlow::Continue(()))
}

fn run_observed(
    machine: &Machine,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
) -> Result<Report, LookError> {
    run_within(machine, Limits::default(), observe)
}

fn run_within(
    machine: &Machine,
    limits: Limits,
    observe: impl FnMut(TakeoverEvent<'_>) -> Called,
) -> Result<Report, LookError> {
    let report = take_over(machine, &rules(), &Role::new("agent"), &wanted(), limits, observe);
    let bound = (limits.grace + limits.kill_wait + limits.lingering) * limits.rounds
        + limits.lingering
        + Duration::from_secs(2);
    assert!(machine.clock.get() <= bound, "it took {:?}", machine.clock.get());
    for (at, signal) in &machine.world.borrow().signals {
        let life = &machine.world.borrow().lives[*at];
        assert!(life.is_ours, "{signal} to {life:?}");
    }
    report
}

fn signals(machine: &Machine) -> Vec<&'static str> {
    machine.world.borrow().signals.iter().map(|(_, signal)| *signal).collect()
}

fn stale() -> Vec<Life> {
    vec![life(300, "/opt/backend", 7, &[5680]), life(301, "/opt/backend", 8, &[5681])]
}

fn with_fault(step: u32, fault: Fault) -> Machine {
    Machine { faults: BTreeMap::from([(step, fault)]), ..Machine::new(stale()) }
}

#[test]
fn without_a_fault_all_stop_when_asked() {
    let machine = Machine::new(stale());
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::Ready);
    assert!(report.terminated.iter().all(|ended| ended.how == HowEnded::Graceful));
    assert_eq!(signals(&machine), ["ask", "ask"]);
}

#[test]
fn another_installation_is_left_alone_and_named() {
    // The second one keeps the state, the first one has a port.
    let machine = Machine { keeps_state: Some(1), ..Machine::new(stale()) };
    let report = run(&machine).unwrap();
    assert_eq!(
        (report.outcome, report.last.ports[0].state),
        (Outcome::Refused, PortState::OwnOtherInstallation)
    );
    let judged = &report.holders[0];
    assert_eq!((judged.kind, judged.rule), (HolderKind::OtherInstallation, RuleName::OTHER_INSTALLATION));
    assert!(signals(&machine).is_empty());
}

#[test]
fn who_keeps_the_state_and_none_of_the_ports_is_ended() {
    let lives = || vec![life(300, "/opt/backend", 7, &[6680])];
    let machine = Machine { keeps_state: Some(0), ..Machine::new(lives()) };
    let mut told = Vec::new();
    let report = run_observed(&machine, |event| {
        if let TakeoverEvent::Verified(incumbents) = event {
            told.extend(incumbents.to_vec());
        }
        ControlFlow::Continue(())
    });
    let report = report.unwrap();
    assert_eq!((report.outcome, report.first.decision), (Outcome::Ready, Decision::Reclaim));
    assert_eq!(signals(&machine), ["ask"]);
    assert!(told[0].process.pid == pid(300) && told[0].ports.is_empty());
    assert_eq!(report.holders.len(), 1, "it is told like any other that was ended");
    // Without the lock it keeps nothing, whatever was written down.
    let machine = Machine::new(lives());
    assert_eq!(run(&machine).unwrap().first.decision, Decision::Start);
}

#[test]
fn a_record_that_names_another_program_ends_nobody() {
    for ports in [&[][..], &[5680], &[6680]] {
        let machine =
            Machine { keeps_state: Some(0), ..Machine::new(vec![life(300, "/usr/bin/sleep", 7, ports)]) };
        let report = run(&machine).unwrap();
        let expected = if ports == [5680] { Decision::Refuse } else { Decision::Start };
        assert_eq!(report.first.decision, expected, "{ports:?}");
        assert!(signals(&machine).is_empty());
    }
}

#[test]
fn nobody_is_ended_who_has_started_since() {
    let bounds = [(None, true), (Some(9), true), (Some(8), true), (Some(7), false), (Some(0), false)];
    for (not_started_after, is_ended) in bounds {
        let machine = Machine::new(stale());
        let limits = Limits { not_started_after, ..Limits::default() };
        let report = run_within(&machine, limits, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(report.outcome == Outcome::Ready, is_ended, "{not_started_after:?}");
        assert_eq!(signals(&machine).is_empty(), !is_ended, "{not_started_after:?}");
        if !is_ended {
            assert!(matches!(report.doubt, Some(Doubt::StartedSince(_))), "{:?}", report.doubt);
        }
    }
    // Whose start is not known may have started since.
    let mut lives = stale();
    lives[0].process.started_at = None;
    let machine = Machine::new(lives);
    let limits = Limits { not_started_after: Some(9), ..Limits::default() };
    let report = run_within(&machine, limits, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(report.doubt, Some(Doubt::StartedSince(pid(300))));
}

#[test]
fn who_is_verified_is_told_before_anybody_is_asked() {
    let machine = Machine::new(stale());
    let mut told = Vec::new();
    let report = run_observed(&machine, |event| {
        if let TakeoverEvent::Verified(incumbents) = event {
            assert!(signals(&machine).is_empty());
            told.extend(incumbents.to_vec());
        }
        ControlFlow::Continue(())
    });
    assert_eq!(report.unwrap().outcome, Outcome::Ready);
    let held: Vec<(u32, &str)> =
        told.iter().map(|it| (it.process.pid.get(), it.ports[0].name.as_str())).collect();
    assert_eq!(held, [(300, "network"), (301, "control")]);
    assert!(told.iter().all(|it| it.rule == RuleName::PROGRAM && it.role == Role::new("agent")));
}

#[test]
fn a_takeover_that_is_called_off_when_all_are_verified_touches_nothing() {
    let machine = Machine::new(stale());
    let report = run_observed(&machine, |event| match event {
        TakeoverEvent::Verified(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let report = report.unwrap();
    assert_eq!((report.outcome, report.doubt), (Outcome::Refused, Some(Doubt::CalledOff)));
    assert!(signals(&machine).is_empty());
}

#[test]
fn an_observer_that_takes_its_time_makes_another_look_necessary() {
    // Step 6 is that look.
    for (fault, is_clean) in [(Fault::PidReused(300), false), (Fault::ForeignJoins(300), false)] {
        let machine = with_fault(6, fault);
        let report = run_observed(&machine, |event| {
            if matches!(event, TakeoverEvent::Verified(_)) {
                machine.spend(Duration::from_secs(1));
            }
            ControlFlow::Continue(())
        });
        assert_eq!(report.unwrap().outcome == Outcome::Ready, is_clean, "{fault:?}");
        assert!(signals(&machine).is_empty(), "{fault:?}");
    }
}

#[test]
fn one_that_cannot_be_asked_is_killed_once_in_each_round() {
    let mut lives = stale();
    lives[0].can_be_asked = false;
    lives[0].dies_when_killed = false;
    let machine = Machine::new(lives);
    let report = run(&machine).unwrap();
    assert_eq!(signals(&machine), ["kill", "ask", "kill"]);
    assert!(report.survived[0].1.contains("even though it was killed"));
}

#[test]
fn a_kill_that_is_denied_keeps_its_reason_and_is_not_waited_for() {
    let mut lives = stale();
    lives[0].obeys = false;
    let machine = Machine { faults: BTreeMap::from([(1, Fault::KillDenied)]), ..Machine::new(lives) };
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::NotFree);
    assert!(report.survived[0].1.contains("may not be ended by this user"), "{:?}", report.survived);
    let limits = Limits::default();
    assert!(machine.clock.get() < (limits.grace + limits.kill_wait) * limits.rounds);
}

#[test]
fn one_that_can_neither_be_asked_nor_killed_calls_everything_off() {
    let mut lives = stale();
    lives[0].can_be_asked = false;
    let machine = Machine { faults: BTreeMap::from([(1, Fault::KillDenied)]), ..Machine::new(lives) };
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!(report.doubt, Some(Doubt::Denied(pid(300))));
    assert!(signals(&machine).is_empty());
}

/// Step 1 is the first look, 2 and 3 open the handles, 4 is the second look, 5 asks who has exited, 6 and 7 make the ports
/// reusable, 8 and 9 ask to stop.
#[test]
fn any_change_between_the_looks_calls_everything_off() {
    for step in 2..=4 {
        for fault in [Fault::PidReused(300), Fault::Replaced(301), Fault::ForeignJoins(300)] {
            let machine = with_fault(step, fault);
            let report = run(&machine).unwrap();
            assert_eq!(report.outcome, Outcome::Refused, "{fault:?} at {step}");
            assert!(signals(&machine).is_empty(), "{fault:?} at {step}");
        }
    }
}

#[test]
fn a_reused_id_after_the_second_look_is_never_signalled() {
    for step in 5..=10 {
        let machine = with_fault(step, Fault::PidReused(301));
        let _report = run(&machine).unwrap(); // `run` checks every signal
    }
}

#[test]
fn one_that_has_gone_by_itself_is_success() {
    for step in 2..=9 {
        let machine = with_fault(step, Fault::Ends(300));
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, Outcome::Ready, "at {step}");
        assert!(report.terminated.iter().any(|ended| ended.process.pid == pid(301)));
    }
}

#[test]
fn denied_before_the_first_signal_touches_nothing() {
    for step in 2..=8 {
        let machine = with_fault(step, Fault::Denied);
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, Outcome::Refused, "at {step}");
        assert!(report.doubt.is_some() && signals(&machine).is_empty());
    }
}

#[test]
fn denied_between_two_signals_is_told() {
    let machine = with_fault(9, Fault::Denied);
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::NotFree);
    assert_eq!(report.survived[0].0, pid(301));
}

#[test]
fn a_look_that_fails_touches_nothing() {
    for fault in [Fault::LookFails, Fault::Truncated] {
        let machine = with_fault(1, fault);
        assert!(run(&machine).is_err());
        assert!(signals(&machine).is_empty(), "{fault:?}");

        let machine = with_fault(4, fault);
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, Outcome::Refused);
        assert!(
            matches!(report.doubt, Some(Doubt::LookFailed(_))) && signals(&machine).is_empty(),
            "{fault:?}"
        );
    }
}

#[test]
fn a_look_that_fails_afterwards_does_not_hide_what_was_ended() {
    let machine = with_fault(11, Fault::LookFails);
    let report = run(&machine).unwrap();
    assert_eq!(signals(&machine), ["ask", "ask"]);
    assert_eq!(report.outcome, Outcome::NotFree);
    assert_eq!(report.terminated.len(), 2);
    assert!(matches!(report.doubt, Some(Doubt::LookFailed(_))));
}

#[test]
fn one_that_does_not_obey_is_killed_and_one_that_never_ends_is_told() {
    let mut lives = stale();
    lives[0].obeys = false;
    lives[1].obeys = false;
    lives[1].dies_when_killed = false;
    let machine = Machine::new(lives);
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::NotFree);
    assert_eq!(report.terminated[0].how, HowEnded::Forced);
    assert!(report.terminated[0].took >= Limits::default().grace);
    assert!(report.survived.iter().any(|(who, _)| *who == pid(301)));
}

#[test]
fn one_that_comes_back_once_is_ended_twice_and_then_refused() {
    for (comes_back, outcome) in [(1, Outcome::Ready), (2, Outcome::NotFree)] {
        let mut lives = stale();
        lives[0].comes_back = comes_back;
        let machine = Machine::new(lives);
        let report = run(&machine).unwrap();
        assert_eq!(report.outcome, outcome);
        assert_eq!(signals(&machine).len(), 3, "two rounds, and no third");
        assert_eq!(report.holders.len(), 2 + comes_back as usize, "each life is a holder of its own");
    }
}

#[test]
fn a_lingering_port_is_waited_out_or_given_up() {
    for (lingers, outcome) in [(30, Outcome::Ready), (200, Outcome::Refused)] {
        let machine = Machine::new(Vec::new());
        machine.lingers.set(Some(Duration::from_secs(lingers)));
        assert_eq!(run(&machine).unwrap().outcome, outcome);
    }
}

/// Windows may say that a process has ended while its sockets are still listed.
#[test]
fn sockets_that_outlive_their_process_by_a_moment_are_waited_for() {
    for (outlive, outcome) in [(500, Outcome::Ready), (3_000, Outcome::NotFree)] {
        let mut machine = Machine::new(stale());
        machine.sockets_outlive = Some(Duration::from_millis(outlive));
        let report = run(&machine).unwrap();
        assert_eq!((report.outcome, report.terminated.len()), (outcome, 2), "{outlive} ms");
        assert!(machine.clock.get() < Duration::from_secs(2), "{:?}", machine.clock.get());
    }
    // Before anybody was ended, a listener that nobody can be seen to have is somebody's.
    let machine = Machine::new(Vec::new());
    machine.ownerless.borrow_mut().push((5680, Duration::from_millis(500)));
    assert_eq!(run(&machine).unwrap().outcome, Outcome::Refused);
}

#[test]
fn the_ports_are_made_reusable_before_anybody_is_asked() {
    // The machine itself makes sure that it is before.
    let machine = Machine { time_wait: Some(Duration::from_secs(60)), ..Machine::new(stale()) };
    let report = run(&machine).unwrap();
    assert_eq!(report.outcome, Outcome::Ready);
    assert_eq!(report.reuse, [(pid(300), AddressReuse::Allowed(1)), (pid(301), AddressReuse::Allowed(1))]);
    assert!(machine.clock.get() < Duration::from_secs(1), "nothing was waited for");
}

#[test]
fn where_that_is_not_allowed_the_ports_are_waited_for_and_it_is_told_why() {
    let faults = BTreeMap::from([(1, Fault::ReuseDenied)]);
    let machine = Machine { faults, time_wait: Some(Duration::from_secs(60)), ..Machine::new(stale()) };
    let mut told = Vec::new();
    let report = run_observed(&machine, |event| {
        match event {
            TakeoverEvent::Reuse(pid, AddressReuse::Refused(_)) => told.push(pid.get()),
            TakeoverEvent::Lingering { .. } => assert_eq!(told, [300, 301]),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let report = report.unwrap();
    assert_eq!((report.outcome, report.reuse.len()), (Outcome::Ready, 2));
    assert_eq!(report.last.decision, Decision::Start);
    assert!(machine.clock.get() >= Duration::from_secs(60));
}

#[test]
fn a_lingering_port_is_waited_for_before_a_working_backend_is_ended() {
    for (lingers, outcome, asked) in [(30, Outcome::Ready, 1), (200, Outcome::Refused, 0)] {
        let machine = Machine {
            lingering_ports: [5681].into(),
            ..Machine::new(vec![life(300, "/opt/backend", 7, &[5680])])
        };
        machine.lingers.set(Some(Duration::from_secs(lingers)));
        let report = run_observed(&machine, |event| {
            if matches!(event, TakeoverEvent::Asked(_)) {
                assert!(machine.clock.get() >= Duration::from_secs(lingers));
            }
            ControlFlow::Continue(())
        });
        assert_eq!(report.unwrap().outcome, outcome);
        assert_eq!(signals(&machine).len(), asked);
    }
}

#[test]
fn what_lingers_after_a_reclaim_has_its_own_time() {
    // 40 s are waited before the reclaim, and 60 s after it: together more than one wait may take.
    let machine = Machine {
        faults: BTreeMap::from([(1, Fault::ReuseDenied)]),
        lingering_ports: [5681].into(),
        time_wait: Some(Duration::from_secs(60)),
        ..Machine::new(vec![life(300, "/opt/backend", 7, &[5680])])
    };
    machine.lingers.set(Some(Duration::from_secs(40)));
    assert_eq!(run(&machine).unwrap().outcome, Outcome::Ready);
}

#[test]
fn without_a_start_time_nothing_is_ended() {
    let mut lives = stale();
    lives[0].process.started_at = None;
    let machine = Machine::new(lives);
    assert_eq!(run(&machine).unwrap().outcome, Outcome::Refused);
    assert!(signals(&machine).is_empty());
}

fn fault() -> impl Strategy<Value = Fault> {
    let who = || prop_oneof![Just(300_u32), Just(301), Just(400), Just(401)];
    prop_oneof![
        who().prop_map(Fault::PidReused),
        who().prop_map(Fault::Replaced),
        who().prop_map(Fault::ForeignJoins),
        who().prop_map(Fault::Ends),
        Just(Fault::Denied),
        Just(Fault::KillDenied),
        Just(Fault::ReuseDenied),
        Just(Fault::LookFails),
        Just(Fault::Truncated),
        Just(Fault::WaitFails),
    ]
}

/// How many cases are drawn. They are the same on every system, and Wine needs two minutes for what Linux does in seconds.
const CASES: u32 = if cfg!(windows) { 1_000 } else { 20_000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    /// `run` checks that no foreign process was ever signalled and that the time is bounded; a panic fails.
    #[test]
    fn no_combination_of_faults_harms_a_foreign_process(
        faults in prop::collection::btree_map(1..20_u32, fault(), 0..5),
        obeys in any::<(bool, bool)>(),
        dies in any::<(bool, bool)>(),
        can_be_asked in any::<(bool, bool)>(),
        comes_back in (0..4_u32, 0..2_u32),
        lingers in prop::option::of(0..90_u64),
        lingering_ports in prop::collection::btree_set(5680..5682_u16, 0..2),
        time_wait in prop::option::of(0..90_u64),
    ) {
        let mut lives = stale();
        (lives[0].obeys, lives[1].obeys) = obeys;
        (lives[0].dies_when_killed, lives[1].dies_when_killed) = dies;
        (lives[0].can_be_asked, lives[1].can_be_asked) = can_be_asked;
        (lives[0].comes_back, lives[1].comes_back) = comes_back;
        let time_wait = time_wait.map(Duration::from_secs);
        let machine = Machine { faults, lingering_ports, time_wait, ..Machine::new(lives) };
        machine.lingers.set(lingers.map(Duration::from_secs));
        if let Ok(report) = run(&machine) && report.outcome == Outcome::Refused {
            prop_assert!(signals(&machine).is_empty(), "{report:#?}");
        }
    }
}
