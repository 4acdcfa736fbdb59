//! What a panic says goes into the log: where the app has no terminal it would be said to nobody.

use std::backtrace::Backtrace;
use std::panic::{PanicHookInfo, set_hook};

/// From now on panics are logged, in place of what the standard library says on standard error.
pub(super) fn log() {
    set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name").to_owned();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::force_capture();
        tracing::error!(thread, place, "a part of the app has failed: {}\n{backtrace}", message(panic));
    }));
}

/// What was said, if it is a text.
fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    let said = panic.payload();
    let text = said.downcast_ref::<&str>().copied();
    text.or_else(|| said.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason is given")
}
