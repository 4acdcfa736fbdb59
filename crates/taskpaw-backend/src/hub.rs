//! The hub: polls agents, keeps their events, and shows the fleet.

mod agents;
mod api;
mod browse;
mod fleet;
mod metrics;
mod offers;
mod poll;
mod roster;
mod status_md;
mod store;
mod webhook;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use taskpaw_contract::config::HubConfig;
use taskpaw_contract::ipc::{FleetNews, FleetStatus, WebhookStatus};
use tokio::sync::{Notify, broadcast};

use crate::failure::Failure;
use crate::http::Guard;
use crate::launch::Launch;
use crate::lifecycle::Stop;
#[cfg(feature = "fuzzing")]
pub(crate) use agents::fuzz as fuzz_answer;
use agents::{AgentClient, CallError, Clients};
use fleet::Fleet;
use offers::Offers;
use roster::Roster;
use store::{Keeping, Store, StoreError};

/// So much news waits for a slow listener; then it misses some.
const NEWS: usize = 256;

/// A hub that is about to run.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    config: HubConfig,
    api: Guard,
    control: Guard,
}

/// What the handlers and the polls use.
struct Shared {
    machine: String,
    config_file: PathBuf,
    /// Between two polls of an agent.
    every: Duration,
    /// In which an agent must say how it is.
    within: Duration,
    /// For agents that have no token of their own.
    polling_token: String,
    clients: Clients,
    fleet: Fleet,
    roster: Roster,
    /// Whether agents on the network are looked for when somebody wants to see them.
    discovers: bool,
    offers: Offers,
    store: Store,
    news: broadcast::Sender<FleetNews>,
    /// How many events this launch has stored.
    stored: AtomicU64,
    /// Wakes the webhook: something new may wait for it.
    outbox: Notify,
    has_webhook: bool,
    /// Why the last delivery failed.
    webhook_error: Mutex<Option<String>>,
    stop: Stop,
}

impl Hub {
    /// Opens the state. Nothing is polled yet.
    pub(crate) fn open(launch: &Launch) -> Result<Self, Failure> {
        let config = launch.config.hub.clone();
        let no_client = |error| {
            Failure::system("the HTTP client cannot be made")(std::io::Error::other::<reqwest::Error>(error))
        };
        let shared = Shared {
            machine: launch.machine.clone(),
            config_file: launch.config_file.clone(),
            every: Duration::from_secs(config.poll_seconds.into()),
            within: Duration::from_millis(config.answer_within_ms.into()),
            polling_token: config.polling_token.clone(),
            clients: Clients::new(launch.state.hub_id()?).map_err(no_client)?,
            fleet: Fleet::default(),
            roster: Roster::default(),
            discovers: config.discovery,
            offers: Offers::default(),
            store: Store::open(&launch.state.file("hub.db"), Keeping::from(&config))?,
            news: broadcast::Sender::new(NEWS),
            stored: AtomicU64::new(0),
            outbox: Notify::new(),
            has_webhook: !config.webhook.url.is_empty(),
            webhook_error: Mutex::default(),
            stop: launch.stop.clone(),
        };
        // The app shows the fleet with the token of the launch, whatever token others need.
        let api = match config.token.as_str() {
            "" => Guard::optional(""),
            token => Guard::tokens([token, &launch.control_token]),
        };
        Ok(Self { shared: Arc::new(shared), config, api, control: Guard::tokens([&launch.control_token]) })
    }

    /// The one port of a hub, bound to this address.
    pub(crate) fn routes(&self, bound_to: IpAddr) -> Router {
        api::routes(&self.shared, self.api.clone(), self.control.clone(), bound_to)
    }

    /// Polls every enabled agent until the stop is requested.
    pub(crate) async fn poll(&self) {
        let remembered = self.shared.store.remembered().unwrap_or_else(|error| {
            tracing::warn!("what an earlier launch has known of the agents cannot be read: {error}");
            Vec::new()
        });
        self.shared.start(&self.config.agents, remembered);
        let webhook = tokio::spawn(webhook::deliver(self.shared.clone(), self.config.webhook.clone()));
        let path = PathBuf::from(&self.config.status_md);
        let has_file = !path.as_os_str().is_empty();
        let file =
            has_file.then(|| tokio::spawn(status_md::write_again_and_again(self.shared.clone(), path)));
        self.shared.stop.requested().await;
        // A poll that is called off has acknowledged nothing that is not stored, and a delivery that is called off
        // is made again.
        self.shared.roster.end_all();
        webhook.abort();
        file.inspect(tokio::task::JoinHandle::abort);
    }

    /// Writes what is not on the disk yet.
    pub(crate) fn close(&self) {
        self.shared.store.close();
    }
}

impl Shared {
    fn client_of(&self, url: &str, token: &str) -> Result<AgentClient, CallError> {
        let token = if token.is_empty() { &self.polling_token } else { token };
        AgentClient::new(&self.clients, url, token, self.within)
    }

    /// Tells everybody who listens. That nobody does is no fault.
    fn tell(&self, news: FleetNews) {
        let _ = self.news.send(news);
    }

    async fn status(&self) -> Result<FleetStatus, StoreError> {
        let (agents, webhook) = (self.fleet.agents(), self.webhook().await?);
        Ok(FleetStatus { offers: self.offers.beside(&agents), agents, webhook })
    }

    /// Nothing if there is no webhook and nothing waits for one.
    async fn webhook(&self) -> Result<Option<WebhookStatus>, StoreError> {
        let counted = self.store.outbox().await?;
        if !self.has_webhook && counted.waiting == 0 && counted.kept_aside == 0 {
            return Ok(None);
        }
        let error = self.webhook_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Some(WebhookStatus { error, ..counted }))
    }
}
