//! `agent-monitors.json`: what the monitors remember. It is a help, and never a reason not to start.
//!
//! It is written by the events' writer after the events, so that it never knows more than the journal: what the journal has
//! under a higher number than `up_to` was told later, and counts too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use durable_file::replace_file;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use taskpaw_contract::ipc::{AgentEvent, EventKind};

use crate::agent::SELF_NAME;
use crate::monitors::{Memory, Subject, Told};
use crate::state::read_at_most;

/// The version of the form that this version reads and writes.
pub(crate) const SCHEMA: u64 = 1;
/// How large the file is at most; the largest memory goes first.
const MOST_BYTES: usize = 8 << 20;
/// A file that is larger than that is none of ours.
const MOST_READ: u64 = 2 * MOST_BYTES as u64;
/// From one write to the next.
const EVERY: Duration = Duration::from_secs(10);
/// What changes together is written together.
const TOGETHER: Duration = Duration::from_secs(1);

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    schema: u64,
    /// The last event that is in it.
    up_to: u64,
    monitors: BTreeMap<String, Memory>,
}

/// What the monitors remember, for making one again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recall(Arc<Mutex<BTreeMap<String, Memory>>>);

impl Recall {
    /// What a monitor of this name remembers, if it watched the same.
    pub(crate) fn of(&self, name: &str, subject: &Subject) -> Option<Memory> {
        let memory = self.lock().get(name).cloned()?;
        memory.of.as_ref().is_none_or(|of| of == subject).then_some(memory)
    }

    /// Nothing panics while it holds the lock; if it did, each memory is still whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file, and what it should hold.
#[derive(Debug)]
pub(super) struct Memories {
    path: PathBuf,
    recall: Recall,
    up_to: u64,
    /// Why what lies there is of no use. It is put aside before the first write.
    unusable: Option<String>,
    /// Until the agent is live, the file stays as it is.
    is_live: bool,
    changed_at: Option<Instant>,
    written_at: Option<Instant>,
    is_failing: bool,
}

impl Memories {
    /// Reads the file. Nothing is changed, whatever it is.
    pub(super) fn open(path: PathBuf) -> Self {
        let (record, unusable) = match read_at_most(&path, MOST_READ) {
            Ok(None) => (Record::default(), None),
            Ok(Some(bytes)) => match parse(&bytes) {
                Ok(record) => (record, None),
                Err(reason) => (Record::default(), Some(reason)),
            },
            Err(error) => (Record::default(), Some(error.to_string())),
        };
        Self {
            path,
            up_to: record.up_to,
            recall: Recall(Arc::new(Mutex::new(record.monitors))),
            unusable,
            is_live: false,
            changed_at: None,
            written_at: None,
            is_failing: false,
        }
    }

    /// What is remembered.
    pub(super) fn recall(&self) -> Recall {
        self.recall.clone()
    }

    /// An event of the journal, as it is opened.
    pub(super) fn read(&mut self, event: &AgentEvent, note: Option<&Value>) {
        if event.id <= self.up_to {
            return;
        }
        let data = event.data.as_ref();
        let is_start =
            data.and_then(|data| data.get("kind")).is_some_and(|kind| *kind == json!(EventKind::Started));
        if event.monitor == SELF_NAME {
            // A monitor that was started without saying so remembers nothing, and may have reported what is not known here.
            if is_start && data.is_none_or(|data| data.get("memory").is_none()) {
                self.recall.lock().values_mut().for_each(|memory| memory.is_outdated = true);
            }
            return;
        }
        if let Some(told) = Told::of(event, note.cloned()) {
            self.recall.lock().entry(event.monitor.clone()).or_default().add(told);
        }
    }

    /// An event is durable now.
    pub(super) fn told(&mut self, event: &AgentEvent, note: Option<Value>, now: Instant) {
        self.up_to = self.up_to.max(event.id);
        if event.monitor == SELF_NAME {
            return;
        }
        if let Some(told) = Told::of(event, note) {
            self.recall.lock().entry(event.monitor.clone()).or_default().add(told);
            self.changed(now);
        }
    }

