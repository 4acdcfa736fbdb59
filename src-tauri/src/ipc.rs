//! The window's one door to the host: one command in, one event out.

mod board;
mod ports;
mod requests;
mod roles_data;
mod setting;

pub(crate) use board::{Board, configured_ports};
pub(crate) use requests::{answer, config_error};

use serde_json::Value;
use taskpaw_contract::ipc::{IpcError, Request};
use tauri::State;

use crate::app::App;

/// The one command of the window.
#[tauri::command]
pub(crate) async fn call(app: State<'_, std::sync::Arc<App>>, request: Request) -> Result<Value, IpcError> {
    answer(&app, request).await
}
