//! A notification of Windows or macOS. What is clicked there does not come back to the app.

use taskpaw_contract::ipc::Request;
use tauri::AppHandle;
use tauri_plugin_notification::NotificationExt as _;

use super::News;

/// A notification that is shown.
#[derive(Debug)]
pub(super) struct Told;

/// Shows one.
///
/// # Errors
/// Why none can be shown.
pub(super) async fn show(
    handle: AppHandle,
    news: News,
    _on_click: impl Fn(Option<Request>) + Send + 'static,
) -> Result<Told, String> {
    let shown = handle.notification().builder().title(news.title).body(news.body).show();
    shown.map(|()| Told).map_err(|error| error.to_string())
}
