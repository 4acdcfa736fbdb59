//! One archive for the people who help: what TaskPaw was told, what it did and how the ports are held, without
//! tokens, without what looks like a secret, and without names of users.

mod redact;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use durable_file::{Links, open_plain};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use port_takeover::sys::{Native, System as _};
use port_takeover::{Journal, Snapshot};
use serde::Serialize;
use serde_json::{Value, json};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::{Config, without_byte_order_mark};
use taskpaw_contract::import_report::ImportReport;
use taskpaw_contract::{Role, identity, version};

use redact::Redactor;

/// How much of each log file is taken, from its end.
const LOG_BYTES: u64 = 1 << 20;
/// How many takeovers are taken.
const RECORDS: usize = 200;
/// The folder in the archive, so that unpacking it makes no mess.
const FOLDER: &str = "taskpaw-diagnostics";

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) config_file: PathBuf,
    pub(crate) logs: PathBuf,
    pub(crate) journal: PathBuf,
    /// What was taken over from TaskPaw V3; the window shows it too.
    pub(crate) imported: Option<ImportReport>,
    /// Where the archive is put if the person has no folder for downloads.
    pub(crate) data: PathBuf,
    /// What the window shows, for the states of the roles.
    pub(crate) shown: Value,
}

/// Why the archive could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the archive {} cannot be written: {source}", path.display())]
pub(crate) struct ExportError {
    path: PathBuf,
    source: io::Error,
}

/// Writes the archive and says where it is. Reads much and looks at the ports, so it blocks for a moment.
///
/// # Errors
/// [`ExportError`]. What cannot be read is named in the archive and does not stop it.
pub(crate) fn export(sources: &Sources) -> Result<PathBuf, ExportError> {
    let folder = folder(&sources.data);
    let path = folder.join(file_name(Timestamp::now()));
    let written = std::fs::create_dir_all(&folder).and_then(|()| write(&path, &collect(sources)));
    written.map(|()| path.clone()).map_err(|source| ExportError { path, source })
}

/// The archive's name: the time in UTC, which sorts and has no character that a file system refuses.
fn file_name(now: Timestamp) -> String {
    format!("{FOLDER}-{}.tar.gz", now.strftime("%Y-%m-%d-%H%M%SZ"))
}

/// Where archives are written: where a person finds what they have asked for, else in the data folder.
pub(crate) fn folder(data: &Path) -> PathBuf {
    let downloads = directories::UserDirs::new().and_then(|dirs| dirs.download_dir().map(Path::to_owned));
    downloads.filter(|folder| folder.is_dir()).unwrap_or_else(|| data.join("diagnostics"))
}

/// A file of the archive.
struct Entry {
    name: String,
    bytes: Vec<u8>,
}

impl Entry {
    fn text(name: impl Into<String>, text: String) -> Self {
        Self { name: name.into(), bytes: text.into_bytes() }
    }

    fn json(name: impl Into<String>, value: &impl Serialize) -> Self {
        let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
        bytes.push(b'\n');
        Self { name: name.into(), bytes }
    }
}

