//! What the app does for its side of a handover while another app has the place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::handover::Problem;
use port_takeover::Pid;
use port_takeover::journal::RecordedWay;
use port_takeover::sys::{Native, System as _};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{Event, Failure, Launch, PortsFrom, PortsWay, RoleFailure};
use tokio::task::JoinSet;

use super::AT_THE_CHANGE;
use super::kept::{self, Audience};
use crate::app::App;
use crate::choice::may_start_all_the_same;
use crate::handover::{
    Follows, Incumbent, IncumbentLine, NamedBackend, Replaced, Succession, Successor, Take, Will,
    WithIncumbent,
};
use crate::roles::{self, Message, NotGiven};

/// How long an app that does not hand over is asked again: it may be in another handover, which takes twenty seconds at most.
const ASKED_WITHIN: Duration = Duration::from_secs(30);
/// Between two asks.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// A launch that follows another app.
pub(super) struct Following {
    app: Arc<App>,
    successor: Arc<Successor>,
    asked: Mutex<Option<AskedOf>>,
    audience: Audience,
    is_patient: bool,
    passed: Arc<Mutex<Passed>>,
    /// The roles that must serve.
    awaited: Mutex<Vec<Role>>,
}

/// What became of the listening sockets that the other app has passed.
#[derive(Debug, Default)]
struct Passed {
    /// The backends whose sockets the own ones have been given.
    taken: Vec<NamedBackend>,
    /// The roles that served there, and which way their ports come; with why what was passed cannot be used.
    ways: Vec<(PortsFrom, Option<String>)>,
    /// The roles whose sockets cannot be used, until that is said.
    not_taken: Vec<Role>,
}

/// The app that was asked to hand over.
#[derive(Debug, Clone)]
struct AskedOf {
    version: String,
    pid: u32,
    peer: Option<Pid>,
    at: Instant,
}

impl Following {
    /// A patient one gives the backends a minute to be prepared.
    pub(super) fn new(
        app: Arc<App>,
        successor: Arc<Successor>,
        audience: Audience,
        is_patient: bool,
    ) -> Self {
        let (asked, awaited) = (Mutex::default(), Mutex::default());
        Self { app, successor, asked, audience, is_patient, passed: Arc::default(), awaited }
    }

    /// This app has the place from now on.
    pub(super) fn placed(&self) -> Incumbent {
        let before = self.asked();
        let ways = self.passed().ways.clone();
        let ports = ways.iter().map(|(from, _)| *from).collect();
        let app = Arc::clone(&self.app);
        crate::blocking::spawn_blocking(move || {
            for (PortsFrom { role, way }, why) in ways {
                app.note_way(role, recorded(way), why);
            }
        });
        self.successor.placed(before.map(|before| Replaced {
            version: Some(before.version),
            pid: before.pid,
            forced: false,
            took: before.at.elapsed(),
            ports,
        }))
    }

    /// What is done with listening sockets, in the moment in which they come: they go to the own backend, or are closed.
    fn taker(&self) -> Take<IncumbentLine> {
        let (app, passed) = (Arc::clone(&self.app), Arc::clone(&self.passed));
        Box::new(move |line, sockets| {
            let IncumbentLine::Listeners { backend } = line else { return };
            let role = backend.role;
            let given = app.give_listeners(role, sockets);
            let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
            match given {
                Ok(()) => {
                    tracing::info!(%role, from = %backend.process.pid, "its ports are passed on");
                    passed.taken.push(backend.clone());
                    passed.ways.push((PortsFrom { role, way: PortsWay::PassedOn }, None));
                }
                // The other one must not let go of its ports for that: the role fails at once, and it serves again.
                Err(NotGiven::NobodyThere(why)) => {
                    tracing::warn!(%role, why, "its ports are passed on to nobody");
                    passed.taken.push(backend.clone());
                    passed.ways.push((PortsFrom { role, way: PortsWay::NotUsable }, Some(why)));
                }
                Err(NotGiven::Unusable(why)) => {
                    tracing::warn!(%role, why, "its ports are not passed on");
                    passed.not_taken.push(role);
                    passed.ways.push((PortsFrom { role, way: PortsWay::NotUsable }, Some(why)));
                }
            }
        })
    }

    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> Option<AskedOf> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Follows for Following {
    async fn ask(&self) -> Option<WithIncumbent> {
        let began = Instant::now();
        loop {
            let (successor, at) = (Arc::clone(&self.successor), Instant::now());
            *self.passed() = Passed::default();
            let take = self.taker();
            let asked = crate::blocking::spawn_blocking(move || successor.ask_to_succeed(take)).await;
            let succession = asked.unwrap_or_else(|error| {
                tracing::error!(%error, "nobody could be asked");
                None
            });
            match succession {
                Some(Succession { answer, peer, conversation: Some(conversation) }) => {
                    let asked = AskedOf { version: answer.version, pid: answer.pid, peer, at };
                    *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
                    return Some(conversation);
                }
                // Another start of the same version was quicker, and shows its window: there is nothing to do for this one.
                Some(Succession { answer, .. }) if answer.will == Will::Show => {
                    self.app.lifecycle().want_end();
                    return std::future::pending().await;
                }
                // It hands over to somebody else, or is ending, or has just ended.
                _ if began.elapsed() < ASKED_WITHIN => tokio::time::sleep(ASKED_EVERY).await,
                _ => return None,
            }
        }
    }

    async fn prepare(&self) -> Result<(), RoleFailure> {
        self.app.prepare_roles(self.is_patient).await
    }

    fn backends(&self) -> Vec<NamedBackend> {
        let named = |role| {
            let pid = Pid::new(self.app.sidecar(role)?)?;
            Some(NamedBackend { role, process: Native::new().describe(pid)?.identity() })
        };
        Role::ALL.into_iter().filter_map(named).collect()
    }

    fn not_taken(&self) -> Vec<Role> {
        std::mem::take(&mut self.passed().not_taken)
    }

    async fn go_on(&self, served: Option<Vec<Role>>) -> Result<(), RoleFailure> {
        let mut events = self.app.board().listen();
        self.app.board().keep_from_window(AT_THE_CHANGE);
        let taken = std::mem::take(&mut self.passed().taken);
        let passed_by = |role| {
            let backend: &NamedBackend = taken.iter().find(|backend| backend.role == role)?;
            Some(backend.process.clone())
        };
        for &role in served.iter().flatten() {
            let ways = &mut self.passed().ways;
            if ways.iter().all(|(known, _)| known.role != role) {
                tracing::info!(%role, "its ports are taken over: the other TaskPaw passed none");
                ways.push((PortsFrom { role, way: PortsWay::NotPassed }, None));
            }
        }
        let on = self.app.go_on_roles(passed_by)?;
        let is_awaited = |role: &Role| served.as_ref().is_none_or(|served| served.contains(role));
        let mut awaited: Vec<Role> = on.into_iter().filter(is_awaited).collect();
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&awaited);
        while !awaited.is_empty() {
            match events.recv().await {
                Some(Event::BackendReady { role, .. }) => awaited.retain(|it| *it != role),
                Some(
                    Event::BackendFailed { role, failure, .. }
                    | Event::BackendWaiting { role, failure, .. }
                    | Event::BackendBackoff { role, failure, .. },
                ) if awaited.contains(&role) => return Err(RoleFailure { role, failure }),
                Some(_) => {}
                None => {
                    let message = "the app is ending".to_owned();
                    return Err(RoleFailure { role: awaited[0], failure: Failure::Takeover { message } });
                }
            }
        }
        Ok(())
    }

