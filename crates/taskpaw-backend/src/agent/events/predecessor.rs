//! Going on where TaskPaw V3 stopped: after its last number, with what only its memory held.
//!
//! Pure: what the journal holds and what V3 left come in, and what the journal is to hold comes out. Done again with
//! the same, it changes nothing more, since a power loss may come between any two of the files.

use taskpaw_contract::ipc::AgentEvent;

use super::kept::Kept;

/// What V3 left.
#[derive(Debug, Clone, Default)]
pub(super) struct Left {
    /// The last number that it may have given.
    pub(super) used_up: u64,
    /// The events that its memory held.
    pub(super) events: Vec<AgentEvent>,
}

/// What became of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Followed {
    /// Events of V3 that are in the journal now.
    pub(super) taken: usize,
    /// Waiting events that have other numbers now: hubs of V3 would never ask for the old ones.
    pub(super) renumbered: usize,
    /// The next event has a number after this one, which is greater than the journal knew.
    pub(super) jumped_to: Option<u64>,
}

impl Followed {
    /// Whether the journal must be rewritten.
    pub(super) fn changes_journal(&self) -> bool {
        *self != Self::default()
    }

    /// Says it in the log.
    pub(super) fn tell(&self) {
        let Self { taken, renumbered, jumped_to } = self;
        if let Some(last) = jumped_to {
            tracing::info!("TaskPaw 3 has counted its events up to {last}; their numbers go on after it");
        }
        if *taken > 0 {
            tracing::info!("{taken} events of TaskPaw 3 that no hub had yet were taken over");
        }
        if *renumbered > 0 {
            tracing::info!("{renumbered} events that wait have numbers after those of TaskPaw 3 now");
        }
    }
}

/// Puts what V3 left into what is kept.
pub(super) fn follow(kept: &mut Kept, mut left: Left) -> Followed {
    let mut followed = Followed::default();
    let last = kept.last_id();
    left.events.sort_by_key(|event| event.id);
    left.events.dedup_by_key(|event| event.id);
    let used_up = left.events.last().map_or(0, |event| event.id).max(left.used_up);
    let is_told =
        |event: &AgentEvent| left.events.iter().any(|told| told.id == event.id && is_same(told, event));
    let has_jumped = used_up > last;

    // A hub of V3 has the number of V3's last event, and asks only for what comes after it.
    let first_waiting = kept.events.partition_point(|event| event.id <= kept.forgotten);
    let mut renumbered = Vec::new();
    if has_jumped {
        let (of_v3, ours) = kept.events.drain(first_waiting..).partition(|event| is_told(event));
        renumbered = ours;
        let of_v3: Vec<AgentEvent> = of_v3;
        kept.events.extend(of_v3);
        followed.jumped_to = Some(used_up);
    }
    followed.renumbered = renumbered.len();

    let mut late = Vec::new();
    for event in left.events {
        let is_known =
            |known: &AgentEvent| is_same(known, &event) && (known.id == event.id || event.id <= last);
        if kept.events.iter().chain(&renumbered).any(is_known) {
            continue;
        }
        followed.taken += 1;
        // V3 ran once more with numbers that were given here since.
        if event.id <= last { late.push(event) } else { kept.events.push_back(event) }
    }
    kept.used_up = kept.used_up.max(used_up);
    if has_jumped && renumbered.is_empty() && late.is_empty() && kept.waiting().next().is_none() {
        kept.forgotten = used_up;
    }
    for mut event in renumbered.into_iter().chain(late) {
        event.id = kept.last_id() + 1;
        kept.events.push_back(event);
    }
    followed
}

