//! Polling one agent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::StatusCode;
use taskpaw_contract::config::HubAgent;
use taskpaw_contract::ipc::{EventCursor, FleetNews, PollErrorCode};
use tokio::time::{MissedTickBehavior, interval};

use super::Shared;
use super::agents::{AgentClient, CallError};
use super::fleet::{AgentId, Changed};
use super::store::{Source, StoreError};

/// So many times an agent is asked in one poll whether more events wait.
const ROUNDS: usize = 10;

/// Polls an agent, at once and then in this interval, for ever.
pub(super) async fn again_and_again(shared: Arc<Shared>, id: AgentId, agent: HubAgent) {
    let client = match shared.client_of(&agent.url, &agent.token) {
        Ok(client) => client,
        Err(error) => {
            told(&shared, &agent.name, shared.fleet.missed(id, error.code(), error.to_string()));
            return;
        }
    };
    let mut ticks = interval(shared.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        once(&shared, id, &agent, &client).await;
    }
}

async fn once(shared: &Shared, id: AgentId, agent: &HubAgent, client: &AgentClient) {
    let status = match client.status().await {
        Ok(status) => status,
        Err(error) => {
            told(shared, &agent.name, shared.fleet.missed(id, error.code(), error.to_string()));
            return;
        }
    };
    let source =
        Source { agent: agent.name.clone(), url: agent.url.clone(), server_id: status.server_id.clone() };
    shared.store.seen(&source, serde_json::to_string(&status).unwrap_or_default());
    let cursor = status.event_cursor.clone();
    told(shared, &agent.name, shared.fleet.answered(id, status));
    let mut fetched = fetch_events(shared, id, &source, client, cursor.as_ref()).await;
    if cursor.is_some() && fetched.as_ref().is_err_and(FetchError::is_of_another_start) {
        // It was started again between the two calls.
        fetched = match client.status().await {
            Ok(again) => fetch_events(shared, id, &source, client, again.event_cursor.as_ref()).await,
            Err(error) => Err(error.into()),
        };
    }
    if let Err(error) = fetched {
        let changed = shared.fleet.events_missed(id, error.code(), error.to_string());
        told(shared, &agent.name, changed);
    }
}

/// Notes a change in the history, and tells it to whoever listens.
fn told(shared: &Shared, name: &str, changed: Changed) {
    if let Some((online, monitors)) = changed.state {
        shared.store.state(name, online, monitors);
    }
    if let Some(agent) = changed.agent {
        shared.tell(FleetNews::Agent { agent });
    }
}

/// Why events are not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FetchError {
    /// Whether the agent refuses what it was asked in the name of another start.
    fn is_of_another_start(&self) -> bool {
        matches!(self, Self::Call(CallError::Status { status, .. }) if *status == StatusCode::CONFLICT)
    }

    fn code(&self) -> PollErrorCode {
        match self {
            Self::Call(error) => error.code(),
            Self::Store(_) => PollErrorCode::Store,
        }
    }
}

/// Fetches and stores what waits. Only what has just been seen and is stored is acknowledged: an agent that was
/// installed anew counts from 1 again, and a number from before would make it forget events that nobody has.
async fn fetch_events(
    shared: &Shared,
    id: AgentId,
    source: &Source,
    client: &AgentClient,
    cursor: Option<&EventCursor>,
) -> Result<(), FetchError> {
    let mut events = client.events(0, cursor).await?;
    for _ in 0..ROUNDS {
        let Some(last) = events.iter().map(|event| event.id).max() else { break };
        let stored = shared.store.keep(source, events).await?;
        if stored.installed_anew {
            told(shared, &source.agent, shared.fleet.installed_anew(id));
        }
        if let Some((first, last)) = stored.skipped {
            told(shared, &source.agent, shared.fleet.skipped(id, first, last));
        }
        let has_fresh = !stored.fresh.is_empty();
        shared.stored.fetch_add(stored.fresh.len() as u64, Ordering::Relaxed);
        for event in stored.fresh {
            shared.tell(FleetNews::Event { event });
        }
        if has_fresh {
            shared.outbox.notify_one();
        }
        events = client.events(last, cursor).await?;
        // What an agent still sends after it was told that it may forget it would come for ever.
        events.retain(|event| event.id > last);
    }
    Ok(())
}
