//! What the app asks of the display itself.

use std::sync::OnceLock;

use x11_dl::xlib::{Display, Xlib};

/// What is to be done when the display is gone.
static HEARS: OnceLock<fn()> = OnceLock::new();

/// When the connection to an X display is lost, this is called, on the thread that has noticed, and the process ends with status 1 right after
/// it. To be asked for once GTK has a display: it has said by then that the process shall end so, without a word.
#[expect(unsafe_code, reason = "only Xlib says it, and there is no safe interface to it")]
pub(crate) fn hear_of_a_lost_display(hear: fn()) {
    if HEARS.set(hear).is_err() {
        return;
    }
    // Where it is not there, there is no such display.
    let Ok(xlib) = Xlib::open() else { return };
    // SAFETY: Xlib stays loaded for as long as the process runs. The function may be called on any thread at any time: it holds
    // nothing of Xlib.
    let _of_gtk = unsafe { (xlib.XSetIOErrorHandler)(Some(display_is_lost)) };
}

#[expect(
    unsafe_code,
    reason = "it is called by Xlib, and must end the process without what runs at its end, as GTK does"
)]
unsafe extern "C" fn display_is_lost(_display: *mut Display) -> i32 {
    if let Some(hear) = HEARS.get() {
        hear();
    }
    // SAFETY: it has no conditions. What would run at a usual end talks to the display.
    unsafe { nix::libc::_exit(1) }
}
