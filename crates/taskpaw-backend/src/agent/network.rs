//! The network port, for hubs. Its wire format is that of TaskPaw V3.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, Method};
use axum::middleware::from_fn_with_state;
use axum::response::Json;
use axum::routing::get;
use serde::Serialize;
use serde_json::Value;
use taskpaw_contract::ipc::{AgentEvent, AgentNews, AgentStatus, EventCursor, History, is_hex_id};

use super::events::{Fetch, Proof, Refused};
use super::{Shared, v3_status};
use crate::http::{
    ApiError, Guard, HUB_HEADER, Metrics, Peer, Query, authorize, not_found, refuse_web_pages, wrong_method,
};

/// How the hubs of TaskPaw V3 say what they are, if they say anything: their library does.
const V3_HUB: &str = "Python-urllib";

/// The answer to a call for events.
#[derive(Serialize)]
struct Fetched {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_cursor: Option<EventCursor>,
    events: Vec<AgentEvent>,
}

pub(super) fn routes(shared: Arc<Shared>, guard: Guard) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/events", get(events))
        .route("/metrics", get(metrics))
        .route("/history", get(history))
        .route_layer(from_fn_with_state(guard.clone(), authorize))
        .merge(
            Router::new().route("/ping", get(ping)).route_layer(from_fn_with_state(guard, refuse_web_pages)),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

async fn ping(State(shared): State<Arc<Shared>>) -> Json<Value> {
    super::ping(&shared.machine)
}

async fn status(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Json<AgentStatus> {
    let mut status = shared.status();
    if hub_of(&headers).is_empty() {
        v3_status::add_keys(&mut status.monitors, &shared.board, &shared.events.last_times());
        if is_v3_hub(&headers) {
            v3_status::name_host(&mut status.monitors, &shared.machine);
        }
    }
    Json(status)
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Metrics {
    super::metrics::of(&shared)
}

async fn history(State(shared): State<Arc<Shared>>, query: Query) -> Result<Json<History>, ApiError> {
    super::history_of(&shared, &query).await.map(Json)
}

async fn events(
    method: Method,
    State(shared): State<Arc<Shared>>,
    peer: Option<Peer>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<Fetched>, ApiError> {
    // Axum answers HEAD as it answers GET, and nobody would get the events that it takes from the queue.
    if method != Method::GET {
        return Err(ApiError::WrongMethod(method));
    }
    // A hub of V3 that has no event yet acknowledges -1.
    let ack = if query.text("ack") == Some("-1") { Some(0) } else { query.number("ack")? };
    let (stream, boot) = (query.given("cursor_stream"), query.given("cursor_boot"));
    let proof = (stream.is_some() || boot.is_some()).then_some(Proof { stream, boot });
    let from = peer.map(|Peer(address)| address);
    let fetch = Fetch { hub: hub_of(&headers), ack, proof, from };
    let refused_before = shared.events.refusals();
    let fetched = shared.events.fetch(&fetch);
    if shared.events.refusals() != refused_before {
        // Nobody may be listening.
        let _ = shared.news.send(AgentNews::Monitors);
    }
    let (events, event_cursor) = fetched.map_err(|refused| match refused {
        Refused::NotOffered { .. } => ApiError::NotOffered(refused.to_string()),
        Refused::OtherCursor => ApiError::OtherCursor(refused.to_string()),
    })?;
    Ok(Json(Fetched { events, event_cursor }))
}

/// What a hub calls itself; empty for one that does not, or not as agreed.
fn hub_of(headers: &HeaderMap) -> &str {
    let named = headers.get(HUB_HEADER).and_then(|value| value.to_str().ok());
    named.filter(|name| is_hex_id(name)).unwrap_or_default()
}

fn is_v3_hub(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    agent.is_some_and(|agent| agent.starts_with(V3_HUB))
}