fn is_same(one: &AgentEvent, other: &AgentEvent) -> bool {
    one.time == other.time && one.monitor == other.monitor && one.message == other.message
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::kept::Record;
    use super::*;

    fn event(id: u64, message: &str) -> AgentEvent {
        AgentEvent {
            id,
            time: "t".into(),
            machine: "m".into(),
            monitor: "x".into(),
            message: message.into(),
            level: None,
            title: None,
            data: None,
        }
    }

    fn kept(forgotten: u64, ids: impl IntoIterator<Item = u64>) -> Kept {
        let events =
            ids.into_iter().map(|id| Record::Event(Box::new(event(id, &format!("ours {id}")).into())));
        Kept::of(std::iter::once(Record::Forgotten(forgotten)).chain(events).collect()).unwrap()
    }

    fn of_v3(ids: impl IntoIterator<Item = u64>) -> Vec<AgentEvent> {
        ids.into_iter().map(|id| event(id, &format!("theirs {id}"))).collect()
    }

    fn waiting(kept: &Kept) -> Vec<(u64, &str)> {
        kept.waiting().map(|event| (event.id, event.message.as_str())).collect()
    }

    #[test]
    fn numbers_go_on_after_those_of_v3() {
        let mut first = kept(0, []);
        let followed = follow(&mut first, Left { used_up: 502, events: Vec::new() });
        assert_eq!((first.last_id(), first.forgotten, followed.jumped_to), (502, 502, Some(502)));
        // V3 has not run since.
        let again = follow(&mut first, Left { used_up: 502, events: Vec::new() });
        assert!(!again.changes_journal());
    }

    #[test]
    fn what_its_memory_held_waits_under_its_own_numbers() {
        let mut first = kept(0, []);
        let left = Left { used_up: 502, events: of_v3([501, 500]) };
        let followed = follow(&mut first, left.clone());
        assert_eq!(waiting(&first), [(500, "theirs 500"), (501, "theirs 501")]);
        assert_eq!((first.last_id(), followed.taken), (502, 2));
        // The power went before the file was removed.
        let mut again = Kept::of(first.records(&[])).unwrap();
        assert_eq!(follow(&mut again, left).taken, 0);
        assert_eq!((waiting(&again), again.last_id()), (waiting(&first), 502));
    }

    #[test]
    fn what_waits_from_before_is_told_after_the_jump() {
        // 4.0.0 counted from 1 on a machine on which V3 had counted to 502.
        let mut counted_anew = kept(2, 1..=5);
        let followed = follow(&mut counted_anew, Left { used_up: 502, events: Vec::new() });
        assert_eq!(waiting(&counted_anew), [(503, "ours 3"), (504, "ours 4"), (505, "ours 5")]);
        assert_eq!((followed.renumbered, counted_anew.last_id()), (3, 505));
        assert!(!follow(&mut counted_anew, Left { used_up: 502, events: Vec::new() }).changes_journal());
    }

    #[test]
    fn events_of_v3_under_numbers_that_are_taken_get_new_ones() {
        let mut ours = kept(600, [601]);
        let followed = follow(&mut ours, Left { used_up: 503, events: of_v3([502, 503]) });
        assert_eq!(waiting(&ours), [(601, "ours 601"), (602, "theirs 502"), (603, "theirs 503")]);
        assert_eq!((followed.taken, followed.jumped_to), (2, None));
        assert_eq!(follow(&mut ours, Left { used_up: 503, events: of_v3([502, 503]) }).taken, 0);
    }

    proptest! {
        #[test]
        fn nothing_that_waits_is_lost_and_nothing_is_there_twice(
            forgotten in 0_u64..20, count in 0_u64..20, used_up in 0_u64..60, theirs in vec(1_u64..60, 0..10),
        ) {
            let mut kept = kept(forgotten, 1..=count);
            let before: Vec<String> = kept.waiting().map(|event| event.message.clone()).collect();
            let left = Left { used_up, events: of_v3(theirs.clone()) };
            follow(&mut kept, left.clone());
            let ids: Vec<u64> = kept.events.iter().map(|event| event.id).collect();
            prop_assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            prop_assert!(kept.last_id() >= used_up);
            let after: Vec<&str> = kept.waiting().map(|event| event.message.as_str()).collect();
            for message in before {
                prop_assert_eq!(after.iter().filter(|known| **known == message).count(), 1);
            }
            for id in theirs {
                let message = format!("theirs {id}");
                prop_assert_eq!(after.iter().filter(|known| **known == message).count(), 1);
            }
            let written = Kept::of(kept.records(&[])).unwrap();
            let mut again = Kept { used_up: kept.used_up, ..written };
            follow(&mut again, left);
            prop_assert_eq!(&again.events, &kept.events);
        }
    }
}
