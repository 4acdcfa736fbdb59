//! The log of a role's backend: kept in rotated files, its last lines also for the window.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use taskpaw_contract::Role;
use taskpaw_contract::ipc::{LogLevel, LogLine};
use tokio::sync::watch;

use crate::logging::{Aside, RotatedFile};

/// Lines kept for the window.
const LAST_LINES: usize = 1000;
/// Lines shown with a failure.
pub(super) const LINES_OF_FAILURE: usize = 20;

/// The log of one role. Clones write to the same.
#[derive(Clone)]
pub(crate) struct RoleLog {
    kept: Arc<Mutex<Kept>>,
    /// Nobody waits for the disk.
    file: Aside,
}

struct Kept {
    last: VecDeque<LogLine>,
    /// The number of the next line.
    next: u64,
    /// The number of the last line, for followers of the log.
    written: watch::Sender<u64>,
}

/// The file, which says once that it cannot be written.
struct Said {
    file: RotatedFile,
    is_writable: bool,
}

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        if let (Err(error), true) = (&written, self.is_writable) {
            tracing::warn!(%error, "the backend's log cannot be written");
        }
        self.is_writable = written.is_ok();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl RoleLog {
    /// The log of a role in a folder, which is made if it is not there.
    pub(crate) fn open(folder: &Path, role: Role) -> Self {
        let file = RotatedFile::new(folder.join(format!("{role}.log")));
        let file = Aside::over(&format!("log of {role}"), Said { file, is_writable: true });
        let (last, written) = (VecDeque::new(), watch::Sender::new(0));
        Self { kept: Arc::new(Mutex::new(Kept { last, next: 1, written })), file }
    }

    /// Writes a line. A disk that is full, or does not answer, stops the file and not the app; the window still gets the lines.
    /// What looks like a secret is left out of both.
    pub(super) fn write(&self, line: &str) {
        let line = &*redaction::without_secrets(line);
        self.file.write(format!("{line}\n").as_bytes());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.last.len() == LAST_LINES {
            kept.last.pop_front();
        }
        let line = LogLine { number: kept.next, level: LogLevel::of_line(line), text: line.to_owned() };
        kept.next += 1;
        kept.last.push_back(line);
        let last = kept.next - 1;
        kept.written.send_replace(last);
    }

    /// The number of the last line, as it grows.
    pub(crate) fn written(&self) -> watch::Receiver<u64> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).written.subscribe()
    }

    /// The lines that are kept after the one with this number, the newest last.
    pub(crate) fn lines_after(&self, number: u64) -> Vec<LogLine> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last.iter().filter(|line| line.number > number).cloned().collect()
    }

    /// The text of the last lines, the newest last.
    pub(super) fn last(&self, limit: usize) -> Vec<String> {
        self.lines(limit).into_iter().map(|line| line.text).collect()
    }

    /// The last lines, the newest last.
    pub(crate) fn lines(&self, limit: usize) -> Vec<LogLine> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last.iter().skip(kept.last.len().saturating_sub(limit)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_in_the_file_and_the_last_ones_at_hand() {
        let folder = tempfile::tempdir().unwrap();
        let log = RoleLog::open(&folder.path().join("logs"), Role::Agent);
        for number in 0..LAST_LINES + 5 {
            log.write(&format!("line {number}"));
        }
        assert_eq!(log.last(1), [format!("line {}", LAST_LINES + 4)]);
        assert_eq!(log.last(usize::MAX).len(), LAST_LINES);
        assert_eq!(*log.written().borrow(), LAST_LINES as u64 + 5);
        assert_eq!(log.lines_after(LAST_LINES as u64 + 3).len(), 2);
        assert_eq!(log.lines(2).first().map(|line| line.number), Some(LAST_LINES as u64 + 4));
        log.file.wait();
        let file = std::fs::read_to_string(folder.path().join("logs").join("agent.log")).unwrap();
        assert_eq!(file.lines().count(), LAST_LINES + 5);
    }
}
