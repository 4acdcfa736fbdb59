//! `--check`: start, wait until every role is ready and the window has painted, save a picture, print one
//! line of JSON, and end.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::ipc::{Launch, Replaced, RoleFailure, RoleState, Snapshot};
use taskpaw_contract::{Role, version};
use tauri::WebviewWindow;

use crate::app::App;
use crate::picture;

/// How long a start may take.
const WITHIN: Duration = Duration::from_secs(60);
/// How long it takes from the last role being ready until its first numbers are in the window, which asks every two seconds.
const FIRST_NUMBERS: Duration = Duration::from_secs(3);

/// The line that `--check` prints.
#[derive(Debug, Serialize)]
struct Checked {
    version: &'static str,
    roles: Vec<CheckedRole>,
    /// Milliseconds from the start of the process to the first paint.
    first_paint_ms: f64,
    picture: Option<String>,
    picture_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct CheckedRole {
    role: Role,
    version: String,
    pid: u32,
    base_url: String,
    /// Milliseconds from the start of the process to the readiness of the role.
    ready_ms: f64,
    taken_over: Vec<Replaced>,
}

/// Waits for the start to come to its end.
///
/// # Errors
/// The reason why the app is not ready.
pub(crate) async fn check(
    app: &App,
    window: &WebviewWindow,
    started: Instant,
    path: &Path,
) -> Result<String, String> {
    let mut ready_after: Vec<(Role, Duration)> = Vec::new();
    let deadline = tokio::time::Instant::from_std(started + WITHIN);
    // Heard from before the first look on, so that no progress is missed.
    let mut happened = app.board().listen();
    let mut has_painted = false;
    let (snapshot, first_paint) = loop {
        let snapshot = app.board().snapshot();
        for view in &snapshot.roles {
            let is_new = !ready_after.iter().any(|(role, _)| *role == view.role);
            if matches!(view.state, RoleState::Ready { .. }) && is_new {
                ready_after.push((view.role, started.elapsed()));
            }
        }
        if let Some(reason) = given_up(&snapshot) {
            return Err(reason);
        }
        if let (true, Some(painted)) = (is_ready(&snapshot), app.paint().after()) {
            break (snapshot, painted);
        }
        let progress = async {
            tokio::select! {
                _ = happened.recv() => {}
                () = app.paint().until(), if !has_painted => has_painted = true,
            }
        };
        if tokio::time::timeout_at(deadline, progress).await.is_err() {
            return Err(format!(
                "not ready within {} s: {}",
                WITHIN.as_secs(),
                unready(&snapshot, app.paint().after().is_some())
            ));
        }
    };
    tokio::time::sleep(FIRST_NUMBERS).await;
    let saved = picture::save(window, path).await;
    let roles = snapshot.roles.iter().filter(|view| view.enabled).filter_map(|view| {
        let RoleState::Ready { backend } = &view.state else { return None };
        let ready = ready_after.iter().find(|(role, _)| *role == view.role).map(|(_, after)| *after);
        Some(CheckedRole {
            role: view.role,
            version: backend.version.clone(),
            pid: backend.pid,
            base_url: backend.base_url.clone(),
            ready_ms: milliseconds(ready.unwrap_or_default()),
            taken_over: view.last_takeover.as_ref().map(|it| it.replaced.clone()).unwrap_or_default(),
        })
    });
    let checked = Checked {
        version: version(),
        roles: roles.collect(),
        first_paint_ms: milliseconds(first_paint),
        picture: saved.is_ok().then(|| path.display().to_string()),
        picture_error: saved.err(),
    };
    serde_json::to_string(&checked).map_err(|error| error.to_string())
}

/// Why the start ended without being ready: it waits for a person.
fn given_up(snapshot: &Snapshot) -> Option<String> {
    if let Some(problem) = &snapshot.problem {
        return Some(problem.to_string());
    }
    if let Launch::Blocked { message } = &snapshot.app.launch {
        return Some(format!("another TaskPaw is running and does not answer; end it yourself ({message})"));
    }
    if let Launch::Kept { because, .. } = &snapshot.app.launch {
        let why = because.as_ref().map_or_else(
            || "it does not hand over now".to_owned(),
            |RoleFailure { role, failure }| format!("the {role} failed: {}", reason(failure)),
        );
        return Some(format!("the TaskPaw that is running goes on: {why}"));
    }
    snapshot.roles.iter().find_map(|view| match &view.state {
        RoleState::Failed { failure, .. } | RoleState::Waiting { failure } => {
            Some(format!("the {} failed: {}", view.role, reason(failure)))
        }
        _ => None,
    })
}

fn is_ready(snapshot: &Snapshot) -> bool {
    let mut on = snapshot.roles.iter().filter(|view| view.enabled).peekable();
    on.peek().is_some() && on.all(|view| matches!(view.state, RoleState::Ready { .. }))
}

fn unready(snapshot: &Snapshot, painted: bool) -> String {
    let mut reasons: Vec<String> = snapshot
        .roles
        .iter()
        .filter(|view| view.enabled && !matches!(view.state, RoleState::Ready { .. }))
        .map(|view| match &view.state {
            RoleState::Backoff { failure, .. } => format!("the {} failed: {}", view.role, reason(failure)),
            state => format!("the {} is still {}", view.role, reason(state)),
        })
        .collect();
    if let Launch::Waiting { for_turn, .. } = &snapshot.app.launch {
        let who =
            if *for_turn { "another TaskPaw is being started" } else { "another TaskPaw has not ended yet" };
        reasons.push(who.to_owned());
    }
    if !painted {
        reasons.push("the window has not painted".to_owned());
    }
    reasons.join("; ")
}

fn reason(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
