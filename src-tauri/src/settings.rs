//! The configuration in the host: read anew for each start, changed one at a time.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use taskpaw_contract::config::{Config, ConfigFile, ConfigProblem};

/// The configuration file of this app.
pub(crate) struct Settings {
    path: PathBuf,
    /// Held during a change, so that two never mix.
    changing: Mutex<()>,
}

impl Settings {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, changing: Mutex::new(()) }
    }

    /// What the file says now.
    ///
    /// # Errors
    /// [`ConfigProblem`].
    pub(crate) fn read(&self) -> Result<Config, ConfigProblem> {
        ConfigFile::read(&self.path).map(|file| file.config().clone())
    }

    /// Reads the file and gives this machine its id if it has none.
    ///
    /// # Errors
    /// [`ConfigProblem`].
    pub(crate) fn read_for_launch(&self) -> Result<Config, ConfigProblem> {
        let _alone = self.alone();
        let mut file = ConfigFile::read(&self.path)?;
        file.ensure_server_id()?;
        Ok(file.config().clone())
    }

    /// Changes the file and gives back what it says then.
    ///
    /// # Errors
    /// [`ConfigProblem`]; the file is then as it was.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Config)) -> Result<Config, ConfigProblem> {
        let _alone = self.alone();
        ConfigFile::update(&self.path, |config| {
            change(config);
            Ok(config.clone())
        })
    }

    /// Keeps the file as the last that was seen to work.
    pub(crate) fn keep_as_last_good(&self) {
        let _alone = self.alone();
        let kept = ConfigFile::read(&self.path).and_then(|file| file.keep_as_last_good());
        if let Err(problem) = kept {
            tracing::warn!(%problem, "no copy of the working configuration could be kept");
        }
    }

    /// Whether there is a copy that was seen to work.
    pub(crate) fn has_last_good(&self) -> bool {
        ConfigFile::has_last_good(&self.path)
    }

    /// Puts the last good copy in the place of the file.
    ///
    /// # Errors
    /// [`ConfigProblem`]; the file is then as it was.
    pub(crate) fn restore_last_good(&self) -> Result<(), ConfigProblem> {
        let _alone = self.alone();
        ConfigFile::restore_last_good(&self.path).map(|_| ())
    }

    fn alone(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
