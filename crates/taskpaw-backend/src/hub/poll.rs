//! Polling one agent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use reqwest::StatusCode;
use taskpaw_contract::config::HubAgent;
use taskpaw_contract::ipc::{EventCursor, FleetNews, PollErrorCode};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Shared;
use super::agents::{AgentClient, CallError};
use super::answer::{Cut, Told};
use super::fleet::{AgentId, Changed};
use super::presence;
use super::store::{Source, StoreError};

/// How many times in one poll an agent is asked whether more events wait.
const ROUNDS: usize = 10;
/// So much of an agent's events is taken at once, as after a long absence, and so much in each second after that. What is
/// more comes later: it is not acknowledged.
const EVENTS_AT_ONCE: f64 = 10_000.0;
const EVENTS_A_SECOND: f64 = 10.0;
const BYTES_AT_ONCE: f64 = 16.0 * 1024.0 * 1024.0;
const BYTES_A_SECOND: f64 = 16.0 * 1024.0;

/// How much of an agent's events is still taken.
#[derive(Debug)]
struct Allowance {
    events: f64,
    bytes: f64,
    since: Instant,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { events: EVENTS_AT_ONCE, bytes: BYTES_AT_ONCE, since: now }
    }

    /// How many events may be taken now.
    fn at(&mut self, now: Instant) -> usize {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        self.events = (self.events + seconds * EVENTS_A_SECOND).min(EVENTS_AT_ONCE);
        self.bytes = (self.bytes + seconds * BYTES_A_SECOND).min(BYTES_AT_ONCE);
        if self.bytes < 0.0 {
            return 0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at most 10,000, and not below 0"
        )]
        let events = self.events.max(0.0) as usize;
        events
    }

    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
    fn take(&mut self, told: &Told) {
        self.events -= told.events.len() as f64;
        self.bytes -= told.bytes as f64;
    }
}

/// Polls an agent, at once and then in this interval, for ever. A poll that panics is that agent's error, and the next one
/// comes in its time.
pub(super) async fn for_ever(shared: Arc<Shared>, id: AgentId, agent: HubAgent) {
    let poll = || again_and_again(shared.clone(), id, agent.clone());
    let panicked = || async {
        missed(&shared, id, &agent, &CallError::Panicked).await;
        sleep(shared.every).await;
    };
    again_after_a_panic(poll, panicked).await;
}

/// Does it until it is done, in a task of its own, which ends with this.
async fn again_after_a_panic<W: Future<Output = ()> + Send + 'static, P: Future<Output = ()>>(
    work: impl Fn() -> W,
    panicked: impl Fn() -> P,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(work());
    while let Some(ended) = tasks.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            panicked().await;
            tasks.spawn(work());
        }
    }
}

async fn again_and_again(shared: Arc<Shared>, id: AgentId, agent: HubAgent) {
    let client = match shared.client_of(&agent.url, &agent.token) {
        Ok(client) => client,
        Err(error) => {
            missed(&shared, id, &agent, &error).await;
            return;
        }
    };
    let mut ticks = interval(shared.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut allowance = Allowance::new(Instant::now());
    loop {
        ticks.tick().await;
        once(&shared, id, &agent, &client, &mut allowance).await;
    }
}

async fn once(
    shared: &Shared,
    id: AgentId,
    agent: &HubAgent,
    client: &AgentClient,
    allowance: &mut Allowance,
) {
    let (status, cut) = match client.status().await {
        Ok(answer) => answer,
        Err(error) => {
            missed(shared, id, agent, &error).await;
            return;
        }
    };
    let cursor = status.event_cursor.clone();
    let text = serde_json::to_string(&status).unwrap_or_default();
    let (bytes, server_id) = (text.len(), status.server_id.clone());
    let (changed, is_apart) = shared.fleet.answered(id, status, bytes, cut.said());
    let source = Source { agent: agent.name.clone(), url: agent.url.clone(), server_id, is_apart };
    shared.store.seen(&source, text);
    let presence = changed.presence.clone();
    told(shared, &agent.name, changed);
    if let Some(presence) = presence {
        presence::tell(shared, &agent.name, presence).await;
    }
    let mut fetched = fetch_events(shared, id, &source, client, cursor.as_ref(), allowance).await;
    if cursor.is_some() && fetched.as_ref().is_err_and(FetchError::is_of_another_start) {
        // It was started again between the two calls.
        fetched = match client.status().await {
            Ok((again, _)) => {
                fetch_events(shared, id, &source, client, again.event_cursor.as_ref(), allowance).await
            }
            Err(error) => Err(error.into()),
        };
    }
    let problem = match fetched {
        Ok(cut) => cut.said().map(|said| (PollErrorCode::TooMuch, said)),
        Err(error) => Some((error.code(), error.to_string())),
    };
    told(shared, &agent.name, shared.fleet.events_fetched(id, problem));
}

/// The agent has not answered.
async fn missed(shared: &Shared, id: AgentId, agent: &HubAgent, error: &CallError) {
    let changed = shared.fleet.missed(id, error.code(), error.to_string(), shared.offline_after);
    let presence = changed.presence.clone();
    told(shared, &agent.name, changed);
    if let Some(presence) = presence {
        presence::tell(shared, &agent.name, presence).await;
    }
}

/// Notes a change in the history, and tells it to the listeners.
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
    #[error("it sends more events than a hub takes at once; they come later, and none is lost")]
    TooMany,
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
            Self::TooMany => PollErrorCode::TooMuch,
        }
    }
}

