//! The way of other parts of the app to what looks for new versions of it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use taskpaw_contract::ipc::{ErrorCode, IpcError};
use taskpaw_updates::machine::{NotTaken, Order};
use taskpaw_updates::record::Record;
use taskpaw_updates::{Version, feed};
use tokio::sync::{mpsc, oneshot};

/// What other parts of the app want of the task.
#[derive(Debug)]
pub(crate) enum Wanted {
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

    /// What is wanted, for the one task that does it.
    pub(crate) fn heard(&self) -> Option<mpsc::UnboundedReceiver<Wanted>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Where it is remembered what was tried.
    pub(crate) fn remembers_in(&self, folder: &Path) {
        let _it_is_set_once = self.memory.set(folder.to_owned());
    }

    /// Whether this version is on trial.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.is_on_trial.load(Ordering::SeqCst)
    }

    /// It is on trial, or is no more.
    pub(crate) fn put_on_trial(&self, is_on_trial: bool) {
        self.is_on_trial.store(is_on_trial, Ordering::SeqCst);
    }
}

/// The version that runs.
pub(crate) fn running() -> Version {
    // A build that was not released has a stamp of its own, which no feed offers.
    feed::released(taskpaw_contract::version()).unwrap_or_else(|_| Version::new(0, 0, 0))
}
