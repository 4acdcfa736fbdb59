//! Becoming the primary.

use std::convert::Infallible;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use port_takeover::sys::{Native, System as _};
use port_takeover::{HowEnded, Limits, Pid, end_process};
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::ipc::TookOver;

use super::address::Address;
use super::protocol::{Answer, Ask, Asking, Want, Will, ask};
use super::record::Record;
use super::server::{Asked, Waiting, listen};

/// How long the running host may take to answer before there is a window to wait in.
const AT_ONCE: Duration = Duration::from_millis(300);
/// How long it may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to stop its backends and end, once it has answered: they have five seconds each and
/// are stopped together.
const END_WITHIN: Duration = Duration::from_secs(12);
/// How long a host may take to leave after it has given up its place: it ends itself for certain after three seconds.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long a lock may be held by a host that does not listen: one that is just starting or just ending.
const LISTEN_WITHIN: Duration = Duration::from_secs(5);
/// How long a start may take in all, before it says that it cannot.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(40);
/// Between two looks at the lock: no system has an event for it that could be bounded.
const STEP: Duration = Duration::from_millis(10);

/// What became of a claim.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// This host is the primary.
    Primary(Primary),
    /// The running host does what was asked; this one may end.
    Done,
}

/// What became of a claim at the first look.
#[derive(Debug)]
pub(crate) enum AtOnce {
    /// All of it.
    Claimed(Claimed),
    /// Another host has the place and is another version, or does not answer at once: [`Claim::finish`] asks for it.
    NotYet(Claim),
}

/// The running host.
#[derive(Debug)]
pub(crate) struct Primary {
    /// What starting hosts ask from now on.
    pub(crate) asked: mpsc::Receiver<Asked>,
    /// The host whose place this one took.
    pub(crate) replaced: Option<Replaced>,
    /// As long as this lives, no other can be.
    pub(crate) place: Place,
}

/// The place of the primary, and who waits for it.
#[derive(Debug)]
pub(crate) struct Place {
    lock: Arc<File>,
    waiting: Vec<Waiting>,
}

impl Place {
    /// Notes somebody who waits for the place.
    pub(crate) fn is_awaited_by(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// Gives up the place: the backends have ended, and what is left of this host harms nobody. Whoever waits need
    /// not wait for the end of the process.
    pub(crate) fn release(self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the next host has to wait for the end of this one");
        }
        // Who waits hears of it by the end of its connection, so that has to come after the release.
        drop(self.waiting);
    }
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

/// A start on its way to the primary's place.
#[derive(Debug)]
pub(crate) struct Claim {
    address: Address,
    lock: Arc<File>,
    version: &'static str,
    ending: Arc<AtomicBool>,
}

impl Claim {
    /// Prepares a claim; nobody is asked yet.
    ///
    /// `ending` says that this host, once it is the primary, is on its way out: whoever starts then takes over.
    ///
    /// # Errors
    /// [`InstanceError::Folder`].
    pub(crate) fn prepare(
        data_folder: &Path,
        version: &'static str,
        ending: Arc<AtomicBool>,
    ) -> Result<Self, InstanceError> {
        let open = || {
            let address = Address::prepare(data_folder)?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let lock = Arc::new(options.open(address.lock())?);
            Ok(Self { address, lock, version, ending })
        };
        open().map_err(|source| InstanceError::Folder { path: data_folder.to_owned(), source })
    }

    /// Takes a place that is free, or has a running host of the same version show its window. Takes no longer than
    /// a person notices: what needs the end of another host is left to [`Self::finish`], which can be watched in a
    /// window.
    ///
    /// # Errors
    /// [`InstanceError`] if the lock cannot be tried.
    pub(crate) fn at_once(self) -> Result<AtOnce, InstanceError> {
        if self.is_free()? {
            return Ok(AtOnce::Claimed(Claimed::Primary(self.primary(None))));
        }
        Ok(match self.ask(Want::Show, AT_ONCE)? {
            Asking::Answered(Answer { will: Will::Show, .. }, _) => AtOnce::Claimed(Claimed::Done),
            _ => AtOnce::NotYet(self),
        })
    }

