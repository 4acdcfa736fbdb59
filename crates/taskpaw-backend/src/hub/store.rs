//! The hub's history: each event stored once, and durable before its agent may forget it.
//!
//! One thread writes. It takes everything that waits into one transaction, so that three hundred agents that are
//! polled at the same time cost a few waits for the disk and not three hundred. Requests read with a connection of
//! their own and never wait for it.

mod order;
mod outbox;
mod read;
mod schema;
mod sizes;
mod write;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use taskpaw_contract::config::{HubConfig, WebhookEvents};
use taskpaw_contract::ipc::{AgentEvent, AlertTarget, FleetEvent, WebhookStatus};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::signs::Telling;
use crate::state::StateError;
use order::Order;
pub(super) use outbox::{Delivery, Outcome};
pub(super) use read::{Filter, Remembered};
use schema::Opened;
pub(super) use schema::can_use;
use write::Writer;

/// Where an event comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// The configured name of the agent.
    pub(super) agent: String,
    /// The agent's configured address.
    pub(super) url: String,
    /// What the agent says who it is.
    pub(super) server_id: String,
    /// Another agent was the first to say so: their numbers are not told apart by it.
    pub(super) is_apart: bool,
}

impl Source {
    /// What tells the numbers of one machine from those of another; versions before V3 have no `server_id`.
    fn key(&self) -> Cow<'_, str> {
        match (self.server_id.as_str(), self.is_apart) {
            ("", _) => Cow::Borrowed(&self.agent),
            (server_id, false) => Cow::Borrowed(server_id),
            (server_id, true) => Cow::Owned(format!("{server_id} of {}", self.agent)),
        }
    }
}

/// What was stored of the events of one fetch.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// The events that were not there yet.
    pub(super) fresh: Vec<FleetEvent>,
    /// The agent counts its events from the start again.
    pub(super) installed_anew: bool,
    /// The first and the last number of the last hole: events that this hub was never told.
    pub(super) skipped: Option<(u64, u64)>,
}

/// Why nothing was stored, or nothing could be read.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum StoreError {
    /// The database refuses, with its reason.
    #[error("the hub's database refuses: {0}")]
    Refused(String),
    /// The hub is about to end.
    #[error("the hub is about to end")]
    Ended,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// The history of all agents together may have so many bytes, or so many for each agent if there are many. If it has more,
/// the oldest of the agent that has the most goes.
const LEAST_BYTES: u64 = 32 << 20;
const BYTES_OF_AGENT: u64 = 1 << 20;

/// For how long what is kept, and whether a webhook wants events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    event_ms: u64,
    status_ms: u64,
    /// What the webhook wants; nothing if there is none.
    webhook: Option<WebhookEvents>,
    /// What ntfy wants; nothing if there is none.
    ntfy: Option<WebhookEvents>,
    /// How many bytes of events and states are kept in all.
    most_bytes: u64,
}

impl From<&HubConfig> for Keeping {
    fn from(config: &HubConfig) -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        Self {
            event_ms: u64::from(config.keep_event_days) * DAY_MS,
            status_ms: u64::from(config.keep_status_days) * DAY_MS,
            webhook: (!config.webhook.url.is_empty()).then_some(config.webhook.events),
            ntfy: (!config.ntfy.url.is_empty()).then_some(config.ntfy.events),
            most_bytes: LEAST_BYTES.max(BYTES_OF_AGENT * config.agents.len() as u64),
        }
    }
}

/// The store.
#[derive(Debug)]
pub(super) struct Store {
    /// Until the writer begins.
    opened: Mutex<Option<Opened>>,
    /// Whether the database still has the form of an older version.
    is_older: AtomicBool,
    keeping: Keeping,
    /// Closed to end the writer.
    orders: Mutex<Option<Sender<Order>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Closed at the end.
    reader: Arc<Mutex<Option<Connection>>>,
}

impl Store {
    /// Opens the database. Until it goes live it is only read, and has the form in which it was found.
    pub(super) fn open(path: &Path, keeping: Keeping, telling: Telling) -> Result<Self, StateError> {
        let opened = schema::open(path, telling)?;
        let reader = schema::open_reader(path)?;
        Ok(Self {
            is_older: AtomicBool::new(opened.is_older()),
            opened: Mutex::new(Some(opened)),
            keeping,
            orders: Mutex::default(),
            writer: Mutex::default(),
            reader: Arc::new(Mutex::new(Some(reader))),
        })
    }

    /// Brings the database to the form of this version, and starts its writer. Blocks.
    pub(super) fn go_live(&self) -> Result<(), StateError> {
        let Some(opened) = held(&self.opened).take() else { return Ok(()) };
        let path = opened.path().to_owned();
        let writer = Writer::new(opened.in_this_form()?, self.keeping);
        self.is_older.store(false, Ordering::SeqCst);
        let (orders, received) = mpsc::channel();
        let writer = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(StateError::at(&path))?;
        *held(&self.orders) = Some(orders);
        *held(&self.writer) = Some(writer);
        Ok(())
    }

