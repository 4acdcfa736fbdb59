//! The snapshot: everything that the window shows now.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::alerts::AlertTargetView;
use super::apply::Apply;
use super::event::{Replaced, TimelineEntry, TookOver};
use super::health::{Health, Watched};
use super::run_by::RunBy;
use super::setting::TokenName;
use crate::config::{ConfigProblem, Language, Preferences};
use crate::import_report::{ImportReport, LeftBehind};
use crate::sidecar::{PortName, StartupErrorCode};
use crate::{PortStatus, Role};

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
    /// The app whose place this one took.
    pub took_over: Option<TookOver>,
    /// Whether this app has its place; nothing runs before.
    pub launch: Launch,
    /// The tokens that are set. What they are is told only to whoever asks for one.
    pub tokens: Vec<TokenName>,
    /// Those of them that others show to this machine, and that have so few letters that they can be guessed.
    pub short_tokens: Vec<TokenName>,
    /// Where else people are told of events.
    pub alerts: Vec<AlertTargetView>,
    /// Whether the app starts when the person logs in; nothing where that cannot be known.
    pub start_at_login: Option<bool>,
    /// Whether the data folder was gone at the start, and was made anew.
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

/// How far this app is on its way to the place of the one app that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Launch {
    /// It is there.
    Running,
    /// Another app has the place, and is asked for it.
    Waiting {
        /// The other one's version, if it is known.
        version: Option<String>,
        /// Its process id, if it is known.
        pid: Option<u32>,
        /// Whether it is no app that has the place but one that was started before, and goes first.
        for_turn: bool,
    },
    /// The other app goes on: a role of this one could not start, or it does not hand over now.
    Kept {
        /// The other one's version, if it is known.
        version: Option<String>,
        /// The role that could not start, and why; nothing if it is the other app that does not hand over.
        because: Option<RoleFailure>,
        /// Whether a person may have this app follow all the same: its backend was slow, and told no error.
        may_start: bool,
    },
    /// The other app neither answers nor can be ended safely: the person is asked.
    Blocked {
        /// Why it is not safe.
        message: String,
    },
}

/// A role that could not start, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RoleFailure {
    /// Which one.
    pub role: Role,
    /// What went wrong.
    pub failure: Failure,
}

/// A version that could not follow the one that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FailedSuccessor {
    /// Which one.
    pub version: String,
    /// The role that could not start, and why, if it said so.
    pub because: Option<RoleFailure>,
}

/// Another version that was started beside the one that runs, and that could not hand over and serve again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OtherStart {
    /// Which one.
    pub version: String,
    /// Its program, if it is known for certain and so can be started from here.
    pub program: Option<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RoleView {
    /// Which one.
    pub role: Role,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Counts the starts; what belongs to an older one is over.
    pub generation: u32,
    /// What it does now.
    pub state: RoleState,
    /// Its ports as they are configured, and as they were seen last.
    pub ports: Vec<PortView>,
    /// The last takeover that replaced something.
    pub last_takeover: Option<Takeover>,
    /// What this start did so far, in order.
    pub timeline: Vec<TimelineEntry>,
    /// The change of its ports that is under way, or how the last one came out.
    pub apply: Option<Apply>,
    /// What it watches, and what of it is not all right; nothing while that is not known.
    pub watched: Option<Watched>,
}

/// What a role does now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RoleState {
    /// It is switched off, or was stopped by the person.
    Stopped,
    /// Its ports are being looked at, or taken over.
    TakingOver {
        /// How far that is.
        progress: Progress,
    },
    /// A port becomes free by itself.
    Lingering {
        /// Seconds until it is given up.
        seconds_left: u32,
        /// Why it is waited for.
        cause: LingeringCause,
    },
    /// The backend was started and is not ready yet.
    Starting,
    /// The backend is ready.
    Ready {
        /// It.
        backend: Backend,
    },
    /// Another attempt follows by itself.
    Backoff {
        /// Milliseconds from the event to the attempt.
        wait_ms: u32,
        /// How many attempts failed.
        attempt: u32,
        /// What went wrong last.
        failure: Failure,
    },
    /// Somebody has its ports, or it has no way to them. They are watched, and it starts as soon as it can.
    Waiting {
        /// What it waits for: a failure that is about ports.
        failure: Failure,
    },
    /// It failed again and again, or for a reason that hardly goes away by itself: the person is asked.
    Failed {
        /// What went wrong last.
        failure: Failure,
        /// Milliseconds from the event to the next attempt; nothing if none follows by itself.
        retry_ms: Option<u32>,
    },
    /// It is being stopped.
    Stopping,
    /// It serves no more, since another app is about to follow, and serves again if that does not.
    StoodDown,
}

