//! What TaskPaw V3 left behind: on the first start its `agent.yaml` and `hub.yaml` become the first `config.json`.
//!
//! What is good is taken, what is not is in the report with its reason, and nothing of it stops a start. The files
//! stay as they are.

mod command;
mod first;
mod found;
mod monitors;
mod reading;
mod yaml;

use std::path::Path;

pub use first::{Begun, begin, mark_seen, report};
pub use monitors::KINDS;
pub use taskpaw_contract::import_report::{ImportReport, NotTaken, NotTakenReason, Taken, V3File};

use found::Found;
use taskpaw_contract::Role;
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::Config;

/// A configuration that was made from files of V3.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The configuration. It passes its own check, and has a `server_id` only if V3 had one.
    pub config: Config,
    /// What was taken and what was not.
    pub report: ImportReport,
}

/// Looks for the files of V3 in a folder and makes a configuration from them; nothing if there are none.
#[must_use]
pub fn look(folder: &Path) -> Option<Imported> {
    let read = |file: V3File| found::read(&folder.join(file.to_string()));
    let (agent, hub) = (read(V3File::Agent), read(V3File::Hub));
    if agent.is_none() && hub.is_none() {
        return None;
    }
    let mut imported = made_from(agent, hub);
    imported.report.at = unix_ms();
    imported.report.folder = folder.display().to_string();
    Some(imported)
}

/// Makes a configuration from what stood in the files that were there.
#[must_use]
pub fn import(agent: Option<&[u8]>, hub: Option<&[u8]>) -> Imported {
    made_from(agent.map(|bytes| Ok(bytes.to_vec())), hub.map(|bytes| Ok(bytes.to_vec())))
}

fn made_from(agent: Option<Found>, hub: Option<Found>) -> Imported {
    let mut config = Config::default();
    let mut report = ImportReport {
        at: 0,
        folder: String::new(),
        files: Vec::new(),
        roles: Vec::new(),
        taken: Vec::new(),
        not_taken: Vec::new(),
        left_out: 0,
        seen: false,
    };
    let mut tokens = Vec::new();
    for (file, found) in [(V3File::Agent, agent), (V3File::Hub, hub)] {
        let Some(found) = found else { continue };
        report.files.push(file);
        // That the file is there says what this machine was, whatever stands in it.
        report.roles.push(match file {
            V3File::Agent => Role::Agent,
            V3File::Hub => Role::Hub,
        });
        if let Err(reason) = take(file, found, &mut config, &mut report, &mut tokens) {
            report.refused(file, "", None, reason);
        }
    }
    if !report.roles.is_empty() {
        config.roles.clone_from(&report.roles);
    }
    reading::part_ports(&mut config, &mut report);
    report.tidy(&tokens);
    Imported { config, report }
}

fn take(
    file: V3File,
    found: Found,
    config: &mut Config,
    report: &mut ImportReport,
    tokens: &mut Vec<String>,
) -> Result<(), NotTakenReason> {
    let bytes = found?;
    let document = yaml::parse(found::text(&bytes)?)?;
    if document.has_more {
        report.refused(file, "", None, NotTakenReason::MoreDocuments);
    }
    match document.root {
        None => return Err(NotTakenReason::NoSettings),
        Some(yaml::Node::Map(pairs)) => reading::take(file, &pairs, config, report, tokens),
        Some(yaml::Node::Tagged) => return Err(NotTakenReason::Tagged),
        Some(_) => return Err(NotTakenReason::NotAMap),
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
