//! Start at login: the system's own list is the truth, not the configuration.

use tauri::AppHandle;
use tauri_plugin_autostart::ManagerExt as _;

/// Whether the app starts when the person logs in; nothing if the system does not say.
pub(crate) fn is_on(handle: &AppHandle) -> Option<bool> {
    let found = handle.autolaunch().is_enabled();
    found.inspect_err(|error| tracing::warn!(%error, "whether the app starts at login is not known")).ok()
}

/// Enters the app in that list, or takes it out.
///
/// # Errors
/// What the system says.
pub(crate) fn set(handle: &AppHandle, enabled: bool) -> Result<(), String> {
    let list = handle.autolaunch();
    let changed = match (enabled, list.is_enabled().unwrap_or(!enabled)) {
        (true, _) => list.enable(),
        (false, true) => list.disable(),
        (false, false) => Ok(()),
    };
    changed.map_err(|error| error.to_string())
}
