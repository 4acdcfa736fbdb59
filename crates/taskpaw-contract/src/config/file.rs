//! Reading and writing `config.json` without ever losing what stands in it.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::{Config, ConfigHash, ConfigProblem, SCHEMA};
use durable_file::{
    Links, create_private_folder, dangling, keep_private, leads_nowhere, open_plain, replace_file,
};

/// How long to wait for another process that is changing the file: a change takes some milliseconds, on a slow disk a second.
const LOCK_WITHIN: Duration = Duration::from_secs(5);
/// Between two tries.
const LOCK_STEP: Duration = Duration::from_millis(10);

/// A configuration file that was read, or that is not there yet.
///
/// Keys that this version does not know are kept beside the typed configuration and survive a write.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigFile {
    path: PathBuf,
    raw: Value,
    config: Config,
    exists: bool,
    hash: ConfigHash,
}

impl ConfigFile {
    /// Reads and checks the file; one that is not there has every default. Writes nothing.
    ///
    /// # Errors
    /// [`ConfigProblem`] if it is there and cannot be used.
    pub fn read(path: &Path) -> Result<Self, ConfigProblem> {
        match read(path) {
            Ok(bytes) => Self::from_bytes(path, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::checked(path, Value::Object(Map::new()), None)
            }
            Err(error) => Err(ConfigProblem::Unreadable { path: path.to_owned(), reason: error.to_string() }),
        }
    }

