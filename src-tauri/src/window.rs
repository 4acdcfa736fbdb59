//! The one window: how it is made, brought to the front and hidden, and when it has painted.

use std::time::{Duration, Instant};

use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_window_state::StateFlags;
use tokio::sync::watch;

/// The name of the one window.
const NAME: &str = "main";
/// What is kept of the window from one start to the next. Not whether it is visible: `--background` decides that.
pub(crate) const KEPT: StateFlags = StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED);

/// Makes the window.
///
/// # Errors
/// What the system says.
pub(crate) fn open(handle: &AppHandle, visible: bool) -> tauri::Result<WebviewWindow> {
    WebviewWindowBuilder::new(handle, NAME, WebviewUrl::default())
        .title("TaskPaw")
        .inner_size(1040.0, 720.0)
        .min_inner_size(720.0, 480.0)
        .visible(visible)
        .build()
}

/// Brings the window to the front.
pub(crate) fn raise(handle: &AppHandle) {
    let Some(window) = handle.get_webview_window(NAME) else { return };
    for raised in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = raised {
            tracing::warn!(%error, "the window cannot be raised");
        }
    }
}

/// Hides the window.
pub(crate) fn hide(handle: &AppHandle) {
    let Some(window) = handle.get_webview_window(NAME) else { return };
    if let Err(error) = window.hide() {
        tracing::warn!(%error, "the window cannot be hidden");
    }
}

/// Whether the window is there and cannot be seen.
pub(crate) fn is_hidden(handle: &AppHandle) -> bool {
    handle.get_webview_window(NAME).is_some_and(|window| !window.is_visible().unwrap_or(true))
}

/// When the window has painted for the first time.
#[derive(Debug)]
pub(crate) struct FirstPaint {
    /// The start of the process.
    started: Instant,
    after: watch::Sender<Option<Duration>>,
}

impl FirstPaint {
    /// Nothing is painted yet. `started` is when the process started.
    pub(crate) fn awaited(started: Instant) -> Self {
        Self { started, after: watch::Sender::new(None) }
    }

    /// The window has painted; only the first time counts.
    pub(crate) fn note(&self) {
        self.after.send_if_modified(|after| {
            let is_first = after.is_none();
            after.get_or_insert_with(|| self.started.elapsed());
            is_first
        });
    }

    /// From the start of the process to the first paint; nothing before it.
    pub(crate) fn after(&self) -> Option<Duration> {
        *self.after.borrow()
    }

    /// Waits for the first paint.
    pub(crate) async fn until(&self) {
        let mut after = self.after.subscribe();
        let _the_sender_lives = after.wait_for(Option::is_some).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_paint_counts_and_whoever_waits_for_it_hears_of_it() {
        let paint = FirstPaint::awaited(Instant::now());
        assert_eq!(paint.after(), None);
        let noted = async {
            tokio::task::yield_now().await;
            paint.note();
        };
        tokio::join!(paint.until(), noted);
        let first = paint.after().unwrap();
        paint.note();
        assert_eq!(paint.after(), Some(first));
        paint.until().await;
    }
}
