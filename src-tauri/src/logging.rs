//! The app's own log: on standard error, and in rotated files in the data folder, without what looks like a secret. Nothing
//! about it stops the app: a disk that is full or does not answer, a standard error that is closed, full, or read by nobody, a
//! panic in the middle of a line.

mod aside;
mod panics;
mod rotated;
#[cfg(target_os = "linux")]
pub(crate) mod toolkit;

use std::path::Path;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

pub(crate) use aside::{Aside, finish, say};
pub(crate) use rotated::RotatedFile;

/// Starts logging, including the messages of panics. `TASKPAW_LOG` sets the level, such as `debug`; `info` unless set.
pub(crate) fn begin(folder: &Path) {
    let file = Aside::over("log", RotatedFile::new(folder.join("taskpaw.log")));
    let filter = EnvFilter::try_from_env("TASKPAW_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let begun = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Aside::stderr().and(file))
        // They would be said on standard error, and panic where that cannot be written.
        .log_internal_errors(false)
        .try_init();
    if let Err(error) = begun {
        say(&format!("taskpaw: the log cannot be begun: {error}"));
    }
    panics::log();
}
