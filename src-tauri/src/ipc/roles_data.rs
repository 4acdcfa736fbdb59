//! The data of the roles, passed on from their backends: the token to them stays here.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskpaw_contract::Role;
use taskpaw_contract::config::MonitorConfig;
use taskpaw_contract::ipc::{
    AgentChange, AgentDraft, AgentEvent, AgentProbe, AgentTest, ErrorCode, EventLevel, FleetEvent, History,
    HistoryAnswer, HistoryRange, IpcError, MetricSample, MonitorStatus, MonitorType,
};

use crate::app::App;
use crate::backend::BackendClient;

#[derive(Deserialize)]
struct Events<T> {
    events: Vec<T>,
}

#[derive(Deserialize)]
struct LastHour {
    samples: Vec<MetricSample>,
}

#[derive(Deserialize)]
struct Looks {
    ok: bool,
}

#[derive(Deserialize)]
struct Types {
    types: Vec<MonitorType>,
}

#[derive(Deserialize)]
struct Monitors {
    monitors: Vec<MonitorConfig>,
}

pub(super) async fn agent_history(app: &App) -> Result<Vec<MetricSample>, IpcError> {
    Ok(client(app, Role::Agent)?.get::<LastHour>("/control/history").await?.samples)
}

pub(super) async fn history(
    app: &App,
    agent: Option<&str>,
    monitor: Option<&str>,
    range: HistoryRange,
) -> Result<HistoryAnswer, IpcError> {
    let path = history_path(agent, monitor, range);
    match agent {
        Some(_) => client(app, Role::Hub)?.get(&path).await,
        None => {
            let history = client(app, Role::Agent)?.get::<History>(&path).await?;
            Ok(HistoryAnswer::History { history })
        }
    }
}

pub(super) async fn check_now(app: &App, monitor: &str) -> Result<bool, IpcError> {
    let path = format!("/control/monitors/{}/check", segment(monitor));
    Ok(client(app, Role::Agent)?.post::<Looks>(&path, Value::Null).await?.ok)
}

pub(super) async fn agent_events(app: &App, limit: u32) -> Result<Vec<AgentEvent>, IpcError> {
    let path = format!("/control/events?limit={limit}");
    Ok(client(app, Role::Agent)?.get::<Events<AgentEvent>>(&path).await?.events)
}

pub(super) async fn monitor_types(app: &App) -> Result<Vec<MonitorType>, IpcError> {
    Ok(client(app, Role::Agent)?.get::<Types>("/control/monitor-types").await?.types)
}

pub(super) async fn monitors(app: &App) -> Result<Vec<MonitorConfig>, IpcError> {
    Ok(client(app, Role::Agent)?.get::<Monitors>("/control/monitors").await?.monitors)
}

pub(super) async fn add_monitor(app: &App, monitor: MonitorConfig) -> Result<(), IpcError> {
    client(app, Role::Agent)?.order(Method::POST, "/control/monitors", Some(body(monitor)?)).await
}

pub(super) async fn try_monitor(app: &App, monitor: MonitorConfig) -> Result<MonitorStatus, IpcError> {
    client(app, Role::Agent)?.post("/control/try-monitor", body(monitor)?).await
}

pub(super) async fn change_monitor(app: &App, name: &str, monitor: MonitorConfig) -> Result<(), IpcError> {
    let path = format!("/control/monitors/{}", segment(name));
    client(app, Role::Agent)?.order(Method::PUT, &path, Some(body(monitor)?)).await
}

pub(super) async fn remove_monitor(app: &App, name: &str) -> Result<(), IpcError> {
    let path = format!("/control/monitors/{}", segment(name));
    client(app, Role::Agent)?.order(Method::DELETE, &path, None).await
}

pub(super) async fn fleet_events(
    app: &App,
    server: Option<&str>,
    level: Option<EventLevel>,
    limit: u32,
) -> Result<Vec<FleetEvent>, IpcError> {
    let path = fleet_events_path(server, level, limit);
    Ok(client(app, Role::Hub)?.get::<Events<FleetEvent>>(&path).await?.events)
}

pub(super) async fn add_agent(app: &App, agent: AgentDraft) -> Result<(), IpcError> {
    client(app, Role::Hub)?.order(Method::POST, "/control/agents", Some(body(agent)?)).await
}

pub(super) async fn change_agent(app: &App, name: &str, change: AgentChange) -> Result<(), IpcError> {
    let path = format!("/control/agents?name={}", segment(name));
    client(app, Role::Hub)?.order(Method::PATCH, &path, Some(body(change)?)).await
}

pub(super) async fn remove_agent(app: &App, name: &str, with_events: bool) -> Result<(), IpcError> {
    let events = if with_events { "remove" } else { "keep" };
    let path = format!("/control/agents?name={}&events={events}", segment(name));
    client(app, Role::Hub)?.order(Method::DELETE, &path, None).await
}

pub(super) async fn test_agent(app: &App, probe: AgentProbe) -> Result<AgentTest, IpcError> {
    client(app, Role::Hub)?.post("/control/agents/test", body(probe)?).await
}

fn body(value: impl Serialize) -> Result<Value, IpcError> {
    serde_json::to_value(value).map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))
}

fn client(app: &App, role: Role) -> Result<BackendClient, IpcError> {
    app.client(role).ok_or_else(|| {
        IpcError::new(ErrorCode::NotReady, format!("the {role} is not running, so it has no data; start it"))
    })
}

fn fleet_events_path(server: Option<&str>, level: Option<EventLevel>, limit: u32) -> String {
    let mut path = format!("/control/events?limit={limit}");
    if let Some(server) = server {
        path.push_str("&server=");
        path.push_str(&segment(server));
    }
    if let Some(level) = level {
        path.push_str(match level {
            EventLevel::Info => "&level=info",
            EventLevel::Warn => "&level=warn",
            EventLevel::Alert => "&level=alert",
            EventLevel::Done => "&level=done",
        });
    }
    path
}

fn history_path(agent: Option<&str>, monitor: Option<&str>, range: HistoryRange) -> String {
    let range = range.word();
    let mut path = match agent {
        Some(name) => format!("/control/agent-history?name={}&range={range}", segment(name)),
        None => format!("/control/monitor-history?range={range}"),
    };
    if let Some(monitor) = monitor {
        path.push_str("&monitor=");
        path.push_str(&segment(monitor));
    }
    path
}

/// A name as a part of an address: whatever could mean something there is escaped.
fn segment(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_another_path_or_query() {
        assert_eq!(segment("NAS web/../x?y=1&z#é."), "NAS%20web%2F%2E%2E%2Fx%3Fy%3D1%26z%23%C3%A9%2E");
        assert_eq!(
            fleet_events_path(Some("a&limit=9"), Some(EventLevel::Alert), 5),
            "/control/events?limit=5&server=a%26limit%3D9&level=alert"
        );
        assert_eq!(
            history_path(Some("a&b"), Some("c/d"), HistoryRange::Week),
            "/control/agent-history?name=a%26b&range=week&monitor=c%2Fd"
        );
        assert_eq!(history_path(None, None, HistoryRange::Day), "/control/monitor-history?range=day");
    }
}
