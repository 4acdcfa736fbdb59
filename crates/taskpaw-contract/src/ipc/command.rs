//! Commands: what the window can ask of the host. Each is declared here once, with its answer's type.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::alerts::{AlertTarget, AlertTargetDraft, AlertTest};
use super::apply::Apply;
use super::data::DataKind;
use super::error::{ErrorCode, IpcError};
use super::fleet::{AgentChange, AgentDraft, AgentProbe, AgentTest, FleetEvent, Paired};
use super::history::{HistoryAnswer, HistoryRange};
use super::log::LogLine;
use super::monitor::MonitorType;
use super::port::PortView;
use super::setting::{AddressChoice, CloseDecision, Page, PathKind, Place, RunningProgram, TokenName};
use super::status::{AgentEvent, EventLevel, MetricSample, MonitorStatus};
use super::view::Snapshot;
use crate::Role;
use crate::config::{Endpoint, ExposureReason, MonitorConfig, Preferences};

/// Ports that a person is thinking of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortDraft {
    /// The role whose port this is.
    pub role: Role,
    /// The port's name.
    pub name: String,
    /// The wanted host and number.
    pub endpoint: Endpoint,
}

/// Declares the requests as one enum; from the same lines the trait that answers them, the way from one to the other,
/// and the table that TypeScript is made from. So an answer of another type than the window expects does not compile.
macro_rules! requests {
    ($( $(#[doc = $doc:literal])+ $name:ident : $method:ident $({ $($(#[doc = $fdoc:literal])+ $field:ident : $type:ty),* $(,)? })? -> $answer:ty; )*) => {
        /// A request of the window.
        #[derive(Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Request {
            $( $(#[doc = $doc])+ $name $({ $($(#[doc = $fdoc])+ $field: $type),* })?, )*
        }

        /// Only its name: what a person sends can hold a token.
        impl std::fmt::Debug for Request {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $( Self::$name { .. } => stringify!($name), )* })
            }
        }

        /// What answers the requests of the window: one method for each.
        pub trait Handlers: Sync {
            $(
                $(#[doc = $doc])+
                fn $method(&self $($(, $field: $type)*)?) -> impl Future<Output = Result<$answer, IpcError>> + Send;
            )*
        }

        impl Request {
            /// The answer of the handler, as it goes to the window.
            ///
            /// # Errors
            /// What the handler says.
            pub async fn answered_by(self, handlers: &impl Handlers) -> Result<Value, IpcError> {
                match self {
                    $( Self::$name $({ $($field),* })? => encoded(handlers.$method($($($field),*)?).await?), )*
                }
            }
        }

        /// Each request's name and the TypeScript of its answer.
        pub(super) fn answers(config: &ts_rs::Config) -> Vec<(&'static str, String)> {
            vec![$( (stringify!($name), <$answer as TS>::name(config)) ),*]
        }
    };
}

fn encoded(answer: impl Serialize) -> Result<Value, IpcError> {
    serde_json::to_value(answer).map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))
}

