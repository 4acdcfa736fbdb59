//! What the app can do with the program around it: its window, its end, its place in the system's list for logins.

mod choosing;
mod opening;

use std::path::{Path, PathBuf};

use taskpaw_contract::ipc::PathKind;
use tauri::AppHandle;
use tauri_plugin_notification::NotificationExt as _;

use crate::login;
use crate::window;

/// The program around the app, which has the event loop and the window.
pub(crate) trait Shell: Send + Sync {
    /// Ends the program as a person does: the backends first.
    fn quit(&self);

    /// Brings the window to the front.
    fn raise(&self);

    /// Hides the window; the app goes on, and the tray is the way back.
    fn hide(&self);

    /// Has the desktop show a notification, which may take a moment.
    fn notify(&self, title: &str, body: &str);

    /// Has the person choose a file or a folder in the system's own window; nothing if they choose none. Blocks as long as
    /// they take.
    ///
    /// # Errors
    /// What keeps that window from opening.
    fn choose_path(&self, what: PathKind) -> Result<Option<PathBuf>, String>;

    /// Has the system show a file or a folder of TaskPaw's in the program that it has for it.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path) -> Result<(), String>;

    /// Has the program start when the person logs in, or not.
    ///
    /// # Errors
    /// What the system says.
    fn set_start_at_login(&self, enabled: bool) -> Result<(), String>;

    /// What starts when the person logs in is this program from now on, if anything of TaskPaw is. Whether it is; nothing if
    /// the system does not say. Blocks.
    fn follow_at_login(&self) -> Option<bool>;
}

/// The program as Tauri runs it.
pub(crate) struct TauriShell {
    handle: AppHandle,
    login: Result<login::Entry, String>,
}

impl TauriShell {
    pub(crate) fn new(handle: AppHandle, login: Result<login::Entry, String>) -> Self {
        Self { handle, login }
    }
}

impl Shell for TauriShell {
    fn quit(&self) {
        self.handle.exit(0);
    }

    fn raise(&self) {
        window::raise(&self.handle);
    }

    fn hide(&self) {
        window::hide(&self.handle);
    }

    fn notify(&self, title: &str, body: &str) {
        if let Err(error) = self.handle.notification().builder().title(title).body(body).show() {
            tracing::warn!(%error, title, body, "no notification can be shown");
        }
    }

    fn choose_path(&self, what: PathKind) -> Result<Option<PathBuf>, String> {
        choosing::choose(&self.handle, what)
    }

    fn open(&self, path: &Path) -> Result<(), String> {
        opening::open(path)
    }

    fn set_start_at_login(&self, enabled: bool) -> Result<(), String> {
        self.login.as_ref().map_err(Clone::clone)?.set(enabled)
    }

    fn follow_at_login(&self) -> Option<bool> {
        let login = self.login.as_ref().ok()?;
        if let Err(error) = login.follow() {
            tracing::warn!(error, "the start at login still starts another program");
        }
        login.is_on()
    }
}
