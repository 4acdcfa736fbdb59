//! The TypeScript of everything that crosses the IPC, made from the Rust types.

use ts_rs::{Config, TS};

use super::*;
use crate::config::{
    ConfigProblem, Endpoint, ExposureReason, Language, LookForUpdates, MonitorConfig, Mute, OnClose,
    Preferences, Theme, WebhookEvents,
};
use crate::import_report::{
    DatabaseState, ImportReport, LeftBehind, LeftBehindKind, NotTaken, NotTakenReason, Taken, V3File,
};
use crate::pairing::PairingRefusal;
use crate::sidecar::{PortName, StartupErrorCode};
use crate::{PortStatus, Role};

/// The whole file `ui/src/generated/ipc.ts`.
#[must_use]
pub fn typescript() -> String {
    let config = Config::default();
    let mut parts = vec![
        "// Generated from crates/taskpaw-contract by `npm run generate`. Do not edit.".to_owned(),
        format!("export const EVENT_NAME = \"{EVENT_NAME}\";"),
        format!("export const DATA_EVENT_NAME = \"{DATA_EVENT_NAME}\";"),
        format!("export const COMMAND_NAME = \"{COMMAND_NAME}\";"),
    ];
    macro_rules! declare {
        ($($type:ty),* $(,)?) => { $( parts.push(declaration::<$type>(&config)); )* };
    }
    declare!(
        Role,
        port_takeover::PortState,
        PortStatus,
        port_takeover::PortOutlook,
        port_takeover::AddressReuse,
        port_takeover::Pid,
        port_takeover::Decision,
        port_takeover::HolderKind,
        port_takeover::RuleName,
        port_takeover::journal::RecordedHolder,
        port_takeover::journal::RecordedChild,
        port_takeover::journal::RecordedOutcome,
        port_takeover::journal::RecordedWay,
        port_takeover::journal::RecordedPort,
        port_takeover::Record,
        ConfigProblem,
        ExposureReason,
        Endpoint,
        Language,
        Theme,
        OnClose,
        LookForUpdates,
        Preferences,
        Mute,
        MonitorConfig,
        PortName,
        StartupErrorCode,
        ErrorCode,
        IpcError,
        Snapshot,
        AppView,
        Health,
        Watched,
        Trouble,
        TroubleState,
        ImportReport,
        DatabaseState,
        LeftBehind,
        LeftBehindKind,
        V3File,
        Taken,
        NotTaken,
        NotTakenReason,
        Launch,
        RoleFailure,
        FailedSuccessor,
        OtherStart,
        UpdatesView,
        UpdateWay,
        UpdateOffer,
        UpdateNotes,
        UpdateState,
        UpdateOutcome,
        UpdateChanges,
        UpdateFailure,
        UpdateFailureReason,
        UpdateRefusal,
        RoleView,
        RoleState,
        Progress,
        Backend,
        Failure,
        PortView,
        HolderView,
        RunBy,
        ContainerEngine,
        RunByProgram,
        ChildView,
        LingeringCause,
        Takeover,
        HostEvent,
        Event,
        Stage,
        Replaced,
        TimelineEntry,
        TookOver,
        PortsFrom,
        PortsWay,
        Apply,
        ApplyStep,
        TokenName,
        AddressChoice,
        CloseDecision,
        Page,
        PathKind,
        Place,
        RunningProgram,
        PairingRefusal,
        LogLine,
        LogLevel,
        MonitorType,
        FieldProblem,
        FieldFault,
        AgentNews,
        AgentStatus,
        EventCursor,
        EventRefusal,
        MonitorStatus,
        Work,
        LastWork,
        MetricSample,
        HistoryRange,
        History,
        MonitorHistory,
        StateSince,
        MetricSeries,
        HistoryAnswer,
        MonitorState,
        AgentEvent,
        EventLevel,
        EventKind,
        Paired,
        FleetStatus,
        FleetAgent,
        MissedEvents,
        PollErrorCode,
        FleetEvent,
        FleetNews,
        AgentOffer,
        WebhookStatus,
        AgentDraft,
        AgentChange,
        AgentProbe,
        AgentTest,
        AlertTarget,
        AlertTargetView,
        AlertTargetDraft,
        AlertTest,
        AlertOutcome,
        WebhookEvents,
        PortDraft,
        DataKind,
        RoleData,
        Request,
    );
    let answers: String = command::answers(&config)
        .into_iter()
        .map(|(name, answer)| format!("  {}: {answer};\n", snake_case(name)))
        .collect();
    parts.push(format!("/** The answer to each request. */\nexport type Answers = {{\n{answers}}};"));
    parts.join("\n\n") + "\n"
}

fn declaration<T: TS>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    format!("{docs}export {}", T::decl(config))
}

/// As serde's `rename_all = "snake_case"` does it.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_types_are_current() {
        let committed =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/generated/ipc.ts"))
                .unwrap_or_default();
        assert!(
            committed == super::typescript(),
            "ui/src/generated/ipc.ts is not current: run `npm run generate`"
        );
    }
}
