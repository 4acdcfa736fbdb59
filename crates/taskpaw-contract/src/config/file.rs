//! Reading and writing `config.json` without ever losing what stands in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Config, ConfigProblem};
use crate::durable::replace_file;

/// A configuration file that was read, or that is not there yet.
///
/// Keys that this version does not know are kept beside the typed configuration and survive a write.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigFile {
    path: PathBuf,
    raw: Value,
    config: Config,
    exists: bool,
}

impl ConfigFile {
    /// Reads and checks the file; one that is not there has every default. Writes nothing.
    ///
    /// # Errors
    /// [`ConfigProblem`] if it is there and cannot be used.
    pub fn read(path: &Path) -> Result<Self, ConfigProblem> {
        match fs::read(path) {
            Ok(bytes) => Self::from_bytes(path, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::checked(path, Value::Object(Map::new()), false)
            }
            Err(error) => Err(ConfigProblem::Unreadable { path: path.to_owned(), reason: error.to_string() }),
        }
    }

    /// What was read from the file at this path.
    ///
    /// # Errors
    /// [`ConfigProblem`] if it cannot be used.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ConfigProblem> {
        Self::checked(path, parse(path, bytes)?, true)
    }

    fn checked(path: &Path, raw: Value, exists: bool) -> Result<Self, ConfigProblem> {
        let config = typed(&raw)?;
        config.check()?;
        Ok(Self { path: path.to_owned(), raw, config, exists })
    }

    /// What the file says, with the defaults of what it leaves out.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Gives this machine its `server_id` if it has none, and writes that.
    ///
    /// # Errors
    /// [`ConfigProblem::Unwritable`].
    pub fn ensure_server_id(&mut self) -> Result<(), ConfigProblem> {
        if self.exists && !self.config.agent.server_id.is_empty() {
            return Ok(());
        }
        let mut config = self.config.clone();
        if config.agent.server_id.is_empty() {
            config.agent.server_id = uuid::Uuid::new_v4().to_string();
        }
        self.write(config)
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
        Ok(())
    }

    /// Changes the file as it is at this moment, which gives back what `change` gives back. Host and backend both
    /// change it, so whoever does holds a lock: no change is written over another one.
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
        let copy = fs::read(&self.path).and_then(|bytes| replace_file(&path, &bytes));
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
        let good = last_good(path);
        let failed =
            |error: io::Error| ConfigProblem::Unwritable { path: path.to_owned(), reason: error.to_string() };
        Self::read(&good)?;
        let bytes = fs::read(&good).map_err(failed)?;
        if path.exists() {
            let broken = fs::read(path).map_err(failed)?;
            replace_file(&beside(path, ".broken"), &broken).map_err(failed)?;
        }
        replace_file(path, &bytes).map_err(failed)?;
        Self::read(path)
    }
}

