//! The snapshot: everything that the window shows now, and what it is sent when that changes.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::alerts::AlertTargetView;
use super::event::Event;
use super::health::Health;
use super::launch::{FailedSuccessor, Launch, OtherStart};
use super::role::RoleView;
use super::setting::TokenName;
use super::takeover::TookOver;
use super::updates::UpdatesView;
use crate::config::{ConfigProblem, Language, Preferences};
use crate::import_report::{ImportReport, LeftBehind};

/// Everything that the window shows now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// The number of the last event that is in here.
    #[ts(type = "number")]
    pub seq: u64,
    /// The app itself.
    pub app: AppView,
    /// Why nothing runs: the configuration cannot be used.
    pub problem: Option<ConfigProblem>,
    /// Every role, on or off.
    pub roles: Vec<RoleView>,
    /// Whether everything that is watched is all right.
    pub health: Health,
}

/// The app itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppView {
    /// The version of the app.
    pub version: String,
    /// The folder of `config.json`.
    pub config_dir: String,
    /// The folder of state, journal and logs.
    pub data_dir: String,
    /// What the person chose.
    pub preferences: Preferences,
    /// The language that is spoken where the person has chosen the system's; never that itself.
    pub system_language: Language,
    /// Whether there is a copy of the configuration that was seen to work.
    pub has_last_good_config: bool,
    /// The version that takes the place of this app, which is ending, or waits whether that comes to serve.
    pub replaced_by: Option<String>,
    /// The version that was to take the place of this app and could not, so that this one goes on.
    pub failed_successor: Option<FailedSuccessor>,
    /// Another version that was started beside this app and sent away: a person is asked which one shall run.
    pub other_start: Option<OtherStart>,
    /// Another version that is installed and runs after a relaunch.
    pub update: Option<String>,
    /// Where the app is with new versions that it looks for itself.
    pub updates: UpdatesView,
    /// The app whose place this one took.
    pub took_over: Option<TookOver>,
    /// Whether this app has its place; nothing runs before.
    pub launch: Launch,
    /// The tokens that are set. Their texts are sent only when one is asked for.
    pub tokens: Vec<TokenName>,
    /// The tokens among them that others show to this machine, and that are short enough to be guessed.
    pub short_tokens: Vec<TokenName>,
    /// Where else people are told of events.
    pub alerts: Vec<AlertTargetView>,
    /// Whether the app starts when the person logs in; nothing where that cannot be known.
    pub start_at_login: Option<bool>,
    /// Whether the data folder was gone at the start, and was created again.
    pub lost_data: bool,
    /// Whether there is a tray, so that the app can go on without its window.
    pub has_tray: bool,
    /// Whether the person is asked now what closing the window should do.
    pub is_close_asked: bool,
    /// What was taken over from TaskPaw V3, if it was here.
    pub imported: Option<ImportReport>,
    /// What an earlier version has left behind of TaskPaw V3, until the person has decided about it.
    pub left_behind: Option<LeftBehind>,
}

/// An event, and all that the window shows from then on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct HostEvent {
    /// Milliseconds since 1970, UTC.
    #[ts(type = "number")]
    pub at: u64,
    /// What happened.
    pub event: Event,
    /// What is shown after it. The one with the highest number counts, whatever the order in which they arrive.
    pub snapshot: Snapshot,
}
