//! Notifications of Windows and macOS. What is clicked there does not come back to the app.

use tauri::AppHandle;
use tauri_plugin_notification::NotificationExt as _;

use super::{Note, OnClick};

/// The desktop, as the place that shows notifications.
pub(super) struct Desktop(AppHandle);

impl Desktop {
    pub(super) fn new(handle: AppHandle, _on_click: OnClick) -> Self {
        Self(handle)
    }

    /// Shows one.
    pub(super) fn show(&self, note: Note) {
        tracing::debug!(place = ?note.place, open = note.open, "what a click would open");
        if let Err(error) = self.0.notification().builder().title(note.title).body(note.body).show() {
            tracing::warn!(%error, "no notification can be shown");
        }
    }
}
