//! Notifications of the system for what calls for the person and for work that is done. Off until asked for.

#[cfg_attr(target_os = "linux", path = "notify/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "notify/elsewhere.rs")]
mod system;
mod words;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::Language;
use taskpaw_contract::ipc::{AgentEvent, Event, EventKind, EventLevel};
use taskpaw_words::Spoken;
use tauri::AppHandle;
use tokio::sync::broadcast::error::RecvError;

use crate::app::App;
use crate::feed::Happened;
use crate::{language, window};
use system::Desktop;

/// So many events are remembered, so that the agent of this machine and a hub that polls it tell an event
/// once.
const REMEMBERED: usize = 200;

/// How many notifications are shown in each window of time; beyond that one says that there are more.
const MOST: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// The longest line and the longest text of one, in letters: no system shows more.
const LONGEST_TITLE: usize = 100;
const LONGEST_BODY: usize = 240;

/// An event that a notification is about: nothing else has its machine, number and time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Place {
    machine: String,
    agent: Option<String>,
    monitor: String,
    id: u64,
    time: String,
}

/// What a notification says, and what a click on it opens.
#[derive(Debug)]
struct Note {
    title: String,
    body: String,
    /// What a desktop calls that, where it says it.
    open: &'static str,
    /// Nothing for one that stands for many: then it is the page of all.
    place: Option<Place>,
}

/// Receives the event that is to be opened.
type OnClick = Arc<dyn Fn(Option<Place>) + Send + Sync>;

/// Opens the history of what an event is about in the window.
fn opens(app: &Arc<App>, handle: &AppHandle) -> OnClick {
    let (app, handle) = (Arc::clone(app), handle.clone());
    Arc::new(move |place| {
        window::raise(&handle);
        let Place { machine, agent, monitor, id, time } = place.unwrap_or_default();
        app.board().publish(Event::EventChosen { machine, agent, monitor, id, time });
    })
}

/// Tells what happens for as long as the app runs, while notifications are on.
pub(crate) async fn watch(app: Arc<App>, handle: AppHandle) {
    let mut happened = app.events().listen();
    let on_click = opens(&app, &handle);
    let desktop = Desktop::new(handle, on_click);
    let mut told = VecDeque::new();
    let mut pace = Pace::default();
    loop {
        let Happened { event, agent } = match happened.recv().await {
            Ok(happened) => happened,
            // A storm, of which the rest is summed up anyway.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        let preferences = app.board().snapshot().app.preferences;
        let is_muted = preferences.is_muted(&event.machine, &event.monitor, unix_ms());
        if !preferences.notifications || is_muted || !calls_for_a_person(&event) || !is_new(&mut told, &event)
        {
            continue;
        }
        let spoken = language::spoken(preferences.language);
        if let Some(note) = note(&event, agent, pace.next(Instant::now()), spoken) {
            desktop.show(note);
        }
    }
}

/// Title and text of a test notification, which only shows whether they arrive.
pub(crate) fn trial(chosen: Language) -> (String, String) {
    words::trial(language::spoken(chosen))
}

/// Whether the person wants to be notified of an event.
fn calls_for_a_person(event: &AgentEvent) -> bool {
    matches!(event.level, Some(EventLevel::Alert | EventLevel::Done))
}

/// Numbers start over on a machine that was reinstalled, and two machines may have one name: the time tells them apart.
fn is_new(told: &mut VecDeque<(String, u64, String)>, event: &AgentEvent) -> bool {
    let name = (event.machine.clone(), event.id, event.time.clone());
    if told.contains(&name) {
        return false;
    }
    if told.len() == REMEMBERED {
        told.pop_front();
    }
    told.push_back(name);
    true
}

/// What is done with one more event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Show,
    /// This notification and those after it are summed up.
    SumUp,
    Nothing,
}

/// How many notifications were shown recently.
#[derive(Debug, Default)]
struct Pace {
    since: Option<Instant>,
    shown: usize,
}

impl Pace {
    fn next(&mut self, now: Instant) -> Next {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            *self = Self { since: Some(now), shown: 0 };
        }
        self.shown = self.shown.saturating_add(1);
        match self.shown {
            ..=MOST => Next::Show,
            shown if shown == MOST + 1 => Next::SumUp,
            _ => Next::Nothing,
        }
    }
}

