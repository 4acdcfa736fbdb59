//! What TaskPaw V3 left behind: on the first start its `agent.yaml` and `hub.yaml` become the first `config.json`.
//!
//! What is good is taken, what is not is in the report with its reason, and nothing of it stops a start. The files
//! stay as they are.

mod command;
#[cfg(feature = "database")]
mod complete;
#[cfg(feature = "database")]
mod database;
mod elsewhere;
mod ended;
pub mod events;
mod first;
mod found;
mod hub;
mod late;
mod monitors;
mod reading;
mod values;
mod yaml;

use std::path::Path;

#[cfg(feature = "database")]
pub use complete::{CompleteError, complete};
pub use elsewhere::note_files_of;
pub use ended::EndedWithV3;
pub use first::{Begun, begin, mark_seen, report};
pub use late::{LateError, answer_left_behind, left_behind};
pub use taskpaw_contract::import_report::{
    DatabaseState, ImportReport, LeftBehind, LeftBehindKind, NotTaken, NotTakenReason, Taken, V3File,
};

use found::Found;
use hub::Hub;
use taskpaw_contract::Role;
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::Config;

/// Whatever a file is: it is read as the database of V3's hub, or refused with a reason.
#[cfg(feature = "fuzzing")]
pub fn fuzz_database(path: &Path) {
    if let Err(error) = database::read_once(path) {
        assert!(!error.to_string().is_empty(), "it is refused without a reason");
    }
}

/// A configuration that was made from files of V3.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The configuration. It passes its own check, and has a `server_id` only if V3 had one.
    pub config: Config,
    /// What was taken and what was not.
    pub report: ImportReport,
}

/// Who starts on a machine with V3: what of it can go on depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starter {
    /// The app, which runs every role that is switched on.
    App,
    /// A backend alone, which is one role.
    Backend,
}

/// Looks for the files of V3 in a folder and makes a configuration from them; nothing if there are none.
#[must_use]
pub fn look(folder: &Path, starter: Starter) -> Option<Imported> {
    let read = |file: V3File| found::read(&folder.join(file.to_string()));
    let (agent, hub) = (read(V3File::Agent), read(V3File::Hub));
    if agent.is_none() && hub.is_none() {
        return None;
    }
    let (mut imported, left) = made_from(agent, hub, starter);
    let report = &mut imported.report;
    report.at = unix_ms();
    report.folder = folder.display().to_string();
    if let Some(left) = left {
        if left.writes_status && left.status_file().is_file() {
            imported.config.hub.status_md = left.status_file().display().to_string();
            report.took(V3File::Hub, "write_status_md", None);
        }
        if left.databases(folder).iter().any(|path| path.is_file()) {
            report.database = DatabaseState::Pending;
        } else {
            report.refused(V3File::Database, "", None, NotTakenReason::NoDatabase);
        }
    }
    Some(imported)
}

/// Makes a configuration from what stood in the files that were there.
#[must_use]
pub fn import(agent: Option<&[u8]>, hub: Option<&[u8]>, starter: Starter) -> Imported {
    let found = |bytes: Option<&[u8]>| bytes.map(|bytes| Ok(bytes.to_vec()));
    made_from(found(agent), found(hub), starter).0
}

/// What `hub.yaml` in a folder says beyond the settings; nothing if it is not there or cannot be used.
fn hub_in(folder: &Path) -> Option<Hub> {
    let found = found::read(&folder.join(V3File::Hub.to_string()))?;
    made_from(None, Some(found), Starter::Backend).1
}

fn made_from(agent: Option<Found>, hub: Option<Found>, starter: Starter) -> (Imported, Option<Hub>) {
    let mut config = Config::default();
    let mut report = ImportReport::empty();
    let mut tokens = Vec::new();
    let mut left = None;
    for (file, found) in [(V3File::Agent, agent), (V3File::Hub, hub)] {
        let Some(found) = found else { continue };
        if found == Err(NotTakenReason::FolderClosed) {
            // Nobody knows which of them are there, so none says what this machine was.
            if report.not_taken.is_empty() {
                report.lost(V3File::Folder, "", None, NotTakenReason::FolderClosed);
                report.is_whole = false;
            }
            continue;
        }
        report.files.push(file);
        // That the file is there says what this machine was, whatever stands in it.
        report.roles.push(match file {
            V3File::Agent => Role::Agent,
            _ => Role::Hub,
        });
        match take(file, found, &mut config, &mut report, &mut tokens) {
            Ok(hub) => left = hub.or(left),
            Err(NotTakenReason::NoSettings) => report.refused(file, "", None, NotTakenReason::NoSettings),
            Err(reason) => report.lost(file, "", None, reason),
        }
    }
    if report.roles == [Role::Hub] && left.as_ref().is_some_and(|left| left.watches_itself) {
        match starter {
            Starter::App => {
                report.roles.insert(0, Role::Agent);
                report.took(V3File::Hub, "self_monitor", None);
                hub::watch_itself(&mut config);
            }
            Starter::Backend => {
                report.refused(V3File::Hub, "self_monitor", None, NotTakenReason::WatchItself)
            }
        }
    }
    if !report.roles.is_empty() {
        config.roles.clone_from(&report.roles);
    }
    reading::part_ports(&mut config, &mut report);
    report.tidy(&tokens);
    (Imported { config, report }, left)
}

fn take(
    file: V3File,
    found: Found,
    config: &mut Config,
    report: &mut ImportReport,
    tokens: &mut Vec<String>,
) -> Result<Option<Hub>, NotTakenReason> {
    let bytes = found?;
    let document = yaml::parse(found::text(&bytes)?)?;
    if document.has_more {
        report.refused(file, "", None, NotTakenReason::MoreDocuments);
    }
    match document.root {
        None => Err(NotTakenReason::NoSettings),
        Some(yaml::Node::Map(pairs)) => Ok(reading::take(file, &pairs, config, report, tokens)),
        Some(yaml::Node::Tagged) => Err(NotTakenReason::Tagged),
        Some(_) => Err(NotTakenReason::NotAMap),
    }
}

#[cfg(test)]
mod tests;
