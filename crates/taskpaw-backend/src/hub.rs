//! The hub: polls agents, keeps their events, and shows the fleet.

mod agents;
mod answer;
mod api;
mod browse;
mod fleet;
mod history;
mod metrics;
mod offers;
mod poll;
mod presence;
mod roster;
mod status_md;
mod store;
#[cfg(test)]
mod told_tests;
mod webhook;
mod whole;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use taskpaw_contract::config::HubConfig;
use taskpaw_contract::ipc::{AlertTarget, FleetAgent, FleetNews, FleetStatus, WebhookStatus};
use tokio::sync::{Notify, OwnedMutexGuard, broadcast};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use crate::alerts::SendError;
use crate::context::Launch;
use crate::failure::Failure;
use crate::http::{ApiError, Guard};
use crate::lifecycle::Stop;
use crate::release::{CLOSE_WITHIN, CannotStandDown, until_unused};
use crate::state::StateError;
#[cfg(feature = "fuzzing")]
pub(crate) use agents::fuzz as fuzz_answer;
use agents::{AgentClient, CallError, Clients};
use fleet::{Fleet, Reconciled};
use offers::Offers;
use roster::Roster;
use store::{Keeping, Store, StoreError};

/// The file of the history.
pub(crate) const HISTORY: &str = "hub.db";
/// How much news waits for a slow listener; beyond that it misses some.
const NEWS: usize = 256;

/// Looks whether this version can use the state that is there; another hub may write it meanwhile. Nothing is changed.
pub(crate) fn can_use(folder: &Path) -> Result<(), StateError> {
    store::can_use(&folder.join(HISTORY))
}

/// A hub that serves.
pub(crate) struct Hub {
    shared: Arc<Shared>,
    config: HubConfig,
    api: Guard,
    control: Guard,
    /// Until the hub is live.
    held_back: Option<(OwnedMutexGuard<()>, Reconciled)>,
    /// What delivers and writes, once it is live.
    tasks: JoinSet<()>,
}

/// What the handlers and the polls use.
struct Shared {
    machine: String,
    config_file: PathBuf,
    /// Between two polls of an agent.
    every: Duration,
    /// In which an agent must say how it is.
    within: Duration,
    /// After so many missed polls in a row people are told.
    offline_after: u32,
    /// Tells this hub from others.
    hub_id: String,
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
    /// Wake the tasks that tell the webhook, and ntfy: something new may wait for it.
    outboxes: [Notify; 2],
    /// Whether there is a webhook, and a topic of ntfy.
    has_targets: [bool; 2],
    failures: webhook::Failures,
    /// Whether anything outside this machine may hear of this hub by itself.
    is_live: AtomicBool,
    stop: Stop,
}

impl Hub {
    /// Opens the state, and knows of the agents what an earlier launch has known. Nothing is polled yet.
    pub(crate) fn open(launch: &Launch) -> Result<Self, Failure> {
        let config = launch.config.hub.clone();
        let no_client = |error| {
            Failure::system("the HTTP client cannot be made")(std::io::Error::other::<reqwest::Error>(error))
        };
        let hub_id = launch.state.hub_id()?;
        let shared = Shared {
            machine: launch.machine.clone(),
            config_file: launch.config_file.clone(),
            every: Duration::from_secs(config.poll_seconds.into()),
            within: Duration::from_millis(config.answer_within_ms.into()),
            offline_after: config.offline_after,
            hub_id: hub_id.clone(),
            polling_token: config.polling_token.clone(),
            clients: Clients::new(hub_id).map_err(no_client)?,
            fleet: Fleet::default(),
            roster: Roster::default(),
            discovers: config.discovery,
            offers: Offers::default(),
            store: Store::open(&launch.state.file(HISTORY), Keeping::from(&config), launch.telling)?,
            news: broadcast::Sender::new(NEWS),
            stored: AtomicU64::new(0),
            outboxes: [Notify::new(), Notify::new()],
            has_targets: [!config.webhook.url.is_empty(), !config.ntfy.url.is_empty()],
            failures: webhook::Failures::default(),
            is_live: AtomicBool::new(false),
            stop: launch.over.clone(),
        };
        // The app shows the fleet with the token of the launch, whatever token others need.
        let (api, control) = Guard::both(&config.token, &launch.control_token);
        let remembered = shared.store.remembered().unwrap_or_else(|error| {
            tracing::warn!("what an earlier launch has known of the agents cannot be read: {error}");
            Vec::new()
        });
        let shown = shared.show(&config.agents, remembered);
        shared.fleet.remember_offline(&shared.store.told_offline(&shared.hub_id).unwrap_or_else(|error| {
            tracing::warn!("which machines are known to be offline cannot be read: {error}");
            BTreeSet::new()
        }));
        let held_back = shared.roster.held_back().map(|turn| (turn, shown));
        Ok(Self { shared: Arc::new(shared), config, api, control, held_back, tasks: JoinSet::new() })
    }

