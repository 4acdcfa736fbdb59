//! `folder`: new files, once they have stopped growing.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{EventKind, EventLevel, MonitorState};

use super::form::{self, Values};
use super::health::{Health, Turn};
use super::memory::fingerprint;
use super::words::size;
use super::{Check, Kind, Made, Memory, Monitor, Notice, Setup, refused};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "folder",
    title: "Folder",
    about: "New files in a folder, each told once it has stopped growing.",
    always_on: false,
    fields: form::FOLDER,
    build,
};

/// More files than this are not watched: something else is meant then.
const MOST_FILES: usize = 100_000;

fn build(values: &Values, setup: &Setup) -> Made {
    let plain = |extension: &String| extension.trim_start_matches(['*', '.']).to_lowercase();
    let extensions = |key| values.texts(key).iter().map(plain).collect();
    Ok(Box::new(Folder {
        path: values.path("path"),
        only: extensions("extensions"),
        never: extensions("ignored_extensions"),
        every: values.seconds("poll_interval"),
        growth: Growth {
            name: setup.name.clone(),
            stable: values.seconds("stable_seconds"),
            health: Health::new(1),
            disk: None,
            files: HashMap::new(),
            told: 0,
            last: None,
            recalled: None,
            is_changed: true,
        },
    }))
}

struct Folder {
    path: PathBuf,
    only: Vec<String>,
    never: Vec<String>,
    every: Duration,
    growth: Growth,
}

/// What a look into the folder shows.
struct Seen {
    /// Which disk it is on: another one may be mounted there.
    disk: u64,
    /// Every file that counts, and its size.
    files: Vec<(OsString, u64)>,
}

impl Monitor for Folder {
    fn check(&mut self) -> Check {
        let seen = self.look();
        let mut check = self.growth.judge(seen, Instant::now(), self.every);
        for notice in &mut check.notices {
            if let Some(Value::Object(data)) = &mut notice.data {
                let name = data.get("file").and_then(Value::as_str).unwrap_or_default();
                let path = self.path.join(name).to_string_lossy().into_owned();
                data.insert("path".to_owned(), path.into());
            }
        }
        check
    }

    fn memory(&mut self) -> Option<Value> {
        self.growth.memory()
    }

    fn recall(&mut self, memory: &Memory) {
        self.growth.recall(memory);
    }
}

impl Folder {
    fn look(&self) -> Result<Seen, String> {
        let place = self.path.display();
        let unreadable = |error: io::Error| format!("{place} cannot be read: {}", refused::file(&error));
        let disk = disk_of(&self.path).map_err(unreadable)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if !self.counts(&name) {
                continue;
            }
            // A link counts as what it points to. A file that is gone again is none.
            match fs::metadata(entry.path()) {
                Ok(about) if about.is_file() => files.push((name, about.len())),
                _ => {}
            }
            if files.len() > MOST_FILES {
                return Err(format!("{place} has more than {MOST_FILES} files"));
            }
        }
        Ok(Seen { disk, files })
    }

    /// Names that begin with a dot or `~$` are hidden or locks, on every system.
    fn counts(&self, name: &OsString) -> bool {
        let shown = name.to_string_lossy();
        let lower = shown.to_lowercase();
        // One of two parts, such as `tar.gz`, too. A name that has nothing before it has none.
        let has = |extension: &String| {
            let stem = lower.strip_suffix(extension.as_str()).and_then(|stem| stem.strip_suffix('.'));
            !extension.is_empty() && stem.is_some_and(|stem| !stem.is_empty())
        };
        let is_one_of = |list: &[String]| list.iter().any(has);
        !shown.starts_with('.')
            && !shown.starts_with("~$")
            && !is_one_of(&self.never)
            && (self.only.is_empty() || is_one_of(&self.only))
    }
}

#[cfg(unix)]
fn disk_of(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;

    fs::metadata(path).map(|about| about.dev())
}

/// Windows gives a disk that goes away no empty folder in its place.
#[cfg(not(unix))]
fn disk_of(path: &Path) -> io::Result<u64> {
    fs::metadata(path).map(|_| 0)
}

/// What is known about the files.
struct Growth {
    name: String,
    stable: Duration,
    health: Health,
    disk: Option<u64>,
    files: HashMap<OsString, File>,
    told: u64,
    last: Option<String>,
    /// What was known before a restart, until it is seen that it is the same disk.
    recalled: Option<Recalled>,
    /// Something is to be remembered that was not said yet.
    is_changed: bool,
}

/// What was known before a restart.
struct Recalled {
    since: Instant,
    disk: u64,
    /// A [`mark`] for each known file.
    known: HashSet<u64>,
}

/// How long a disk may take to come back after a restart.
const BACK_WITHIN: Duration = Duration::from_secs(600);

/// Stands for a file of this name and size.
fn mark(name: &OsStr, size: u64) -> u64 {
    let mut bytes = name.as_encoded_bytes().to_vec();
    bytes.push(0);
    bytes.extend(size.to_le_bytes());
    fingerprint(&bytes)
}

impl Recalled {
    /// Whether this is the disk that was known. Its number can be another one after the machine was started again.
    fn is_of(&self, seen: &Seen) -> bool {
        self.disk == seen.disk
            || seen.files.iter().any(|(name, size)| self.known.contains(&mark(name, *size)))
    }
}

struct File {
    size: u64,
    /// Since when it has this size.
    since: Instant,
    /// Whether the file was reported, or was there from the start.
    is_known: bool,
}

