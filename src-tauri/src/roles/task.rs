//! The task of a role: it feeds the state machine and does what that says.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use port_takeover::sys::{Native, PassedSocket, start_time_now};
use port_takeover::{Claim, Journal, Pid, ProcessIdentity, find_passed};
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::config::{Config, ConfigHash, ConfigProblem, Endpoint};
use taskpaw_contract::folders::CONFIG_DIR_VARIABLE;
use taskpaw_contract::ipc::{Backend, Event, Failure};
use taskpaw_contract::sidecar::{GoOn, Hello, Line, PROTOCOL, PortName, Ready, Step};
use taskpaw_contract::{Role, version};
use tokio::sync::{mpsc, watch};

use super::blocked::Blocked;
use super::log::{LINES_OF_FAILURE, RoleLog};
use super::machine::{Answer, Effect, Machine, Message, Stood};
use super::ports::{look_at_child, look_beside};
use super::sidecar::{News, Order, Sidecar, Ungreeted, passed};
use super::takeover::{Refused, Takeover};
use super::watch::Watch;
use super::way::Way;
use crate::backend::BackendClient;
use crate::blocking;
use crate::board::{Board, configured_ports};
use crate::process;
use crate::settings::Settings;

/// How long a backend may take to end whose host is gone, or has told it so: it is not live, and ends at once.
const GONE_WITHIN: Duration = Duration::from_millis(500);
/// How often it is checked whether such a backend has ended.
const GONE_STEP: Duration = Duration::from_millis(10);

/// What a role needs of the app around it.
pub(crate) struct Surroundings {
    pub(crate) board: Arc<Board>,
    pub(crate) settings: Settings,
    pub(crate) config_dir: PathBuf,
    pub(crate) logs: PathBuf,
    /// Where takeovers are recorded.
    pub(crate) journal: Journal,
    /// The sidecar's program, resolved again for each start.
    pub(crate) program: Box<dyn Fn() -> Result<std::process::Command, String> + Send + Sync>,
}

/// A role that runs in the app.
pub(crate) struct RoleTask {
    role: Role,
    inbox: mpsc::UnboundedSender<Message>,
    log: RoleLog,
    running: Arc<Mutex<Option<Running>>>,
    ended: watch::Receiver<bool>,
    prepared: watch::Sender<Result<(), Failure>>,
    live: watch::Sender<Result<(), Failure>>,
    advances: Arc<AtomicU64>,
    stood_down: watch::Sender<Stood>,
    sidecar: watch::Receiver<Option<Reach>>,
}

/// A sidecar's process, and the way to it.
#[derive(Debug, Clone)]
struct Reach {
    pid: u32,
    way: Way,
}

/// A backend that is ready, and the key to it.
#[derive(Clone)]
struct Running {
    pid: u32,
    client: BackendClient,
}

impl RoleTask {
    /// Begins the task of a role that is stopped.
    pub(crate) fn begin(role: Role, around: Arc<Surroundings>) -> Self {
        let (inbox, messages) = mpsc::unbounded_channel();
        let log = RoleLog::open(&around.logs, role);
        let running = Arc::new(Mutex::new(None));
        let (end, ended) = watch::channel(false);
        let (prepared, live) = (watch::Sender::new(Ok(())), watch::Sender::new(Ok(())));
        let advances = Arc::<AtomicU64>::default();
        let stood_down = watch::Sender::new(Stood::default());
        let (sidecar_is, sidecar) = watch::channel(None);
        let runner = Runner {
            role,
            around,
            machine: Machine::new(role, version()),
            started: Instant::now(),
            inbox: inbox.clone(),
            generation: Arc::new(AtomicU32::new(0)),
            log: log.clone(),
            running: Arc::clone(&running),
            attempt: None,
            prepared: prepared.clone(),
            live: live.clone(),
            advances: Arc::clone(&advances),
            stood_down: stood_down.clone(),
            sidecar_is,
            launched_at: None,
            blocked: Arc::default(),
            passed_by: None,
            may_end_busy: None,
        };
        // It reads the configuration and starts programs: a disk that does not answer keeps this role alone.
        blocking::spawn_alone(&format!("role {role}"), runner.run(messages, end));
        Self { role, inbox, log, running, ended, prepared, live, advances, stood_down, sidecar }
    }

    /// Sends a message to the role.
    pub(crate) fn send(&self, message: Message) {
        if self.inbox.send(message).is_err() {
            tracing::debug!(role = %self.role, "the role has ended already");
        }
    }

