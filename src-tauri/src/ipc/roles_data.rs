//! The data of the roles, passed on from their backends: the token to them stays here.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use taskpaw_contract::Role;
use taskpaw_contract::config::MonitorConfig;
use taskpaw_contract::ipc::{
    AgentEvent, AgentStatus, AgentTest, ErrorCode, EventLevel, FleetEvent, FleetStatus, IpcError,
    MetricSample, MonitorType, Request,
};

use super::requests::json;
use crate::app::App;
use crate::backend::BackendClient;

#[derive(Deserialize)]
struct Events<T> {
    events: Vec<T>,
}

#[derive(Deserialize)]
struct History {
    samples: Vec<MetricSample>,
}

#[derive(Deserialize)]
struct Types {
    types: Vec<MonitorType>,
}

#[derive(Deserialize)]
struct Monitors {
    monitors: Vec<MonitorConfig>,
}

/// The requests that the agent answers.
pub(super) async fn of_agent(app: &App, request: Request) -> Result<Value, IpcError> {
    let agent = client(app, Role::Agent)?;
    match request {
        Request::AgentStatus => json(agent.get::<AgentStatus>("/control/status").await?),
        Request::AgentHistory => json(agent.get::<History>("/control/history").await?.samples),
        Request::AgentEvents { limit } => {
            let path = format!("/control/events?limit={limit}");
            json(agent.get::<Events<AgentEvent>>(&path).await?.events)
        }
        Request::MonitorTypes => json(agent.get::<Types>("/control/monitor-types").await?.types),
        Request::Monitors => json(agent.get::<Monitors>("/control/monitors").await?.monitors),
        Request::AddMonitor { monitor } => {
            agent.order(Method::POST, "/control/monitors", Some(json(monitor)?)).await.map(|()| Value::Null)
        }
        Request::ChangeMonitor { name, monitor } => {
            let path = format!("/control/monitors/{}", segment(&name));
            agent.order(Method::PUT, &path, Some(json(monitor)?)).await.map(|()| Value::Null)
        }
        Request::RemoveMonitor { name } => {
            let path = format!("/control/monitors/{}", segment(&name));
            agent.order(Method::DELETE, &path, None).await.map(|()| Value::Null)
        }
        other => Err(IpcError::new(ErrorCode::Internal, format!("{other:?} is not for the agent"))),
    }
}

/// The requests that the hub answers.
pub(super) async fn of_hub(app: &App, request: Request) -> Result<Value, IpcError> {
    let hub = client(app, Role::Hub)?;
    match request {
        Request::FleetStatus => json(hub.get::<FleetStatus>("/control/status").await?),
        Request::FleetEvents { server, level, limit } => {
            let path = fleet_events(server.as_deref(), level, limit);
            json(hub.get::<Events<FleetEvent>>(&path).await?.events)
        }
        Request::AddAgent { agent } => {
            hub.order(Method::POST, "/control/agents", Some(json(agent)?)).await.map(|()| Value::Null)
        }
        Request::ChangeAgent { name, change } => {
            let path = format!("/control/agents?name={}", segment(&name));
            hub.order(Method::PATCH, &path, Some(json(change)?)).await.map(|()| Value::Null)
        }
        Request::RemoveAgent { name } => {
            let path = format!("/control/agents?name={}", segment(&name));
            hub.order(Method::DELETE, &path, None).await.map(|()| Value::Null)
        }
        Request::TestAgent { probe } => {
            json(hub.post::<AgentTest>("/control/agents/test", json(probe)?).await?)
        }
        other => Err(IpcError::new(ErrorCode::Internal, format!("{other:?} is not for the hub"))),
    }
}

fn client(app: &App, role: Role) -> Result<BackendClient, IpcError> {
    app.client(role).ok_or_else(|| {
        IpcError::new(ErrorCode::NotReady, format!("the {role} is not running, so it has no data; start it"))
    })
}

fn fleet_events(server: Option<&str>, level: Option<EventLevel>, limit: u32) -> String {
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
            fleet_events(Some("a&limit=9"), Some(EventLevel::Alert), 5),
            "/control/events?limit=5&server=a%26limit%3D9&level=alert"
        );
    }
}
