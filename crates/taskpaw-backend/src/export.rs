//! `--export-cursor`: where the numbers of an agent's events are, as a report that a hub of TaskPaw 3.9 takes.
//!
//! Such a hub fetches no events of an agent whose numbers it does not know, until a person has shown it this.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use durable_file::replace_file;
use serde_json::{Value, json};
use taskpaw_contract::config::{ConfigFile, ConfigProblem};
use taskpaw_contract::folders::{Folders, NoHome};

use crate::agent::{JOURNAL, LINEAGE, Numbers, numbers};
use crate::arguments::Arguments;
use crate::launch::say;
use crate::state::StateError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Folders(#[from] NoHome),
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("no agent of this version has run here yet, so its events have no numbers. Start it once")]
    NeverRun,
    #[error("{} cannot be written: {source}. Name a file in a folder that you can write to", path.display())]
    Unwritten { path: PathBuf, source: std::io::Error },
}

/// Writes the report, for its owner alone. The agent may run meanwhile: its numbers only grow.
pub(crate) fn export(arguments: &Arguments, file: &Path) -> ExitCode {
    match try_export(arguments, file) {
        Ok(next) => say(&format!(
            "{} says that the next event has number {next}. Show it to the hub of TaskPaw 3.9: hub-cursor \
             adopt-event-cursor --id ID --state-report FILE",
            file.display()
        )),
        Err(error) => {
            eprintln!("taskpaw-backend: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_export(arguments: &Arguments, file: &Path) -> Result<u64, ExportError> {
    let folders = Folders::find_with(arguments.config_dir.as_deref())?;
    let config = ConfigFile::read(&folders.config_file())?;
    let server_id = &config.config().agent.server_id;
    let state = folders.state();
    let numbers = numbers(&state.join(JOURNAL), &state.join(LINEAGE))?;
    let numbers = numbers.filter(|_| !server_id.trim().is_empty()).ok_or(ExportError::NeverRun)?;
    let bytes = report(server_id, &numbers).to_string();
    replace_file(file, bytes.as_bytes())
        .map_err(|source| ExportError::Unwritten { path: file.to_owned(), source })?;
    Ok(numbers.next_event_id)
}

/// Exactly these keys: a hub of 3.9 refuses any other.
fn report(server_id: &str, numbers: &Numbers) -> Value {
    json!({
        "report_version": 1,
        "verified": true,
        "record": {
            "version": 2,
            "server_id": server_id,
            "stream_id": numbers.stream_id,
            // Numbers that go on after those of an older version.
            "lineage_origin": "legacy_migration",
            "next_event_id": numbers.next_event_id,
        },
    })
}
