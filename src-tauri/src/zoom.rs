//! How large everything in the window is: as the person chose it, from the first paint on.

use std::sync::Arc;

use taskpaw_contract::ipc::Event;
use tauri::{AppHandle, Manager as _};

use crate::app::App;
use crate::window;

/// Follows what the person chooses.
pub(crate) async fn attend(app: Arc<App>, handle: AppHandle) {
    let (mut happened, mut before) = (app.board().listen(), None);
    while let Some(event) = happened.recv().await {
        let Event::ConfigChanged { preferences, .. } = event else { continue };
        if before.replace(preferences.zoom) != Some(preferences.zoom)
            && let Some(shown) = handle.get_webview_window(window::NAME)
        {
            window::zoom(&shown, preferences.zoom);
        }
    }
}

#[cfg(test)]
mod tests {
    use taskpaw_contract::config::Zoom;

    #[test]
    fn the_page_offers_the_sizes_that_there_are() {
        let page = include_str!("../../ui/src/state/shortcuts.ts");
        let sizes = Zoom::STEPS.map(|step| step.to_string()).join(", ");
        assert!(page.contains(&format!("export const zooms = [{sizes}];")));
    }
}
