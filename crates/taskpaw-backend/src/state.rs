//! What a backend keeps across restarts: the state folder, its lock, and the token of a launch without a host.

mod journal;
mod writable;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use durable_file::{Links, dangling, leads_nowhere, open_plain, read_plain, replace_file};
use port_takeover::sys::{Native, System as _};
use port_takeover::{Installation, ProcessIdentity, StateHolder};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::is_hex_id;

pub(crate) use journal::Journal;
#[cfg(feature = "fuzzing")]
pub(crate) use journal::read_records;
pub(crate) use writable::can_write;
#[cfg(unix)]
use writable::others;

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
        /// The file's schema.
        schema: u64,
        /// The newest that is known here.
        known: u64,
    },
    /// The system refuses.
    #[error("{} cannot be used: {source}. {}", path.display(), advice(source))]
    Unavailable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what this program writes.
    #[error("{}, line {line}: {reason}. The file was left as it is; move it away to start without it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The file is not a database, or a broken one.
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
    #[error("{} is in use by another {role} backend{}. Stop that one first", path.display(), by(holder.as_ref()))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The role.
        role: Role,
        /// Who that is, if it has written it down.
        holder: Option<ProcessIdentity>,
    },
}

/// What a person can do when the system refuses.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Make room on that disk",
        io::ErrorKind::ReadOnlyFilesystem => {
            "Make that disk writable, or set TASKPAW_DATA_DIR to a folder that you can write to"
        }
        io::ErrorKind::PermissionDenied => {
            "Give yourself permission to write there, or set TASKPAW_DATA_DIR to a folder that you can write to"
        }
        _ => "Set TASKPAW_DATA_DIR to a folder that can be used, or move away what is in the way",
    }
}

fn by(holder: Option<&ProcessIdentity>) -> String {
    match holder {
        Some(ProcessIdentity { pid, exe: Some(exe), .. }) => format!(" (process {pid}, {exe})"),
        Some(ProcessIdentity { pid, .. }) => format!(" (process {pid})"),
        None => String::new(),
    }
}

impl StateError {
    /// For `map_err`: the system refused this path.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Unavailable { path, source }
    }

    /// The database refused this path.
    pub(crate) fn database(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let refused: Option<io::Error> = match error.sqlite_error_code() {
            Some(Code::DiskFull) => Some(io::ErrorKind::StorageFull.into()),
            Some(Code::ReadOnly) => Some(io::ErrorKind::ReadOnlyFilesystem.into()),
            Some(Code::PermissionDenied) => Some(io::ErrorKind::PermissionDenied.into()),
            Some(Code::CannotOpen | Code::SystemIoFailure | Code::DatabaseBusy | Code::DatabaseLocked) => {
                Some(io::Error::other(error.to_string()))
            }
            _ => None,
        };
        if let Some(source) = refused {
            return Self::Unavailable { path: path.to_owned(), source };
        }
        Self::Database { path: path.to_owned(), reason: error.to_string() }
    }
}

/// The state folder, held by one backend of a role at a time.
#[derive(Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    /// Lies there as long as the lock is held, so that others can tell whose backend this is.
    _record: Record,
    /// Held as long as this lives; the system releases it whatever happens to the process.
    _lock: File,
}

/// Whether it is still that process.
fn lives(process: &ProcessIdentity) -> bool {
    Native::new().describe(process.pid).is_some_and(|found| process.is_still(&found.identity()))
}

/// The record of who holds the lock, which is removed before that is given back.
#[derive(Debug)]
struct Record(PathBuf);

impl Record {
    /// A record that cannot be written stops nothing: it only tells others whose this backend is.
    fn write(path: PathBuf, ports: Vec<SocketAddr>) -> Self {
        let written = match StateHolder::own(ports) {
            Some(own) => own.write(&path),
            None => Err(io::Error::other("the system does not say what this process is")),
        };
        if let Err(error) = written {
            // What a predecessor may have left there names somebody who is gone, and counts as none.
            tracing::warn!(%error, "who holds the state cannot be written down");
        }
        Self(path)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(%error, "the record of who holds the state cannot be removed");
        }
    }
}

impl StateFolder {
    /// Makes the folder if it is not there, waits for a predecessor that is about to end, and writes down who holds the
    /// state now, and where it listens.
    pub(crate) fn open(path: &Path, role: Role, ports: Vec<SocketAddr>) -> Result<Self, StateError> {
        make_private_folder(path).map_err(StateError::at(path))?;
        let lock_path = Installation::lock_file(path, &role.into());
        // Also for reading: to open a pipe for writing alone waits for whoever reads it.
        let lock = private().read(true).write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(StateError::at(&lock_path))?;
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    let _record = Record::write(Installation::holder_file(path, &role.into()), ports);
                    return Ok(Self { path: path.to_owned(), _record, _lock: lock });
                }
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOCK_LOOK),
                Err(TryLockError::WouldBlock) => {
                    let record = StateHolder::read(&Installation::holder_file(path, &role.into()));
                    let holder = record.map(|record| record.process).filter(lives);
                    return Err(StateError::Locked { path: path.to_owned(), role, holder });
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

    /// The control token of a launch without a host, a new one for each launch. Only the owner can read it: what somebody else may
    /// have left there opens nothing.
    pub(crate) fn control_token(&self) -> Result<String, StateError> {
        let path = self.file("control.token");
        let failed = |error| StateError::at(&path)(error);
        let token = hex::<TOKEN_BYTES>().map_err(failed)?;
        replace_file(&path, token.as_bytes()).map_err(failed)?;
        Ok(token)
    }
}

