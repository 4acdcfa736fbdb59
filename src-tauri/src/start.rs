//! The start: everything that the app is made of is made and put together here.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use port_takeover::Journal;
use taskpaw_contract::folders::{DATA_DIR_VARIABLE, Folders, NoHome};
use taskpaw_contract::identity::BACKEND_PROGRAM;
use taskpaw_contract::ipc::{DATA_EVENT_NAME, EVENT_NAME, RoleData};
use taskpaw_contract::version;
use tauri::async_runtime::spawn;
use tauri::{AppHandle, Emitter as _, Manager as _, RunEvent, WebviewWindow};
use tauri_plugin_shell::ShellExt as _;

use crate::app::App;
use crate::arguments::Arguments;
use crate::board::Board;
use crate::fatal::{self, Fatal};
use crate::handover::{HandoverError, Host, Successor};
use crate::launch::{Audience, Launching};
use crate::roles::Surroundings;
use crate::settings::Settings;
use crate::shell::TauriShell;
use crate::subscription::ToWindow;
use crate::update::OwnProgram;
use crate::{
    blocking, bus, check, close, exit, faceless, ipc, logging, login, notify, subscription, title, tray,
    trouble, updates, window, zoom,
};

/// How long the display may take to answer at first: one that is busy with a login takes seconds.
#[cfg(target_os = "linux")]
const DISPLAY_WITHIN: Duration = Duration::from_secs(20);

/// How long the window waits for what the person prefers: a disk that does not answer does not keep it from opening.
const PREFERENCES_WITHIN: Duration = Duration::from_millis(500);

/// Why the app cannot start at all: there is no window to say it in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    NoHome(#[from] NoHome),
    #[error("the window cannot be opened: {0}. TaskPaw needs a graphical session")]
    Tauri(#[from] tauri::Error),
    #[cfg(target_os = "linux")]
    #[error(
        "the window cannot be opened: there is no display. TaskPaw needs a graphical session (DISPLAY or WAYLAND_DISPLAY); \
         without one, taskpaw-backend does its work"
    )]
    NoDisplay,
    #[cfg(target_os = "linux")]
    #[error("the window cannot be opened: the display does not answer")]
    SilentDisplay,
    #[error(transparent)]
    Handover(#[from] HandoverError),
    #[error("TaskPaw {} is running already; end it first (taskpaw --quit)", version())]
    Running,
}

impl StartError {
    /// Tells a person who sees nothing else of it.
    pub(crate) fn tell(&self) {
        let reason;
        fatal::tell_in_the_systems_language(match self {
            Self::NoHome(_) => Fatal::NoHome,
            #[cfg(target_os = "linux")]
            Self::NoDisplay => Fatal::NoDisplay,
            #[cfg(target_os = "linux")]
            Self::SilentDisplay => Fatal::SilentDisplay,
            Self::Tauri(error) => {
                reason = error.to_string();
                Fatal::NoWindow(&reason)
            }
            // Only who is told what to do by its arguments meets these, and reads what is said.
            Self::Handover(_) | Self::Running => return,
        });
    }
}

/// Stays beside a version on trial, without a window.
pub(crate) fn stay_beside(version: &str) -> ExitCode {
    if let Ok(folders) = Folders::find() {
        logging::begin(&folders.logs());
    }
    let status = updates::beside::stay(version);
    logging::finish();
    status
}

