//! A file of JSON lines that grows and is rewritten now and then. Its first line carries the schema.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use durable_file::replace_file;

use super::{StateError, open_if_there, private, read_if_there};

/// The version of the form that this version reads and writes.
const SCHEMA: u64 = 1;
/// A rewrite is worth it once the file has this many lines more than twice what it must keep.
const SLACK: usize = 2_000;

/// A journal up to this size is looked through before it is used; of a larger one only the first line counts then.
const MOST_LOOKED_THROUGH: u64 = 64 << 20;
/// More than the first line ever has.
const LONGEST_HEADER: u64 = 4 << 10;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    schema: u64,
}

/// An open journal. What [`Journal::append`] has returned from is on the disk, whatever happens then.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    /// Closed only while the file is replaced.
    file: Option<File>,
    /// Where the last whole line ends.
    length: u64,
    records: usize,
    /// What is on the disk is not known any more: a write has failed.
    is_broken: bool,
}

impl Journal {
    /// Opens a journal and reads it; one that is not there is made. A last line that a power loss has cut is
    /// dropped: nobody was told of it yet.
    pub(crate) fn open<R: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<R>), StateError> {
        let failed = |error| StateError::at(path)(error);
        let bytes = match read_if_there(path).map_err(failed)? {
            Some(bytes) => bytes,
            None => {
                let bytes = lines(&[] as &[()]).map_err(failed)?;
                replace_file(path, &bytes).map_err(failed)?;
                bytes
            }
        };
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let records = parse(path, &bytes[..whole])?;
        let file = Some(private().write(true).open(path).map_err(failed)?);
        let length = whole as u64;
        let journal = Self { path: path.to_owned(), file, length, records: records.len(), is_broken: false };
        Ok((journal, records))
    }

    /// Reads a journal that another process may be writing; nothing in one that is not there.
    pub(crate) fn read<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>, StateError> {
        let Some(bytes) = read_if_there(path).map_err(StateError::at(path))? else { return Ok(Vec::new()) };
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        parse(path, &bytes[..whole])
    }

    /// Looks whether this version can use a journal that another process may be writing, and gives what it holds; nothing if
    /// it is not there, or too large to be read only for that.
    pub(crate) fn look<R: DeserializeOwned>(path: &Path) -> Result<Option<Vec<R>>, StateError> {
        let failed = |error| StateError::at(path)(error);
        let Some(file) = open_if_there(path).map_err(failed)? else { return Ok(None) };
        let length = file.metadata().map_err(failed)?.len();
        let limit = if length > MOST_LOOKED_THROUGH { LONGEST_HEADER } else { MOST_LOOKED_THROUGH };
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        if limit == LONGEST_HEADER {
            let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
            return parse::<R>(path, first).map(|_| None);
        }
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        parse(path, &bytes[..whole]).map(Some)
    }

    /// Adds records; they are durable when this returns without an error. After an error none of them is
    /// there, and [`Journal::wants_rewrite`].
    pub(crate) fn append<R: Serialize>(&mut self, records: &[R]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in records {
            serde_json::to_writer(&mut bytes, record)?;
            bytes.push(b'\n');
        }
        let written = self.write_at_end(&bytes);
        match written {
            Ok(()) => {
                self.length += bytes.len() as u64;
                self.records += records.len();
            }
            Err(_) => self.is_broken = true,
        }
        written
    }

    fn write_at_end(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_broken {
            // After a failed fsync the system may have forgotten what it did not write.
            return Err(io::Error::other("an earlier write has failed"));
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        file.set_len(self.length)?;
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(bytes)?;
        file.sync_data()
    }

    /// Whether the journal must be rewritten, or is worth it, when this many records are to be kept.
    pub(crate) fn wants_rewrite(&self, kept: usize) -> bool {
        self.is_broken || self.records > 2 * kept + SLACK
    }

    /// Rewrites the journal with these records; durable when this returns without an error.
    pub(crate) fn rewrite<R: Serialize>(&mut self, records: &[R]) -> io::Result<()> {
        let bytes = lines(records)?;
        self.is_broken = true;
        // Windows does not replace a file that is open.
        self.file = None;
        replace_file(&self.path, &bytes)?;
        self.file = Some(private().write(true).open(&self.path)?);
        (self.length, self.records, self.is_broken) = (bytes.len() as u64, records.len(), false);
        Ok(())
    }
}

fn lines<R: Serialize>(records: &[R]) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(&Header { schema: SCHEMA })?;
    bytes.push(b'\n');
    for record in records {
        serde_json::to_writer(&mut bytes, record)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Reads what a journal may hold, without a file.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_records<R: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<R>, StateError> {
    parse(Path::new("journal"), bytes)
}

fn parse<R: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<Vec<R>, StateError> {
    let damaged = |line: usize, reason: String| StateError::Damaged { path: path.to_owned(), line, reason };
    let mut all = bytes.split(|&byte| byte == b'\n').enumerate().map(|(at, line)| (at + 1, line));
    let (_, first) = all.next().unwrap_or_default();
    let Header { schema } = serde_json::from_slice(first)
        .map_err(|error| damaged(1, format!("it is no state file of TaskPaw ({error})")))?;
    if schema > SCHEMA {
        return Err(StateError::TooNew { path: path.to_owned(), schema, known: SCHEMA });
    }
    all.filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| serde_json::from_slice(line).map_err(|error| damaged(at, error.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(path: &Path) -> Vec<u32> {
        Journal::open(path).unwrap().1
    }

    #[test]
    fn records_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let (mut journal, records) = Journal::open::<u32>(&path).unwrap();
        assert!(records.is_empty());
        journal.append(&[1, 2]).unwrap();
        assert_eq!(read(&path), [1, 2]);
        journal.rewrite(&[2]).unwrap();
        journal.append(&[3]).unwrap();
        assert_eq!(read(&path), [2, 3]);
    }

    #[test]
    fn a_cut_last_line_is_dropped_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        fs::write(&path, "{\"schema\":1}\n1\n2").unwrap();
        let (mut journal, records) = Journal::open::<u32>(&path).unwrap();
        assert_eq!(records, [1]);
        journal.append(&[3]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"schema\":1}\n1\n3\n");
    }

    #[test]
    fn what_cannot_be_read_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        for (text, line) in [("", 1), ("hello\n", 1), ("{\"schema\":1}\n1\nx\n2\n", 3), ("{\"schema\":1}", 1)]
        {
            fs::write(&path, text).unwrap();
            let error = Journal::open::<u32>(&path).unwrap_err();
            assert!(matches!(error, StateError::Damaged { line: at, .. } if at == line), "{text:?}: {error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, "{\"schema\":2}\nwhatever\n").unwrap();
        assert!(matches!(Journal::open::<u32>(&path), Err(StateError::TooNew { schema: 2, .. })));
    }

    #[test]
    fn after_a_failed_write_only_a_rewrite_helps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let (mut journal, _) = Journal::open::<u32>(&path).unwrap();
        journal.file = Some(File::open(&path).unwrap());
        assert!(journal.append(&[1]).is_err() && journal.wants_rewrite(0));
        assert!(journal.append(&[1]).is_err());
        journal.rewrite(&[1]).unwrap();
        assert!(!journal.wants_rewrite(1));
        assert_eq!(read(&path), [1]);
    }
}
