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
    /// It has been told, or was there from the start.
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

    /// What it needs to go on: which files are known. Those that arrive are told in any case, and wait anew.
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
mod tests {
    use super::*;
    use crate::monitors::Told;
    use crate::monitors::tests::{levels, looked, made, problem};

    #[test]
    fn an_ending_may_have_two_parts() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            json!({ "path": folder.path(), "stable_seconds": 0, "extensions": ["tar.gz", "*.Zip"] });
        let mut monitor = made(&KIND, settings);
        monitor.check();
        for name in ["a.tar.gz", "B.TAR.GZ", "c.gz", "dtar.gz", ".tar.gz", "tar.gz", "e.zip", "zip"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut told = Vec::new();
        looked(&mut *monitor, |check| {
            told.extend(check.notices.iter().map(|notice| notice.data.as_ref().unwrap()["file"].clone()));
            told.len() == 3
        });
        told.sort_by_key(ToString::to_string);
        assert_eq!(told, ["B.TAR.GZ", "a.tar.gz", "e.zip"]);
    }

    #[test]
    fn a_real_file_is_told_once_it_has_stopped_growing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old.mp4"), "x").unwrap();
        let settings = json!({ "path": folder.path(), "stable_seconds": 0.2, "extensions": [".MP4"] });
        let mut monitor = made(&KIND, settings);
        assert!(levels(&monitor.check()).is_empty());
        for name in ["new.mp4", "other.txt", ".hidden.mp4", "late.mp4.part"] {
            fs::write(at(name), "abc").unwrap();
        }
        fs::write(at("empty.mp4"), "").unwrap();
        fs::create_dir(at("folder.mp4")).unwrap();
        let arriving = monitor.check();
        assert_eq!((arriving.state, arriving.detail.as_str()), (MonitorState::Running, "1 file is arriving"));
        fs::write(at("new.mp4"), "abcdef").unwrap();
        let done = looked(&mut *monitor, |check| !check.notices.is_empty());
        assert_eq!(
            (done.notices.len(), done.notices[0].message.as_str()),
            (1, "new.mp4 is complete (6 bytes)")
        );
        assert_eq!(done.notices[0].data.as_ref().unwrap()["path"], at("new.mp4").to_str().unwrap());
        assert_eq!(done.state, MonitorState::Idle);
        assert!(levels(&monitor.check()).is_empty());

        fs::rename(folder.path(), folder.path().with_extension("away")).unwrap();
        let gone = monitor.check();
        assert_eq!((gone.state, levels(&gone)), (MonitorState::Error, vec![EventLevel::Alert]));
        fs::rename(folder.path().with_extension("away"), folder.path()).unwrap();
        let back = monitor.check();
        assert_eq!(
            (back.state, levels(&back)),
            (MonitorState::Idle, vec![EventLevel::Done]),
            "and no file again"
        );
        assert_eq!(problem(&KIND, json!({ "path": "downloads" })), "config.path");
    }

    /// Seconds, disk, and the files with their sizes.
    type Look<'a> = (u64, u64, &'a [(&'a str, u64)]);

    /// What was told, and when.
    fn told(looks: &[Look]) -> Vec<(u64, String)> {
        let start = Instant::now();
        let (name, stable) = ("f".to_owned(), Duration::from_secs(10));
        let mut growth = Growth {
            name,
            stable,
            health: Health::new(1),
            disk: None,
            files: HashMap::new(),
            told: 0,
            last: None,
            recalled: None,
            is_changed: true,
        };
        let mut told = Vec::new();
        for (second, disk, files) in looks {
            let files = files.iter().map(|(name, size)| (OsString::from(name), *size)).collect();
            let seen = Ok(Seen { disk: *disk, files });
            let check = growth.judge(seen, start + Duration::from_secs(*second), Duration::ZERO);
            told.extend(check.notices.into_iter().map(|notice| (*second, notice.title)));
        }
        told
    }

    #[test]
    fn growth_starts_the_wait_again_and_a_name_that_comes_again_is_new() {
        let a = |size| [("a", size)];
        let (one, two, none) = (a(1), a(2), a(0));
        let looks: &[Look] = &[
            (0, 1, &[]),
            (5, 1, &none),
            (20, 1, &one),
            (29, 1, &two),
            (38, 1, &two),
            (39, 1, &two),
            (60, 1, &two),
            (65, 1, &[]),
            (70, 1, &two),
            (80, 1, &two),
        ];
        assert_eq!(told(looks), [(39, "f: a".to_owned()), (80, "f: a".to_owned())]);
    }

    #[test]
    fn after_a_restart_what_came_meanwhile_is_new_and_what_was_known_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let add = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let settings = json!({ "path": folder.path(), "stable_seconds": 0 });
        let mut first = made(&KIND, settings.clone());
        add("old", "x");
        add("empty", "");
        first.check();
        let mut memory = Memory { found: first.memory().unwrap(), ..Memory::default() };
        assert_eq!(first.memory(), None, "nothing new to say");
        add("told", "x");
        let told = first.check().notices.remove(0);
        memory.add(Told { kind: told.kind, data: told.data.unwrap(), note: told.note });
        let again = |memory: &Memory| {
            let mut again = made(&KIND, settings.clone());
            again.recall(memory);
            let told: Vec<String> = again.check().notices.into_iter().map(|notice| notice.title).collect();
            assert!(again.check().notices.is_empty(), "said once");
            told
        };
        assert!(again(&memory).is_empty());
        add("new", "x");
        add("old", "it grew");
        assert_eq!(again(&memory), ["it: new", "it: old"]);
        // The number of a disk can be another one after the machine was started again.
        memory.found["disk"] = json!(u64::MAX);
        assert_eq!(again(&memory), ["it: new", "it: old"]);
        // Another disk has nothing of what was known.
        memory.found["known"] = json!("");
        memory.told.clear();
        assert!(again(&memory).is_empty());
    }

    #[test]
    fn what_was_there_is_not_told_unless_it_grows_and_another_disk_is_a_new_start() {
        let (small, large) = ([("a", 1)], [("a", 2)]);
        let looks: &[Look] = &[
            (0, 1, &small),
            (20, 1, &small),
            (30, 1, &large),
            (40, 1, &large),
            (50, 2, &[("b", 5)]),
            (70, 2, &[("b", 5)]),
            (80, 1, &large),
            (99, 1, &large),
        ];
        assert_eq!(told(looks), [(40, "f: a".to_owned())]);
    }
}
