//! Every order in which a handover can go, with crashes and hangs between any two steps: the decisions of the library,
//! driven by a model of everything around them.

mod today;

use handover_model::{Broken, Handover};
use stateright::{Checker, Model};

/// Checks a model through to its end; every property must hold.
fn check(model: Handover) {
    let checker = model.checker().threads(2).spawn_bfs().join();
    eprintln!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

fn one(broken: Broken) -> Handover {
    Handover { broken, ..Handover::default() }
}

#[test]
fn a_sound_successor_follows_or_the_incumbent_serves_whatever_one_fault_does() {
    check(one(Broken::Not));
}

#[test]
fn a_successor_that_cannot_be_prepared_costs_nothing() {
    check(one(Broken::CannotPrepare));
}

#[test]
fn a_successor_that_fails_or_hangs_after_it_went_on_is_followed_by_the_incumbent() {
    check(one(Broken::FailsGoingOn));
    check(one(Broken::HangsGoingOn));
}

/// It was confirmed, and its host has the place: the incumbent has kept what it needs to serve again.
#[test]
fn a_successor_that_fails_or_hangs_on_its_way_to_live_is_followed_by_the_incumbent() {
    check(one(Broken::FailsGoingLive));
    check(one(Broken::HangsGoingLive));
}

/// It leaves a form that the incumbent cannot read only once it is live, and the incumbent is given up by then.
#[test]
fn a_successor_that_changes_the_form_of_the_state_leaves_nobody_who_cannot_read_it() {
    check(Handover { migrates: true, ..Handover::default() });
    for broken in [Broken::FailsGoingLive, Broken::HangsGoingLive] {
        check(Handover { migrates: true, faults: 0, ..one(broken) });
    }
}

/// Where ports are let go a stranger can be there first: the host that has the place says so, and waits.
#[test]
fn ports_that_are_let_go_can_be_snatched_and_whoever_has_the_place_says_so() {
    check(Handover { passes: false, ..Handover::default() });
    check(Handover { passes: false, ..one(Broken::FailsGoingOn) });
}

#[test]
fn a_third_host_waits_its_turn() {
    check(Handover { hosts: 3, ..Handover::default() });
}

#[test]
fn a_person_who_quits_ends_both() {
    check(Handover { faults: 0, quits: 1, hosts: 3, ..Handover::default() });
}

/// Far more states than a test has time for: `npm run model`.
#[test]
#[ignore = "it looks at millions of states and takes minutes"]
fn two_faults() {
    for broken in [
        Broken::Not,
        Broken::CannotPrepare,
        Broken::FailsGoingOn,
        Broken::HangsGoingOn,
        Broken::FailsGoingLive,
        Broken::HangsGoingLive,
    ] {
        check(Handover { faults: 2, quits: 1, ..one(broken) });
        check(Handover { faults: 2, passes: false, migrates: true, ..one(broken) });
    }
    check(Handover { faults: 2, hosts: 3, ..Handover::default() });
}
