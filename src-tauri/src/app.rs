//! The app behind the window: its roles, its configuration, and how it ends.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use port_takeover::Record;
use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, ConfigProblem};
use taskpaw_contract::import_report::DatabaseState;
use taskpaw_contract::ipc::{ErrorCode, Event, IpcError, Launch, LogLine};
use tokio::sync::Notify;

use crate::backend::BackendClient;
use crate::diagnostics::Sources;
use crate::instance::{Place, Waiting};
use crate::ipc::Board;
use crate::roles::{Message, RoleTask, Surroundings};
use crate::settings::Settings;
use crate::update::OwnProgram;

/// The app behind the window.
pub(crate) struct App {
    around: Arc<Surroundings>,
    roles: Vec<RoleTask>,
    own_program: OwnProgram,
    started: Instant,
    first_paint: Mutex<Option<Duration>>,
    /// Told when the window has painted, or a role's state has changed.
    progress: Arc<Notify>,
    is_quitting: AtomicBool,
    /// For starting hosts to see: this one is on its way out.
    ending: Arc<AtomicBool>,
    is_ended: AtomicBool,
    quit: OnceLock<Box<dyn Fn() + Send + Sync>>,
    hide: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// The place of the one app that runs, while this one has it.
    place: Mutex<Option<Place>>,
    /// Told when the person wants the place to be asked for again.
    claims_again: Notify,
    /// Whether a change of ports is under way.
    is_applying: Arc<AtomicBool>,
    login: OnceLock<SetLogin>,
}

/// Lets the app start when the person logs in, or not.
type SetLogin = Box<dyn Fn(bool) -> Result<(), String> + Send + Sync>;

/// Held by the change of ports that is under way.
pub(crate) struct Applying(Arc<AtomicBool>);

impl Drop for Applying {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl App {
    /// The app with all roles stopped. `started` is when the process started.
    pub(crate) fn new(
        around: Surroundings,
        started: Instant,
        progress: Arc<Notify>,
        ending: Arc<AtomicBool>,
    ) -> Self {
        let around = Arc::new(around);
        let roles = Role::ALL.into_iter().map(|role| RoleTask::begin(role, Arc::clone(&around))).collect();
        Self {
            around,
            roles,
            own_program: OwnProgram::find(),
            started,
            first_paint: Mutex::new(None),
            progress,
            is_quitting: AtomicBool::new(false),
            ending,
            is_ended: AtomicBool::new(false),
            quit: OnceLock::new(),
            hide: OnceLock::new(),
            place: Mutex::new(None),
            claims_again: Notify::new(),
            is_applying: Arc::default(),
            login: OnceLock::new(),
        }
    }

    /// Sets what lets the app start when the person logs in.
    pub(crate) fn on_login(&self, set: impl Fn(bool) -> Result<(), String> + Send + Sync + 'static) {
        let _set_once = self.login.set(Box::new(set));
    }

    /// Lets the app start when the person logs in, or not.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] if the system does not take that.
    pub(crate) fn set_start_at_login(&self, enabled: bool) -> Result<(), IpcError> {
        let set = self.login.get().map_or_else(|| Err("there is no way to".to_owned()), |set| set(enabled));
        set.map_err(|reason| {
            let message = format!("the start at login cannot be changed: {reason}");
            IpcError::new(ErrorCode::Unsupported, message)
        })?;
        self.board().show_start_at_login(Some(enabled));
        Ok(())
    }

    /// Where the files are that a person sends to whoever helps.
    pub(crate) fn sources(&self) -> Sources {
        let shown = self.board().snapshot();
        let data = PathBuf::from(&shown.app.data_dir);
        Sources {
            config_file: self.around.config_dir.join("config.json"),
            logs: self.around.logs.clone(),
            journal: self.around.journal.path().to_owned(),
            imported: shown.app.imported.clone(),
            data,
            shown: serde_json::to_value(&shown).unwrap_or_default(),
        }
    }

    /// Begins a change of ports; nothing if another one is under way.
    pub(crate) fn begins_to_apply(&self) -> Option<Applying> {
        let was_applying = self.is_applying.swap(true, Ordering::SeqCst);
        (!was_applying).then(|| Applying(Arc::clone(&self.is_applying)))
    }

    /// Whether a change of ports is under way.
    pub(crate) fn is_applying(&self) -> bool {
        self.is_applying.load(Ordering::SeqCst)
    }

    pub(crate) fn board(&self) -> &Board {
        &self.around.board
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.around.settings
    }

    /// Reads the configuration and starts every role that is on, or shows why nothing runs. A role that runs
    /// is started anew, so that it follows what was read; one that is off now is stopped.
    ///
    /// # Errors
    /// Why the configuration cannot be used; the window shows it already.
    pub(crate) fn launch_roles(&self) -> Result<(), ConfigProblem> {
        let has_last_good = self.settings().has_last_good();
        let config = self.settings().read_for_launch().inspect_err(|problem| {
            tracing::error!(%problem, "nothing is started");
            // What runs goes on as it was told; whoever had the file read again is told why it cannot be.
            if self.board().runs_something() {
                return;
            }
            self.board().show_problem(problem.clone(), has_last_good);
            self.progress.notify_waiters();
        })?;
        self.board().configure(&config, has_last_good);
        self.show_import(&config);
        for role in Role::ALL {
            let is_on = config.roles.contains(&role);
            self.tell(role, if is_on { Message::Restart } else { Message::Stop });
        }
        Ok(())
    }

    /// Shows what came from TaskPaw V3 and what is left of it.
    pub(crate) fn show_import(&self, config: &Config) {
        self.board().show_import(self.settings().import_report(), self.settings().left_behind(config));
    }

