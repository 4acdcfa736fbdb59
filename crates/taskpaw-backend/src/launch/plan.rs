//! What a launch is made from: the configuration, and state that this version can use. To read it changes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, ConfigFile, ConfigHash, ConfigProblem, Endpoint, HubConfig};
use taskpaw_contract::folders::Folders;
use taskpaw_contract::sidecar::{Hello, PortName};
use taskpaw_v3::{self as v3, Begun, ImportReport, Starter};
use tokio::task::spawn_blocking;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::state::{StateError, can_write};
use crate::{agent, hub};

/// What was read.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// With the ports of this launch.
    pub(super) config: Config,
    pub(super) folders: Folders,
    /// Of the file that was read.
    pub(super) hash: ConfigHash,
}

impl Plan {
    /// Reads the configuration and checks it, the exposure guard too, and looks whether this version can use the state
    /// that is there. Under a host nothing is written; without one, a first start makes its configuration.
    pub(super) fn prepare(arguments: &Arguments, hello: Option<&Hello>) -> Result<Self, Failure> {
        let plan = Self::read(arguments, hello, None)?;
        if hello.is_none() && plan.folders.has_lost_data() {
            let folder = plan.folders.data.display();
            tracing::warn!("the data folder {folder} is gone: it is made anew, without what was kept in it");
        }
        if hello.is_none() && arguments.role == Role::Hub {
            tell_what_was_left_behind(&plan);
        }
        can_use(arguments.role, &plan.folders.state())?;
        Ok(plan)
    }

    /// Reads the configuration and checks it. Ports that are given count in place of those of the greeting.
    pub(super) fn read(
        arguments: &Arguments,
        hello: Option<&Hello>,
        ports: Option<&[PortName]>,
    ) -> Result<Self, Failure> {
        let named = hello.and_then(|hello| hello.config_dir.as_ref()).or(arguments.config_dir.as_ref());
        let folders = Folders::find_with(named.map(PathBuf::as_path))?;
        let file = match hello {
            // Under a host the file is the host's to write.
            Some(_) => ConfigFile::read(&folders.config_file())?,
            None => begin(&folders)?,
        };
        let greeted = hello.map(|hello| hello.ports.as_slice()).unwrap_or_default();
        let (config, hash) = (file.config().clone(), file.hash().clone());
        Self { config, folders, hash }.with_ports(arguments.role, ports.unwrap_or(greeted))
    }

    /// The same, to serve again after standing down. A file that has become unusable meanwhile is no reason to stop what
    /// worked: what was read before goes on to count, as it would have without the interruption.
    pub(super) fn read_again(
        self,
        arguments: &Arguments,
        hello: Option<&Hello>,
        ports: Option<&[PortName]>,
    ) -> Result<Self, Failure> {
        match Self::read(arguments, hello, ports) {
            Err(Failure::Config(problem)) => {
                tracing::warn!(
                    "the configuration cannot be used any more, and the one before counts on: {problem}"
                );
                self.with_ports(arguments.role, ports.unwrap_or_default())
            }
            read => read,
        }
    }

    fn with_ports(mut self, role: Role, ports: &[PortName]) -> Result<Self, Failure> {
        for port in ports {
            if let Some(endpoint) = self.config.endpoint_mut(role, &port.name) {
                *endpoint = Endpoint { host: port.host.clone(), port: port.port };
            }
        }
        // The exposure guard holds for ports of one launch too.
        self.config.check()?;
        Ok(self)
    }
}

/// A window would offer it.
fn tell_what_was_left_behind(plan: &Plan) {
    if let Some(left) = v3::left_behind(&plan.folders, &plan.config) {
        tracing::warn!(
            "an earlier version has not taken over all that the hub of TaskPaw 3 had ({}): stop this hub, run \
             `taskpaw-backend hub --import-v3`, and start it again",
            left.folder
        );
    }
}

/// Looks whether this version can use the state that a role finds, without a lock, since another backend may write it.
fn can_use(role: Role, folder: &Path) -> Result<(), StateError> {
    // What is not there yet will be made.
    let nearest = folder.ancestors().find_map(|folder| Some((folder, fs::metadata(folder).ok()?)));
    if let Some((path, found)) = nearest {
        if !found.is_dir() {
            return Err(StateError::at(path)(io::ErrorKind::NotADirectory.into()));
        }
        let file = match role {
            Role::Agent => agent::JOURNAL,
            Role::Hub => hub::HISTORY,
        };
        can_write(path, folder, role, file)?;
    }
    match role {
        Role::Agent => agent::can_use(folder),
        Role::Hub => hub::can_use(folder),
    }
}

/// The configuration at a start without a host; on the first one with what TaskPaw V3 has left.
fn begin(folders: &Folders) -> Result<ConfigFile, ConfigProblem> {
    let Begun { file, imported, not_kept } = v3::begin(folders, Starter::Backend)?;
    for line in imported.iter().flat_map(ImportReport::lines) {
        tracing::info!("{line}");
    }
    if let Some(error) = not_kept {
        tracing::warn!("the report of what was taken over cannot be kept: {error}");
    }
    Ok(file)
}

/// The configuration with what V3's hub kept in its database, if that has not been taken over yet. Nothing about it stops
/// a start.
pub(super) async fn completed(mut config: Config, folders: Folders) -> Result<Config, Failure> {
    let failed = |error| Failure::system("what V3's hub had cannot be looked for")(io::Error::other(error));
    spawn_blocking(move || {
        let completed =
            v3::complete(&folders).map(|report| report.iter().flat_map(ImportReport::lines).collect());
        let lines: Vec<String> = completed.unwrap_or_else(|error| {
            tracing::warn!("what V3's hub had is not taken over yet: {error}");
            Vec::new()
        });
        lines.iter().for_each(|line| tracing::info!("{line}"));
        if !lines.is_empty() {
            match ConfigFile::read(&folders.config_file()) {
                // The ports are those of this launch, and claimed.
                Ok(file) => config.hub = HubConfig { api: config.hub.api, ..file.config().hub.clone() },
                Err(problem) => tracing::warn!("what V3's hub had counts from the next start on: {problem}"),
            }
        }
        config
    })
    .await
    .map_err(failed)
}
