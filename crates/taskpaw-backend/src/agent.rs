//! The agent: watches this machine, keeps its events for the hubs, and answers on two ports.

mod announce;
mod board;
mod clock;
mod control;
mod editing;
mod events;
mod history;
mod metrics;
mod network;
mod predecessor;
mod recorder;
mod roster;
mod schedule;
mod throttle;
mod trial;
mod v3_status;
mod work;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Json;
use serde_json::{Value, json};
use taskpaw_contract::config::Config;
use taskpaw_contract::ipc::{AgentNews, AgentStatus, EventKind, EventLevel, History};
use taskpaw_contract::version;
use tokio::sync::{OwnedMutexGuard, Semaphore, broadcast, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::context::Launch;
use crate::discovery::Announcement;
use crate::http::{ApiError, Guard, Query};
use crate::lifecycle::Stop;
use crate::monitors::Notice;
use crate::release::{CLOSE_WITHIN, CannotStandDown, until_unused};
use crate::state::StateError;
use announce::Announcer;
use board::Board;
use editing::Editing;
use events::{EventQueue, MEMORY_SCHEMA};
pub(crate) use events::{Numbers, numbers};
#[cfg(feature = "fuzzing")]
pub(crate) use events::{fuzz as fuzz_journal, fuzz_lineage, fuzz_memories};
pub(crate) use predecessor::{JOURNAL, LINEAGE};
use recorder::Recorder;
use roster::Roster;
use trial::Trials;

/// The name that events of the agent itself carry in place of a monitor's.
const SELF_NAME: &str = "taskpaw";
/// How long the stop waits for the last write.
const END_WITHIN: Duration = Duration::from_millis(400);
/// How much may happen before a listener of the stream misses something.
const NEWS: usize = 1024;

/// Looks whether this version can use the state that is there; another agent may write it meanwhile. Nothing is changed.
pub(crate) fn can_use(folder: &Path) -> Result<(), StateError> {
    events::can_use(&folder.join(JOURNAL), &folder.join(LINEAGE))
}

/// Where everything that changes is told.
type News = broadcast::Sender<AgentNews>;

/// A running agent.
pub(crate) struct Agent {
    /// Told of the first look of each monitor that is always on.
    first_looks: Vec<oneshot::Receiver<()>>,
    shared: Arc<Shared>,
    network: Guard,
    control: Guard,
    /// Until the agent is live.
    held_back: Option<OwnedMutexGuard<()>>,
    announcer: Option<Announcer>,
    /// Writes the history, once the agent is live.
    keeping: Option<JoinHandle<()>>,
}

/// What the handlers of both ports use.
struct Shared {
    machine: Arc<str>,
    server_id: String,
    board: Arc<Board>,
    recorder: Arc<Recorder>,
    /// One reads the history at a time: an answer is made from all of it.
    reading: Semaphore,
    events: EventQueue,
    roster: Arc<Roster>,
    editing: Editing,
    trials: Trials,
    news: News,
    stop: Stop,
}

impl Agent {
    /// Opens the state and begins to watch the machine itself. Anyone who asks is answered from now on: with a port that is
    /// bound, a client waits for nothing else.
    pub(crate) fn start(launch: &Launch) -> Result<Self, StateError> {
        let Config { agent: config, .. } = &launch.config;
        let machine: Arc<str> = launch.machine.as_str().into();
        let news = broadcast::channel(NEWS).0;
        let place = predecessor::place(launch);
        let events = EventQueue::open(place, machine.clone(), news.clone())?;
        predecessor::taken_over(launch);
        let recorder = Arc::new(Recorder::new(launch.state.file(recorder::FOLDER)));
        let board = Arc::new(Board::new(news.clone(), recorder.clone()));
        let roster = Arc::new(Roster::new(
            board.clone(),
            events.emitter(),
            launch.data_folder.clone(),
            events.recall(),
        ));
        let first_looks = roster.apply(&config.monitors);
        let editing = Editing::new(launch.config_file.clone(), roster.clone());
        let held_back = editing.held_back();
        Ok(Self {
            first_looks,
            shared: Arc::new(Shared {
                machine,
                server_id: config.server_id.clone(),
                board,
                recorder,
                reading: Semaphore::new(1),
                events,
                editing,
                trials: Trials::default(),
                roster,
                news,
                stop: launch.over.clone(),
            }),
            network: Guard::optional(&config.token),
            control: Guard::control(&launch.control_token),
            held_back,
            announcer: None,
            keeping: None,
        })
    }

    /// Waits, for a limited time, until the numbers of this machine are there: anyone who asks an agent that is ready sees
    /// them.
    pub(crate) async fn settle(&mut self) {
        roster::looked_once(std::mem::take(&mut self.first_looks)).await;
    }

    /// Begins the monitors, and tells the event of the start. Waits for nothing.
    pub(crate) fn go_live(&mut self) {
        self.shared.events.emitter().emit(
            SELF_NAME,
            Notice {
                kind: EventKind::Started,
                level: EventLevel::Info,
                title: "Agent started".to_owned(),
                message: format!("TaskPaw agent {} started", version()),
                data: Some(json!({ "version": version(), "memory": MEMORY_SCHEMA })),
                note: None,
            },
        );
        // Before its files are open: a backend that stands down meanwhile ends it for good.
        self.shared.recorder.go_live();
        let board = self.shared.board.clone();
        // A disk that does not answer holds nothing up but this, which nobody waits for.
        drop(spawn_blocking(move || board.begin_history()));
        self.keeping = Some(self.shared.recorder.keep());
        let monitors = self.shared.roster.go_live();
        self.shared.events.emitter().go_live(monitors);
        self.held_back = None;
    }

    /// Everything that was told so far is durable when this returns.
    pub(crate) async fn flush(&self) {
        let shared = self.shared.clone();
        // A disk that does not answer is told by the queue itself.
        let _flushed = spawn_blocking(move || shared.events.flush()).await;
    }

    /// Begins to end what monitors have started: it need not be waited for later.
    pub(crate) fn halt(&self) {
        self.shared.roster.halt();
    }

    /// Tells the local network that this agent is here, if others can reach it at this address.
    pub(crate) fn announce(&mut self, network: Option<SocketAddr>) {
        let Shared { machine, server_id, .. } = &*self.shared;
        let announcement = network.and_then(|address| Announcement::of(address, machine, server_id));
        self.announcer = Some(Announcer::start(announcement.as_ref()));
    }

    /// The port for hubs.
    pub(crate) fn network_routes(&self) -> Router {
        network::routes(self.shared.clone(), self.network.clone())
    }

    /// The port for the app.
    pub(crate) fn control_routes(&self) -> Router {
        control::routes(self.shared.clone(), self.control.clone())
    }

    /// Ends the announcement and what monitors have started, and writes what is not on the disk yet.
    pub(crate) async fn end(self) {
        let Self { shared, announcer, keeping, .. } = self;
        if !close(shared, announcer, keeping, END_WITHIN).await {
            tracing::error!("the last events may not be on the disk");
        }
    }

    /// Lets go of everything that it watches, holds and says. Its connections have ended before.
    pub(crate) async fn stand_down(self) -> Result<(), CannotStandDown> {
        let Self { shared, announcer, keeping, .. } = self;
        if !close(shared.clone(), announcer, keeping, CLOSE_WITHIN).await {
            return Err(CannotStandDown("the last events could not be written in time"));
        }
        until_unused(shared).await
    }
}

impl Shared {
    fn status(&self) -> AgentStatus {
        AgentStatus {
            machine: self.machine.to_string(),
            server_id: self.server_id.clone(),
            os: std::env::consts::OS.to_owned(),
            version: Some(version().to_owned()),
            monitors: self.board.snapshot(),
            event_cursor: self.events.cursor(),
            event_refusals: Vec::new(),
            names_in_use_twice: Vec::new(),
        }
    }
}

/// Ends everything that watches, and writes what it says last; says whether that was done in time.
async fn close(
    shared: Arc<Shared>,
    announcer: Option<Announcer>,
    keeping: Option<JoinHandle<()>>,
    limit: Duration,
) -> bool {
    if let Some(keeping) = keeping {
        keeping.abort();
    }
    let is_closed = spawn_blocking(move || {
        if let Some(announcer) = announcer {
            announcer.end();
        }
        shared.roster.stop();
        let is_recorded = shared.recorder.close(limit);
        shared.events.close(limit) && is_recorded
    });
    is_closed.await.unwrap_or_default()
}

/// What is kept of one monitor, or of all, as a query asks for it.
async fn history_of(shared: &Arc<Shared>, query: &Query) -> Result<History, ApiError> {
    let monitor = query.text("monitor").map(str::to_owned);
    let range = query.range()?;
    let _turn = shared.reading.acquire().await.map_err(|_| ApiError::Internal)?;
    let recorder = shared.recorder.clone();
    let read = spawn_blocking(move || recorder.history(monitor, range)).await;
    let read = read.map_err(|_| ApiError::Internal)?;
    read.map_err(|error| ApiError::Unavailable(format!("the history cannot be read: {error}")))
}

fn ping(machine: &str) -> Json<Value> {
    Json(json!({ "ok": true, "machine": machine, "version": version() }))
}
