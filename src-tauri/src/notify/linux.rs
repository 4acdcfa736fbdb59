//! Notifications of a Linux desktop, over the session bus: a click on one comes back to the app.
//!
//! A thread of its own shows one after the other, another one hears the clicks; whatever the bus does, nobody else waits.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tauri::AppHandle;
use zbus::MatchRule;
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator};
use zbus::message::Type;
use zbus::zvariant::Value;

use super::{Note, OnClick, Place};

/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(2);
const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// What a click on the notification itself is called there.
const DEFAULT: &str = "default";
/// How many notifications wait to be shown: more than come in a minute.
const WAITING: usize = 16;
/// How many notifications can be clicked: no desktop keeps more in sight.
const MOST_SHOWN: usize = 64;

/// Which notification is about what, the newest last.
type Shown = Arc<Mutex<VecDeque<(u32, Option<Place>)>>>;

/// The desktop, as the place that shows notifications.
pub(super) struct Desktop(SyncSender<Note>);

impl Desktop {
    /// `on_click` hears what a clicked notification is about.
    pub(super) fn new(_handle: AppHandle, on_click: OnClick) -> Self {
        let (tell, told) = sync_channel(WAITING);
        thread::spawn(move || show_all(&told, &on_click));
        Self(tell)
    }

    /// Shows one as soon as it can be.
    pub(super) fn show(&self, note: Note) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.0.try_send(note) {
            tracing::warn!("no notification can be shown: the session bus does not answer");
        }
    }
}

fn show_all(notes: &Receiver<Note>, on_click: &OnClick) {
    let shown = Shown::default();
    let mut connected: Option<Connection> = None;
    for note in notes {
        let connection = match connected.take() {
            Some(connection) => Ok(connection),
            None => connect(&shown, on_click),
        };
        let told = connection.and_then(|connection| {
            let id = notify(&connection, &note)?;
            Ok((connection, id))
        });
        match told {
            Ok((connection, id)) => {
                let mut known = lock(&shown);
                known.retain(|(other, _)| *other != id);
                if known.len() == MOST_SHOWN {
                    known.pop_front();
                }
                known.push_back((id, note.place));
                connected = Some(connection);
            }
            // The next one tries it again.
            Err(error) => tracing::warn!(%error, "no notification can be shown"),
        }
    }
}

/// A connection, and a thread that hears its clicks for as long as it lives.
fn connect(shown: &Shown, on_click: &OnClick) -> zbus::Result<Connection> {
    let connection = Builder::session()?.method_timeout(CALL_WITHIN).build()?;
    let rule = MatchRule::builder().msg_type(Type::Signal).interface(NAME)?.build();
    let clicks = MessageIterator::for_match_rule(rule, &connection, Some(MOST_SHOWN))?;
    let (shown, on_click) = (Arc::clone(shown), Arc::clone(on_click));
    thread::spawn(move || hear(clicks, &shown, &on_click));
    Ok(connection)
}

fn notify(connection: &Connection, note: &Note) -> zbus::Result<u32> {
    let actions = vec![DEFAULT, note.open];
    let hints = HashMap::from([("urgency", Value::U8(1)), ("desktop-entry", Value::from("TaskPaw"))]);
    let body = ("TaskPaw", 0_u32, "taskpaw", &*note.title, &*note.body, actions, hints, -1_i32);
    let reply = connection.call_method(Some(NAME), PATH, Some(NAME), "Notify", &body)?;
    reply.body().deserialize::<u32>()
}

/// Ends when the connection does.
fn hear(clicks: MessageIterator, shown: &Shown, on_click: &OnClick) {
    for message in clicks.filter_map(Result::ok) {
        let header = message.header();
        match header.member().map(|member| member.as_str()) {
            Some("ActionInvoked") => {
                let Ok((id, _action)) = message.body().deserialize::<(u32, String)>() else { continue };
                let place =
                    lock(shown).iter().find(|(known, _)| *known == id).map(|(_, place)| place.clone());
                if let Some(place) = place {
                    on_click(place);
                }
            }
            Some("NotificationClosed") => {
                let Ok((id, _why)) = message.body().deserialize::<(u32, u32)>() else { continue };
                lock(shown).retain(|(known, _)| *known != id);
            }
            _ => {}
        }
    }
}

/// Nothing panics while it holds the lock.
fn lock(shown: &Shown) -> MutexGuard<'_, VecDeque<(u32, Option<Place>)>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}
