//! The events that are durable: those that wait for a hub, and some from before; as they stand in the journal.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use taskpaw_contract::ipc::AgentEvent;

/// So many events wait for a hub; then the oldest go.
pub(super) const MOST_WAITING: usize = 10_000;
/// So many are kept for the app after the hubs have them.
const HISTORY: usize = 500;

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// An event happened.
    Event(AgentEvent),
    /// The events up to this one have been fetched, or had to go.
    Forgotten(u64),
}

/// What is durable.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The waiting ones, and before them some that do not wait any more.
    pub(super) events: VecDeque<AgentEvent>,
    /// The last event that does not wait any more.
    pub(super) forgotten: u64,
    /// Numbers up to this one were given by a predecessor. No line of the journal says it.
    pub(super) used_up: u64,
}

impl Kept {
    /// What a journal says, or which of its records cannot be: a program that was told of such a number could never
    /// be told of a later one.
    pub(super) fn of(records: Vec<Record>) -> Result<Self, (usize, String)> {
        let mut kept = Self::default();
        for (at, record) in records.into_iter().enumerate() {
            let (Record::Event(AgentEvent { id, .. }) | Record::Forgotten(id)) = record;
            // Hubs keep the numbers in a database, whose numbers end there.
            let is_number = i64::try_from(id).is_ok_and(|id| id < i64::MAX);
            if !is_number {
                return Err((at, format!("{id} is no number of an event")));
            }
            match record {
                Record::Event(event) => kept.events.push_back(event),
                Record::Forgotten(id) => kept.forgotten = kept.forgotten.max(id),
            }
        }
        kept.trim();
        Ok(kept)
    }

    pub(super) fn last_id(&self) -> u64 {
        self.events.back().map_or(0, |event| event.id).max(self.forgotten).max(self.used_up)
    }

    pub(super) fn waiting(&self) -> impl DoubleEndedIterator<Item = &AgentEvent> {
        let first = self.events.partition_point(|event| event.id <= self.forgotten);
        self.events.iter().skip(first)
    }

    /// Lets go of what is too much; says how many events were lost by that.
    pub(super) fn trim(&mut self) -> usize {
        let lost = self.waiting().count().saturating_sub(MOST_WAITING);
        if let Some(last_lost) = lost.checked_sub(1).and_then(|at| self.waiting().nth(at)) {
            self.forgotten = last_lost.id;
        }
        while self.events.len() > HISTORY
            && self.events.front().is_some_and(|event| event.id <= self.forgotten)
        {
            self.events.pop_front();
        }
        lost
    }

    pub(super) fn records(&self, new: &[AgentEvent]) -> Vec<Record> {
        let events = self.events.iter().chain(new).cloned().map(Record::Event);
        std::iter::once(Record::Forgotten(self.forgotten)).chain(events).collect()
    }
}

/// Whatever a journal says, the next event has a number, and a hub gets the waiting ones.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(journal: &[u8]) {
    let Some(mut kept) = crate::state::read_records(journal).ok().and_then(|records| Kept::of(records).ok())
    else {
        return;
    };
    assert!(i64::try_from(kept.last_id() + 1).is_ok_and(|next| next > 0));
    assert!(kept.waiting().count() <= MOST_WAITING);
    kept.forgotten = kept.last_id();
    kept.trim();
    let again = Kept::of(kept.records(&[])).map(|again| again.last_id());
    assert_eq!(again, Ok(kept.last_id()), "what is written anew is understood");
}
