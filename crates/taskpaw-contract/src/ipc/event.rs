//! Events: what the host tells the window.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::apply::Apply;
use super::backend::Backend;
use super::failure::Failure;
use super::launch::{FailedSuccessor, Launch, OtherStart};
use super::port::PortView;
use super::takeover::{LingeringCause, Replaced, Stage, TookOver};
use crate::Role;
use crate::config::Preferences;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A start begins: the ports are looked at.
    TakeoverStarted {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// The role's ports, not looked at yet.
        ports: Vec<PortView>,
    },
    /// Stale backends hold ports and are being ended.
    ReclaimStarted {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// Every port with its state and holders.
        ports: Vec<PortView>,
        /// The processes that will be ended.
        pids: Vec<u32>,
    },
    /// One of them is a step further.
    ReclaimProgress {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// The process.
        pid: u32,
        /// How far the end of the process is.
        stage: Stage,
    },
    /// The ports are free of stale backends.
    ReclaimFinished {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// What was replaced.
        replaced: Vec<Replaced>,
        /// Milliseconds from the first look to the free ports.
        elapsed_ms: f64,
    },
    /// A port cannot be had.
    PortConflict {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// Every port with its state, holders and a suggestion.
        ports: Vec<PortView>,
    },
    /// A port becomes free by itself; sent once a second.
    LingeringWait {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// Seconds until it is given up.
        seconds_left: u32,
        /// Why it is waited for.
        cause: LingeringCause,
    },
    /// The backend is started.
    BackendStarting {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// Every port, now free.
        ports: Vec<PortView>,
    },
    /// The backend is ready, and it is our child that listens.
    BackendReady {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// The backend that is ready.
        backend: Backend,
        /// Every port, now in use by the app.
        ports: Vec<PortView>,
    },
    /// The ports cannot be had now. They are watched, and the next attempt follows as soon as they can.
    BackendWaiting {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// What is waited for.
        failure: Failure,
    },
    /// No attempt follows soon, or none by itself.
    BackendFailed {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// What went wrong.
        failure: Failure,
        /// Milliseconds to the next attempt; nothing if none follows by itself.
        retry_ms: Option<u32>,
    },
    /// Another attempt follows by itself.
    BackendBackoff {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// What went wrong.
        failure: Failure,
        /// Milliseconds to the next attempt.
        wait_ms: u32,
        /// How many attempts failed.
        attempt: u32,
    },
    /// The backend is asked to stop.
    BackendStopping {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
    },
    /// The backend has ended, as it was asked to.
    BackendExited {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
        /// How the backend ended, in words.
        status: String,
    },
    /// The backend has let go of ports and state for another app, and serves again if that does not follow.
    BackendStoodDown {
        /// The role.
        role: Role,
        /// The start's number.
        generation: u32,
    },
    /// Another version was started and takes the place of this app, which ends.
    HandoverStarted {
        /// The version that was started.
        version: String,
    },
    /// The other version does not take the place: this app goes on.
    HandoverFailed {
        /// The version that did not take the place.
        successor: FailedSuccessor,
    },
    /// Another version was started beside this app, and was sent away.
    OtherStarted {
        /// The version that was sent away.
        other: OtherStart,
    },
    /// This app is further on its way to the place of the one that runs.
    LaunchChanged {
        /// How far the launch is.
        launch: Launch,
    },
    /// This app took the place of another one.
    HandoverFinished {
        /// The app whose place was taken.
        from: TookOver,
    },
    /// Another version lies where this one was started from, or no longer does.
    UpdateInstalled {
        /// The version that lies there; nothing if it is this version again.
        version: Option<String>,
    },
    /// A change of ports is a step further.
    ApplyProgress {
        /// The role.
        role: Role,
        /// How far the change is.
        apply: Apply,
    },
    /// The person closes the window, and wants to be asked what that should do.
    CloseRequested,
    /// The person has answered what closing the window should do.
    CloseAnswered,
    /// A person clicked on a notification: the history of what it was about is to be shown with its event, or all events.
    EventChosen {
        /// The machine that it happened on; empty: none of them alone.
        machine: String,
        /// What the hub calls that machine; `None` for this machine.
        agent: Option<String>,
        /// The monitor that reported the event.
        monitor: String,
        /// The event's number on that machine.
        #[ts(type = "number")]
        id: u64,
        /// When the event happened, as that machine reported it.
        time: String,
    },
    /// The configuration was changed.
    ConfigChanged {
        /// What the person chose for the app.
        preferences: Preferences,
        /// The roles that are on.
        enabled: Vec<Role>,
    },
    /// Something else of the app is shown now, such as whether there is a tray.
    AppChanged,
}

impl Event {
    /// The role and the number of the start that the event is a step of, if it is one.
    #[must_use]
    pub fn attempt(&self) -> Option<(Role, u32)> {
        match self {
            Self::TakeoverStarted { role, generation, .. }
            | Self::ReclaimStarted { role, generation, .. }
            | Self::ReclaimProgress { role, generation, .. }
            | Self::ReclaimFinished { role, generation, .. }
            | Self::PortConflict { role, generation, .. }
            | Self::LingeringWait { role, generation, .. }
            | Self::BackendStarting { role, generation, .. }
            | Self::BackendReady { role, generation, .. }
            | Self::BackendWaiting { role, generation, .. }
            | Self::BackendFailed { role, generation, .. }
            | Self::BackendBackoff { role, generation, .. }
            | Self::BackendStopping { role, generation, .. }
            | Self::BackendStoodDown { role, generation }
            | Self::BackendExited { role, generation, .. } => Some((*role, *generation)),
            Self::HandoverStarted { .. }
            | Self::HandoverFailed { .. }
            | Self::OtherStarted { .. }
            | Self::LaunchChanged { .. }
            | Self::HandoverFinished { .. }
            | Self::UpdateInstalled { .. }
            | Self::ApplyProgress { .. }
            | Self::CloseRequested
            | Self::CloseAnswered
            | Self::EventChosen { .. }
            | Self::ConfigChanged { .. }
            | Self::AppChanged => None,
        }
    }
}

/// One step of a start, for the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TimelineEntry {
    /// Milliseconds since 1970, UTC.
    #[ts(type = "number")]
    pub at: u64,
    /// The step.
    pub event: Event,
}
