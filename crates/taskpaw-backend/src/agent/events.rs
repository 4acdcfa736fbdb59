//! The events of this machine: numbered for good before anybody sees them, and kept until every hub has them.
//!
//! One thread writes the journal and what the hubs have, so that no request ever waits for the disk. A reader
//! sees only what that thread has made durable.

mod hubs;
mod kept;
mod lineage;
mod memories;
mod offers;
mod predecessor;
mod seldom;
mod writer;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{AgentEvent, EventCursor, EventKind, EventRefusal};

use super::News;
use super::clock::now;
use crate::monitors::{Memory, Notice};
use crate::state::{Journal, StateError, random_hex};
use hubs::Hubs;
#[cfg(feature = "fuzzing")]
pub(crate) use kept::fuzz;
use kept::{Kept, Noted, Record};
use lineage::Lineage;
#[cfg(feature = "fuzzing")]
pub(crate) use lineage::fuzz as fuzz_lineage;
use memories::Memories;
#[cfg(feature = "fuzzing")]
pub(crate) use memories::fuzz as fuzz_memories;
pub(super) use memories::{Recall, SCHEMA as MEMORY_SCHEMA};
use offers::Offers;
pub(super) use offers::{Fetch, Proof, Refused};
use predecessor::{Left, follow};
use writer::{Order, Writer};

/// How large the events of one answer are together at most, in bytes; the rest is given once these are acknowledged. The last
/// hubs of TaskPaw V3 refuse an answer over 2 MiB as a whole, and would ask for the same one for ever.
const MOST_BYTES: usize = 3 << 19;
/// How long the stop waits for the last write.
const FLUSH_WAIT: Duration = Duration::from_millis(400);
/// How often it is looked whether the writer has ended.
const CLOSE_LOOK: Duration = Duration::from_millis(1);

/// Where events are kept, and what a predecessor has left of them.
#[derive(Debug)]
pub(super) struct Place {
    /// The journal.
    pub(super) journal: PathBuf,
    /// What tells its numbers from others, and which hub has what.
    pub(super) lineage: PathBuf,
    /// What the monitors remember.
    pub(super) memories: PathBuf,
    /// What the agent is called in its cursor.
    pub(super) server_id: String,
    /// The stream of TaskPaw V3, if it had one.
    pub(super) stream_id: Option<String>,
    /// The last number that V3 may have given.
    pub(super) used_up: u64,
    /// The events that V3's memory held.
    pub(super) from_memory: Vec<AgentEvent>,
}

#[cfg(test)]
impl Place {
    /// A place of its own, without a predecessor.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self {
            journal: folder.join("events"),
            lineage: folder.join("cursor"),
            memories: folder.join("monitors"),
            server_id: "s".to_owned(),
            stream_id: None,
            used_up: 0,
            from_memory: Vec::new(),
        }
    }
}

/// The queue of events.
#[derive(Debug)]
pub(super) struct EventQueue {
    state: Arc<Mutex<State>>,
    emitter: Emitter,
    recall: Recall,
    server_id: String,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What is durable of the events, and who has what.
#[derive(Debug)]
struct State {
    kept: Kept,
    hubs: Hubs,
    offers: Offers,
}

/// Adds events to the queue.
#[derive(Debug, Clone)]
pub(super) struct Emitter {
    machine: Arc<str>,
    orders: Sender<Order>,
}

impl Emitter {
    /// Something happened now. It becomes visible once it is durable.
    pub(super) fn emit(&self, monitor: &str, notice: Notice) {
        let Notice { kind, level, title, message, mut data, note } = notice;
        // What other programs wrote goes to hubs and webhooks.
        let (title, message) = (clean(title), clean(message));
        if let Some(data) = &mut data {
            redaction::clean_json(data);
        }
        tracing::info!(monitor, ?level, "{message}");
        let (time, machine, monitor) = (now(), self.machine.to_string(), monitor.to_owned());
        // The number is given by the writer.
        let event = AgentEvent {
            id: 0,
            time,
            machine,
            monitor,
            message,
            level: Some(level),
            title: Some(title),
            data: Some(described(kind, data)),
        };
        if self.orders.send(Order::Emit(Box::new(Noted { event, note }))).is_err() {
            tracing::error!("an event is lost: its writer has ended");
        }
    }

    /// A monitor remembers this, with everything that it has told before.
    pub(super) fn remember(&self, monitor: &str, memory: Memory) {
        self.order(Order::Remember(monitor.to_owned(), Box::new(memory)));
    }

    /// A monitor of this name is not there any more.
    pub(super) fn forget(&self, monitor: &str) {
        self.order(Order::Forget(monitor.to_owned()));
    }