/// Why a port is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LingeringCause {
    /// Its connections had ended before.
    Connections,
    /// The system did not let it be made free before its backend was ended.
    NotAllowed,
}

/// How far a takeover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Looking who holds the ports.
    Looking,
    /// Waiting for the old backend to end.
    Ending,
}

/// A backend that is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Backend {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Where the host reaches it.
    pub base_url: String,
    /// Milliseconds from its start to its readiness.
    pub ready_ms: f64,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Failure {
    /// A port cannot be had; the states of the ports say which and why.
    PortConflict,
    /// The ports could not be looked at, or a takeover was called off.
    Takeover {
        /// What went wrong.
        message: String,
    },
    /// A backend of TaskPaw V3 that would have to be ended still works at something; nothing was ended.
    #[serde(rename = "v3_busy")]
    V3Busy {
        /// Its process id.
        pid: u32,
        /// The processes that it has started.
        children: Vec<ChildView>,
    },
    /// Another backend of this role has its ports, which was started after the role was launched here the last time. The last
    /// launch wins: it is left alone until a person launches the role once more.
    Displaced {
        /// Its process id.
        pid: u32,
        /// Its name.
        name: String,
        /// Its version, if it tells one.
        version: Option<String>,
    },
    /// A stale backend has the ports and may not be ended by this user, such as one that runs as administrator.
    NotAllowed {
        /// Its process id.
        pid: u32,
        /// Its name.
        name: String,
        /// Its version, if it tells one.
        version: Option<String>,
    },
    /// The configuration cannot be used any more.
    Config {
        /// What is wrong with it.
        problem: ConfigProblem,
    },
    /// The backend's program could not be started.
    SpawnFailed {
        /// Its path.
        program: String,
        /// Whether it is not there at all.
        missing: bool,
        /// What the system says.
        message: String,
    },
    /// The backend said why it cannot start.
    StartupError {
        /// The kind of reason.
        code: StartupErrorCode,
        /// The reason in words.
        message: String,
        /// The port that it is about.
        port: Option<PortName>,
    },
    /// The backend broke the protocol.
    BrokenProtocol {
        /// How.
        message: String,
        /// Its last log lines.
        log: Vec<String>,
    },
    /// The backend is another version than the app.
    WrongVersion {
        /// The backend's.
        backend: String,
    },
    /// The backend was not ready in time.
    NotReady {
        /// Seconds that it had.
        seconds: u32,
        /// Its last log lines.
        log: Vec<String>,
    },
    /// The backend ended by itself.
    Exited {
        /// How, in words, such as `exit status 1`.
        status: String,
        /// Its last log lines.
        log: Vec<String>,
    },
    /// The backend answered no health call any more.
    Unhealthy {
        /// How many it missed.
        missed: u32,
        /// Its last log lines.
        log: Vec<String>,
    },
}

impl Failure {
    /// Whether it is about ports that somebody has, so that these and their holders are shown with it.
    #[must_use]
    pub fn is_about_ports(&self) -> bool {
        matches!(self, Self::PortConflict | Self::Displaced { .. } | Self::NotAllowed { .. })
    }
}

/// A process that a backend has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChildView {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// A port of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortView {
    /// `network`, `control` or `api`.
    pub name: String,
    /// The configured host.
    pub host: String,
    /// The configured number.
    #[ts(type = "number")]
    pub port: i64,
    /// Its state when it was last looked at; nothing if it was not yet.
    pub state: Option<PortStatus>,
    /// What that means for a start; nothing if it was not looked at yet.
    pub outlook: Option<port_takeover::PortOutlook>,
    /// Whether the role's own running backend holds it.
    pub in_use_by_app: bool,
    /// Who holds it.
    pub holders: Vec<HolderView>,
    /// A free number near it, where the state calls for another one.
    pub suggestion: Option<u16>,
}

/// A process that holds a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HolderView {
    /// Its id.
    pub pid: u32,
    /// Its name; nothing if it cannot be seen.
    pub name: Option<String>,
    /// The path of its executable.
    pub exe: Option<String>,
    /// Who runs it.
    pub user: Option<String>,
    /// Its role, if it is a TaskPaw backend.
    pub role: Option<Role>,
    /// Whether it is a stale backend of this role and user.
    pub ours: bool,
    /// Why it runs, where the system proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub run_by: Option<RunBy>,
}

/// A takeover that replaced something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Takeover {
    /// Milliseconds since 1970, UTC.
    #[ts(type = "number")]
    pub at: u64,
    /// What was replaced.
    pub replaced: Vec<Replaced>,
    /// Milliseconds from the first look to the free ports.
    pub elapsed_ms: f64,
}
