//! The board: what the window shows now, and the numbered events that change it.
//!
//! What an event changes is decided here and nowhere else: the window is sent the event together with all that is shown
//! after it, and keeps the latest. An event changes the board and is sent under one lock, so that a snapshot holds
//! exactly the events up to its number.

mod held;
mod told;

pub(crate) use told::reason as failure_in_words;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::{Config, ConfigProblem, Preferences, SHORTEST_TOKEN};
use taskpaw_contract::import_report::{ImportReport, LeftBehind};
use taskpaw_contract::ipc::{
    AlertTarget, AlertTargetView, AppView, Event, Failure, Health, HostEvent, Launch, PortView, Progress,
    RoleState, RoleView, Snapshot, Takeover, TimelineEntry, TokenName, UpdatesView, Watched,
};
use taskpaw_contract::{Role, version};
use tokio::sync::mpsc;

use crate::language;
use held::ToWindow;

/// Where events are sent: to the window, or into a test.
pub(crate) type Sink = Box<dyn Fn(&HostEvent) + Send + Sync>;

/// What the window shows now.
pub(crate) struct Board {
    shown: Mutex<Snapshot>,
    window: ToWindow,
    /// Parts of the host that hear what the window hears.
    listening: Mutex<Vec<mpsc::UnboundedSender<Event>>>,
}

impl Board {
    pub(crate) fn new(config_dir: String, data_dir: String, sink: Sink) -> Self {
        let preferences = Preferences::default();
        let app = AppView {
            version: version().to_owned(),
            config_dir,
            data_dir,
            preferences,
            system_language: language::written(language::of_the_system()),
            has_last_good_config: false,
            replaced_by: None,
            failed_successor: None,
            other_start: None,
            update: None,
            updates: UpdatesView::default(),
            took_over: None,
            launch: Launch::Waiting { version: None, pid: None, for_turn: false },
            tokens: Vec::new(),
            short_tokens: Vec::new(),
            alerts: Vec::new(),
            start_at_login: None,
            lost_data: false,
            has_tray: false,
            is_close_asked: false,
            imported: None,
            left_behind: None,
        };
        let roles = Role::ALL.map(off).to_vec();
        Self {
            shown: Mutex::new(Snapshot { seq: 0, app, problem: None, roles, health: Health::Unknown }),
            window: ToWindow::new(sink),
            listening: Mutex::default(),
        }
    }

    /// Everything that is shown now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Numbers an event, shows it, and sends it. One of an attempt that is over changes nothing and is not sent.
    pub(crate) fn publish(&self, event: Event) {
        self.publish_on(&mut self.lock(), event);
    }

    /// Publishes an event while the board is held, so that what was just read from the board still holds.
    fn publish_on(&self, shown: &mut Snapshot, event: Event) {
        if is_late(shown, &event) {
            tracing::debug!(?event, "an event of an attempt that is over");
            return;
        }
        let at = unix_ms();
        shown.seq += 1;
        apply(shown, at, &event);
        shown.health = Health::of(&shown.roles);
        told::log(&event);
        tracing::debug!(seq = shown.seq, ?event, "event");
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        listening.retain(|listener| listener.send(event.clone()).is_ok());
        self.window.tell(HostEvent { at, event, snapshot: shown.clone() });
    }

