//! What a panic says goes into the log: where the app has no terminal it would be said to nobody.

use std::backtrace::Backtrace;
use std::panic::{PanicHookInfo, set_hook};
use std::time::Duration;

use crate::fatal::{self, Fatal};

/// How long the process may take to end after a panic of its main thread.
const END_WITHIN: Duration = Duration::from_secs(3);

/// From now on panics are logged, in place of what the standard library says on standard error. One of the thread that calls this
/// ends the process: it is the one that has the event loop.
pub(super) fn log() {
    let main = std::thread::current().id();
    set_hook(Box::new(move |panic| {
        let current = std::thread::current();
        let thread = current.name().unwrap_or("without a name").to_owned();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::force_capture();
        tracing::error!(thread, place, "a part of the app has failed: {}\n{backtrace}", message(panic));
        // Nothing goes on without its event loop, which may not let a panic through: some systems abort there.
        if current.id() == main {
            end(message(panic));
        }
    }));
}

/// Tells the person, and ends the process. The backends end with their standard input.
fn end(reason: &str) {
    fatal::tell_in_the_systems_language(Fatal::Failed(reason));
    // What it was doing may keep the process from ending as usual.
    let _without_that = std::thread::Builder::new().name("end".to_owned()).spawn(|| {
        std::thread::sleep(END_WITHIN);
        std::process::abort();
    });
    super::say(&format!("taskpaw: a part of the app has failed: {reason}"));
    super::finish();
    std::process::exit(1);
}

/// The panic's message, if it is text.
fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    let said = panic.payload();
    let text = said.downcast_ref::<&str>().copied();
    text.or_else(|| said.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason is given")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const INSIDE: &str = "TASKPAW_TEST_PANICS";

    /// In a process of its own, whose one test runs on the main thread: it ends there, and not as a failed test does (101).
    #[test]
    fn a_panic_of_the_main_thread_is_said_and_ends_the_process_with_1() {
        if std::env::var_os(INSIDE).is_some() {
            fatal::is_read_by_a_program();
            log();
            panic!("on purpose");
        }
        let name = "logging::panics::tests::a_panic_of_the_main_thread_is_said_and_ends_the_process_with_1";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--test-threads=1", "--nocapture"]).env(INSIDE, "1");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("a part of the app has failed: on purpose"), "{said}");
    }
}
