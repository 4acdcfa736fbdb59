//! The events of the fleet: each stored once, and durable before its agent may forget it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use taskpaw_contract::ipc::{AgentEvent, EventLevel};
use tokio::task::spawn_blocking;

use crate::state::{Journal, StateError};

/// So many events are kept; the oldest go first.
const MOST: usize = 10_000;

/// Where an event comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    /// The configured name of the agent.
    pub(super) agent: String,
    /// What the agent says who it is.
    pub(super) server_id: String,
}

impl Source {
    /// What tells the numbers of one machine from those of another; versions before V3 have no `server_id`.
    fn key(&self) -> &str {
        if self.server_id.is_empty() { &self.agent } else { &self.server_id }
    }
}

/// An event with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FleetEvent {
    /// Where it comes from.
    #[serde(flatten)]
    pub(super) source: Source,
    /// The event, as the agent told it.
    #[serde(flatten)]
    pub(super) event: AgentEvent,
}

/// Which events are asked for. What is left out allows every one.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// The agent: its configured name, its machine's name or its `server_id`.
    pub(super) server: Option<String>,
    /// The level.
    pub(super) level: Option<EventLevel>,
}

/// The store.
#[derive(Debug, Clone)]
pub(super) struct Store {
    /// Held while the disk is written to; never by a request.
    journal: Arc<Mutex<Journal>>,
    kept: Arc<Mutex<Kept>>,
}

/// What is durable.
#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<FleetEvent>,
    /// For each machine and number the time that the event has: the same number with another time is another
    /// event, of a machine that was installed anew.
    times: HashMap<(String, u64), String>,
}

impl Store {
    /// Opens the journal.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let (journal, records) = Journal::open::<FleetEvent>(path)?;
        let mut kept = Kept::default();
        records.into_iter().for_each(|event| kept.add(event));
        Ok(Self { journal: Arc::new(Mutex::new(journal)), kept: Arc::new(Mutex::new(kept)) })
    }

    /// Stores those events that are new; they are durable when this returns without an error.
    pub(super) async fn keep(&self, source: &Source, events: Vec<AgentEvent>) -> io::Result<()> {
        let (store, source) = (self.clone(), source.clone());
        spawn_blocking(move || store.keep_blocking(&source, events)).await.map_err(io::Error::other)?
    }

    fn keep_blocking(&self, source: &Source, events: Vec<AgentEvent>) -> io::Result<()> {
        // Two names for the same machine are polled at the same time: looking and storing are one step.
        let mut journal = lock(&self.journal);
        let fresh = lock(&self.kept).fresh(source, events);
        if fresh.is_empty() {
            return Ok(());
        }
        let known = lock(&self.kept).events.len();
        if journal.wants_rewrite(known) {
            let mut all: Vec<FleetEvent> = lock(&self.kept).events.iter().cloned().collect();
            all.extend(fresh.iter().cloned());
            journal.rewrite(&all)?;
        } else {
            journal.append(&fresh)?;
        }
        let mut kept = lock(&self.kept);
        fresh.into_iter().for_each(|event| kept.add(event));
        Ok(())
    }

    /// The last events that the filter allows, the newest last.
    pub(super) fn last(&self, filter: &Filter, limit: usize) -> Vec<FleetEvent> {
        let kept = lock(&self.kept);
        let wanted = kept.events.iter().rev().filter(|event| filter.allows(event));
        let mut last: Vec<FleetEvent> = wanted.take(limit).cloned().collect();
        last.reverse();
        last
    }
}

impl Kept {
    /// Those events that are not here yet.
    fn fresh(&self, source: &Source, events: Vec<AgentEvent>) -> Vec<FleetEvent> {
        let mut new = HashSet::new();
        let mut has_restarted = false;
        let mut fresh = Vec::new();
        for event in events {
            let known = self.times.get(&(source.key().to_owned(), event.id));
            if known == Some(&event.time) || !new.insert((event.id, event.time.clone())) {
                continue;
            }
            has_restarted |= known.is_some();
            fresh.push(FleetEvent { source: source.clone(), event });
        }
        if has_restarted {
            tracing::warn!("{} counts its events from the start again: it was installed anew", source.agent);
        }
        fresh
    }

    fn add(&mut self, event: FleetEvent) {
        self.times.insert((event.source.key().to_owned(), event.event.id), event.event.time.clone());
        self.events.push_back(event);
        if self.events.len() > MOST
            && let Some(oldest) = self.events.pop_front()
        {
            let key = (oldest.source.key().to_owned(), oldest.event.id);
            // A newer event of the same number keeps its place.
            if self.times.get(&key) == Some(&oldest.event.time) {
                self.times.remove(&key);
            }
        }
    }
}

impl Filter {
    fn allows(&self, event: &FleetEvent) -> bool {
        let FleetEvent { source, event } = event;
        let is_of = |server: &String| [&source.agent, &source.server_id, &event.machine].contains(&server);
        self.server.as_ref().is_none_or(is_of) && self.level.is_none_or(|level| event.level == Some(level))
    }
}

/// Nothing panics while it holds a lock; if it did, what is behind it is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(server_id: &str) -> Source {
        Source { agent: "a".into(), server_id: server_id.into() }
    }

    fn event(id: u64, time: &str) -> AgentEvent {
        let level = Some(if id.is_multiple_of(2) { EventLevel::Alert } else { EventLevel::Info });
        AgentEvent {
            id,
            time: time.into(),
            machine: "m".into(),
            monitor: "x".into(),
            message: String::new(),
            level,
            title: None,
            data: None,
        }
    }

    fn ids(store: &Store, filter: &Filter) -> Vec<u64> {
        store.last(filter, 100).iter().map(|event| event.event.id).collect()
    }

    #[test]
    fn the_same_event_is_stored_once_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let store = Store::open(&path).unwrap();
        store.keep_blocking(&source("s"), vec![event(1, "t1"), event(2, "t2")]).unwrap();
        store.keep_blocking(&source("s"), vec![event(2, "t2"), event(3, "t3"), event(3, "t3")]).unwrap();
        let store = Store::open(&path).unwrap();
        store.keep_blocking(&source("s"), vec![event(3, "t3")]).unwrap();
        assert_eq!(ids(&store, &Filter::default()), [1, 2, 3]);
        store.keep_blocking(&source("other"), vec![event(3, "t3")]).unwrap();
        assert_eq!(ids(&store, &Filter::default()), [1, 2, 3, 3], "another machine has its own numbers");
    }

    #[test]
    fn a_machine_that_counts_again_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("events")).unwrap();
        store.keep_blocking(&source("s"), vec![event(1, "t1"), event(2, "t2")]).unwrap();
        store.keep_blocking(&source("s"), vec![event(1, "later")]).unwrap();
        store.keep_blocking(&source("s"), vec![event(1, "later")]).unwrap();
        assert_eq!(ids(&store, &Filter::default()), [1, 2, 1]);
    }

    #[test]
    fn events_are_filtered_and_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("events")).unwrap();
        let many = (1..=MOST as u64 + 4).map(|id| event(id, "t")).collect();
        store.keep_blocking(&source("s"), many).unwrap();
        assert_eq!(store.last(&Filter::default(), usize::MAX).len(), MOST);
        for server in ["a", "s", "m"] {
            let filter = Filter { server: Some(server.into()), level: Some(EventLevel::Alert) };
            assert_eq!(
                store.last(&filter, 2).iter().map(|e| e.event.id).collect::<Vec<_>>(),
                [10_002, 10_004]
            );
        }
        assert!(ids(&store, &Filter { server: Some("x".into()), level: None }).is_empty());
    }
}