/// Held by whoever changes the file, until it is dropped; the system releases it whatever happens.
fn lock(path: &Path) -> Result<fs::File, ConfigProblem> {
    let lock = beside(path, ".lock");
    let opened = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&lock)?;
        file.lock()?;
        Ok(file)
    };
    opened().map_err(|error: io::Error| ConfigProblem::Unwritable {
        path: lock.clone(),
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

fn parse(path: &Path, bytes: &[u8]) -> Result<Value, ConfigProblem> {
    // Editors on Windows put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
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
    let mut full = serde_json::to_value(Config::default()).unwrap_or_default();
    merge(&mut full, raw.clone());
    serde_path_to_error::deserialize(&full).map_err(|error| ConfigProblem::Value {
        key: error.path().to_string(),
        reason: error.inner().to_string(),
    })
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
            for entry in &mut from {
                let was =
                    into.iter().find(|was| was.get("name").is_some() && was.get("name") == entry.get("name"));
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
mod tests {
    use super::*;

    fn in_folder(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn problem(text: &str) -> String {
        let (folder, path) = in_folder(text);
        let message = ConfigFile::read(&path).unwrap_err().to_string();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "a file that cannot be used is left alone");
        message.replace(&folder.path().display().to_string(), "DIR").replace("DIR\\", "DIR/")
    }

    #[test]
    fn a_missing_file_has_the_defaults_and_is_written_with_a_server_id() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("config.json");
        let mut file = ConfigFile::read(&path).unwrap();
        assert_eq!(file.config(), &Config::default());
        assert!(!path.exists(), "reading writes nothing");

        file.ensure_server_id().unwrap();
        let id = file.config().agent.server_id.clone();
        let mut again = ConfigFile::read(&path).unwrap();
        again.ensure_server_id().unwrap();
        assert_eq!(again.config().agent.server_id, id, "made once and then kept");
    }

    #[test]
    fn a_key_that_is_left_out_has_its_own_default() {
        let (_folder, path) = in_folder(r#"{"agent":{"network":{"host":"127.0.0.2"}}}"#);
        let file = ConfigFile::read(&path).unwrap();
        assert_eq!(file.config().agent.network.port, 5680);
        assert_eq!(file.config().agent.control.port, 5681);
    }

    #[test]
    fn unknown_keys_and_their_order_survive_a_write() {
        let (_folder, path) = in_folder(r#"{"future":{"a":1},"agent":{"mood":"good","server_id":"x"}}"#);
        let mut file = ConfigFile::read(&path).unwrap();
        let mut config = file.config().clone();
        config.agent.network.port = 6000;
        file.write(config).unwrap();
        let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(raw["future"]["a"], 1);
        assert_eq!(raw["agent"]["mood"], "good");
        assert_eq!(raw["agent"]["network"]["port"], 6000);
        assert_eq!(raw.as_object().unwrap().keys().next().unwrap(), "future");
    }

    #[test]
    fn unknown_keys_of_an_entry_stay_with_it_and_known_ones_go() {
        let (_folder, path) = in_folder(
            r#"{"hub":{"agents":[{"name":"a","url":"http://a","mood":"good"},{"name":"b","url":"http://b"}]},
                "agent":{"server_id":"x","monitors":[{"type_id":"t","name":"m","config":{"old":1},"mood":"good"}]}}"#,
        );
        let changed: Result<(), ConfigProblem> = ConfigFile::update(&path, |config| {
            config.hub.agents.remove(1);
            config.hub.agents[0].enabled = false;
            config.agent.monitors[0].config = Map::new();
            Ok(())
        });
        changed.unwrap();
        let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(
            raw["hub"]["agents"],
            serde_json::json!([{ "name": "a", "url": "http://a", "token": "", "enabled": false, "mood": "good" }])
        );
        let monitor = &raw["agent"]["monitors"][0];
        assert_eq!((&monitor["config"], &monitor["mood"]), (&serde_json::json!({}), &"good".into()));
    }

    #[test]
    fn changes_of_many_are_all_kept() {
        let (_folder, path) = in_folder("{}");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..10 {
                        let changed: Result<(), ConfigProblem> = ConfigFile::update(path, |config| {
                            config.hub.agents.push(crate::config::HubAgent {
                                name: format!("{writer}-{number}"),
                                url: "http://a".into(),
                                token: String::new(),
                                enabled: true,
                            });
                            Ok(())
                        });
                        changed.unwrap();
                    }
                });
            }
        });
        assert_eq!(ConfigFile::read(&path).unwrap().config().hub.agents.len(), 40);
    }

    #[test]
    fn a_change_that_is_refused_leaves_the_file_alone() {
        let (_folder, path) = in_folder(r#"{"hub":{"poll_seconds":5}}"#);
        let refused: Result<(), ConfigProblem> = ConfigFile::update(&path, |config| {
            config.hub.poll_seconds = 0;
            Ok(())
        });
        assert!(refused.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"hub":{"poll_seconds":5}}"#);
    }

    #[test]
    fn each_problem_says_where_it_is() {
        assert_eq!(
            problem("{\n  \"agent\": {,}\n}"),
            "DIR/config.json is no valid JSON: line 2, column 13: key must be a string. Correct that place, or \
             go back to the last good copy; the file was left as it is"
        );
        assert_eq!(
            problem(r#"{"agent":{"network":{"host":"127.0.0.1","port":70000}}}"#),
            "agent.network.port: 70000 is not between 1 and 65535. Correct it in config.json; the file was left \
             as it is"
        );
        assert_eq!(
            problem(r#"{"agent":{"network":{"host":"my-pc","port":5680}}}"#),
            "agent.network.host: \"my-pc\" is no address (write an IP address such as 127.0.0.1, or localhost). \
             Correct it in config.json; the file was left as it is"
        );
        assert_eq!(
            problem(r#"{"hub":{"agents":[{"name":1}]}}"#),
            "hub.agents[0].name: invalid type: integer `1`, expected a string. Correct it in config.json; the \
             file was left as it is"
        );
        assert!(problem("[]").starts_with("config.json: it is no JSON object"));
        assert!(problem(r#"{"schema":2}"#).contains("a newer TaskPaw wrote it"));
    }

    #[test]
    fn the_last_good_copy_comes_back_and_the_broken_file_is_kept() {
        let (_folder, path) = in_folder(r#"{"agent":{"server_id":"good"}}"#);
        assert!(!ConfigFile::has_last_good(&path));
        ConfigFile::read(&path).unwrap().keep_as_last_good().unwrap();
        fs::write(&path, "{").unwrap();
        assert!(ConfigFile::has_last_good(&path));
        let restored = ConfigFile::restore_last_good(&path).unwrap();
        assert_eq!(restored.config().agent.server_id, "good");
        assert_eq!(fs::read_to_string(beside(&path, ".broken")).unwrap(), "{");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        ConfigFile::read(&path).unwrap().ensure_server_id().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_a_problem_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "").unwrap();
        let problem = ConfigFile {
            path: blocked.join("config.json"),
            ..ConfigFile::read(&folder.path().join("none")).unwrap()
        }
        .ensure_server_id()
        .unwrap_err();
        assert!(matches!(problem, ConfigProblem::Unwritable { .. }));
    }
}
