//! What the tray shows for what the board says: plain data in, plain data out.

use port_takeover::PortOutlook;
use taskpaw_contract::ipc::{Failure, Launch, Request, RoleState, RoleView, Snapshot, UpdateState};

use super::health;
use super::mood::Mood;
use super::words::Words;

/// What the tray shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    pub(super) mood: Mood,
    /// How each role is, in one line.
    pub(super) summary: String,
    pub(super) entries: Vec<Entry>,
}

/// A line of the menu.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    /// Something to know.
    Word(String),
    /// Something to do.
    Command(Command),
    /// Something to know, and what can be done about it.
    Group(String, Vec<Command>),
    /// A line between two parts.
    Line,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) label: String,
    pub(super) click: Click,
}

/// What a person who clicks wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Click {
    /// To see the window.
    Open,
    /// What the window could ask for too.
    Ask(Request),
}

impl Shown {
    /// What is shown for a snapshot, in a language.
    pub(super) fn of(shown: &Snapshot, words: &Words) -> Self {
        let said = of_the_app(shown, words);
        // Without its place, or when it gives it up, the app does nothing that a role could be told.
        let takes_orders = said.is_none();
        let on: Vec<&RoleView> = shown.roles.iter().filter(|view| view.enabled && takes_orders).collect();
        let lines: Vec<String> = on.iter().map(|view| role_line(view, words)).collect();

        let health = health::line(&shown.health, words).filter(|_| takes_orders);
        let named = if takes_orders { health::named(shown, words) } else { Vec::new() };
        let mut entries = vec![command(words.open.to_owned(), Click::Open), Entry::Line];
        if let Some(health) = &health {
            entries.push(if named.is_empty() {
                Entry::Word(health.clone())
            } else {
                // A person who clicks sees it in the window.
                let shows = |label| Command { label, click: Click::Open };
                Entry::Group(health.clone(), named.into_iter().map(shows).collect())
            });
        }
        if let Some((told, version, request)) = new_version(shown, words) {
            let told = words.fill(told, "version", version);
            let label = format!("{told}{}{}", words.colon, words.relaunch);
            entries.push(command(label, Click::Ask(request)));
        }
        match &said {
            Some((_, text)) => entries.push(Entry::Word(text.clone())),
            None if on.is_empty() => entries.push(Entry::Word(words.no_role.to_owned())),
            None => entries.extend(on.iter().zip(&lines).map(|(view, line)| role_entry(view, line, words))),
        }
        entries.extend([Entry::Line, command(words.quit.to_owned(), Click::Ask(Request::Quit))]);

        let mood = said.as_ref().map_or_else(
            || on.iter().map(|view| mood(&view.state)).max().unwrap_or(Mood::Quiet).max(health::mood(shown)),
            |(mood, _)| *mood,
        );
        let summary = match said {
            Some((_, text)) => text,
            None if on.is_empty() => words.no_role.to_owned(),
            None => {
                // That the roles are ready goes without saying where what they watch is said.
                let is_said =
                    |view: &RoleView| health.is_none() || !matches!(view.state, RoleState::Ready { .. });
                let said = on.iter().zip(lines).filter(|(view, _)| is_said(view)).map(|(_, line)| line);
                health.iter().cloned().chain(said).collect::<Vec<_>>().join(words.between)
            }
        };
        Self { mood, summary, entries }
    }
}

/// A version that only has to be started, as the window tells of it: what is said, which, and what starts it.
fn new_version<'a>(shown: &'a Snapshot, words: &Words) -> Option<(&'static str, &'a str, Request)> {
    let updates = &shown.app.updates;
    match (&updates.state, &shown.app.update) {
        (UpdateState::Relaunching { .. }, _) => None,
        // It lies there already, whatever else is offered.
        (_, Some(version)) => Some((words.installed, version, Request::Relaunch)),
        (UpdateState::Ready { offer }, None) if !updates.is_put_off => {
            Some((words.update_ready, &offer.version, Request::RelaunchIntoUpdate))
        }
        _ => None,
    }
}

/// What there is to say of the app itself, in place of its roles.
fn of_the_app(shown: &Snapshot, words: &Words) -> Option<(Mood, String)> {
    if let Some(version) = &shown.app.replaced_by {
        return Some((Mood::Busy, words.fill(words.replaced_by, "version", version)));
    }
    match &shown.app.launch {
        Launch::Waiting { version: Some(version), for_turn: false, .. } => {
            return Some((Mood::Busy, words.fill(words.waiting_for, "version", version)));
        }
        Launch::Waiting { .. } => return Some((Mood::Busy, words.waiting.to_owned())),
        Launch::Blocked { .. } => return Some((Mood::Broken, words.blocked.to_owned())),
        Launch::Kept { version: Some(version), .. } => {
            return Some((Mood::Broken, words.fill(words.kept_version, "version", version)));
        }
        Launch::Kept { version: None, .. } => return Some((Mood::Broken, words.kept.to_owned())),
        Launch::Running => {}
    }
    shown.problem.is_some().then(|| (Mood::Broken, words.config.to_owned()))
}

