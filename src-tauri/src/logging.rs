//! The app's own log: on standard error, and in rotated files in the data folder, without what looks like a secret. Nothing
//! about it stops the app: a disk that is full, a standard error that is closed, full, or read by nobody, a panic in the
//! middle of a line.

mod panics;
mod rotated;
mod stderr;

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::{MakeWriter, MakeWriterExt as _};

pub(crate) use rotated::RotatedFile;
use stderr::Stderr;
pub(crate) use stderr::say;

/// Begins to log, what panics say too. `TASKPAW_LOG` sets what is logged, such as `debug`; `info` unless set.
pub(crate) fn begin(folder: &Path) {
    let file = File(Mutex::new(RotatedFile::new(folder.join("taskpaw.log"))));
    let filter = EnvFilter::try_from_env("TASKPAW_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let begun = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Stderr::shared().and(file))
        // They would be said on standard error, and panic where that cannot be written.
        .log_internal_errors(false)
        .try_init();
    if let Err(error) = begun {
        say(&format!("taskpaw: the log cannot be begun: {error}"));
    }
    panics::log();
}

/// The file. What cannot be written is dropped.
struct File(Mutex<RotatedFile>);

struct Line<'a>(&'a Mutex<RotatedFile>);

impl<'a> MakeWriter<'a> for File {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A panic in the middle of a line leaves a line that is cut short, and nothing worse.
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _dropped_where_it_cannot_be_written = file.write_all(&redaction::clean_bytes(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
