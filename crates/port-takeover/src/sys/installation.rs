//! Which installation a process belongs to: one that keeps its state in another folder is not ours to end.
//!
//! A name does not say whose a process is. Two installations of one application, with two data folders and one
//! configuration, want the same ports; each would take the other's healthy process for a stale one of its own, and end it.
//! What is ours is who keeps this folder's state: it holds the lock of its role there, and has written beside it who it is.

use std::fs::TryLockError;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use durable_file::{Links, open_plain, read_plain, replace_passing_file};
use serde::{Deserialize, Serialize};

use super::{Native, System};
use crate::process::{Pid, Process, ProcessIdentity};
use crate::role::Role;
use crate::snapshot::{Snapshot, StateSeen};

/// The version of the record's form that this library writes and reads.
const HOLDER_SCHEMA: u32 = 1;
/// A path of Linux has 4 KiB at most, and a role some ports.
const MOST_BYTES: u64 = 64 << 10;

/// Who holds the lock of a state, as it says itself. It lies beside the lock for as long as that is held.
///
/// It is data that anybody could have written who can write the folder, so it ends nobody by itself: a process that it
/// names must be one of ours by its program, its user and its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateHolder {
    schema: u32,
    /// The process: id, exact start time, executable.
    #[serde(flatten)]
    pub process: ProcessIdentity,
    /// Where it listens.
    #[serde(default)]
    pub ports: Vec<SocketAddr>,
}

impl StateHolder {
    /// This process, which listens there; `None` if the system does not say what it is.
    #[must_use]
    pub fn own(ports: Vec<SocketAddr>) -> Option<Self> {
        let process = Native::new().describe(Pid::own())?.identity();
        Some(Self { schema: HOLDER_SCHEMA, process, ports })
    }

    /// Writes the record, for its owner alone, so that a reader finds it whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        replace_passing_file(path, &serde_json::to_vec(self)?)
    }

    /// Reads a record. A damaged one is none, and so is whatever else lies in its place: nothing is waited for.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&read_plain(path, MOST_BYTES).ok()??).ok()?;
        (record.schema == HOLDER_SCHEMA && record.process.started_at.is_some()).then_some(record)
    }
}

/// How a program of ours keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Elsewhere: it is of an earlier generation, of which there is one installation only.
    Elsewhere,
    /// Under a lock, without a record beside it.
    Unrecorded,
    /// Under a lock, with a record beside it.
    Recorded,
    /// Nobody can tell: the program that runs is no longer the file at its path.
    Unknown,
}

/// An installation: where it keeps the state of its roles. It is given to [`Native::of`].
#[derive(Debug)]
pub struct Installation {
    folder: PathBuf,
    keeping: fn(&Process) -> Keeping,
    /// To say it, a whole program may have to be read.
    known: Mutex<Vec<(ProcessIdentity, Keeping)>>,
}

impl Installation {
    /// The installation with its state in this folder. `keeping` says how the program of a process keeps its state; it is
    /// asked only of processes of this user that are not the recorded holder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, keeping: fn(&Process) -> Keeping) -> Self {
        Self { folder: folder.into(), keeping, known: Mutex::default() }
    }

    /// The lock of a role's state in a state folder.
    #[must_use]
    pub fn lock_file(folder: &Path, role: &Role) -> PathBuf {
        folder.join(format!("{role}.lock"))
    }

    /// The record of who holds that lock.
    #[must_use]
    pub fn holder_file(folder: &Path, role: &Role) -> PathBuf {
        folder.join(format!("{role}.holder.json"))
    }

    /// The lock and the record. They are looked at before the sockets: who ends in between is seen on no port, and not
    /// taken for a stranger on one.
    pub(crate) fn look(&self, role: &Role, system: &impl System) -> (StateSeen, Option<Process>) {
        let held = is_held(&Self::lock_file(&self.folder, role));
        let recorded = StateHolder::read(&Self::holder_file(&self.folder, role)).map(|record| record.process);
        let (mut holder, mut process) = (None, None);
        if let Some(recorded) = recorded {
            process = system.describe(recorded.pid).filter(|it| recorded.is_still(&it.identity()));
            holder = process.is_some().then_some(recorded);
        }
        (StateSeen { held, holder, ..StateSeen::default() }, process)
    }

    /// What is to be known of the other processes that were seen.
    pub(crate) fn add_programs(&self, snapshot: &mut Snapshot) {
        let Some(state) = &mut snapshot.state else { return };
        for process in &snapshot.processes {
            if process.pid == snapshot.self_pid
                || process.same_user != Some(true)
                || state.is_recorded(process)
            {
                continue;
            }
            match self.keeping_of(process) {
                Keeping::Elsewhere => state.predecessors.insert(process.pid),
                Keeping::Unrecorded => state.unrecorded.insert(process.pid),
                // Whatever it is, nobody is known who keeps this state in its place.
                Keeping::Unknown if state.holder.is_none() => state.predecessors.insert(process.pid),
                Keeping::Unknown | Keeping::Recorded => false,
            };
        }
    }

    fn keeping_of(&self, process: &Process) -> Keeping {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = process.identity();
        if let Some((_, keeping)) = known.iter().find(|(it, _)| *it == identity) {
            return *keeping;
        }
        let keeping = (self.keeping)(process);
        known.push((identity, keeping));
        keeping
    }
}

