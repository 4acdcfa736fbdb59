//! What a role watches, counted from what it answers: plain data in, plain data out but for the clock.

use serde::Deserialize as _;
use serde_json::{Map, Value};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{
    AgentStatus, FleetAgent, FleetStatus, MonitorState, MonitorStatus, Trouble, TroubleState, Watched,
};

/// What an agent watches.
pub(super) fn of_agent(status: &AgentStatus) -> Watched {
    of_agent_at(status, unix_ms())
}

fn of_agent_at(status: &AgentStatus, now: u64) -> Watched {
    let mut troubles = Vec::new();
    let total = of_monitors(&status.monitors, None, now, &mut troubles);
    Watched::of(total, troubles)
}

/// What a hub watches, but for the machine that is this one.
pub(super) fn of_fleet(status: &FleetStatus, this_machine: Option<&str>) -> Watched {
    of_fleet_at(status, this_machine, unix_ms())
}

fn of_fleet_at(status: &FleetStatus, this_machine: Option<&str>, now: u64) -> Watched {
    let (mut total, mut troubles) = (0, Vec::new());
    let is_other = |agent: &&FleetAgent| {
        let identity = agent.status.as_ref().map(|status| status.server_id.as_str());
        agent.enabled && (identity.is_none() || identity != this_machine)
    };
    for agent in status.agents.iter().filter(is_other) {
        let then = agent.last_seen_seconds.map(|seconds| before(now, seconds));
        match &agent.status {
            Some(status) if agent.online => {
                let then = then.unwrap_or(now);
                total += of_monitors(&status.monitors, Some(&agent.name), then, &mut troubles);
            }
            // It has not been asked yet, or what it says is too much to be shown.
            _ if agent.online || agent.error.is_none() => total += 1,
            _ => {
                total += 1;
                let machine = Some(agent.name.clone());
                troubles.push(Trouble { machine, monitor: None, state: TroubleState::Offline, since: then });
            }
        }
    }
    Watched::of(total, troubles)
}

/// How many monitors are watched. What was broken as of `then` is added to the troubles.
fn of_monitors(
    monitors: &Map<String, Value>,
    machine: Option<&str>,
    then: u64,
    troubles: &mut Vec<Trouble>,
) -> usize {
    let mut total = 0;
    for (name, monitor) in monitors {
        // What another version tells in another form is not known to be broken.
        let Ok(monitor) = MonitorStatus::deserialize(monitor) else { continue };
        let state = match monitor.state {
            MonitorState::Stopped => continue,
            MonitorState::Error => Some(TroubleState::Error),
            MonitorState::Degraded => Some(TroubleState::Degraded),
            _ => None,
        };
        total += 1;
        if let Some(state) = state {
            troubles.push(Trouble {
                machine: machine.map(str::to_owned),
                monitor: Some(name.clone()),
                state,
                since: monitor.state_seconds.map(|seconds| before(then, seconds)),
            });
        }
    }
    total
}

fn before(now: u64, seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and what a u64 can hold, and no fraction of a millisecond counts"
    )]
    let age = (seconds.clamp(0.0, 1e12) * 1000.0) as u64;
    now.saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use taskpaw_contract::ipc::PollErrorCode;

    use super::*;

    const NOW: u64 = 1_000_000;

    fn status(server_id: &str, states: &[(&str, &str)]) -> AgentStatus {
        let monitor = |state: &str| {
            json!({ "type_id": "task", "state": state, "detail": "", "metrics": {}, "last_update": null,
                    "state_seconds": 60.0 })
        };
        let monitors = states.iter().map(|(name, state)| ((*name).to_owned(), monitor(state)));
        serde_json::from_value(json!({
            "machine": "m", "server_id": server_id, "os": "linux", "monitors": monitors.collect::<Map<_, _>>(),
        }))
        .unwrap()
    }

    fn agent(name: &str, status: Option<AgentStatus>, online: bool) -> FleetAgent {
        FleetAgent {
            name: name.to_owned(),
            url: "http://u".to_owned(),
            enabled: true,
            has_token: false,
            online,
            last_seen_seconds: Some(30.0),
            error: (!online).then(|| "refused".to_owned()),
            error_code: (!online).then_some(PollErrorCode::Unreachable),
            installed_anew_seconds: None,
            missed_events: None,
            status: status.map(Into::into),
        }
    }

    #[test]
    fn what_is_switched_off_is_not_watched_and_what_is_broken_says_since_when() {
        let watched = of_agent_at(&status("a", &[("on", "ok"), ("off", "stopped"), ("bad", "error")]), NOW);
        let bad = Trouble {
            machine: None,
            monitor: Some("bad".to_owned()),
            state: TroubleState::Error,
            since: Some(NOW - 60_000),
        };
        assert_eq!((watched.total, watched.broken, watched.troubles), (2, 1, vec![bad]));
    }

    #[test]
    fn a_silent_machine_is_one_trouble_and_this_one_is_counted_once() {
        let mut paused = agent("paused", None, false);
        paused.enabled = false;
        let mut not_asked_yet = agent("new", None, false);
        not_asked_yet.error = None;
        let fleet = FleetStatus {
            agents: vec![
                agent("this", Some(status("own", &[("x", "error")])), true),
                agent("silent", Some(status("b", &[("x", "error"), ("y", "ok")])), false),
                agent("nas", Some(status("c", &[("disk", "degraded"), ("y", "ok")])), true),
                paused,
                not_asked_yet,
            ],
            offers: Vec::new(),
            webhook: None,
            ntfy: None,
        };
        let watched = of_fleet_at(&fleet, Some("own"), NOW);
        assert_eq!((watched.total, watched.broken), (4, 2));
        let said: Vec<_> = watched
            .troubles
            .iter()
            .map(|trouble| (trouble.machine.as_deref(), trouble.monitor.as_deref(), trouble.since))
            .collect();
        assert_eq!(
            said,
            [(Some("silent"), None, Some(NOW - 30_000)), (Some("nas"), Some("disk"), Some(NOW - 90_000))]
        );
        assert_eq!(of_fleet_at(&fleet, None, NOW).broken, 3);
    }
}