    /// What was read from the file at this path.
    ///
    /// # Errors
    /// [`ConfigProblem`] if it cannot be used.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ConfigProblem> {
        Self::checked(path, parse(path, bytes)?, Some(bytes))
    }

    fn checked(path: &Path, raw: Value, bytes: Option<&[u8]>) -> Result<Self, ConfigProblem> {
        let config = typed(&raw)?;
        config.check()?;
        Ok(Self { path: path.to_owned(), raw, config, exists: bytes.is_some(), hash: ConfigHash::of(bytes) })
    }

    /// What tells the bytes that were read, or written, from others.
    #[must_use]
    pub fn hash(&self) -> &ConfigHash {
        &self.hash
    }

    /// What the file says, with the defaults of what it leaves out.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads the file at a start. One that is not there yet is made from what `first` gives, and this machine gets its
    /// `server_id` if it has none. Host and backend can start at the same moment, so the process that writes holds a lock: the
    /// file is made once, and both have what stands in it then. A file of this user's that others can read, as an editor or a
    /// copy makes it, is made private with its copies: there are tokens in it.
    ///
    /// # Errors
    /// [`ConfigProblem`] if it is there and cannot be used, or cannot be written.
    pub fn begin(path: &Path, first: impl FnOnce() -> Config) -> Result<Self, ConfigProblem> {
        for secret in [path.to_owned(), last_good(path), beside(path, ".broken")] {
            // Where that cannot be done, as on a disk without rights, it is used as it is.
            let _was_open = keep_private(&secret);
        }
        let file = Self::read(path)?;
        if file.is_complete() {
            return Ok(file);
        }
        let _alone = lock(path)?;
        let mut file = Self::read(path)?;
        if !file.is_complete() {
            let mut config = if file.exists { file.config.clone() } else { first() };
            if config.agent.server_id.is_empty() {
                config.agent.server_id = uuid::Uuid::new_v4().to_string();
            }
            file.write(config)?;
        }
        Ok(file)
    }

    fn is_complete(&self) -> bool {
        self.exists && !self.config.agent.server_id.is_empty()
    }

    /// Whether the file is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// Checks and writes a changed configuration: a temporary file, fsync, rename. Only the owner can read
    /// it.
    ///
    /// # Errors
    /// [`ConfigProblem`]; the file is then as it was.
    pub fn write(&mut self, config: Config) -> Result<(), ConfigProblem> {
        config.check()?;
        let unwritable = |reason: String| ConfigProblem::Unwritable { path: self.path.clone(), reason };
        let typed = serde_json::to_value(&config).map_err(|error| unwritable(error.to_string()))?;
        let mut raw = self.raw.clone();
        lay_over(&mut raw, typed);
        let mut text = serde_json::to_vec_pretty(&raw).map_err(|error| unwritable(error.to_string()))?;
        text.push(b'\n');
        replace_file(&self.path, &text).map_err(|error| unwritable(error.to_string()))?;
        (self.raw, self.config, self.exists) = (raw, config, true);
        self.hash = ConfigHash::of(Some(&text));
        Ok(())
    }

    /// Changes the file as it is at this moment, which gives back what `change` gives back. Host and backend both
    /// change it, so each does so under a lock: no change is written over another one.
    ///
    /// # Errors
    /// [`ConfigProblem`], or what `change` says; the file is then as it was.
    pub fn update<T, E: From<ConfigProblem>>(
        path: &Path,
        change: impl FnOnce(&mut Config) -> Result<T, E>,
    ) -> Result<T, E> {
        let _alone = lock(path)?;
        let mut file = Self::read(path)?;
        let mut config = file.config().clone();
        let changed = change(&mut config)?;
        file.write(config)?;
        Ok(changed)
    }

    /// Keeps a copy of the file as the last that was seen to work.
    ///
    /// # Errors
    /// [`ConfigProblem::Unwritable`].
    pub fn keep_as_last_good(&self) -> Result<(), ConfigProblem> {
        let path = last_good(&self.path);
        let copy = read(&self.path).and_then(|bytes| replace_file(&path, &bytes));
        copy.map_err(|error| ConfigProblem::Unwritable { path, reason: error.to_string() })
    }

    /// Whether there is a copy that was seen to work.
    #[must_use]
    pub fn has_last_good(path: &Path) -> bool {
        Self::read(&last_good(path)).is_ok_and(|file| file.exists)
    }

    /// Puts the last good copy in the place of a file that cannot be used. The unusable file is kept beside
    /// it, as `config.json.broken`.
    ///
    /// # Errors
    /// [`ConfigProblem`]; the file is then as it was.
    pub fn restore_last_good(path: &Path) -> Result<Self, ConfigProblem> {
        let _alone = lock(path)?;
        let good = last_good(path);
        let failed =
            |error: io::Error| ConfigProblem::Unwritable { path: path.to_owned(), reason: error.to_string() };
        if !Self::read(&good)?.exists {
            return Err(ConfigProblem::NoLastGood { path: good });
        }
        let bytes = read(&good).map_err(failed)?;
        if path.exists() {
            let broken = read(path).map_err(failed)?;
            replace_file(&beside(path, ".broken"), &broken).map_err(failed)?;
        }
        replace_file(path, &bytes).map_err(failed)?;
        Self::read(path)
    }

    /// Puts a file that cannot be used aside, beside its place, and begins a new one with what every setting is if nobody
    /// chooses. Gives where the old one is: no earlier one is overwritten.
    ///
    /// # Errors
    /// [`ConfigProblem`].
    pub fn start_afresh(path: &Path) -> Result<PathBuf, ConfigProblem> {
        let failed =
            |error: io::Error| ConfigProblem::Unwritable { path: path.to_owned(), reason: error.to_string() };
        let kept = {
            let _alone = lock(path)?;
            let names = (1..MOST_KEPT_ASIDE).map(|number| match number {
                1 => beside(path, ".broken"),
                number => beside(path, &format!(".broken-{number}")),
            });
            let is_free = |name: &PathBuf| fs::symlink_metadata(name).is_err();
            // With so many of them the first one is of no use any more.
            let kept = names.into_iter().find(is_free).unwrap_or_else(|| beside(path, ".broken"));
            fs::rename(path, &kept).map_err(failed)?;
            kept
        };
        Self::begin(path, Config::default)?;
        Ok(kept)
    }
}

/// How many files that could not be used are kept beside the configuration.
const MOST_KEPT_ASIDE: u32 = 100;

/// Some thousand monitors or agents, each with a long list, are far below it.
const MOST_BYTES: u64 = 16 << 20;

