//! The rest of a first start, which the hub does: what V3's hub kept in its database joins the configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use taskpaw_contract::config::{
    Config, ConfigFile, ConfigProblem, HubAgent, HubConfig, WebhookConfig, is_plain_token,
};
use taskpaw_contract::folders::Folders;

use super::database::{self, Database, DatabaseError, Machine};
use super::first::{keep, report};
use super::hub::{Hub, OpenClaw};
use super::monitors::is_name;
use super::{DatabaseState, ImportReport, NotTaken, NotTakenReason, V3File, hub_in};

/// How long the name of a machine may be.
const LONGEST_NAME: u32 = 100;

/// Why the rest could not be taken over. It is tried again at the next start.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The report cannot be read or kept.
    #[error("the report of what was taken over cannot be used: {0}")]
    Report(#[from] io::Error),
    /// The configuration cannot be changed.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    /// V3's hub runs, and writes all the time.
    #[error("the hub of TaskPaw 3 is writing to {}: stop it, then try again", .0.display())]
    Written(PathBuf),
}

/// Takes over what the database of V3's hub has, if a report says that it waits; gives back the report as it is then. One
/// that cannot be read is tried again at the next start, and is no news as long as the reason is the same.
/// V3's hub should have ended: what it changes afterwards stays behind. Nothing that was set since is changed, so after a sudden end it can be done again.
///
/// # Errors
/// [`CompleteError`]; what is wrong with the database itself is in the report.
pub fn complete(folders: &Folders) -> Result<Option<ImportReport>, CompleteError> {
    let path = folders.import_report_file();
    let waits =
        |report: &ImportReport| matches!(report.database, DatabaseState::Pending | DatabaseState::Failed);
    let Some(mut kept) = report(&path)?.filter(waits) else { return Ok(None) };
    let folder = PathBuf::from(&kept.folder);
    let hub = hub_in(&folder).unwrap_or_default();
    let found = found(&hub.databases(&folder))?;
    let is_the_file = |refused: &NotTaken| refused.file == V3File::Database && refused.key.is_empty();
    if let Err(reason) = &found
        && kept.not_taken.iter().any(|refused| is_the_file(refused) && refused.reason == *reason)
    {
        return Ok(None);
    }
    kept.not_taken.retain(|refused| !is_the_file(refused));
    kept.database = DatabaseState::Read;
    match found {
        Err(NotTakenReason::NoDatabase) => {
            kept.refused(V3File::Database, "", None, NotTakenReason::NoDatabase)
        }
        Err(reason) => {
            kept.lost(V3File::Database, "", None, reason);
            kept.tidy(&[]);
            kept.database = DatabaseState::Failed;
        }
        Ok(database) => {
            let changed = ConfigFile::update(&folders.config_file(), |config: &mut Config| {
                let mut report = kept.clone();
                merge(&database, &hub, &mut config.hub, &mut report);
                Ok::<_, ConfigProblem>(report)
            });
            kept = changed?;
        }
    }
    kept.seen = false;
    keep(&path, &kept)?;
    Ok(Some(kept))
}

