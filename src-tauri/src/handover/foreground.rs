//! Whose window may come to the front.

use port_takeover::Pid;

/// Lets the app that runs bring its window to the front. Says whether it could.
#[cfg(windows)]
pub(super) fn pass_on(to: Option<Pid>) -> bool {
    crate::sys::let_come_to_the_front(to.map(Pid::get))
}

/// Elsewhere an app asks for it by itself.
#[cfg(not(windows))]
pub(super) fn pass_on(_to: Option<Pid>) -> bool {
    false
}