/// Fetches and stores what waits. Only what has just been seen and is stored is acknowledged: an agent that was
/// reinstalled counts from 1 again, and a number from before would make it forget events that nobody has.
async fn fetch_events(
    shared: &Shared,
    id: AgentId,
    source: &Source,
    client: &AgentClient,
    cursor: Option<&EventCursor>,
    allowance: &mut Allowance,
) -> Result<Cut, FetchError> {
    let mut most = allowance.at(Instant::now());
    if most == 0 {
        return Err(FetchError::TooMany);
    }
    let mut cut = Cut::default();
    let mut acknowledged = 0;
    let mut answer = client.events(0, cursor, most).await?;
    for _ in 0..ROUNDS {
        cut = cut.and(answer.cut);
        // What an agent still sends after it was told that it may forget it would come for ever.
        let Some(last) = answer.acknowledged().filter(|last| *last > acknowledged) else { break };
        answer.events.retain(|event| event.id > acknowledged);
        allowance.take(&answer);
        let stored = shared.store.keep(source, answer.events).await?;
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
            shared.wake_outboxes();
        }
        most = allowance.at(Instant::now());
        answer = client.events(last, cursor, most).await?;
        acknowledged = last;
        if most == 0 && answer.left_from.is_some() {
            return Err(FetchError::TooMany);
        }
    }
    Ok(cut)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[tokio::test]
    async fn a_poll_that_panics_is_followed_by_another_one() {
        static POLLS: AtomicU64 = AtomicU64::new(0);
        let panics = AtomicU64::new(0);
        let poll = || async { assert!(POLLS.fetch_add(1, Ordering::Relaxed) >= 2, "a fault") };
        let panicked = || async {
            panics.fetch_add(1, Ordering::Relaxed);
        };
        again_after_a_panic(poll, panicked).await;
        assert_eq!((POLLS.load(Ordering::Relaxed), panics.into_inner()), (3, 2));
    }

    #[test]
    fn what_is_too_much_comes_later() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let mut taken = 0;
        for second in 0..60 {
            let now = start + std::time::Duration::from_secs(second);
            for _ in 0..ROUNDS {
                let number = allowance.at(now).min(1_000);
                let events = (0..number as u64).map(|id| taskpaw_contract::ipc::AgentEvent {
                    id,
                    time: String::new(),
                    machine: String::new(),
                    monitor: String::new(),
                    message: String::new(),
                    level: None,
                    title: None,
                    data: None,
                });
                let told = Told { events: events.collect(), bytes: 100 * number, ..Told::default() };
                allowance.take(&told);
                taken += number;
            }
        }
        assert!((10_000..=10_600).contains(&taken), "{taken}");
        allowance.take(&Told { bytes: 64 << 20, ..Told::default() });
        assert_eq!(allowance.at(start + std::time::Duration::from_secs(120)), 0, "bytes count, too");
    }
}
