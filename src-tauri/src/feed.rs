//! What the subscriptions to the roles share with the rest of the app: the events that they hear, and what the window wants of them.

use std::collections::BTreeSet;

use taskpaw_contract::ipc::{AgentEvent, DataKind};
use tokio::sync::{broadcast, watch};

/// How many events wait for a listener; one that is slower misses the oldest.
const WAITING_EVENTS: usize = 256;

/// An event, and where it happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happened {
    pub(crate) event: AgentEvent,
    /// What the hub calls the machine; `None` for this machine.
    pub(crate) agent: Option<String>,
}

/// The events of all roles, as they happen.
#[derive(Debug, Clone)]
pub(crate) struct Events(broadcast::Sender<Happened>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING_EVENTS))
    }
}

impl Events {
    /// Every event from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Happened> {
        self.0.subscribe()
    }

    /// Tells everybody who listens.
    pub(crate) fn tell(&self, event: AgentEvent, agent: Option<String>) {
        let _nobody_may_listen = self.0.send(Happened { event, agent });
    }
}

/// What the window shows of the roles.
#[derive(Debug, Clone)]
pub(crate) struct Wanted(watch::Sender<BTreeSet<DataKind>>);

impl Default for Wanted {
    fn default() -> Self {
        Self(watch::Sender::new(BTreeSet::new()))
    }
}

impl Wanted {
    /// The window shows this from now on.
    pub(crate) fn set(&self, data: Vec<DataKind>) {
        self.0.send_replace(data.into_iter().collect());
    }

    /// What the window shows, and each change of that.
    pub(crate) fn listen(&self) -> watch::Receiver<BTreeSet<DataKind>> {
        self.0.subscribe()
    }
}
