//! The way of a launch to its place, and what starting hosts then ask of this one.

mod follows;
mod kept;
mod yields;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use taskpaw_contract::ipc::{Event, FailedSuccessor, Launch};
use taskpaw_contract::version;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::appearance::Appearance;
use crate::choice::{Choice, may_start_all_the_same};
use crate::exit;
use crate::handover::{
    Asked, FirstLook, Followed, HandoverError, InTurn, Incumbent, Outcome, Successor, Want, Will, Yielded,
    Yielding, follow, yield_to,
};
use crate::{blocking, bus};
use follows::Following;
pub(crate) use kept::Audience;

/// How long the windows of two versions are told nothing when they begin to change hands: nearly always that is over by then.
const AT_THE_CHANGE: Duration = Duration::from_millis(250);
/// How long another app may go on until the window of this one has painted.
const PAINT_WITHIN: Duration = Duration::from_secs(1);
/// How often the launch checks whether it is this app's turn.
const TURN_EVERY: Duration = Duration::from_millis(50);
/// How long the host on the way may take to answer each time.
const TURN_ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How often the launch checks whether the other app has ended, while a person is asked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where a launch stands when the window is about to be built.
pub(crate) enum Launching {
    /// The launch has the place.
    Placed(Incumbent),
    /// Another app has the place, and is to be asked for it.
    Waits {
        /// The way to it.
        successor: Successor,
        /// Whether that one is a version on trial that does not work: then nobody waits for a window.
        goes_back: bool,
    },
    /// The data folder cannot be used, so nobody knows who else runs there.
    OutOfReach {
        /// The data folder.
        data_folder: PathBuf,
    },
}

/// The rest of a launch, which is done once there is a window.
pub(crate) type WithWindow = Box<dyn FnOnce(Arc<App>)>;

impl Launching {
    /// What the first look at the place came to; nothing if another app does what this one was started for.
    pub(crate) fn after(
        looked: Result<FirstLook, HandoverError>,
        data_folder: PathBuf,
        goes_back: bool,
    ) -> Option<Self> {
        match looked {
            Ok(FirstLook::Over(Outcome::Placed(incumbent))) => Some(Self::Placed(incumbent)),
            Ok(FirstLook::Over(Outcome::Done | Outcome::CanServeAgain)) => None,
            Ok(FirstLook::Waits(successor)) => Some(Self::Waits { successor, goes_back }),
            // A folder that cannot be used is said in the window, by the backend that needs it.
            Err(error) => {
                tracing::warn!(%error, "other TaskPaws cannot be found");
                Some(Self::OutOfReach { data_folder })
            }
        }
    }

    /// Whether this app is wanted also where its window cannot be made: another one is not given up for one without a face.
    pub(crate) fn may_lack_a_window(&self) -> bool {
        match self {
            Self::Waits { successor, goes_back } => *goes_back || successor.follows_one_without_window(),
            Self::Placed(_) | Self::OutOfReach { .. } => true,
        }
    }

    /// How the window looks of the app that this one follows, if it said so.
    pub(crate) fn before(&self) -> Option<Appearance> {
        match self {
            Self::Waits { successor, .. } => successor.before().cloned(),
            Self::Placed(_) | Self::OutOfReach { .. } => None,
        }
    }

    /// Begins what needs no window, and gives back what is left to do with one. Only who has to ask for the place needs a
    /// window to wait in: else the backends start while it is built.
    pub(crate) fn begin(self, app: &Arc<App>, audience: Audience) -> WithWindow {
        match self {
            // The configuration may have to be waited for, and the window must not.
            Self::Placed(incumbent) => meanwhile(app, move |app| Some(run(incumbent, app))),
            // What the other app serves does not work.
            Self::Waits { successor, goes_back: true } => {
                meanwhile(app, move |app| ask_for_the_place(successor, app, audience, Duration::ZERO))
            }
            Self::Waits { successor, goes_back: false } => Box::new(move |app| {
                std::thread::spawn(move || {
                    if let Some(asked) = ask_for_the_place(successor, &app, audience, PAINT_WITHIN) {
                        heed(asked, app);
                    }
                });
            }),
            Self::OutOfReach { data_folder } => Box::new(move |app| find_on_the_bus(data_folder, app)),
        }
    }
}

/// Gets the place while the window is built. What starting hosts ask is heeded once there is one to raise.
fn meanwhile(
    app: &Arc<App>,
    gets_the_place: impl FnOnce(&Arc<App>) -> Option<Receiver<Asked>> + Send + 'static,
) -> WithWindow {
    let (with_window, opened) = channel();
    let app = Arc::clone(app);
    std::thread::spawn(move || {
        let asked = gets_the_place(&app);
        if let Some(asked) = asked.filter(|_| opened.recv().is_ok()) {
            heed(asked, app);
        }
    });
    Box::new(move |_| {
        let _the_launch_has_failed = with_window.send(());
    })
}