    /// Finds out whether the role could start: its program runs, and can use the configuration and the state. Nothing is
    /// touched.
    ///
    /// # Errors
    /// Why it could not.
    pub(crate) async fn prepare(&self, is_patient: bool) -> Result<(), Failure> {
        let mut prepared = self.prepared.subscribe();
        self.send(if is_patient { Message::PreparePatiently } else { Message::Prepare });
        let mut ended = self.ended.clone();
        tokio::select! {
            told = prepared.changed() => match told {
                Ok(()) => prepared.borrow().clone(),
                Err(_) => Ok(()),
            },
            // The app ends.
            _ = ended.wait_for(|ended| *ended) => Ok(()),
        }
    }

    /// Has the role become live, which serves for an app that has got the place. Bounded: a backend that does not is given up.
    ///
    /// # Errors
    /// Why it is not; another app can still serve again.
    pub(crate) fn become_live(&self) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (mut live, mut ended) = (self.live.subscribe(), self.ended.clone());
        self.send(Message::Live);
        async move {
            tokio::select! {
                told = live.changed() => match told {
                    Ok(()) => live.borrow().clone(),
                    Err(_) => Ok(()),
                },
                // The app ends.
                _ = ended.wait_for(|ended| *ended) => Ok(()),
            }
        }
    }

    /// How often its sidecar has shown that it advances with what takes its time.
    pub(crate) fn advances(&self) -> u64 {
        self.advances.load(Ordering::Relaxed)
    }

    /// Has the role stand down for another app, or, once it has, let go of the ports that it keeps. Bounded: a backend that
    /// does not is ended.
    pub(crate) fn stand_down(&self, by: Message) -> impl Future<Output = Stood> + Send + use<> {
        let (mut stood_down, mut ended) = (self.stood_down.subscribe(), self.ended.clone());
        self.send(by);
        async move {
            tokio::select! {
                told = stood_down.changed() => told.map(|()| *stood_down.borrow()).unwrap_or_default(),
                // The app ends.
                _ = ended.wait_for(|ended| *ended) => Stood::default(),
            }
        }
    }

    /// The process id of the sidecar, from its start on.
    pub(crate) fn sidecar(&self) -> Option<u32> {
        self.sidecar.borrow().as_ref().map(|reach| reach.pid)
    }

    /// The way to the sidecar.
    pub(crate) fn way(&self) -> Option<Way> {
        self.sidecar.borrow().as_ref().map(|reach| reach.way.clone())
    }

    /// Gives listening sockets to the sidecar, which is prepared, if they are just those of a configuration: all or none. This
    /// process has them no more afterwards.
    ///
    /// # Errors
    /// Why they are not; they are closed then.
    pub(crate) fn give(&self, sockets: Vec<PassedSocket>, config: &Config) -> Result<(), NotGiven> {
        let wanted =
            config.wanted_ports(self.role).map_err(|problem| NotGiven::Unusable(problem.to_string()))?;
        let found = find_passed(&Native::new(), sockets, &wanted);
        if !found.is_whole() {
            return Err(NotGiven::Unusable(found.why_not()));
        }
        let gone = |why: &dyn std::fmt::Display| NotGiven::NobodyThere(why.to_string());
        let way = self.way().ok_or_else(|| gone(&"there is no backend to give them to"))?;
        let step = serde_json::to_vec(&Step::TakeListeners).map_err(|error| gone(&error))?;
        way.give(&[step.as_slice(), b"\n"].concat(), found.all).map_err(|error| gone(&error))
    }

    /// Waits until the role has ended, after [`Message::Quit`].
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        let _sender_gone_is_ended_too = ended.wait_for(|ended| *ended).await;
    }

    /// The role's log.
    pub(crate) fn log(&self) -> &RoleLog {
        &self.log
    }

    /// The process id of the backend that is ready.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.lock().as_ref().map(|running| running.pid)
    }

    /// The way to the backend that is ready.
    pub(crate) fn client(&self) -> Option<BackendClient> {
        self.lock().as_ref().map(|running| running.client.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why passed sockets were not given to a sidecar, in words for the log.
#[derive(Debug)]
pub(crate) enum NotGiven {
    /// The sockets are not what is wanted: the ports have to be taken over without them.
    Unusable(String),
    /// The sidecar that was prepared is gone: nobody is there to serve, and who passed them keeps its own.
    NobodyThere(String),
}

struct Runner {
    role: Role,
    around: Arc<Surroundings>,
    machine: Machine,
    started: Instant,
    inbox: mpsc::UnboundedSender<Message>,
    /// The machine's generation, for the blocking takeover to see.
    generation: Arc<AtomicU32>,
    log: RoleLog,
    running: Arc<Mutex<Option<Running>>>,
    attempt: Option<Attempt>,
    /// How the last look whether the role could start has come out.
    prepared: watch::Sender<Result<(), Failure>>,
    /// How it became live last.
    live: watch::Sender<Result<(), Failure>>,
    advances: Arc<AtomicU64>,
    /// How it stood down last.
    stood_down: watch::Sender<Stood>,
    /// The sidecar.
    sidecar_is: watch::Sender<Option<Reach>>,
    /// When the role was launched last, in the system's own measure.
    launched_at: Option<u64>,
    /// What keeps the last attempt from the ports.
    blocked: Arc<Mutex<Option<Blocked>>>,
    /// The backend that its listening sockets came from, and that may still have them.
    passed_by: Option<ProcessIdentity>,
    /// The attempt for which a person said that a backend of V3 may be ended whatever it works at.
    may_end_busy: Option<u32>,
}

/// What belongs to the attempt under way.
struct Attempt {
    config: Config,
    token: String,
    /// Of the configuration that its sidecar was prepared with.
    hash: Option<ConfigHash>,
    /// Whether its sidecar takes all steps by itself.
    is_at_once: bool,
    /// Whether the window knows of it.
    is_shown: bool,
    /// The listeners of ports that could not be bound: the sidecar gets them.
    kept: Arc<Mutex<Vec<Claim>>>,
    sidecar: Option<Sidecar>,
    spawned: Instant,
}

impl Runner {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>, end: watch::Sender<bool>) {
        while let Some(message) = messages.recv().await {
            self.note(&message);
            self.log_order(&message);
            let may_end_busy = message == Message::ReplaceV3;
            let effects = self.machine.handle(message, self.started.elapsed());
            if may_end_busy {
                self.may_end_busy = Some(self.machine.generation());
            }
            self.generation.store(self.machine.generation(), Ordering::SeqCst);
            for effect in effects {
                if effect == Effect::End {
                    let _nobody_waits = end.send(true);
                    return;
                }
                self.perform(effect);
            }
        }
    }

    /// What somebody wants is in the log; so is a health call that was missed.
    fn log_order(&self, message: &Message) {
        let role = self.role;
        match message {
            Message::Of(generation, Answer::Healthy(false)) if *generation == self.machine.generation() => {
                tracing::warn!(%role, start = generation, "its backend did not answer a health call");
            }
            Message::Of(..) | Message::Prepare => {}
            order => tracing::info!(%role, ?order, "asked for"),
        }
    }

    /// Keeps what the machine does not.
    fn note(&mut self, message: &Message) {
        if let Message::GoOn(passed_by) = message {
            self.passed_by.clone_from(passed_by);
        }
        let Message::Of(generation, answer) = message else { return };
        if *generation != self.machine.generation() {
            return;
        }
        match answer {
            Answer::Exited { .. } => {
                self.set_running(None);
                self.set_sidecar(None);
            }
            Answer::Line(Ok(Line::Prepared(prepared))) => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.hash = Some(prepared.config_hash.clone());
                }
            }
            _ => {}
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Prepare => self.prepare(),
            Effect::TakeOver => self.take_over(),
            Effect::Watch => self.watch(),
            Effect::GoOn => self.go_on(),
            Effect::GoOnWithListeners => self.go_on_with_listeners(),
            Effect::GoLive => self.go_live(),
            Effect::StandDown => self.order(Order::Take(Step::StandDown)),
            Effect::PassListeners => self.order(Order::Take(Step::PassListeners)),
            Effect::CloseListeners => {
                self.drop_passed();
                self.order(Order::Take(Step::CloseListeners));
            }
            Effect::StoodDown(stood) => {
                self.set_running(None);
                let _before = self.stood_down.send_replace(stood);
            }
            Effect::Discard => self.discard(),
            Effect::PreparedAhead(result) => drop(self.prepared.send_replace(result)),
            Effect::BecameLive(result) => drop(self.live.send_replace(result)),
            Effect::Advances => drop(self.advances.fetch_add(1, Ordering::Relaxed)),
            Effect::Confirm(ready) => self.confirm(ready),
            Effect::AskToStop => self.order(Order::AskToStop),
            Effect::Kill => self.order(Order::Kill),
            Effect::CheckHealth => self.check_health(),
            Effect::Arm(timer, after) => {
                let (answer, wait) = (self.answering(), self.machine.waits(timer));
                tauri::async_runtime::spawn(async move {
                    tokio::time::sleep(after).await;
                    answer(Answer::Elapsed(timer, wait));
                });
            }
            Effect::Publish(event) => self.around.board.publish(event),
            Effect::End => {}
        }
    }

    /// A way to answer the machine, stamped with the generation of now.
    fn answering(&self) -> impl Fn(Answer) + Send + Sync + 'static + use<> {
        let (inbox, generation) = (self.inbox.clone(), self.machine.generation());
        move |answer| {
            let _role_has_ended = inbox.send(Message::Of(generation, answer));
        }
    }

    fn take_over(&mut self) {
        let answer = self.answering();
        let (role, generation) = (self.role, self.machine.generation());
        let config = match self.config_of_now() {
            Ok(config) => config,
            Err(problem) => return answer(Answer::NotTakenOver(Failure::Config { problem })),
        };
        self.note_launch();
        self.show_start(&config);
        let Some(attempt) = &mut self.attempt else { return };
        attempt.config.clone_from(&config);
        let kept = Arc::clone(&attempt.kept);
        let around = Arc::clone(&self.around);
        let current = Arc::clone(&self.generation);
        let may_end_busy = self.may_end_busy == Some(generation);
        let (is_launch, launched_at) = (self.machine.is_launch(), self.launched_at);
        let blocked_by = Arc::clone(&self.blocked);
        blocking::spawn_blocking(move || {
            let is_current = || current.load(Ordering::SeqCst) == generation;
            let takeover = Takeover {
                role,
                generation,
                config: &config,
                state_folder: &around.settings.state_folder(),
                publish: &|event| {
                    if is_current() {
                        around.board.publish(event);
                    }
                },
                is_current: &is_current,
                may_end_busy,
                launched_at,
                is_launch,
            };
            let (taken_over, record) = takeover.run();
            answer(match taken_over {
                Ok(listeners) => {
                    *kept.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
                    Answer::TakenOver
                }
                Err(Refused::For(failure)) => Answer::NotTakenOver(failure),
                Err(Refused::Blocked(blocked)) => {
                    let failure = blocked.failure.clone();
                    *blocked_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(*blocked);
                    Answer::Blocked(failure)
                }
            });
            // Written when the start has gone on: a slow disk must not keep the ports unanswered.
            if let Some(error) = record.and_then(|record| around.journal.append(&record).err()) {
                tracing::warn!(%error, "the takeover could not be written to the journal");
            }
        });
    }

    /// Prepared some time ago, perhaps: the ports are those of now. If they cannot be known any more, the backend decides: one
    /// that served before goes on by what it knows, any other refuses.
    fn config_of_now(&self) -> Result<Config, ConfigProblem> {
        match (self.around.settings.read(), &self.attempt) {
            (Ok(config), _) => Ok(config),
            (Err(problem), Some(attempt)) => {
                tracing::warn!(role = %self.role, "the configuration cannot be read any more: {problem}");
                Ok(attempt.config.clone())
            }
            (Err(problem), None) => Err(problem),
        }
    }

    /// A restart that comes by itself ends nobody who was started after this.
    fn note_launch(&mut self) {
        if self.machine.is_launch() {
            self.launched_at = start_time_now();
        }
    }

    /// Watches the ports until the role can have them.
    fn watch(&mut self) {
        let (answer, role, generation) = (self.answering(), self.role, self.machine.generation());
        let blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(blocked), Some(attempt)) = (blocked, &self.attempt) else { return };
        let (config, around) = (attempt.config.clone(), Arc::clone(&self.around));
        let current = Arc::clone(&self.generation);
        blocking::spawn_blocking(move || {
            let is_current = || current.load(Ordering::SeqCst) == generation;
            let watch = Watch {
                role,
                generation,
                config: &config,
                state_folder: &around.settings.state_folder(),
                blocked,
                publish: &|event| {
                    if is_current() {
                        around.board.publish(event);
                    }
                },
                changed: &|failure| answer(Answer::Blocked(failure)),
                is_wanted: &is_current,
            };
            if watch.run() {
                answer(Answer::CanStart);
            }
        });
    }

    /// The window sees that a start has begun.
    fn show_start(&mut self, config: &Config) {
        let (role, generation) = (self.role, self.machine.generation());
        let Some(attempt) = &mut self.attempt else { return };
        if !std::mem::replace(&mut attempt.is_shown, true) {
            let ports = configured_ports(config, role);
            self.around.board.publish(Event::TakeoverStarted { role, generation, ports });
        }
    }

    /// Starts a sidecar that looks whether it can serve. It has its secret from now on, and touches nothing.
    fn prepare(&mut self) {
        let answer = self.answering();
        let config = match self.around.settings.read() {
            Ok(config) => config,
            Err(problem) => return answer(Answer::NotTakenOver(Failure::Config { problem })),
        };
        let token = match crate::random::token() {
            Ok(token) => token,
            Err(message) => return answer(Answer::NotTakenOver(Failure::Takeover { message })),
        };
        self.attempt = Some(Attempt {
            config: config.clone(),
            token,
            hash: None,
            is_at_once: false,
            is_shown: false,
            kept: Arc::default(),
            sidecar: None,
            spawned: Instant::now(),
        });
        if !self.machine.is_ahead() {
            self.show_start(&config);
        }
        self.start(Vec::new());
    }

    /// Has the sidecar that is prepared claim its ports. Listeners that were kept can only be inherited: another one gets
    /// them, of the same program, and takes all steps at once.
    fn go_on(&mut self) {
        let role = self.role;
        let Some(attempt) = &mut self.attempt else { return };
        attempt.spawned = Instant::now();
        let kept = std::mem::take(&mut *attempt.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let step = GoOn { config_hash: attempt.hash.clone(), ports: Some(named(&attempt.config, role)) };
        match &attempt.sidecar {
            Some(sidecar) if kept.is_empty() => sidecar.order(Order::Take(Step::GoOn(step))),
            _ => {
                attempt.is_at_once = true;
                self.discard();
                self.start(kept);
            }
        }
    }

    /// Has the sidecar serve on listening sockets that it has. Nobody is looked at: who else has them is known.
    fn go_on_with_listeners(&mut self) {
        let config = match self.config_of_now() {
            Ok(config) => config,
            Err(problem) => {
                return self.answering()(Answer::NotSpawned(Failure::Config { problem }));
            }
        };
        self.drop_passed();
        self.note_launch();
        self.show_start(&config);
        let (role, generation) = (self.role, self.machine.generation());
        let ports = configured_ports(&config, role);
        self.around.board.publish(Event::BackendStarting { role, generation, ports });
        if let Some(attempt) = &mut self.attempt {
            attempt.config = config;
        }
        self.go_on();
    }

    /// Closes the copies of listening sockets that were given to this host and that nobody has taken: they would keep the
    /// ports.
    fn drop_passed(&self) {
        if let Some(sidecar) = self.attempt.as_ref().and_then(|attempt| attempt.sidecar.as_ref()) {
            drop(sidecar.way.take());
        }
    }

    fn go_live(&self) {
        match &self.attempt {
            // It is live when it is ready.
            Some(attempt) if attempt.is_at_once => self.answering()(Answer::Line(Ok(Line::Live))),
            _ => self.order(Order::Take(Step::Live)),
        }
    }

    /// Ends a sidecar that holds nothing. Its end is nobody's news.
    fn discard(&mut self) {
        self.order(Order::Kill);
        self.set_sidecar(None);
    }

    fn start(&mut self, kept: Vec<Claim>) {
        let (answer, news) = (self.answering(), self.answering());
        let Some(attempt) = &mut self.attempt else { return };
        let failed = |program, missing, message| {
            Answer::NotSpawned(Failure::SpawnFailed { program, missing, message })
        };
        let mut program = match (self.around.program)() {
            Ok(program) => program,
            Err(message) => return answer(failed("taskpaw-backend".to_owned(), false, message)),
        };
        let path = program.get_program().to_string_lossy().into_owned();
        let folder = &self.around.config_dir;
        if folder.to_str().is_none() {
            program.env(CONFIG_DIR_VARIABLE, folder);
        }
        let hello = Hello {
            taskpaw_host: PROTOCOL,
            host_version: version().to_owned(),
            control_token: attempt.token.clone(),
            config_dir: folder.to_str().map(PathBuf::from),
            ports: named(&attempt.config, self.role),
            listeners: passed(&kept),
            at_once: attempt.is_at_once,
        };
        let (log, last_words) = (self.log.clone(), self.log.clone());
        let tell = move |told| match told {
            News::Line(line) => news(Answer::Line(line)),
            News::Exited(status) => news(Answer::Exited { status, log: last_words.last(LINES_OF_FAILURE) }),
        };
        let started = Ungreeted::start(program, self.role, kept);
        match started.and_then(|ungreeted| Sidecar::greet(ungreeted, &hello, log, tell)) {
            Ok(sidecar) => self.set_sidecar(Some(sidecar)),
            Err(error) => {
                let missing = error.kind() == std::io::ErrorKind::NotFound;
                answer(failed(path, missing, error.to_string()));
            }
        }
    }

    /// The process that listens on the role's ports must be the child, and it alone.
    fn confirm(&mut self, ready: Ready) {
        let answer = self.answering();
        let Some(attempt) = &self.attempt else { return };
        let ready_ms = milliseconds(attempt.spawned.elapsed());
        let child = attempt.sidecar.as_ref().map(|sidecar| sidecar.pid);
        let client = BackendClient::new(ready.base_url.clone(), attempt.token.clone());
        self.set_running(child.map(|pid| Running { pid, client }));
        let (config, role) = (attempt.config.clone(), self.role);
        let state_folder = self.around.settings.state_folder();
        let passed_by = self.passed_by.clone();
        let follows_on_passed = self.machine.follows_on_passed();
        blocking::spawn_blocking(move || {
            let beside = passed_by.filter(process::is_there).map(|it| it.pid.get());
            let looked = Instant::now();
            let ports = loop {
                if follows_on_passed {
                    break look_at_child(&config, role, child);
                }
                let ports = match look_beside(&config, &state_folder, role, child, beside) {
                    Ok(ports) => ports,
                    Err(message) => return answer(Answer::NotConfirmed(Failure::Takeover { message })),
                };
                // A backend of a successor that failed may be about to end with what it was given.
                let waits = ports.iter().any(|port| !port.in_use_by_app)
                    && ports.iter().all(|port| port.holders.iter().any(|holder| Some(holder.pid) == child))
                    && ports.iter().flat_map(|port| &port.holders).all(|holder| holder.ours);
                if !waits || looked.elapsed() >= GONE_WITHIN {
                    break ports;
                }
                std::thread::sleep(GONE_STEP);
            };
            if Some(ready.pid) != child || !ports.iter().all(|port| port.in_use_by_app) {
                // One that crashes once it is ready lets go of its ports a moment before it has ended; its end says why.
                if child.is_some_and(|child| backend_ends_within(child, GONE_WITHIN)) {
                    return;
                }
                let message = "it says that it is ready, but it is not the one that listens".to_owned();
                return answer(Answer::NotConfirmed(Failure::BrokenProtocol { message, log: Vec::new() }));
            }
            let backend =
                Backend { pid: ready.pid, version: ready.version, base_url: ready.base_url, ready_ms };
            answer(Answer::Confirmed { backend, ports });
        });
    }

    fn set_sidecar(&mut self, sidecar: Option<Sidecar>) {
        let reach = sidecar.as_ref().map(|it| Reach { pid: it.pid, way: it.way.clone() });
        self.sidecar_is.send_replace(reach);
        if let Some(attempt) = &mut self.attempt {
            attempt.sidecar = sidecar;
        }
    }

    fn order(&self, order: Order) {
        if let Some(sidecar) = self.attempt.as_ref().and_then(|attempt| attempt.sidecar.as_ref()) {
            sidecar.order(order);
        }
    }

    fn check_health(&self) {
        let answer = self.answering();
        let client =
            self.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|it| it.client.clone());
        tauri::async_runtime::spawn(async move {
            let healthy = match client {
                Some(client) => client.answers().await,
                None => false,
            };
            answer(Answer::Healthy(healthy));
        });
    }

    fn set_running(&self, running: Option<Running>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }
}

/// Waits for the end of a backend; false if it goes on, or if the system does not allow to wait for it.
fn backend_ends_within(pid: u32, within: Duration) -> bool {
    let Some(pid) = Pid::new(pid) else { return true };
    process::ends_within(pid, within, || true).unwrap_or_else(|error| {
        tracing::warn!(%error, "the end of a backend cannot be waited for");
        false
    })
}

/// The ports of this start. The backend reads the rest of the configuration itself.
fn named(config: &Config, role: Role) -> Vec<PortName> {
    let named = |(name, endpoint): (&str, &Endpoint)| {
        let Endpoint { host, port } = endpoint.clone();
        PortName { name: name.to_owned(), host, port }
    };
    config.endpoints(role).into_iter().map(named).collect()
}