    /// What a monitor remembers, with everything that it has told.
    pub(super) fn remember(&mut self, name: String, memory: Memory, now: Instant) {
        let mut all = self.recall.lock();
        let is_new = all.get(&name) != Some(&memory);
        if is_new {
            all.insert(name, memory);
        }
        drop(all);
        if is_new {
            self.changed(now);
        }
    }

    /// Nobody watches that any more.
    pub(super) fn forget(&mut self, name: &str, now: Instant) {
        let known = self.recall.lock().remove(name);
        if known.is_some() {
            self.changed(now);
        }
    }

    /// The agent is live: from now on it is written, about these monitors.
    pub(super) fn go_live(&mut self, names: &[String], last_id: u64, now: Instant) {
        self.recall.lock().retain(|name, _| names.contains(name));
        self.up_to = last_id;
        self.is_live = true;
        self.changed(now);
    }

    fn changed(&mut self, now: Instant) {
        self.changed_at.get_or_insert(now);
    }

    /// How long it may still wait until it is written; nothing if there is nothing to write.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        let changed = self.changed_at.filter(|_| self.is_live)?;
        let next = self.written_at.map_or(changed, |written| written + EVERY).max(changed + TOGETHER);
        Some(next.saturating_duration_since(now))
    }

    /// Writes what has changed. What cannot be written is tried again, and stops nothing.
    pub(super) fn write(&mut self, now: Instant) {
        if !self.is_live || self.changed_at.is_none() {
            return;
        }
        self.put_aside();
        self.written_at = Some(now);
        match self.try_write() {
            Ok(()) => (self.changed_at, self.is_failing) = (None, false),
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!(
                        "{} cannot be written: {error}. After the next start monitors may tell again what they have told",
                        self.path.display()
                    );
                }
            }
        }
    }

    fn try_write(&self) -> io::Result<()> {
        let mut record = Record { schema: SCHEMA, up_to: self.up_to, monitors: self.recall.lock().clone() };
        loop {
            let bytes = serde_json::to_vec(&record)?;
            let size = |memory: &Memory| serde_json::to_vec(memory).map_or(0, |bytes| bytes.len());
            let largest = record.monitors.iter().max_by_key(|(_, memory)| size(memory));
            match largest.map(|(name, _)| name.clone()) {
                Some(name) if bytes.len() > MOST_BYTES => {
                    tracing::warn!(
                        "monitor {name}: there is too much to remember; after a restart it begins anew"
                    );
                    record.monitors.remove(&name);
                }
                _ => return replace_file(&self.path, &bytes),
            }
        }
    }

    fn put_aside(&mut self) {
        let Some(reason) = self.unusable.take() else { return };
        let aside = self.path.with_extension("damaged.json");
        let moved = fs::rename(&self.path, &aside);
        tracing::error!(
            "{} cannot be used: {reason}. {}; monitors begin anew, and may tell again what they have told",
            self.path.display(),
            match moved {
                Ok(()) => format!("It is kept as {}", aside.display()),
                Err(error) => format!("It cannot be kept aside: {error}"),
            }
        );
    }
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Header {
        schema: u64,
    }
    let Header { schema } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if schema > SCHEMA {
        return Err(format!("it has schema {schema}, and this version knows {SCHEMA}"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// Whatever the file says, it is read or refused.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    if let Ok(record) = parse(bytes) {
        record.monitors.values().for_each(crate::monitors::fuzzing::recall);
        let again = serde_json::to_vec(&record).ok().and_then(|bytes| parse(&bytes).ok());
        assert!(
            again.is_some_and(|again| again.monitors == record.monitors),
            "what is written is understood"
        );
    }
}

#[cfg(test)]
#[path = "memories/tests.rs"]
mod tests;