/// The database that counts: the first that has machines, as for V3; else the first that can be read.
fn found(paths: &[PathBuf]) -> Result<Result<Database, NotTakenReason>, CompleteError> {
    let mut best: Result<Database, NotTakenReason> = Err(NotTakenReason::NoDatabase);
    for path in paths.iter().filter(|path| is_there(path)) {
        match database::read(path) {
            Ok(database) if !database.machines.is_empty() => return Ok(Ok(database)),
            Err(DatabaseError::Written) => return Err(CompleteError::Written(path.clone())),
            Ok(database) if best.is_err() => best = Ok(database),
            Ok(_) => {}
            // SQLite repeats nothing of what stands in a file.
            Err(error) if best.is_err() => {
                best = Err(NotTakenReason::BadDatabase { message: error.to_string() })
            }
            Err(_) => {}
        }
    }
    Ok(best)
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Adds what the database has. What counts for V3 wins over what its file has given; what was set since stays.
fn merge(database: &Database, yaml: &Hub, hub: &mut HubConfig, report: &mut ImportReport) {
    if let Some(token) = database.polling_token.as_deref().map(str::trim) {
        take_polling_token(token, yaml, hub, report);
    }
    let openclaw = OpenClaw {
        is_on: database.openclaw_enabled.as_ref().map_or(yaml.openclaw.is_on, |enabled| enabled == "1"),
        url: yaml.openclaw.url.clone(),
        token: database.openclaw_token.as_deref().unwrap_or(&yaml.openclaw.token).trim().to_owned(),
    };
    if openclaw != yaml.openclaw && yaml.openclaw.webhook().is_some_and(|webhook| webhook == hub.webhook) {
        hub.webhook = WebhookConfig::default();
    }
    openclaw.put(V3File::Database, hub, report);
    for machine in &database.machines {
        take_machine(machine, hub, report);
    }
    if database.more > 0 {
        report.refused(V3File::Database, "servers", None, NotTakenReason::TooMany { number: database.more });
    }
    if database.undelivered > 0 {
        let reason = NotTakenReason::Undelivered { number: database.undelivered };
        report.refused(V3File::Database, "delivery_outbox", None, reason);
    }
    report.tidy(&[
        hub.polling_token.clone(),
        hub.webhook.token.clone(),
        database.polling_token.clone().unwrap_or_default(),
        openclaw.token,
    ]);
}

fn take_polling_token(token: &str, yaml: &Hub, hub: &mut HubConfig, report: &mut ImportReport) {
    let is_as_imported = hub.polling_token.is_empty() || hub.polling_token == yaml.polling_token;
    if hub.polling_token == token {
    } else if !is_as_imported {
        report.refused(V3File::Database, "polling_token", None, NotTakenReason::SetSince);
    } else if !is_plain_token(token) {
        report.refused(V3File::Database, "polling_token", None, NotTakenReason::BadToken);
    } else {
        token.clone_into(&mut hub.polling_token);
        report.took(V3File::Database, "polling_token", None);
    }
}

fn take_machine(machine: &Machine, hub: &mut HubConfig, report: &mut ImportReport) {
    let name = machine.name.as_deref().map(str::trim).filter(|name| is_name(name, LONGEST_NAME));
    let mut lost = |reason| report.lost(V3File::Database, "servers", name, reason);
    let Some(wanted) = name else { return lost(NotTakenReason::BadName { most: LONGEST_NAME }) };
    let Some(ip) = machine.ip.as_deref() else { return lost(NotTakenReason::NotAnAddress) };
    let Some(port) = machine.port.filter(|port| (1..=65_535).contains(port)) else {
        return lost(NotTakenReason::OutOfRange { least: 1, most: 65_535 });
    };
    let host = ip.trim().trim_matches(['[', ']']);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let agent = HubAgent {
        name: free_name(wanted, &hub.agents),
        url: format!("http://{host}:{port}"),
        token: String::new(),
        enabled: machine.is_enabled,
    };
    let is_bare = !host.contains(['/', '?', '#', '@']);
    if !is_bare || agent.check("agent").is_err() {
        return lost(NotTakenReason::NotAnAddress);
    }
    if let Some(known) = hub.agents.iter().find(|known| known.url.trim_end_matches('/') == agent.url) {
        // It is there already if this is done again.
        if known.name != wanted {
            lost(NotTakenReason::AddressTwice);
        }
        return;
    }
    report.took(V3File::Database, "servers", Some(&agent.name));
    hub.agents.push(agent);
}

/// The name, with a number behind it if another machine has it.
fn free_name(wanted: &str, agents: &[HubAgent]) -> String {
    let is_free = |name: &String| agents.iter().all(|agent| agent.name != *name);
    let numbered = (2..).map(|number| format!("{wanted} ({number})"));
    std::iter::once(wanted.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

#[cfg(test)]
#[path = "complete/tests.rs"]
mod tests;
