//! The board: what the window shows now, and the numbered events that change it.
//!
//! An event changes the board and is sent under one lock, so that a snapshot holds exactly the events up to
//! its number.

use std::sync::{Mutex, PoisonError};

use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::{Config, ConfigProblem, Preferences};
use taskpaw_contract::import_report::{ImportReport, LeftBehind};
use taskpaw_contract::ipc::{
    AppView, Event, Failure, HostEvent, Launch, PortView, Progress, RoleState, RoleView, Snapshot, Takeover,
    TimelineEntry, TokenName,
};
use taskpaw_contract::{Role, version};
use tokio::sync::mpsc;

/// Where events go: to the window, or into a test.
pub(crate) type Sink = Box<dyn Fn(&HostEvent) + Send + Sync>;

/// What the window shows now.
pub(crate) struct Board {
    shown: Mutex<Snapshot>,
    sink: Sink,
    /// Parts of the host that hear what the window hears.
    listening: Mutex<Vec<mpsc::UnboundedSender<HostEvent>>>,
}

impl Board {
    pub(crate) fn new(config_dir: String, data_dir: String, sink: Sink) -> Self {
        let preferences = Preferences::default();
        let app = AppView {
            version: version().to_owned(),
            config_dir,
            data_dir,
            preferences,
            has_last_good_config: false,
            replaced_by: None,
            update: None,
            took_over: None,
            launch: Launch::Waiting { version: None, pid: None },
            tokens: Vec::new(),
            start_at_login: None,
            has_tray: false,
            is_close_asked: false,
            imported: None,
            left_behind: None,
        };
        let roles = Role::ALL.map(off).to_vec();
        Self {
            shown: Mutex::new(Snapshot { seq: 0, app, problem: None, roles }),
            sink,
            listening: Mutex::default(),
        }
    }

    /// Everything that is shown now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Numbers an event, shows it, and sends it.
    pub(crate) fn publish(&self, event: Event) {
        self.publish_on(&mut self.lock(), event);
    }

    /// The same while the board is held: what was just read from it still holds.
    fn publish_on(&self, shown: &mut Snapshot, event: Event) {
        shown.seq += 1;
        let event = HostEvent { seq: shown.seq, at: unix_ms(), event };
        apply(shown, &event);
        tracing::debug!(seq = event.seq, event = ?event.event, "event");
        (self.sink)(&event);
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        listening.retain(|listener| listener.send(event.clone()).is_ok());
    }

