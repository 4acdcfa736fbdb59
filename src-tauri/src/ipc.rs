//! The only interface between the window and the host: one command in, one event out.

mod alerts;
mod closing;
mod handlers;
mod pairing;
mod ports;
mod programs;
mod roles_data;
mod setting;

use std::sync::Arc;

use serde_json::Value;
use taskpaw_contract::ipc::{AppView, ErrorCode, IpcError, Launch, Request};
use tauri::State;
use tauri::async_runtime::block_on;

use crate::app::App;
use crate::blocking::spawn_blocking;

/// The one command of the window.
#[tauri::command]
pub(crate) async fn call(app: State<'_, Arc<App>>, request: Request) -> Result<Value, IpcError> {
    if is_order(&request) {
        takes_orders(&app.board().snapshot().app)?;
    }
    answer(Arc::clone(app.inner()), request).await
}

/// Answers a request, of the window or of who stands in for it. Many of them read files, wait for a disk or look at the
/// system: each has a thread of its own for that, and keeps none that others need.
pub(crate) async fn answer(app: Arc<App>, request: Request) -> Result<Value, IpcError> {
    let answered = spawn_blocking(move || block_on(request.answered_by(app.as_ref()))).await;
    answered.map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))?
}

/// Whether a request changes what is configured, or what runs. What decides which app shall run is none: it is for the
/// apps that do not.
fn is_order(request: &Request) -> bool {
    match request {
        Request::Retry { .. }
        | Request::ReplaceV3 { .. }
        | Request::Start { .. }
        | Request::Stop { .. }
        | Request::Restart { .. }
        | Request::ApplyPorts { .. }
        | Request::SetRoles { .. }
        | Request::SetPreferences { .. }
        | Request::SetStartAtLogin { .. }
        | Request::SetToken { .. }
        | Request::SetAlertTarget { .. }
        | Request::RemoveAlertTarget { .. }
        | Request::AddMonitor { .. }
        | Request::ChangeMonitor { .. }
        | Request::RemoveMonitor { .. }
        | Request::LetHubsIn { .. }
        | Request::Pair { .. }
        | Request::StartAfresh
        | Request::RestoreLastGoodConfig
        | Request::ReloadConfig
        | Request::ImportSeen
        | Request::ChooseUpdates { .. }
        | Request::LookForUpdate
        | Request::DownloadUpdate
        | Request::RelaunchIntoUpdate
        | Request::PutOffUpdate
        | Request::TryUpdateAgain
        | Request::UpdateSeen
        | Request::AnswerLeftBehind { .. }
        | Request::AddAgent { .. }
        | Request::ChangeAgent { .. }
        | Request::RemoveAgent { .. } => true,
        Request::Snapshot
        | Request::Painted
        | Request::PageOpened { .. }
        | Request::Watch { .. }
        | Request::CheckPorts { .. }
        | Request::SuggestPort { .. }
        | Request::Logs { .. }
        | Request::Journal { .. }
        | Request::ExportDiagnostics
        | Request::AnswerClose { .. }
        | Request::ShowToken { .. }
        | Request::GenerateToken
        | Request::TestAlertTarget { .. }
        | Request::Addresses { .. }
        | Request::CheckExposure { .. }
        | Request::MonitorTypes
        | Request::Monitors
        | Request::AgentHistory
        | Request::History { .. }
        | Request::CheckNow { .. }
        | Request::AgentEvents { .. }
        | Request::FleetEvents { .. }
        | Request::TestAgent { .. }
        | Request::TryMonitor { .. }
        | Request::PairingLine
        | Request::RunningPrograms
        | Request::ChoosePath { .. }
        | Request::OpenPlace { .. }
        | Request::SendTestNotification
        | Request::ClaimAgain
        | Request::StartAllTheSame
        | Request::KeepOther
        | Request::KeepThis
        | Request::RunOther
        | Request::Relaunch
        | Request::Quit => false,
    }
}

/// Whether the app takes orders: it has the place, and gives it to nobody.
fn takes_orders(app: &AppView) -> Result<(), IpcError> {
    let (code, message) = if app.replaced_by.is_some() {
        (ErrorCode::HandingOver, "another TaskPaw is about to take over; wait until it has, or has failed")
    } else if app.launch == Launch::Running {
        return Ok(());
    } else {
        (
            ErrorCode::OtherRuns,
            "another TaskPaw has the place: this one changes nothing until it has taken over",
        )
    };
    Err(IpcError::new(code, message))
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::ipc::Event;

    use super::*;
    use crate::board::Board;

    #[test]
    fn orders_are_for_the_app_that_has_the_place_and_keeps_it() {
        let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
        let code = || takes_orders(&board.snapshot().app).map_err(|error| error.code);
        board.publish(Event::LaunchChanged { launch: Launch::Running });
        assert_eq!(code(), Ok(()));
        board.publish(Event::HandoverStarted { version: "4.2.0".into() });
        assert_eq!(code(), Err(ErrorCode::HandingOver));
        let kept = Launch::Kept { version: None, because: None, may_start: false };
        let beside = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
        beside.publish(Event::LaunchChanged { launch: kept });
        assert_eq!(
            takes_orders(&beside.snapshot().app).map_err(|error| error.code),
            Err(ErrorCode::OtherRuns)
        );
    }
}
