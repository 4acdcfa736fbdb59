//! What a role is made from: all that a launch has found out and got hold of.

use std::path::PathBuf;

use taskpaw_contract::config::Config;

use crate::lifecycle::Stop;
use crate::signs::Telling;
use crate::state::StateFolder;

/// What a role needs to run.
pub(crate) struct Launch {
    /// The whole configuration.
    pub(crate) config: Config,
    /// Where the configuration is kept.
    pub(crate) config_file: PathBuf,
    /// What people call this machine.
    pub(crate) machine: String,
    /// What opens the control calls in this launch.
    pub(crate) control_token: String,
    /// Where state is kept.
    pub(crate) state: StateFolder,
    /// The folder of everything that TaskPaw keeps.
    pub(crate) data_folder: PathBuf,
    /// Where TaskPaw V3 had its files.
    pub(crate) v3_folder: PathBuf,
    /// The end of this serving.
    pub(crate) over: Stop,
    /// Who is told that something takes its time.
    pub(crate) telling: Telling,
    /// Whether there is no host, which else keeps a copy of a configuration that works.
    pub(crate) is_alone: bool,
    /// From when on a client that connects is served.
    pub(crate) serves: Serves,
}

/// From when on a client that connects is served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Serves {
    /// As soon as requests can be answered.
    #[default]
    AtOnce,
    /// Once it is live: on ports that were passed on, whoever connects before waits for whoever serves in the end, and one that fails
    /// cuts nobody off.
    WhenLive,
}