    /// Stores those events that are new; they are durable when this returns without an error.
    pub(super) async fn keep(&self, source: &Source, events: Vec<AgentEvent>) -> Result<Stored, StoreError> {
        let (stored, answer) = oneshot::channel();
        self.order(Order::Keep { source: source.clone(), events, stored });
        answer.await.map_err(|_| StoreError::Ended)?
    }

    /// Stores what the hub itself has to say of an agent; it is durable when this returns without an error.
    pub(super) async fn keep_own(
        &self,
        agent: &str,
        hub_id: &str,
        event: AgentEvent,
    ) -> Result<FleetEvent, StoreError> {
        let (stored, answer) = oneshot::channel();
        let (agent, server_id) = (agent.to_owned(), hub_id.to_owned());
        let source = Source { agent, url: String::new(), server_id, is_apart: true };
        self.order(Order::KeepOwn { source, event, stored });
        let kept = answer.await.map_err(|_| StoreError::Ended)??;
        kept.fresh
            .into_iter()
            .next()
            .ok_or_else(|| StoreError::Refused("the event was not stored".to_owned()))
    }

    /// The configured names of the agents of which this hub told last that they are offline. Blocks.
    pub(super) fn told_offline(&self, hub_id: &str) -> Result<BTreeSet<String>, StoreError> {
        let reader = held(&self.reader);
        Ok(read::told_offline(reader.as_ref().ok_or(StoreError::Ended)?, hub_id)?)
    }

    /// Notes what an agent said last, and whether it was reinstalled: for the next launch, so nobody waits
    /// for it.
    pub(super) fn seen(&self, source: &Source, status: String) {
        self.order(Order::Seen { source: source.clone(), status });
    }

    /// Notes how an agent and its monitors are from now on.
    pub(super) fn state(&self, agent: &str, online: bool, monitors: String) {
        self.order(Order::State { agent: agent.to_owned(), online, monitors });
    }

    /// Forgets what an agent said last. Its events stay for as long as all others.
    pub(super) fn forget(&self, agent: &str) {
        self.order(Order::Forget { agent: agent.to_owned() });
    }

    /// Removes everything that an agent ever sent. Nothing of it is on the disk any more when this returns without an error.
    pub(super) async fn erase(&self, agent: &str) -> Result<(), StoreError> {
        let (noted, answer) = oneshot::channel();
        self.order(Order::Erase { agent: agent.to_owned(), noted });
        answer.await.map_err(|_| StoreError::Ended)?
    }

    /// The last events that the filter allows, the newest last; not more than fit into an answer.
    pub(super) async fn last(&self, filter: Filter, limit: usize) -> Result<Vec<FleetEvent>, StoreError> {
        self.read(move |connection| read::last(connection, &filter, limit)).await
    }

    /// What is known of the agents from earlier launches. Blocks.
    pub(super) fn remembered(&self) -> Result<Vec<Remembered>, StoreError> {
        let reader = held(&self.reader);
        Ok(read::remembered(reader.as_ref().ok_or(StoreError::Ended)?)?)
    }

    /// The deliveries that are due, the oldest first, and when the next one is if none is due now.
    pub(super) async fn due(
        &self,
        target: AlertTarget,
        most: usize,
    ) -> Result<(Vec<Delivery>, Option<u64>), StoreError> {
        self.read(move |connection| outbox::due(connection, target, most)).await
    }

    /// How many deliveries wait, and how many are kept aside: for the webhook, and for ntfy.
    pub(super) async fn outbox(&self) -> Result<[WebhookStatus; 2], StoreError> {
        if self.is_older.load(Ordering::SeqCst) {
            // An older form may have none, and the backend that serves next begins it.
            return Ok(std::array::from_fn(|_| outbox::NOTHING));
        }
        // In one look: each takes a thread, and the fleet is asked for often.
        self.read(|connection| {
            Ok([
                outbox::count(connection, AlertTarget::Webhook)?,
                outbox::count(connection, AlertTarget::Ntfy)?,
            ])
        })
        .await
    }

    /// Notes how a delivery has ended; durable when this returns without an error.
    pub(super) async fn delivered(
        &self,
        target: AlertTarget,
        number: u64,
        outcome: Outcome,
    ) -> Result<(), StoreError> {
        let (noted, answer) = oneshot::channel();
        self.order(Order::Delivered { target, number, outcome, noted });
        answer.await.map_err(|_| StoreError::Ended)?
    }

    /// Writes what is not written yet, ends the writer, and lets the database go. Blocks.
    pub(super) fn close(&self) {
        drop(held(&self.orders).take());
        let writer = held(&self.writer).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the hub's history has failed");
        }
        drop((held(&self.opened).take(), held(&self.reader).take()));
    }

    /// An order after the end is dropped, and its sender is told so by the answer that never comes.
    fn order(&self, order: Order) {
        if let Some(orders) = &*held(&self.orders) {
            let _ = orders.send(order);
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = self.reader.clone();
        spawn_blocking(move || Ok(look(held(&reader).as_ref().ok_or(StoreError::Ended)?)?))
            .await
            .map_err(|_| StoreError::Ended)?
    }
}

/// Nothing panics while it holds one of these; if it did, what is held is still whole.
fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
