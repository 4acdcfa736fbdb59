//! Asking an agent, of this version or of TaskPaw V3: what is missing or unknown in an answer does no harm.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Map, Value};
use taskpaw_contract::ipc::{AgentEvent, AgentStatus, EventLevel};

/// Longer than any answer of an agent: 10,000 events of a kilobyte and a half.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Why an agent has given no answer. A person reads it in the window.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The agent asks for another token.
    #[error("the agent does not accept the token; set the one of its configuration")]
    Unauthorized,
    /// It answers, and not as agreed.
    #[error("the agent answers {path} with status {status}")]
    Status {
        /// The call.
        path: &'static str,
        /// The status.
        status: StatusCode,
    },
    /// It does not answer.
    #[error("the agent does not answer within {} s", CALL_LIMIT.as_secs())]
    Timeout,
    /// It cannot be reached.
    #[error("the agent cannot be reached: {0}")]
    Unreachable(String),
    /// What answers is no agent.
    #[error("what answers at this address is no agent: {0}")]
    NoAgent(&'static str),
}

/// A client for all agents. It goes nowhere else: not through a proxy, and not where an answer points to, since
/// the token would go there too.
pub(super) fn client() -> reqwest::Result<Client> {
    crate::http::client(false).timeout(CALL_LIMIT).pool_max_idle_per_host(1).build()
}

/// One agent.
pub(super) struct AgentClient {
    client: Client,
    url: String,
    token: String,
}

impl AgentClient {
    /// An agent at this address, asked with this token if it is not empty.
    pub(super) fn new(client: Client, url: &str, token: &str) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned(), token: token.to_owned() }
    }

    /// How the agent is.
    pub(super) async fn status(&self) -> Result<AgentStatus, CallError> {
        let mut answer = self.get("/status", "").await?;
        let Some(Value::Object(monitors)) = answer.remove("monitors") else {
            return Err(CallError::NoAgent("its status has no monitors"));
        };
        let mut text = |key: &str| match answer.remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        Ok(AgentStatus { machine: text("machine"), server_id: text("server_id"), os: text("os"), monitors })
    }

    /// The events that wait after this one, and with it an acknowledgement of all up to it.
    pub(super) async fn events(&self, ack: u64) -> Result<Vec<AgentEvent>, CallError> {
        let mut answer = self.get("/events", &format!("?ack={ack}")).await?;
        let Some(Value::Array(events)) = answer.remove("events") else {
            return Err(CallError::NoAgent("its events are no list"));
        };
        Ok(events.into_iter().filter_map(event).collect())
    }

    async fn get(&self, path: &'static str, query: &str) -> Result<Map<String, Value>, CallError> {
        let mut request = self.client.get(format!("{}{path}{query}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let mut answer = request.send().await.map_err(|error| unreachable(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(CallError::Unauthorized),
            status => return Err(CallError::Status { path, status }),
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len() + part.len() > ANSWER_BYTES {
                return Err(CallError::NoAgent("its answer does not end"));
            }
            body.extend_from_slice(&part);
        }
        serde_json::from_slice(&body).map_err(|_| CallError::NoAgent("its answer is no JSON object"))
    }
}

/// The innermost reason is the one that a person can do something about.
fn unreachable(error: &reqwest::Error) -> CallError {
    if error.is_timeout() {
        return CallError::Timeout;
    }
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    CallError::Unreachable(reason.to_string())
}

/// An event as far as it can be understood; without a number it is none.
fn event(value: Value) -> Option<AgentEvent> {
    let Value::Object(mut fields) = value else { return None };
    let Some(id) = fields.get("id").and_then(Value::as_u64) else {
        tracing::warn!("an agent sent an event without a number; it is left out");
        return None;
    };
    let level = fields.remove("level").and_then(|level| serde_json::from_value::<EventLevel>(level).ok());
    let data = fields.remove("data").filter(|data| !data.is_null());
    let mut text = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        None | Some(Value::Null) => None,
        Some(other) => Some(other.to_string()),
    };
    Some(AgentEvent {
        id,
        time: text("time").unwrap_or_default(),
        machine: text("machine").unwrap_or_default(),
        monitor: text("monitor").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        level,
        title: text("title"),
        data,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_an_older_version_is_understood() {
        let old = json!({ "id": 3, "time": "t", "machine": "m", "monitor": "x", "message": "done",
                          "level": "critical", "extra": 1, "title": null });
        let event = event(old).unwrap();
        assert_eq!((event.id, event.level, event.title), (3, None, None));
        assert_eq!(event.message, "done");
    }

    #[test]
    fn only_a_number_makes_an_event() {
        for broken in [json!({ "message": "m" }), json!({ "id": "3" }), json!({ "id": -3 }), json!(3)] {
            assert!(event(broken).is_none());
        }
        assert_eq!(event(json!({ "id": 3 })).unwrap().message, "");
    }
}
