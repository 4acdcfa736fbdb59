//! The first start on a machine with TaskPaw V3, for host and backend alike: what V3 left is taken over once.

use std::io;
use std::path::Path;

use super::{ImportReport, Starter, look};
use durable_file::{read_plain, replace_file};
use taskpaw_contract::config::{Config, ConfigFile, ConfigProblem};
use taskpaw_contract::folders::Folders;

/// The configuration at a start.
#[derive(Debug)]
pub struct Begun {
    /// The configuration file, read or just written.
    pub file: ConfigFile,
    /// What this start took over from V3, if it did.
    pub imported: Option<ImportReport>,
    /// Why the report could not be kept; the configuration is there nevertheless.
    pub not_kept: Option<io::Error>,
}

/// Reads the configuration, and makes it on the first start: from the files of V3 if they are there. A configuration
/// that is there is never made again, so this happens once.
///
/// # Errors
/// [`ConfigProblem`] if the configuration is there and cannot be used, or cannot be written.
pub fn begin(folders: &Folders, starter: Starter) -> Result<Begun, ConfigProblem> {
    let (mut imported, mut not_kept) = (None, None);
    let noted = |mut config: Config| {
        folders.note_data(&mut config);
        config
    };
    let mut file = ConfigFile::begin(&folders.config_file(), || {
        let Some(found) = look(&folders.v3, starter) else { return noted(Config::default()) };
        // Before the configuration: after a sudden end in between, the next start does both again.
        not_kept = keep(&folders.import_report_file(), &found.report).err();
        imported = Some(found.report);
        noted(found.config)
    })?;
    if folders.note_data(&mut file.config().clone()) {
        // An earlier version has made it. Where it cannot be written, the platform's folder goes on to count.
        let update = ConfigFile::update(&folders.config_file(), |config| {
            folders.note_data(config);
            Ok::<_, ConfigProblem>(())
        });
        file = update.and_then(|()| ConfigFile::read(&folders.config_file())).unwrap_or(file);
    }
    Ok(Begun { file, imported, not_kept })
}

/// The report of what was taken over; nothing if there is none.
///
/// # Errors
/// What the system says, or that it is not a report.
pub fn report(path: &Path) -> io::Result<Option<ImportReport>> {
    let bytes = read_plain(path, MOST_BYTES)?;
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

/// Remembers that the person has seen the report.
///
/// # Errors
/// What the system says.
pub fn mark_seen(path: &Path) -> io::Result<Option<ImportReport>> {
    let Some(report) = report(path)? else { return Ok(None) };
    let report = ImportReport { seen: true, ..report };
    keep(path, &report)?;
    Ok(Some(report))
}

/// A report names what was found, file by file.
const MOST_BYTES: u64 = 16 << 20;

pub(super) fn keep(path: &Path, report: &ImportReport) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(report)?;
    bytes.push(b'\n');
    replace_file(path, &bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folders(of: &Path) -> Folders {
        Folders { config: of.join("config"), data: of.join("data"), v3: of.join("v3") }
    }

    fn with_v3(agent: &str) -> (tempfile::TempDir, Folders) {
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(folder.path());
        fs::create_dir(&folders.v3).unwrap();
        fs::write(folders.v3.join("agent.yaml"), agent).unwrap();
        (folder, folders)
    }

    #[test]
    fn the_first_start_takes_over_and_no_later_one_does() {
        let (_folder, folders) = with_v3("server_id: old\nmachine: box\n");
        let first = begin(&folders, Starter::App).unwrap();
        assert_eq!(first.file.config().agent.server_id, "old");
        let kept = report(&folders.import_report_file()).unwrap();
        assert_eq!(kept, first.imported);
        assert_eq!(kept.unwrap().folder, folders.v3.display().to_string());

        fs::write(folders.v3.join("agent.yaml"), "server_id: other\n").unwrap();
        let second = begin(&folders, Starter::App).unwrap();
        assert!(second.imported.is_none() && second.file.config().agent.server_id == "old");
        assert!(!report(&folders.import_report_file()).unwrap().unwrap().seen);
        assert!(mark_seen(&folders.import_report_file()).unwrap().unwrap().seen);
        assert!(report(&folders.import_report_file()).unwrap().unwrap().seen);
    }

    #[test]
    fn without_files_of_v3_a_first_start_has_the_defaults_and_no_report() {
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(folder.path());
        let begun = begin(&folders, Starter::App).unwrap();
        assert!(begun.imported.is_none() && begun.not_kept.is_none());
        assert_eq!(begun.file.config().agent.network, Config::default().agent.network);
        assert!(!folders.data.exists());
    }

    #[test]
    fn of_starts_at_the_same_moment_one_takes_over() {
        let (_folder, folders) = with_v3("machine: box\n");
        let begun: Vec<Begun> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..6).map(|_| scope.spawn(|| begin(&folders, Starter::App).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(begun.iter().filter(|begun| begun.imported.is_some()).count(), 1);
        let id = |begun: &Begun| begun.file.config().agent.server_id.clone();
        assert!(begun.iter().all(|other| id(other) == id(&begun[0])));
    }

    #[test]
    fn a_report_that_cannot_be_kept_stops_nothing() {
        let (_folder, folders) = with_v3("machine: box\n");
        fs::write(&folders.data, "in the way").unwrap();
        let begun = begin(&folders, Starter::App).unwrap();
        assert!(begun.not_kept.is_some() && begun.imported.is_some());
        assert_eq!(begun.file.config().agent.machine, "box");
    }
}
