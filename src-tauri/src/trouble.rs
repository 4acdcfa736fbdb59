//! A role that cannot run while nobody sees the window: a person is told, by a notification of the system, or by the tray,
//! or, where there is neither, by the window itself.

#[cfg_attr(target_os = "linux", path = "trouble/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "trouble/elsewhere.rs")]
mod system;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use port_takeover::PortOutlook;
use taskpaw_contract::Role;
use taskpaw_contract::config::Endpoint;
use taskpaw_contract::ipc::{Failure, PortDraft, Request, RoleState, RoleView, Snapshot};
use tauri::AppHandle;
use tauri::async_runtime::spawn;

use crate::app::App;
use taskpaw_words::fill;

use crate::{blocking, ipc, language, tray, window};
use words::Words;

/// Nobody has to hear of what is over within this time: another program that has a port for a moment, a start after a crash.
const LASTS_FOR: Duration = Duration::from_secs(3);

/// What a person is told.
#[derive(Debug, Clone, PartialEq)]
struct News {
    title: String,
    body: String,
    /// What can be done at once, where the system offers it.
    actions: Vec<Action>,
}

/// Something that can be done at once.
#[derive(Debug, Clone, PartialEq)]
struct Action {
    label: String,
    /// Nothing shows the window.
    request: Option<Request>,
}

/// The troubles that persons were told of, or could see.
#[derive(Debug, Default)]
struct Known(BTreeMap<Role, Failure>);

impl Known {
    /// The roles whose trouble is new since the last time. What has gone is new when it comes again.
    fn news<'s>(&mut self, shown: &'s Snapshot) -> Vec<&'s RoleView> {
        let mut news = Vec::new();
        for view in &shown.roles {
            match (&view.state, trouble(view)) {
                (_, Some(failure)) => {
                    let known = self.0.insert(view.role, failure.clone());
                    if known
                        .is_none_or(|known| std::mem::discriminant(&known) != std::mem::discriminant(failure))
                    {
                        news.push(view);
                    }
                }
                // An attempt under way may end in the same trouble.
                (RoleState::Ready { .. } | RoleState::Stopped, None) => {
                    self.0.remove(&view.role);
                }
                (_, None) => {}
            }
        }
        news
    }
}

/// Why a role that should run does not, and will not soon.
fn trouble(view: &RoleView) -> Option<&Failure> {
    match &view.state {
        RoleState::Waiting { failure } | RoleState::Failed { failure, .. } if view.enabled => Some(failure),
        _ => None,
    }
}

/// Watches the roles, and tells a person of trouble for as long as the app runs.
pub(crate) async fn attend(app: Arc<App>, handle: AppHandle) {
    let mut happened = app.board().listen();
    let mut known = Known::default();
    let mut told: BTreeMap<Role, system::Told> = BTreeMap::new();
    while happened.recv().await.is_some() {
        while happened.try_recv().is_ok() {}
        let shown = app.board().snapshot();
        told.retain(|&role, _| shown.roles.iter().any(|view| view.role == role && !is_over(view)));
        if shown.roles.iter().any(|view| trouble(view).is_some()) {
            tokio::time::sleep(LASTS_FOR).await;
        }
        let shown = app.board().snapshot();
        let news = known.news(&shown);
        // Anyone who looks at the window knows it.
        if news.is_empty() || is_seen(&handle).await {
            continue;
        }
        for view in news {
            if let Some(notice) = tell(&app, &handle, view, &shown).await {
                told.insert(view.role, notice);
            }
        }
    }
}

fn is_over(view: &RoleView) -> bool {
    matches!(view.state, RoleState::Ready { .. } | RoleState::Stopped)
}

async fn is_seen(handle: &AppHandle) -> bool {
    let handle = handle.clone();
    blocking::spawn_blocking(move || window::is_shown(&handle)).await.unwrap_or(false)
}

/// Tells a person. The notification that was shown, if one was.
async fn tell(app: &Arc<App>, handle: &AppHandle, view: &RoleView, shown: &Snapshot) -> Option<system::Told> {
    let spoken = language::spoken(shown.app.preferences.language);
    let news = news(tray::line(view, spoken), view, &Words::of(spoken));
    let (on_click, chosen) = (act(app, handle), news.title.clone());
    match system::show(handle.clone(), news, on_click).await {
        Ok(told) => {
            tracing::info!(role = %view.role, "the person is told by a notification: {chosen}");
            Some(told)
        }
        Err(reason) if shown.app.has_tray => {
            tracing::info!(role = %view.role, reason, "no notification can be shown: the tray says it");
            None
        }
        Err(reason) => {
            tracing::info!(role = %view.role, reason, "there is no notification and no tray: the window says it");
            window::raise(handle);
            None
        }
    }
}

/// Does what the clicked button says.
fn act(app: &Arc<App>, handle: &AppHandle) -> impl Fn(Option<Request>) + Send + 'static + use<> {
    let (app, handle) = (Arc::clone(app), handle.clone());
    move |request| match request {
        None => window::raise(&handle),
        Some(request) => {
            let (app, handle) = (Arc::clone(&app), handle.clone());
            drop(spawn(async move {
                if let Err(error) = ipc::answer(app, request).await {
                    tracing::warn!(%error.message, "what was chosen in the notification was not done");
                    window::raise(&handle);
                }
            }));
        }
    }
}

fn news(title: String, view: &RoleView, words: &Words) -> News {
    let goes_on = match &view.state {
        RoleState::Waiting { .. } => words.waits,
        RoleState::Failed { retry_ms: Some(_), .. } => words.retries,
        _ => words.asks,
    };
    let blocked =
        || view.ports.iter().filter(|port| port.outlook.is_some_and(|it| it != PortOutlook::Starts));
    let mut holders: Vec<String> = blocked()
        .flat_map(|port| &port.holders)
        .map(|holder| words.holder(holder.name.as_deref(), holder.pid))
        .collect();
    holders.dedup();
    let body = match holders.as_slice() {
        [] => goes_on.to_owned(),
        holders => fill(words.held, &[("holders", &holders.join(words.and))]) + goes_on,
    };
    let mut actions = vec![Action { label: words.open.to_owned(), request: None }];
    if let Some((label, draft)) = other_ports(view, words) {
        actions.push(Action { label, request: Some(Request::ApplyPorts { draft, keep: true }) });
    }
    News { title, body, actions }
}

/// Other numbers for the ports that cannot be had, if all of them have one.
fn other_ports(view: &RoleView, words: &Words) -> Option<(String, Vec<PortDraft>)> {
    let blocked = view.ports.iter().filter(|port| port.outlook.is_some_and(|it| it != PortOutlook::Starts));
    let mut draft = Vec::new();
    let mut numbers = Vec::new();
    for port in blocked {
        let number = port.suggestion?;
        numbers.push(number.to_string());
        let endpoint = Endpoint { host: port.host.clone(), port: number.into() };
        draft.push(PortDraft { role: view.role, name: port.name.clone(), endpoint });
    }
    let label = fill(words.another_port, &[("ports", &numbers.join(words.and))]);
    (!draft.is_empty()).then_some((label, draft))
}

#[cfg(test)]
#[path = "trouble/tests.rs"]
mod tests;
