//! Every step of a change of ports, and what follows when it fails there.

use super::*;

fn reason() -> Reason {
    Failure::Takeover { message: "no".to_owned() }.into()
}

/// The steps that were told, and the other effects by their names.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Tell(apply) => format!("{:?}", apply.step),
        Effect::Confirm(_) => "confirm".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    effects.iter().map(word).collect()
}

/// What a change says and does while it hears something.
fn run(is_running: bool, heard: impl IntoIterator<Item = Heard>) -> (Machine, Vec<String>) {
    let (mut machine, first) = Machine::begin(true, is_running);
    let mut said = words(&first);
    for heard in heard {
        said.extend(words(&machine.handle(heard)));
    }
    (machine, said)
}

#[test]
fn everything_goes_well() {
    let (machine, said) = run(
        true,
        [
            Heard::Checked(Ok(())),
            Heard::Saved(Ok(())),
            Heard::Starting,
            Heard::Ready(Vec::new()),
            Heard::Confirmed(Ok(())),
        ],
    );
    let expected = [
        "Checking",
        "check",
        "Saving",
        "save",
        "Stopping",
        "restart",
        "Starting",
        "Confirming",
        "confirm",
        "keep",
        "Kept",
    ];
    assert_eq!(said, expected);
    assert!(machine.is_ended());
}

#[test]
fn ports_that_cannot_be_had_change_nothing() {
    let (machine, said) = run(true, [Heard::Checked(Err(reason()))]);
    assert_eq!(said, ["Checking", "check", "Refused"]);
    assert!(machine.is_ended());
}

#[test]
fn a_role_that_does_not_run_is_not_started() {
    let (machine, said) = run(false, [Heard::Checked(Ok(())), Heard::Saved(Ok(()))]);
    assert_eq!(said, ["Checking", "check", "Saving", "save", "keep", "Kept"]);
    assert!(machine.is_ended());
}

#[test]
fn what_cannot_be_saved_is_undone_and_the_old_backend_runs_on() {
    let (machine, said) = run(true, [Heard::Checked(Ok(())), Heard::Saved(Err(reason())), Heard::Restored]);
    assert_eq!(said[4..], ["RollingBack", "restore", "RolledBack"]);
    assert!(machine.is_ended());
}

/// Whatever fails after the save: the old configuration first, then the old ports, then the end.
#[test]
fn a_failure_at_any_later_step_restores_the_old_configuration_before_the_old_backend() {
    let steps = [Heard::Checked(Ok(())), Heard::Saved(Ok(())), Heard::Starting, Heard::Ready(Vec::new())];
    for reached in 2..=steps.len() {
        for failure in [Heard::Failed(reason()), Heard::Confirmed(Err(reason()))] {
            if matches!(failure, Heard::Confirmed(_)) && reached < steps.len() {
                continue;
            }
            for end in [Heard::Ready(Vec::new()), Heard::Failed(reason()), Heard::Stopped] {
                let heard = steps[..reached].iter().cloned();
                let (mut machine, _) = run(true, heard);
                let undone = machine.handle(failure.clone());
                assert_eq!(words(&undone), ["RollingBack", "restore"], "after {reached} steps");
                let Effect::Tell(told) = &undone[0] else { unreachable!() };
                assert_eq!(told.reason, Some(reason().failure), "the reason is said at once");
                assert_eq!(words(&machine.handle(Heard::Restored)), ["restart"]);
                assert!(machine.handle(Heard::Starting).is_empty());
                let ended = machine.handle(end);
                let Effect::Tell(told) = &ended[0] else { unreachable!() };
                assert_eq!((told.step, &told.reason), (ApplyStep::RolledBack, &Some(reason().failure)));
                assert!(machine.is_ended());
            }
        }
    }
}

#[test]
fn a_role_that_a_person_stops_meanwhile_stays_stopped_with_its_old_ports() {
    for reached in 2..=4 {
        let steps = [Heard::Checked(Ok(())), Heard::Saved(Ok(())), Heard::Starting, Heard::Ready(Vec::new())];
        let (mut machine, _) = run(true, steps[..reached].iter().cloned());
        assert_eq!(words(&machine.handle(Heard::Stopped)), ["RollingBack", "restore"]);
        assert_eq!(words(&machine.handle(Heard::Restored)), ["RolledBack"]);
        assert!(machine.is_ended());
    }
}

#[test]
fn what_comes_too_late_or_too_early_changes_nothing() {
    let (mut machine, _) = run(true, [Heard::Checked(Ok(()))]);
    for early in [Heard::Starting, Heard::Ready(Vec::new()), Heard::Failed(reason()), Heard::Restored] {
        assert!(machine.handle(early).is_empty());
    }
    let (mut machine, _) = run(true, [Heard::Checked(Err(reason()))]);
    for late in [Heard::Checked(Ok(())), Heard::Saved(Ok(())), Heard::Stopped, Heard::Restored] {
        assert!(machine.handle(late).is_empty());
    }
    // The old backend's own answers before the old configuration is back are not the new start's.
    let (mut machine, _) = run(true, [Heard::Checked(Ok(())), Heard::Saved(Ok(())), Heard::Failed(reason())]);
    assert!(machine.handle(Heard::Ready(Vec::new())).is_empty());
    assert_eq!(words(&machine.handle(Heard::Restored)), ["restart"]);
}