fn mood(state: &RoleState) -> Mood {
    match state {
        RoleState::Stopped => Mood::Quiet,
        RoleState::Ready { .. } => Mood::Well,
        RoleState::TakingOver { .. }
        | RoleState::Lingering { .. }
        | RoleState::Starting
        | RoleState::Stopping
        | RoleState::StoodDown => Mood::Busy,
        RoleState::Backoff { .. } => Mood::Trying,
        RoleState::Waiting { .. } | RoleState::Failed { .. } => Mood::Broken,
    }
}

/// The role and how it is, such as *Hub: Not running (Port 5690 is not available)*.
pub(super) fn role_line(view: &RoleView, words: &Words) -> String {
    let state = match &view.state {
        RoleState::Stopped => words.stopped.to_owned(),
        RoleState::TakingOver { .. } => words.taking_over.to_owned(),
        RoleState::Lingering { .. } => words.lingering.to_owned(),
        RoleState::Starting => words.starting.to_owned(),
        RoleState::Ready { .. } => words.ready.to_owned(),
        RoleState::Backoff { failure, .. } => because(words.backoff, view, failure, words),
        RoleState::Waiting { failure } => because(words.waiting_role, view, failure, words),
        RoleState::Failed { failure, .. } => because(words.failed, view, failure, words),
        RoleState::Stopping => words.stopping.to_owned(),
        RoleState::StoodDown => words.stood_down.to_owned(),
    };
    format!("{}{}{state}", words.role_name(view.role), words.colon)
}

fn because(state: &str, view: &RoleView, failure: &Failure, words: &Words) -> String {
    let [open, close] = words.brackets;
    format!("{state}{open}{}{close}", reason(view, failure, words))
}

fn reason(view: &RoleView, failure: &Failure, words: &Words) -> String {
    let word = match failure {
        Failure::PortConflict => return conflict(view, words),
        Failure::Takeover { .. } => words.takeover,
        Failure::V3Busy { .. } => words.v3_busy,
        Failure::Displaced { .. } => words.displaced,
        Failure::NotAllowed { .. } => words.not_allowed,
        Failure::Config { .. } => words.config,
        Failure::SpawnFailed { .. } => words.spawn_failed,
        Failure::StartupError { .. } => words.startup_failed,
        Failure::BrokenProtocol { .. } => words.broken_protocol,
        Failure::WrongVersion { .. } => words.wrong_version,
        Failure::NotReady { .. } => words.not_ready,
        Failure::Exited { .. } => words.exited,
        Failure::Unhealthy { .. } => words.unhealthy,
    };
    word.to_owned()
}

/// Which ports cannot be had. Who holds them is said in the window: a name that somebody else has chosen can be long.
fn conflict(view: &RoleView, words: &Words) -> String {
    let refused = view.ports.iter().filter(|port| port.outlook.is_some_and(|it| it != PortOutlook::Starts));
    let numbers: Vec<String> = refused.map(|port| port.port.to_string()).collect();
    match numbers.as_slice() {
        [] => words.port_conflict.to_owned(),
        [one] => words.fill(words.conflict_one, "port", one),
        many => words.fill(words.conflict_many, "ports", &many.join(words.and)),
    }
}

fn role_entry(view: &RoleView, line: &str, words: &Words) -> Entry {
    let role = view.role;
    let is_applying = view.apply.as_ref().is_some_and(|apply| !apply.step.is_end());
    let orders: Vec<(&str, Request)> = match &view.state {
        // A change of ports stops and starts the role itself, and takes no orders meanwhile.
        _ if is_applying => Vec::new(),
        RoleState::Stopping | RoleState::StoodDown => Vec::new(),
        RoleState::Stopped => vec![(words.start, Request::Start { role })],
        RoleState::TakingOver { .. } | RoleState::Lingering { .. } | RoleState::Starting => {
            vec![(words.stop, Request::Stop { role })]
        }
        RoleState::Ready { .. } => {
            vec![(words.restart, Request::Restart { role }), (words.stop, Request::Stop { role })]
        }
        RoleState::Backoff { .. } => {
            vec![(words.retry, Request::Retry { role }), (words.stop, Request::Stop { role })]
        }
        RoleState::Waiting { .. } => {
            vec![(words.retry, Request::Retry { role }), (words.stop, Request::Stop { role })]
        }
        RoleState::Failed { retry_ms: Some(_), .. } => {
            vec![(words.retry, Request::Retry { role }), (words.stop, Request::Stop { role })]
        }
        RoleState::Failed { .. } => vec![(words.retry, Request::Retry { role })],
    };
    if orders.is_empty() {
        return Entry::Word(line.to_owned());
    }
    let commands = orders.into_iter().map(|(order, request)| Command {
        label: words.fill(order, "role", words.role(role)),
        click: Click::Ask(request),
    });
    Entry::Group(line.to_owned(), commands.collect())
}

fn command(label: String, click: Click) -> Entry {
    Entry::Command(Command { label, click })
}

#[cfg(test)]
#[path = "menu_tests.rs"]
mod tests;
