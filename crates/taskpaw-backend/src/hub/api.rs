//! The hub's one port: for people's own programs, and for the app.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Json;
use axum::routing::{get, post};
use serde_json::{Value, json};
use taskpaw_contract::ipc::{EventLevel, FleetStatus};
use taskpaw_contract::version;

use super::Shared;
use super::store::{Filter, FleetEvent};
use crate::http::{
    ApiError, Events, Guard, OnlyFrom, Query, authorize, not_found, refuse_foreign_hosts, wrong_method,
};
use crate::lifecycle::StopReason;

const EVENTS: usize = 100;
const MOST_EVENTS: usize = 10_000;

pub(super) fn routes(shared: &Arc<Shared>, api: Guard, control: Guard, bound_to: IpAddr) -> Router {
    let for_everybody = Router::new()
        .route("/status", get(status))
        .route("/events", get(events))
        .route_layer(from_fn_with_state(api, authorize))
        .route("/ping", get(ping));
    let for_the_app = Router::new()
        .route("/control/ping", get(ping))
        .route("/control/status", get(status))
        .route("/control/events", get(events))
        .route("/control/stop", post(stop))
        .route_layer(from_fn_with_state(control, authorize))
        .route_layer(from_fn_with_state(OnlyFrom::LoopbackOr(bound_to), refuse_foreign_hosts));
    for_everybody
        .merge(for_the_app)
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared.clone())
}

async fn ping(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "ok": true, "machine": shared.machine, "version": version() }))
}

async fn status(State(shared): State<Arc<Shared>>) -> Json<FleetStatus> {
    Json(shared.fleet.snapshot())
}

async fn events(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<Events<FleetEvent>>, ApiError> {
    let filter = Filter { server: query.text("server").map(str::to_owned), level: level(&query)? };
    let limit = query.limit(EVENTS, MOST_EVENTS)?;
    Ok(Json(Events { events: shared.store.last(&filter, limit) }))
}

fn level(query: &Query) -> Result<Option<EventLevel>, ApiError> {
    let Some(word) = query.text("level") else { return Ok(None) };
    serde_json::from_value(word.into())
        .map(Some)
        .map_err(|_| ApiError::BadQuery(format!("level: {word:?} is none of info, warn, alert, done")))
}

async fn stop(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    shared.stop.request(StopReason::ControlCall);
    (StatusCode::ACCEPTED, Json(json!({ "ok": true })))
}
