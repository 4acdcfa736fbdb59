//! The fleet as OpenMetrics. The numbers of each machine are at its own agent.

use taskpaw_contract::ipc::{FleetAgent, FleetStatus};

use crate::http::{Kind, Metrics};

/// Every number of `/status`.
pub(super) fn of(status: &FleetStatus, stored: u64) -> Metrics {
    let mut metrics = Metrics::default();
    let polled = || status.agents.iter().filter(|agent| agent.enabled);
    metrics.family("taskpaw_hub_agents", Kind::Gauge, "Agents that are polled.");
    metrics.sample(&[], number(polled().count() as u64));
    metrics.family("taskpaw_hub_events", Kind::Counter, "Events that were stored since the hub started.");
    metrics.sample(&[], number(stored));
    metrics.family("taskpaw_hub_agent_up", Kind::Gauge, "Whether an agent answered its last poll.");
    for agent in polled() {
        metrics.sample(&[("agent", &agent.name)], f64::from(agent.online));
    }
    metrics.family(
        "taskpaw_hub_agent_last_seen_seconds",
        Kind::Gauge,
        "Seconds since an agent last answered.",
    );
    for (agent, seen) in polled().filter_map(|agent| Some((agent, agent.last_seen_seconds?))) {
        metrics.sample(&[("agent", &agent.name)], seen);
    }
    metrics.family(
        "taskpaw_hub_monitor_state",
        Kind::Gauge,
        "1 for the state in which a monitor was when its agent last answered.",
    );
    for agent in polled() {
        for (monitor, state) in monitors(agent) {
            metrics.sample(&[("agent", &agent.name), ("monitor", monitor), ("state", state)], 1.0);
        }
    }
    if let Some(webhook) = &status.webhook {
        metrics.family("taskpaw_hub_webhook_waiting", Kind::Gauge, "Events that wait for the webhook.");
        metrics.sample(&[], number(webhook.waiting));
        metrics.family(
            "taskpaw_hub_webhook_kept_aside",
            Kind::Gauge,
            "Events that the webhook did not take for a day.",
        );
        metrics.sample(&[], number(webhook.kept_aside));
    }
    metrics
}

fn monitors(agent: &FleetAgent) -> impl Iterator<Item = (&str, &str)> {
    let all = agent.status.iter().flat_map(|status| &status.monitors);
    all.filter_map(|(name, monitor)| Some((name.as_str(), monitor.get("state")?.as_str()?)))
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 events")]
fn number(count: u64) -> f64 {
    count as f64
}
