//! The events that are durable: those that wait for a hub, and some from before; as they stand in the journal.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskpaw_contract::ipc::AgentEvent;

/// The most events that wait for a hub; beyond that the oldest go.
pub(super) const MOST_WAITING: usize = 10_000;
/// How many events are kept for the app after the hubs have them.
const HISTORY: usize = 500;

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// An event happened.
    Event(Box<Noted>),
    /// The events up to this one have been fetched, or had to go.
    Forgotten(u64),
}

/// An event, and what its monitor noted with it for itself alone: one write makes both durable, or none. Versions that do
/// not know notes read the event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Noted {
    /// As it is told.
    #[serde(flatten)]
    pub(super) event: AgentEvent,
    /// The note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<Value>,
}

impl From<AgentEvent> for Noted {
    fn from(event: AgentEvent) -> Self {
        Self { event, note: None }
    }
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
            let id = match &record {
                Record::Event(noted) => noted.event.id,
                Record::Forgotten(id) => *id,
            };
            // Hubs keep the numbers in a database, whose numbers end there.
            let is_number = i64::try_from(id).is_ok_and(|id| id < i64::MAX);
            if !is_number {
                return Err((at, format!("{id} is no number of an event")));
            }
            match record {
                Record::Event(noted) => kept.events.push_back(noted.event),
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

    pub(super) fn records(&self, new: &[Noted]) -> Vec<Record> {
        let known = self.events.iter().cloned().map(|event| Record::Event(Box::new(event.into())));
        let new = new.iter().cloned().map(|noted| Record::Event(Box::new(noted)));
        std::iter::once(Record::Forgotten(self.forgotten)).chain(known).chain(new).collect()
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
