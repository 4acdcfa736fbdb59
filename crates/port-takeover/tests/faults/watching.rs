//! Ports that are watched until they can be had: how soon that is seen, and how seldom they are looked at meanwhile.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use port_takeover::{Decision, Role, watch};

use crate::machine::{Fault, Life, Machine, life};
use crate::{rules, signals, wanted};

/// Watches until the role can start; when that was seen, and how many looks it took.
fn until_it_can_start(machine: &Machine) -> (Duration, u32) {
    let looks = Cell::new(0);
    let see = |_: &_, verdict: &port_takeover::Verdict| {
        looks.set(looks.get() + 1);
        if verdict.decision == Decision::Start { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let is_wanted = || machine.clock.get() < Duration::from_secs(600);
    watch(machine, &rules(), &Role::new("agent"), &wanted(), see, is_wanted);
    assert!(signals(machine).is_empty(), "nobody is signalled");
    (machine.clock.get(), looks.get())
}

fn foreign(raw: u32, port: u16) -> Life {
    life(raw, "/usr/bin/python3", 7, &[port])
}

fn ending(lives: Vec<Life>, endings: &[(u64, u32)]) -> Machine {
    let endings = endings.iter().map(|&(ms, raw)| (Duration::from_millis(ms), raw)).collect();
    Machine { endings: std::cell::RefCell::new(endings), ..Machine::new(lives) }
}

#[test]
fn a_holder_that_leaves_is_noticed_at_once() {
    for at in [1_000, 10_000, 61_003] {
        let machine = ending(vec![foreign(300, 5680)], &[(at, 300)]);
        let (seen_at, _) = until_it_can_start(&machine);
        let late = seen_at.saturating_sub(Duration::from_millis(at));
        assert!(late <= Duration::from_millis(10), "{late:?} after {at} ms");
    }
}

#[test]
fn all_of_them_have_to_leave() {
    let machine = ending(vec![foreign(300, 5680), foreign(301, 5681)], &[(1_000, 300), (20_000, 301)]);
    let (seen_at, _) = until_it_can_start(&machine);
    assert!(seen_at >= Duration::from_secs(20) && seen_at < Duration::from_millis(20_010), "{seen_at:?}");
}

#[test]
fn one_that_cannot_be_waited_for_is_noticed_within_half_a_second_where_a_bind_costs_nothing() {
    for (has_cheap_binds, within) in [(true, 510), (false, 1_010)] {
        let machine = ending(vec![foreign(300, 5680)], &[(9_800, 300)]);
        let machine = Machine { has_cheap_binds, faults: BTreeMap::from([(1, Fault::Denied)]), ..machine };
        let (seen_at, _) = until_it_can_start(&machine);
        let late = seen_at.saturating_sub(Duration::from_millis(9_800));
        assert!(late <= Duration::from_millis(within), "{late:?}");
    }
}

#[test]
fn a_port_that_lingers_is_had_when_it_does_not_any_more() {
    let machine = Machine::new(Vec::new());
    machine.lingers.set(Some(Duration::from_secs(40)));
    let (seen_at, _) = until_it_can_start(&machine);
    assert!(seen_at >= Duration::from_secs(40) && seen_at <= Duration::from_millis(40_510), "{seen_at:?}");
}

/// A look costs a millisecond here.
#[test]
fn looks_cost_a_thousandth_of_the_time() {
    let machine = Machine::new(vec![foreign(300, 5680)]);
    let (ended_at, looks) = until_it_can_start(&machine);
    assert!(ended_at >= Duration::from_secs(600), "it is watched until nobody wants it any more");
    assert!((590..=602).contains(&looks), "{looks} looks");
}

#[test]
fn a_look_that_fails_and_a_wait_that_fails_end_nothing() {
    let faults = (1..40).map(|step| (step, if step % 2 == 0 { Fault::LookFails } else { Fault::WaitFails }));
    let machine = ending(vec![foreign(300, 5680)], &[(30_000, 300)]);
    let machine = Machine { faults: faults.collect(), ..machine };
    let (seen_at, looks) = until_it_can_start(&machine);
    assert!(seen_at < Duration::from_secs(32), "{seen_at:?}");
    assert!(looks < 100, "a failing system is not asked without a pause: {looks}");
}
