//! The start: the place, then the backends, which start while the window is being built. An app that has to wait for
//! its place waits in its window.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use port_takeover::Journal;
use taskpaw_contract::Role;
use taskpaw_contract::folders::{DATA_DIR_VARIABLE, Folders, NoHome};
use taskpaw_contract::ipc::{EVENT_NAME, Event, Launch};
use taskpaw_contract::version;
use tauri::async_runtime::spawn_blocking;
use tauri::{
    AppHandle, Emitter as _, Manager as _, RunEvent, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
};
use tauri_plugin_shell::ShellExt as _;
use tauri_plugin_window_state::StateFlags;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::app::App;
use crate::arguments::Arguments;
use crate::instance::{self, Asked, AtOnce, Claim, Claimed, InstanceError, Primary, Want, Will};
use crate::ipc::{self, Board};
use crate::roles::Surroundings;
use crate::settings::Settings;
use crate::{check, close, logging, login, notify, tray};

/// The name of the one window.
pub(crate) const WINDOW: &str = "main";
/// Not whether it is visible: `--background` decides that.
const KEPT_OF_THE_WINDOW: StateFlags =
    StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED);
/// How long another app may go on until the window of this one has painted.
const PAINT_WITHIN: Duration = Duration::from_secs(1);
/// When the single-instance plugin is told of this app, from its start on: after the app that was replaced has ended
/// for certain (see [`END_WITHIN`]), since the plugin ends whoever finds another one.
const BUS_AFTER: Duration = Duration::from_secs(4);
/// How long the bus may take to let this app go. From one that hangs it is gone with its process.
const BUS_WITHIN: Duration = Duration::from_secs(1);
/// How long the backends may take to end where the system does not wait for them. macOS gives an app some seconds more
/// at a logout.
const AT_ONCE_WITHIN: Duration = Duration::from_secs(6);
/// How long the windowing system may take to end, when everything else has ended.
const END_WITHIN: Duration = Duration::from_secs(3);

/// Why the app cannot start at all: there is no window to say it in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    NoHome(#[from] NoHome),
    #[error("the window cannot be opened: {0}. TaskPaw needs a graphical session")]
    Tauri(#[from] tauri::Error),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error("TaskPaw {} is running already; end it first (taskpaw --quit)", version())]
    Running,
}

