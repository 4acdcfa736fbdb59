//! The window's title, which says whether everything that is watched is all right.

use std::sync::Arc;

use tauri::{AppHandle, Manager as _};

use crate::app::App;
use crate::tray;
use crate::window::{self, TITLE};

/// Keeps the title as the board is: whether everything that is watched is all right can be read in the list of windows too.
pub(crate) async fn attend(app: Arc<App>, handle: AppHandle) {
    let (mut happened, mut said) = (app.board().listen(), TITLE.to_owned());
    while happened.recv().await.is_some() {
        while happened.try_recv().is_ok() {}
        let health = tray::health_line(&app.board().snapshot());
        let title = health.map_or_else(|| TITLE.to_owned(), |health| format!("{health} – {TITLE}"));
        if title == said {
            continue;
        }
        if let Some(Err(error)) =
            handle.get_webview_window(window::NAME).map(|window| window.set_title(&title))
        {
            tracing::warn!(%error, "the window's title cannot be changed");
        }
        said = title;
    }
}
