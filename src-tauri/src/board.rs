//! The board: what the window shows now, and the numbered events that change it.
//!
//! What an event changes is decided here and nowhere else: the window is sent the event together with all that is shown
//! after it, and keeps the latest. An event changes the board and is sent under one lock, so that a snapshot holds
//! exactly the events up to its number.

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

    /// Numbers an event, shows it, and sends it. One of an attempt that is over changes nothing and is not sent.
    pub(crate) fn publish(&self, event: Event) {
        self.publish_on(&mut self.lock(), event);
    }

    /// The same while the board is held: what was just read from it still holds.
    fn publish_on(&self, shown: &mut Snapshot, event: Event) {
        if is_late(shown, &event) {
            tracing::debug!(?event, "an event of an attempt that is over");
            return;
        }
        let at = unix_ms();
        shown.seq += 1;
        apply(shown, at, &event);
        tracing::debug!(seq = shown.seq, ?event, "event");
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        listening.retain(|listener| listener.send(event.clone()).is_ok());
        (self.sink)(&HostEvent { at, event, snapshot: shown.clone() });
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
        self.publish_on(&mut shown, Event::AppChanged);
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
        _ => {}
    }
    view.timeline.push(TimelineEntry { at, event: event.clone() });
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

    use port_takeover::PortState;
    use taskpaw_contract::ipc::{Backend, LingeringCause, Replaced, TookOver};

    use super::*;

    #[test]
    fn events_are_numbered_without_gaps_and_the_snapshot_knows_the_last() {
        let last = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&last);
        let board = Arc::new(Board::new(
            "/c".into(),
            "/d".into(),
            Box::new(move |event| {
                let seq = event.snapshot.seq;
                assert_eq!(seen.swap(seq, Ordering::SeqCst) + 1, seq);
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

    const AGENT: Role = Role::Agent;

    fn board() -> Board {
        let board = Board::new("/c".into(), "/d".into(), Box::new(|_| {}));
        board.configure(&Config::default(), false);
        board
    }

    fn agent(board: &Board) -> RoleView {
        board.snapshot().roles.remove(0)
    }

    fn started(generation: u32) -> Event {
        Event::TakeoverStarted { role: AGENT, generation, ports: configured_ports(&Config::default(), AGENT) }
    }

    /// The agent's ports, each in this state.
    fn ports(state: PortState) -> Vec<PortView> {
        let mut ports = configured_ports(&Config::default(), AGENT);
        for port in &mut ports {
            (port.state, port.suggestion) = (Some(state), Some(6000));
            port.in_use_by_app = state == PortState::OwnStale;
        }
        ports
    }

    fn backend() -> Backend {
        Backend { pid: 7, version: "9.9.9".into(), base_url: "http://127.0.0.1:5681".into(), ready_ms: 9.0 }
    }

    fn finished(generation: u32, replaced: Vec<Replaced>) -> Event {
        Event::ReclaimFinished { role: AGENT, generation, replaced, elapsed_ms: 47.0 }
    }

    fn wait(generation: u32, seconds_left: u32) -> Event {
        Event::LingeringWait { role: AGENT, generation, seconds_left, cause: LingeringCause::Connections }
    }

    #[test]
    fn the_window_is_sent_what_is_shown_after_an_event() {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&sent);
        let sink = move |event: &HostEvent| keep.lock().unwrap().push(event.snapshot.clone());
        let board = Board::new("/c".into(), "/d".into(), Box::new(sink));
        board.show_tray(true);
        assert!(sent.lock().unwrap().last().unwrap().app.has_tray);
        board.publish(started(1));
        let sent = sent.lock().unwrap();
        assert_eq!(sent.last(), Some(&board.snapshot()));
    }

    #[test]
    fn a_new_attempt_begins_a_new_timeline_and_keeps_what_was_replaced() {
        let board = board();
        let old = Replaced {
            pid: 812,
            name: "taskpaw-backend".into(),
            version: Some("3.9.2".into()),
            forced: false,
            ms: 41.0,
            left: Vec::new(),
        };
        for event in [started(1), finished(1, vec![old]), wait(1, 9), wait(1, 8)] {
            board.publish(event);
        }
        assert_eq!(agent(&board).timeline.len(), 3, "a countdown is one line");
        let lingering = RoleState::Lingering { seconds_left: 8, cause: LingeringCause::Connections };
        assert_eq!(agent(&board).state, lingering);
        board.publish(started(2));
        let view = agent(&board);
        assert_eq!((view.timeline.len(), view.generation), (1, 2));
        board.publish(finished(2, Vec::new()));
        let last = agent(&board).last_takeover.unwrap();
        assert_eq!(last.replaced.len(), 1, "a takeover that replaced nothing is not the last that did");
    }

    #[test]
    fn an_event_of_an_attempt_that_is_over_changes_nothing_and_is_told_to_nobody() {
        let board = board();
        board.publish(started(4));
        let (before, mut heard) = (board.snapshot(), board.listen());
        board.publish(Event::BackendExited { role: AGENT, generation: 3, status: "exit status 0".into() });
        assert_eq!(board.snapshot(), before);
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn a_backend_holds_its_ports_from_its_readiness_to_its_end() {
        let board = board();
        board.publish(started(1));
        board.publish(Event::BackendStarting { role: AGENT, generation: 1, ports: ports(PortState::Free) });
        assert_eq!(agent(&board).state, RoleState::Starting);
        let in_use = ports(PortState::OwnStale);
        board.publish(Event::BackendReady {
            role: AGENT,
            generation: 1,
            backend: backend(),
            ports: in_use.clone(),
        });
        assert_eq!(
            (agent(&board).state, agent(&board).ports),
            (RoleState::Ready { backend: backend() }, in_use)
        );
        board.publish(Event::BackendStopping { role: AGENT, generation: 1 });
        board.publish(Event::BackendExited { role: AGENT, generation: 1, status: "exit status 0".into() });
        let view = agent(&board);
        assert_eq!(view.state, RoleState::Stopped);
        assert!(view.ports.iter().all(|port| !port.in_use_by_app && port.state.is_none()));
    }

    #[test]
    fn the_ports_of_a_conflict_are_shown_with_the_failure_that_follows() {
        let board = board();
        let conflict =
            || Event::PortConflict { role: AGENT, generation: 1, ports: ports(PortState::Foreign) };
        board.publish(started(1));
        board.publish(conflict());
        let failure = Failure::PortConflict;
        board.publish(Event::BackendBackoff {
            role: AGENT,
            generation: 1,
            failure: failure.clone(),
            wait_ms: 500,
            attempt: 1,
        });
        assert_eq!(agent(&board).state, RoleState::Backoff { wait_ms: 500, attempt: 1, failure });
        assert_eq!(agent(&board).ports, ports(PortState::Foreign));
        let failure = Failure::Takeover { message: "something else".into() };
        board.publish(Event::BackendFailed { role: AGENT, generation: 1, failure });
        assert!(agent(&board).ports.iter().all(|port| port.state.is_none() && port.suggestion.is_none()));
    }

    #[test]
    fn other_versions_of_the_app_are_shown() {
        let board = board();
        let from = TookOver { version: Some("3.9.2".into()), pid: 77, forced: false, ms: 120.0 };
        board.publish(Event::HandoverFinished { from: from.clone() });
        board.publish(Event::UpdateInstalled { version: Some("9.9.9".into()) });
        board.publish(Event::HandoverStarted { version: "9.9.9".into() });
        let app = board.snapshot().app;
        assert_eq!(
            (app.took_over, app.update.as_deref(), app.replaced_by.as_deref()),
            (Some(from), Some("9.9.9"), Some("9.9.9"))
        );
        board.publish(Event::UpdateInstalled { version: None });
        assert_eq!(board.snapshot().app.update, None);
    }

    #[test]
    fn a_problem_with_the_configuration_is_shown_until_one_counts_again() {
        let board = board();
        board.show_problem(ConfigProblem::TooNew { schema: 9, known: 1 }, true);
        let shown = board.snapshot();
        assert!(shown.problem.is_some() && shown.app.has_last_good_config);
        assert!(shown.roles.iter().all(|view| !view.enabled));
        board.configure(&Config::default(), false);
        assert!(board.snapshot().problem.is_none() && agent(&board).enabled);
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
