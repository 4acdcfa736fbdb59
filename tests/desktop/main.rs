//! The app on a person's desktop: its icon in the tray, the place of its window, what the desktop is told, and how it ends.

mod mute;
mod notification_daemon;
mod notifications;
mod place;
mod tray;
mod trouble;

use std::process::{Command, Stdio};

use support::programs::Programs;
use support::{Desktop, Home, Owned};

/// Starts the app.
fn start(home: &Home, desktop: &Desktop, arguments: &[&str]) -> Owned {
    start_of(&Programs::current(), home, desktop, arguments)
}

/// Starts the app of one version.
fn start_of(programs: &Programs, home: &Home, desktop: &Desktop, arguments: &[&str]) -> Owned {
    let mut command = Command::new(programs.app());
    desktop.furnish(home.furnish(&mut command)).args(arguments);
    Owned::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}
