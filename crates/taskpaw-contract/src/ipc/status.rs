//! The data of the agent, as the backend answers it and the window shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

/// `GET /status` of an agent; the wire format is that of TaskPaw V3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AgentStatus {
    /// What people call the machine.
    pub machine: String,
    /// Tells it from all others.
    pub server_id: String,
    /// The machine's operating system, such as `linux`.
    pub os: String,
    /// The version of its TaskPaw; nothing of one that does not say it here, as those before 4.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub version: Option<String>,
    /// Every monitor by its name.
    #[ts(type = "Record<string, MonitorStatus>")]
    pub monitors: Map<String, Value>,
    /// Where the numbers of its events are; nothing of an agent that does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub event_cursor: Option<EventCursor>,
    /// Hubs whose acknowledgements were refused since this start, the last one first. Only the app is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<EventRefusal>>")]
    pub event_refusals: Vec<EventRefusal>,
    /// Names that more than one monitor has in `config.json`: the first of each is watched. Only the app is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub names_in_use_twice: Vec<String>,
}

/// Where the numbers of an agent's events are, as TaskPaw V3 3.9 has defined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EventCursor {
    /// The version of this form.
    pub version: u64,
    /// Tells the agent from all others.
    pub server_id: String,
    /// Tells this row of numbers from every other one: 32 hex digits.
    pub stream_id: String,
    /// Tells this start from every other one: 32 hex digits.
    pub boot_id: String,
    /// The last number that was given before this start.
    #[ts(type = "number")]
    pub resume_floor: u64,
    /// The greatest number that may be acknowledged: what was told since this start, and what was given before it.
    #[ts(type = "number")]
    pub offered_highwater: u64,
    /// The number of the next event.
    #[ts(type = "number")]
    pub next_event_id: u64,
    /// Whether the numbers outlast a restart.
    pub durable: bool,
}

impl EventCursor {
    /// Whether it is what the form allows. A cursor that is not says nothing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.version == 1
            && self.durable
            && is_hex_id(&self.stream_id)
            && is_hex_id(&self.boot_id)
            && !self.server_id.trim().is_empty()
            && self.resume_floor <= self.offered_highwater
            && self.offered_highwater < self.next_event_id
    }
}

/// Whether a text is 32 hex digits in small letters.
#[must_use]
pub fn is_hex_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A hub that has acknowledged events that were never offered: it gets no event until it forgets what it remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EventRefusal {
    /// The address that it asked from.
    pub from: String,
    /// The number that it has acknowledged.
    #[ts(type = "number")]
    pub ack: u64,
    /// The greatest number that it could acknowledge.
    #[ts(type = "number")]
    pub offered: u64,
    /// When it asked last, in ms since 1970.
    #[ts(type = "number")]
    pub at: u64,
}

/// One monitor of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorStatus {
    /// The monitor's kind, such as `host_metrics`.
    pub type_id: String,
    /// How what it watches is.
    pub state: MonitorState,
    /// The state in words.
    pub detail: String,
    /// The monitor's numbers.
    #[ts(type = "Record<string, unknown>")]
    pub metrics: Map<String, Value>,
    /// When it looked last: UTC, ISO 8601; nothing if it has not yet.
    pub last_update: Option<String>,
    /// Seconds since the monitor entered this state, on the clock of the agent or hub that answers; nothing from an agent that does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub state_seconds: Option<f64>,
    /// How far the work is that it watches; nothing of what never worked, and of an agent that does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub work: Option<Work>,
}

/// How far work is, and how the last one went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Work {
    /// Whether it goes on now.
    pub is_running: bool,
    /// How much of it is done; nothing if nobody says it.
    pub percent: Option<f64>,
    /// For how long it goes on already; nothing if its beginning was not seen.
    pub elapsed_seconds: Option<f64>,
    /// How long it may still take, by its pace; nothing while that is not known.
    pub left_seconds: Option<f64>,
    /// The work before it.
    pub last: Option<LastWork>,
}

/// Work that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LastWork {
    /// How long it took; nothing if its beginning was not seen.
    pub took_seconds: Option<f64>,
    /// For how long it has been over.
    pub ended_seconds: f64,
}

/// The numbers of a machine at one time, the mean of some seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricSample {
    /// When these seconds began, in ms since 1970.
    #[ts(type = "number")]
    pub at: u64,
    /// The numbers, by the keys that they have in a status.
    #[ts(type = "Record<string, unknown>")]
    pub metrics: Map<String, Value>,
}

/// How something that is watched is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum MonitorState {
    /// Not looked at yet.
    Unknown,
    /// As it should be.
    Ok,
    /// Nothing to do.
    Idle,
    /// At work.
    Running,
    /// Working, but not well.
    Degraded,
    /// Broken, or the monitor itself is.
    Error,
    /// Switched off.
    Stopped,
}

/// An event of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AgentEvent {
    /// Grows by one.
    #[ts(type = "number")]
    pub id: u64,
    /// UTC, ISO 8601.
    pub time: String,
    /// The machine it happened on.
    pub machine: String,
    /// The monitor that saw it.
    pub monitor: String,
    /// What happened, in words.
    pub message: String,
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<EventLevel>,
    /// A short form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(type = "unknown")]
    pub data: Option<Value>,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum EventLevel {
    /// Good to know.
    Info,
    /// Look at it some time.
    Warn,
    /// The person should look now.
    Alert,
    /// Work has finished.
    Done,
}

/// What happened: `data.kind` of an event, so that it can be said in another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The agent was started: `version`.
    Started,
    /// What is watched is not as it should be.
    Down,
    /// What is watched is as it should be again.
    Up,
    /// A line of a log calls for the person.
    ErrorLine,
    /// No such line came for a while.
    Calm,
    /// A line of a log says that work is finished.
    WorkDone,
    /// A file or a folder cannot be read.
    Unreadable,
    /// The file or folder can be read again.
    Readable,
    /// A file has arrived: `file`, `bytes`, `path`.
    FileComplete,
    /// A file says another word: `from`, `to`.
    WordChanged,
    /// A file says that work goes on, for too long: `seconds`.
    BusyTooLong,
    /// A file was not written for too long: `seconds`.
    Stale,
    /// The file was written again.
    Fresh,
    /// A share of this machine is high: `metric`, `percent`, `threshold`.
    High,
    /// That share is no longer high: `metric`, `percent`, `threshold`.
    Normal,
    /// A task has ended: `program`, `seconds`, `exit_status`.
    TaskDone,
    /// A task has failed: `program`, `seconds`, `exit_status`.
    TaskFailed,
    /// Work is stuck: `pending`, `reason`.
    Stuck,
    /// Work that was stuck goes on.
    Unstuck,
    /// A coding assistant works: `tools`.
    AssistantBusy,
    /// A coding assistant waits for the person: `tools`.
    AssistantWaits,
    /// No coding assistant works or waits any more.
    AssistantIdle,
    /// A monitor cannot do its checks.
    MonitorFailed,
    /// A monitor can do its checks again.
    MonitorWorks,
    /// Too many events came at once: `count`.
    LeftOut,
    /// A machine does not answer its hub: `cause`, a `PollErrorCode`.
    MachineOffline,
    /// A machine answers its hub again: `seconds` for which it did not, if that is known.
    MachineOnline,
}
