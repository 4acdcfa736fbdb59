//! A display and a session bus of a test's own, so that no window or name of another test is met there.

use std::process::{Command, Stdio};

use crate::process::Owned;
use crate::screen::Screen;
use crate::wait::{LONG, until};

/// A display and a session bus that nobody else uses.
#[derive(Debug)]
pub struct Desktop {
    display: String,
    bus: String,
    processes: Vec<Owned>,
}

impl Desktop {
    /// Starts both.
    pub fn new() -> Self {
        let (xvfb, number) = Owned::start_and_read_line(
            Command::new("Xvfb")
                // It stays as it is between the last window of one app and the first of the next.
                .args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"])
                .stderr(Stdio::null()),
        );
        let (bus, address) = Owned::start_and_read_line(
            Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--print-address=1"])
                .stderr(Stdio::null()),
        );
        Self {
            display: format!(":{}", number.trim()),
            bus: address.trim().to_owned(),
            processes: vec![xvfb, bus],
        }
    }

    /// Starts a window manager too: without one no window is minimised, and none has the focus.
    pub async fn with_window_manager() -> Self {
        let mut desktop = Self::new();
        let mut command = Command::new("openbox");
        command.args(["--sm-disable"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let manager = Owned::start(desktop.furnish(&mut command));
        desktop.processes.push(manager);
        let screen = desktop.screen();
        until("the window manager manages", LONG, async || screen.has_a_manager()).await;
        desktop
    }

    /// What is to be seen on the display.
    pub fn screen(&self) -> Screen {
        Screen::of(&self.display)
    }

    /// Ends the display, as when its server crashes.
    pub fn end_display(&self) {
        self.processes[0].signal(libc::SIGKILL);
    }

    /// The address of the session bus.
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// Sets both in a program's environment. Nobody listens to a screen reader's bus here.
    pub fn furnish<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("NO_AT_BRIDGE", "1")
            .env("GTK_A11Y", "none")
            .env_remove("WAYLAND_DISPLAY")
    }

    /// Sets the display alone: a person who has no session bus. The address is unset and not only wrong, and
    /// no bus is found in the user's runtime folder either.
    pub fn furnish_without_bus<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        self.furnish(command).env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("XDG_RUNTIME_DIR")
    }
}

impl Default for Desktop {
    fn default() -> Self {
        Self::new()
    }
}