fn collect(sources: &Sources) -> Vec<Entry> {
    let mut redactor = Redactor::default();
    let raw = std::fs::read(&sources.config_file).map_err(|error| error.to_string());
    let parsed = raw.and_then(|bytes| {
        serde_json::from_slice::<Value>(without_byte_order_mark(&bytes))
            .map_err(|error| format!("it is no valid JSON: {error}"))
    });
    if let Ok(config) = &parsed {
        redactor.learn_tokens(config);
    }
    for variable in ["USER", "LOGNAME", "USERNAME"] {
        if let Ok(name) = std::env::var(variable) {
            redactor.learn_name(&name);
        }
    }
    if let Some(dirs) = directories::UserDirs::new() {
        redactor.learn_home(dirs.home_dir());
    }
    let records = Journal::at(&sources.journal).read(RECORDS).map_err(|error| error.to_string());
    for user in
        records.iter().flatten().flat_map(|record| &record.holders).filter_map(|it| it.user.as_deref())
    {
        redactor.learn_name(user);
    }
    let config = parsed
        .as_ref()
        .ok()
        .and_then(|_| taskpaw_contract::config::ConfigFile::read(&sources.config_file).ok())
        .map_or_else(Config::default, |file| file.config().clone());
    let looks: Vec<(Role, Result<Snapshot, String>)> = Role::ALL
        .into_iter()
        .map(|role| {
            let look = match config.wanted_ports(role) {
                Ok(wanted) => Native::of(identity::installation(&sources.data.join("state")))
                    .look(&role.into(), &wanted)
                    .map_err(|error| error.to_string()),
                Err(problem) => Err(problem.to_string()),
            };
            (role, look)
        })
        .collect();
    for (_, look) in &looks {
        for user in look.iter().flat_map(|look| &look.processes).filter_map(|process| process.user.as_deref())
        {
            redactor.learn_name(user);
        }
    }

    let mut entries = vec![Entry::json(
        "about.json",
        &json!({
            "version": version(),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "at": unix_ms(),
            "shown": redactor.json(&sources.shown),
        }),
    )];
    entries.push(match &parsed {
        Ok(config) => Entry::json("config.json", &redactor.config(config)),
        // A file that cannot be understood could have a token anywhere: only what is wrong with it is taken.
        Err(reason) => Entry::text("config.problem.txt", redactor.text(reason)),
    });
    entries.push(match &records {
        Ok(records) => {
            let line =
                |record| serde_json::to_value(record).map(|value| redactor.json(&value).to_string() + "\n");
            Entry::text(
                "takeover-journal.jsonl",
                records.iter().rev().filter_map(|it| line(it).ok()).collect(),
            )
        }
        Err(reason) => Entry::text("takeover-journal.problem.txt", redactor.text(reason)),
    });
    if let Some(report) = &sources.imported {
        let report = serde_json::to_value(report).unwrap_or_default();
        entries.push(Entry::json("taskpaw3-import.json", &redactor.json(&report)));
    }
    for (role, look) in &looks {
        entries.push(match look {
            Ok(look) => {
                Entry::json(format!("ports-{role}.json"), &redactor.snapshot(look, &identity::rules()))
            }
            Err(reason) => Entry::text(format!("ports-{role}.problem.txt"), redactor.text(reason)),
        });
    }
    entries.extend(logs(&sources.logs, &redactor));
    entries.push(Entry::text("README.txt", readme()));
    entries
}

fn logs(folder: &Path, redactor: &Redactor) -> Vec<Entry> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        found.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
    paths.sort();
    let entry = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        let text = end_of(&path).unwrap_or_else(|error| format!("it cannot be read: {error}\n"));
        Some(Entry::text(format!("logs/{name}"), redactor.text(&text)))
    };
    paths.into_iter().filter_map(entry).collect()
}

/// The last part of a file, from the beginning of a line: half a line could be half a token.
fn end_of(path: &Path) -> io::Result<String> {
    let mut file = open_plain(path, Links::Follow)?;
    let skipped = file.metadata()?.len().saturating_sub(LOG_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(if skipped == 0 {
        text
    } else {
        text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
    })
}

fn readme() -> String {
    format!(
        "What TaskPaw {} wrote down for whoever helps. Tokens, whatever else looks like a secret, names of users\n\
         and the arguments of other programs were taken out. Look at it before you give it away: a secret that looks like\n\
         any other word cannot be found. How the ports are held can be explained on any machine:\n\n    \
         taskpaw-ports explain --snapshot ports-agent.json\n",
        version()
    )
}

/// The archive can be read by its owner alone, until they give it to somebody.
fn write(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut archive = tar::Builder::new(GzEncoder::new(options.open(path)?, Compression::default()));
    for Entry { name, bytes } in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(unix_ms() / 1000);
        archive.append_data(&mut header, format!("{FOLDER}/{name}"), bytes.as_slice())?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()
}

#[cfg(test)]
#[path = "diagnostics/tests.rs"]
mod tests;
