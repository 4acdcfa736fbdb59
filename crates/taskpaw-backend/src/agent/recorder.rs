//! What this agent keeps of a week, so that a machine alone has it too: the numbers of each monitor and every change of its state.
//!
//! Monitors put what they find into memory, and once a minute it is written; anyone who asks has it read from the disk. Nothing is written
//! before the agent is live, and nothing after it has closed.

mod codec;
mod minute;
mod query;
mod ring;
mod segment;
mod store;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{History, HistoryRange, MonitorState};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use minute::{MINUTE_MS, Minute};
use query::Asked;
use store::Store;

/// The folder of the files, in that of the state.
pub(crate) const FOLDER: &str = "history";
/// The monitor whose numbers are those of the machine.
const MACHINE: &str = "host_metrics";
/// What changes together is written together.
const TOGETHER: Duration = Duration::from_secs(1);

/// Keeps the week.
#[derive(Debug)]
pub(super) struct Recorder {
    folder: PathBuf,
    minute: Mutex<Minute>,
    /// Nothing: it is not live, or has closed.
    store: Mutex<Option<Store>>,
    is_live: AtomicBool,
    /// Whether it was logged that the disk accepts nothing.
    is_failing: AtomicBool,
    /// A state has changed.
    changed: Notify,
}

impl Recorder {
    /// Nothing is looked at yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            minute: Mutex::default(),
            store: Mutex::new(None),
            is_live: AtomicBool::new(false),
            is_failing: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// From now on it is kept, once its files are open.
    pub(super) fn go_live(&self) {
        self.is_live.store(true, Ordering::SeqCst);
    }

    /// Opens its files. A disk that refuses is told, and asked again with each minute.
    pub(super) fn open(&self) {
        self.write(&mut lock(&self.store), unix_ms(), false);
    }

    /// A monitor has looked, or is in a state for another reason.
    pub(super) fn saw(&self, monitor: &str, state: MonitorState, metrics: Option<&Map<String, Value>>) {
        // What was not looked at yet is in the state that it was.
        if !self.is_live.load(Ordering::SeqCst) || state == MonitorState::Unknown && metrics.is_none() {
            return;
        }
        let now = unix_ms();
        let mut minute = lock(&self.minute);
        if let Some(metrics) = metrics {
            minute.numbers(monitor, metrics, now);
        }
        if minute.state(monitor, state, now) {
            self.changed.notify_one();
        }
    }

    /// A monitor is watched no more.
    pub(super) fn forget(&self, monitor: &str) {
        if self.is_live.load(Ordering::SeqCst) {
            lock(&self.minute).forget(monitor, unix_ms());
            self.changed.notify_one();
        }
    }

    /// Writes again and again, soon after each minute and after a change.
    pub(super) fn keep(self: &Arc<Self>) -> JoinHandle<()> {
        let recorder = self.clone();
        tokio::spawn(async move {
            loop {
                let rest = Duration::from_millis(MINUTE_MS - unix_ms() % MINUTE_MS);
                tokio::select! {
                    () = sleep(rest + TOGETHER) => {}
                    () = recorder.changed.notified() => sleep(TOGETHER).await,
                }
                let writing = recorder.clone();
                // A panic in there is in the log already.
                let _ =
                    spawn_blocking(move || writing.write(&mut lock(&writing.store), unix_ms(), false)).await;
            }
        })
    }

    /// Writes the last minute too, and nothing after it. Says whether that was done in time.
    pub(super) fn close(self: &Arc<Self>, limit: Duration) -> bool {
        if !self.is_live.swap(false, Ordering::SeqCst) {
            return true;
        }
        let (done, is_done) = mpsc::channel();
        let closing = self.clone();
        thread::spawn(move || {
            let mut store = lock(&closing.store);
            closing.write(&mut store, unix_ms(), true);
            *store = None;
            drop(store);
            drop(closing);
            // The caller may have gone.
            let _ = done.send(());
        });
        is_done.recv_timeout(limit).is_ok()
    }

    /// What is kept of one monitor, or of all. It reads the disk.
    pub(super) fn history(&self, monitor: Option<String>, range: HistoryRange) -> io::Result<History> {
        let asked = Asked { monitor, machine: MACHINE, range };
        // Nobody writes meanwhile: no half frame is read, and no file goes.
        let mut store = lock(&self.store);
        let now = unix_ms();
        if self.is_live.load(Ordering::SeqCst) {
            self.write(&mut store, now, false);
        }
        let waiting = if store.is_some() { lock(&self.minute).waiting() } else { Vec::new() };
        query::answer(&self.folder, &asked, &waiting, now)
    }

    fn write(&self, store: &mut Option<Store>, now: u64, is_last: bool) {
        // A caller that waited for its turn meanwhile comes too late.
        if !is_last && !self.is_live.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = self.try_write(store, now, is_last) {
            *store = None;
            if !self.is_failing.swap(true, Ordering::SeqCst) {
                tracing::error!(
                    "the history in {} cannot be written: {error}. It has a hole until it can",
                    self.folder.display()
                );
            }
        } else if self.is_failing.swap(false, Ordering::SeqCst) {
            tracing::info!("the history is written again");
        }
    }

    fn try_write(&self, store: &mut Option<Store>, now: u64, is_last: bool) -> io::Result<()> {
        let store = match store {
            Some(store) => store,
            None => {
                let (opened, gap) = Store::open(&self.folder, now)?;
                if let Some((from, to)) = gap {
                    lock(&self.minute).gap(from, to);
                }
                store.insert(opened)
            }
        };
        let entries = {
            let mut minute = lock(&self.minute);
            if is_last { minute.take_all(now) } else { minute.take(now) }
        };
        let written = store.write(&entries);
        if written.is_err() {
            lock(&self.minute).put_back(entries);
        }
        written
    }
}

/// Nothing panics while it holds a lock; if it did, what is there is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "recorder/tests.rs"]
mod tests;
