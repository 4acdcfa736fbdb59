//! Where TaskPaw keeps its files.

use std::ffi::OsString;
use std::path::PathBuf;

use directories::ProjectDirs;

/// Overrides the configuration folder.
pub const CONFIG_DIR_VARIABLE: &str = "TASKPAW_CONFIG_DIR";
/// Overrides the data folder.
pub const DATA_DIR_VARIABLE: &str = "TASKPAW_DATA_DIR";

/// The folders of this user's TaskPaw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Holds `config.json`.
    pub config: PathBuf,
    /// Holds state, journal and logs. It belongs to this machine and does not roam.
    pub data: PathBuf,
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
        let set = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let own = ProjectDirs::from("app", "TaskPaw", "TaskPaw");
        let folder = |name: &str, default: fn(&ProjectDirs) -> PathBuf| {
            set(name).map(PathBuf::from).or_else(|| own.as_ref().map(default)).ok_or(NoHome)
        };
        Ok(Self {
            config: folder(CONFIG_DIR_VARIABLE, |dirs| dirs.config_dir().to_owned())?,
            data: folder(DATA_DIR_VARIABLE, |dirs| dirs.data_local_dir().to_owned())?,
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
