//! What each request of the window does.

use serde::Serialize;
use serde_json::Value;
use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, ConfigProblem, OnClose};
use taskpaw_contract::ipc::{CloseDecision, ErrorCode, Event, IpcError, Request};

use super::{ports, roles_data, setting};
use crate::app::App;
use crate::diagnostics;
use crate::roles::Message;

/// Answers a request.
///
/// # Errors
/// [`IpcError`] with the code that the window decides by.
pub(crate) async fn answer(app: &App, request: Request) -> Result<Value, IpcError> {
    match request {
        Request::Snapshot => json(app.board().snapshot()),
        Request::CheckPorts { draft } => json(ports::check(app, &draft)?),
        Request::SuggestPort { role, name, draft } => json(ports::suggest(app, role, &name, &draft)?),
        Request::ApplyPorts { draft, keep } => json(ports::apply(app, &draft, keep).await?),
        Request::Logs { role, limit } => json(app.logs(role, limit)),
        Request::Journal { limit } => json(app.journal(limit)?),
        Request::ShowToken { token } => json(setting::show_token(app, token)?),
        Request::GenerateToken => json(setting::new_token()?),
        Request::Addresses { role } => json(setting::addresses(app, role)?),
        Request::CheckExposure { name, host, has_token, .. } => {
            json(setting::check_exposure(&name, &host, has_token))
        }
        Request::AgentStatus
        | Request::AgentHistory
        | Request::AgentEvents { .. }
        | Request::MonitorTypes
        | Request::Monitors
        | Request::AddMonitor { .. }
        | Request::ChangeMonitor { .. }
        | Request::RemoveMonitor { .. } => roles_data::of_agent(app, request).await,
        Request::FleetStatus
        | Request::FleetEvents { .. }
        | Request::AddAgent { .. }
        | Request::ChangeAgent { .. }
        | Request::RemoveAgent { .. }
        | Request::TestAgent { .. } => roles_data::of_hub(app, request).await,
        Request::ExportDiagnostics => json(export(app).await?),
        order => carry_out(app, order).map(|()| Value::Null),
    }
}

/// The requests that have no answer but their end.
fn carry_out(app: &App, request: Request) -> Result<(), IpcError> {
    let starts_something = matches!(
        request,
        Request::Retry { .. }
            | Request::ReplaceV3 { .. }
            | Request::Start { .. }
            | Request::Restart { .. }
            | Request::SetRoles { .. }
            | Request::SetToken { .. }
            | Request::RestoreLastGoodConfig
            | Request::ReloadConfig
    );
    if starts_something && app.is_applying() {
        return Err(IpcError::new(ErrorCode::Busy, "a change of ports is under way; wait until it is over"));
    }
    match request {
        Request::Painted => app.painted(),
        Request::Retry { role } => app.tell(role, Message::Retry),
        Request::ReplaceV3 { role } => app.tell(role, Message::ReplaceV3),
        Request::Start { role } => app.tell(role, Message::Start),
        Request::Stop { role } => app.tell(role, Message::Stop),
        Request::Restart { role } => app.tell(role, Message::Restart),
        Request::SetRoles { roles } => setting::set_roles(app, roles)?,
        Request::SetPreferences { preferences } => {
            change_config(app, |config| config.app = preferences)?;
        }
        Request::SetToken { token, value } => setting::set_token(app, token, value)?,
        Request::SetStartAtLogin { enabled } => app.set_start_at_login(enabled)?,
        Request::AnswerClose { decision, remember } => answer_close(app, decision, remember)?,
        Request::RestoreLastGoodConfig => {
            app.settings().restore_last_good().map_err(config_error)?;
            app.launch_roles().map_err(config_error)?;
        }
        Request::ReloadConfig => app.launch_roles().map_err(config_error)?,
        Request::ImportSeen => {
            let marked = app.settings().mark_import_seen();
            let report = marked.map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))?;
            let left_behind = app.board().snapshot().app.left_behind;
            app.board().show_import(report, left_behind);
        }
        Request::AnswerLeftBehind { take_over } => {
            let answered = app.settings().answer_left_behind(take_over);
            answered.map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))?;
            let config = app.settings().read().map_err(config_error)?;
            app.board().configure(&config, app.settings().has_last_good());
            app.show_import(&config);
            if take_over {
                restart(app, &config, Role::Hub);
            }
        }
        Request::ClaimAgain => app.claim_again(),
        Request::Relaunch => app.own_program().start()?,
        Request::Quit => app.quit(),
        other => return Err(IpcError::new(ErrorCode::Internal, format!("{other:?} is no order"))),
    }
    Ok(())
}

/// Changes the configuration and shows it.
pub(super) fn change_config(app: &App, change: impl FnOnce(&mut Config)) -> Result<Config, IpcError> {
    let config = app.settings().change(change).map_err(config_error)?;
    app.board().configure(&config, app.settings().has_last_good());
    Ok(config)
}

/// Starts a role anew if it is on, so that it follows what was changed.
pub(super) fn restart(app: &App, config: &Config, role: Role) {
    if config.roles.contains(&role) {
        app.tell(role, Message::Restart);
    }
}

pub(super) fn json(value: impl Serialize) -> Result<Value, IpcError> {
    serde_json::to_value(value).map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))
}

pub(crate) fn config_error(problem: ConfigProblem) -> IpcError {
    IpcError {
        code: ErrorCode::Config,
        message: problem.to_string(),
        detail: serde_json::to_value(&problem).unwrap_or_default(),
    }
}

pub(super) fn bad_request(message: impl Into<String>) -> IpcError {
    IpcError::new(ErrorCode::BadRequest, message)
}

/// Writes the archive of diagnostics, away from the other requests: it reads much.
async fn export(app: &App) -> Result<String, IpcError> {
    let sources = app.sources();
    let exported = tauri::async_runtime::spawn_blocking(move || diagnostics::export(&sources)).await;
    let internal = |message: String| IpcError::new(ErrorCode::Internal, message);
    let path = exported.map_err(|error| internal(error.to_string()))?;
    path.map(|path| path.display().to_string()).map_err(|error| internal(error.to_string()))
}

/// What a person said to the question whether closing should end the app.
fn answer_close(app: &App, decision: CloseDecision, remember: bool) -> Result<(), IpcError> {
    if decision == CloseDecision::Tray && !app.board().snapshot().app.has_tray {
        let message = "there is no tray for the app to stay in; leave the window open, or minimise it";
        return Err(IpcError::new(ErrorCode::Unsupported, message));
    }
    app.board().publish(Event::CloseAnswered);
    let wanted = match decision {
        CloseDecision::Stay => return Ok(()),
        CloseDecision::Quit => OnClose::Quit,
        CloseDecision::Tray => OnClose::Tray,
    };
    if remember && let Err(error) = change_config(app, |config| config.app.on_close = wanted) {
        // Whoever closes an app wants it closed, whatever cannot be written.
        tracing::warn!(%error, "what closing does cannot be remembered");
    }
    match decision {
        CloseDecision::Tray => app.hide(),
        _ => app.quit(),
    }
    Ok(())
}
