//! Who came with 4.0.0, which took over less: what it left behind is offered once, and what was set since stays.

use std::fs;
use std::io;
use std::path::Path;

use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::{Config, ConfigFile, ConfigProblem};
use taskpaw_contract::folders::Folders;
use taskpaw_contract::import_report::{LeftBehind, LeftBehindKind};

use super::first::{keep, report};
use super::hub::Hub;
use super::{DatabaseState, ImportReport, V3File, hub_in};

/// Why what was left behind cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum LateError {
    /// The report cannot be read or kept.
    #[error("the report of what was taken over cannot be used: {0}")]
    Report(#[from] io::Error),
    /// The configuration cannot be changed.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
}

/// What an earlier version has left behind on this machine, if that was not dealt with yet.
#[must_use]
pub fn left_behind(folders: &Folders, config: &Config) -> Option<LeftBehind> {
    // A report that cannot be read is no reason to ask a person.
    if report(&folders.import_report_file()).ok()?.is_some_and(|report| report.is_whole) {
        return None;
    }
    let hub = hub_in(&folders.v3)?;
    let kinds = kinds(&hub, &folders.v3, config);
    (!kinds.is_empty()).then(|| LeftBehind { folder: folders.v3.display().to_string(), kinds })
}

fn kinds(hub: &Hub, folder: &Path, config: &Config) -> Vec<LeftBehindKind> {
    let is_file = |path: &Path| fs::metadata(path).is_ok_and(|found| found.is_file());
    let has_database = hub.databases(folder).iter().any(|path| is_file(path));
    let has_webhook = hub.openclaw.webhook().is_some() && config.hub.webhook.url.is_empty();
    let has_status = hub.writes_status && is_file(&hub.status_file()) && config.hub.status_md.is_empty();
    [
        (has_database, LeftBehindKind::Machines),
        (has_webhook, LeftBehindKind::Webhook),
        (has_status, LeftBehindKind::StatusFile),
    ]
    .into_iter()
    .filter_map(|(is_there, kind)| is_there.then_some(kind))
    .collect()
}

/// Takes over what was left behind, or remembers that nobody wants it. The database is read when the hub starts next.
/// Only what is empty is filled.
///
/// # Errors
/// [`LateError`].
pub fn answer_left_behind(folders: &Folders, is_wanted: bool) -> Result<ImportReport, LateError> {
    let path = folders.import_report_file();
    let mut kept = report(&path)?.unwrap_or_else(|| ImportReport {
        at: unix_ms(),
        folder: folders.v3.display().to_string(),
        files: vec![V3File::Hub],
        seen: true,
        ..ImportReport::empty()
    });
    if let Some(hub) = hub_in(&folders.v3).filter(|_| is_wanted) {
        kept = ConfigFile::update(&folders.config_file(), |config: &mut Config| {
            let mut report = kept.clone();
            let kinds = kinds(&hub, &folders.v3, config);
            // What it said of this is not so any more.
            report.not_taken.retain(|refused| {
                let is_about = |part: &str| refused.file == V3File::Hub && refused.key.starts_with(part);
                !(is_about("openclaw_") || is_about("write_status_md") || is_about("data_dir"))
            });
            hub.openclaw.put(V3File::Hub, &mut config.hub, &mut report);
            if kinds.contains(&LeftBehindKind::StatusFile) {
                config.hub.status_md = hub.status_file().display().to_string();
                report.took(V3File::Hub, "write_status_md", None);
            }
            if kinds.contains(&LeftBehindKind::Machines) {
                report.database = DatabaseState::Pending;
            }
            report.folder = folders.v3.display().to_string();
            report.tidy(&[hub.openclaw.token.clone(), hub.polling_token.clone()]);
            report.seen = false;
            Ok::<_, ConfigProblem>(report)
        })?;
    }
    kept.is_whole = true;
    keep(&path, &kept)?;
    Ok(kept)
}

#[cfg(test)]
#[path = "late/tests.rs"]
mod tests;
