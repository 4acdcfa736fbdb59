//! The events of this machine: numbered for good before anybody sees them, and kept until a hub has them.
//!
//! One thread writes the journal, so that no request ever waits for the disk. Whoever reads sees only what that
//! thread has made durable.

mod kept;

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{AgentEvent, AgentNews, EventKind};

use super::News;
use super::board::now;
use crate::monitors::Notice;
use crate::state::{Journal, StateError};
#[cfg(feature = "fuzzing")]
pub(crate) use kept::fuzz;
use kept::{Kept, MOST_WAITING, Record};

/// When to try again after a write has failed.
const RETRY: Duration = Duration::from_secs(2);
/// How long the stop waits for the last write.
const FLUSH_WAIT: Duration = Duration::from_millis(400);

enum Order {
    Emit(AgentEvent),
    /// `Kept::forgotten` has changed.
    Forget,
    /// Answer when everything before has been tried.
    Flush(Sender<()>),
}

/// The queue of events.
#[derive(Debug)]
pub(super) struct EventQueue {
    kept: Arc<Mutex<Kept>>,
    emitter: Emitter,
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
        let Notice { kind, level, title, message, data } = notice;
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
        if self.orders.send(Order::Emit(event)).is_err() {
            tracing::error!("an event is lost: its writer has ended");
        }
    }
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
    /// Opens the journal and starts its writer. Every event is told once it is durable.
    pub(super) fn open(path: &Path, machine: Arc<str>, news: News) -> Result<Self, StateError> {
        let (journal, records) = Journal::open(path)?;
        let kept = Kept::of(records).map_err(|(record, reason)| StateError::Damaged {
            path: path.to_owned(),
            // Lines are counted from 1, and the first one is no record.
            line: record + 2,
            reason,
        })?;
        let last_id = kept.last_id();
        let is_forgotten_written = kept.forgotten;
        let kept = Arc::new(Mutex::new(kept));
        let (orders, received) = mpsc::channel();
        let mut writer = Writer {
            journal,
            kept: kept.clone(),
            news,
            last_id,
            written_forgotten: is_forgotten_written,
            pending: Vec::new(),
            is_failing: false,
        };
        thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(StateError::at(path))?;
        Ok(Self { kept, emitter: Emitter { machine, orders } })
    }

    /// Adds events to this queue.
    pub(super) fn emitter(&self) -> Emitter {
        self.emitter.clone()
    }

    /// What a hub fetches. With `ack` it forgets what it has, and the rest stays until it says so; without it,
    /// everything is forgotten at once.
    pub(super) fn fetch(&self, ack: Option<u64>) -> Vec<AgentEvent> {
        let mut kept = lock(&self.kept);
        let last = kept.events.back().map_or(0, |event| event.id);
        let before = kept.forgotten;
        // Only events that were visible can have been fetched.
        if let Some(ack) = ack {
            kept.forgotten = before.max(ack.min(last));
        }
        let fetched = kept.waiting().cloned().collect();
        if ack.is_none() {
            kept.forgotten = before.max(last);
        }
        let has_changed = kept.forgotten != before;
        kept.trim();
        drop(kept);
        if has_changed && self.emitter.orders.send(Order::Forget).is_err() {
            tracing::error!("what was fetched is not noted: the events' writer has ended");
        }
        fetched
    }

    /// How many events no hub has yet.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.kept).waiting().count()
    }

    /// The number of the last event.
    pub(super) fn last_id(&self) -> u64 {
        lock(&self.kept).last_id()
    }

    /// The last events, the newest last. Nothing is forgotten by looking.
    pub(super) fn recent(&self, limit: usize, monitor: Option<&str>) -> Vec<AgentEvent> {
        let kept = lock(&self.kept);
        let wanted =
            kept.events.iter().rev().filter(|event| monitor.is_none_or(|name| event.monitor == name));
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

    fn is_flushed_within(&self, limit: Duration) -> bool {
        let (done, is_done) = mpsc::channel();
        let sent = self.emitter.orders.send(Order::Flush(done));
        sent.is_ok() && is_done.recv_timeout(limit).is_ok()
    }
}

/// Nothing panics while it holds the lock; if it did, what is kept is still whole.
fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer {
    journal: Journal,
    kept: Arc<Mutex<Kept>>,
    news: News,
    last_id: u64,
    written_forgotten: u64,
    /// Numbered, and not durable yet.
    pending: Vec<AgentEvent>,
    is_failing: bool,
}

