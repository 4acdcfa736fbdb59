//! What can be asked of the thread that writes the history.

use taskpaw_contract::ipc::{AgentEvent, AlertTarget};
use tokio::sync::oneshot;

use super::outbox::Outcome;
use super::{Source, StoreError, Stored};

/// What can be asked of the writer.
pub(super) enum Order {
    /// Store events.
    Keep { source: Source, events: Vec<AgentEvent>, stored: oneshot::Sender<Result<Stored, StoreError>> },
    /// Store what the hub itself has to say of an agent.
    KeepOwn { source: Source, event: AgentEvent, stored: oneshot::Sender<Result<Stored, StoreError>> },
    /// An agent has answered.
    Seen { source: Source, status: String },
    /// An agent or its monitors changed.
    State { agent: String, online: bool, monitors: String },
    /// An agent is not configured any more.
    Forget { agent: String },
    /// Nothing that an agent ever sent is kept.
    Erase { agent: String, noted: oneshot::Sender<Result<(), StoreError>> },
    /// A delivery has ended.
    Delivered {
        target: AlertTarget,
        number: u64,
        outcome: Outcome,
        noted: oneshot::Sender<Result<(), StoreError>>,
    },
}