/// Runs the app until it ends.
pub(crate) fn start(arguments: Arguments, started: Instant) -> Result<ExitCode, StartError> {
    let folders = Folders::find()?;
    logging::begin(&folders.logs());
    tracing::info!(version = version(), "start");
    let ending = Arc::new(AtomicBool::new(false));
    let claim = Claim::prepare(&folders.data, version(), Arc::clone(&ending));
    if arguments.quit {
        // Nobody is left when this returns, whoever became the primary for that.
        claim?.finish(Want::Quit)?;
        return Ok(ExitCode::SUCCESS);
    }
    let place = match claim.and_then(Claim::at_once) {
        Ok(AtOnce::Claimed(Claimed::Primary(primary))) => Ahead::Taken(primary),
        Ok(AtOnce::Claimed(Claimed::Done)) if arguments.check.is_some() => return Err(StartError::Running),
        Ok(AtOnce::Claimed(Claimed::Done)) => return Ok(ExitCode::SUCCESS),
        Ok(AtOnce::NotYet(claim)) => Ahead::ToBeAskedFor(claim),
        // A folder that cannot be used is said in the window, by the backend that needs it.
        Err(error) => {
            tracing::warn!(%error, "other TaskPaws cannot be found");
            Ahead::OutOfReach
        }
    };

    let setup_arguments = arguments.clone();
    let builder = tauri::Builder::default();
    #[cfg(target_os = "macos")]
    let builder = builder.menu(crate::menu_bar::build).on_menu_event(crate::menu_bar::choose);
    let tauri_app = builder
        .plugin(tauri_plugin_shell::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_window_state::Builder::default().with_state_flags(KEPT_OF_THE_WINDOW).build())
        .invoke_handler(tauri::generate_handler![ipc::call])
        .setup(move |tauri_app| {
            let handle = tauri_app.handle();
            let app = Arc::new(build(handle, &folders, started, ending));
            tauri_app.manage(Arc::clone(&app));
            let quitting = handle.clone();
            app.on_quit(move || quitting.exit(0));
            end_on_signals(&app);
            let login = login::Entry::of_this_program(handle);
            if let Err(error) = &login {
                tracing::warn!(error, "the app cannot be entered to start at login");
            }
            let entry = login.clone();
            app.on_login(move |enabled| entry.as_ref().map_err(Clone::clone)?.set(enabled));
            tauri::async_runtime::spawn(notify::watch(Arc::clone(&app), handle.clone()));
            let second_line = {
                let (handle, data_folder) = (handle.clone(), folders.data.clone());
                move || register_single_instance(&handle, &data_folder)
            };
            // Only who has to ask for the place needs a window to wait in: else the backends start while it is built.
            let later: OnceShown = match place {
                Ahead::Taken(primary) => {
                    let asked = run(primary, handle, &app, second_line);
                    let ear = handle.clone();
                    Box::new(|app| heed(asked, ear, app))
                }
                Ahead::ToBeAskedFor(claim) => {
                    let handle = handle.clone();
                    Box::new(|app| ask_for_the_place(claim, handle, app, second_line))
                }
                Ahead::OutOfReach => {
                    second_line();
                    app.board().publish(Event::LaunchChanged { launch: Launch::Running });
                    let _shown_in_the_window = app.launch_roles();
                    Box::new(|_app| {})
                }
            };
            let window = open_window(handle, !setup_arguments.background)?;
            let hidden = window.clone();
            app.on_hide(move || {
                if let Err(error) = hidden.hide() {
                    tracing::warn!(%error, "the window cannot be hidden");
                }
            });
            close::attend(&window, &app);
            app.board().show_start_at_login(login.ok().and_then(|entry| entry.is_on()));
            later(Arc::clone(&app));
            tauri::async_runtime::spawn(app.own_program().clone().watch(Arc::clone(&app)));
            if let Some(picture) = setup_arguments.check.clone() {
                tauri::async_runtime::spawn(run_check(app, window, started, picture));
            } else {
                let tray = tray::attend(app, handle.clone(), !setup_arguments.background);
                tauri::async_runtime::spawn(tray);
            }
            Ok(())
        })
        .build(tauri::generate_context!())?;

    let status = Arc::new(OnceLock::new());
    let ended = Arc::clone(&status);
    tauri_app.run(move |handle, event| {
        // A click in the Dock, while the window is hidden in the tray.
        #[cfg(target_os = "macos")]
        if matches!(event, RunEvent::Reopen { .. }) {
            return raise(handle);
        }
        if matches!(event, RunEvent::Exit) {
            return end_at_once(handle);
        }
        let RunEvent::ExitRequested { api, code, .. } = event else { return };
        let Some(app) = handle.try_state::<Arc<App>>() else { return };
        if app.begins_to_quit() {
            api.prevent_exit();
            let (app, handle) = (Arc::clone(&app), handle.clone());
            tauri::async_runtime::spawn(async move {
                // The next app must not find this one on the bus once it has the place. To leave it takes some
                // milliseconds, in which the backends can end.
                let bus = handle.clone();
                let leaving = spawn_blocking(move || tauri_plugin_single_instance::destroy(&bus));
                app.end_roles().await;
                if timeout(BUS_WITHIN, leaving).await.is_ok() {
                    // This app may have come onto the bus meanwhile; else this does nothing.
                    tauri_plugin_single_instance::destroy(&handle);
                }
                tracing::info!("end");
                app.has_ended();
                app.release_place();
                end_for_certain();
                handle.exit(code.unwrap_or(0));
            });
        } else if app.is_ended() {
            let _first_one_counts = ended.set(code.unwrap_or(0));
        } else {
            // Asked again while the backends are ending.
            api.prevent_exit();
        }
    });
    Ok(if status.get().is_none_or(|code| *code == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program is about to end, whether or not it was asked: the Dock of macOS and a logout there do not ask. The backends
/// end first all the same.
fn end_at_once(handle: &AppHandle) {
    let Some(app) = handle.try_state::<Arc<App>>().filter(|app| !app.is_ended()) else { return };
    app.begins_to_quit();
    if tauri::async_runtime::block_on(async { timeout(AT_ONCE_WITHIN, app.end_roles()).await }).is_err() {
        tracing::warn!("the backends do not end in time: the end of their stdin ends them");
    }
    app.has_ended();
    app.release_place();
}

fn open_window(handle: &AppHandle, visible: bool) -> tauri::Result<WebviewWindow> {
    WebviewWindowBuilder::new(handle, WINDOW, WebviewUrl::default())
        .title("TaskPaw")
        .inner_size(1040.0, 720.0)
        .min_inner_size(720.0, 480.0)
        .visible(visible)
        .build()
}

fn build(handle: &AppHandle, folders: &Folders, started: Instant, ending: Arc<AtomicBool>) -> App {
    let progress = Arc::new(Notify::new());
    let (window, told) = (handle.clone(), Arc::clone(&progress));
    let board = Board::new(
        folders.config.display().to_string(),
        folders.data.display().to_string(),
        Box::new(move |event| {
            if let Err(error) = window.emit(EVENT_NAME, event) {
                tracing::warn!(%error, "the window cannot be told");
            }
            told.notify_waiters();
        }),
    );
    let sidecar = handle.clone();
    let window = handle.clone();
    let around = Surroundings {
        board,
        settings: Settings::new(folders.clone()),
        config_dir: folders.config.clone(),
        logs: folders.logs(),
        journal: Journal::at(folders.journal_file()),
        program: Box::new(move || {
            let command = sidecar.shell().sidecar(taskpaw_contract::identity::BACKEND_PROGRAM);
            command.map(Into::into).map_err(|error| error.to_string())
        }),
        on_ready: Box::new(move |role: Role| {
            if let Some(app) = window.try_state::<Arc<App>>() {
                app.is_ready(role);
            }
        }),
    };
    App::new(around, started, progress, ending)
}

/// The plugin is the second line behind the lock: it finds a running app of this person that uses the same
/// session bus, should the lock and the socket be out of reach.
fn register_single_instance(handle: &AppHandle, data_folder: &Path) {
    let is_default = std::env::var_os(DATA_DIR_VARIABLE).is_none();
    if !is_default && !cfg!(target_os = "linux") {
        return; // Elsewhere the plugin knows one name only, and would end an app that has a data folder of its own.
    }
    let name = instance::bus_name(&handle.config().identifier, data_folder, is_default);
    let plugin = tauri_plugin_single_instance::Builder::new()
        .dbus_id(name)
        .callback(|handle, argv, _directory| {
            if argv.iter().any(|argument| argument == "--quit") {
                handle.exit(0);
            } else {
                raise(handle);
            }
        })
        .build();
    if let Err(error) = handle.plugin(plugin) {
        tracing::warn!(%error, "the session bus cannot be used to find other TaskPaws");
    }
}

/// The place of the one app that runs, when the window is about to be built.
enum Ahead {
    Taken(Primary),
    ToBeAskedFor(Claim),
    OutOfReach,
}

/// What a launch does when there is a window.
type OnceShown = Box<dyn FnOnce(Arc<App>)>;

/// Asks another app for its place, now that there is a window to wait in.
fn ask_for_the_place(
    claim: Claim,
    handle: AppHandle,
    app: Arc<App>,
    second_line: impl FnOnce() + Send + 'static,
) {
    std::thread::spawn(move || {
        let primary = loop {
            let (version, pid) = claim.held_by().unzip();
            app.board().publish(Event::LaunchChanged { launch: Launch::Waiting { version, pid } });
            app.prepare_roles();
            // Until then the other app goes on: a window that loads keeps the processors busy, and the ports would
            // be unanswered for as long. One that is hidden never paints.
            let painted = app.until_painted();
            let _or_not = tauri::async_runtime::block_on(async { timeout(PAINT_WITHIN, painted).await });
            match claim.finish(Want::Run) {
                Ok(Claimed::Primary(primary)) => break primary,
                // Somebody else was quicker, is the same version, and shows its window.
                Ok(Claimed::Done) => return app.quit(),
                Err(error) => {
                    tracing::error!(%error, "nothing is started");
                    // The window says the rest in the person's own language.
                    app.block(match error {
                        InstanceError::Stuck(reason) => reason,
                        other => other.to_string(),
                    });
                    tauri::async_runtime::block_on(app.claims_again());
                }
            }
        };
        let asked = run(primary, &handle, &app, second_line);
        heed(asked, handle, app);
    });
}

/// This is the app that runs: the roles start. What starting hosts ask is kept for [`heed`].
fn run(
    primary: Primary,
    handle: &AppHandle,
    app: &Arc<App>,
    second_line: impl FnOnce() + Send + 'static,
) -> Receiver<Asked> {
    let Primary { asked, replaced, place } = primary;
    app.keep(place);
    app.board().publish(Event::LaunchChanged { launch: Launch::Running });
    let _shown_in_the_window = app.launch_roles();
    if let Some(replaced) = replaced {
        app.board().publish(Event::HandoverFinished { from: replaced.into() });
    }
    // Later, and on the main thread, where the plugin belongs: the bus may still know an app that has just ended, and
    // a start that is told of it there would end itself.
    let main_thread = handle.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(BUS_AFTER).await;
        if let Err(error) = main_thread.run_on_main_thread(second_line) {
            tracing::debug!(%error, "the app is ending");
        }
    });
    asked
}

/// Does what starting hosts ask, also what they asked before there was a window to raise.
fn heed(asked: Receiver<Asked>, handle: AppHandle, app: Arc<App>) {
    std::thread::spawn(move || {
        for Asked { ask, will, waiting } in asked {
            match will {
                Will::Stay => {}
                Will::Show => raise(&handle),
                Will::Quit => {
                    app.is_awaited_by(waiting);
                    app.quit();
                }
                Will::HandOver => {
                    app.is_awaited_by(waiting);
                    app.hand_over(ask.version);
                }
            }
        }
    });
}

/// The place is given up: from here on nobody can end this process but itself, whatever the windowing system does.
fn end_for_certain() {
    std::thread::spawn(|| {
        std::thread::sleep(END_WITHIN);
        std::process::exit(0);
    });
}

/// Brings the window to the front.
pub(crate) fn raise(handle: &AppHandle) {
    let Some(window) = handle.get_webview_window(WINDOW) else { return };
    for raised in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = raised {
            tracing::warn!(%error, "the window cannot be raised");
        }
    }
}

async fn run_check(app: Arc<App>, window: WebviewWindow, started: Instant, picture: PathBuf) {
    let code = match check::check(&app, &window, started, &picture).await {
        Ok(line) => {
            println!("{line}");
            0
        }
        Err(reason) => {
            eprintln!("taskpaw: {reason}");
            1
        }
    };
    window.app_handle().exit(code);
}

/// SIGTERM, SIGINT and SIGHUP end the app as a person does: the backends first.
#[cfg(unix)]
fn end_on_signals(app: &Arc<App>) {
    use tokio::signal::unix::{SignalKind, signal};

    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let app = Arc::clone(app);
        tauri::async_runtime::spawn(async move {
            match signal(kind) {
                Ok(mut signals) => {
                    signals.recv().await;
                    app.quit();
                }
                Err(error) => tracing::warn!(%error, "a signal cannot be awaited"),
            }
        });
    }
}

/// Windows ends a window by a message, which Tauri takes.
#[cfg(not(unix))]
fn end_on_signals(_app: &Arc<App>) {}
