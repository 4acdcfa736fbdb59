//! The settings besides the preferences: roles, tokens, addresses.

use port_takeover::Host;
use taskpaw_contract::Role;
use taskpaw_contract::config::{ExposureReason, SHORTEST_TOKEN, refusal};
use taskpaw_contract::ipc::{AddressChoice, ErrorCode, IpcError, TokenName};

use crate::app::App;
use crate::random;
use crate::roles::Message;

/// The longest token that is taken, in bytes: it travels in a header.
const LONGEST_TOKEN: usize = 512;

/// Switches roles on and off; each is started or stopped.
pub(super) fn set_roles(app: &App, roles: &[Role]) -> Result<(), IpcError> {
    let before = app.settings().read()?.roles;
    let wanted: Vec<Role> = Role::ALL.into_iter().filter(|role| roles.contains(role)).collect();
    let config = app.change_config(|config| config.roles = wanted)?;
    for role in Role::ALL {
        match (before.contains(&role), config.roles.contains(&role)) {
            (false, true) => app.tell(role, Message::Restart),
            (true, false) => app.tell(role, Message::Stop),
            _ => {}
        }
    }
    Ok(())
}

/// A token in clear, for a person who asked to see it.
pub(super) fn show_token(app: &App, token: TokenName) -> Result<String, IpcError> {
    Ok(app.settings().read()?.token(token).to_owned())
}

/// A token that nobody can guess.
pub(super) fn new_token() -> Result<String, IpcError> {
    random::token().map_err(|message| IpcError::new(ErrorCode::Internal, message))
}

/// Saves a token and restarts the role that reads it.
pub(super) fn set_token(app: &App, token: TokenName, value: &str) -> Result<(), IpcError> {
    let value = value.trim().to_owned();
    if value.len() > LONGEST_TOKEN || value.bytes().any(|byte| !byte.is_ascii_graphic()) {
        let message = format!("a token is at most {LONGEST_TOKEN} letters, digits and signs, without spaces");
        return Err(IpcError::new(ErrorCode::BadRequest, message));
    }
    // What is shown to others is chosen by them.
    if token != TokenName::Polling && !value.is_empty() && value.len() < SHORTEST_TOKEN {
        let message = format!("a token has at least {SHORTEST_TOKEN} letters, else it can be guessed");
        return Err(IpcError::new(ErrorCode::BadRequest, message));
    }
    let config = app.change_config(|config| *config.token_mut(token) = value)?;
    app.restart_if_on(&config, token.role());
    Ok(())
}

/// The addresses of this machine, loopback first, with what the exposure guard says about each now.
pub(super) fn addresses(app: &App, role: Role) -> Result<Vec<AddressChoice>, IpcError> {
    let config = app.settings().read()?;
    let token = match role {
        Role::Agent => TokenName::Agent,
        Role::Hub => TokenName::Hub,
    };
    let has_token = !config.token(token).is_empty();
    let mut found = if_addrs::get_if_addrs().map_err(|error| {
        IpcError::new(ErrorCode::Internal, format!("the addresses of this machine cannot be read: {error}"))
    })?;
    found.sort_by_key(|interface| (!interface.is_loopback(), interface.ip().is_ipv6()));
    let choices = found.into_iter().filter(|interface| !interface.is_link_local()).map(|interface| {
        let address = interface.ip().to_string();
        let refused = address.parse::<Host>().ok().and_then(|host| refusal(host, false, has_token));
        AddressChoice { address, interface: interface.name, refused }
    });
    Ok(choices.collect())
}

/// Why the exposure guard would refuse an address. Of what is not an address it has nothing to say: the look at the port
/// calls it invalid.
pub(super) fn check_exposure(name: &str, host: &str, has_token: bool) -> Option<ExposureReason> {
    refusal(host.parse::<Host>().ok()?, name == "control", has_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_left_to_the_look_at_the_port() {
        assert_eq!(check_exposure("network", "my pc", false), None);
        assert_eq!(check_exposure("network", "", true), Some(ExposureReason::Wildcard));
        assert_eq!(check_exposure("control", "192.168.1.5", true), Some(ExposureReason::ControlOffLoopback));
    }
}