/// Makes the folder for the owner alone. One that is there and open to others is put right, if it is this user's; what is in
/// one of somebody else could be theirs.
#[cfg(unix)]
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};

    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found = fs::metadata(path)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(others());
    }
    if found.mode() & 0o077 != 0 {
        tracing::warn!("{} was open to other users, and is not any more", path.display());
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> io::Result<()> {
    durable_file::create_private_folder(path)?;
    match durable_file::keep_private(path) {
        Ok(true) => tracing::warn!("{} was open to other users, and is not any more", path.display()),
        Ok(false) => {}
        Err(error) => tracing::warn!("{} may be open to other users: {error}", path.display()),
    }
    Ok(())
}

/// Files that are made are for the owner alone.
pub(crate) fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file for the owner alone, if none is there, and one that is there private: for libraries that would make
/// it for everybody.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let file = private().write(true).create(true).truncate(false).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    drop(file);
    Ok(())
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

/// A file to be read; nothing if it is not there. What is not a file, such as a pipe that nobody writes to, is refused and
/// never waited for.
pub(crate) fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match open_plain(path, Links::Follow) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && leads_nowhere(path) => Err(dangling()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The whole file, if it is not larger than that; nothing if it is not there.
pub(crate) fn read_at_most(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    read_plain(path, most)
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
    fn the_token_is_made_anew_and_private_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(&folder.path().join("state"), Role::Agent, Vec::new()).unwrap();
        let planted = "b".repeat(64);
        fs::write(state.file("control.token"), &planted).unwrap();
        let token = state.control_token().unwrap();
        assert_eq!(token.len(), 64);
        assert_ne!(token, planted);
        assert_eq!(fs::read_to_string(state.file("control.token")).unwrap(), token);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(state.file("control.token")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_ne!(state.control_token().unwrap(), token);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_open_to_others_is_put_right() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        drop(StateFolder::open(folder.path(), Role::Agent, Vec::new()).unwrap());
        assert_eq!(mode(folder.path()), 0o700);
        let file = folder.path().join("hub.db");
        fs::write(&file, "secret").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        make_private(&file).unwrap();
        assert_eq!((mode(&file), fs::read_to_string(&file).unwrap().as_str()), (0o600, "secret"));
        // Only root can give a folder away.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(65_534), None).unwrap();
            let refused = StateFolder::open(folder.path(), Role::Agent, Vec::new());
            assert!(matches!(refused, Err(StateError::Unavailable { .. })));
        }
    }

    /// Whatever lies in the place of the lock: nobody waits for the other end of a pipe.
    #[cfg(unix)]
    #[test]
    fn a_lock_that_is_a_pipe_is_not_waited_for_without_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Installation::lock_file(folder.path(), &Role::Agent.into());
        let made = std::process::Command::new("mkfifo").arg(&lock).status().unwrap();
        assert!(made.success());
        let (tell, told) = std::sync::mpsc::channel();
        let path = folder.path().to_owned();
        // A thread that waits for ever ends with the test's process.
        thread::spawn(move || tell.send(StateFolder::open(&path, Role::Agent, Vec::new()).is_ok()));
        told.recv_timeout(Duration::from_secs(60)).expect("it comes to an end");
    }

    #[test]
    fn the_folder_has_one_owner_for_each_role() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateFolder::open(folder.path(), Role::Agent, Vec::new()).unwrap();
        assert!(StateFolder::open(folder.path(), Role::Hub, Vec::new()).is_ok());
        // The successor waits for its predecessor's end.
        let ending = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(first);
        });
        assert!(StateFolder::open(folder.path(), Role::Agent, Vec::new()).is_ok());
        ending.join().unwrap();
    }

    #[test]
    fn who_holds_the_state_is_written_down_as_long_as_it_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = Installation::holder_file(folder.path(), &Role::Agent.into());
        let ports = vec!["127.0.0.1:5680".parse().unwrap()];
        let state = StateFolder::open(folder.path(), Role::Agent, ports.clone()).unwrap();
        let record = StateHolder::read(&path).unwrap();
        assert_eq!((record.process.pid.get(), record.ports), (std::process::id(), ports));
        drop(state);
        assert!(!path.exists());
        // One that cannot be written stops nothing.
        fs::create_dir(&path).unwrap();
        let state = StateFolder::open(folder.path(), Role::Agent, Vec::new()).unwrap();
        assert_eq!(StateHolder::read(&path), None);
        drop(state);
    }

    #[test]
    fn a_file_in_the_way_is_unavailable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::write(&path, "").unwrap();
        assert!(matches!(
            StateFolder::open(&path, Role::Agent, Vec::new()),
            Err(StateError::Unavailable { .. })
        ));
    }
}
