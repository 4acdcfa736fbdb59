//! Asking an agent, of this version or of TaskPaw V3: what is missing or unknown in an answer does no harm.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use serde_json::{Map, Value};
use taskpaw_contract::ipc::{AgentEvent, AgentStatus, EventCursor, PollErrorCode};
use taskpaw_v3::events::event as event_of;

use crate::http::{HUB_HEADER, client};

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
    hub_id: String,
    plain: Client,
    secure: OnceLock<Client>,
}

impl Clients {
    /// For a hub that calls itself so.
    pub(super) fn new(hub_id: String) -> reqwest::Result<Self> {
        Ok(Self { plain: build(false, &hub_id)?, secure: OnceLock::new(), hub_id })
    }

    /// The client for this address.
    pub(super) fn of(&self, url: &str) -> reqwest::Result<Client> {
        if !url.starts_with("https:") {
            return Ok(self.plain.clone());
        }
        if let Some(client) = self.secure.get() {
            return Ok(client.clone());
        }
        let client = build(true, &self.hub_id)?;
        Ok(self.secure.get_or_init(|| client).clone())
    }
}

/// An idle connection costs memory on both sides, and a poll a minute does not need it.
fn build(secure: bool, hub_id: &str) -> reqwest::Result<Client> {
    let name = HeaderValue::from_str(hub_id).ok().map(|name| (HeaderName::from_static(HUB_HEADER), name));
    client(secure)
        .default_headers(HeaderMap::from_iter(name))
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(Duration::from_secs(5))
        .build()
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

    /// The events that wait after this one, and with it an acknowledgement of all up to it. An agent that has said
    /// where its numbers are is told which ones are meant, and must answer with those.
    pub(super) async fn events(
        &self,
        ack: u64,
        cursor: Option<&EventCursor>,
    ) -> Result<Vec<AgentEvent>, CallError> {
        let meant = cursor.map_or_else(String::new, |EventCursor { stream_id, boot_id, .. }| {
            format!("&cursor_stream={stream_id}&cursor_boot={boot_id}")
        });
        let answer = self.get("/events", &format!("?ack={ack}{meant}"), EVENTS_LIMIT).await?;
        events(answer, cursor)
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
    let (machine, server_id, os) = (text("machine"), text("server_id"), text("os"));
    let event_cursor = cursor_in(&mut answer);
    Ok(AgentStatus { machine, server_id, os, monitors, event_cursor, event_refusals: Vec::new() })
}

/// Where an agent says that its numbers are; nothing if it does not, or not as agreed.
fn cursor_in(answer: &mut Map<String, Value>) -> Option<EventCursor> {
    let cursor: EventCursor = serde_json::from_value(answer.remove("event_cursor")?).ok()?;
    cursor.is_sound().then_some(cursor)
}

fn events(mut answer: Map<String, Value>, meant: Option<&EventCursor>) -> Result<Vec<AgentEvent>, CallError> {
    let cursor = cursor_in(&mut answer);
    let Some(Value::Array(events)) = answer.remove("events") else {
        return Err(CallError::NoAgent("its events are no list"));
    };
    let number_of = |event: Value| {
        let event = event_of(event);
        if event.is_none() {
            tracing::warn!("an agent sent an event without a number; it is left out");
        }
        event
    };
    let events: Vec<AgentEvent> = events.into_iter().filter_map(number_of).collect();
    if let Some(meant) = meant {
        let is_meant = |cursor: &EventCursor| {
            cursor.server_id == meant.server_id
                && cursor.stream_id == meant.stream_id
                && cursor.boot_id == meant.boot_id
                && cursor.resume_floor == meant.resume_floor
                && events.iter().all(|event| event.id <= cursor.offered_highwater)
        };
        if !cursor.as_ref().is_some_and(is_meant) {
            return Err(CallError::NoAgent("its events have other numbers than its status says"));
        }
    }
    Ok(events)
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

/// Whatever an agent answers, the hub keeps what it can and can give it on.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(body: &[u8]) {
    let Ok(answer) = object(body) else { return };
    for event in events(answer.clone(), None).unwrap_or_default() {
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

    fn cursor(offered: u64) -> Value {
        json!({ "version": 1, "server_id": "s", "stream_id": "a".repeat(32), "boot_id": "b".repeat(32),
                "resume_floor": 3, "offered_highwater": offered, "next_event_id": 9, "durable": true })
    }

    fn answer(cursor: &Value) -> Map<String, Value> {
        let answer = json!({ "events": [{ "id": 4 }, { "id": 5 }], "event_cursor": cursor });
        let Value::Object(answer) = answer else { panic!() };
        answer
    }

    #[test]
    fn events_must_be_of_the_numbers_that_are_meant() {
        let meant: EventCursor = serde_json::from_value(cursor(3)).unwrap();
        assert_eq!(events(answer(&cursor(5)), Some(&meant)).unwrap().len(), 2);
        assert_eq!(events(answer(&Value::Null), None).unwrap().len(), 2, "older ones say nothing");
        let mut other_start = cursor(5);
        other_start["boot_id"] = json!("c".repeat(32));
        let mut unsound = cursor(5);
        unsound["durable"] = json!(false);
        for broken in [Value::Null, json!(1), cursor(4), other_start, unsound] {
            assert!(events(answer(&broken), Some(&meant)).is_err(), "{broken}");
        }
    }
}
