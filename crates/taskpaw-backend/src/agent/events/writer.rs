//! The thread that writes: events first, then which hub has what of them.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use taskpaw_contract::ipc::{AgentEvent, AgentNews};

use super::kept::{MOST_WAITING, Record};
use super::lineage::Lineage;
use super::{News, State, lock};
use crate::state::Journal;

/// When to try again after a write has failed.
const RETRY: Duration = Duration::from_secs(2);

/// What the writer is asked for.
pub(super) enum Order {
    /// Something happened.
    Emit(AgentEvent),
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
    pending: Vec<AgentEvent>,
    is_failing: bool,
}

impl Writer {
    /// A writer of what comes after these numbers.
    pub(super) fn new(
        journal: Journal,
        lineage: Lineage,
        state: Arc<Mutex<State>>,
        news: News,
        last_id: u64,
        written_forgotten: u64,
    ) -> Self {
        let pending = Vec::new();
        Self { journal, lineage, state, news, last_id, written_forgotten, pending, is_failing: false }
    }

    /// Writes until it is ended, or nobody can order any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
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
            let (mut flushes, mut is_over) = (Vec::new(), false);
            // What came in meanwhile is written at once: one fsync is enough for all of it.
            for order in first.into_iter().chain(orders.try_iter()) {
                match order {
                    Order::Emit(event) => self.number(event),
                    Order::Note => {}
                    Order::Flush(done) => flushes.push(done),
                    Order::End => is_over = true,
                }
            }
            self.write();
            for done in flushes {
                // Whoever asked may have stopped waiting.
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
            let records = lock(&self.state).kept.records(&self.pending);
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
        let mut state = lock(&self.state);
        if self.news.receiver_count() > 0 {
            for event in &self.pending {
                // The last listener may just have gone.
                let _ = self.news.send(AgentNews::Event { event: event.clone() });
            }
        }
        state.kept.events.extend(self.pending.drain(..));
        let lost = state.kept.trim();
        drop(state);
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