/// Runs the app until it ends.
pub(crate) fn start(arguments: Arguments, started: Instant) -> Result<ExitCode, StartError> {
    let folders = Folders::find()?;
    let has_lost_data = folders.has_lost_data();
    fatal::more_is_in(&folders.logs());
    logging::begin(&folders.logs());
    tracing::info!(version = version(), "start");
    if has_lost_data {
        let folder = folders.data.display();
        tracing::warn!("the data folder {folder} is gone: it is made anew, without what was kept in it");
    }
    let host = Host::default();
    let lifecycle = host.lifecycle.clone();
    let successor = Successor::prepare(&folders.data, version(), host.clone());
    if arguments.quit {
        // Nobody is left when this returns, whoever had the place for that. Where there is no place, the bus leads to who runs.
        match successor.and_then(|successor| successor.quit_all()) {
            Err(HandoverError::Folder { .. }) if bus::quit_all(&folders.data) => {}
            ended => ended?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let looked = successor.and_then(Successor::first_look);
    let Some(launching) = Launching::after(looked, folders.data.clone(), arguments.goes_back) else {
        return if arguments.check.is_some() { Err(StartError::Running) } else { Ok(ExitCode::SUCCESS) };
    };

    #[cfg(target_os = "linux")]
    find_the_display()?;
    let builder = tauri::Builder::default();
    #[cfg(target_os = "macos")]
    let builder = builder.menu(crate::menu_bar::build).on_menu_event(crate::menu_bar::choose);
    let tauri_app = builder
        .plugin(tauri_plugin_shell::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(window::state_plugin(launching.before().as_ref()))
        .invoke_handler(tauri::generate_handler![ipc::call])
        .setup(move |tauri_app| {
            let handle = tauri_app.handle();
            // Tauri panics if it is given an error.
            if let Err(error) =
                set_up(handle, &arguments, (&folders, has_lost_data), host, launching, started)
            {
                tracing::error!(%error, "the app cannot be set up");
                let error = StartError::from(error);
                logging::say(&format!("taskpaw: {error}"));
                error.tell();
                handle.exit(1);
            }
            Ok(())
        })
        .build(tauri::generate_context!())?;

    tauri_app.run(move |handle, event| match event {
        // A click in the Dock, while the window is hidden in the tray.
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => {
            if let Some(app) = handle.try_state::<Arc<App>>() {
                crate::launch::clicked(Arc::clone(&app));
            }
        }
        RunEvent::Ready => blocking::main_answers(),
        RunEvent::Exit => exit::at_once(handle),
        RunEvent::ExitRequested { api, code, .. } => exit::was_asked(handle, &api, code),
        _ => {}
    });
    Ok(if lifecycle.status() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes sure of the display: Tauri panics where there is none, and waits for ever for one that does not answer.
#[cfg(target_os = "linux")]
fn find_the_display() -> Result<(), StartError> {
    let (found, awaited) = std::sync::mpsc::channel::<()>();
    // Only the main thread may ask for it, which then hears nothing else.
    let waiting = std::thread::Builder::new().name("display".to_owned()).spawn(move || {
        if awaited.recv_timeout(DISPLAY_WITHIN) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let error = StartError::SilentDisplay;
            tracing::error!(%error, "the app cannot start");
            logging::say(&format!("taskpaw: {error}"));
            error.tell();
            logging::finish();
            std::process::exit(1);
        }
    });
    if let Err(error) = waiting {
        tracing::warn!(%error, "nobody sees to it that the display answers");
    }
    logging::toolkit::hear();
    let begun = gtk::init().map_err(|_says_no_more| StartError::NoDisplay);
    crate::sys::hear_of_a_lost_display(logging::toolkit::display_is_gone);
    drop(found);
    begun
}

/// Makes the app and its window, and lets them begin.
fn set_up(
    handle: &AppHandle,
    arguments: &Arguments,
    (folders, has_lost_data): (&Folders, bool),
    host: Host,
    launching: Launching,
    started: Instant,
) -> tauri::Result<()> {
    let own_program = OwnProgram::find();
    let login = login::Entry::of_this_program(own_program.path());
    if let Err(error) = &login {
        tracing::warn!(error, "the app cannot be entered to start at login");
    }
    let app = Arc::new(build(handle, folders, (own_program, login.clone()), host, started));
    handle.manage(Arc::clone(&app));
    exit::on_signals(&app);
    if has_lost_data {
        app.board().show_lost_data();
    }
    app.attend_ready_roles();
    spawn(subscription::attend(Arc::clone(&app), to_window(handle.clone())));
    spawn(title::attend(Arc::clone(&app), handle.clone()));
    spawn(zoom::attend(Arc::clone(&app), handle.clone()));
    spawn(notify::watch(Arc::clone(&app), handle.clone()));
    spawn(trouble::attend(Arc::clone(&app), handle.clone()));
    let (before, may_lack_a_window) = (launching.before(), launching.may_lack_a_window());
    let audience = if arguments.background { Audience::Desktop } else { Audience::Window };
    let with_window = launching.begin(&app, audience);
    let visible = !arguments.background;
    // A configuration that cannot be used is told of by the window: it opens as the system is.
    let reading = Arc::clone(&app);
    let read = move || reading.settings().read().map(|config| config.app).unwrap_or_default();
    let preferences = blocking::within(PREFERENCES_WITHIN, read).unwrap_or_default();
    let opened =
        window::open(handle, visible, &folders.data, before.as_ref(), app.appearance(), &preferences);
    let window = match opened {
        Ok(window) => {
            close::attend(&window, &app);
            Some(window)
        }
        Err(error) => {
            tracing::error!(%error, may_lack_a_window, "the window cannot be opened");
            faceless::tell(&app, may_lack_a_window, &error);
            if !may_lack_a_window || arguments.check.is_some() {
                return Err(error);
            }
            None
        }
    };
    let shown = Arc::clone(&app);
    let look = move || shown.board().show_start_at_login(login.ok().and_then(|entry| entry.is_on()));
    drop(blocking::spawn_blocking(look));
    with_window(Arc::clone(&app));
    spawn(app.own_program().clone().watch(Arc::clone(app.board())));
    if arguments.check.is_none() {
        spawn(updates::attend(Arc::clone(&app)));
    }
    match arguments.check.clone().zip(window) {
        Some((picture, window)) => drop(spawn(run_check(app, window, started, picture))),
        None => drop(spawn(tray::attend(app, handle.clone(), !arguments.background))),
    }
    Ok(())
}

/// The way of what the roles watch to the window.
fn to_window(window: AppHandle) -> ToWindow {
    Arc::new(move |data: &[RoleData]| {
        if data.is_empty() {
            return;
        }
        if let Err(error) = window.emit(DATA_EVENT_NAME, data) {
            tracing::warn!(%error, "the window cannot be sent what the roles watch");
        }
    })
}

fn build(
    handle: &AppHandle,
    folders: &Folders,
    (own_program, login): (OwnProgram, Result<login::Entry, String>),
    host: Host,
    started: Instant,
) -> App {
    let (window, sidecar, data_folder) = (handle.clone(), handle.clone(), folders.data.clone());
    let board = Board::new(
        folders.config.display().to_string(),
        folders.data.display().to_string(),
        Box::new(move |event| {
            if let Err(error) = window.emit(EVENT_NAME, event) {
                tracing::warn!(%error, "the window cannot be told");
            }
        }),
    );
    let around = Surroundings {
        board: Arc::new(board),
        settings: Settings::new(folders.clone()),
        config_dir: folders.config.clone(),
        logs: folders.logs(),
        journal: Journal::at(folders.journal_file()),
        program: Box::new(move || {
            let mut command = backend_program(&sidecar)?;
            // Whatever becomes of the configuration while this app runs, app and backends have one data folder.
            command.env(DATA_DIR_VARIABLE, &data_folder);
            Ok(command)
        }),
    };
    let shell = Box::new(TauriShell::new(handle.clone(), login));
    App::new(around, shell, own_program, host, started)
}

/// The sidecar's program, which lies beside this one. Tauri does not look for it where a folder of the path is a link (macOS).
fn backend_program(handle: &AppHandle) -> Result<std::process::Command, String> {
    match handle.shell().sidecar(BACKEND_PROGRAM) {
        Ok(command) => Ok(command.into()),
        Err(error) => std::env::current_exe()
            .ok()
            .and_then(|own| beside(&own, BACKEND_PROGRAM))
            .map(std::process::Command::new)
            .ok_or_else(|| error.to_string()),
    }
}

/// A program that lies beside another one, wherever links lead to it.
fn beside(program: &Path, name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = program.canonicalize().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}

async fn run_check(app: Arc<App>, window: WebviewWindow, started: Instant, picture: PathBuf) {
    let code = match check::check(&app, &window, started, &picture).await {
        Ok(line) => {
            let _nobody_reads_it = writeln!(std::io::stdout(), "{line}");
            0
        }
        Err(reason) => {
            logging::say(&format!("taskpaw: {reason}"));
            1
        }
    };
    window.app_handle().exit(code);
}

// The link is made as on Unix.
#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_sidecar_is_found_where_a_folder_of_the_path_is_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/taskpaw"), "").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        assert_eq!(beside(&at("link/taskpaw"), BACKEND_PROGRAM), None, "it is not there");
        std::fs::write(at("real").join(BACKEND_PROGRAM), "").unwrap();
        let found = beside(&at("link/taskpaw"), BACKEND_PROGRAM).unwrap();
        assert_eq!(found, at("real").canonicalize().unwrap().join(BACKEND_PROGRAM));
    }
}
