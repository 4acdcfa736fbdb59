//! TaskPaw's host: the window, and behind it the roles that it takes over, starts and supervises.

mod app;
mod apply;
mod arguments;
mod backend;
mod board;
mod bus;
mod check;
mod close;
mod diagnostics;
mod exit;
mod faceless;
mod handover;
mod ipc;
mod language;
mod launch;
mod lifecycle;
mod logging;
mod login;
#[cfg(target_os = "macos")]
mod menu_bar;
mod notify;
mod picture;
mod random;
mod roles;
mod settings;
mod shell;
mod start;
mod subscription;
mod tray;
mod trouble;
mod update;
mod window;

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
    match start::start(arguments, started) {
        Ok(status) => status,
        Err(error) => {
            tracing::error!(%error, "the app cannot start");
            logging::say(&format!("taskpaw: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A program that was started by one that had blocked signals has them blocked, too: it could not be asked to end.
#[cfg(unix)]
fn hear_all_signals() {
    let _stays_as_it_is = nix::sys::signal::SigSet::empty().thread_set_mask();
}
