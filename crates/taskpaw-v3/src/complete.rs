//! The rest of a first start, which the hub does: what V3's hub kept in its database joins the configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use taskpaw_contract::Role;
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::{
    Config, ConfigFile, ConfigProblem, HubAgent, HubConfig, WebhookConfig, is_plain_token,
};
use taskpaw_contract::folders::Folders;

use super::database::{self, Database, DatabaseError, Machine};
use super::elsewhere::{self, Elsewhere};
use super::first::{keep, report};
use super::hub::{Hub, OpenClaw};
use super::monitors::is_name;
use super::{
    DatabaseState, ImportReport, Imported, NotTaken, NotTakenReason, Starter, V3File, found, made_from,
};

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

/// Takes over what the database of V3's hub has, if a report says that it waits, or if that hub had its files elsewhere;
/// gives back the report as it is then. One that cannot be read is tried again at the next start, and is not news as long as
/// the reason is the same.
/// V3's hub should have ended: what it changes afterwards stays behind. Nothing that was set since is changed, so after a sudden end it can be done again.
///
/// # Errors
/// [`CompleteError`]; what is wrong with the database itself is in the report.
pub fn complete(folders: &Folders) -> Result<Option<ImportReport>, CompleteError> {
    let path = folders.import_report_file();
    let elsewhere = elsewhere::noted(&folders.state());
    let Some(mut kept) = what_waits(report(&path)?, elsewhere.as_ref(), folders) else {
        return Ok(None);
    };
    let folder = PathBuf::from(&kept.folder);
    let usual = hub_at(&folder.join(V3File::Hub.to_string()));
    let Elsewhere { config, database } = elsewhere.unwrap_or_default();
    let there = config.as_deref().and_then(hub_at);
    let hub = there.as_ref().or(usual.as_ref()).map(|file| file.hub.clone()).unwrap_or_default();
    let databases = match database {
        Some(database) => vec![database],
        None => hub.databases(config.as_deref().and_then(Path::parent).unwrap_or(&folder)).to_vec(),
    };
    let found = database_of(&databases)?;
    let is_the_file = |refused: &NotTaken| refused.file == V3File::Database && refused.key.is_empty();
    if let Err(reason) = &found
        && kept.database == DatabaseState::Failed
        && kept.not_taken.iter().any(|refused| is_the_file(refused) && refused.reason == *reason)
    {
        return Ok(None);
    }
    kept.not_taken.retain(|refused| !is_the_file(refused));
    kept.database = DatabaseState::Read;
    match &found {
        Err(NotTakenReason::NoDatabase) => {
            kept.refused(V3File::Database, "", None, NotTakenReason::NoDatabase)
        }
        Err(reason) => {
            kept.lost(V3File::Database, "", None, reason.clone());
            kept.database = DatabaseState::Failed;
        }
        Ok(_) => {}
    }
    if there.is_some() || found.is_ok() {
        let changed = ConfigFile::update(&folders.config_file(), |config: &mut Config| {
            let mut report = kept.clone();
            if let Some(there) = there {
                there.fill(usual.as_ref(), config, &mut report);
            }
            if let Ok(database) = &found {
                merge(database, &hub, &mut config.hub, &mut report);
            }
            Ok::<_, ConfigProblem>(report)
        });
        kept = changed?;
    }
    kept.tidy(&[]);
    kept.seen = false;
    keep(&path, &kept)?;
    if kept.database != DatabaseState::Failed {
        elsewhere::forget(&folders.state())?;
    }
    Ok(Some(kept))
}

/// The report of what there is to do; nothing if there is nothing. Where V3's hub had its files counts until one database
/// was read: what comes after that is what people have set.
fn what_waits(
    report: Option<ImportReport>,
    elsewhere: Option<&Elsewhere>,
    folders: &Folders,
) -> Option<ImportReport> {
    match report {
        Some(report) => match report.database {
            DatabaseState::Pending | DatabaseState::Failed => Some(report),
            DatabaseState::None => elsewhere.map(|_| report),
            DatabaseState::Read => None,
        },
        None => elsewhere.map(|elsewhere| {
            let file = elsewhere.config.as_deref().or(elsewhere.database.as_deref());
            let folder = file.and_then(Path::parent).unwrap_or(&folders.v3);
            ImportReport {
                at: unix_ms(),
                folder: folder.display().to_string(),
                files: vec![if elsewhere.config.is_some() { V3File::Hub } else { V3File::Database }],
                roles: vec![Role::Hub],
                ..ImportReport::empty()
            }
        }),
    }
}

/// What a `hub.yaml` of any name says.
struct HubFile {
    config: Config,
    hub: Hub,
    report: ImportReport,
}

/// Reads one; nothing if it is not there.
fn hub_at(path: &Path) -> Option<HubFile> {
    let (Imported { config, report }, hub) = made_from(None, Some(found::read(path)?), Starter::Backend);
    Some(HubFile { config, hub: hub.unwrap_or_default(), report })
}

impl HubFile {
    /// Puts what it says where nobody has set something else: what is there is the default, or what the file in its usual
    /// place said. The ports are those of this launch.
    fn fill(self, usual: Option<&Self>, config: &mut Config, report: &mut ImportReport) {
        let Self { config: Config { agent, hub: from, .. }, hub: left, report: said } = self;
        let by_default = HubConfig::default();
        let usual_hub = usual.map_or(&by_default, |usual| &usual.config.hub);
        let status_of = |hub: &Hub| hub.status_file().display().to_string();
        let usual_status = usual.map(|usual| status_of(&usual.hub)).unwrap_or_default();
        let into = &mut config.hub;
        let mut fill = Fill { report };
        fill.with("api_token", &from.token, [&by_default.token, &usual_hub.token], &mut into.token);
        let free = [&by_default.polling_token, &usual_hub.polling_token];
        fill.with("polling_token", &from.polling_token, free, &mut into.polling_token);
        let free = [&by_default.poll_seconds, &usual_hub.poll_seconds];
        fill.with("poll_interval", &from.poll_seconds, free, &mut into.poll_seconds);
        let free = [&by_default.keep_status_days, &usual_hub.keep_status_days];
        fill.with("status_log_retention_days", &from.keep_status_days, free, &mut into.keep_status_days);
        fill.with(
            "openclaw_url",
            &from.webhook,
            [&by_default.webhook, &usual_hub.webhook],
            &mut into.webhook,
        );
        if left.writes_status && left.status_file().is_file() {
            let free = [&by_default.status_md, &usual_status];
            fill.with("write_status_md", &status_of(&left), free, &mut into.status_md);
        }
        if agent.machine != config.agent.machine {
            fill.with("machine", &agent.machine, [&by_default.machine; 2], &mut into.machine);
        }
        report.not_taken.extend(said.not_taken);
        report.tidy(&[from.token, from.polling_token, from.webhook.token]);
    }
}

struct Fill<'a> {
    report: &'a mut ImportReport,
}

impl Fill<'_> {
    /// The first of `free` is the default, of which there is nothing to say.
    fn with<T: Clone + PartialEq>(&mut self, key: &str, from: &T, free: [&T; 2], into: &mut T) {
        if from == free[0] || from == into {
            return;
        }
        if free.contains(&&*into) {
            into.clone_from(from);
            self.report.took(V3File::Hub, key, None);
        } else {
            self.report.refused(V3File::Hub, key, None, NotTakenReason::SetSince);
        }
    }
}

/// The database that counts: the first that has machines, as for V3; else the first that can be read.
fn database_of(paths: &[PathBuf]) -> Result<Result<Database, NotTakenReason>, CompleteError> {
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
