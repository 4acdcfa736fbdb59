//! A role as the window shows it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::apply::Apply;
use super::backend::Backend;
use super::event::TimelineEntry;
use super::failure::Failure;
use super::port::PortView;
use super::takeover::{LingeringCause, Progress, Takeover};
use super::watched::Watched;
use crate::Role;

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
    /// The role's ports as they are configured, and as they were last seen.
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
    /// The role is switched off, or was stopped by the person.
    Stopped,
    /// The role's ports are being looked at, or taken over.
    TakingOver {
        /// How far the takeover is.
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
        /// The backend that is ready.
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
    /// The role failed again and again, or for a reason that hardly goes away by itself: the person is asked.
    Failed {
        /// What went wrong last.
        failure: Failure,
        /// Milliseconds from the event to the next attempt; nothing if none follows by itself.
        retry_ms: Option<u32>,
    },
    /// The role is being stopped.
    Stopping,
    /// The role no longer serves, since another app is about to follow; it serves again if that app does not.
    StoodDown,
}