/// Whether a process holds a lock; `None` where that cannot be found out. The lock is shared for a moment, so two that
/// look at once do not disturb each other, and one that wants to hold it tries again.
fn is_held(lock: &Path) -> Option<bool> {
    match open_plain(lock, Links::Refuse) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn process(pid: u32, started_at: u64) -> Process {
        let pid = Pid::new(pid).unwrap();
        Process {
            pid,
            name: "backend".to_owned(),
            exe: Some("/opt/backend".to_owned()),
            argv: Vec::new(),
            cwd: None,
            same_user: Some(true),
            user: None,
            started_at: Some(started_at),
        }
    }

    #[test]
    fn a_lock_is_held_or_free_or_cannot_be_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.lock");
        assert_eq!(is_held(&path), Some(false), "nobody has made it");
        let lock = File::create(&path).unwrap();
        assert_eq!(is_held(&path), Some(false), "nobody holds it");
        lock.lock().unwrap();
        assert_eq!(is_held(&path), Some(true));
        // Looking does not take it away, and does not keep it. (Wine cannot unlock what was looked at; it can close it.)
        drop(lock);
        assert_eq!(is_held(&path), Some(false));
        File::create(&path).unwrap().try_lock().unwrap();
        assert_eq!(is_held(folder.path()), None, "no file");
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_anything_else_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.holder.json");
        assert_eq!(StateHolder::read(&path), None);
        let own = StateHolder::own(vec!["127.0.0.1:5680".parse().unwrap()]).unwrap();
        own.write(&path).unwrap();
        assert_eq!(StateHolder::read(&path), Some(own));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        for text in [
            "",
            "{",
            "[]",
            r#"{"schema":2,"pid":7,"started_at":1,"exe":"/x"}"#,
            r#"{"schema":1,"pid":0,"started_at":1,"exe":"/x"}"#,
            r#"{"schema":1,"pid":7,"started_at":null,"exe":"/x"}"#,
            r#"{"schema":1,"pid":7,"started_at":-1,"exe":"/x"}"#,
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(StateHolder::read(&path), None, "{text}");
        }
        File::create(&path).unwrap().set_len(6 << 30).unwrap();
        assert_eq!(StateHolder::read(&path), None);
    }

    #[test]
    fn what_belongs_to_an_installation() {
        let (own, other) = (process(7, 100), process(8, 100));
        let recorded = Some(own.identity());
        let state = |held, holder: &Option<ProcessIdentity>| StateSeen {
            held,
            holder: holder.clone(),
            ..StateSeen::default()
        };
        for (held, has) in [(Some(true), true), (Some(false), false), (None, true)] {
            let state = state(held, &recorded);
            assert_eq!(state.has(&own), has, "{held:?}");
            assert!(!state.has(&other) && !state.has(&process(7, 101)), "{held:?}");
        }
        for held in [Some(true), Some(false), None] {
            for holder in [None, recorded.clone()] {
                let unrecorded = StateSeen { unrecorded: [other.pid].into(), ..state(held, &holder) };
                assert_eq!(unrecorded.has(&other), held == Some(true) && holder.is_none());
                let earlier = StateSeen { predecessors: [other.pid].into(), ..state(held, &holder) };
                assert!(earlier.has(&other), "one generation has one installation only");
            }
        }
    }

    #[test]
    fn a_record_counts_as_long_as_its_process_lives() {
        let folder = tempfile::tempdir().unwrap();
        let installation = Installation::new(folder.path(), |_| Keeping::Recorded);
        let role = Role::new("agent");
        let path = Installation::holder_file(folder.path(), &role);
        let own = StateHolder::own(Vec::new()).unwrap();
        own.write(&path).unwrap();
        let (seen, process) = installation.look(&role, &Native::new());
        assert_eq!((seen.held, seen.holder), (Some(false), Some(own.process.clone())));
        assert_eq!(process.map(|it| it.pid), Some(Pid::own()));
        // Its number was given to another process, or nobody has it.
        let later =
            ProcessIdentity { started_at: own.process.started_at.map(|at| at + 1), ..own.process.clone() };
        let gone = ProcessIdentity { pid: Pid::new(u32::MAX >> 1).unwrap(), ..own.process.clone() };
        for process in [later, gone] {
            StateHolder { process, ..own.clone() }.write(&path).unwrap();
            let (seen, process) = installation.look(&role, &Native::new());
            assert_eq!((seen.holder, process), (None, None));
        }
    }
}
