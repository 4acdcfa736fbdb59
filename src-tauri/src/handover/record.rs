//! Who the incumbent is, beside its lock: needed only to end a host that does not answer.

use std::io;
use std::path::Path;

use durable_file::{read_plain, replace_file};
use port_takeover::sys::{Native, System as _};
use port_takeover::{Pid, ProcessIdentity};
use serde::{Deserialize, Serialize};

/// A record is some hundred bytes; the longest path of Linux is 4 KiB.
const MOST_BYTES: u64 = 64 << 10;

/// The record of the incumbent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The version of this form: 1.
    schema: u32,
    /// The host's version.
    pub(super) version: String,
    /// The host's process: id, exact start time, executable.
    pub(super) process: ProcessIdentity,
}

impl Record {
    /// This process.
    pub(super) fn own(version: &str) -> Option<Self> {
        let process = Native::new().describe(Pid::own())?.identity();
        Some(Self { schema: 1, version: version.to_owned(), process })
    }

    /// Writes the record so that a reader finds it whole or not at all.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, &serde_json::to_vec(self)?)
    }

    /// Reads a record; a damaged one is none, and so is whatever else lies in its place.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&read_plain(path, MOST_BYTES).ok()??).ok()?;
        (record.schema == 1).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.json");
        assert_eq!(Record::read(&path), None);
        let own = Record::own("4.0.0").unwrap();
        own.write(&path).unwrap();
        assert_eq!(Record::read(&path), Some(own));
        std::fs::write(&path, "{\"schema\":1").unwrap();
        assert_eq!(Record::read(&path), None);
    }
}
