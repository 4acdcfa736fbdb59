//! The hub's data, as it answers it and the window shows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::alerts::AlertOutcome;
use super::status::{AgentEvent, AgentStatus};

/// `GET /status` of a hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FleetStatus {
    /// Every configured agent, in configured order.
    pub agents: Vec<FleetAgent>,
    /// Agents that were found on the local network and are not configured: an offer to add them.
    #[serde(default)]
    pub offers: Vec<AgentOffer>,
    /// How the webhook is; nothing if none is configured and nothing waits for one.
    #[serde(default)]
    pub webhook: Option<WebhookStatus>,
    /// How telling ntfy is; nothing if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub ntfy: Option<WebhookStatus>,
}

/// An agent as the hub knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FleetAgent {
    /// The machine's configured name.
    pub name: String,
    /// The machine's configured address.
    pub url: String,
    /// Whether it is polled.
    pub enabled: bool,
    /// Whether it has a token of its own here; without one the hub shows it the polling token.
    #[serde(default)]
    pub has_token: bool,
    /// Whether it answered the last poll.
    pub online: bool,
    /// Seconds since it last answered, on the hub's clock; nothing if it never did.
    pub last_seen_seconds: Option<f64>,
    /// Why the last poll failed, in words.
    pub error: Option<String>,
    /// The error as a code.
    #[serde(default)]
    pub error_code: Option<PollErrorCode>,
    /// Seconds since the hub noticed that the agent's event numbers began again: it was reinstalled. Nothing
    /// if that has not been noticed in the days for which events are kept.
    #[serde(default)]
    pub installed_anew_seconds: Option<f64>,
    /// The last hole in the numbers of its events that this launch of the hub has seen; nothing without one.
    #[serde(default)]
    pub missed_events: Option<MissedEvents>,
    /// What it answered last: shared, since a hub shows the same answer again and again.
    pub status: Option<Arc<AgentStatus>>,
}

/// Numbers that an agent's events jumped over: nobody here was told what they stood for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct MissedEvents {
    /// The first number that is missing.
    #[ts(type = "number")]
    pub first: u64,
    /// The last one.
    #[ts(type = "number")]
    pub last: u64,
    /// Seconds since the hub noticed it.
    pub seconds: f64,
}

/// Why a poll fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PollErrorCode {
    /// The agent asks for another token.
    Unauthorized,
    /// The agent does not answer in time.
    Timeout,
    /// The agent cannot be reached.
    Unreachable,
    /// This system does not let the hub onto the local network (macOS): a person can allow it.
    NotAllowed,
    /// The agent answers with an error.
    Status,
    /// What answers is not an agent.
    NoAgent,
    /// The agent's version is too old for a hub.
    TooOld,
    /// The agent answers, and the hub cannot store its events.
    Store,
    /// The agent answers with more than a hub accepts or with impossible values: the rest is shown.
    TooMuch,
}

/// An event in the hub's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FleetEvent {
    /// The hub's own number for it, which tells it from every other event of the fleet.
    #[ts(type = "number")]
    pub number: u64,
    /// The configured name of the agent.
    pub agent: String,
    /// What the agent says who it is.
    pub server_id: String,
    /// Seconds since the hub stored it, on the hub's clock: the clocks of two machines are never compared.
    pub age_seconds: f64,
    /// The event, as the agent told it.
    #[serde(flatten)]
    pub event: AgentEvent,
}

/// An agent that answered on the local network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AgentOffer {
    /// What people call the machine.
    pub machine: String,
    /// Where it answers.
    pub url: String,
    /// The version of the agent on offer.
    pub version: String,
}

/// How the webhook is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WebhookStatus {
    /// Events that wait for their delivery.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Events that could not be delivered for a day and are kept aside.
    #[ts(type = "number")]
    pub kept_aside: u64,
    /// Why the last delivery failed; nothing if it did not.
    pub error: Option<String>,
    /// The outcome as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub outcome: Option<AlertOutcome>,
}

