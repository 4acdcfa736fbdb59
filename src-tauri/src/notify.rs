//! Notifications of the system for what calls for the person and for work that is done. Off until asked for.

mod words;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{AgentEvent, AgentNews, Event, EventLevel, FleetNews};
use tauri::AppHandle;
use tauri::async_runtime::JoinHandle;
use tauri_plugin_notification::NotificationExt as _;

use crate::app::App;
use crate::language;

/// So many events are remembered, so that the agent of this machine and a hub that polls it tell an event
/// once.
const REMEMBERED: usize = 200;
/// The longest line of a stream that is waited for.
const LONGEST_LINE: usize = 256 * 1024;

/// So many notifications in each window; then one says that there are more.
const MOST: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// The longest line and the longest text of one, in letters: no system shows more.
const LONGEST_TITLE: usize = 100;
const LONGEST_BODY: usize = 240;

/// After a stream has ended; a backend that has ended is told of by itself.
const HEARD_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Listens to the roles that are ready for as long as notifications are on.
pub(crate) async fn watch(app: Arc<App>, handle: AppHandle) {
    let mut happened = app.board().listen();
    let told = Arc::new(Mutex::new(VecDeque::new()));
    let pace = Arc::new(Mutex::new(Pace::default()));
    let mut listening: HashMap<Role, JoinHandle<()>> = HashMap::new();
    let mut is_on = app.board().snapshot().app.preferences.notifications;
    while let Some(event) = happened.recv().await {
        let was_on = is_on;
        let mut changed = Vec::new();
        match &event {
            Event::ConfigChanged { preferences, .. } => {
                is_on = preferences.notifications;
                if is_on != was_on {
                    changed.extend(Role::ALL);
                }
            }
            Event::BackendReady { role, .. } => changed.push(*role),
            _ => {}
        }
        for role in changed {
            if let Some(old) = listening.remove(&role) {
                old.abort();
            }
            let Some(client) = app.client(role).filter(|_| is_on) else { continue };
            let (handle, told, pace, speaker) =
                (handle.clone(), Arc::clone(&told), Arc::clone(&pace), Arc::clone(&app));
            let listener = tauri::async_runtime::spawn(async move {
                // One line that is too long must not silence the others: a backend that is still there is heard again.
                while speaker.client(role).is_some() {
                    let heard = client.stream("/control/stream", LONGEST_LINE, |line| {
                        if let Some(event) = event_of(role, line).filter(|event| is_new(&told, event)) {
                            let chosen = speaker.board().snapshot().app.preferences.language;
                            let in_chinese = language::is_chinese(chosen, &language::of_the_system());
                            let next =
                                pace.lock().unwrap_or_else(PoisonError::into_inner).next(Instant::now());
                            show(&handle, &event, next, in_chinese);
                        }
                    });
                    if let Err(error) = heard.await {
                        tracing::info!(%role, %error, "its events are not heard for a moment");
                    }
                    tokio::time::sleep(HEARD_AGAIN_AFTER).await;
                }
            });
            listening.insert(role, listener);
        }
    }
}

/// The event in a line of a role's stream that a person wants to hear of.
fn event_of(role: Role, line: &str) -> Option<AgentEvent> {
    let data: Value = serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()?;
    let event = match role {
        Role::Agent => match serde_json::from_value(data).ok()? {
            AgentNews::Event { event } => event,
            _ => return None,
        },
        Role::Hub => match serde_json::from_value(data).ok()? {
            FleetNews::Event { event } => event.event,
            _ => return None,
        },
    };
    matches!(event.level, Some(EventLevel::Alert | EventLevel::Done)).then_some(event)
}

/// Numbers begin anew on a machine that was installed anew, and two machines may have one name: the time tells them apart.
fn is_new(told: &Mutex<VecDeque<(String, u64, String)>>, event: &AgentEvent) -> bool {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
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

/// What becomes of one more event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Show,
    /// It and those after it are summed up.
    SumUp,
    Nothing,
}

/// How many were shown of late.
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

fn show(handle: &AppHandle, event: &AgentEvent, next: Next, in_chinese: bool) {
    let (title, body) = match next {
        Next::Nothing => return,
        Next::SumUp => words::more(in_chinese),
        Next::Show => {
            let said = in_chinese.then(|| words::chinese(event)).flatten();
            let (title, body) = said.unwrap_or_else(|| {
                (event.title.clone().unwrap_or_else(|| event.monitor.clone()), event.message.clone())
            });
            (format!("{title} – {}", event.machine), body)
        }
    };
    let (title, body) = (plain(&title, LONGEST_TITLE), body_of(&plain(&body, LONGEST_BODY)));
    if let Err(error) = handle.notification().builder().title(title).body(body).show() {
        tracing::warn!(%error, "no notification can be shown");
    }
}

/// One line of letters that can be seen, cut.
fn plain(text: &str, longest: usize) -> String {
    let is_hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
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

    fn line(level: &str, id: u64) -> String {
        format!(
            r#"data: {{"kind":"event","event":{{"id":{id},"time":"t","machine":"m","monitor":"w","message":"x","level":"{level}"}}}}"#
        )
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
        let told = Mutex::default();
        for (time, expected) in [("one", true), ("two", true), ("one", false)] {
            let line = line("alert", 1).replace("\"time\":\"t\"", &format!("\"time\":\"{time}\""));
            let event = event_of(Role::Hub, &line).or_else(|| event_of(Role::Agent, &line)).unwrap();
            assert_eq!(is_new(&told, &event), expected, "{time}");
        }
    }

    #[test]
    fn only_what_calls_for_a_person_is_told_and_only_once() {
        let told = Mutex::default();
        for (line, expected) in [
            (line("alert", 1), true),
            (line("alert", 1), false),
            (line("done", 2), true),
            (line("info", 3), false),
            (line("warn", 4), false),
            (r#"data: {"kind":"missed"}"#.to_owned(), false),
            (": still there".to_owned(), false),
            ("data: {".to_owned(), false),
        ] {
            let event = event_of(Role::Agent, &line).filter(|event| is_new(&told, event));
            assert_eq!(event.is_some(), expected, "{line}");
        }
    }
}