    /// Tells the window nothing for a time, and then everything at once: while two versions change hands, whoever is about to serve
    /// needs the processor more than a picture that is over before anybody has seen it. Whatever else listens hears it at once.
    pub(crate) fn keep_from_window(self: &Arc<Self>, time: Duration) {
        let (board, hold) = (Arc::clone(self), self.window.hold());
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep(time).await;
            board.window.release(hold);
        });
    }

    /// Every event from now on.
    pub(crate) fn listen(&self) -> mpsc::UnboundedReceiver<Event> {
        let (listener, events) = mpsc::unbounded_channel();
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
        events
    }

    /// Shows a configuration: which roles are on, on which ports.
    pub(crate) fn configure(&self, config: &Config, has_last_good: bool) {
        let mut shown = self.lock();
        shown.problem = None;
        shown.app.has_last_good_config = has_last_good;
        shown.app.tokens =
            TokenName::ALL.into_iter().filter(|&token| !config.token(token).is_empty()).collect();
        // What this hub shows to others is chosen by them.
        let is_short = |token: &TokenName| {
            *token != TokenName::Polling && (1..SHORTEST_TOKEN).contains(&config.token(*token).len())
        };
        shown.app.short_tokens = TokenName::ALL.into_iter().filter(is_short).collect();
        shown.app.alerts = AlertTarget::ALL.into_iter().filter_map(|target| alert(config, target)).collect();
        for view in &mut shown.roles {
            view.enabled = config.roles.contains(&view.role);
            let configured = configured_ports(config, view.role);
            let moved = |(old, new): (&PortView, &PortView)| {
                (&old.host, old.port, &old.name) != (&new.host, new.port, &new.name)
            };
            if view.ports.len() != configured.len() || view.ports.iter().zip(&configured).any(moved) {
                view.ports = configured;
            }
        }
        let (preferences, enabled) = (config.app.clone(), config.roles.clone());
        self.publish_on(&mut shown, Event::ConfigChanged { preferences, enabled });
    }

    /// Shows the window as the person wants it, and nothing else of a configuration.
    pub(crate) fn show_preferences(&self, config: &Config) {
        let mut shown = self.lock();
        let enabled = shown.roles.iter().filter(|view| view.enabled).map(|view| view.role).collect();
        self.publish_on(&mut shown, Event::ConfigChanged { preferences: config.app.clone(), enabled });
    }

    /// Shows whether the app starts when the person logs in.
    pub(crate) fn show_start_at_login(&self, enabled: Option<bool>) {
        self.change_app(|app| app.start_at_login = enabled);
    }

    /// No version that was started beside this one is asked about any more.
    pub(crate) fn forget_other_start(&self) {
        self.change_app(|app| app.other_start = None);
    }

    /// Shows that the data folder was gone at the start.
    pub(crate) fn show_lost_data(&self) {
        self.change_app(|app| app.lost_data = true);
    }

    /// Shows where the app is with new versions, if that is another thing than before.
    pub(crate) fn show_updates(&self, updates: UpdatesView) {
        let mut shown = self.lock();
        if shown.app.updates != updates {
            shown.app.updates = updates;
            self.publish_on(&mut shown, Event::AppChanged);
        }
    }

    /// Shows whether there is a tray.
    pub(crate) fn show_tray(&self, is_there: bool) {
        self.change_app(|app| app.has_tray = is_there);
    }

    /// Shows what was taken over from TaskPaw V3, and what a person can still decide about.
    pub(crate) fn show_import(&self, report: Option<ImportReport>, left_behind: Option<LeftBehind>) {
        self.change_app(|app| (app.imported, app.left_behind) = (report, left_behind));
    }

    /// Shows what a role watches, if that is another than before; nothing of a role that is not ready.
    pub(crate) fn show_watched(&self, role: Role, watched: Watched) {
        let mut shown = self.lock();
        let Some(view) = shown.roles.iter_mut().find(|view| view.role == role) else { return };
        let watched = watched.after(view.watched.as_ref());
        if !matches!(view.state, RoleState::Ready { .. }) || view.watched.as_ref() == Some(&watched) {
            return;
        }
        view.watched = Some(watched);
        self.publish_on(&mut shown, Event::AppChanged);
    }

    fn change_app(&self, change: impl FnOnce(&mut AppView)) {
        let mut shown = self.lock();
        change(&mut shown.app);
        self.publish_on(&mut shown, Event::AppChanged);
    }

    /// Whether a role has a backend, or is about to.
    pub(crate) fn runs_something(&self) -> bool {
        let has_none = |state: &RoleState| {
            matches!(
                state,
                RoleState::Stopped
                    | RoleState::Backoff { .. }
                    | RoleState::Waiting { .. }
                    | RoleState::Failed { .. }
            )
        };
        !self.lock().roles.iter().all(|view| has_none(&view.state))
    }

    /// Shows why nothing runs.
    pub(crate) fn show_problem(&self, problem: ConfigProblem, has_last_good: bool) {
        let mut shown = self.lock();
        shown.problem = Some(problem);
        shown.app.has_last_good_config = has_last_good;
        let preferences = shown.app.preferences.clone();
        self.publish_on(&mut shown, Event::ConfigChanged { preferences, enabled: Vec::new() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Snapshot> {
        // A panic while the board was held left it whole: each change is a single assignment.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An alert target that is set, as far as the window may know it.
fn alert(config: &Config, target: AlertTarget) -> Option<AlertTargetView> {
    let set = config.alert_target(target);
    (!set.url.is_empty()).then(|| AlertTargetView {
        target,
        server: set.server(),
        has_token: !set.token.is_empty(),
        events: set.events,
    })
}

fn off(role: Role) -> RoleView {
    RoleView {
        role,
        enabled: false,
        generation: 0,
        state: RoleState::Stopped,
        ports: Vec::new(),
        last_takeover: None,
        timeline: Vec::new(),
        apply: None,
        watched: None,
    }
}

/// The ports of a role as they are configured, not looked at yet.
pub(crate) fn configured_ports(config: &Config, role: Role) -> Vec<PortView> {
    config
        .endpoints(role)
        .into_iter()
        .map(|(name, endpoint)| PortView {
            name: name.to_owned(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            state: None,
            outlook: None,
            in_use_by_app: false,
            holders: Vec::new(),
            suggestion: None,
        })
        .collect()
}

/// Whether an event belongs to an attempt of its role that another one has followed.
fn is_late(shown: &Snapshot, event: &Event) -> bool {
    let Some((role, generation)) = event.attempt() else { return false };
    shown.roles.iter().any(|view| view.role == role && generation < view.generation)
}

/// What is shown after an event.
fn apply(shown: &mut Snapshot, at: u64, event: &Event) {
    match event {
        Event::ConfigChanged { preferences, enabled } => {
            shown.app.preferences = preferences.clone();
            for view in &mut shown.roles {
                view.enabled = enabled.contains(&view.role);
            }
        }
        Event::HandoverStarted { version } => {
            shown.app.replaced_by = Some(version.clone());
            shown.app.failed_successor = None;
            shown.app.other_start = None;
        }
        Event::HandoverFailed { successor } => {
            shown.app.replaced_by = None;
            shown.app.failed_successor = Some(successor.clone());
        }
        Event::OtherStarted { other } => shown.app.other_start = Some(other.clone()),
        Event::LaunchChanged { launch } => shown.app.launch.clone_from(launch),
        Event::UpdateInstalled { version } => shown.app.update.clone_from(version),
        Event::HandoverFinished { from } => shown.app.took_over = Some(from.clone()),
        Event::CloseRequested => shown.app.is_close_asked = true,
        Event::CloseAnswered => shown.app.is_close_asked = false,
        Event::ApplyProgress { role, apply } => {
            if let Some(view) = shown.roles.iter_mut().find(|view| view.role == *role) {
                view.apply = Some(apply.clone());
            }
        }
        _ => {}
    }
    let Some((role, _)) = event.attempt() else { return };
    let Some(view) = shown.roles.iter_mut().find(|view| view.role == role) else { return };
    apply_to_role(view, at, event);
}

fn apply_to_role(view: &mut RoleView, at: u64, event: &Event) {
    match event {
        Event::TakeoverStarted { generation, .. } => {
            view.timeline.clear();
            view.generation = *generation;
        }
        // A countdown is one line.
        Event::LingeringWait { .. } => {
            view.timeline.retain(|entry| !matches!(entry.event, Event::LingeringWait { .. }));
        }
        // The ports may change hands for days: what they are now is one line, and what is waited for.
        Event::PortConflict { .. } => {
            view.timeline.retain(|entry| !matches!(entry.event, Event::PortConflict { .. }));
        }
        Event::BackendWaiting { .. } => {
            view.timeline.retain(|entry| !matches!(entry.event, Event::BackendWaiting { .. }));
        }
        _ => {}
    }
    view.timeline.push(TimelineEntry { at, event: event.clone() });
    // The process that watches is another one now, or there is none.
    view.watched = None;
    match event {
        Event::TakeoverStarted { ports, .. } => {
            view.state = RoleState::TakingOver { progress: Progress::Looking };
            view.ports.clone_from(ports);
        }
        Event::ReclaimStarted { ports, .. } => {
            view.state = RoleState::TakingOver { progress: Progress::Ending };
            view.ports.clone_from(ports);
        }
        Event::ReclaimFinished { replaced, elapsed_ms, .. } if !replaced.is_empty() => {
            view.last_takeover = Some(Takeover { at, replaced: replaced.clone(), elapsed_ms: *elapsed_ms });
        }
        Event::PortConflict { ports, .. } => view.ports.clone_from(ports),
        Event::LingeringWait { seconds_left, cause, .. } => {
            view.state = RoleState::Lingering { seconds_left: *seconds_left, cause: *cause };
        }
        Event::BackendStarting { ports, .. } => {
            view.state = RoleState::Starting;
            view.ports.clone_from(ports);
        }
        Event::BackendReady { backend, ports, .. } => {
            view.state = RoleState::Ready { backend: backend.clone() };
            view.ports.clone_from(ports);
        }
        Event::BackendBackoff { wait_ms, attempt, failure, .. } => {
            view.state =
                RoleState::Backoff { wait_ms: *wait_ms, attempt: *attempt, failure: failure.clone() };
            ports_are_left(view, failure);
        }
        Event::BackendWaiting { failure, .. } => {
            view.state = RoleState::Waiting { failure: failure.clone() };
            ports_are_left(view, failure);
        }
        Event::BackendFailed { failure, retry_ms, .. } => {
            view.state = RoleState::Failed { failure: failure.clone(), retry_ms: *retry_ms };
            ports_are_left(view, failure);
        }
        Event::BackendStopping { .. } => view.state = RoleState::Stopping,
        Event::BackendStoodDown { .. } => view.state = RoleState::StoodDown,
        Event::BackendExited { .. } => {
            view.state = RoleState::Stopped;
            ports_are_left(view, &Failure::Takeover { message: String::new() });
        }
        // The rest does not change a role.
        _ => {}
    }
}

/// The backend is gone: what was known of its ports no longer holds, except for a conflict, which is the reason.
fn ports_are_left(view: &mut RoleView, failure: &Failure) {
    if failure.is_about_ports() {
        return;
    }
    for port in &mut view.ports {
        *port = PortView {
            state: None,
            outlook: None,
            in_use_by_app: false,
            holders: Vec::new(),
            suggestion: None,
            ..port.clone()
        };
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