requests! {
    /// Everything that the window shows now.
    Snapshot: snapshot -> Snapshot;
    /// The window has painted for the first time.
    Painted: painted -> ();
    /// Another page is open now. The window of the version that follows this one opens there.
    PageOpened: page_opened {
        /// The page.
        page: Page,
    } -> ();
    /// What the window shows of the roles from now on: it is sent that, all at first and then what changes, and nothing else.
    Watch: watch {
        /// All of it; nothing while nobody sees the window.
        data: Vec<DataKind>,
    } -> ();
    /// Try again after a failure, at once.
    Retry: retry {
        /// The role.
        role: Role,
    } -> ();
    /// Try again at once, and end a backend of TaskPaw V3 also if it still works at something: for this one attempt.
    ReplaceV3: replace_v3 {
        /// The role.
        role: Role,
    } -> ();
    /// Start a role that is stopped.
    Start: start {
        /// The role.
        role: Role,
    } -> ();
    /// Stop a role until it is started again.
    Stop: stop {
        /// The role.
        role: Role,
    } -> ();
    /// Stop a role and start it again.
    Restart: restart {
        /// The role.
        role: Role,
    } -> ();
    /// Look at ports that a person is thinking of; changes nothing.
    CheckPorts: check_ports {
        /// All ports of one role.
        draft: Vec<PortDraft>,
    } -> Vec<PortView>;
    /// The next free number for a port: none that is configured, and none that stands in the draft.
    SuggestPort: suggest_port {
        /// The role.
        role: Role,
        /// The port's name.
        name: String,
        /// What the person has typed so far; empty: the ports as they are configured.
        draft: Vec<PortDraft>,
    } -> u16;
    /// Change the ports of one role, all or none: check, save, stop, start, confirm. What fails is undone.
    /// The answer comes at the end; each step is told by `apply_progress`.
    ApplyPorts: apply_ports {
        /// The ports to change, of one role.
        draft: Vec<PortDraft>,
        /// Whether the change stays; else the ports are used until the app is closed.
        keep: bool,
    } -> Apply;
    /// Switch roles on and off. One that is switched off is stopped, one that is switched on is started.
    SetRoles: set_roles {
        /// The roles that are on.
        roles: Vec<Role>,
    } -> ();
    /// The last log lines of a role, the newest last.
    Logs: logs {
        /// The role.
        role: Role,
        /// How many at most.
        limit: u32,
    } -> Vec<LogLine>;
    /// What the last takeovers saw and did, the newest first.
    Journal: journal {
        /// How many at most.
        limit: u32,
    } -> Vec<port_takeover::Record>;
    /// Write one archive for the people who help: configuration without tokens, logs, journal, and how the ports
    /// are held now, without names of users. The answer is its path.
    ExportDiagnostics: export_diagnostics -> String;
    /// Save what the person chose for the app.
    SetPreferences: set_preferences {
        /// All of it.
        preferences: Preferences,
    } -> ();
    /// Show a notification of the system, so that the person sees whether that works.
    SendTestNotification: send_test_notification -> ();
    /// Have events told outside of this machine from now on. The hub tells them: it is switched on with it.
    SetAlertTarget: set_alert_target {
        /// Where.
        draft: AlertTargetDraft,
    } -> ();
    /// Tell nothing there any more.
    RemoveAlertTarget: remove_alert_target {
        /// Where.
        target: AlertTarget,
    } -> ();
    /// Send one message there, and say what the server answered. Nothing is saved.
    TestAlertTarget: test_alert_target {
        /// Where.
        draft: AlertTargetDraft,
    } -> AlertTest;
    /// Start the app when the person logs in, or do not.
    SetStartAtLogin: set_start_at_login {
        /// Whether it starts.
        enabled: bool,
    } -> ();
    /// Answer the question of `close_requested`.
    AnswerClose: answer_close {
        /// What is to happen.
        decision: CloseDecision,
        /// Whether that is done without a question from now on. Staying is never remembered.
        remember: bool,
    } -> ();
    /// A token that a person has set, in clear: they asked to see it. Empty: there is none.
    ShowToken: show_token {
        /// Which one.
        token: TokenName,
    } -> String;
    /// A new token that nobody can guess. It is not saved.
    GenerateToken: generate_token -> String;
    /// Save a token and restart the role that uses it.
    SetToken: set_token {
        /// Which one.
        token: TokenName,
        /// The token's text; an empty one means that no token is asked for from now on.
        value: String,
    } -> ();
    /// The addresses of this machine that a role could listen on, loopback first.
    Addresses: addresses {
        /// The role.
        role: Role,
    } -> Vec<AddressChoice>;
    /// Why the exposure guard would refuse an address; nothing if it would not.
    CheckExposure: check_exposure {
        /// The role.
        role: Role,
        /// The port's name.
        name: String,
        /// The address.
        host: String,
        /// Whether a token would be asked for.
        has_token: bool,
    } -> Option<ExposureReason>;
    /// Let hubs on other machines reach this machine's agent: it gets a token if it has none, and listens on an address of the
    /// network. The answer comes at the end; each step is told by `apply_progress`.
    LetHubsIn: let_hubs_in {
        /// The address to listen on; nothing: the one that most likely is that of the household's or the office's network.
        address: Option<String>,
    } -> Apply;
    /// The line by which this machine is added to a hub, with its token in clear: the person asked to copy it.
    PairingLine: pairing_line -> String;
    /// Read the line of another machine, ask that one, and add it to the fleet if it answers.
    Pair: pair {
        /// What the person has pasted.
        line: String,
    } -> Paired;
    /// The kinds of monitors that the agent offers.
    MonitorTypes: monitor_types -> Vec<MonitorType>;
    /// The agent's monitors as they are configured.
    Monitors: monitors -> Vec<MonitorConfig>;
    /// Add a monitor; it runs at once.
    AddMonitor: add_monitor {
        /// The new monitor.
        monitor: MonitorConfig,
    } -> ();
    /// Change a monitor: its settings, its name, whether it runs.
    ChangeMonitor: change_monitor {
        /// The monitor's name until now.
        name: String,
        /// All of it.
        monitor: MonitorConfig,
    } -> ();
    /// Remove a monitor.
    RemoveMonitor: remove_monitor {
        /// The monitor's name.
        name: String,
    } -> ();
    /// Look once as this monitor would, and keep nothing.
    TryMonitor: try_monitor {
        /// The monitor to try; it need not be the agent's yet, and nothing of it is stored.
        monitor: MonitorConfig,
    } -> MonitorStatus;
    /// The programs of this person that run, by name, without what stands in their command lines.
    RunningPrograms: running_programs -> Vec<RunningProgram>;
    /// Have the person choose a file or a folder in the system's own window. Nothing: they chose none.
    ChoosePath: choose_path {
        /// Which of them.
        what: PathKind,
    } -> Option<String>;
    /// Show a place of TaskPaw's in the program that the system has for it.
    OpenPlace: open_place {
        /// Which one.
        place: Place,
    } -> ();
    /// Put a configuration that cannot be used aside, and start with a new one. The answer is where the old one is kept.
    StartAfresh: start_afresh -> String;
    /// Put the last good copy in the place of a configuration that cannot be used, and start.
    RestoreLastGoodConfig: restore_last_good_config -> ();
    /// Read the configuration again, after a person has corrected it, and start.
    ReloadConfig: reload_config -> ();
    /// The person has seen what was taken over from TaskPaw V3.
    ImportSeen: import_seen -> ();
    /// The person has decided about what an earlier version has left behind of TaskPaw V3.
    AnswerLeftBehind: answer_left_behind {
        /// Whether it is taken over.
        take_over: bool,
    } -> ();
    /// The numbers of this machine over the last hour, the newest last.
    AgentHistory: agent_history -> Vec<MetricSample>;
    /// What was kept of a week: of one monitor with its numbers, or the states of all with the numbers of the machine.
    History: history {
        /// The configured name of an agent of the hub; nothing: this machine's own agent.
        agent: Option<String>,
        /// The monitor; nothing: all.
        monitor: Option<String>,
        /// How far back the history goes.
        range: HistoryRange,
    } -> HistoryAnswer;
    /// Have a monitor of this machine look at once. The answer says whether it runs; what it finds is pushed.
    CheckNow: check_now {
        /// The monitor's name.
        monitor: String,
    } -> bool;
    /// The agent's last events, the newest last.
    AgentEvents: agent_events {
        /// How many at most.
        limit: u32,
    } -> Vec<AgentEvent>;
    /// The events of all machines that the hub has stored, the newest first.
    FleetEvents: fleet_events {
        /// Only those of the agent with this configured name.
        server: Option<String>,
        /// Only those of this level.
        level: Option<EventLevel>,
        /// How many at most.
        limit: u32,
    } -> Vec<FleetEvent>;
    /// Add an agent to the hub; it is polled at once.
    AddAgent: add_agent {
        /// The new machine.
        agent: AgentDraft,
    } -> ();
    /// Change an agent of the hub.
    ChangeAgent: change_agent {
        /// The machine's name until now.
        name: String,
        /// What is to be another.
        change: AgentChange,
    } -> ();
    /// Remove an agent from the hub.
    RemoveAgent: remove_agent {
        /// The machine's name.
        name: String,
        /// Whether everything goes that it has sent.
        with_events: bool,
    } -> ();
    /// Poll an agent once and store nothing.
    TestAgent: test_agent {
        /// The machine to try; it need not be the hub's yet.
        probe: AgentProbe,
    } -> AgentTest;
    /// Ask the other app for its place again, after that was given up.
    ClaimAgain: claim_again -> ();
    /// Follow the other app although the backend of this one is slow: it is waited for longer.
    StartAllTheSame: start_all_the_same -> ();
    /// Leave the place to the other app: its window is shown, and this one ends.
    KeepOther: keep_other -> ();
    /// Go on with this version, after another one was started and sent away.
    KeepThis: keep_this -> ();
    /// Run the version that was started and sent away: its program is started again, and takes over.
    RunOther: run_other -> ();
    /// Start the version that was installed over this one; it takes over.
    Relaunch: relaunch -> ();
    /// Look for new versions once a day from now on, and at once, or do not.
    ChooseUpdates: choose_updates {
        /// Whether it looks.
        look: bool,
    } -> ();
    /// Look for a new version now.
    LookForUpdate: look_for_update -> ();
    /// Download the version that there is, at once.
    DownloadUpdate: download_update -> ();
    /// Start the version that is ready; it takes over, and is installed once it has stayed ready for a minute.
    RelaunchIntoUpdate: relaunch_into_update -> ();
    /// Say no more of the version that there is for a day, or until there is another one.
    PutOffUpdate: put_off_update -> ();
    /// Have a version that has failed here once more.
    TryUpdateAgain: try_update_again -> ();
    /// The person has seen how the last update came out.
    UpdateSeen: update_seen -> ();
    /// End the app.
    Quit: quit -> ();
}