    /// The agent is live, with these monitors: what they remember is written from now on.
    pub(super) fn go_live(&self, monitors: Vec<String>) {
        self.order(Order::Live(monitors));
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("what a monitor remembers is not noted: the events' writer has ended");
        }
    }
}

/// A text without what looks like a secret, of letters that are seen: what is found there has been written by anybody.
pub(super) fn clean(text: String) -> String {
    let text = match redaction::only_seen(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(seen) => seen,
    };
    match redaction::without_secrets(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(cleaned) => cleaned,
    }
}

/// The first of these events: as many as one answer holds, and at least one.
fn part<'a>(waiting: impl Iterator<Item = &'a AgentEvent>) -> Vec<AgentEvent> {
    let mut bytes = 0;
    let fits = |event: &&AgentEvent| {
        let is_first = bytes == 0;
        bytes += serde_json::to_vec(event).map_or(0, |json| json.len());
        is_first || bytes <= MOST_BYTES
    };
    waiting.take_while(fits).cloned().collect()
}

/// What belongs to an event, with what it is first.
fn described(kind: EventKind, data: Option<Value>) -> Value {
    let mut described = Map::new();
    described.insert("kind".to_owned(), json!(kind));
    if let Some(Value::Object(data)) = data {
        described.extend(data);
    }
    described.into()
}

impl EventQueue {
    /// Opens the journal, goes on where a predecessor stopped, and starts the writer. Every event is told once it is
    /// durable.
    pub(super) fn open(place: Place, machine: Arc<str>, news: News) -> Result<Self, StateError> {
        let Place { journal: path, lineage, memories, server_id, stream_id, used_up, from_memory } = place;
        let (mut journal, records) = Journal::open(&path)?;
        let mut memories = Memories::open(memories);
        for record in &records {
            if let Record::Event(noted) = record {
                memories.read(&noted.event, noted.note.as_ref());
            }
        }
        let mut kept = of_journal(&path, records)?;
        let mut lineage = Lineage::open(&lineage, stream_id)?;
        // Without its journal an agent must not give the numbers again that a hub has.
        let acknowledged = lineage.record.hubs.iter().map(|hub| hub.ack).max().unwrap_or(0);
        kept.used_up = lineage.record.used_up.max(acknowledged);
        let (now, in_journal) = (Instant::now(), kept.forgotten);
        let hubs = Hubs::of(lineage.record.hubs.clone(), now);
        // An acknowledgement may have been noted just before a kill, and what it lets go of not yet: nobody waits for that.
        kept.forgotten = in_journal.max(hubs.had_by_all(now).unwrap_or(0));
        let followed = follow(&mut kept, Left { used_up, events: from_memory });
        let mut written_forgotten = in_journal;
        if followed.changes_journal() {
            kept.trim();
            journal.rewrite(&kept.records(&[])).map_err(StateError::at(&path))?;
            written_forgotten = kept.forgotten;
            followed.tell();
        }
        // The journal first: without it, what waits would not be told after the jump.
        if lineage.is_new || lineage.record.used_up < used_up {
            lineage.record.used_up = kept.used_up;
            lineage.write().map_err(StateError::at(&path))?;
        }
        let boot_id = random_hex().map_err(StateError::at(&path))?;
        let last_id = kept.last_id();
        let offers = Offers::new(lineage.record.stream_id.clone(), boot_id, last_id);
        let state = Arc::new(Mutex::new(State { kept, hubs, offers }));
        let (orders, received) = mpsc::channel();
        let recall = memories.recall();
        let writer = Writer::new(journal, lineage, state.clone(), news, memories, last_id, written_forgotten);
        let writer = thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(StateError::at(&path))?;
        let (emitter, writer) = (Emitter { machine, orders }, Mutex::new(Some(writer)));
        Ok(Self { state, emitter, recall, server_id, writer })
    }

    /// What the monitors remember.
    pub(super) fn recall(&self) -> Recall {
        self.recall.clone()
    }

    /// Adds events to this queue.
    pub(super) fn emitter(&self) -> Emitter {
        self.emitter.clone()
    }

