//! The thread that writes: events first, then which hub has what of them.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use taskpaw_contract::ipc::AgentNews;

use super::kept::{MOST_WAITING, Noted, Record};
use super::lineage::Lineage;
use super::memories::Memories;
use super::{News, State, lock};
use crate::monitors::Memory;
use crate::state::Journal;

/// When to try again after a write has failed.
const RETRY: Duration = Duration::from_secs(2);

/// What the writer is asked for.
pub(super) enum Order {
    /// Something happened, with what the monitor noted for itself.
    Emit(Box<Noted>),
    /// A monitor remembers this, with everything before.
    Remember(String, Box<Memory>),
    /// A monitor of this name is not there any more.
    Forget(String),
    /// The agent is live, with these monitors.
    Live(Vec<String>),
    /// What the hubs have is another than before.
    Note,
    /// Answer when everything before has been tried.
    Flush(Sender<()>),
    /// Write what came before, and end: the files are somebody else's from then on.
    End,
}

/// The writer.
pub(super) struct Writer {
    journal: Journal,
    lineage: Lineage,
    state: Arc<Mutex<State>>,
    news: News,
    last_id: u64,
    written_forgotten: u64,
    /// Numbered, and not durable yet.
    pending: Vec<Noted>,
    memories: Memories,
    /// What is remembered, with the last number before it: the events up to it must be durable first.
    remembered: Vec<(u64, Change)>,
    is_failing: bool,
}

/// What happens to the memories.
enum Change {
    Remember(String, Box<Memory>),
    Forget(String),
    Live(Vec<String>),
}

impl Writer {
    /// A writer of what comes after these numbers.
    pub(super) fn new(
        journal: Journal,
        lineage: Lineage,
        state: Arc<Mutex<State>>,
        news: News,
        memories: Memories,
        last_id: u64,
        written_forgotten: u64,
    ) -> Self {
        let (pending, remembered) = (Vec::new(), Vec::new());
        Self {
            journal,
            lineage,
            state,
            news,
            last_id,
            written_forgotten,
            pending,
            memories,
            remembered,
            is_failing: false,
        }
    }

    /// Writes until it is ended, or nobody can order any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let retry = self.is_failing.then_some(RETRY);
            // What waits for the disk comes first, and is tried again in its own time.
            let due = self.memories.due_in(Instant::now()).filter(|_| self.pending.is_empty());
            let first = match retry.into_iter().chain(due).min() {
                Some(limit) => match orders.recv_timeout(limit) {
                    Ok(order) => Some(order),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                },
                None => match orders.recv() {
                    Ok(order) => Some(order),
                    Err(mpsc::RecvError) => return,
                },
            };
            let (mut flushes, mut is_over) = (Vec::new(), false);
            // What came in meanwhile is written at once: one fsync is enough for all of it.
            for order in first.into_iter().chain(orders.try_iter()) {
                match order {
                    Order::Emit(noted) => self.number(*noted),
                    Order::Remember(name, memory) => self.note(Change::Remember(name, memory)),
                    Order::Forget(name) => self.note(Change::Forget(name)),
                    Order::Live(names) => self.note(Change::Live(names)),
                    Order::Note => {}
                    Order::Flush(done) => flushes.push(done),
                    Order::End => is_over = true,
                }
            }
            self.write();
            self.write_memories(is_over);
            for done in flushes {
                // The caller may have stopped waiting.
                let _ = done.send(());
            }
            if is_over {
                if !self.pending.is_empty() {
                    tracing::error!("{} events are lost: the disk has refused them", self.pending.len());
                }
                return;
            }
        }
    }

    fn note(&mut self, change: Change) {
        // Only the last word of each monitor counts.
        if let Change::Remember(name, _) | Change::Forget(name) = &change {
            self.remembered.retain(|(_, known)| {
                !matches!(known, Change::Remember(known, _) | Change::Forget(known) if known == name)
            });
        }
        self.remembered.push((self.last_id, change));
    }

    /// What the monitors remember is written once everything that it knows of is durable.
    fn write_memories(&mut self, is_over: bool) {
        let now = Instant::now();
        if self.pending.is_empty() && (is_over || self.memories.due_in(now).is_some_and(|due| due.is_zero()))
        {
            self.memories.write(now);
        }
    }

    /// The memories follow the events that have just become durable.
    fn tell_memories(&mut self, written: &[Noted]) {
        let now = Instant::now();
        let mut written = written.iter().peekable();
        for (after, change) in std::mem::take(&mut self.remembered) {
            while let Some(Noted { event, note }) = written.next_if(|noted| noted.event.id <= after) {
                self.memories.told(event, note.clone(), now);
            }
            match change {
                Change::Remember(name, memory) => self.memories.remember(name, *memory, now),
                Change::Forget(name) => self.memories.forget(&name, now),
                Change::Live(names) => self.memories.go_live(&names, after, now),
            }
        }
        for Noted { event, note } in written {
            self.memories.told(event, note.clone(), now);
        }
    }

    fn number(&mut self, mut noted: Noted) {
        if self.pending.len() >= MOST_WAITING {
            tracing::error!("an event is lost: the disk has refused {MOST_WAITING} of them");
            return;
        }
        self.last_id += 1;
        noted.event.id = self.last_id;
        self.pending.push(noted);
    }

    fn write(&mut self) {
        match self.try_write().and_then(|()| self.note_hubs()) {
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
            let kept = &lock(&self.state).kept;
            (kept.forgotten, kept.events.len())
        };
        if self.journal.wants_rewrite(kept + self.pending.len()) {
            // The notes of the events that are durable already do not stay in the journal.
            self.memories.write(Instant::now());
            let records = lock(&self.state).kept.records(&self.pending);
            self.journal.rewrite(&records)?;
        } else {
            let events = self.pending.iter().cloned().map(|noted| Record::Event(Box::new(noted)));
            let note = (forgotten > self.written_forgotten).then_some(Record::Forgotten(forgotten));
            let records: Vec<Record> = note.into_iter().chain(events).collect();
            if !records.is_empty() {
                self.journal.append(&records)?;
            }
        }
        self.written_forgotten = forgotten;
        let mut state = lock(&self.state);
        let written = std::mem::take(&mut self.pending);
        if self.news.receiver_count() > 0 {
            for Noted { event, .. } in &written {
                // The last listener may just have gone.
                let _ = self.news.send(AgentNews::Event { event: event.clone() });
            }
        }
        state.kept.events.extend(written.iter().map(|noted| noted.event.clone()));
        let lost = state.kept.trim();
        drop(state);
        self.tell_memories(&written);
        if lost > 0 {
            tracing::error!(
                "{lost} of the oldest events are lost: not every hub has fetched them, and {MOST_WAITING} wait"
            );
        }
        Ok(())
    }

    /// After the journal: a hub that is thought to have less than it has gets something again that it knows.
    fn note_hubs(&mut self) -> io::Result<()> {
        let Some(hubs) = lock(&self.state).hubs.take_changed(Instant::now()) else { return Ok(()) };
        self.lineage.record.hubs = hubs;
        let written = self.lineage.write();
        if written.is_err() {
            lock(&self.state).hubs.not_kept();
        }
        written
    }
}
