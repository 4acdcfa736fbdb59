//! Asking an agent, of this version or of TaskPaw V3: what is missing or unknown in an answer does no harm.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Map, Value};
use taskpaw_contract::ipc::{AgentEvent, AgentStatus, EventLevel, PollErrorCode};

use crate::http::client;

/// Longer than any answer of an agent: 10,000 events of a kilobyte and a half.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// How long a call for events may take; there can be many.
const EVENTS_LIMIT: Duration = Duration::from_secs(10);

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
    #[error("the agent does not answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// It cannot be reached.
    #[error("the agent cannot be reached: {0}")]
    Unreachable(String),
    /// What answers is no agent.
    #[error("what answers at this address is no agent: {0}")]
    NoAgent(&'static str),
}

impl CallError {
    pub(super) fn code(&self) -> PollErrorCode {
        match self {
            Self::Unauthorized => PollErrorCode::Unauthorized,
            Self::Status { .. } => PollErrorCode::Status,
            Self::Timeout(_) => PollErrorCode::Timeout,
            Self::Unreachable(_) => PollErrorCode::Unreachable,
            Self::NoAgent(_) => PollErrorCode::NoAgent,
        }
    }
}

/// The clients for all agents. The one for HTTPS is made when it is first needed.
pub(super) struct Clients {
    plain: Client,
    secure: OnceLock<Client>,
}

impl Clients {
    pub(super) fn new() -> reqwest::Result<Self> {
        Ok(Self { plain: build(false)?, secure: OnceLock::new() })
    }

    /// The client for this address.
    pub(super) fn of(&self, url: &str) -> reqwest::Result<Client> {
        if !url.starts_with("https:") {
            return Ok(self.plain.clone());
        }
        if let Some(client) = self.secure.get() {
            return Ok(client.clone());
        }
        let client = build(true)?;
        Ok(self.secure.get_or_init(|| client).clone())
    }
}

/// An idle connection costs memory on both sides, and a poll a minute does not need it.
fn build(secure: bool) -> reqwest::Result<Client> {
    client(secure).pool_max_idle_per_host(1).pool_idle_timeout(Duration::from_secs(5)).build()
}

/// One agent.
pub(super) struct AgentClient {
    client: Client,
    url: String,
    token: String,
    /// How long it may take to say how it is.
    within: Duration,
}

impl AgentClient {
    /// An agent at this address, asked with this token if it is not empty.
    pub(super) fn new(
        clients: &Clients,
        url: &str,
        token: &str,
        within: Duration,
    ) -> Result<Self, CallError> {
        let client = clients.of(url).map_err(|error| CallError::Unreachable(error.to_string()))?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), token: token.to_owned(), within })
    }

    /// How the agent is.
    pub(super) async fn status(&self) -> Result<AgentStatus, CallError> {
        status(self.get("/status", "", self.within).await?)
    }

    /// Its version, which nobody needs a token to ask for.
    pub(super) async fn version(&self) -> Result<String, CallError> {
        match self.get("/ping", "", self.within).await?.remove("version") {
            Some(Value::String(version)) => Ok(version),
            _ => Err(CallError::NoAgent("it does not say its version")),
        }
    }

    /// The events that wait after this one, and with it an acknowledgement of all up to it.
    pub(super) async fn events(&self, ack: u64) -> Result<Vec<AgentEvent>, CallError> {
        events(self.get("/events", &format!("?ack={ack}"), EVENTS_LIMIT).await?)
    }

    async fn get(
        &self,
        path: &'static str,
        query: &str,
        within: Duration,
    ) -> Result<Map<String, Value>, CallError> {
        let failed = |error: reqwest::Error| unreachable(&error, within);
        let mut request = self.client.get(format!("{}{path}{query}", self.url)).timeout(within);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let mut answer = request.send().await.map_err(failed)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(CallError::Unauthorized),
            status => return Err(CallError::Status { path, status }),
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > ANSWER_BYTES {
                return Err(CallError::NoAgent("its answer does not end"));
            }
            body.extend_from_slice(&part);
        }
        object(&body)
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, CallError> {
    serde_json::from_slice(body).map_err(|_| CallError::NoAgent("its answer is no JSON object"))
}

fn status(mut answer: Map<String, Value>) -> Result<AgentStatus, CallError> {
    let Some(Value::Object(monitors)) = answer.remove("monitors") else {
        return Err(CallError::NoAgent("its status has no monitors"));
    };
    let mut text = |key: &str| match answer.remove(key) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    Ok(AgentStatus { machine: text("machine"), server_id: text("server_id"), os: text("os"), monitors })
}

fn events(mut answer: Map<String, Value>) -> Result<Vec<AgentEvent>, CallError> {
    let Some(Value::Array(events)) = answer.remove("events") else {
        return Err(CallError::NoAgent("its events are no list"));
    };
    Ok(events.into_iter().filter_map(event).collect())
}

/// The innermost reason is the one that a person can do something about.
fn unreachable(error: &reqwest::Error, within: Duration) -> CallError {
    if error.is_timeout() {
        return CallError::Timeout(within);
    }
    CallError::Unreachable(innermost(error))
}

/// The innermost reason of an error.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

/// An event as far as it can be understood; without a number it is none.
fn event(value: Value) -> Option<AgentEvent> {
    let Value::Object(mut fields) = value else { return None };
    // The database's numbers end where those of an `i64` do; an agent would count for ages to get there.
    let number = fields.get("id").and_then(Value::as_u64).filter(|id| i64::try_from(*id).is_ok());
    let Some(id) = number else {
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

/// Whatever an agent answers, the hub keeps what it can and can give it on.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(body: &[u8]) {
    let Ok(answer) = object(body) else { return };
    for event in events(answer.clone()).unwrap_or_default() {
        assert!(i64::try_from(event.id).is_ok(), "a number that the database does not hold: {event:?}");
        let again = serde_json::to_value(&event).map(serde_json::from_value::<AgentEvent>);
        assert!(matches!(again, Ok(Ok(again)) if again == event), "{event:?} is not given on as it is");
    }
    if let Ok(status) = status(answer) {
        let again = serde_json::to_value(&status).map(serde_json::from_value::<AgentStatus>);
        assert!(matches!(again, Ok(Ok(again)) if again == status), "{status:?} is not given on as it is");
    }
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
        for broken in [
            json!({ "message": "m" }),
            json!({ "id": "3" }),
            json!({ "id": -3 }),
            json!({ "id": u64::MAX }),
            json!(3),
        ] {
            assert!(event(broken).is_none());
        }
        assert_eq!(event(json!({ "id": 3 })).unwrap().message, "");
    }
}
