//! The log: stderr, at the level of `TASKPAW_LOG`, without what looks like a secret.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;

const LEVEL_VARIABLE: &str = "TASKPAW_LOG";

/// Starts the log. Once the host is gone nobody reads stderr, and that must not disturb a graceful stop: what
/// cannot be written is dropped in silence.
pub(crate) fn start() {
    let asked = std::env::var(LEVEL_VARIABLE).unwrap_or_default();
    let level = if asked.is_empty() { Some(LevelFilter::INFO) } else { asked.parse().ok() };
    // It fails only if a log was started before, which is then used.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_writer(|| Clean(io::stderr()))
        .with_ansi(false)
        .log_internal_errors(false)
        .try_init();
    if level.is_none() {
        tracing::warn!(
            "{LEVEL_VARIABLE}={asked:?} is no level: write error, warn, info, debug, trace or off"
        );
    }
}

/// Writes what is written to it at once, without secrets: lines of programs and files that were watched come through here.
struct Clean<W>(W);

impl<W: Write> Write for Clean<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(&redaction::clean_bytes(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_written() {
        let mut written = Clean(Vec::new());
        write!(written, "a line").unwrap();
        written.write_all(b"WARN curl -H 'Authorization: Bearer S3CRET' \xff\n").unwrap();
        let said = String::from_utf8(written.0).unwrap();
        assert!(
            said.starts_with("a lineWARN curl") && !said.contains("S3CRET") && said.ends_with("\n"),
            "{said}"
        );
    }
}
