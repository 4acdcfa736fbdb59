//! Lines of a backend's log, with the level that each tells.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogLine {
    /// Counts the lines of a role since the app started.
    #[ts(type = "number")]
    pub number: u64,
    /// The line's level; nothing for a line that has none, such as the second one of a message.
    pub level: Option<LogLevel>,
    /// All of it, as it was written.
    pub text: String,
}

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For finding a fault.
    Debug,
    /// What happens.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something has failed.
    Error,
}

impl LogLevel {
    /// The level of a line as `tracing` writes it: the time, the level, the rest.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let time = words.next()?;
        // 2026-03-02T09:14:05.102Z
        if !(time.ends_with('Z') && time.get(10..11) == Some("T")) {
            return None;
        }
        match words.next()? {
            "TRACE" => Some(Self::Trace),
            "DEBUG" => Some(Self::Debug),
            "INFO" => Some(Self::Info),
            "WARN" => Some(Self::Warn),
            "ERROR" => Some(Self::Error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_the_word_behind_the_time() {
        for (line, level) in [
            ("2026-03-02T09:14:05.102Z  INFO taskpaw_backend: ready", Some(LogLevel::Info)),
            ("2026-03-02T09:14:05.131Z ERROR taskpaw_backend: failed", Some(LogLevel::Error)),
            ("thread 'main' panicked at ERROR", None),
            ("   3: WARN of a backtrace", None),
            ("", None),
        ] {
            assert_eq!(LogLevel::of_line(line), level, "{line}");
        }
    }
}
