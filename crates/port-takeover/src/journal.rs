//! The journal of takeovers: a file of JSON Lines that keeps the last records.
//!
//! A journal serves the person who asks afterwards what was ended, and why. It is never a reason to stop a
//! takeover: an error here is for the caller to log.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use durable_file::{create_private_folder, replace_file};
use serde::de::IgnoredAny;

mod record;

pub use record::{
    Done, RECORD_SCHEMA, Record, RecordedChild, RecordedHolder, RecordedOutcome, RecordedPort, RecordedWay,
};

/// How many records a journal keeps.
pub const MAX_RECORDS: usize = 1000;
/// How much of a file is read, from its end. A thousand records are about one mebibyte; a larger file is
/// damaged, and must not be able to fill the memory.
const MAX_BYTES: u64 = 32 << 20;
/// How long another writer is waited for. One that takes longer is stopped or hangs.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two tries to lock: no system has a lock with a deadline.
const LOCK_STEP: Duration = Duration::from_millis(5);

/// A journal file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    path: PathBuf,
}

/// The journal could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A record could not be added.
    #[error("the takeover journal {} cannot be written: {cause}", path.display())]
    Write {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The records could not be read.
    #[error("the takeover journal {} cannot be read: {cause}", path.display())]
    Read {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

impl Journal {
    /// The journal in a file, which need not be there yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a record, and drops the oldest where there would be more than [`MAX_RECORDS`].
    ///
    /// The folder and the file are made if they are not there; only their owner can read them. Other writers
    /// are waited for, at most a second. A record is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError::Write`]; the records that were there still are.
    pub fn append(&self, record: &Record) -> Result<(), JournalError> {
        self.try_append(record).map_err(|cause| JournalError::Write { path: self.path.clone(), cause })
    }

    fn try_append(&self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        if let Some(folder) = self.path.parent() {
            create_private_folder(folder)?;
        }
        refuse_special_file(&self.path)?;
        // The lock is a file of its own: the journal is replaced when it is full, and where a lock is
        // mandatory (Windows), readers of a locked journal would fail.
        // Also for reading: to open a pipe for writing alone waits for whoever reads it.
        let lock =
            private_file().read(true).write(true).create(true).truncate(false).open(self.lock_file())?;
        lock_in_time(&lock)?;

        let mut file = private_file().read(true).append(true).create(true).open(&self.path)?;
        keep_private(&file)?;
        let (content, is_whole) = read_end(&mut file)?;
        let lines: Vec<&[u8]> = lines(&content).collect();
        if is_whole && lines.len() < MAX_RECORDS {
            if content.last().is_some_and(|&last| last != b'\n') {
                // A write was cut off (power loss): its half line must not take this record with it.
                line.insert(0, b'\n');
            }
            file.write_all(&line)?;
            return file.sync_data();
        }
        drop(file); // Windows replaces no file that is open.
        self.replace(lines, &line)
    }

    /// Replaces the journal by its last lines and a new one.
    fn replace(&self, mut lines: Vec<&[u8]>, line: &[u8]) -> io::Result<()> {
        lines.retain(|line| serde_json::from_slice::<IgnoredAny>(line).is_ok());
        lines.drain(..lines.len().saturating_sub(MAX_RECORDS - 1));
        let mut content = Vec::new();
        for kept in lines {
            content.extend_from_slice(kept);
            content.push(b'\n');
        }
        content.extend_from_slice(line);
        replace_file(&self.path, &content)
    }

    /// The last records, the newest first and at most `limit`. A journal that is not there has none.
    ///
    /// Lines that are damaged, or of a version that this one does not understand, are passed over.
    ///
    /// # Errors
    /// [`JournalError::Read`].
    pub fn read(&self, limit: usize) -> Result<Vec<Record>, JournalError> {
        let read = refuse_special_file(&self.path)
            .and_then(|()| File::open(&self.path))
            .and_then(|mut file| read_end(&mut file));
        match read {
            Ok((content, _)) => {
                let records =
                    lines(&content).rev().filter_map(|line| serde_json::from_slice::<Record>(line).ok());
                Ok(records.take(limit).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(cause) => Err(JournalError::Read { path: self.path.clone(), cause }),
        }
    }

    fn lock_file(&self) -> PathBuf {
        let mut name = self.path.file_name().map(OsString::from).unwrap_or_default();
        name.push(".lock");
        self.path.with_file_name(name)
    }
}

/// The lines that are not empty.
fn lines(content: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    content.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

/// The end of a file, and whether that is all of it.
fn read_end(file: &mut File) -> io::Result<(Vec<u8>, bool)> {
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(MAX_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut content = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut content)?;
    Ok((content, skipped == 0))
}

/// Opening a pipe would wait for its other end, and a folder is not a journal.
fn refuse_special_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        _ if path.file_name().is_none() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))
        }
        Ok(metadata) if !metadata.is_file() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Locks a file until it is closed. A process that ends, however it does, gives its lock back.
fn lock_in_time(file: &File) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process writes it and does not finish",
                ));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_STEP),
        }
    }
}

#[cfg(unix)]
fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// A journal that was made by hand, or restored from a copy, may be open to others.
#[cfg(unix)]
fn keep_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    permissions.set_mode(0o600);
    file.set_permissions(permissions)
}

/// On Windows a file has the rights of its folder.
#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as where it can fail")]
fn keep_private(_file: &File) -> io::Result<()> {
    Ok(())
}