fn note(event: &AgentEvent, agent: Option<String>, next: Next, spoken: Spoken) -> Option<Note> {
    let mut place = None;
    let (title, body) = match next {
        Next::Nothing => return None,
        Next::SumUp => words::more(spoken),
        Next::Show => {
            place = Some(Place {
                machine: event.machine.clone(),
                agent,
                monitor: event.monitor.clone(),
                id: event.id,
                time: event.time.clone(),
            });
            let said = if spoken == Spoken::SimplifiedChinese { words::chinese(event) } else { None };
            let (title, body) = said.unwrap_or_else(|| {
                (event.title.clone().unwrap_or_else(|| event.monitor.clone()), event.message.clone())
            });
            // What is about a machine names it already.
            (if is_about_a_machine(event) { title } else { format!("{title} – {}", event.machine) }, body)
        }
    };
    let (title, body) = (plain(&title, LONGEST_TITLE), body_of(&plain(&body, LONGEST_BODY)));
    Some(Note { title, body, open: words::open(spoken), place })
}

fn is_about_a_machine(event: &AgentEvent) -> bool {
    let kind = event.data.as_ref().and_then(|data| serde_json::from_value(data.get("kind")?.clone()).ok());
    matches!(kind, Some(EventKind::MachineOffline | EventKind::MachineOnline))
}

/// One line of letters that can be seen, cut.
fn plain(text: &str, longest: usize) -> String {
    let is_hidden = |letter: char| letter.is_control() || redaction::is_unseen(letter);
    let mut letters = text.chars().map(|letter| if is_hidden(letter) { ' ' } else { letter });
    let mut kept: String = letters.by_ref().take(longest).collect();
    if letters.next().is_some() {
        kept.push('…');
    }
    kept
}

/// The desktops of Linux read the body as markup: what was sent is shown, and is neither a link nor a picture.
fn body_of(text: &str) -> String {
    if cfg!(target_os = "linux") {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(level: EventLevel, id: u64, time: &str) -> AgentEvent {
        AgentEvent {
            id,
            time: time.to_owned(),
            machine: "m".to_owned(),
            monitor: "w".to_owned(),
            message: "x".to_owned(),
            level: Some(level),
            title: None,
            data: None,
        }
    }

    #[test]
    fn a_storm_is_summed_up_once_a_minute() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        for minute in 0..3 {
            let now = start + WINDOW * minute;
            let all: Vec<Next> = (0..30_000).map(|_| pace.next(now)).collect();
            assert!(all[..MOST].iter().all(|next| *next == Next::Show));
            assert_eq!(all[MOST], Next::SumUp);
            assert!(all[MOST + 1..].iter().all(|next| *next == Next::Nothing));
        }
    }

    #[test]
    fn a_click_opens_the_event_and_of_many_the_page_of_all() {
        let event = event(EventLevel::Alert, 7, "t");
        let place = |next| note(&event, Some("a".to_owned()), next, Spoken::English).map(|note| note.place);
        let own = Place {
            machine: "m".to_owned(),
            agent: Some("a".to_owned()),
            monitor: "w".to_owned(),
            id: 7,
            time: "t".to_owned(),
        };
        assert_eq!(place(Next::Show), Some(Some(own)));
        assert_eq!(place(Next::SumUp), Some(None));
        assert_eq!(place(Next::Nothing), None);
    }

    #[test]
    fn text_stays_text_and_short() {
        let sent =
            "<a href=\"http://evil.example/\">click</a> & <img src=\"file:///etc/passwd\"/>\n\u{202e}x";
        let shown = body_of(&plain(sent, LONGEST_BODY));
        assert!(!shown.contains('\n') && !shown.contains('\u{202e}'));
        if cfg!(target_os = "linux") {
            assert!(
                !shown.contains(['<', '>']) && shown.contains("&lt;a href") && shown.contains("&amp;"),
                "{shown}"
            );
        }
        let long = plain(&"ä".repeat(10_000), LONGEST_BODY);
        assert_eq!(long.chars().count(), LONGEST_BODY + 1);
    }

    #[test]
    fn the_same_number_at_another_time_is_another_event() {
        let mut told = VecDeque::new();
        for (time, expected) in [("one", true), ("two", true), ("one", false)] {
            assert_eq!(is_new(&mut told, &event(EventLevel::Alert, 1, time)), expected, "{time}");
        }
    }

    #[test]
    fn only_what_calls_for_a_person_is_told_and_only_once() {
        let mut told = VecDeque::new();
        for (level, id, expected) in [
            (EventLevel::Alert, 1, true),
            (EventLevel::Alert, 1, false),
            (EventLevel::Done, 2, true),
            (EventLevel::Info, 3, false),
            (EventLevel::Warn, 4, false),
        ] {
            let event = event(level, id, "t");
            assert_eq!(calls_for_a_person(&event) && is_new(&mut told, &event), expected, "{level:?} {id}");
        }
    }
}
