//! The app behind the window: its roles, its configuration, and how it ends.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use port_takeover::journal::RecordedWay;
use port_takeover::sys::PassedSocket;
use port_takeover::{ProcessIdentity, Record};
use taskpaw_contract::Role;
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::{Config, ConfigProblem};
use taskpaw_contract::import_report::DatabaseState;
use taskpaw_contract::ipc::{ErrorCode, Event, Failure, IpcError, LogLine, OtherStart, RoleFailure};

use crate::appearance::SharedAppearance;
use crate::backend::BackendClient;
use crate::blocking;
use crate::board::Board;
use crate::choice::Choices;
use crate::diagnostics::Sources;
use crate::feed::{Events, Wanted};
use crate::handover::{Host, Place, SentAway, Waiting};
use crate::lifecycle::Lifecycle;
use crate::new_versions::Updates;
use crate::roles::{Message, NotGiven, RoleLog, RoleTask, Stood, Surroundings, Way};
use crate::settings::Settings;
use crate::shell::Shell;
use crate::update::OwnProgram;
use crate::window::FirstPaint;

/// The app behind the window. What it needs is given when it is made.
pub(crate) struct App {
    around: Arc<Surroundings>,
    roles: Vec<RoleTask>,
    own_program: OwnProgram,
    paint: FirstPaint,
    host: Host,
    shell: Box<dyn Shell>,
    /// The place of the one app that runs, while this one has it.
    place: Mutex<Option<Place>>,
    /// What the person decides about another app that goes on.
    choices: Choices,
    /// What happens on the machines that are watched.
    events: Events,
    /// What the window shows of them.
    wanted: Wanted,
    /// The way to what looks for new versions.
    updates: Updates,
}

impl App {
    /// The app with all roles stopped. `started` is when the process started.
    pub(crate) fn new(
        around: Surroundings,
        shell: Box<dyn Shell>,
        own_program: OwnProgram,
        host: Host,
        started: Instant,
    ) -> Self {
        let around = Arc::new(around);
        let roles = Role::ALL.into_iter().map(|role| RoleTask::begin(role, Arc::clone(&around))).collect();
        Self {
            around,
            roles,
            own_program,
            paint: FirstPaint::awaited(started),
            host,
            shell,
            place: Mutex::new(None),
            choices: Choices::default(),
            events: Events::default(),
            wanted: Wanted::default(),
            updates: Updates::default(),
        }
    }