/// The whole file. A person may have made it a link; what it leads to must be a plain file.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if leads_nowhere(path) {
        return Err(dangling());
    }
    let file = open_plain(path, Links::Follow)?;
    if file.take(MOST_BYTES + 1).read_to_end(&mut bytes)? as u64 > MOST_BYTES {
        let reason = format!("it is larger than {} MiB", MOST_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// The data folder that a configuration names, whatever else is wrong with it. Where the file cannot be read, its last
/// good copy says it: a slip of an editor must not move the data.
pub(crate) fn named_data_folder(path: &Path) -> Option<String> {
    let parsed = |path: &Path| parse(path, &read(path).ok()?).ok();
    let raw = parsed(path).or_else(|| parsed(&last_good(path)))?;
    raw.get("data_dir").and_then(Value::as_str).map(str::to_owned)
}

/// Held while the file is changed, until it is dropped; the system releases it whatever happens.
fn lock(path: &Path) -> Result<fs::File, ConfigProblem> {
    lock_within(path, LOCK_WITHIN)
}

fn lock_within(path: &Path, within: Duration) -> Result<fs::File, ConfigProblem> {
    let lock = beside(path, ".lock");
    let opened = || {
        create_private_folder(
            path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        )?;
        let mut options = fs::OpenOptions::new();
        // Also for reading: to open a pipe for writing alone waits for whoever reads it.
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&lock)?;
        let began = Instant::now();
        while let Err(error) = file.try_lock() {
            // A process that is stopped in the middle of a change must not hang every start.
            if !matches!(error, fs::TryLockError::WouldBlock) || began.elapsed() > within {
                return Err(error.into());
            }
            std::thread::sleep(LOCK_STEP);
        }
        Ok(file)
    };
    opened().map_err(|error: io::Error| ConfigProblem::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn last_good(path: &Path) -> PathBuf {
    beside(path, ".last-good")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// A file's text without the byte order mark that editors on Windows put in front.
#[must_use]
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Value, ConfigProblem> {
    serde_json::from_slice(without_byte_order_mark(bytes)).map_err(|error| {
        let whole = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        ConfigProblem::Syntax {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            reason: whole.strip_suffix(&place).unwrap_or(&whole).to_owned(),
        }
    })
}

/// Every key that is left out, at any depth, has its default.
fn typed(raw: &Value) -> Result<Config, ConfigProblem> {
    if !raw.is_object() {
        let reason = "it is no JSON object: it begins with { and ends with }".to_owned();
        return Err(ConfigProblem::Value { key: "config.json".to_owned(), reason });
    }
    // First of all: in a newer form any key can be of another type.
    let schema = raw.get("schema").and_then(Value::as_u64).unwrap_or_default();
    if schema > u64::from(SCHEMA) {
        let schema = u32::try_from(schema).unwrap_or(u32::MAX);
        return Err(ConfigProblem::TooNew { schema, known: SCHEMA });
    }
    let mut full = serde_json::to_value(Config::default()).unwrap_or_default();
    merge(&mut full, raw.clone());
    serde_path_to_error::deserialize(&full).map_err(|error| {
        let (key, reason) = (error.path().to_string(), error.inner().to_string());
        let reason = if is_secret(&key) { without_value(&reason) } else { for_people(&reason) };
        ConfigProblem::Value { key, reason }
    })
}

/// Whether what stands under a key may be a secret: a token, or the address of a webhook or of a topic.
fn is_secret(key: &str) -> bool {
    key.split('.').any(|part| matches!(part, "token" | "webhook" | "ntfy"))
}

/// What should stand there, without what does: serde repeats it.
fn without_value(reason: &str) -> String {
    let expected = reason.rsplit_once("expected ").map_or("something else", |(_, expected)| expected);
    format!("it must be {}", form(expected))
}

/// What serde says of a wrong type, in words of people who write such files.
fn for_people(reason: &str) -> String {
    let parts = reason.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "));
    let Some((found, expected)) = parts else { return reason.to_owned() };
    let found = match found {
        "map" => "a group",
        "sequence" => "a list",
        "null" => "null",
        other => other.split_once(' ').map_or(other, |(_, value)| value),
    };
    format!("it must be {}, and is {found}", form(expected))
}

/// What serde calls a type, as it is written in the file.
fn form(expected: &str) -> &str {
    match expected {
        "a string" => "a text in quotes",
        "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list in [ ]",
        other if other.starts_with("struct ") || other == "a map" => "a group in { }",
        other => other,
    }
}

/// Objects are merged key by key, so that unknown keys stay; everything else is replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Lays the typed configuration over what the file says. Keys that no type knows stay, also those of a named entry
/// of a list; whatever a type knows is as it says.
fn lay_over(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                lay_over(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(mut from)) => {
            let named: Vec<Option<Value>> = from.iter().map(|entry| entry.get("name").cloned()).collect();
            for (at, entry) in from.iter_mut().enumerate() {
                let has = |was: &&Value| was.get("name").is_some() && was.get("name") == entry.get("name");
                // One that has got another name stays at its place in the list.
                let renamed = || {
                    let was = into.get(at).filter(|_| into.len() == named.len())?;
                    (entry.get("name").is_some() && !named.contains(&was.get("name").cloned())).then_some(was)
                };
                let was = into.iter().find(has).or_else(renamed);
                if let (Value::Object(entry), Some(Value::Object(was))) = (entry, was) {
                    for (key, value) in was {
                        entry.entry(key).or_insert_with(|| value.clone());
                    }
                }
            }
            *into = from;
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
#[path = "file/tests.rs"]
mod tests;
