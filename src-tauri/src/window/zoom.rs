//! How large everything in the window is: as the person chose it, from the first paint on.

use std::sync::Arc;

use taskpaw_contract::config::Zoom;
use taskpaw_contract::ipc::Event;
use tauri::{AppHandle, Manager as _, WebviewWindow};

use super::NAME;
use crate::app::App;

/// Shows everything in this size.
pub(super) fn show(window: &WebviewWindow, zoom: Zoom) {
    if let Err(error) = window.set_zoom(zoom.factor()) {
        tracing::warn!(%error, "the size of what the window shows cannot be changed");
    }
}

/// Follows what the person chooses.
pub(crate) async fn attend(app: Arc<App>, handle: AppHandle) {
    let (mut happened, mut shown) = (app.board().listen(), None);
    while let Some(event) = happened.recv().await {
        let Event::ConfigChanged { preferences, .. } = event else { continue };
        if shown.replace(preferences.zoom) != Some(preferences.zoom)
            && let Some(window) = handle.get_webview_window(NAME)
        {
            show(&window, preferences.zoom);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_offers_the_sizes_that_there_are() {
        let page = include_str!("../../../ui/src/state/shortcuts.ts");
        let sizes = Zoom::STEPS.map(|step| step.to_string()).join(", ");
        assert!(page.contains(&format!("export const zooms = [{sizes}];")));
    }
}
