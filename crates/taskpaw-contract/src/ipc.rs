//! What the window can ask of the host, and what the host tells the window.
//!
//! Everything is declared here once. `cargo run -p taskpaw-contract --example typescript` writes the
//! TypeScript of it to `ui/src/generated/ipc.ts`; a test compares the two.

mod alerts;
mod apply;
mod backend;
mod command;
mod data;
mod error;
mod event;
mod failure;
mod fleet;
mod health;
mod history;
mod launch;
mod log;
mod monitor;
mod port;
mod role;
mod run_by;
mod setting;
mod status;
mod takeover;
mod typescript;
mod updates;
mod view;
mod watched;

pub use alerts::{AlertOutcome, AlertProbe, AlertTarget, AlertTargetDraft, AlertTargetView, AlertTest};
pub use apply::{Apply, ApplyStep};
pub use backend::Backend;
pub use command::{Handlers, PortDraft, Request};
pub use data::{DataKind, RoleData};
pub use error::{ErrorCode, IpcError};
pub use event::{Event, TimelineEntry};
pub use failure::{ChildView, Failure, RoleFailure};
pub use fleet::{
    AgentChange, AgentDraft, AgentOffer, AgentProbe, AgentTest, FleetAgent, FleetEvent, FleetNews,
    FleetStatus, MissedEvents, Paired, PollErrorCode, WebhookStatus,
};
pub use health::Health;
pub use history::{History, HistoryAnswer, HistoryRange, MetricSeries, MonitorHistory, StateSince};
pub use launch::{FailedSuccessor, Launch, OtherStart};
pub use log::{LogLevel, LogLine};
pub use monitor::{AgentNews, FieldFault, FieldProblem, MonitorType};
pub use port::{HolderView, PortView};
pub use role::{RoleState, RoleView};
pub use run_by::{ContainerEngine, RunBy, RunByProgram};
pub use setting::{AddressChoice, CloseDecision, Page, PathKind, Place, RunningProgram, TokenName};
pub use status::{
    AgentEvent, AgentStatus, EventCursor, EventKind, EventLevel, EventRefusal, LastWork, MetricSample,
    MonitorState, MonitorStatus, Work, is_hex_id,
};
pub use takeover::{LingeringCause, PortsFrom, PortsWay, Progress, Replaced, Stage, Takeover, TookOver};
pub use typescript::typescript;
pub use updates::{
    UpdateChanges, UpdateFailure, UpdateFailureReason, UpdateNotes, UpdateOffer, UpdateOutcome,
    UpdateRefusal, UpdateState, UpdateWay, UpdatesView,
};
pub use view::{AppView, HostEvent, Snapshot};
pub use watched::{MOST_TROUBLES, Trouble, TroubleState, Watched};

/// The name of the event with which the host tells the window what happened to the app.
pub const EVENT_NAME: &str = "host-event";
/// The name of the event with which the host sends the window what the roles watch: a list of [`RoleData`].
pub const DATA_EVENT_NAME: &str = "role-data";
/// The name of the one command that the window calls, with a [`Request`].
pub const COMMAND_NAME: &str = "call";
