//! Asking an agent, of this version or of TaskPaw V3: what is missing or unknown in an answer does no harm.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use taskpaw_contract::ipc::{AgentStatus, EventCursor, History, HistoryRange, PollErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::answer::{self, Cut, STATUS_BYTES, Told};
use super::history::{self, HISTORY_BYTES, HISTORY_LIMIT};
use crate::http::{HUB_HEADER, client, is_kept_off, why};

/// Longer than any answer of V3 with events: it tells 10,000 of a kilobyte and a half at once.
const EVENTS_BYTES: usize = 16 * 1024 * 1024;
/// Longer than any answer with a version.
const PING_BYTES: usize = 4 * 1024;
/// An answer that is larger than this is read only while few others are: all agents together have little memory here.
const LARGE: usize = 256 * 1024;
const LARGE_AT_ONCE: usize = 2;
/// How long a call for events may take; there can be many.
const EVENTS_LIMIT: Duration = Duration::from_secs(10);

/// The first version whose agents a hub can use: TaskPaw 3.
const OLDEST: u32 = 3;

/// Why an agent has given no answer. A person reads it in the window.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The agent asks for another token.
    #[error("the agent does not accept the token; set the one of its configuration")]
    Unauthorized,
    /// The agent answers, and not as agreed.
    #[error("the agent answers {path} with status {status}")]
    Status {
        /// The call.
        path: &'static str,
        /// The status.
        status: StatusCode,
    },
    /// The agent does not answer.
    #[error("the agent does not answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The agent cannot be reached.
    #[error("the agent cannot be reached: {0}")]
    Unreachable(String),
    /// This system does not let the hub reach it.
    #[error("this Mac does not let TaskPaw onto the local network, or there is no way to that machine: {0}")]
    NotAllowed(String),
    /// What answers is not an agent.
    #[error("what answers at this address is no agent: {0}")]
    NoAgent(&'static str),
    /// The agent's version is one that a hub cannot use.
    #[error("TaskPaw {0} answers there, which is too old for a hub: it needs version {OLDEST} or later")]
    TooOld(String),
    /// The agent answers with more than is read.
    #[error("the agent's answer to {path} is larger than {most} bytes")]
    TooMuch {
        /// The call.
        path: &'static str,
        /// The most that is read of an answer.
        most: usize,
    },
    /// TaskPaw itself has failed on it.
    #[error("TaskPaw has failed on what the agent answered, by a fault of its own; its log says where")]
    Panicked,
}

impl CallError {
    /// Whether it is what one of another version may answer: it does not know the call, or knows another one.
    fn may_be_of_age(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                matches!(*status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE)
            }
            Self::NoAgent(_) => true,
            _ => false,
        }
    }

    pub(super) fn code(&self) -> PollErrorCode {
        match self {
            Self::Unauthorized => PollErrorCode::Unauthorized,
            Self::Status { .. } | Self::Panicked => PollErrorCode::Status,
            Self::Timeout(_) => PollErrorCode::Timeout,
            Self::Unreachable(_) => PollErrorCode::Unreachable,
            Self::NotAllowed(_) => PollErrorCode::NotAllowed,
            Self::NoAgent(_) => PollErrorCode::NoAgent,
            Self::TooOld(_) => PollErrorCode::TooOld,
            Self::TooMuch { .. } => PollErrorCode::TooMuch,
        }
    }
}

/// The clients for all agents. The one for HTTPS is made when it is first needed.
pub(super) struct Clients {
    hub_id: String,
    plain: Client,
    secure: OnceLock<Client>,
    large: Arc<Semaphore>,
}

impl Clients {
    /// For a hub that calls itself so.
    pub(super) fn new(hub_id: String) -> reqwest::Result<Self> {
        let large = Arc::new(Semaphore::new(LARGE_AT_ONCE));
        Ok(Self { plain: build(false, &hub_id)?, secure: OnceLock::new(), large, hub_id })
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
    large: Arc<Semaphore>,
}

/// The whole of an answer.
struct Body {
    bytes: Vec<u8>,
    /// Held as long as the bytes are, if they are many.
    _large: Option<OwnedSemaphorePermit>,
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
        let (url, token) = (url.trim_end_matches('/').to_owned(), token.to_owned());
        Ok(Self { client, url, token, within, large: clients.large.clone() })
    }

    /// How the agent is, and what was too much of it.
    pub(super) async fn status(&self) -> Result<(AgentStatus, Cut), CallError> {
        match self.its_status().await {
            Err(error) if error.may_be_of_age() => Err(self.too_old().await.unwrap_or(error)),
            answered => answered,
        }
    }

    /// That it is of a version that is too old, if it says so.
    async fn too_old(&self) -> Option<CallError> {
        let version = self.version().await.ok()?;
        is_too_old(&version).then_some(CallError::TooOld(version))
    }

