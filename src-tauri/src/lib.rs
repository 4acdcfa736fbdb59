//! TaskPaw's host: the window, and behind it the roles that it takes over, starts and supervises.

mod app;
mod appearance;
mod apply;
mod arguments;
mod backend;
mod blocking;
mod board;
mod bus;
mod check;
mod choice;
mod close;
mod diagnostics;
mod exit;
mod faceless;
mod fatal;
mod feed;
mod handover;
mod ipc;
mod language;
mod launch;
mod lifecycle;
mod logging;
mod login;
#[cfg(target_os = "macos")]
mod menu_bar;
mod new_versions;
mod notify;
mod picture;
mod process;
mod random;
mod roles;
mod settings;
mod shell;
mod start;
mod subscription;
#[cfg(windows)]
mod sys;
#[cfg(target_os = "linux")]
#[path = "sys/linux.rs"]
mod sys;
mod title;
mod tray;
mod trouble;
mod update;
mod updates;
mod window;
mod zoom;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

/// Runs the app until it ends.
#[must_use]
pub fn run() -> ExitCode {
    let started = Instant::now();
    #[cfg(unix)]
    hear_all_signals();
    let arguments = arguments::Arguments::parse();
    if let Some(version) = &arguments.stay_beside {
        return start::stay_beside(version);
    }
    if arguments.quit || arguments.check.is_some() {
        fatal::is_read_by_a_program();
    } else {
        #[cfg(target_os = "linux")]
        bus::do_without_a_silent_one();
    }
    let status = start::start(arguments, started).unwrap_or_else(|error| {
        tracing::error!(%error, "the app cannot start");
        logging::say(&format!("taskpaw: {error}"));
        error.tell();
        ExitCode::FAILURE
    });
    logging::finish();
    status
}

/// A program that was started by one that had blocked signals has them blocked, too: it could not be asked to end. And a log or a
/// standard error that may not grow any more (`ulimit -f`) is an error of the write, and not the end.
#[cfg(unix)]
fn hear_all_signals() {
    use tokio::signal::unix::{SignalKind, signal};

    let _stays_as_it_is = nix::sys::signal::SigSet::empty().thread_set_mask();
    // Heard, and not ignored: what is started from here would inherit that.
    let heard = async { signal(SignalKind::from_raw(nix::libc::SIGXFSZ)).map(drop) };
    let _is_the_end_then = tauri::async_runtime::block_on(heard);
}