impl Writer {
    fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            let first = if self.is_failing {
                match orders.recv_timeout(RETRY) {
                    Ok(order) => Some(order),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            } else {
                match orders.recv() {
                    Ok(order) => Some(order),
                    Err(mpsc::RecvError) => return,
                }
            };
            let mut flushes = Vec::new();
            // What came in meanwhile is written at once: one fsync is enough for all of it.
            for order in first.into_iter().chain(orders.try_iter()) {
                match order {
                    Order::Emit(event) => self.number(event),
                    Order::Forget => {}
                    Order::Flush(done) => flushes.push(done),
                }
            }
            self.write();
            for done in flushes {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }

    fn number(&mut self, mut event: AgentEvent) {
        if self.pending.len() >= MOST_WAITING {
            tracing::error!("an event is lost: the disk has refused {MOST_WAITING} of them");
            return;
        }
        self.last_id += 1;
        event.id = self.last_id;
        self.pending.push(event);
    }

    fn write(&mut self) {
        match self.try_write() {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    tracing::error!("events cannot be written, and wait in memory: {error}");
                }
                self.is_failing = true;
            }
        }
    }

    fn try_write(&mut self) -> io::Result<()> {
        let (forgotten, kept) = {
            let kept = lock(&self.kept);
            (kept.forgotten, kept.events.len())
        };
        if self.journal.wants_rewrite(kept + self.pending.len()) {
            let records = lock(&self.kept).records(&self.pending);
            self.journal.rewrite(&records)?;
        } else {
            let events = self.pending.iter().cloned().map(Record::Event);
            let note = (forgotten > self.written_forgotten).then_some(Record::Forgotten(forgotten));
            let records: Vec<Record> = note.into_iter().chain(events).collect();
            if !records.is_empty() {
                self.journal.append(&records)?;
            }
        }
        self.written_forgotten = forgotten;
        let mut kept = lock(&self.kept);
        if self.news.receiver_count() > 0 {
            for event in &self.pending {
                // The last listener may just have gone.
                let _ = self.news.send(AgentNews::Event { event: event.clone() });
            }
        }
        kept.events.extend(self.pending.drain(..));
        let lost = kept.trim();
        drop(kept);
        if lost > 0 {
            tracing::error!(
                "{lost} of the oldest events are lost: no hub has fetched them, and {MOST_WAITING} wait"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::ipc::EventLevel;
    use tokio::sync::broadcast;

    use super::*;

    fn open(path: &Path) -> EventQueue {
        EventQueue::open(path, "m".into(), broadcast::channel(16).0).unwrap()
    }

    fn emit(queue: &EventQueue, count: usize) {
        for number in 0..count {
            let message = format!("event {number}");
            let notice = Notice {
                kind: EventKind::Up,
                level: EventLevel::Info,
                title: "t".into(),
                message,
                data: None,
            };
            queue.emitter.emit("monitor", notice);
        }
        flush(queue);
    }

    /// The stop of a backend does not wait this long; a test is not about how quick the disk is.
    fn flush(queue: &EventQueue) {
        assert!(queue.is_flushed_within(Duration::from_secs(60)));
    }

    fn ids(events: &[AgentEvent]) -> Vec<u64> {
        events.iter().map(|event| event.id).collect()
    }

    #[test]
    fn acknowledged_events_are_forgotten_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(&folder.path().join("events"));
        emit(&queue, 3);
        assert_eq!(ids(&queue.fetch(Some(0))), [1, 2, 3]);
        assert_eq!(ids(&queue.fetch(Some(2))), [3]);
        assert_eq!(ids(&queue.fetch(Some(1))), [3], "an older acknowledgement changes nothing");
        assert_eq!(ids(&queue.fetch(None)), [3]);
        assert!(queue.fetch(None).is_empty());
        assert_eq!(ids(&queue.recent(2, None)), [2, 3], "looking back does not need the queue");
        assert!(queue.recent(2, Some("other")).is_empty());
    }

    #[test]
    fn numbers_and_acknowledgements_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let queue = open(&path);
        emit(&queue, 3);
        queue.fetch(Some(2));
        flush(&queue);
        let queue = open(&path);
        emit(&queue, 1);
        assert_eq!(ids(&queue.fetch(None)), [3, 4]);
        flush(&queue);
        let queue = open(&path);
        emit(&queue, 1);
        assert_eq!(ids(&queue.fetch(Some(0))), [5]);
    }

    #[test]
    fn an_acknowledgement_from_the_future_does_not_swallow_what_comes() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(&folder.path().join("events"));
        emit(&queue, 1);
        assert!(queue.fetch(Some(u64::MAX)).is_empty());
        emit(&queue, 1);
        assert_eq!(ids(&queue.fetch(Some(0))), [2]);
    }

    #[test]
    fn the_oldest_go_when_too_many_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let queue = open(&path);
        emit(&queue, MOST_WAITING + 5);
        for queue in [&queue, &open(&path)] {
            let waiting = ids(&queue.fetch(Some(0)));
            assert_eq!((waiting.len(), waiting[0]), (MOST_WAITING, 6));
        }
    }

    #[test]
    fn the_journal_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let queue = open(&path);
        for _ in 0..10 {
            emit(&queue, 1_000);
            queue.fetch(None);
            flush(&queue);
        }
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 5_000, "{lines}");
        emit(&open(&path), 1);
        assert_eq!(open(&path).fetch(Some(0))[0].id, 10_001);
    }
}
