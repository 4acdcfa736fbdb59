//! The network port, for hubs. Its wire format is that of TaskPaw V3.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use taskpaw_contract::ipc::{AgentEvent, AgentStatus};

use super::Shared;
use crate::http::{ApiError, Events, Guard, Metrics, Query, authorize, not_found, wrong_method};

pub(super) fn routes(shared: Arc<Shared>, guard: Guard) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/events", get(events))
        .route("/metrics", get(metrics))
        .route_layer(from_fn_with_state(guard, authorize))
        .route("/ping", get(ping))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

async fn ping(State(shared): State<Arc<Shared>>) -> Json<Value> {
    super::ping(&shared.machine)
}

async fn status(State(shared): State<Arc<Shared>>) -> Json<AgentStatus> {
    shared.status()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Metrics {
    super::metrics::of(&shared)
}

async fn events(
    method: Method,
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<Events<AgentEvent>>, ApiError> {
    // Axum answers HEAD as it answers GET, and nobody would get the events that it takes from the queue.
    if method != Method::GET {
        return Err(ApiError::WrongMethod(method));
    }
    // A hub of V3 that has no event yet acknowledges -1.
    let ack = if query.text("ack") == Some("-1") { Some(0) } else { query.number("ack")? };
    Ok(Json(Events { events: shared.events.fetch(ack) }))
}
