//! Where TaskPaw keeps its files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

use crate::config::{Config, named_data_folder};

/// Overrides the configuration folder.
pub const CONFIG_DIR_VARIABLE: &str = "TASKPAW_CONFIG_DIR";
/// Overrides the data folder.
pub const DATA_DIR_VARIABLE: &str = "TASKPAW_DATA_DIR";
/// Overrides the folder in which the files of TaskPaw V3 are looked for.
pub const V3_DIR_VARIABLE: &str = "TASKPAW_V3_DIR";

const CONFIG_FILE: &str = "config.json";

/// The folders of this user's TaskPaw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Holds `config.json`.
    pub config: PathBuf,
    /// Holds state, journal and logs. It belongs to this machine and does not roam.
    pub data: PathBuf,
    /// Where TaskPaw V3 had its files; nothing is ever written there.
    pub v3: PathBuf,
}

/// There is no home folder to put TaskPaw's folders into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this user has no home folder, so there is no place for TaskPaw's files; \
     set {CONFIG_DIR_VARIABLE} and {DATA_DIR_VARIABLE} to folders that this user can write to"
)]
pub struct NoHome;

impl Folders {
    /// The folders from the environment, else the platform's own (Linux: `~/.config/taskpaw` and
    /// `~/.local/share/taskpaw`). The data folder is the one that the configuration names, unless the environment sets
    /// [`DATA_DIR_VARIABLE`]: a terminal of another program may say that data belongs elsewhere, and two data folders
    /// with one configuration would be two TaskPaws that want the same ports.
    ///
    /// # Errors
    /// [`NoHome`] if one is neither set nor known.
    pub fn find() -> Result<Self, NoHome> {
        Self::find_with(None)
    }

    /// As [`Folders::find`], with the configuration in this folder, if one is given.
    ///
    /// # Errors
    /// [`NoHome`] if a folder is neither given, nor set, nor known.
    pub fn find_with(config: Option<&Path>) -> Result<Self, NoHome> {
        let own = ProjectDirs::from("app", "TaskPaw", "TaskPaw");
        let config = config.map(Path::to_owned).or_else(|| set(CONFIG_DIR_VARIABLE).map(PathBuf::from));
        let config =
            config.or_else(|| own.as_ref().map(|dirs| dirs.config_dir().to_owned())).ok_or(NoHome)?;
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        let named =
            || named_data_folder(&config.join(CONFIG_FILE)).and_then(|it| from_text(&it, home.as_deref()));
        let usual = || own.as_ref().map(|dirs| with_state(dirs.data_local_dir(), home.as_deref()));
        let data = set(DATA_DIR_VARIABLE).map(PathBuf::from).or_else(named).or_else(usual).ok_or(NoHome)?;
        Ok(Self { config, data, v3: set(V3_DIR_VARIABLE).map_or_else(v3_folder, PathBuf::from) })
    }

    /// Notes the data folder in a configuration that names none; whether it has changed it. One that only this start
    /// was given ([`DATA_DIR_VARIABLE`]) is not noted, and neither is one whose name is not text.
    pub fn note_data(&self, config: &mut Config) -> bool {
        if !config.data_dir.is_empty() || set(DATA_DIR_VARIABLE).is_some() {
            return false;
        }
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        let Some(text) = to_text(&self.data, home.as_deref()) else { return false };
        config.data_dir = text;
        true
    }

    /// Whether the data folder that the configuration names is not there: it was deleted, or its disk is missing. Asked
    /// before anything is made in it.
    #[must_use]
    pub fn has_lost_data(&self) -> bool {
        let is_named = || named_data_folder(&self.config_file()).is_some_and(|named| !named.is_empty());
        !self.data.exists() && set(DATA_DIR_VARIABLE).is_none() && is_named()
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.join(CONFIG_FILE)
    }

    /// The journal of takeovers.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.data.join("takeover-journal.jsonl")
    }

    /// What the first start took over from TaskPaw V3.
    #[must_use]
    pub fn import_report_file(&self) -> PathBuf {
        self.data.join("taskpaw3-import.json")
    }

    /// The folder of the rotated log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// The folder of what a backend must keep across restarts.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.data.join("state")
    }
}