    async fn its_status(&self) -> Result<(AgentStatus, Cut), CallError> {
        let body = self.get("/status", "", self.within, STATUS_BYTES).await?;
        let status = answer::status(&body.bytes).map_err(|_| NO_OBJECT)?;
        status.ok_or(CallError::NoAgent("its status has no monitors"))
    }

    /// The agent's version, which can be asked for without a token.
    pub(super) async fn version(&self) -> Result<String, CallError> {
        let body = self.get("/ping", "", self.within, PING_BYTES).await?;
        let version = answer::version(&body.bytes).map_err(|_| NO_OBJECT)?;
        version.ok_or(CallError::NoAgent("it does not say its version"))
    }

    /// What it keeps of one monitor, or of all.
    pub(super) async fn history(
        &self,
        monitor: Option<&str>,
        range: HistoryRange,
    ) -> Result<History, CallError> {
        let mut query = format!("?range={}", range.word());
        if let Some(monitor) = monitor {
            query.push_str("&monitor=");
            query.extend(monitor.bytes().map(|byte| format!("%{byte:02X}")));
        }
        let body = self.get("/history", &query, HISTORY_LIMIT, HISTORY_BYTES).await?;
        let read = spawn_blocking(move || history::parse(&body.bytes)).await;
        read.ok().flatten().ok_or(CallError::NoAgent("what it keeps is no history"))
    }

    /// The events that wait after this one, not more than so many, and with it an acknowledgement of all up to it. An agent
    /// that has said where its numbers are is told which ones are meant, and must answer with those.
    pub(super) async fn events(
        &self,
        ack: u64,
        cursor: Option<&EventCursor>,
        most: usize,
    ) -> Result<Told, CallError> {
        let meant = cursor.map_or_else(String::new, |EventCursor { stream_id, boot_id, .. }| {
            format!("&cursor_stream={stream_id}&cursor_boot={boot_id}")
        });
        let body = self.get("/events", &format!("?ack={ack}{meant}"), EVENTS_LIMIT, EVENTS_BYTES).await?;
        let read = if body.bytes.len() > LARGE {
            // It takes longer than others should wait.
            let read = spawn_blocking(move || answer::events(&body.bytes, most)).await;
            read.map_err(|_| CallError::NoAgent("its events cannot be read"))?
        } else {
            answer::events(&body.bytes, most)
        };
        let told = read.map_err(|_| NO_OBJECT)?.ok_or(CallError::NoAgent("its events are no list"))?;
        if cursor.is_some_and(|meant| !is_meant(meant, &told)) {
            return Err(CallError::NoAgent("its events have other numbers than its status says"));
        }
        Ok(told)
    }

    /// One answer. A large one that has to wait for its turn is let go meanwhile and asked for again: to wait with it in the middle would
    /// use up its time, so that a few agents that are slow on purpose would keep every other one from ever telling its events.
    async fn get(
        &self,
        path: &'static str,
        query: &str,
        within: Duration,
        most: usize,
    ) -> Result<Body, CallError> {
        match self.get_in_turn(path, query, within, most, None).await? {
            Some(body) => Ok(body),
            None => {
                let turn = self.large.clone().acquire_owned().await.ok();
                let body = self.get_in_turn(path, query, within, most, turn).await?;
                // With a turn it is read to its end; without one the hub ends.
                body.ok_or(CallError::Timeout(within))
            }
        }
    }

    /// Nothing if it is large, and others that are large are being read.
    async fn get_in_turn(
        &self,
        path: &'static str,
        query: &str,
        within: Duration,
        most: usize,
        mut turn: Option<OwnedSemaphorePermit>,
    ) -> Result<Option<Body>, CallError> {
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
        let mut body = Body { bytes: Vec::new(), _large: None };
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            let length = body.bytes.len() + part.len();
            if length > most {
                return Err(CallError::TooMuch { path, most });
            }
            if length > LARGE && body._large.is_none() {
                body._large = turn.take().or_else(|| self.large.clone().try_acquire_owned().ok());
                if body._large.is_none() {
                    return Ok(None);
                }
                // Once, and not doubled again and again.
                body.bytes.reserve_exact(most - body.bytes.len());
            }
            body.bytes.extend_from_slice(&part);
        }
        Ok(Some(body))
    }
}

/// Whether a version is one that a hub cannot use. What does not look like a version says nothing.
fn is_too_old(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    version.contains('.') && major.is_some_and(|major| major < OLDEST)
}

const NO_OBJECT: CallError = CallError::NoAgent("its answer is no JSON object");

/// Whether these are the events that are meant.
fn is_meant(meant: &EventCursor, told: &Told) -> bool {
    told.cursor.as_ref().is_some_and(|cursor| {
        cursor.server_id == meant.server_id
            && cursor.stream_id == meant.stream_id
            && cursor.boot_id == meant.boot_id
            && cursor.resume_floor == meant.resume_floor
            && told.greatest <= cursor.offered_highwater
    })
}

