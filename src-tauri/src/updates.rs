//! New versions that the app finds by itself: it looks, downloads, puts them to their place, and starts one when the person wants it.
//!
//! `taskpaw_updates::machine` decides; [`task`] is the one task that does it, and asks nobody while anything is held. A version that
//! was started is on trial: it proves itself by [`proving`], and a small program of the version before it stays beside it ([`beside`]), which
//! needs nothing of it to bring the old one back.

pub(crate) mod beside;
mod fetching;
mod proving;
mod task;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use taskpaw_contract::ipc::{ErrorCode, IpcError};
use taskpaw_updates::machine::{NotTaken, Order};
use taskpaw_updates::record::Record;
use taskpaw_updates::{Version, feed};
use tokio::sync::{mpsc, oneshot};

pub(crate) use task::attend;

/// What other parts of the app want of the task.
#[derive(Debug)]
enum Wanted {
    /// This is the app that runs.
    Placed,
    /// A person wants something.
    Order(Order, oneshot::Sender<Result<(), NotTaken>>),
}

/// The way of other parts of the app to the task.
#[derive(Debug)]
pub(crate) struct Updates {
    wants: mpsc::UnboundedSender<Wanted>,
    heard: Mutex<Option<mpsc::UnboundedReceiver<Wanted>>>,
    /// Where it is remembered what was tried.
    memory: OnceLock<PathBuf>,
    /// Whether this version is on trial.
    is_on_trial: AtomicBool,
}

impl Default for Updates {
    fn default() -> Self {
        let (wants, heard) = mpsc::unbounded_channel();
        Self {
            wants,
            heard: Mutex::new(Some(heard)),
            memory: OnceLock::new(),
            is_on_trial: AtomicBool::new(false),
        }
    }
}

impl Updates {
    /// This is the app that runs: it may look.
    pub(crate) fn placed(&self) {
        let _nobody_attends = self.wants.send(Wanted::Placed);
    }

    /// The app ends in order: if it is on trial, that says nothing against it. Blocks for a moment.
    pub(crate) fn leave(&self) {
        let Some(memory) = self.memory.get().filter(|_| self.is_on_trial.load(Ordering::SeqCst)) else {
            return;
        };
        if let Err(error) = Record::change(memory, |record| record.leave(&running())) {
            tracing::warn!(%error, "it cannot be noted that the version on trial was ended in order");
        }
    }

    /// Does what a person wants.
    ///
    /// # Errors
    /// Why not; what comes of it later is shown.
    pub(crate) async fn order(&self, order: Order) -> Result<(), IpcError> {
        let (answers, answer) = oneshot::channel();
        let _nobody_attends = self.wants.send(Wanted::Order(order, answers));
        let (code, message) = match answer.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(NotTaken::NoFeed)) => {
                (ErrorCode::Unsupported, "this build knows no feed of updates; install new versions by hand")
            }
            Ok(Err(NotTaken::Forbidden)) => {
                (ErrorCode::Unsupported, "an administrator has switched updates off on this machine")
            }
            Ok(Err(NotTaken::NothingThere)) => {
                (ErrorCode::BadRequest, "there is no new version that this could be done with now")
            }
            Err(_) => (ErrorCode::Busy, "the app is starting or ending; try again in a moment"),
        };
        Err(IpcError::new(code, message))
    }

    fn heard(&self) -> Option<mpsc::UnboundedReceiver<Wanted>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn remembers_in(&self, folder: &Path) {
        let _it_is_set_once = self.memory.set(folder.to_owned());
    }

    fn is_on_trial(&self) -> bool {
        self.is_on_trial.load(Ordering::SeqCst)
    }

    fn put_on_trial(&self, is_on_trial: bool) {
        self.is_on_trial.store(is_on_trial, Ordering::SeqCst);
    }
}

/// The version that runs.
fn running() -> Version {
    // A build that was not released has a stamp of its own, which no feed offers.
    feed::released(taskpaw_contract::version()).unwrap_or_else(|_| Version::new(0, 0, 0))
}

/// What came of work on another thread.
fn joined<T>(done: tauri::Result<std::io::Result<T>>) -> std::io::Result<T> {
    done.map_err(|error| std::io::Error::other(error.to_string())).flatten()
}
