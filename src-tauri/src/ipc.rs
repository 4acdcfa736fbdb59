//! The window's one door to the host: one command in, one event out.

mod closing;
mod handlers;
mod ports;
mod roles_data;
mod setting;

use std::sync::Arc;

use serde_json::Value;
use taskpaw_contract::ipc::{IpcError, Request};
use tauri::State;

use crate::app::App;

/// The one command of the window.
#[tauri::command]
pub(crate) async fn call(app: State<'_, Arc<App>>, request: Request) -> Result<Value, IpcError> {
    request.answered_by(app.inner().as_ref()).await
}