    /// Every event from now on.
    pub(crate) fn listen(&self) -> mpsc::UnboundedReceiver<HostEvent> {
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

    /// Shows whether the app starts when the person logs in.
    pub(crate) fn show_start_at_login(&self, enabled: Option<bool>) {
        self.change_app(|app| app.start_at_login = enabled);
    }

    /// Shows whether there is a tray.
    pub(crate) fn show_tray(&self, is_there: bool) {
        self.change_app(|app| app.has_tray = is_there);
    }

    /// Shows what was taken over from TaskPaw V3, and what a person can still decide about.
    pub(crate) fn show_import(&self, report: Option<ImportReport>, left_behind: Option<LeftBehind>) {
        self.change_app(|app| (app.imported, app.left_behind) = (report, left_behind));
    }

    fn change_app(&self, change: impl FnOnce(&mut AppView)) {
        let mut shown = self.lock();
        change(&mut shown.app);
        let preferences = shown.app.preferences.clone();
        let enabled = shown.roles.iter().filter(|view| view.enabled).map(|view| view.role).collect();
        // The window asks for the snapshot when the configuration has changed.
        self.publish_on(&mut shown, Event::ConfigChanged { preferences, enabled });
    }

    /// Whether a role has a backend, or is about to.
    pub(crate) fn runs_something(&self) -> bool {
        let has_none = |state: &RoleState| {
            matches!(state, RoleState::Stopped | RoleState::Backoff { .. } | RoleState::Failed { .. })
        };
        !self.lock().roles.iter().all(|view| has_none(&view.state))
    }

    /// Shows why nothing runs.
    pub(crate) fn show_problem(&self, problem: ConfigProblem, has_last_good: bool) {
        let mut shown = self.lock();
        shown.problem = Some(problem);
        shown.app.has_last_good_config = has_last_good;
        let preferences = shown.app.preferences.clone();
        // The window asks for the snapshot when the configuration has changed.
        self.publish_on(&mut shown, Event::ConfigChanged { preferences, enabled: Vec::new() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Snapshot> {
        // A panic while the board was held left it whole: each change is a single assignment.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

/// Applies an event. `ui/src/state` does the same in the window.
fn apply(shown: &mut Snapshot, event: &HostEvent) {
    match &event.event {
        Event::ConfigChanged { preferences, enabled } => {
            shown.app.preferences = preferences.clone();
            for view in &mut shown.roles {
                view.enabled = enabled.contains(&view.role);
            }
        }
        Event::HandoverStarted { version } => shown.app.replaced_by = Some(version.clone()),
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
    let Some(role) = event.event.role() else { return };
    let Some(view) = shown.roles.iter_mut().find(|view| view.role == role) else { return };
    apply_to_role(view, event);
}

fn apply_to_role(view: &mut RoleView, happened: &HostEvent) {
    let entry = TimelineEntry { at: happened.at, event: happened.event.clone() };
    match &happened.event {
        Event::TakeoverStarted { generation, .. } => {
            view.timeline.clear();
            view.generation = *generation;
        }
        // A countdown is one line.
        Event::LingeringWait { .. } => {
            view.timeline.retain(|entry| !matches!(entry.event, Event::LingeringWait { .. }));
        }
        _ => {}
    }
    view.timeline.push(entry);
    match &happened.event {
        Event::TakeoverStarted { ports, .. } => {
            view.state = RoleState::TakingOver { progress: Progress::Looking };
            view.ports.clone_from(ports);
        }
        Event::ReclaimStarted { ports, .. } => {
            view.state = RoleState::TakingOver { progress: Progress::Ending };
            view.ports.clone_from(ports);
        }
        Event::ReclaimFinished { replaced, elapsed_ms, .. } => {
            view.last_takeover =
                Some(Takeover { at: happened.at, replaced: replaced.clone(), elapsed_ms: *elapsed_ms });
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
        Event::BackendFailed { failure, .. } => {
            view.state = RoleState::Failed { failure: failure.clone() };
            ports_are_left(view, failure);
        }
        Event::BackendStopping { .. } => view.state = RoleState::Stopping,
        Event::BackendExited { .. } => {
            view.state = RoleState::Stopped;
            ports_are_left(view, &Failure::Takeover { message: String::new() });
        }
        // The rest does not change a role.
        _ => {}
    }
}

/// The backend is gone: what was known of its ports no longer holds, except for a conflict, which is why.
fn ports_are_left(view: &mut RoleView, failure: &Failure) {
    if *failure == Failure::PortConflict {
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
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use taskpaw_contract::ipc::LingeringCause;

    #[test]
    fn events_are_numbered_without_gaps_and_the_snapshot_knows_the_last() {
        let last = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&last);
        let board = Arc::new(Board::new(
            "/c".into(),
            "/d".into(),
            Box::new(move |event| {
                assert_eq!(seen.swap(event.seq, Ordering::SeqCst) + 1, event.seq);
            }),
        ));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let board = Arc::clone(&board);
                std::thread::spawn(move || {
                    for generation in 0..100 {
                        board.publish(Event::BackendStopping { role: Role::Hub, generation });
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(board.snapshot().seq, 400);
        assert_eq!(last.load(Ordering::SeqCst), 400);
    }

    #[test]
    fn a_new_attempt_begins_a_new_timeline_and_keeps_what_was_replaced() {
        let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
        board.configure(&Config::default(), false);
        let role = Role::Agent;
        board.publish(Event::ReclaimFinished { role, generation: 1, replaced: Vec::new(), elapsed_ms: 3.0 });
        board.publish(Event::LingeringWait {
            role,
            generation: 1,
            seconds_left: 9,
            cause: LingeringCause::Connections,
        });
        board.publish(Event::LingeringWait {
            role,
            generation: 1,
            seconds_left: 8,
            cause: LingeringCause::Connections,
        });
        let view = &board.snapshot().roles[0];
        assert_eq!(view.timeline.len(), 2, "a countdown is one line");
        board.publish(Event::TakeoverStarted { role, generation: 2, ports: Vec::new() });
        let view = &board.snapshot().roles[0];
        assert_eq!((view.timeline.len(), view.generation), (1, 2));
        assert!(view.last_takeover.is_some());
    }

    /// Both change the board while it is held: neither tells what the other has just made old.
    #[test]
    fn what_is_shown_of_the_app_never_brings_old_preferences_back() {
        let board = Arc::new(Board::new("/c".into(), "/d".into(), Box::new(|_| {})));
        let other = Arc::clone(&board);
        let telling = std::thread::spawn(move || (0..2000).for_each(|step| other.show_tray(step % 2 == 0)));
        let mut config = Config::default();
        for step in 0..2000 {
            config.app.notifications = step % 2 == 0;
            board.configure(&config, false);
            assert_eq!(board.snapshot().app.preferences, config.app, "step {step}");
        }
        telling.join().unwrap();
    }
}