impl Growth {
    fn judge(&mut self, seen: Result<Seen, String>, now: Instant, again_in: Duration) -> Check {
        let turn = self.health.note(seen.is_ok());
        self.is_changed |= turn.is_some();
        let mut notices: Vec<Notice> = Vec::new();
        let problem = seen.as_ref().err().cloned();
        if let Some(turn) = turn {
            let (kind, level, title, message) = match turn {
                Turn::Down => {
                    let why = problem.clone().unwrap_or_default();
                    (EventKind::Unreadable, EventLevel::Alert, "cannot be watched", why)
                }
                Turn::Up => {
                    let message = "the folder can be read again".to_owned();
                    (EventKind::Readable, EventLevel::Done, "is watched again", message)
                }
            };
            notices.push(Notice {
                kind,
                level,
                title: format!("{} {title}", self.name),
                message,
                data: None,
                note: None,
            });
        }
        if let Ok(seen) = seen {
            notices.extend(self.compare(seen, now));
        }
        let growing = self.files.values().filter(|file| !file.is_known && file.size > 0).count();
        let (state, detail) = match (problem, growing) {
            (Some(problem), _) => (MonitorState::Error, problem),
            (None, 0) => (
                MonitorState::Idle,
                self.last
                    .as_ref()
                    .map_or_else(|| "no new file".to_owned(), |last| format!("complete: {last}")),
            ),
            (None, 1) => (MonitorState::Running, "1 file is arriving".to_owned()),
            (None, many) => (MonitorState::Running, format!("{many} files are arriving")),
        };
        let metrics: Map<String, Value> =
            [("files", self.files.len() as u64), ("arriving", growing as u64), ("completed", self.told)]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
        Check { state, detail, metrics, notices, again_in }
    }

    /// What it needs to go on: which files are known. Those that arrive are told in any case, and wait again.
    fn memory(&mut self) -> Option<Value> {
        if self.recalled.is_some() || !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let known = self.files.iter().filter(|(_, file)| file.is_known);
        let mut known: Vec<u64> = known.map(|(name, file)| mark(name, file.size)).collect();
        known.sort_unstable();
        let known: String = known.into_iter().map(|mark| format!("{mark:016x}")).collect();
        Some(json!({
            "disk": self.disk,
            "known": known,
            "is_unreadable": self.health.is_down(),
            "told": self.told,
            "last": self.last,
        }))
    }

    /// Goes on after a restart.
    fn recall(&mut self, memory: &Memory) {
        self.health.recall(memory.stands("is_unreadable", EventKind::Unreadable, EventKind::Readable));
        let Some(found) = memory.found() else { return };
        (self.told, self.last) =
            (found["told"].as_u64().unwrap_or_default(), found["last"].as_str().map(str::to_owned));
        let Some(disk) = found["disk"].as_u64() else { return };
        let read = |mark: &[u8]| u64::from_str_radix(std::str::from_utf8(mark).ok()?, 16).ok();
        let known = found["known"].as_str().unwrap_or_default().as_bytes().chunks(16);
        let mut known: HashSet<u64> = known.take(MOST_FILES + 1).filter_map(read).collect();
        for told in memory.told.iter().filter(|told| told.kind == EventKind::FileComplete) {
            known.extend(told.note.as_ref().and_then(Value::as_u64));
            self.told += 1;
            self.last = told.data["file"].as_str().map(str::to_owned);
        }
        self.recalled = Some(Recalled { since: Instant::now(), disk, known });
    }

    fn compare(&mut self, seen: Seen, now: Instant) -> Vec<Notice> {
        // What is there at the first look is not new, and neither is what is on another disk that was mounted.
        let mut is_first = self.disk.replace(seen.disk) != Some(seen.disk);
        let recalled = self.recalled.take_if(|recalled| is_first && recalled.is_of(&seen));
        if let Some(Recalled { known, .. }) = recalled {
            // It goes on where it was: what is not known has come, or grown, meanwhile.
            is_first = false;
            self.files = HashMap::new();
            for (name, size) in &seen.files {
                if known.contains(&mark(name, *size)) {
                    self.files.insert(name.clone(), File { size: *size, since: now, is_known: true });
                }
            }
            self.is_changed = true;
        }
        if self.recalled.take_if(|recalled| now.duration_since(recalled.since) > BACK_WITHIN).is_some() {
            self.is_changed = true;
        }
        let mut files = HashMap::with_capacity(seen.files.len());
        let mut complete = Vec::new();
        // A name that is gone is forgotten: if it comes again it is a new file.
        for (name, size) in seen.files {
            let mut file = match self.files.remove(&name) {
                Some(file) if !is_first && file.size == size => file,
                // One that was there grows on: it was not complete at the start.
                Some(file) if !is_first => {
                    self.is_changed |= file.is_known;
                    File { size, since: now, is_known: false }
                }
                _ => {
                    let is_known = is_first && size > 0;
                    self.is_changed |= is_known;
                    File { size, since: now, is_known }
                }
            };
            if !file.is_known && size > 0 && now.duration_since(file.since) >= self.stable {
                file.is_known = true;
                complete.push((name.to_string_lossy().into_owned(), size, mark(&name, size)));
            }
            files.insert(name, file);
        }
        // What is left is gone.
        self.is_changed |= is_first || self.files.values().any(|file| file.is_known);
        self.files = files;
        complete.sort();
        complete.into_iter().map(|(name, bytes, mark)| self.complete(name, bytes, mark)).collect()
    }

    fn complete(&mut self, name: String, bytes: u64, mark: u64) -> Notice {
        self.told += 1;
        self.is_changed = true;
        let notice = Notice {
            kind: EventKind::FileComplete,
            level: EventLevel::Done,
            title: format!("{}: {name}", self.name),
            message: format!("{name} is complete ({})", size(bytes)),
            data: Some(json!({ "file": name, "bytes": bytes })),
            note: Some(mark.into()),
        };
        self.last = Some(name);
        notice
    }
}

#[cfg(test)]
mod tests;
