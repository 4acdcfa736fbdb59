//! The fleet as one answer of JSON. Most of it is what the agents said last, which is written once and not with each answer.

use std::sync::{Arc, OnceLock};

use taskpaw_contract::ipc::{FleetAgent, FleetStatus};

/// What an agent said last, as JSON, once somebody has asked for it.
pub(super) type Said = Arc<OnceLock<String>>;

/// The same as `serde_json` makes of it; `said` belongs to its agents, in their order.
pub(super) fn written(status: FleetStatus, said: &[Said]) -> serde_json::Result<String> {
    let FleetStatus { agents, offers, webhook, ntfy } = status;
    let beside = FleetStatus { agents: Vec::new(), offers, webhook, ntfy };
    let rest = serde_json::to_string(&beside)?;
    let Some(rest) = rest.strip_prefix(r#"{"agents":[]"#) else {
        return serde_json::to_string(&FleetStatus { agents, ..beside });
    };
    let mut text = String::from(r#"{"agents":["#);
    for (place, (agent, said)) in agents.into_iter().zip(said).enumerate() {
        if place > 0 {
            text.push(',');
        }
        write(&mut text, agent, said)?;
    }
    text.push(']');
    text.push_str(rest);
    Ok(text)
}

/// What an agent said is the last key of it.
fn write(text: &mut String, mut agent: FleetAgent, said: &Said) -> serde_json::Result<()> {
    let own = agent.status.take();
    let head = serde_json::to_string(&agent)?;
    let (Some(own), Some(head)) = (&own, head.strip_suffix("null}")) else {
        agent.status = own;
        text.push_str(&serde_json::to_string(&agent)?);
        return Ok(());
    };
    text.push_str(head);
    if let Some(known) = said.get() {
        text.push_str(known);
    } else {
        let made = serde_json::to_string(own.as_ref())?;
        text.push_str(said.get_or_init(|| made));
    }
    text.push('}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use taskpaw_contract::ipc::{AgentOffer, AgentStatus, WebhookStatus};

    use super::*;

    fn agent(name: &str, status: Option<AgentStatus>) -> FleetAgent {
        FleetAgent {
            name: name.to_owned(),
            url: "http://u".to_owned(),
            enabled: true,
            has_token: false,
            online: status.is_some(),
            last_seen_seconds: Some(1.5),
            error: Some("\"null}".to_owned()),
            error_code: None,
            installed_anew_seconds: None,
            missed_events: None,
            status: status.map(Arc::new),
        }
    }

    fn status(machine: &str) -> AgentStatus {
        let monitors = Map::from_iter([("w \"1\"".to_owned(), json!({ "state": "ok", "metrics": null }))]);
        AgentStatus {
            machine: machine.to_owned(),
            server_id: "s".to_owned(),
            os: "linux".to_owned(),
            version: Some("4.1.0".to_owned()),
            monitors,
            event_cursor: None,
            event_refusals: Vec::new(),
            names_in_use_twice: Vec::new(),
        }
    }

    #[test]
    fn it_is_what_would_be_written_anew_with_each_answer() {
        let offer = AgentOffer { machine: "m".into(), url: "u".into(), version: "4".into() };
        let webhook = WebhookStatus { waiting: 1, kept_aside: 0, error: None, outcome: None };
        let agents = vec![agent("a", Some(status("m"))), agent("b", None), agent("ü", Some(status("null}")))];
        let whole =
            FleetStatus { agents, offers: vec![offer], webhook: Some(webhook.clone()), ntfy: Some(webhook) };
        let empty = FleetStatus { agents: Vec::new(), offers: Vec::new(), webhook: None, ntfy: None };
        let said: Vec<Said> = whole.agents.iter().map(|_| Said::default()).collect();
        for each in [&whole, &empty, &whole] {
            assert_eq!(written(each.clone(), &said).unwrap(), serde_json::to_string(each).unwrap());
        }
        let is_kept: Vec<bool> = said.iter().map(|one| one.get().is_some()).collect();
        assert_eq!(is_kept, [true, false, true]);
    }
}
