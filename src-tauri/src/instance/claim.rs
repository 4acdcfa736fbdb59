//! Becoming the primary.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use port_takeover::sys::{Native, System as _};
use port_takeover::{HowEnded, Limits, Pid, end_process};
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::ipc::TookOver;

use super::address::Address;
use super::protocol::{Ask, Asking, Want, Will, ask};
use super::record::Record;
use super::server::{Asked, listen};

/// How long the running host may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to stop its backends and end, once it has answered: they have five seconds each and
/// are stopped together.
const END_WITHIN: Duration = Duration::from_secs(12);
/// How long a lock may be held by a host that does not listen: one that is just starting or just ending.
const LISTEN_WITHIN: Duration = Duration::from_secs(5);
/// How long a start may take in all, before it says that it cannot.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(40);
/// Between two looks at the lock: no system has an event for it that could be bounded.
const STEP: Duration = Duration::from_millis(10);

/// What became of a start.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// This host is the primary.
    Primary(Primary),
    /// The running host does what was asked; this one may end.
    Done,
}

/// The running host: as long as this lives, no other can be.
#[derive(Debug)]
pub(crate) struct Primary {
    /// What starting hosts ask from now on.
    pub(crate) asked: mpsc::Receiver<Asked>,
    /// The host whose place this one took.
    pub(crate) replaced: Option<Replaced>,
    _lock: File,
}

/// A host whose place was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replaced {
    /// Its version, if it told it.
    pub(crate) version: Option<String>,
    /// Its process id.
    pub(crate) pid: u32,
    /// Whether it had to be ended by force.
    pub(crate) forced: bool,
    /// From the ask to its end.
    pub(crate) took: Duration,
}

impl From<Replaced> for TookOver {
    fn from(replaced: Replaced) -> Self {
        let ms = milliseconds(replaced.took);
        Self { version: replaced.version, pid: replaced.pid, forced: replaced.forced, ms }
    }
}

/// Why this host cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstanceError {
    /// The folder cannot be used.
    #[error(
        "{} cannot be used: {source}. Give yourself permission to write there, or set TASKPAW_DATA_DIR to a \
         folder that you can write to", path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another TaskPaw runs and can neither be asked nor be identified for certain.
    #[error(
        "another TaskPaw is running and does not answer, and it cannot be ended safely: {0}. End it yourself \
         (its processes are called taskpaw), then start this one again"
    )]
    Stuck(String),
}

/// Becomes the primary, or has the running host do what is wanted. Bounded.
///
/// `ending` says that this host, once it is the primary, is on its way out: whoever starts then takes over.
///
/// # Errors
/// [`InstanceError`] if neither is possible.
pub(crate) fn claim(
    data_folder: &Path,
    version: &'static str,
    want: Want,
    ending: Arc<AtomicBool>,
) -> Result<Claimed, InstanceError> {
    let unusable = |source| InstanceError::Folder { path: data_folder.to_owned(), source };
    let address = Address::prepare(data_folder).map_err(unusable)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(address.lock()).map_err(unusable)?;
    let asks = Ask { taskpaw_instance: 1, version: version.to_owned(), want };

    let started = Instant::now();
    let mut unheard_since: Option<Instant> = None;
    let mut replaced: Option<Replaced> = None;
    while !is_free(&file).map_err(unusable)? {
        if started.elapsed() > GIVEN_UP_AFTER {
            return Err(InstanceError::Stuck("its place is taken again and again".to_owned()));
        }
        // Only the host that was there when it was asked may be ended for not answering: another one may have
        // taken its place since.
        let record = Record::read(&address.record());
        let asked_at = Instant::now();
        let asking = ask(address.socket().map_err(unusable)?, &asks, ANSWER_WITHIN);
        let is_same = || record == Record::read(&address.record());
        match asking {
            Asking::Answered(answer) if answer.will == Will::Show => return Ok(Claimed::Done),
            Asking::Answered(answer) => {
                unheard_since = None;
                let record = record.filter(|record| record.process.pid.get() == answer.pid);
                let waited = wait_for_end(&file, answer.pid, record.as_ref()).map_err(unusable)?;
                if waited == Waited::InVain {
                    end_by_force(record)?;
                }
                let (version, took) = (Some(answer.version), asked_at.elapsed());
                let forced = waited == Waited::InVain;
                replaced.get_or_insert(Replaced { version, pid: answer.pid, forced, took });
                if waited == Waited::ForTheLock {
                    break;
                }
            }
            Asking::NobodyThere
                if !is_same() || unheard_since.get_or_insert(asked_at).elapsed() < LISTEN_WITHIN =>
            {
                if !is_same() {
                    unheard_since = None;
                }
                std::thread::sleep(STEP);
            }
            Asking::Silent if !is_same() => unheard_since = None,
            Asking::NobodyThere | Asking::Silent => {
                let ended = end_by_force(record)?;
                replaced.get_or_insert(Replaced { took: asked_at.elapsed(), ..ended });
                unheard_since = None;
            }
        }
    }
    if want == Want::Quit {
        return Ok(Claimed::Done); // Nobody runs, or nobody does any more.
    }
    let asked = address.socket().and_then(|name| listen(name, version, Arc::clone(&ending))).unwrap_or_else(
        |error| {
            // Not to be heard is no reason not to run: the lock still keeps others out, and the record says who.
            tracing::warn!(%error, "starting TaskPaws cannot be heard");
            mpsc::channel().1
        },
    );
    let record = Record::own(version).ok_or_else(|| io::Error::other("this process cannot be described"));
    if let Err(error) = record.and_then(|record| record.write(&address.record())) {
        tracing::warn!(%error, "who runs cannot be recorded");
    }
    Ok(Claimed::Primary(Primary { asked, replaced, _lock: file }))
}

/// Takes the lock, if nobody holds it.
fn is_free(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// How a wait for the end of a host came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// The lock was free and is taken now.
    ForTheLock,
    /// The host is gone, and another one was quicker to take the lock.
    ForAnother,
    /// It is still there.
    InVain,
}

/// Waits until the host with this id has ended, and takes the lock.
fn wait_for_end(file: &File, pid: u32, record: Option<&Record>) -> io::Result<Waited> {
    let deadline = Instant::now() + END_WITHIN;
    while Instant::now() < deadline {
        // Looked at first: a host that is gone has given the lock back.
        let gone = is_gone(pid, record);
        if is_free(file)? {
            return Ok(Waited::ForTheLock);
        }
        if gone {
            return Ok(Waited::ForAnother);
        }
        std::thread::sleep(STEP);
    }
    Ok(Waited::InVain)
}

fn is_gone(pid: u32, record: Option<&Record>) -> bool {
    match (Pid::new(pid).and_then(|pid| Native::new().describe(pid)), record) {
        (None, _) => true,
        (Some(found), Some(record)) => found.identity() != record.process,
        (Some(_), None) => false,
    }
}

/// Ends the host of a record, if it is proved to be that process.
fn end_by_force(record: Option<Record>) -> Result<Replaced, InstanceError> {
    let record = record.ok_or_else(|| InstanceError::Stuck("there is no record of who it is".to_owned()))?;
    tracing::warn!(pid = %record.process.pid, version = record.version, "the running TaskPaw does not answer");
    let (how, took) = end_process(&Native::new(), &record.process, Limits::default())
        .map_err(|doubt| InstanceError::Stuck(doubt.to_string()))?;
    Ok(Replaced {
        version: Some(record.version),
        pid: record.process.pid.get(),
        forced: how == HowEnded::Forced,
        took,
    })
}
