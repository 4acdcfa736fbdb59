//! Being told outside of this machine: the window sets it and tries it, and is never told what it has set.

use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, WebhookConfig, tidy_url};
use taskpaw_contract::ipc::{
    AlertProbe, AlertTarget, AlertTargetDraft, AlertTest, ErrorCode, FieldProblem, IpcError,
};

use crate::app::App;
use crate::notify;

/// Saves an alert target. The hub sends the alerts: if it is off, it is switched on, and watches this machine.
pub(super) fn set(app: &App, draft: AlertTargetDraft) -> Result<(), IpcError> {
    let target = draft.target;
    let wanted = wanted(&app.settings().read()?, draft)?;
    let config = app.change_config(|config| {
        *config.alert_target_mut(target) = wanted;
        if !config.roles.contains(&Role::Hub) {
            config.roles.push(Role::Hub);
        }
    })?;
    app.restart_if_on(&config, Role::Hub);
    Ok(())
}

/// Removes the alert target. The hub goes on.
pub(super) fn remove(app: &App, target: AlertTarget) -> Result<(), IpcError> {
    let config = app.change_config(|config| *config.alert_target_mut(target) = WebhookConfig::default())?;
    app.restart_if_on(&config, Role::Hub);
    Ok(())
}

/// Has a backend send one message: either backend can.
pub(super) async fn test(app: &App, draft: AlertTargetDraft) -> Result<AlertTest, IpcError> {
    let target = draft.target;
    let WebhookConfig { url, token, .. } = wanted(&app.settings().read()?, draft)?;
    let Some(backend) = [Role::Hub, Role::Agent].into_iter().find_map(|role| app.client(role)) else {
        return Err(IpcError::new(
            ErrorCode::NotReady,
            "neither the agent nor the hub runs; start one of them",
        ));
    };
    let (title, message) = notify::trial(app.board().snapshot().app.preferences.language);
    let probe = AlertProbe { target, url, token, title, message };
    let body =
        serde_json::to_value(probe).map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))?;
    backend.post("/control/alerts/test", body).await
}

/// What a draft means, with what is set already in place of what it leaves out. A token is shown to the server for which it was set,
/// and to no other.
fn wanted(config: &Config, draft: AlertTargetDraft) -> Result<WebhookConfig, IpcError> {
    let AlertTargetDraft { target, url, token, events } = draft;
    let set = config.alert_target(target);
    let url = url.map_or_else(|| set.url.clone(), |url| tidy_url(&url));
    let mut wanted = WebhookConfig { url, token: String::new(), events };
    let is_same_server = wanted.server() == set.server();
    wanted.token = match token {
        Some(token) => token.trim().to_owned(),
        None if is_same_server => set.token.clone(),
        None => String::new(),
    };
    match wanted.wrong(target) {
        None => Ok(wanted),
        Some((field, message)) => {
            let detail = serde_json::json!([FieldProblem::in_words(field, message.clone())]);
            Err(IpcError { code: ErrorCode::InvalidFields, message, detail })
        }
    }
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::config::WebhookEvents;

    use super::*;

    fn draft(url: Option<&str>, token: Option<&str>) -> AlertTargetDraft {
        AlertTargetDraft {
            target: AlertTarget::Ntfy,
            url: url.map(str::to_owned),
            token: token.map(str::to_owned),
            events: WebhookEvents::Alerts,
        }
    }

    #[test]
    fn what_is_left_out_stays_and_a_token_goes_to_no_other_server() {
        let mut config = Config::default();
        config.hub.ntfy.url = "https://ntfy.sh/topic".to_owned();
        config.hub.ntfy.token = "tk_1".to_owned();
        let of = |draft| wanted(&config, draft).map(|wanted| (wanted.url, wanted.token));
        let is = |url: &str, token: &str| Ok((url.to_owned(), token.to_owned()));
        assert_eq!(of(draft(None, None)), is("https://ntfy.sh/topic", "tk_1"));
        assert_eq!(of(draft(Some(" HTTPS://ntfy.sh/other "), None)), is("https://ntfy.sh/other", "tk_1"));
        assert_eq!(of(draft(Some("https://evil.example/topic"), None)), is("https://evil.example/topic", ""));
        assert_eq!(of(draft(None, Some(""))), is("https://ntfy.sh/topic", ""));
    }

    #[test]
    fn what_cannot_be_used_names_its_field_and_is_not_repeated() {
        for (url, token, field) in [
            (Some("ntfy.sh/secret"), None, "url"),
            (Some("https://ntfy.sh"), None, "url"),
            (None, None, "url"),
            (Some("https://ntfy.sh/secret"), Some("sec ret"), "token"),
        ] {
            let error = wanted(&Config::default(), draft(url, token)).err().unwrap();
            assert_eq!(
                (error.code, error.detail[0]["field"].as_str()),
                (ErrorCode::InvalidFields, Some(field))
            );
            assert!(!error.message.contains("sec"), "{}", error.message);
        }
    }
}