/// The folder as a configuration names it. What is below the home folder is named from there, so that a configuration
/// can be taken to another machine; nothing for one whose name is not text, or that is not a whole path.
fn to_text(folder: &Path, home: Option<&Path>) -> Option<String> {
    if !folder.is_absolute() {
        return None;
    }
    let below =
        home.and_then(|home| folder.strip_prefix(home).ok()).filter(|rest| rest.iter().next().is_some());
    match below {
        Some(rest) => Path::new("~").join(rest).to_str().map(str::to_owned),
        None => folder.to_str().map(str::to_owned),
    }
}

/// The folder that a configuration names; nothing where that is not a whole path.
fn from_text(text: &str, home: Option<&Path>) -> Option<PathBuf> {
    let text = text.trim();
    match text.strip_prefix("~/").or_else(|| text.strip_prefix("~\\")) {
        Some(rest) => home.map(|home| home.join(rest)),
        None => Some(PathBuf::from(text)).filter(|folder| folder.is_absolute()),
    }
}

/// The platform's folder; or the one that it is without `XDG_DATA_HOME`, if only that one has state of TaskPaw: an
/// earlier version has kept it there and noted nothing.
fn with_state(folder: &Path, home: Option<&Path>) -> PathBuf {
    let usual = home.filter(|_| cfg!(target_os = "linux")).zip(folder.file_name());
    let usual = usual.map(|(home, name)| home.join(".local").join("share").join(name));
    let has_state = |folder: &Path| folder.join("state").is_dir();
    usual.filter(|usual| !has_state(folder) && has_state(usual)).unwrap_or_else(|| folder.to_owned())
}

fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Linux: `/etc/taskpaw`, macOS: `~/Library/Application Support/TaskPaw`, Windows: `%APPDATA%\TaskPaw`.
fn v3_folder() -> PathBuf {
    let of_person = || BaseDirs::new().map(|dirs| dirs.config_dir().join("TaskPaw"));
    let is_of_person = cfg!(any(target_os = "macos", windows));
    is_of_person.then(of_person).flatten().unwrap_or_else(|| PathBuf::from("/etc/taskpaw"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_the_home_is_named_from_there() {
        let root = std::env::temp_dir();
        let home = root.join("anna");
        for (folder, text) in [
            (home.join("data"), Some(Path::new("~").join("data"))),
            (home.clone(), Some(home.clone())),
            (root.join("annabel").join("data"), Some(root.join("annabel").join("data"))),
            (PathBuf::from("data"), None),
        ] {
            let named = to_text(&folder, Some(&home));
            assert_eq!(named.as_deref().map(Path::new), text.as_deref(), "{}", folder.display());
            if let Some(named) = named {
                assert_eq!(from_text(&named, Some(&home)), Some(folder));
            }
        }
        assert_eq!(to_text(&home, None).as_deref(), home.to_str());
    }

    #[test]
    fn what_names_no_whole_path_names_nothing() {
        let home = std::env::temp_dir();
        for text in ["", " ", "data", "./data", "~", "~anna/data"] {
            assert_eq!(from_text(text, Some(&home)), None, "{text:?}");
        }
        assert_eq!(from_text("~/data", None), None);
        assert_eq!(from_text(" ~/data ", Some(&home)), Some(home.join("data")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn state_that_is_there_counts_more_than_what_a_terminal_says() {
        let folder = tempfile::tempdir().unwrap();
        let (home, said) = (folder.path().join("home"), folder.path().join("snap").join("taskpaw"));
        let usual = home.join(".local/share/taskpaw");
        assert_eq!(with_state(&said, Some(&home)), said, "nobody has any");
        std::fs::create_dir_all(usual.join("state")).unwrap();
        assert_eq!(with_state(&said, Some(&home)), usual);
        std::fs::create_dir_all(said.join("state")).unwrap();
        assert_eq!(with_state(&said, Some(&home)), said, "both do");
    }

    #[test]
    fn a_data_folder_is_noted_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let folders = Folders { config: at("config"), data: at("data"), v3: at("v3") };
        let mut config = Config::default();
        assert!(folders.note_data(&mut config));
        assert_eq!(from_text(&config.data_dir, None).or(Some(at("data"))), Some(at("data")));
        let noted = config.clone();
        let other = Folders { data: at("other"), ..folders };
        assert!(!other.note_data(&mut config), "the first one stays");
        assert_eq!(config, noted);
    }
}
