//! Ports that a person is thinking of: looked at, suggested, applied.

use port_takeover::{InvalidPort, WantedPort};
use taskpaw_contract::Role;
use taskpaw_contract::config::Config;
use taskpaw_contract::ipc::{Apply, ErrorCode, IpcError, PortDraft, PortView};

use crate::app::App;
use crate::roles::{look, next_free};

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
pub(super) fn check(app: &App, draft: &[PortDraft]) -> Result<Vec<PortView>, IpcError> {
    let role = role_of(draft)?;
    let config = with_draft(app.settings().read()?, draft)?;
    let state_folder = app.settings().state_folder();
    look(&config, &state_folder, role, app.pid(role))
        .map_err(|message| IpcError::new(ErrorCode::LookFailed, message))
}

/// The next free number for a port, which is none of those that are configured or typed.
pub(super) fn suggest(app: &App, role: Role, name: &str, draft: &[PortDraft]) -> Result<u16, IpcError> {
    let configured = app.settings().read()?;
    let typed = with_draft(configured.clone(), draft)?;
    let wanted_of = |config: &Config| -> Option<Result<WantedPort, InvalidPort>> {
        let found = config.endpoints(role).into_iter().find(|(known, _)| *known == name);
        found.map(|(name, endpoint)| endpoint.wanted(name))
    };
    // What is typed may be no number yet, or no address: begin where the port is now.
    let wanted = [&typed, &configured].into_iter().filter_map(wanted_of).find_map(Result::ok);
    let wanted = wanted.ok_or_else(|| bad_request(format!("the {role} has no port \"{name}\"")))?;
    let mut avoid = configured.port_numbers();
    avoid.extend(typed.port_numbers());
    next_free(role, &wanted, &avoid)
        .map_err(|error| IpcError::new(ErrorCode::LookFailed, error.to_string()))?
        .ok_or_else(|| {
            let host = &wanted.host;
            IpcError::new(
                ErrorCode::NoFreePort,
                format!("no port near {} is free on {host}; choose another host", wanted.port),
            )
        })
}

/// Changes the ports of one role, all or none.
pub(super) async fn apply(app: &App, draft: &[PortDraft], keep: bool) -> Result<Apply, IpcError> {
    let role = role_of(draft)?;
    // A port that the role does not have is the request's fault, and nothing is begun.
    with_draft(app.settings().read()?, draft)?;
    crate::apply::apply(app, role, draft, keep).await
}

/// The one role that a draft is about.
fn role_of(draft: &[PortDraft]) -> Result<Role, IpcError> {
    let role = draft.first().map(|port| port.role);
    role.filter(|role| draft.iter().all(|port| port.role == *role))
        .ok_or_else(|| bad_request("a draft is about the ports of one role"))
}

fn bad_request(message: impl Into<String>) -> IpcError {
    IpcError::new(ErrorCode::BadRequest, message)
}
