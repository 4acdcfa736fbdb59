//! The end of the app: the backends first, then the place, then the program.

use std::sync::Arc;
use std::time::Duration;

use tauri::{AppHandle, ExitRequestApi, Manager as _};
use tokio::time::timeout;

use crate::app::App;

/// How long the backends may take to end where the system does not wait for them. macOS gives an app some seconds more
/// at a logout; Windows ends it after 5 s (`HungAppTimeout`).
const AT_ONCE_WITHIN: Duration = Duration::from_secs(if cfg!(windows) { 4 } else { 6 });
/// How long the windowing system may take to end, when everything else has ended.
const END_WITHIN: Duration = Duration::from_secs(3);

/// The program was asked to end: it does once the backends have ended, with the first status that was wanted.
pub(crate) fn was_asked(handle: &AppHandle, api: &ExitRequestApi, code: Option<i32>) {
    let Some(app) = handle.try_state::<Arc<App>>() else { return };
    if let Some(code) = code {
        app.lifecycle().want_status(code);
    }
    if app.lifecycle().is_handing_over() {
        // Both hosts end, the other one first.
        api.prevent_exit();
        app.lifecycle().want_end();
    } else if app.lifecycle().begin_to_end() {
        api.prevent_exit();
        tauri::async_runtime::spawn(end(Arc::clone(&app), handle.clone()));
    } else if !app.lifecycle().is_ended() {
        // Asked again while the backends are ending.
        api.prevent_exit();
    }
}

async fn end(app: Arc<App>, handle: AppHandle) {
    app.end_roles().await;
    tracing::info!("end");
    app.lifecycle().have_ended();
    app.release_place();
    let code = app.lifecycle().status();
    end_for_certain(code);
    handle.exit(code);
}

/// The program is about to end, whether or not it was asked: the Dock of macOS and a logout there do not ask. The backends
/// end first all the same.
pub(crate) fn at_once(handle: &AppHandle) {
    let Some(app) = handle.try_state::<Arc<App>>().filter(|app| !app.lifecycle().is_ended()) else { return };
    app.lifecycle().begin_to_end();
    if tauri::async_runtime::block_on(async { timeout(AT_ONCE_WITHIN, app.end_roles()).await }).is_err() {
        tracing::warn!("the backends do not end in time: the end of their stdin ends them");
    }
    app.lifecycle().have_ended();
    app.release_place();
}

/// The place is given up: from here on nobody can end this process but itself, whatever the windowing system does.
fn end_for_certain(code: i32) {
    std::thread::spawn(move || {
        std::thread::sleep(END_WITHIN);
        std::process::exit(code);
    });
}

/// SIGTERM, SIGINT and SIGHUP end the app as a person does: the backends first.
#[cfg(unix)]
pub(crate) fn on_signals(app: &Arc<App>) {
    use tokio::signal::unix::{SignalKind, signal};

    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let app = Arc::clone(app);
        tauri::async_runtime::spawn(async move {
            match signal(kind) {
                Ok(mut signals) => {
                    signals.recv().await;
                    app.shell().quit();
                }
                Err(error) => tracing::warn!(%error, "a signal cannot be awaited"),
            }
        });
    }
}

/// Windows ends a window by a message, which Tauri takes.
#[cfg(not(unix))]
pub(crate) fn on_signals(_app: &Arc<App>) {}
