//! The control port, for the app on this machine.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Json;
use axum::routing::{get, post};
use serde_json::{Value, json};
use taskpaw_contract::ipc::{AgentEvent, AgentStatus};

use super::Shared;
use crate::http::{
    ApiError, Events, Guard, OnlyFrom, Query, authorize, not_found, refuse_foreign_hosts, wrong_method,
};
use crate::lifecycle::StopReason;

const EVENTS: usize = 100;
const MOST_EVENTS: usize = 10_000;

pub(super) fn routes(shared: Arc<Shared>, guard: Guard) -> Router {
    Router::new()
        .route("/control/ping", get(ping))
        .route("/control/status", get(status))
        .route("/control/events", get(events))
        .route("/control/stop", post(stop))
        .route_layer(from_fn_with_state(guard, authorize))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(OnlyFrom::Loopback, refuse_foreign_hosts))
        .with_state(shared)
}

async fn ping(State(shared): State<Arc<Shared>>) -> Json<Value> {
    super::ping(&shared.machine)
}

async fn status(State(shared): State<Arc<Shared>>) -> Json<AgentStatus> {
    shared.status()
}

async fn events(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<Events<AgentEvent>>, ApiError> {
    let limit = query.limit(EVENTS, MOST_EVENTS)?;
    Ok(Json(Events { events: shared.events.recent(limit, query.text("monitor")) }))
}

async fn stop(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    shared.stop.request(StopReason::ControlCall);
    (StatusCode::ACCEPTED, Json(json!({ "ok": true })))
}