    /// A role is ready. A hub may have completed what the first start has begun to take over.
    pub(crate) fn is_ready(&self, role: Role) {
        self.settings().keep_as_last_good();
        let waits = self
            .board()
            .snapshot()
            .app
            .imported
            .is_some_and(|report| report.database == DatabaseState::Pending);
        if role != Role::Hub || !waits {
            return;
        }
        match self.settings().read() {
            Ok(config) => {
                self.board().configure(&config, self.settings().has_last_good());
                self.show_import(&config);
            }
            Err(problem) => {
                tracing::warn!(%problem, "what the hub has taken over is shown after the next start")
            }
        }
    }

    /// Keeps the place of the one app that runs, until the roles have ended.
    pub(crate) fn keep(&self, place: Place) {
        *self.place() = Some(place);
    }

    /// Notes somebody who waits for the end of this app.
    pub(crate) fn is_awaited_by(&self, waiting: Waiting) {
        // Without a place there is nothing to wait for: the drop says so.
        if let Some(place) = self.place().as_mut() {
            place.is_awaited_by(waiting);
        }
    }

    /// Gives up the place: whoever waits for it may start backends from now on.
    pub(crate) fn release_place(&self) {
        if let Some(place) = self.place().take() {
            place.release();
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing can run: the place cannot be had, and the person is asked.
    pub(crate) fn block(&self, message: String) {
        self.board().publish(Event::LaunchChanged { launch: Launch::Blocked { message } });
    }

    /// The person wants the place to be asked for again.
    pub(crate) fn claim_again(&self) {
        self.claims_again.notify_one();
    }

    /// Waits until the person wants that.
    pub(crate) async fn claims_again(&self) {
        self.claims_again.notified().await;
    }

    /// Does what a launch can do before this app has its place: the roles that will start do it faster then. What
    /// is wrong with the configuration is told by the launch.
    pub(crate) fn prepare_roles(&self) {
        for role in self.settings().read().map(|config| config.roles).unwrap_or_default() {
            self.tell(role, Message::Prepare);
        }
    }

    /// Sends a message to a role.
    pub(crate) fn tell(&self, role: Role, message: Message) {
        if let Some(task) = self.role(role) {
            task.send(message);
        }
    }

    /// The app's own program.
    pub(crate) fn own_program(&self) -> &OwnProgram {
        &self.own_program
    }

    /// The last log lines of a role.
    pub(crate) fn logs(&self, role: Role, limit: u32) -> Vec<LogLine> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.role(role).map(|task| task.log().lines(limit)).unwrap_or_default()
    }

    /// What the last takeovers saw and did, the newest first.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn journal(&self, limit: u32) -> Result<Vec<Record>, IpcError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let read = self.around.journal.read(limit);
        read.map_err(|error| IpcError::new(ErrorCode::Internal, error.to_string()))
    }

    /// The process id of a role's backend that is ready.
    pub(crate) fn pid(&self, role: Role) -> Option<u32> {
        self.role(role)?.pid()
    }

    /// The way to a role's backend that is ready.
    pub(crate) fn client(&self, role: Role) -> Option<BackendClient> {
        self.role(role)?.client()
    }

    fn role(&self, role: Role) -> Option<&RoleTask> {
        let at = Role::ALL.iter().position(|known| *known == role)?;
        self.roles.get(at)
    }

    /// The window has painted.
    pub(crate) fn painted(&self) {
        let mut first = self.first_paint.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = Some(self.started.elapsed());
            self.progress.notify_waiters();
        }
    }

    /// From the start of the process to the first paint.
    pub(crate) fn first_paint(&self) -> Option<Duration> {
        *self.first_paint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the first paint.
    pub(crate) async fn until_painted(&self) {
        loop {
            // Registered before the look, so that it is not missed.
            let progress = self.progress.notified();
            if self.first_paint().is_some() {
                return;
            }
            progress.await;
        }
    }

    /// Told when something that a start waits for has come further.
    pub(crate) fn progress(&self) -> &Notify {
        &self.progress
    }

    /// Sets what ends the program once all roles have ended.
    pub(crate) fn on_quit(&self, quit: impl Fn() + Send + Sync + 'static) {
        let _set_once = self.quit.set(Box::new(quit));
    }

    /// Sets what hides the window.
    pub(crate) fn on_hide(&self, hide: impl Fn() + Send + Sync + 'static) {
        let _set_once = self.hide.set(Box::new(hide));
    }

    /// Hides the window; the app goes on, and the tray is the way back.
    pub(crate) fn hide(&self) {
        if let Some(hide) = self.hide.get() {
            hide();
        }
    }

    /// Another version takes the place of this app: the window says so, and the app ends.
    pub(crate) fn hand_over(&self, version: String) {
        self.board().publish(Event::HandoverStarted { version });
        self.quit();
    }

    /// Ends the app: the backends first, then the program.
    pub(crate) fn quit(&self) {
        if let Some(quit) = self.quit.get() {
            quit();
        }
    }

    /// Whether the roles are being ended already; the first who asks ends them.
    pub(crate) fn begins_to_quit(&self) -> bool {
        self.ending.store(true, Ordering::SeqCst);
        !self.is_quitting.swap(true, Ordering::SeqCst)
    }

    /// Whether all roles have ended, so that the program may.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst)
    }

    /// All roles have ended.
    pub(crate) fn has_ended(&self) {
        self.is_ended.store(true, Ordering::SeqCst);
    }

    /// Ends all roles and waits for that. Bounded: each backend is killed if it does not stop in time.
    pub(crate) async fn end_roles(&self) {
        for task in &self.roles {
            task.send(Message::Quit);
        }
        for task in &self.roles {
            task.ended().await;
        }
    }
}
