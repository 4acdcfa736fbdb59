//! The hub: polls agents, keeps their events, and shows the fleet.

mod agents;
mod api;
mod fleet;
mod poll;
mod store;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use taskpaw_contract::config::HubConfig;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::http::Guard;
use crate::launch::Launch;
use crate::lifecycle::Stop;
use agents::AgentClient;
use fleet::Fleet;
use store::Store;

/// A hub that is about to run.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    config: HubConfig,
    client: reqwest::Client,
    api: Guard,
    control: Guard,
}

/// What the handlers and the polls use.
struct Shared {
    machine: String,
    fleet: Fleet,
    store: Store,
    stop: Stop,
}

impl Hub {
    /// Opens the state. Nothing is polled yet.
    pub(crate) fn open(launch: &Launch) -> Result<Self, Failure> {
        let config = launch.config.hub.clone();
        let store = Store::open(&launch.state.file("hub-events.jsonl"))?;
        let client = agents::client().map_err(|error| {
            Failure::system("the HTTP client cannot be made")(std::io::Error::other(error))
        })?;
        // The app shows the fleet with the token of the launch, whatever token others need.
        let api = match config.token.as_str() {
            "" => Guard::optional(""),
            token => Guard::tokens([token, &launch.control_token]),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                machine: launch.machine.clone(),
                fleet: Fleet::new(&config.agents),
                store,
                stop: launch.stop.clone(),
            }),
            config,
            client,
            api,
            control: Guard::tokens([&launch.control_token]),
        })
    }

    /// The one port of a hub, bound to this address.
    pub(crate) fn routes(&self, bound_to: IpAddr) -> Router {
        api::routes(&self.shared, self.api.clone(), self.control.clone(), bound_to)
    }

    /// Polls every enabled agent until the stop is requested.
    pub(crate) async fn poll(&self) {
        let mut polls = JoinSet::new();
        let every = Duration::from_secs(self.config.poll_seconds.into());
        for (place, agent) in self.config.agents.iter().enumerate().filter(|(_, agent)| agent.enabled) {
            let token = if agent.token.is_empty() { &self.config.polling_token } else { &agent.token };
            let client = AgentClient::new(self.client.clone(), &agent.url, token);
            polls.spawn(poll::again_and_again(self.shared.clone(), place, agent.name.clone(), client, every));
        }
        self.shared.stop.requested().await;
        // A poll that is called off has acknowledged nothing that is not stored.
        polls.abort_all();
    }
}
