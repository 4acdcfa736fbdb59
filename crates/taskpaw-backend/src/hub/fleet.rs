//! How every agent is, as far as the hub knows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use taskpaw_contract::config::HubAgent;
use taskpaw_contract::ipc::{AgentStatus, FleetAgent, FleetStatus};

/// Every configured agent, in configured order.
pub(super) struct Fleet(Mutex<Vec<Known>>);

struct Known {
    name: String,
    url: String,
    enabled: bool,
    has_token: bool,
    online: bool,
    /// On the hub's own monotonic clock: the clocks of two machines are never compared.
    last_seen: Option<Instant>,
    error: Option<String>,
    status: Option<AgentStatus>,
}

impl Fleet {
    /// Agents of which nothing is known yet.
    pub(super) fn new(agents: &[HubAgent]) -> Self {
        let known = |agent: &HubAgent| Known {
            name: agent.name.clone(),
            url: agent.url.clone(),
            enabled: agent.enabled,
            has_token: !agent.token.is_empty(),
            online: false,
            last_seen: None,
            error: None,
            status: None,
        };
        Self(Mutex::new(agents.iter().map(known).collect()))
    }

    /// The agent at this place has answered.
    pub(super) fn answered(&self, place: usize, status: AgentStatus) {
        self.change(place, |agent| {
            if !agent.online {
                tracing::info!("{} is online", agent.name);
            }
            (agent.online, agent.error) = (true, None);
            (agent.last_seen, agent.status) = (Some(Instant::now()), Some(status));
        });
    }

    /// The agent at this place has not answered. What it said last stays.
    pub(super) fn missed(&self, place: usize, reason: String) {
        self.change(place, |agent| {
            if agent.online || agent.error.is_none() {
                tracing::warn!("{} is offline: {reason}", agent.name);
            }
            (agent.online, agent.error) = (false, Some(reason));
        });
    }

    /// The agent at this place answers, and its events cannot be had or kept.
    pub(super) fn events_missed(&self, place: usize, reason: String) {
        self.change(place, |agent| {
            tracing::warn!("the events of {} are not fetched: {reason}", agent.name);
            agent.error = Some(reason);
        });
    }

    /// All of it, as `/status` shows it.
    pub(super) fn snapshot(&self) -> FleetStatus {
        let shown = |agent: &Known| FleetAgent {
            name: agent.name.clone(),
            url: agent.url.clone(),
            enabled: agent.enabled,
            has_token: agent.has_token,
            online: agent.online,
            last_seen_seconds: agent.last_seen.map(|seen| seen.elapsed().as_secs_f64()),
            error: agent.error.clone(),
            error_code: None,
            installed_anew_seconds: None,
            status: agent.status.clone(),
        };
        FleetStatus { agents: self.lock().iter().map(shown).collect(), offers: Vec::new(), webhook: None }
    }

    fn change(&self, place: usize, change: impl FnOnce(&mut Known)) {
        if let Some(agent) = self.lock().get_mut(place) {
            change(agent);
        }
    }

    /// Nothing panics while it holds the lock; if it did, what is known is still the best there is.
    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    #[test]
    fn an_agent_that_goes_away_keeps_its_last_status() {
        let agent = HubAgent { name: "a".into(), url: "u".into(), token: "secret".into(), enabled: true };
        let fleet = Fleet::new(&[agent]);
        let shown = || fleet.snapshot().agents.remove(0);
        assert_eq!((shown().online, shown().last_seen_seconds), (false, None));
        let status =
            AgentStatus { machine: "m".into(), server_id: "s".into(), os: "o".into(), monitors: Map::new() };
        fleet.answered(0, status.clone());
        assert!(shown().online && shown().last_seen_seconds.is_some());
        fleet.missed(0, "gone".into());
        assert_eq!((shown().online, shown().error.as_deref()), (false, Some("gone")));
        assert_eq!(shown().status, Some(status));
        assert!(!serde_json::to_string(&fleet.snapshot()).unwrap().contains("secret"));
    }
}
