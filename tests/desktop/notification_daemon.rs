//! The part of a desktop that shows notifications.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use support::Desktop;
use support::wait::LONG;
use zbus::interface;
use zbus::zvariant::OwnedValue;

const PATH: &str = "/org/freedesktop/Notifications";
const NAME: &str = "org.freedesktop.Notifications";

/// What a desktop was asked to show: titles, texts, and the actions with their labels.
pub(crate) type Shown = Arc<Mutex<Vec<(String, String, Vec<String>)>>>;

/// It keeps what it was asked to show.
struct Daemon(Shown);

#[interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    #[expect(clippy::too_many_arguments, reason = "it is the desktop's own interface")]
    fn notify(
        &self,
        _app: String,
        _replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires: i32,
    ) -> u32 {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.push((summary, body, actions));
        u32::try_from(shown.len()).unwrap_or(1)
    }

    fn close_notification(&self, _id: u32) {}

    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned()]
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ["taskpaw-tests", "TaskPaw", "1", "1.2"].map(str::to_owned).into()
    }
}

/// Lets this desktop show notifications as long as the connection lives.
pub(crate) async fn daemon(desktop: &Desktop, shown: &Shown) -> zbus::Connection {
    let builder = zbus::connection::Builder::address(desktop.bus()).expect("an address");
    let builder = builder.serve_at(PATH, Daemon(Arc::clone(shown))).expect("a path");
    builder.name(NAME).expect("a name").build().await.expect("the bus is there")
}

/// A person clicks on the first notification, and again as long as nothing happens: a click may come before the app has
/// heard the number of what is shown.
pub(crate) async fn click(bus: &zbus::Connection, action: &str, what: &str, done: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        bus.emit_signal(None::<&str>, PATH, NAME, "ActionInvoked", &(1_u32, action)).await.expect("a click");
        let clicked = Instant::now();
        while clicked.elapsed() < Duration::from_secs(2) {
            if done().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("after clicks for {LONG:?}: {what}");
}
