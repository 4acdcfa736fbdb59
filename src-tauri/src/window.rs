//! The one window: how it is made, brought to the front and hidden, and when it has painted.

mod first_look;
mod webview_data;

use std::path::Path;
use std::time::{Duration, Instant};

use taskpaw_contract::config::{Preferences, Zoom};
use tauri::{
    AppHandle, Manager as _, PhysicalPosition, PhysicalSize, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    WindowEvent,
};
use tauri_plugin_window_state::StateFlags;
use tokio::sync::watch;

use crate::appearance::{Appearance, SharedAppearance};

/// The name of the one window.
pub(crate) const NAME: &str = "main";
/// The title of the window, while nothing more is known.
pub(crate) const TITLE: &str = "TaskPaw";
/// What is remembered of the window from one start to the next. Not whether it is visible: `--background` decides that.
const KEPT: StateFlags = StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED);

/// What keeps the window's size and place from one start to the next. One that follows another window is put where that one
/// stands.
pub(crate) fn state_plugin(before: Option<&Appearance>) -> tauri::plugin::TauriPlugin<tauri::Wry> {
    let plugin = tauri_plugin_window_state::Builder::default().with_state_flags(KEPT);
    if before.is_some() { plugin.skip_initial_state(NAME).build() } else { plugin.build() }
}

/// Set by tests: no window can be made.
const NO_WINDOW: &str = "TASKPAW_TEST_NO_WINDOW";

/// Makes the window: as the one before it looks, if this app follows another one. How it looks is noted from then on.
///
/// # Errors
/// What the system says.
pub(crate) fn open(
    handle: &AppHandle,
    visible: bool,
    local_data: &Path,
    before: Option<&Appearance>,
    shown: &SharedAppearance,
    preferences: &Preferences,
) -> tauri::Result<WebviewWindow> {
    if std::env::var_os(NO_WINDOW).is_some() {
        return Err(std::io::Error::other(NO_WINDOW).into());
    }
    let page = before.and_then(|before| before.page).map_or("", |page| page.address());
    let url = WebviewUrl::App(format!("index.html{page}").into());
    let mut builder = WebviewWindowBuilder::new(handle, NAME, url)
        .title(TITLE)
        .inner_size(1040.0, 720.0)
        .min_inner_size(720.0, 480.0)
        .initialization_script(first_look::script(preferences))
        .visible(visible && before.is_none());
    if let Some(paper) = first_look::paper(preferences) {
        builder = builder.background_color(paper);
    }
    if let Some(folder) = webview_data::folder(local_data, taskpaw_contract::version()) {
        builder = builder.data_directory(folder);
    }
    let window = builder.build()?;
    zoom(&window, preferences.zoom);
    if let Some(before) = before {
        put_where(&window, before);
        if visible {
            window.show()?;
            // Not every desktop gives it to a window that was made hidden.
            window.set_focus()?;
        }
    }
    webview_data::clear_later(local_data, taskpaw_contract::version());
    note_appearance(&window, shown.clone());
    Ok(window)
}

/// Shows everything in this size.
pub(crate) fn zoom(window: &WebviewWindow, zoom: Zoom) {
    if let Err(error) = window.set_zoom(zoom.factor()) {
        tracing::warn!(%error, "the size of what the window shows cannot be changed");
    }
}

fn put_where(window: &WebviewWindow, before: &Appearance) {
    let mut done = Vec::new();
    if let Some((width, height)) = before.size {
        done.push(window.set_size(PhysicalSize::new(width, height)));
    }
    if let Some((x, y)) = before.position {
        done.push(window.set_position(PhysicalPosition::new(x, y)));
    }
    if before.maximized {
        done.push(window.maximize());
    }
    for error in done.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "the window cannot be put where the one before it stands");
    }
}

/// Keeps what the next window needs, as it changes. Read by a thread that must never wait for the window.
fn note_appearance(window: &WebviewWindow, shown: SharedAppearance) {
    let look = |window: &WebviewWindow, shown: &SharedAppearance| {
        if window.is_minimized().unwrap_or(false) {
            return; // Where it is then says nothing.
        }
        let maximized = window.is_maximized().unwrap_or(false);
        let position = window.outer_position().ok().map(|at| (at.x, at.y));
        let size = window.inner_size().ok().map(|size| (size.width, size.height));
        shown.stands(position, size, maximized);
    };
    look(window, &shown);
    let looked_at = window.clone();
    window.on_window_event(move |event| {
        if matches!(event, WindowEvent::Moved(_) | WindowEvent::Resized(_)) {
            look(&looked_at, &shown);
        }
    });
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

/// Whether the window is there and can be seen.
pub(crate) fn is_shown(handle: &AppHandle) -> bool {
    handle
        .get_webview_window(NAME)
        .is_some_and(|window| window.is_visible().unwrap_or(false) && !window.is_minimized().unwrap_or(false))
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
