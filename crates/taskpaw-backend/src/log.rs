//! The log: stderr, at the level of `TASKPAW_LOG`.

use std::io;

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
        .with_writer(io::stderr)
        .with_ansi(false)
        .log_internal_errors(false)
        .try_init();
    if level.is_none() {
        tracing::warn!(
            "{LEVEL_VARIABLE}={asked:?} is no level: write error, warn, info, debug, trace or off"
        );
    }
}
