//! The control port, for the app on this machine.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post, put};
use serde_json::{Value, json};
use taskpaw_contract::config::MonitorConfig;
use taskpaw_contract::ipc::{
    AgentEvent, AgentNews, AgentStatus, AlertProbe, AlertTest, History, MonitorStatus, MonitorType,
};

use super::Shared;
use crate::alerts;
use crate::http::{
    ApiError, Events, Guard, JsonBody, OnlyFrom, Query, authorize, not_found, refuse_foreign_hosts, stream,
    wrong_method,
};
use crate::lifecycle::StopReason;
use crate::monitors::{KINDS, Kind};

const EVENTS: usize = 100;
const MOST_EVENTS: usize = 10_000;

pub(super) fn routes(shared: Arc<Shared>, guard: Guard) -> Router {
    Router::new()
        .route("/control/ping", get(ping))
        .route("/control/status", get(status))
        .route("/control/history", get(history))
        .route("/control/monitor-history", get(monitor_history))
        .route("/control/events", get(events))
        .route("/control/monitor-types", get(monitor_types))
        .route("/control/monitors", get(monitors).post(add_monitor))
        .route("/control/try-monitor", post(try_monitor))
        .route("/control/monitors/{name}", put(change_monitor).delete(remove_monitor))
        .route("/control/monitors/{name}/enable", post(enable_monitor))
        .route("/control/monitors/{name}/disable", post(disable_monitor))
        .route("/control/monitors/{name}/check", post(check_monitor))
        .route("/control/stream", get(news))
        .route("/control/alerts/test", post(test_alert))
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
    Json(AgentStatus {
        event_refusals: shared.events.refusals(),
        names_in_use_twice: shared.roster.names_in_use_twice(),
        ..shared.status()
    })
}

async fn history(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "samples": shared.board.samples() }))
}

async fn monitor_history(State(shared): State<Arc<Shared>>, query: Query) -> Result<Json<History>, ApiError> {
    super::history_of(&shared, &query).await.map(Json)
}

async fn events(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<Events<AgentEvent>>, ApiError> {
    let limit = query.limit(EVENTS, MOST_EVENTS)?;
    Ok(Json(Events { events: shared.events.recent(limit, query.text("monitor")) }))
}

async fn monitor_types() -> Json<Value> {
    let types: Vec<MonitorType> = KINDS.iter().map(Kind::described).collect();
    Json(json!({ "types": types }))
}

async fn monitors(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({ "monitors": shared.editing.list() }))
}

async fn add_monitor(
    State(shared): State<Arc<Shared>>,
    JsonBody(monitor): JsonBody<MonitorConfig>,
) -> Result<(StatusCode, Json<MonitorConfig>), ApiError> {
    shared.editing.add(monitor).await.map(|monitor| (StatusCode::CREATED, Json(monitor)))
}

async fn try_monitor(
    State(shared): State<Arc<Shared>>,
    JsonBody(monitor): JsonBody<MonitorConfig>,
) -> Result<Json<MonitorStatus>, ApiError> {
    let setup = shared.roster.setup_for_a_trial()?;
    shared.trials.look(&monitor, setup).await.map(Json)
}

async fn change_monitor(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    JsonBody(monitor): JsonBody<MonitorConfig>,
) -> Result<Json<MonitorConfig>, ApiError> {
    shared.editing.change(&name, monitor).await.map(Json)
}

async fn enable_monitor(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<MonitorConfig>, ApiError> {
    shared.editing.switch(&name, true).await.map(Json)
}

async fn disable_monitor(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<MonitorConfig>, ApiError> {
    shared.editing.switch(&name, false).await.map(Json)
}

async fn check_monitor(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let runs = shared.roster.check_now(&name).ok_or(ApiError::NoSuchMonitor(name))?;
    Ok(Json(json!({ "ok": runs })))
}

async fn remove_monitor(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    shared.editing.remove(&name).await.map(|()| Json(json!({ "ok": true })))
}

async fn news(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    stream(shared.news.subscribe(), AgentNews::Missed, shared.stop.clone())
}

async fn test_alert(JsonBody(probe): JsonBody<AlertProbe>) -> Result<Json<AlertTest>, ApiError> {
    Ok(Json(alerts::test(probe).await?))
}

async fn stop(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    shared.stop.request(StopReason::ControlCall);
    (StatusCode::ACCEPTED, Json(json!({ "ok": true })))
}