/// Asks another app for its place, once the window has painted or that time is over. Gives what starting hosts ask; nothing if
/// this app ends instead. Blocks.
fn ask_for_the_place(
    successor: Successor,
    app: &Arc<App>,
    audience: Audience,
    paint_within: Duration,
) -> Option<Receiver<Asked>> {
    let successor = Arc::new(successor);
    if !await_turn(&successor, app) {
        app.shell().quit();
        return None;
    }
    let mut is_patient = false;
    let asked = loop {
        let (version, pid) = successor.held_by().unzip();
        app.board()
            .publish(Event::LaunchChanged { launch: Launch::Waiting { version, pid, for_turn: false } });
        // Until then the other app goes on: a window that loads keeps the processors busy, and the ports would
        // be unanswered for as long. One that is hidden never paints.
        let painted = app.paint().until();
        let _or_not = tauri::async_runtime::block_on(async { timeout(paint_within, painted).await });
        let tried = match successor.is_heard_to_hand_over() {
            Ok(true) => follow_another(&successor, app, audience, is_patient),
            Ok(false) => replace_another(&successor, app, audience, is_patient),
            Err(error) => Tried::Blocked(error),
        };
        let tried = match tried {
            Tried::Blocked(error) => {
                tracing::error!(%error, "nothing is started");
                // The window says the rest in the person's own language.
                let message = match error {
                    HandoverError::Stuck(reason) => reason,
                    other => other.to_string(),
                };
                kept::tell(app, audience, Launch::Blocked { message });
                until_decided(&successor, app)
            }
            tried => tried,
        };
        match tried {
            Tried::Placed(asked) => break asked,
            Tried::Again | Tried::Blocked(_) => {}
            // Somebody else was quicker, is the same version, and shows its window; or a person has ended this one.
            Tried::Over => {
                app.shell().quit();
                return None;
            }
        }
        match app.choices().take() {
            Choice::Again => is_patient = false,
            Choice::Patiently => is_patient = true,
            Choice::KeepOther => {
                successor.show_other();
                app.shell().quit();
                return None;
            }
        }
    };
    successor.end_turn();
    Some(asked)
}

/// Waits until it is this app's turn to ask for the place; false if there is nothing left to do for it.
fn await_turn(successor: &Arc<Successor>, app: &Arc<App>) -> bool {
    let mut heard = Instant::now();
    let mut shown = None;
    loop {
        match successor.in_turn(heard, TURN_ANSWER_WITHIN) {
            Ok(InTurn::Yes) => break,
            Ok(InTurn::Over) => return false,
            Ok(InTurn::Not { version }) => {
                if version.is_some() {
                    heard = Instant::now();
                }
                if shown.as_ref() != Some(&version) {
                    let launch = Launch::Waiting { version: version.clone(), pid: None, for_turn: true };
                    app.board().publish(Event::LaunchChanged { launch });
                    shown = Some(version);
                }
                std::thread::sleep(TURN_EVERY);
            }
            // The place itself is asked for all the same.
            Err(error) => {
                tracing::warn!(%error, "nobody knows who else is on the way");
                break;
            }
        }
    }
    if let Some(asked) = successor.asked_on_the_way() {
        let app = Arc::clone(app);
        std::thread::spawn(move || {
            for will in asked {
                match will {
                    Will::Show => app.shell().raise(),
                    Will::Quit => app.shell().quit(),
                    Will::Stay | Will::HandOver | Will::StandDown => {}
                }
            }
        });
    }
    true
}

/// How an attempt to get the place came out.
enum Tried {
    /// This is the app that runs.
    Placed(Receiver<Asked>),
    /// A person wants another attempt, or something else.
    Again,
    /// There is nothing to do for this app.
    Over,
    /// The place cannot be had.
    Blocked(HandoverError),
}

/// Waits for what a person decides about an app that goes on. If that one ends, this one goes on by itself.
fn until_decided(successor: &Successor, app: &Arc<App>) -> Tried {
    let is_left_over = tauri::async_runtime::block_on(async {
        let mut chosen = std::pin::pin!(app.choices().until_chosen());
        loop {
            tokio::select! {
                () = &mut chosen => return false,
                () = sleep(LOOK_EVERY) => if successor.take_place() {
                    return true;
                },
            }
        }
    });
    if is_left_over { Tried::Placed(run(successor.placed(None), app)) } else { Tried::Again }
}

/// Has an app hand over that can serve again: it does, unless this one serves.
fn follow_another(successor: &Arc<Successor>, app: &Arc<App>, audience: Audience, is_patient: bool) -> Tried {
    let Some(handover) = app.lifecycle().begin_handover() else { return Tried::Over };
    let following = Following::new(Arc::clone(app), Arc::clone(successor), audience, is_patient);
    let followed = tauri::async_runtime::block_on(follow(&following));
    drop(handover);
    match followed {
        Followed::Placed => {
            let asked = take_up(following.placed(), app);
            app.is_followed_up();
            Tried::Placed(asked)
        }
        Followed::PlacedWithout => Tried::Placed(run(following.placed(), app)),
        Followed::Again => Tried::Again,
        Followed::Ended => Tried::Over,
    }
}