fn unreachable(error: &reqwest::Error, within: Duration) -> CallError {
    if error.is_timeout() {
        return CallError::Timeout(within);
    }
    if is_kept_off(error) { CallError::NotAllowed(why(error)) } else { CallError::Unreachable(why(error)) }
}

/// Whatever an agent answers, the hub keeps what it can and can give it on.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(body: &[u8]) {
    use taskpaw_contract::ipc::AgentEvent;

    for event in answer::events(body, usize::MAX).ok().flatten().unwrap_or_default().events {
        assert!(i64::try_from(event.id).is_ok(), "a number that the database does not hold: {event:?}");
        let text = serde_json::to_string(&event).unwrap_or_default();
        // A control character is six letters in JSON.
        assert!(text.len() < 6 * 16 * 1024, "an event of {} bytes", text.len());
        let again = serde_json::from_str::<AgentEvent>(&text);
        assert!(again.is_ok_and(|again| again == event), "{event:?} is not given on as it is");
    }
    if let Some(history) = history::parse(body) {
        let places =
            history.monitors.iter().flat_map(|monitor| &monitor.series).map(|series| series.mean.len());
        assert!(places.max().unwrap_or_default() <= 1_500, "more than is kept");
    }
    if let Ok(Some((status, _))) = answer::status(body) {
        let text = serde_json::to_string(&status).unwrap_or_default();
        assert!(text.len() < 6 * STATUS_BYTES, "a status of {} bytes", text.len());
        let again = serde_json::from_str::<AgentStatus>(&text);
        assert!(again.is_ok_and(|again| again == status), "{status:?} is not given on as it is");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cursor(offered: u64) -> Value {
        json!({ "version": 1, "server_id": "s", "stream_id": "a".repeat(32), "boot_id": "b".repeat(32),
                "resume_floor": 3, "offered_highwater": offered, "next_event_id": 9, "durable": true })
    }

    fn told(cursor: &Value, most: usize) -> Told {
        let answer = json!({ "events": [{ "id": 4 }, { "id": 5 }], "event_cursor": cursor });
        answer::events(answer.to_string().as_bytes(), most).unwrap().unwrap()
    }

    /// Two that are slow on purpose have the two places for large answers for as long as a third one may take.
    #[tokio::test]
    async fn a_large_answer_outlasts_whoever_is_slow_with_one() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        const WITHIN: Duration = Duration::from_secs(5);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let let_go = Arc::new(tokio::sync::Notify::new());
        let says = let_go.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let says = says.clone();
                tokio::spawn(async move {
                    let _request = stream.read(&mut [0; 4096]).await;
                    let body = format!("{{\"events\":[],\"x\":\"{}\"}}", "x".repeat(2 * LARGE));
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    let _no_longer_wanted = stream.write_all((head + &body).as_bytes()).await;
                    let _closed = stream.read(&mut [0; 4096]).await;
                    says.notify_one();
                });
            }
        });
        let clients = Clients::new("hub".to_owned()).unwrap();
        let agent = AgentClient::new(&clients, &address, "", WITHIN).unwrap();
        let slow = clients.large.clone().acquire_many_owned(2).await.unwrap();
        let reading = tokio::spawn(async move { agent.get("/events", "?ack=0", WITHIN, EVENTS_BYTES).await });
        let_go.notified().await;
        assert!(!reading.is_finished(), "it waits for its turn");
        drop(slow);
        assert!(reading.await.unwrap().unwrap().bytes.len() > 2 * LARGE, "it was asked again, in its turn");
    }

    #[test]
    fn only_a_version_that_says_so_is_too_old() {
        for (version, expected) in [
            ("2.9.1", true),
            ("1.0", true),
            ("0.3.2-beta", true),
            ("3.0.0", false),
            ("4.1.0", false),
            ("10.2", false),
            ("2", false),
            ("", false),
            ("v2.0", false),
        ] {
            assert_eq!(is_too_old(version), expected, "{version}");
        }
        let of = |status| CallError::Status { path: "/status", status };
        assert!(of(StatusCode::NOT_FOUND).may_be_of_age() && NO_OBJECT.may_be_of_age());
        assert!(!of(StatusCode::INTERNAL_SERVER_ERROR).may_be_of_age());
        assert!(!CallError::Unauthorized.may_be_of_age());
    }

    #[test]
    fn events_must_be_of_the_numbers_that_are_meant() {
        let meant: EventCursor = serde_json::from_value(cursor(3)).unwrap();
        assert!(is_meant(&meant, &told(&cursor(5), 9)));
        let mut other_start = cursor(5);
        other_start["boot_id"] = json!("c".repeat(32));
        let mut unsound = cursor(5);
        unsound["durable"] = json!(false);
        for broken in [Value::Null, json!(1), cursor(4), other_start, unsound] {
            assert!(!is_meant(&meant, &told(&broken, 9)), "{broken}");
        }
        // Also those that are not taken.
        assert!(!is_meant(&meant, &told(&cursor(4), 1)));
    }
}
