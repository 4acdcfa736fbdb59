//! What a person said to the question whether closing the window should end the app.

use taskpaw_contract::config::OnClose;
use taskpaw_contract::ipc::{CloseDecision, ErrorCode, Event, IpcError};

use crate::app::App;

/// Carries out the decision, and remembers it if that is wanted.
pub(super) fn answer(app: &App, decision: CloseDecision, remember: bool) -> Result<(), IpcError> {
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
    if remember && let Err(error) = app.change_config(|config| config.app.on_close = wanted) {
        // A person who closes an app wants it closed, whatever cannot be written.
        tracing::warn!(%error, "what closing does cannot be remembered");
    }
    match decision {
        CloseDecision::Tray => app.shell().hide(),
        _ => app.shell().quit(),
    }
    Ok(())
}