    /// Becomes the primary, or has the running host do what is wanted. Blocks; bounded.
    ///
    /// # Errors
    /// [`InstanceError`] if neither is possible. It can be tried again.
    pub(crate) fn finish(&self, want: Want) -> Result<Claimed, InstanceError> {
        let started = Instant::now();
        let mut unheard_since: Option<Instant> = None;
        let mut replaced: Option<Replaced> = None;
        while !self.is_free()? {
            if started.elapsed() > GIVEN_UP_AFTER {
                return Err(InstanceError::Stuck("its place is taken again and again".to_owned()));
            }
            // Only the host that was there when it was asked may be ended for not answering: another one may have
            // taken its place since.
            let record = Record::read(&self.address.record());
            let asked_at = Instant::now();
            let asking = self.ask(want, ANSWER_WITHIN)?;
            let is_same = || record == Record::read(&self.address.record());
            match asking {
                Asking::Answered(answer, _) if answer.will == Will::Show => return Ok(Claimed::Done),
                Asking::Answered(answer, released) => {
                    unheard_since = None;
                    let record = record.filter(|record| record.process.pid.get() == answer.pid);
                    let waited = self.wait_for_release(answer.pid, record.as_ref(), &released)?;
                    if want == Want::Quit {
                        // Who asks for the end wants the files free, not only the place.
                        wait_for_end(answer.pid, record.as_ref());
                    }
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
        Ok(Claimed::Primary(self.primary(replaced)))
    }

    /// Who has the place now, as far as it is recorded.
    pub(crate) fn held_by(&self) -> Option<(String, u32)> {
        Record::read(&self.address.record()).map(|record| (record.version, record.process.pid.get()))
    }

    fn ask(&self, want: Want, within: Duration) -> Result<Asking, InstanceError> {
        let asks = Ask { taskpaw_instance: 1, version: self.version.to_owned(), want };
        Ok(ask(self.address.socket().map_err(|error| self.unusable(error))?, &asks, within))
    }

    /// Takes the lock, if nobody holds it.
    fn is_free(&self) -> Result<bool, InstanceError> {
        match self.lock.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(self.unusable(error)),
        }
    }

    /// Waits until the host with this id has given up its place, and takes it.
    fn wait_for_release(
        &self,
        pid: u32,
        record: Option<&Record>,
        released: &mpsc::Receiver<Infallible>,
    ) -> Result<Waited, InstanceError> {
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline {
            // Looked at first: a host that is gone has given the lock back.
            let gone = is_gone(pid, record);
            if self.is_free()? {
                return Ok(Waited::ForTheLock);
            }
            if gone {
                return Ok(Waited::ForAnother);
            }
            if released.recv_timeout(STEP) == Err(RecvTimeoutError::Disconnected) {
                if self.is_free()? {
                    return Ok(Waited::ForTheLock);
                }
                std::thread::sleep(STEP);
            }
        }
        Ok(Waited::InVain)
    }

    /// This host has the lock: it listens, and says who it is.
    fn primary(&self, replaced: Option<Replaced>) -> Primary {
        let (version, path) = (self.version, self.address.record());
        let record = move || {
            let own =
                Record::own(version).ok_or_else(|| io::Error::other("this process cannot be described"));
            if let Err(error) = own.and_then(|record| record.write(&path)) {
                tracing::warn!(%error, "who runs cannot be recorded");
            }
        };
        let name = self.address.socket();
        let listening = name.and_then(|name| listen(name, version, Arc::clone(&self.ending), record));
        let asked = listening.unwrap_or_else(|error| {
            // As in `listen`.
            tracing::warn!(%error, "starting TaskPaws cannot be heard");
            mpsc::channel().1
        });
        Primary { asked, replaced, place: Place { lock: Arc::clone(&self.lock), waiting: Vec::new() } }
    }

    fn unusable(&self, source: io::Error) -> InstanceError {
        InstanceError::Folder { path: self.address.lock(), source }
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

/// Waits until the host with this id is gone, after it has given up its place.
fn wait_for_end(pid: u32, record: Option<&Record>) {
    let deadline = Instant::now() + LEAVE_WITHIN;
    while Instant::now() < deadline && !is_gone(pid, record) {
        std::thread::sleep(STEP);
    }
}

fn is_gone(pid: u32, record: Option<&Record>) -> bool {
    match (Pid::new(pid).and_then(|pid| Native::new().describe(pid)), record) {
        (None, _) => true,
        (Some(found), Some(record)) => !record.process.is_still(&found.identity()),
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