    /// Where the app is in its life.
    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.host.lifecycle
    }

    /// What happens on the machines that are watched.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// What the window shows of the roles.
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The way to what looks for new versions.
    pub(crate) fn updates(&self) -> &Updates {
        &self.updates
    }

    /// The program around the app.
    pub(crate) fn shell(&self) -> &dyn Shell {
        self.shell.as_ref()
    }

    /// How the window looks, for the one that follows it.
    pub(crate) fn appearance(&self) -> &SharedAppearance {
        &self.host.appearance
    }

    /// When the window has painted for the first time.
    pub(crate) fn paint(&self) -> &FirstPaint {
        &self.paint
    }

    /// Lets the app start when the person logs in, or not.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] if the system does not take that.
    pub(crate) fn start_at_login(&self, enabled: bool) -> Result<(), IpcError> {
        self.shell.set_start_at_login(enabled).map_err(|reason| {
            let message = format!("the start at login cannot be changed: {reason}");
            IpcError::new(ErrorCode::Unsupported, message)
        })?;
        self.board().show_start_at_login(Some(enabled));
        Ok(())
    }

    /// This app has the place: what starts when the person logs in is this program, if anything is. Shows whether it is.
    pub(crate) fn follow_at_login(self: &Arc<Self>) {
        let app = Arc::clone(self);
        blocking::spawn_blocking(move || {
            app.board().show_start_at_login(app.shell.follow_at_login());
        });
    }

    /// Where the files are that a person sends to the people who help.
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

    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.around.board
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.around.settings
    }

    /// Reads the configuration and starts every role that is on, or shows why nothing runs. A role that runs
    /// is restarted, so that it follows what was read; one that is off now is stopped.
    ///
    /// # Errors
    /// Why the configuration cannot be used; the window shows it already.
    pub(crate) fn launch_roles(&self) -> Result<(), ConfigProblem> {
        let has_last_good = self.settings().has_last_good();
        let config = self.settings().read_for_launch().inspect_err(|problem| {
            tracing::error!(%problem, "nothing is started");
            // What runs goes on as before; the person who had the file read again is told why it cannot be used.
            if self.board().runs_something() {
                return;
            }
            self.board().show_problem(problem.clone(), has_last_good);
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

    /// From now on keeps what a role that becomes ready has proved to work.
    pub(crate) fn attend_ready_roles(self: &Arc<Self>) {
        let (app, mut happened) = (Arc::clone(self), self.board().listen());
        tauri::async_runtime::spawn(async move {
            while let Some(event) = happened.recv().await {
                if let Event::BackendReady { role, .. } = event {
                    let app = Arc::clone(&app);
                    if let Err(error) = blocking::spawn_blocking(move || app.is_ready(role)).await {
                        tracing::error!(%error, %role, "what has proved to work is not kept");
                    }
                }
            }
        });
    }

    /// A role is ready. A hub may have completed what the first start has begun to take over. Blocks.
    fn is_ready(&self, role: Role) {
        // Until then the files are those of the app that has it.
        if !self.has_place() {
            return;
        }
        self.settings().keep_as_last_good();
        let shown = self.board().snapshot().app.imported;
        let is_complete = shown.as_ref().is_some_and(|report| report.database == DatabaseState::Read);
        // A hub of V3 that had its files elsewhere is known only once it is replaced: then there was no report before.
        if role != Role::Hub || is_complete || self.settings().import_report() == shown {
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

    /// Changes the configuration and shows it.
    ///
    /// # Errors
    /// [`ConfigProblem`]; nothing is changed then.
    pub(crate) fn change_config(&self, change: impl FnOnce(&mut Config)) -> Result<Config, ConfigProblem> {
        let before = self.settings().read().ok();
        let config = self.settings().change(change)?;
        self.board().configure(&config, self.settings().has_last_good());
        if let Some(before) = before {
            self.follow_fleet(&before, &config);
        }
        Ok(config)
    }

    /// Restarts the hub if a change of this machine's agent has changed its fleet. One that was just switched on, or off,
    /// is told so by the code that did that.
    pub(crate) fn follow_fleet(&self, before: &Config, after: &Config) {
        let was_on = before.roles.contains(&Role::Hub);
        if was_on && before.hub.agents != after.hub.agents {
            self.restart_if_on(after, Role::Hub);
        }
    }

    /// Restarts a role if it is on, so that it follows what was changed.
    pub(crate) fn restart_if_on(&self, config: &Config, role: Role) {
        if config.roles.contains(&role) {
            self.tell(role, Message::Restart);
        }
    }

    /// Keeps the place of the one app that runs, until the roles have ended.
    pub(crate) fn keep(&self, place: Place) {
        *self.place() = Some(place);
    }

    /// Whether this is the app that runs.
    pub(crate) fn has_place(&self) -> bool {
        self.place().is_some()
    }

    /// The app has its place, and the roles serve that it has prepared.
    pub(crate) fn is_followed_up(&self) {
        for role in Role::ALL.into_iter().filter(|&role| self.pid(role).is_some()) {
            self.is_ready(role);
        }
    }

    /// Notes somebody who waits for the end of this app.
    pub(crate) fn is_awaited_by(&self, waiting: Waiting) {
        // Without a place there is nothing to wait for: the drop says so.
        if let Some(place) = self.place().as_mut() {
            place.is_awaited_by(waiting);
        }
    }

    /// Gives the place back for a successor, that may not come to take it.
    pub(crate) fn lend_the_place(&self) {
        if let Some(place) = self.place().as_ref() {
            place.lend();
        }
    }

    /// Takes the place back that was given back, if nobody has it.
    pub(crate) fn take_the_place_back(&self) -> bool {
        self.place().as_ref().is_some_and(Place::take_back)
    }

    /// Gives up the place: anyone who waits for it may start backends from now on.
    pub(crate) fn release_place(&self) {
        self.updates.leave();
        if let Some(place) = self.place().take() {
            place.release();
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the person decides about another app that goes on.
    pub(crate) fn choices(&self) -> &Choices {
        &self.choices
    }

    /// Another version was started and sent away: the window asks which one shall run.
    pub(crate) fn ask_which_shall_run(&self, other: SentAway) {
        let SentAway { version, program } = other;
        tracing::info!(version, ?program, "it could not give the place back, and was sent away");
        let program = program.map(|path| path.display().to_string());
        self.board().publish(Event::OtherStarted { other: OtherStart { version, program } });
    }

    /// The version that was sent away, and its program.
    ///
    /// # Errors
    /// If its program is not known for certain.
    pub(crate) fn other_to_run(&self) -> Result<(String, PathBuf), IpcError> {
        match self.board().snapshot().app.other_start {
            Some(OtherStart { version, program: Some(program) }) => Ok((version, program.into())),
            _ => {
                let message = "where the other TaskPaw lies is not known; quit this one, then start it";
                Err(IpcError::new(ErrorCode::BadRequest, message))
            }
        }
    }

    /// Gives the place to a version that asks soon, although it cannot give it back.
    pub(crate) fn let_in(&self, version: &str) {
        self.host.invitation.invite(version, Instant::now());
    }

    /// Gives the place to nobody that cannot give it back.
    pub(crate) fn let_nobody_in(&self) {
        self.host.invitation.withdraw();
    }

    /// Finds out whether every role that is on could start, before this app has its place. Nothing is touched. A patient one
    /// gives the backends a minute.
    ///
    /// # Errors
    /// The first role that could not, and why.
    pub(crate) async fn prepare_roles(&self, is_patient: bool) -> Result<(), RoleFailure> {
        let config = self.read_to_start()?;
        // What is said while another app has the place is said in the person's language.
        self.board().show_preferences(&config);
        for role in config.roles {
            if let Some(task) = self.role(role) {
                task.prepare(is_patient).await.map_err(|failure| RoleFailure { role, failure })?;
            }
        }
        Ok(())
    }

    /// Has every role that is on serve, while another app still has the place: nothing that acts outside begins. Gives the
    /// roles that are on. `passed_by` says whose listening sockets a role's sidecar has been given.
    ///
    /// # Errors
    /// The configuration cannot be used any more: nothing goes on.
    pub(crate) fn go_on_roles(
        &self,
        passed_by: impl Fn(Role) -> Option<ProcessIdentity>,
    ) -> Result<Vec<Role>, RoleFailure> {
        let config = self.read_to_start()?;
        self.board().configure(&config, self.settings().has_last_good());
        for &role in &config.roles {
            self.tell(role, Message::GoOn(passed_by(role)));
        }
        Ok(config.roles)
    }

    /// Has every role become live that serves, now that this app has the place. What is given for each tells how that came out;
    /// it never ends for one that has not served.
    pub(crate) fn become_live(
        &self,
    ) -> Vec<(Role, impl Future<Output = Result<(), Failure>> + Send + use<>)> {
        let tasks = Role::ALL.into_iter().filter_map(|role| Some((role, self.role(role)?)));
        tasks.map(|(role, task)| (role, task.become_live())).collect()
    }

    /// How often a backend has shown that it advances with what takes its time.
    pub(crate) fn advances(&self) -> u64 {
        Role::ALL.into_iter().filter_map(|role| self.role(role)).map(RoleTask::advances).sum()
    }

    /// The configuration to start roles by. What is wrong with it keeps every role from starting.
    fn read_to_start(&self) -> Result<Config, RoleFailure> {
        let failed = |problem| RoleFailure { role: Role::Agent, failure: Failure::Config { problem } };
        self.settings().read().map_err(failed)
    }

    /// Has roles stand down for another app, or let go of the ports that they keep since. Says how each has. Bounded: a
    /// backend that does not is ended.
    pub(crate) async fn stand_down_roles(&self, roles: &[Role], by: &Message) -> Vec<(Role, Stood)> {
        let tasks = roles.iter().filter_map(|&role| Some((role, self.role(role)?)));
        let asked = tasks.map(|(role, task)| (role, task.stand_down(by.clone()))).collect::<Vec<_>>();
        let mut stood = Vec::new();
        for (role, standing_down) in asked {
            stood.push((role, standing_down.await));
        }
        stood
    }

    /// Gives listening sockets of another app's backend to the own sidecar of the role, which is prepared, if they are just what
    /// it wants. This process has them no more afterwards.
    ///
    /// # Errors
    /// Why they are not; they are closed then.
    pub(crate) fn give_listeners(&self, role: Role, sockets: Vec<PassedSocket>) -> Result<(), NotGiven> {
        let unusable = |why: &dyn std::fmt::Display| NotGiven::Unusable(why.to_string());
        let config = self.settings().read().map_err(|problem| unusable(&problem))?;
        if !config.roles.contains(&role) {
            return Err(unusable(&"the role is switched off"));
        }
        self.role(role).ok_or_else(|| unusable(&"there is no such role"))?.give(sockets, &config)
    }

    /// The way to a role's sidecar.
    pub(crate) fn way(&self, role: Role) -> Option<Way> {
        self.role(role)?.way()
    }

    /// The process id of a role's sidecar, from its start on.
    pub(crate) fn sidecar(&self, role: Role) -> Option<u32> {
        self.role(role)?.sidecar()
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

    /// The log of a role's backend.
    pub(crate) fn log(&self, role: Role) -> Option<RoleLog> {
        self.role(role).map(|task| task.log().clone())
    }

    /// The last log lines of a role.
    pub(crate) fn log_lines(&self, role: Role, limit: u32) -> Vec<LogLine> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.role(role).map(|task| task.log().lines(limit)).unwrap_or_default()
    }

    /// Writes down which way a role's ports came from the app before, and why not the other way. Blocks.
    pub(crate) fn note_way(&self, role: Role, way: RecordedWay, why: Option<String>) {
        let wanted = self.settings().read().ok().and_then(|config| config.wanted_ports(role).ok());
        let wanted = wanted.unwrap_or_default();
        let record =
            Record::of_handover(way, why, &role.into(), &wanted, taskpaw_contract::version(), unix_ms());
        if let Err(error) = self.around.journal.append(&record) {
            tracing::warn!(%error, "the handover could not be written to the journal");
        }
    }

    /// What the last takeovers saw and did, the newest first.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn takeovers(&self, limit: u32) -> Result<Vec<Record>, IpcError> {
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

    /// Another version takes the place of this app: the window says so, and the app ends.
    pub(crate) fn hand_over(&self, version: String) {
        self.board().publish(Event::HandoverStarted { version });
        self.shell.quit();
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