    /// The one port of a hub, bound to this address.
    pub(crate) fn routes(&self, bound_to: IpAddr) -> Router {
        api::routes(&self.shared, self.api.clone(), self.control.clone(), bound_to)
    }

    /// Brings the history to this version's form. From now on an older version may not be able to read it.
    pub(crate) async fn bring_to_this_form(&self) -> Result<(), Failure> {
        let opening = self.shared.clone();
        let opened = spawn_blocking(move || opening.store.go_live()).await;
        opened.map_err(|error| {
            Failure::system("the history cannot be opened")(std::io::Error::other(error))
        })??;
        Ok(())
    }

    /// Polls every enabled agent, and delivers what waits. Waits for nothing.
    pub(crate) fn go_live(&mut self) {
        self.shared.is_live.store(true, Ordering::SeqCst);
        let Some((turn, shown)) = self.held_back.take() else { return };
        self.shared.follow(shown);
        drop(turn);
        for target in AlertTarget::ALL {
            let config = match target {
                AlertTarget::Webhook => self.config.webhook.clone(),
                AlertTarget::Ntfy => self.config.ntfy.clone(),
            };
            self.tasks.spawn(webhook::deliver(self.shared.clone(), target, config));
        }
        let path = PathBuf::from(&self.config.status_md);
        if !path.as_os_str().is_empty() {
            self.tasks.spawn(status_md::write_again_and_again(self.shared.clone(), path));
        }
    }

    /// Polls and delivers nothing any more. A poll that is called off has acknowledged nothing that is not stored, and a
    /// delivery that is called off is made again.
    pub(crate) fn halt(&mut self) {
        self.shared.roster.end_all();
        self.tasks.abort_all();
    }

    /// Writes what is not on the disk yet, and lets the database go.
    pub(crate) fn close(&self) {
        self.shared.store.close();
    }

    /// Lets go of everything that it holds. Its connections have ended before.
    pub(crate) async fn stand_down(self) -> Result<(), CannotStandDown> {
        let Self { shared, mut tasks, .. } = self;
        tasks.shutdown().await;
        let closing = shared.clone();
        let closed = spawn_blocking(move || closing.store.close());
        if timeout(CLOSE_WITHIN, closed).await.is_err() {
            return Err(CannotStandDown("the history could not be written in time"));
        }
        until_unused(shared).await
    }
}

impl Shared {
    fn is_live(&self) -> bool {
        self.is_live.load(Ordering::SeqCst)
    }

    fn client_of(&self, url: &str, token: &str) -> Result<AgentClient, CallError> {
        let token = if token.is_empty() { &self.polling_token } else { token };
        AgentClient::new(&self.clients, url, token, self.within)
    }

    /// Tells everybody who listens. That nobody does is not a fault.
    fn tell(&self, news: FleetNews) {
        let _ = self.news.send(news);
    }

    async fn status(&self) -> Result<FleetStatus, StoreError> {
        self.with_what_is_beside(self.fleet.agents()).await
    }

    /// The same as JSON.
    async fn status_written(&self) -> Result<String, ApiError> {
        let (agents, said) = self.fleet.agents_and_said();
        whole::written(self.with_what_is_beside(agents).await?, &said).map_err(|_| ApiError::Internal)
    }

    async fn with_what_is_beside(&self, agents: Vec<FleetAgent>) -> Result<FleetStatus, StoreError> {
        let [webhook, ntfy] = self.store.outbox().await?;
        let webhook = self.telling(AlertTarget::Webhook, webhook);
        let ntfy = self.telling(AlertTarget::Ntfy, ntfy);
        Ok(FleetStatus { offers: self.offers.beside(&agents), agents, webhook, ntfy })
    }

    /// What wakes the task that tells this target.
    fn outbox(&self, target: AlertTarget) -> &Notify {
        let [webhook, ntfy] = &self.outboxes;
        match target {
            AlertTarget::Webhook => webhook,
            AlertTarget::Ntfy => ntfy,
        }
    }

    /// Something new may wait for each of them.
    fn wake_outboxes(&self) {
        self.outboxes.iter().for_each(Notify::notify_one);
    }

    /// Nothing if there is no such target and nothing waits for one.
    fn telling(&self, target: AlertTarget, counted: WebhookStatus) -> Option<WebhookStatus> {
        let [webhook, ntfy] = self.has_targets;
        let is_set = match target {
            AlertTarget::Webhook => webhook,
            AlertTarget::Ntfy => ntfy,
        };
        if !is_set && counted.waiting == 0 && counted.kept_aside == 0 {
            return None;
        }
        let failure = self.failures.of(target);
        let (error, outcome) =
            (failure.as_ref().map(ToString::to_string), failure.as_ref().map(SendError::outcome));
        Some(WebhookStatus { error, outcome, ..counted })
    }
}
