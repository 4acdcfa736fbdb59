//! The tray: how TaskPaw is, at a glance, and a way to it without its window. A convenience: nothing waits for it,
//! and nothing depends on it.
//!
//! What it shows is decided in `menu` and drawn in `icon`, both plain data; `system` puts it on the screen.

mod health;
mod icon;
mod menu;
mod mood;
#[cfg_attr(target_os = "linux", path = "tray/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "tray/elsewhere.rs")]
mod system;
mod words;

use std::sync::Arc;
use std::time::Duration;

use taskpaw_contract::ipc::{RoleView, Snapshot};
use taskpaw_words::Spoken;
use tauri::AppHandle;
use tokio::sync::watch;

use crate::app::App;
use crate::{ipc, language, window};
use menu::{Click, Shown};
use words::Words;

/// After the window is painted, or was not wanted: the start belongs to the window and to the roles.
const AFTER_THE_START: Duration = Duration::from_millis(500);
/// A desktop that is restarted takes the tray away and brings it back. For longer than this, it is gone.
const GONE_FOR: Duration = Duration::from_secs(10);

/// What to do when a person clicks.
type OnClick = Arc<dyn Fn(Click) + Send + Sync>;

/// Puts the tray's icon up after the start, and keeps it as the board is. `shows_window` is false where the app
/// was started without showing its window.
pub(crate) async fn attend(app: Arc<App>, handle: AppHandle, shows_window: bool) {
    if shows_window {
        app.paint().until().await;
    }
    tokio::time::sleep(AFTER_THE_START).await;
    let mut happened = app.board().listen();
    let mut shown = look(&app);
    let (tell, is_there) = watch::channel(true);
    // In a task of its own: whatever the system's library does there, it ends at most the tray.
    let putting = system::put_up(handle.clone(), shown.clone(), on_click(&app, &handle), tell);
    let icon = match tauri::async_runtime::spawn(putting).await {
        Ok(Ok(icon)) => icon,
        Ok(Err(reason)) => return tracing::info!(reason, "there is no tray"),
        Err(error) => return tracing::warn!(%error, "there is no tray"),
    };
    tauri::async_runtime::spawn(follow(is_there, Arc::clone(&app), handle));
    while happened.recv().await.is_some() {
        // Many events come in a row; what counts is how the board is after them.
        while happened.try_recv().is_ok() {}
        let now = look(&app);
        if now != shown {
            shown = now;
            icon.show(shown.clone()).await;
        }
    }
}

/// How a role is, in the line that its menu has: *Agent: Waiting for its ports (Port 5680 is not available)*.
pub(crate) fn line(view: &RoleView, spoken: Spoken) -> String {
    menu::role_line(view, Words::of(spoken))
}

/// Whether everything that is watched is all right, for the window's title; nothing while that is not known.
pub(crate) fn health_line(shown: &Snapshot) -> Option<String> {
    let takes_orders = shown.app.replaced_by.is_none() && shown.problem.is_none();
    let words = Words::of(language::spoken(shown.app.preferences.language));
    takes_orders.then(|| health::line(&shown.health, words)).flatten()
}

fn look(app: &App) -> Shown {
    let snapshot = app.board().snapshot();
    Shown::of(&snapshot, Words::of(language::spoken(snapshot.app.preferences.language)))
}

fn on_click(app: &Arc<App>, handle: &AppHandle) -> OnClick {
    let (app, handle) = (Arc::clone(app), handle.clone());
    Arc::new(move |click| match click {
        Click::Open => window::raise(&handle),
        Click::Ask(request) => {
            let app = Arc::clone(&app);
            tauri::async_runtime::spawn(async move {
                let asked = format!("{request:?}");
                if let Err(error) = ipc::answer(app, request).await {
                    tracing::warn!(asked, %error.message, "what was chosen in the tray was not done");
                }
            });
        }
    })
}

/// Says whether there is a tray, from now on. When it is gone, so is the way to a hidden window: that is shown then.
async fn follow(mut is_there: watch::Receiver<bool>, app: Arc<App>, handle: AppHandle) {
    if !*is_there.borrow() {
        tracing::info!("there is no tray yet; the icon waits for one");
    }
    while is_there.wait_for(|is| *is).await.is_ok() {
        tracing::info!("there is a tray");
        app.board().show_tray(true);
        if is_there.wait_for(|is| !*is).await.is_err() {
            return;
        }
        tracing::info!("the tray is gone");
        app.board().show_tray(false);
        let came_back = tokio::time::timeout(GONE_FOR, is_there.wait_for(|is| *is)).await.is_ok();
        if !came_back && window::is_hidden(&handle) {
            window::raise(&handle);
        }
    }
}