    fn make_live(&self) -> impl Future<Output = Result<(), RoleFailure>> + Send {
        let awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // All are told before the first one is waited for. One that did not serve there is not waited for.
        all_live(self.app.become_live().into_iter().filter(|(role, _)| awaited.contains(role)).collect())
    }

    fn advances(&self) -> u64 {
        self.app.advances()
    }

    fn supervise(&self) {
        for role in Role::ALL {
            self.app.tell(role, Message::Placed);
        }
    }

    fn end_backends(&self) {
        for role in Role::ALL {
            self.app.tell(role, Message::Stop);
        }
    }

    fn take_place(&self) -> bool {
        self.successor.take_place()
    }

    fn release_place(&self) {
        self.successor.release_place();
    }

    async fn end_incumbent(&self) -> bool {
        let (successor, app) = (Arc::clone(&self.successor), Arc::clone(&self.app));
        let peer = self.asked().and_then(|asked| asked.peer);
        let ended = crate::blocking::spawn_blocking(move || {
            // A second look: it may have begun to serve again in this very moment.
            !is_served(&app) && successor.end_by_force(peer)
        });
        ended.await.unwrap_or(false)
    }

    fn tell(&self, problem: Problem, because: Option<RoleFailure>) {
        tracing::error!(?problem, ?because, "the running app goes on: this one does not replace it");
        let version = self.successor.held_by().map(|(version, _)| version);
        let may_start = problem == Problem::NotPrepared && may_start_all_the_same(because.as_ref());
        let launch = Launch::Kept { version, because, may_start };
        kept::tell(&self.app, self.audience, launch);
    }

    async fn until_quit(&self) {
        self.app.lifecycle().until_end_is_wanted().await;
    }

    async fn until_wanted_again(&self) {
        self.app.choices().until_chosen().await;
    }
}

/// Ends when all roles are live, or with the first one that is not.
async fn all_live(
    awaited: Vec<(Role, impl Future<Output = Result<(), Failure>> + Send + 'static)>,
) -> Result<(), RoleFailure> {
    let mut becoming = JoinSet::new();
    for (role, live) in awaited {
        becoming.spawn(async move { live.await.map_err(|failure| RoleFailure { role, failure }) });
    }
    while let Some(live) = becoming.join_next().await {
        // Nothing in it panics, or is called off.
        live.unwrap_or(Ok(()))?;
    }
    Ok(())
}

/// The way in which ports came, in the words of the journal.
fn recorded(way: PortsWay) -> RecordedWay {
    match way {
        PortsWay::PassedOn => RecordedWay::PassedOn,
        PortsWay::NotPassed => RecordedWay::NotPassed,
        PortsWay::NotUsable => RecordedWay::NotUsable,
    }
}

/// Whether another process serves a role that is on. A holder that cannot be seen counts as one.
fn is_served(app: &App) -> bool {
    let Ok(config) = app.settings().read() else { return true };
    let (on, state_folder) = (config.roles.clone(), app.settings().state_folder());
    on.into_iter().any(|role| roles::is_served(&config, &state_folder, role, app.sidecar(role)))
}
