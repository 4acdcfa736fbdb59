//! The end of the app: the backends first, then the place, then the program.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tauri::{AppHandle, ExitRequestApi, Manager as _};
use tokio::time::timeout;

use crate::app::App;
use crate::logging;

/// How long the backends may take to end where the system does not wait for them. macOS gives an app some seconds more
/// at a logout; Windows ends it after 5 s (`HungAppTimeout`).
const AT_ONCE_WITHIN: Duration = Duration::from_secs(if cfg!(windows) { 4 } else { 6 });
/// How long the windowing system may take to end, when everything else has ended.
const END_WITHIN: Duration = Duration::from_secs(3);

/// An app that is told to end by a signal, or by `--quit`, has ended within this time, whatever else is stuck.
const INSISTED_WITHIN: Duration = Duration::from_secs(5);
/// How long the event loop may take to begin ending the app, unless it is stuck.
const BEGUN_WITHIN: Duration = Duration::from_secs(1);
/// How much of that time is left then, for the parts that end last.
const LAST_STEPS: Duration = Duration::from_millis(300);

/// Ends the app as a person does, and by force where a part of it is stuck: the event loop in a call to a desktop that hangs, a
/// backend that does not end, a handover whose other side is silent.
pub(crate) fn insist(app: &Arc<App>) {
    let insisting_app = Arc::clone(app);
    let insisting = thread::Builder::new().name("end".to_owned()).spawn(move || {
        let (app, began) = (insisting_app, Instant::now());
        let left = || (INSISTED_WITHIN - LAST_STEPS).saturating_sub(began.elapsed());
        thread::sleep(BEGUN_WITHIN);
        while app.lifecycle().is_handing_over() && left() > BEGUN_WITHIN {
            thread::sleep(LAST_STEPS);
        }
        // The event loop would have begun by now.
        if app.lifecycle().begin_to_end() {
            tracing::warn!("the event loop does not end the app: it is ended without it");
            let ends = async { timeout(left(), app.end_roles()).await };
            if tauri::async_runtime::block_on(ends).is_ok() {
                app.lifecycle().have_ended();
            }
        } else {
            thread::sleep(left());
        }
        tracing::warn!("the app does not end by itself: the end of their stdin ends its backends");
        app.release_place();
        logging::finish();
        std::process::exit(app.lifecycle().status());
    });
    if let Err(error) = insisting {
        tracing::warn!(%error, "nobody sees to it that the app ends in time");
    }
    app.shell().quit();
}

/// The program was asked to end: it ends once the backends have, with the first status that was requested.
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
    end_backends_at_once(handle);
    // Not every event loop returns.
    logging::finish();
}

fn end_backends_at_once(handle: &AppHandle) {
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
    thread::spawn(move || {
        thread::sleep(END_WITHIN);
        logging::finish();
        std::process::exit(code);
    });
}

/// SIGTERM, SIGINT and SIGHUP end the app as a person does: the backends first.
#[cfg(unix)]
pub(crate) fn on_signals(app: &Arc<App>) {
    use tokio::signal::unix::{SignalKind, signal};

    // Asked before anything listens. Elsewhere than on Linux nobody says whether the app is to outlive its terminal.
    let hangup = !cfg!(target_os = "linux") || taskpaw_contract::signals::ends_with_its_terminal();
    let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
    for kind in kinds.into_iter().chain(hangup.then(SignalKind::hangup)) {
        let app = Arc::clone(app);
        tauri::async_runtime::spawn(async move {
            match signal(kind) {
                Ok(mut signals) => {
                    signals.recv().await;
                    tracing::info!(?kind, "told to end by a signal");
                    insist(&app);
                }
                Err(error) => tracing::warn!(%error, "a signal cannot be awaited"),
            }
        });
    }
}

/// Windows asks a window to end by a message, which Tauri handles.
#[cfg(not(unix))]
pub(crate) fn on_signals(_app: &Arc<App>) {}
