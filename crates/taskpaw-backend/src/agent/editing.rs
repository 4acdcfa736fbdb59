//! Changes of the monitors from the app: checked, kept in `config.json`, and then live.

use std::path::PathBuf;
use std::sync::Arc;

use taskpaw_contract::config::{ConfigFile, ConfigProblem, MonitorConfig};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;

use super::roster::Roster;
use crate::http::ApiError;
use crate::monitors;

/// The one way to change monitors while the agent runs.
pub(super) struct Editing {
    file: PathBuf,
    roster: Arc<Roster>,
    /// One change at a time.
    turn: Arc<Mutex<()>>,
}

impl Editing {
    /// For this file.
    pub(super) fn new(file: PathBuf, roster: Arc<Roster>) -> Self {
        Self { file, roster, turn: Arc::default() }
    }

    /// A change waits until this is dropped: before the host has the place, nothing is written into its
    /// configuration.
    pub(super) fn held_back(&self) -> Option<OwnedMutexGuard<()>> {
        self.turn.clone().try_lock_owned().ok()
    }

    /// Every monitor as it is configured, with what is always on.
    pub(super) fn list(&self) -> Vec<MonitorConfig> {
        self.roster.list()
    }

    /// Adds a monitor.
    pub(super) async fn add(&self, monitor: MonitorConfig) -> Result<MonitorConfig, ApiError> {
        let _turn = self.turn.lock().await;
        self.check(&monitor, None)?;
        let new = monitor.clone();
        self.keep(move |monitors| monitors.push(new)).await?;
        Ok(monitor)
    }

    /// Puts a monitor in the place of the one with this name.
    pub(super) async fn change(&self, name: &str, monitor: MonitorConfig) -> Result<MonitorConfig, ApiError> {
        let _turn = self.turn.lock().await;
        self.named(name)?;
        self.replace(name, monitor).await
    }

    /// Switches a monitor on or off.
    pub(super) async fn switch(&self, name: &str, enabled: bool) -> Result<MonitorConfig, ApiError> {
        let _turn = self.turn.lock().await;
        let monitor = MonitorConfig { enabled, ..self.named(name)? };
        // Whatever is wrong with its settings, it can be switched off.
        let is_always_on = monitors::kind(&monitor.type_id).is_some_and(|kind| kind.always_on);
        if enabled || is_always_on {
            return self.replace(name, monitor).await;
        }
        self.put(name, monitor).await
    }

    /// Removes a monitor.
    pub(super) async fn remove(&self, name: &str) -> Result<(), ApiError> {
        let _turn = self.turn.lock().await;
        let monitor = self.named(name)?;
        if monitors::always_on().any(|always| always.name == monitor.name) {
            return Err(ApiError::invalid("name", "it is always on"));
        }
        let name = name.to_owned();
        // The one that runs. Another one of this name in the file was never shown, and is its owner's to lose.
        self.keep(move |monitors| {
            if let Some(at) = monitors.iter().position(|known| known.name == name) {
                monitors.remove(at);
            }
        })
        .await
    }

    fn named(&self, name: &str) -> Result<MonitorConfig, ApiError> {
        let found = self.roster.list().into_iter().find(|monitor| monitor.name == name);
        found.ok_or_else(|| ApiError::NoSuchMonitor(name.to_owned()))
    }

    fn check(&self, monitor: &MonitorConfig, instead_of: Option<&str>) -> Result<(), ApiError> {
        let problems = self.roster.wrong_with(monitor, instead_of);
        if problems.is_empty() { Ok(()) } else { Err(ApiError::InvalidFields(problems)) }
    }

    async fn replace(&self, name: &str, monitor: MonitorConfig) -> Result<MonitorConfig, ApiError> {
        self.check(&monitor, Some(name))?;
        self.put(name, monitor).await
    }

    async fn put(&self, name: &str, monitor: MonitorConfig) -> Result<MonitorConfig, ApiError> {
        let (old, new) = (name.to_owned(), monitor.clone());
        self.keep(move |monitors| match monitors.iter_mut().find(|known| known.name == old) {
            Some(known) => *known = new,
            // What is always on stands in the file only once it was changed.
            None => monitors.push(new),
        })
        .await?;
        Ok(monitor)
    }

    /// Changes the list in the file, and then what runs.
    async fn keep(
        &self,
        change: impl FnOnce(&mut Vec<MonitorConfig>) + Send + 'static,
    ) -> Result<(), ApiError> {
        let path = self.file.clone();
        let written = spawn_blocking(move || {
            ConfigFile::update(&path, |config| -> Result<_, ConfigProblem> {
                change(&mut config.agent.monitors);
                Ok(config.agent.monitors.clone())
            })
        });
        let list = written.await.map_err(|_| ApiError::Internal)?.map_err(ApiError::Config)?;
        self.roster.apply(&list);
        Ok(())
    }
}
