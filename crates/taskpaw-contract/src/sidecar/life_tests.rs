//! The life of a sidecar, driven by hand and by any row of inputs.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const ALL: [Life; 8] = [
    Life::Preparing,
    Life::Prepared,
    Life::GoingOn,
    Life::Serving,
    Life::GoingLive,
    Life::Live,
    Life::StandingDown,
    Life::Ended,
];

fn go_on() -> Input {
    Input::Asked(Ok(Step::GoOn(GoOn::default())))
}

fn asked(step: Step) -> Input {
    Input::Asked(Ok(step))
}

/// The effects of a row of inputs, from the beginning.
fn effects(inputs: &[Input]) -> (Life, Vec<Effect>) {
    let (mut life, mut effects) = Life::begin();
    for input in inputs {
        let (next, more) = life.handle(input.clone());
        life = next;
        effects.extend(more);
    }
    (life, effects)
}

#[test]
fn a_sidecar_serves_becomes_live_stands_down_and_serves_again_by_the_same_step() {
    let once = [go_on(), Input::Done, asked(Step::Live), Input::Done, asked(Step::StandDown), Input::Done];
    let (life, first) = effects(&[&[Input::Done][..], &once].concat());
    assert_eq!(life, Life::Prepared);
    assert_eq!(
        first,
        [
            Effect::Prepare,
            Effect::Say(Reached::Prepared),
            Effect::GoOn(GoOn::default()),
            Effect::Say(Reached::Ready),
            Effect::MakeLive,
            Effect::Say(Reached::Live),
            Effect::StandDown,
            Effect::Say(Reached::StoodDown),
        ]
    );
    let (_, both) = effects(&[&[Input::Done][..], &once, &once].concat());
    assert_eq!(both[first.len()..], first[2..], "nothing is remembered");
}

#[test]
fn a_sidecar_that_reads_another_configuration_prepares_itself_anew() {
    let (life, done) = effects(&[Input::Done, go_on(), Input::OtherConfig]);
    assert_eq!((life, done.last()), (Life::Preparing, Some(&Effect::Prepare)));
}

#[test]
fn listeners_that_cannot_be_passed_are_closed_and_the_host_is_told_so() {
    let (life, effects) = Life::Prepared.handle(asked(Step::PassListeners));
    assert_eq!((life, effects), (Life::Prepared, vec![Effect::PassListeners]));
    assert_eq!(life.handle(Input::Passed(true)).1, [Effect::Say(Reached::ListenersPassed)]);
    let closed = [Effect::CloseListeners, Effect::Say(Reached::ListenersClosed)];
    assert_eq!(life.handle(Input::Passed(false)), (Life::Prepared, closed.into()));
}

#[test]
fn only_what_is_live_ends_gracefully() {
    for life in ALL {
        for input in [Input::HostGone, Input::Stop] {
            let (after, effects) = life.handle(input);
            assert_eq!(after, Life::Ended);
            let expected = match life {
                Life::Ended => vec![],
                Life::Live => vec![Effect::End],
                _ => vec![Effect::EndAtOnce],
            };
            assert_eq!(effects, expected, "{life:?}");
        }
    }
}

#[test]
fn a_port_that_is_lost_ends_what_serves() {
    for life in ALL {
        let expected = match life {
            Life::Live => (Life::Ended, vec![Effect::End]),
            Life::Serving => (Life::Ended, vec![Effect::Fail]),
            _ => (life, vec![]),
        };
        assert_eq!(life.handle(Input::PortLost), expected, "{life:?}");
    }
}

#[test]
fn a_step_in_the_wrong_state_is_refused_and_changes_nothing() {
    let steps = [
        Step::GoOn(GoOn::default()),
        Step::Live,
        Step::StandDown,
        Step::CloseListeners,
        Step::PassListeners,
        Step::TakeListeners,
    ];
    let is_for = |life: Life, step: &Step| {
        matches!(
            (life, step),
            (
                Life::Prepared,
                Step::GoOn(_) | Step::CloseListeners | Step::PassListeners | Step::TakeListeners,
            ) | (Life::Serving, Step::Live | Step::StandDown)
                | (Life::Live, Step::StandDown)
        )
    };
    for life in ALL.into_iter().filter(|life| *life != Life::Ended) {
        for step in &steps {
            let (after, effects) = life.handle(asked(step.clone()));
            if is_for(life, step) {
                assert!(!effects.is_empty() && !matches!(effects[0], Effect::Refuse(_)), "{life:?} {step:?}");
                continue;
            }
            assert_eq!(after, life);
            let refused = Refusal {
                taskpaw_refused: 1,
                step: step.name().into(),
                code: RefusalCode::WrongState,
                state: life,
            };
            assert_eq!(effects, [Effect::Refuse(refused)]);
        }
        for (error, code) in [
            (StepError::Broken, RefusalCode::BrokenLine),
            (StepError::Unknown("x".into()), RefusalCode::UnknownStep),
        ] {
            let (after, effects) = life.handle(Input::Asked(Err(error)));
            assert_eq!(after, life);
            assert!(matches!(&effects[..], [Effect::Refuse(refused)] if refused.code == code));
        }
    }
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => Just(Input::Done),
        4 => Just(go_on()),
        4 => Just(asked(Step::Live)),
        4 => Just(asked(Step::StandDown)),
        2 => Just(asked(Step::CloseListeners)),
        2 => Just(asked(Step::PassListeners)),
        2 => Just(asked(Step::TakeListeners)),
        2 => any::<bool>().prop_map(Input::Passed),
        1 => Just(Input::Asked(Err(StepError::Broken))),
        1 => Just(Input::OtherConfig),
        1 => Just(Input::Failed),
        1 => Just(Input::HostGone),
        1 => Just(Input::Stop),
    ]
}

proptest! {
    /// One thing at a time, in its order, and each way of the end is the last thing that is done.
    #[test]
    fn whatever_comes_in_whatever_order(inputs in vec(any_input(), 0..60)) {
        let (_, done) = effects(&inputs);
        let (mut is_holding, mut is_live, mut is_ended) = (false, false, false);
        for effect in done {
            prop_assert!(!is_ended, "{effect:?} after the end");
            match effect {
                Effect::GoOn(_) => {
                    prop_assert!(!is_holding);
                    is_holding = true;
                }
                Effect::MakeLive => prop_assert!(is_holding && !is_live),
                Effect::Say(Reached::Live) => is_live = true,
                Effect::StandDown => {
                    prop_assert!(is_holding);
                    is_live = false;
                }
                Effect::Say(Reached::StoodDown) => is_holding = false,
                // Nothing was claimed by a step that found another configuration.
                Effect::Prepare => is_holding = false,
                Effect::CloseListeners | Effect::PassListeners | Effect::TakeListeners => {
                    prop_assert!(!is_holding, "they are in use");
                }
                Effect::End => {
                    prop_assert!(is_live);
                    is_ended = true;
                }
                Effect::EndAtOnce => {
                    prop_assert!(!is_live);
                    is_ended = true;
                }
                Effect::Fail => is_ended = true,
                Effect::Say(_) | Effect::Refuse(_) => {}
            }
        }
    }
}
