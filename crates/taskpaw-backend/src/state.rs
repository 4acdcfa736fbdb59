//! What a backend keeps across restarts: the state folder, its lock, and the token of a launch without a host.

mod journal;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use durable_file::replace_file;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::is_hex_id;

pub(crate) use journal::Journal;
#[cfg(feature = "fuzzing")]
pub(crate) use journal::read_records;

/// How long a backend that has released its ports may still write its last lines: the grace of a stop, and a
/// little more.
const LOCK_WAIT: Duration = Duration::from_secs(4);
const LOCK_LOOK: Duration = Duration::from_millis(20);
const TOKEN_BYTES: usize = 32;

/// Why state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// A newer version wrote it.
    #[error(
        "{} has schema {schema}, and this version knows {known}: a newer TaskPaw wrote it. Start that version",
        path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: u64,
        /// The newest that is known here.
        known: u64,
    },
    /// The system refuses.
    #[error(
        "{} cannot be used: {source}. Give yourself permission to write there, or set TASKPAW_DATA_DIR to a \
         folder that you can write to", path.display()
    )]
    Unavailable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what this program writes.
    #[error("{}, line {line}: {reason}. The file was left as it is; move it away to start without it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It is no database, or one that is broken.
    #[error(
        "{} cannot be used: {reason}. The file was left as it is; move it away to start without it",
        path.display()
    )]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// Another backend of the role writes there.
    #[error("{} is in use by another {role} backend. Stop that one first", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The role.
        role: Role,
    },
}

impl StateError {
    /// For `map_err`: the system refused this path.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unavailable { path, source }
    }

    /// The database refused this path.
    pub(crate) fn database(path: &Path, error: &rusqlite::Error) -> Self {
        Self::Database { path: path.to_owned(), reason: error.to_string() }
    }
}

/// The state folder, held by one backend of a role at a time.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    /// Held as long as this lives; the system releases it whatever happens to the process.
    _lock: File,
}

impl StateFolder {
    /// Makes the folder if it is not there, and waits for a predecessor that is about to end.
    pub(crate) fn open(path: &Path, role: Role) -> Result<Self, StateError> {
        make_private_folder(path).map_err(StateError::at(path))?;
        let lock_path = path.join(format!("{role}.lock"));
        let lock = private().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(StateError::at(&lock_path))?;
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOCK_LOOK),
                Err(TryLockError::WouldBlock) => {
                    return Err(StateError::Locked { path: path.to_owned(), role });
                }
                Err(TryLockError::Error(error)) => return Err(StateError::at(&lock_path)(error)),
            }
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What a hub calls itself towards agents, made at the first launch: each of them keeps what it has for it.
    pub(crate) fn hub_id(&self) -> Result<String, StateError> {
        let path = self.file("hub.id");
        let failed = |error| StateError::at(&path)(error);
        if let Some(bytes) = read_at_most(&path, 1 << 10).map_err(failed)?
            && let Ok(text) = std::str::from_utf8(&bytes)
            && is_hex_id(text.trim())
        {
            return Ok(text.trim().to_owned());
        }
        let id = random_hex().map_err(failed)?;
        replace_file(&path, id.as_bytes()).map_err(failed)?;
        Ok(id)
    }

    /// The control token of launches without a host, made at the first one. Only the owner can read it.
    pub(crate) fn control_token(&self) -> Result<String, StateError> {
        let path = self.file("control.token");
        let failed = |error| StateError::at(&path)(error);
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= TOKEN_BYTES => return Ok(text.trim().to_owned()),
            // An older one that is too short to be one of ours is replaced.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let token = hex::<TOKEN_BYTES>().map_err(failed)?;
        replace_file(&path, token.as_bytes()).map_err(failed)?;
        Ok(token)
    }
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Files that are made are for the owner alone.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file for the owner alone, if none is there: for libraries that would make it for everybody.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    private().write(true).create(true).truncate(false).open(path).map(drop)
}

/// 32 hex digits that nobody has used before.
pub(crate) fn random_hex() -> io::Result<String> {
    hex::<16>()
}

fn hex<const BYTES: usize>() -> io::Result<String> {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file to be read; nothing if it is not there. What is no file, such as a pipe that nobody writes to, is refused and
/// never waited for.
pub(crate) fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
        Ok(_) => File::open(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The whole file, if it is not larger than that; nothing if it is not there.
pub(crate) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open_if_there(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    if file.take(most + 1).read_to_end(&mut bytes)? as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(Some(bytes))
}

/// The whole file; nothing if it is not there.
fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(mut file) = open_if_there(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(&folder.path().join("state"), Role::Agent).unwrap();
        let token = state.control_token().unwrap();
        assert_eq!((token.len(), state.control_token().unwrap()), (64, token.clone()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(state.file("control.token")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(state.file("control.token"), "").unwrap();
        assert_ne!(state.control_token().unwrap(), token);
    }

    #[test]
    fn the_folder_has_one_owner_for_each_role() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateFolder::open(folder.path(), Role::Agent).unwrap();
        assert!(StateFolder::open(folder.path(), Role::Hub).is_ok());
        // The successor waits for its predecessor's end.
        let ending = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(first);
        });
        assert!(StateFolder::open(folder.path(), Role::Agent).is_ok());
        ending.join().unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_unavailable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::write(&path, "").unwrap();
        assert!(matches!(StateFolder::open(&path, Role::Agent), Err(StateError::Unavailable { .. })));
    }
}
