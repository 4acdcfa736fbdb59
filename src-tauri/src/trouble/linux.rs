//! A notification of a Linux desktop, over the session bus: it can be clicked, and goes when its trouble has gone.
//!
//! Whatever the bus does is bounded, and nobody but a thread of its own waits for it.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use taskpaw_contract::ipc::Request;
use tauri::AppHandle;
use tokio::sync::oneshot;
use zbus::MatchRule;
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator};
use zbus::message::{Message, Type};
use zbus::zvariant::Value;

use super::{Action, News};

/// How long the bus and the desktop may take until it is shown.
const WITHIN: Duration = Duration::from_secs(3);
/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(2);
const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// What a click on the notification itself is called there.
const DEFAULT: &str = "default";

/// A notification that is shown; its drop takes it away.
#[derive(Debug)]
pub(super) struct Told {
    connection: Connection,
    id: u32,
}

impl Drop for Told {
    fn drop(&mut self) {
        let (connection, id) = (self.connection.clone(), self.id);
        // A bus that hangs must keep nobody waiting.
        thread::spawn(move || {
            let _gone_already =
                connection.call_method(Some(NAME), PATH, Some(NAME), "CloseNotification", &id);
        });
    }
}

/// Shows a notification. `on_click` is told what was clicked.
///
/// # Errors
/// Why none can be shown: there is no bus, nobody there who shows it, or no answer in time.
pub(super) async fn show(
    _handle: AppHandle,
    news: News,
    on_click: impl Fn(Option<Request>) + Send + 'static,
) -> Result<Told, String> {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || match notify(&news) {
        Ok((connection, id, clicks)) => {
            let told = Told { connection, id };
            if tell.send(Ok(told)).is_ok() {
                hear(id, clicks, &news.actions, on_click);
            }
        }
        Err(error) => {
            let _no_longer_waited_for = tell.send(Err(error.to_string()));
        }
    });
    match tokio::time::timeout(WITHIN, told).await {
        Ok(Ok(shown)) => shown,
        Ok(Err(_)) | Err(_) => Err("the session bus does not answer".to_owned()),
    }
}

fn notify(news: &News) -> zbus::Result<(Connection, u32, MessageIterator)> {
    let connection = Builder::session()?.method_timeout(CALL_WITHIN).build()?;
    // From before it is shown on, so that no click is missed.
    let rule = MatchRule::builder().msg_type(Type::Signal).interface(NAME)?.build();
    let clicks = MessageIterator::for_match_rule(rule, &connection, Some(64))?;
    let mut actions = Vec::new();
    for (at, action) in news.actions.iter().enumerate() {
        actions.extend([key(at), action.label.clone()]);
    }
    // Critical ones stay until they are read.
    let hints = HashMap::from([("urgency", Value::U8(2)), ("desktop-entry", Value::from("TaskPaw"))]);
    let body = ("TaskPaw", 0_u32, "taskpaw", &*news.title, &*news.body, actions, hints, -1_i32);
    let reply = connection.call_method(Some(NAME), PATH, Some(NAME), "Notify", &body)?;
    let id = reply.body().deserialize::<u32>()?;
    Ok((connection, id, clicks))
}

/// What the desktop calls an action; the first one is a click on the notification itself.
fn key(at: usize) -> String {
    if at == 0 { DEFAULT.to_owned() } else { format!("action-{at}") }
}

/// Whether a message says that a notification has gone.
fn is_about(closed: &Message, id: u32) -> bool {
    closed.body().deserialize::<(u32, u32)>().is_ok_and(|(closed, _)| closed == id)
}

/// Waits until something is clicked or the notification has gone. Ends with the connection, too.
fn hear(id: u32, clicks: MessageIterator, actions: &[Action], on_click: impl Fn(Option<Request>)) {
    for message in clicks.filter_map(Result::ok) {
        let header = message.header();
        match header.member().map(|member| member.as_str()) {
            Some("ActionInvoked") => {
                let Ok((clicked, name)) = message.body().deserialize::<(u32, String)>() else { continue };
                let chosen = actions.iter().enumerate().find(|(at, _)| clicked == id && key(*at) == name);
                if let Some((_, action)) = chosen {
                    return on_click(action.request.clone());
                }
            }
            Some("NotificationClosed") if is_about(&message, id) => return,
            _ => {}
        }
    }
}
