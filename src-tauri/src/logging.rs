//! The app's own log: on standard error, and in rotated files in the data folder.

mod rotated;

use std::io;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

pub(crate) use rotated::RotatedFile;

/// Begins to log. `TASKPAW_LOG` sets what is logged, such as `debug`; `info` unless set.
pub(crate) fn begin(folder: &Path) {
    let file = Mutex::new(RotatedFile::new(folder.join("taskpaw.log")));
    let filter = EnvFilter::try_from_env("TASKPAW_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let begun = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(io::stderr.and(file))
        .try_init();
    if let Err(error) = begun {
        eprintln!("taskpaw: the log cannot be begun: {error}");
    }
}
