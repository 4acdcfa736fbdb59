//! Where TaskPaw keeps its files.

use std::ffi::OsString;
use std::path::PathBuf;

use directories::{BaseDirs, ProjectDirs};

/// Overrides the configuration folder.
pub const CONFIG_DIR_VARIABLE: &str = "TASKPAW_CONFIG_DIR";
/// Overrides the data folder.
pub const DATA_DIR_VARIABLE: &str = "TASKPAW_DATA_DIR";
/// Overrides the folder in which the files of TaskPaw V3 are looked for.
pub const V3_DIR_VARIABLE: &str = "TASKPAW_V3_DIR";

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
    /// `~/.local/share/taskpaw`).
    ///
    /// # Errors
    /// [`NoHome`] if one is neither set nor known.
    pub fn find() -> Result<Self, NoHome> {
        let own = ProjectDirs::from("app", "TaskPaw", "TaskPaw");
        let folder = |name: &str, default: fn(&ProjectDirs) -> PathBuf| {
            set(name).map(PathBuf::from).or_else(|| own.as_ref().map(default)).ok_or(NoHome)
        };
        Ok(Self {
            config: folder(CONFIG_DIR_VARIABLE, |dirs| dirs.config_dir().to_owned())?,
            data: folder(DATA_DIR_VARIABLE, |dirs| dirs.data_local_dir().to_owned())?,
            v3: set(V3_DIR_VARIABLE).map_or_else(v3_folder, PathBuf::from),
        })
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.json")
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

fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Linux: `/etc/taskpaw`, macOS: `~/Library/Application Support/TaskPaw`, Windows: `%APPDATA%\TaskPaw`.
fn v3_folder() -> PathBuf {
    let of_person = || BaseDirs::new().map(|dirs| dirs.config_dir().join("TaskPaw"));
    let is_of_person = cfg!(any(target_os = "macos", windows));
    is_of_person.then(of_person).flatten().unwrap_or_else(|| PathBuf::from("/etc/taskpaw"))
}
