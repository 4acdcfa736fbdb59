//! The place: the lock in the data folder, which one host can hold.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

use interprocess::local_socket::Stream;

/// The place of the incumbent, and who waits for it.
#[derive(Debug)]
pub(crate) struct Place {
    lock: Lock,
    waiting: Vec<Waiting>,
}

/// The lock that makes the place, held or not.
#[derive(Debug, Clone)]
pub(super) struct Lock(Arc<File>);

impl Lock {
    /// Opens the file of the lock, and makes it if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Self(Arc::new(options.open(path)?)))
    }

    /// Takes the place, if nobody has it.
    pub(super) fn try_take(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The place, which was taken.
    pub(super) fn taken(&self) -> Place {
        Place { lock: self.clone(), waiting: Vec::new() }
    }
}

impl Place {
    /// Notes somebody who waits for the place.
    pub(crate) fn is_awaited_by(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// Gives the place back for a successor, that may not come to take it.
    pub(crate) fn lend(&self) {
        if let Err(error) = self.lock.0.unlock() {
            tracing::warn!(%error, "the place cannot be given back");
        }
    }

    /// Takes the place back, if nobody has it.
    pub(crate) fn take_back(&self) -> bool {
        self.lock.try_take().unwrap_or_else(|error| {
            tracing::warn!(%error, "the place cannot be taken back");
            false
        })
    }

    /// Gives up the place: the backends have ended, and what is left of this host harms nobody. A host that waits need
    /// not wait for the end of the process.
    pub(crate) fn release(self) {
        if let Err(error) = self.lock.0.unlock() {
            tracing::warn!(%error, "the next host has to wait for the end of this one");
        }
        // Who waits hears of it by the end of its connection, so that has to come after the release.
        drop(self.waiting);
    }
}

/// A starting host that waits: its connection, which ends with this.
#[derive(Debug)]
pub(crate) struct Waiting(#[expect(dead_code, reason = "only its drop counts")] Arc<Stream>);

impl Waiting {
    /// Somebody who waits at the other end of a connection.
    pub(super) fn on(stream: Arc<Stream>) -> Self {
        Self(stream)
    }
}