    /// What a hub fetches. With an acknowledgement, it has everything up to it, and the rest stays until it says so;
    /// without one, it has everything at once. A refused one changes nothing.
    pub(super) fn fetch(&self, fetch: &Fetch<'_>) -> Result<(Vec<AgentEvent>, Option<EventCursor>), Refused> {
        let now = Instant::now();
        let mut guard = lock(&self.state);
        let State { kept, hubs, offers } = &mut *guard;
        offers.admit(fetch)?;
        let before = kept.forgotten;
        let last = kept.events.back().map_or(0, |event| event.id);
        // A number that was given before this start and is not there has nothing to be forgotten.
        let has = hubs.asks(fetch.hub, fetch.ack.unwrap_or(0), before, now);
        let fetched = part(kept.waiting().filter(|event| event.id > has));
        let given = fetched.last().map_or(last, |event| event.id);
        offers.offer(given);
        if fetch.ack.is_none() {
            hubs.asks(fetch.hub, given, before, now);
        }
        kept.forgotten = before.max(hubs.had_by_all(now).unwrap_or(0));
        kept.trim();
        let cursor = offers.cursor(&self.server_id, kept.last_id());
        let has_changed = kept.forgotten != before || hubs.is_changed();
        drop(guard);
        if has_changed && self.emitter.orders.send(Order::Note).is_err() {
            tracing::error!("what was fetched is not noted: the events' writer has ended");
        }
        Ok((fetched, cursor))
    }

    /// Where the numbers are; nothing for an agent without an identity.
    pub(super) fn cursor(&self) -> Option<EventCursor> {
        let state = lock(&self.state);
        state.offers.cursor(&self.server_id, state.kept.last_id())
    }

    /// Hubs whose acknowledgements were refused, the last one first.
    pub(super) fn refusals(&self) -> Vec<EventRefusal> {
        lock(&self.state).offers.refusals()
    }

    /// When each monitor's last event was, of those that are still known.
    pub(super) fn last_times(&self) -> Map<String, Value> {
        let state = lock(&self.state);
        let times = state.kept.events.iter().map(|event| (event.monitor.clone(), json!(event.time)));
        times.collect()
    }

    /// How many events wait for a hub.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.state).kept.waiting().count()
    }

    /// The number of the last event.
    pub(super) fn last_id(&self) -> u64 {
        lock(&self.state).kept.last_id()
    }

    /// The last events, the newest last. Nothing is forgotten by looking.
    pub(super) fn recent(&self, limit: usize, monitor: Option<&str>) -> Vec<AgentEvent> {
        let state = lock(&self.state);
        let wanted =
            state.kept.events.iter().rev().filter(|event| monitor.is_none_or(|name| event.monitor == name));
        let mut recent: Vec<AgentEvent> = wanted.take(limit).cloned().collect();
        recent.reverse();
        recent
    }

    /// Waits, for a bounded time, until everything so far is on the disk.
    pub(super) fn flush(&self) {
        if !self.is_flushed_within(FLUSH_WAIT) {
            tracing::error!("the last events may not be on the disk");
        }
    }

    /// Writes what is not on the disk yet, and lets the files go: a reader of them from now on has everything. Says
    /// whether that has come to its end in time.
    pub(super) fn close(&self, limit: Duration) -> bool {
        let _ended_already = self.emitter.orders.send(Order::End);
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return true;
        };
        let deadline = Instant::now() + limit;
        while !writer.is_finished() && Instant::now() < deadline {
            thread::sleep(CLOSE_LOOK);
        }
        writer.is_finished()
    }

    fn is_flushed_within(&self, limit: Duration) -> bool {
        let (done, is_done) = mpsc::channel();
        let sent = self.emitter.orders.send(Order::Flush(done));
        sent.is_ok() && is_done.recv_timeout(limit).is_ok()
    }
}

/// Looks whether this version can use the files, without a lock and without changing anything.
pub(crate) fn can_use(journal: &Path, lineage: &Path) -> Result<(), StateError> {
    if let Some(records) = Journal::look(journal)? {
        of_journal(journal, records)?;
    }
    lineage::can_use(lineage)
}

fn of_journal(path: &Path, records: Vec<Record>) -> Result<Kept, StateError> {
    Kept::of(records).map_err(|(record, reason)| StateError::Damaged {
        path: path.to_owned(),
        // Lines are counted from 1, and the first one is not a record.
        line: record + 2,
        reason,
    })
}

/// What a report about the numbers says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Tells the row of numbers from others.
    pub(crate) stream_id: String,
    /// The number of the next event.
    pub(crate) next_event_id: u64,
}

/// Reads where the numbers are, without a lock and without changing anything: an agent may run meanwhile. Nothing if
/// no agent has ever run here.
pub(crate) fn numbers(journal: &Path, lineage: &Path) -> Result<Option<Numbers>, StateError> {
    let Some(stream_id) = lineage::stream_in(lineage) else { return Ok(None) };
    let records = Journal::read(journal)?;
    let kept = of_journal(journal, records)?;
    let last = kept.last_id().max(lineage::used_up_in(lineage));
    Ok(Some(Numbers { stream_id, next_event_id: last + 1 }))
}

/// Nothing panics while it holds the lock; if it did, what is kept is still whole.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "events/tests.rs"]
mod tests;