/// A new agent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AgentDraft {
    /// What people call it, once in a hub.
    pub name: String,
    /// The agent's address, such as `http://192.168.1.5:5680`.
    pub url: String,
    /// What it asks for; empty: the hub's polling token.
    #[serde(default)]
    pub token: String,
    /// Whether it is polled.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A change of an agent. What is left out stays.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct AgentChange {
    /// Another name.
    pub name: Option<String>,
    /// Another address.
    pub url: Option<String>,
    /// Another token; empty: the hub's polling token from now on.
    pub token: Option<String>,
    /// Whether it is polled.
    pub enabled: Option<bool>,
}

/// An agent to be asked once, without keeping anything.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AgentProbe {
    /// The agent's address.
    pub url: String,
    /// The token to show it. Nothing: that of the configured agent `name`, else the hub's polling token.
    #[serde(default)]
    pub token: Option<String>,
    /// The configured agent that is being changed; nothing for a new one.
    #[serde(default)]
    pub name: Option<String>,
}

/// What a probe has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AgentTest {
    /// Why it failed; nothing if it went well.
    pub error: Option<String>,
    /// The error as a code.
    pub error_code: Option<PollErrorCode>,
    /// What the agent answered.
    pub status: Option<AgentStatus>,
    /// The agent's version; a failed probe may know it too, since asking for it needs no token.
    pub version: Option<String>,
    /// The configured agent that is the same machine under another name.
    pub known_as: Option<String>,
    /// How long the answer took.
    pub milliseconds: f64,
}

/// How a machine came into the fleet by the line that was pasted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Paired {
    /// What it is called in the fleet.
    pub name: String,
    /// Where its agent answers.
    pub url: String,
    /// How it answered when it was asked.
    pub test: AgentTest,
    /// Whether it is in the fleet now. One that did not answer as it should is not.
    pub is_added: bool,
    /// Whether it was there already, and has got another address or token.
    pub was_known: bool,
}

/// What `GET /stream` of a hub tells, one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FleetNews {
    /// An agent is another than before: its state, its error, a monitor.
    Agent {
        /// The machine as it is now.
        agent: FleetAgent,
    },
    /// The list of agents is another one: ask for the status.
    Agents,
    /// An event was stored.
    Event {
        /// The event.
        event: FleetEvent,
    },
    /// The listener was too slow and has missed something: ask for the status and the events.
    Missed,
}

fn yes() -> bool {
    true
}

/// Tokens are secrets: they are never printed.
macro_rules! print_without_token {
    ($($type:ident { $($field:ident),* }),* $(,)?) => { $(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type)) $(.field(stringify!($field), &self.$field))* .finish_non_exhaustive()
            }
        }
    )* };
}

print_without_token!(
    AgentDraft { name, url, enabled },
    AgentChange { name, url, enabled },
    AgentProbe { name, url },
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_printed() {
        let token = "secret".to_owned();
        let draft = AgentDraft { name: "n".into(), url: "u".into(), token: token.clone(), enabled: true };
        let change = AgentChange { token: Some(token.clone()), ..AgentChange::default() };
        let probe = AgentProbe { url: "u".into(), token: Some(token), name: None };
        assert!(!format!("{draft:?}{change:?}{probe:?}").contains("secret"));
    }

    #[test]
    fn what_is_left_out_of_a_change_stays() {
        let change: AgentChange = serde_json::from_str(r#"{"enabled":false}"#).unwrap();
        assert_eq!(change, AgentChange { enabled: Some(false), ..AgentChange::default() });
        assert!(serde_json::from_str::<AgentChange>(r#"{"colour":"red"}"#).is_err());
    }

    #[test]
    fn the_status_of_an_older_hub_is_understood() {
        let status: FleetStatus = serde_json::from_str(
            r#"{"agents":[{"name":"a","url":"u","enabled":true,"online":false,"last_seen_seconds":null,
                "error":null,"status":null}]}"#,
        )
        .unwrap();
        assert_eq!((status.offers.len(), status.webhook, status.agents[0].error_code), (0, None, None));
    }
}
