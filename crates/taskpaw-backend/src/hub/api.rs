//! The hub's one port: for people's own programs, and for the app.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use serde_json::{Value, json};
use taskpaw_contract::ipc::{
    AgentChange, AgentDraft, AgentProbe, AgentTest, AlertProbe, AlertTest, EventLevel, FleetAgent,
    FleetEvent, FleetNews, HistoryAnswer,
};
use taskpaw_contract::version;

use super::Shared;
use super::metrics;
use super::store::{Filter, StoreError};
use crate::alerts;
use crate::http::{
    ApiError, Events, Guard, JsonBody, Metrics, OnlyFrom, Query, authorize, not_found, refuse_foreign_hosts,
    refuse_web_pages, stream, wrong_method,
};
use crate::lifecycle::StopReason;

const EVENTS: usize = 100;
const MOST_EVENTS: usize = 10_000;

pub(super) fn routes(shared: &Arc<Shared>, api: Guard, control: Guard, bound_to: IpAddr) -> Router {
    let for_everybody = Router::new()
        .route("/status", get(status))
        .route("/events", get(events))
        .route("/metrics", get(numbers))
        .route("/stream", get(news))
        .route_layer(from_fn_with_state(api.clone(), authorize))
        .merge(
            Router::new().route("/ping", get(ping)).route_layer(from_fn_with_state(api, refuse_web_pages)),
        );
    let for_the_app = Router::new()
        .route("/control/ping", get(ping))
        .route("/control/status", get(status_for_the_app))
        .route("/control/events", get(events))
        .route("/control/stream", get(news))
        .route("/control/agents", post(add).patch(change).delete(remove))
        .route("/control/agents/test", post(test))
        .route("/control/alerts/test", post(test_alert))
        .route("/control/agent-history", get(agent_history))
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

async fn status(State(shared): State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    Ok(([(CONTENT_TYPE, "application/json")], shared.status_written().await?))
}

/// The app asks while its page about the fleet is open, which is when offers are of use.
async fn status_for_the_app(shared: State<Arc<Shared>>) -> Result<impl IntoResponse, ApiError> {
    shared.look_around();
    status(shared).await
}

async fn events(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<Events<FleetEvent>>, ApiError> {
    let filter = Filter { server: query.text("server").map(str::to_owned), level: level(&query)? };
    let limit = query.limit(EVENTS, MOST_EVENTS)?;
    Ok(Json(Events { events: shared.store.last(filter, limit).await? }))
}

async fn numbers(State(shared): State<Arc<Shared>>) -> Result<Metrics, ApiError> {
    Ok(metrics::of(&shared.status().await?, shared.stored.load(Ordering::Relaxed)))
}

async fn news(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    stream(shared.news.subscribe(), FleetNews::Missed, shared.stop.clone())
}

async fn add(
    State(shared): State<Arc<Shared>>,
    JsonBody(draft): JsonBody<AgentDraft>,
) -> Result<(StatusCode, Json<FleetAgent>), ApiError> {
    Ok((StatusCode::CREATED, Json(shared.add_agent(draft).await?)))
}

async fn change(
    State(shared): State<Arc<Shared>>,
    query: Query,
    JsonBody(change): JsonBody<AgentChange>,
) -> Result<Json<FleetAgent>, ApiError> {
    Ok(Json(shared.change_agent(name(&query)?, change).await?))
}

async fn remove(State(shared): State<Arc<Shared>>, query: Query) -> Result<Json<Value>, ApiError> {
    let with_events = match query.text("events") {
        None | Some("keep") => false,
        Some("remove") => true,
        Some(other) => {
            return Err(ApiError::BadQuery(format!("events: {other:?} is neither keep nor remove")));
        }
    };
    shared.remove_agent(name(&query)?, with_events).await?;
    Ok(Json(json!({ "ok": true })))
}

async fn agent_history(
    State(shared): State<Arc<Shared>>,
    query: Query,
) -> Result<Json<HistoryAnswer>, ApiError> {
    Ok(Json(shared.agent_history(name(&query)?, query.text("monitor"), query.range()?).await?))
}

async fn test(
    State(shared): State<Arc<Shared>>,
    JsonBody(probe): JsonBody<AgentProbe>,
) -> Result<Json<AgentTest>, ApiError> {
    Ok(Json(shared.try_agent(probe).await?))
}

/// The agent that a call is about. A name may have any letter, also a slash, so it is not part of the path.
fn name(query: &Query) -> Result<String, ApiError> {
    let name = query.text("name").map(str::to_owned);
    name.ok_or_else(|| ApiError::BadQuery("name: say which agent is meant".to_owned()))
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn level(query: &Query) -> Result<Option<EventLevel>, ApiError> {
    let Some(word) = query.text("level") else { return Ok(None) };
    serde_json::from_value(word.into())
        .map(Some)
        .map_err(|_| ApiError::BadQuery(format!("level: {word:?} is none of info, warn, alert, done")))
}

async fn test_alert(JsonBody(probe): JsonBody<AlertProbe>) -> Result<Json<AlertTest>, ApiError> {
    Ok(Json(alerts::test(probe).await?))
}

async fn stop(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    shared.stop.request(StopReason::ControlCall);
    (StatusCode::ACCEPTED, Json(json!({ "ok": true })))
}
