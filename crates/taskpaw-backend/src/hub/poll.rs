//! Polling one agent.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Shared;
use super::agents::{AgentClient, CallError};
use super::store::Source;

/// So many times an agent is asked in one poll whether more events wait.
const ROUNDS: usize = 10;

/// Polls an agent, at once and then in this interval, for ever.
pub(super) async fn again_and_again(
    shared: Arc<Shared>,
    place: usize,
    name: String,
    client: AgentClient,
    every: Duration,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match client.status().await {
            Ok(status) => {
                let source = Source { agent: name.clone(), server_id: status.server_id.clone() };
                shared.fleet.answered(place, status);
                if let Err(error) = fetch_events(&shared, &source, &client).await {
                    shared.fleet.events_missed(place, error.to_string());
                }
            }
            Err(error) => shared.fleet.missed(place, error.to_string()),
        }
    }
}

/// Why events are not fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the hub cannot store events: {0}")]
    Store(#[from] std::io::Error),
}

/// Fetches and stores what waits. Only what has just been seen and is stored is acknowledged: an agent that was
/// installed anew counts from 1 again, and a number from before would make it forget events that nobody has.
async fn fetch_events(shared: &Shared, source: &Source, client: &AgentClient) -> Result<(), FetchError> {
    let mut events = client.events(0).await?;
    for _ in 0..ROUNDS {
        let Some(last) = events.iter().map(|event| event.id).max() else { break };
        shared.store.keep(source, events).await?;
        events = client.events(last).await?;
        // What an agent still sends after it was told that it may forget it would come for ever.
        events.retain(|event| event.id > last);
    }
    Ok(())
}
