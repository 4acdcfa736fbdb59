//! What each request of the window does.

use serde::Serialize;
use serde_json::Value;
use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, ConfigProblem};
use taskpaw_contract::ipc::{
    AgentEvent, AgentStatus, ErrorCode, FleetStatus, IpcError, PortDraft, PortView, Request,
};

use crate::app::App;
use crate::backend::BackendClient;
use crate::roles::{Message, look, next_free};

/// Answers a request.
///
/// # Errors
/// [`IpcError`] with the code that the window decides by.
pub(crate) async fn answer(app: &App, request: Request) -> Result<Value, IpcError> {
    match request {
        Request::Snapshot => json(app.board().snapshot()),
        Request::CheckPorts { draft } => json(check_ports(app, &draft)?),
        Request::SuggestPort { role, name } => json(suggest_port(app, role, &name)?),
        Request::Logs { role, limit } => json(app.logs(role, limit)),
        Request::AgentStatus => json(client(app, Role::Agent)?.get::<AgentStatus>("/control/status").await?),
        Request::AgentEvents { limit } => json(agent_events(app, limit).await?),
        Request::FleetStatus => json(client(app, Role::Hub)?.get::<FleetStatus>("/status").await?),
        order => carry_out(app, order).map(|()| Value::Null),
    }
}

/// The requests that have no answer but their end.
fn carry_out(app: &App, request: Request) -> Result<(), IpcError> {
    match request {
        Request::Painted => app.painted(),
        Request::Retry { role } => app.tell(role, Message::Retry),
        Request::Start { role } => app.tell(role, Message::Start),
        Request::Stop { role } => app.tell(role, Message::Stop),
        Request::Restart { role } => app.tell(role, Message::Restart),
        Request::ApplyPorts { draft } => apply_ports(app, &draft)?,
        Request::SetPreferences { preferences } => {
            let config = app.settings().change(|config| config.app = preferences).map_err(config_error)?;
            app.board().configure(&config, app.settings().has_last_good());
        }
        Request::RestoreLastGoodConfig => {
            app.settings().restore_last_good().map_err(config_error)?;
            app.launch_roles().map_err(config_error)?;
        }
        Request::ReloadConfig => app.launch_roles().map_err(config_error)?,
        Request::ClaimAgain => app.claim_again(),
        Request::Relaunch => app.own_program().start()?,
        Request::Quit => app.quit(),
        other => return Err(IpcError::new(ErrorCode::Internal, format!("{other:?} is no order"))),
    }
    Ok(())
}

async fn agent_events(app: &App, limit: u32) -> Result<Vec<AgentEvent>, IpcError> {
    #[derive(serde::Deserialize)]
    struct Events {
        events: Vec<AgentEvent>,
    }
    let path = format!("/control/events?limit={limit}");
    Ok(client(app, Role::Agent)?.get::<Events>(&path).await?.events)
}

fn json(value: impl Serialize) -> Result<Value, IpcError> {
    serde_json::to_value(value).map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))
}

fn client(app: &App, role: Role) -> Result<BackendClient, IpcError> {
    app.client(role).ok_or_else(|| {
        IpcError::new(ErrorCode::NotReady, format!("the {role} is not running, so it has no data; start it"))
    })
}

fn config_error(problem: ConfigProblem) -> IpcError {
    IpcError {
        code: ErrorCode::Config,
        message: problem.to_string(),
        detail: serde_json::to_value(&problem).unwrap_or_default(),
    }
}

fn bad_request(message: impl Into<String>) -> IpcError {
    IpcError::new(ErrorCode::BadRequest, message)
}

/// The configuration with a draft in it, not checked.
fn with_draft(mut config: Config, draft: &[PortDraft]) -> Result<Config, IpcError> {
    for PortDraft { role, name, endpoint } in draft {
        let place = config
            .endpoint_mut(*role, name)
            .ok_or_else(|| bad_request(format!("the {role} has no port \"{name}\"")))?;
        place.clone_from(endpoint);
    }
    Ok(config)
}

/// Looks at all ports of the draft's role.
fn check_ports(app: &App, draft: &[PortDraft]) -> Result<Vec<PortView>, IpcError> {
    let Some(role) =
        draft.first().map(|port| port.role).filter(|role| draft.iter().all(|it| it.role == *role))
    else {
        return Err(bad_request("a draft is about the ports of one role"));
    };
    let config = with_draft(app.settings().read().map_err(config_error)?, draft)?;
    look(&config, role, app.pid(role)).map_err(|message| IpcError::new(ErrorCode::LookFailed, message))
}

fn suggest_port(app: &App, role: Role, name: &str) -> Result<u16, IpcError> {
    let config = app.settings().read().map_err(config_error)?;
    let wanted = config
        .wanted_ports(role)
        .into_iter()
        .find(|port| port.name == name)
        .ok_or_else(|| bad_request(format!("the {role} has no port \"{name}\"")))?;
    next_free(role, &wanted, &config.port_numbers())
        .map_err(|error| IpcError::new(ErrorCode::LookFailed, error.to_string()))?
        .ok_or_else(|| {
            let host = &wanted.host;
            IpcError::new(
                ErrorCode::NoFreePort,
                format!("no port near {} is free on {host}; choose another host", wanted.port),
            )
        })
}

/// Saves the ports and starts their roles on them.
fn apply_ports(app: &App, draft: &[PortDraft]) -> Result<(), IpcError> {
    let changed = with_draft(app.settings().read().map_err(config_error)?, draft)?;
    let config = app.settings().change(|config| *config = changed).map_err(config_error)?;
    app.board().configure(&config, app.settings().has_last_good());
    for role in Role::ALL {
        if config.roles.contains(&role) && draft.iter().any(|port| port.role == role) {
            app.tell(role, Message::Restart);
        }
    }
    Ok(())
}