/// Takes the place of an app of a version that cannot serve again, such as 4.0.0. It is given up only for backends that can
/// be started.
fn replace_another(successor: &Successor, app: &Arc<App>, audience: Audience, is_patient: bool) -> Tried {
    if let Err(because) = tauri::async_runtime::block_on(app.prepare_roles(is_patient)) {
        tracing::error!(?because, "the running app goes on: this one could not replace it");
        let version = successor.held_by().map(|(version, _)| version);
        let may_start = may_start_all_the_same(Some(&because));
        let launch = Launch::Kept { version, because: Some(because), may_start };
        kept::tell(app, audience, launch);
        return until_decided(successor, app);
    }
    match successor.finish(Want::Run) {
        Ok(Outcome::Placed(incumbent)) => Tried::Placed(run(incumbent, app)),
        Ok(Outcome::Done) => Tried::Over,
        // It was not heard to before: it may have been about to start.
        Ok(Outcome::CanServeAgain) => Tried::Again,
        Err(error) => Tried::Blocked(error),
    }
}

/// This is the app that runs: the roles start. What starting hosts ask is kept for [`heed`].
fn run(incumbent: Incumbent, app: &Arc<App>) -> Receiver<Asked> {
    take_up_with(incumbent, app, || drop(app.launch_roles()))
}

/// This is the app that runs, and its roles serve. What starting hosts ask is kept for [`heed`].
fn take_up(incumbent: Incumbent, app: &Arc<App>) -> Receiver<Asked> {
    take_up_with(incumbent, app, || {})
}

fn take_up_with(incumbent: Incumbent, app: &Arc<App>, launch: impl FnOnce()) -> Receiver<Asked> {
    let Incumbent { asked, replaced, place } = incumbent;
    app.keep(place);
    app.board().publish(Event::LaunchChanged { launch: Launch::Running });
    launch();
    app.updates().placed();
    if let Some(replaced) = replaced {
        app.board().publish(Event::HandoverFinished { from: replaced.into() });
    }
    app.follow_at_login();
    asked
}

/// Where the place is out of reach, an app of the same version and data folder may be found on the session bus.
fn find_on_the_bus(data_folder: PathBuf, app: Arc<App>) {
    std::thread::spawn(move || {
        let heeding = Arc::clone(&app);
        let heed = move |wish| match wish {
            bus::Wish::Show => heeding.shell().raise(),
            bus::Wish::Quit => exit::insist(&heeding),
        };
        match bus::meet(&data_folder, version(), heed) {
            bus::Met::Shown => app.shell().quit(),
            bus::Met::Nobody => {
                app.board().publish(Event::LaunchChanged { launch: Launch::Running });
                let _shown_in_the_window = app.launch_roles();
            }
        }
    });
}

/// Does what starting hosts ask, also what they asked before there was a window to raise.
fn heed(asked: Receiver<Asked>, app: Arc<App>) {
    std::thread::spawn(move || {
        for Asked { ask, will, waiting, yielding, sent_away } in asked {
            if let Some(other) = sent_away {
                app.ask_which_shall_run(other);
            }
            match (will, yielding) {
                (Will::StandDown, Some(yielding)) => stand_down(&app, ask.version, yielding),
                (Will::Show, _) => app.shell().raise(),
                (Will::Quit, _) => {
                    app.is_awaited_by(waiting);
                    exit::insist(&app);
                }
                (Will::HandOver, _) => {
                    app.is_awaited_by(waiting);
                    app.hand_over(ask.version);
                }
                (Will::Stay | Will::StandDown, _) => {}
            }
        }
    });
}

/// Lets another version serve, and serves again if it does not. What starting hosts ask meanwhile is answered.
fn stand_down(app: &Arc<App>, version: String, yielding: Yielding) {
    let app = Arc::clone(app);
    blocking::spawn_alone("handover", async move {
        let Yielding { conversation, handover } = yielding;
        app.board().keep_from_window(AT_THE_CHANGE);
        app.board().publish(Event::HandoverStarted { version: version.clone() });
        let yielded = yield_to(app.as_ref(), conversation).await;
        match yielded {
            Yielded::Over => {
                app.lifecycle().leave();
                drop(handover);
                app.shell().quit();
            }
            Yielded::GoesOn { because } => {
                drop(handover);
                tracing::warn!(
                    version,
                    ?because,
                    "the other TaskPaw did not come to serve: this one goes on"
                );
                let successor = FailedSuccessor { version, because };
                app.board().publish(Event::HandoverFailed { successor });
                sleep(AT_THE_CHANGE).await;
                app.shell().raise();
            }
        }
    });
}

/// A click on a program that runs already, which only macOS brings to it: if another version lies there by now, that one is
/// started; else this one shows its window.
#[cfg(target_os = "macos")]
pub(crate) fn clicked(app: Arc<App>) {
    std::thread::spawn(move || {
        let other = app.own_program().replaced_by();
        if other.is_none_or(|_| app.own_program().start().is_err()) {
            app.shell().raise();
        }
    });
}
