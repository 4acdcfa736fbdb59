//! `agent-cursor.json`: what tells this row of numbers from every other one, and which hub has what of it.
//!
//! It lies beside the journal, whose form older versions must be able to read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use durable_file::replace_file;
use serde::{Deserialize, Serialize};
use taskpaw_contract::ipc::is_hex_id;

use super::hubs::HubRecord;
use crate::state::{StateError, random_hex, read_at_most};

/// The version of the form that this version reads and writes.
const SCHEMA: u64 = 1;
/// Far more than 32 hubs need.
const MOST_BYTES: u64 = 64 << 10;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    schema: u64,
    /// 32 hex digits.
    pub(super) stream_id: String,
    /// Numbers up to this one were given by a predecessor, whatever the journal says.
    #[serde(default)]
    pub(super) used_up: u64,
    /// What each hub has.
    #[serde(default)]
    pub(super) hubs: Vec<HubRecord>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Lineage {
    path: PathBuf,
    pub(super) record: Record,
    /// What is here is not in the file yet.
    pub(super) is_new: bool,
}

impl Lineage {
    /// Reads the file. Without one, or with one that cannot be understood, which is kept aside, a new row of numbers
    /// begins: `stream_id`, or a random one.
    pub(super) fn open(path: &Path, stream_id: Option<String>) -> Result<Self, StateError> {
        let failed = |error| StateError::at(path)(error);
        if let Some(bytes) = read_at_most(path, MOST_BYTES).map_err(failed)? {
            match parse(&bytes) {
                Ok(record) if record.schema > SCHEMA => {
                    let (path, schema) = (path.to_owned(), record.schema);
                    return Err(StateError::TooNew { path, schema, known: SCHEMA });
                }
                Ok(record) => return Ok(Self { path: path.to_owned(), record, is_new: false }),
                Err(reason) => {
                    let aside = path.with_extension("damaged.json");
                    tracing::error!(
                        "{} cannot be used: {reason}. It is kept as {}; hubs may get events again that they have, and \
                         hubs of TaskPaw 3.9 have to adopt this agent anew",
                        path.display(),
                        aside.display()
                    );
                    fs::rename(path, aside).map_err(failed)?;
                }
            }
        }
        let stream_id = match stream_id {
            Some(stream_id) => stream_id,
            None => random_hex().map_err(failed)?,
        };
        let record = Record { schema: SCHEMA, stream_id, used_up: 0, hubs: Vec::new() };
        Ok(Self { path: path.to_owned(), record, is_new: true })
    }

    /// Writes it; durable when this returns without an error.
    pub(super) fn write(&mut self) -> io::Result<()> {
        replace_file(&self.path, &serde_json::to_vec(&self.record)?)?;
        self.is_new = false;
        Ok(())
    }
}

/// Looks whether this version can use the file. One that cannot be understood is kept aside later.
pub(super) fn can_use(path: &Path) -> Result<(), StateError> {
    match read_at_most(path, MOST_BYTES).map_err(StateError::at(path))?.map(|bytes| parse(&bytes)) {
        Some(Ok(record)) if record.schema > SCHEMA => {
            Err(StateError::TooNew { path: path.to_owned(), schema: record.schema, known: SCHEMA })
        }
        _ => Ok(()),
    }
}

/// Reads the stream of a cursor file without opening it for anything else.
pub(super) fn stream_in(path: &Path) -> Option<String> {
    let bytes = read_at_most(path, MOST_BYTES).ok()??;
    parse(&bytes).ok().map(|record| record.stream_id)
}

/// Numbers up to this one were given by a predecessor.
pub(super) fn used_up_in(path: &Path) -> u64 {
    let bytes = read_at_most(path, MOST_BYTES).ok().flatten();
    bytes.and_then(|bytes| parse(&bytes).ok()).map_or(0, |record| record.used_up)
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    let record: Record = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let is_number = |number: u64| i64::try_from(number).is_ok_and(|number| number < i64::MAX);
    if record.schema > SCHEMA {
        return Ok(record);
    }
    if !is_hex_id(&record.stream_id) {
        return Err("its stream_id is not 32 hex digits".to_owned());
    }
    if !is_number(record.used_up) || record.hubs.iter().any(|hub| !is_number(hub.ack)) {
        return Err("it has a number that no event can have".to_owned());
    }
    Ok(record)
}

/// Whatever the file holds, it is understood or refused.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    if let Ok(record) = parse(bytes) {
        let again = serde_json::to_vec(&record).map(|bytes| parse(&bytes));
        assert!(matches!(again, Ok(Ok(again)) if again == record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_stays_once_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent-cursor.json");
        let mut first = Lineage::open(&path, None).unwrap();
        assert!(first.is_new && is_hex_id(&first.record.stream_id));
        first.record.hubs.push(HubRecord { hub: "h".into(), ack: 3, idle_seconds: 4 });
        first.write().unwrap();
        let again = Lineage::open(&path, Some("f".repeat(32))).unwrap();
        assert_eq!((again.record, again.is_new), (first.record.clone(), false));
        assert_eq!(stream_in(&path), Some(first.record.stream_id));
        let of_v3 = Lineage::open(&folder.path().join("other"), Some("f".repeat(32))).unwrap();
        assert_eq!(of_v3.record.stream_id, "f".repeat(32));
    }

    #[test]
    fn what_cannot_be_understood_is_kept_aside_and_a_newer_form_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent-cursor.json");
        for text in ["", "{", r#"{"schema":1,"stream_id":"x"}"#, r#"{"schema":1}"#] {
            fs::write(&path, text).unwrap();
            assert!(Lineage::open(&path, None).unwrap().is_new, "{text}");
            let aside = folder.path().join("agent-cursor.damaged.json");
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
        }
        fs::write(&path, r#"{"schema":2,"stream_id":"x"}"#).unwrap();
        assert!(matches!(Lineage::open(&path, None), Err(StateError::TooNew { schema: 2, .. })));
        assert!(path.exists());
    }
}
