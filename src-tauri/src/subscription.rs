//! One subscription to each role that is ready: what it watches is shown on the board, what the window shows of it is
//! pushed there, and its events are heard by whoever tells them to a person.

mod pushed;
mod watched;

use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{
    AgentEvent, AgentNews, AgentStatus, DataKind, Event, FleetNews, FleetStatus, IpcError, RoleData,
};
use tauri::async_runtime::{JoinHandle, spawn};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::backend::BackendClient;
use pushed::Batch;

/// The longest line of a stream that is waited for.
const LONGEST_LINE: usize = 256 * 1024;
/// After a stream has ended; a backend that has ended is told of by itself.
const HEARD_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// So many events wait for whoever hears them; who is slower misses the oldest.
const WAITING_EVENTS: usize = 256;
/// A hub looks for agents on the network for 20 s after it was asked; while a window shows the fleet, it is asked again.
const OFFERS_EVERY: Duration = Duration::from_secs(15);

/// The events of all roles, as they happen.
#[derive(Debug, Clone)]
pub(crate) struct Events(broadcast::Sender<AgentEvent>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING_EVENTS))
    }
}

impl Events {
    /// Every event from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<AgentEvent> {
        self.0.subscribe()
    }

    fn tell(&self, event: AgentEvent) {
        let _nobody_may_listen = self.0.send(event);
    }
}

/// What the window shows of the roles.
#[derive(Debug, Clone)]
pub(crate) struct Wanted(watch::Sender<BTreeSet<DataKind>>);

impl Default for Wanted {
    fn default() -> Self {
        Self(watch::Sender::new(BTreeSet::new()))
    }
}

impl Wanted {
    /// The window shows this from now on.
    pub(crate) fn set(&self, data: Vec<DataKind>) {
        self.0.send_replace(data.into_iter().collect());
    }

    pub(crate) fn listen(&self) -> watch::Receiver<BTreeSet<DataKind>> {
        self.0.subscribe()
    }
}

/// The way to the window.
pub(crate) type ToWindow = Arc<dyn Fn(&[RoleData]) + Send + Sync>;

/// Subscribes to each role while it is ready, for as long as the app runs.
pub(crate) async fn attend(app: Arc<App>, to_window: ToWindow) {
    let mut happened = app.board().listen();
    let mut listening: HashMap<Role, JoinHandle<()>> = HashMap::new();
    for role in Role::ALL {
        spawn(pushed::follow_log(Arc::clone(&app), role, Arc::clone(&to_window)));
    }
    // What the hub polls of this machine itself is counted once.
    let (this_machine, known) = watch::channel(None);
    while let Some(event) = happened.recv().await {
        let Event::BackendReady { role, .. } = event else { continue };
        if let Some(old) = listening.remove(&role) {
            old.abort();
        }
        let (app, this_machine, known) = (Arc::clone(&app), this_machine.clone(), known.clone());
        let to_window = Arc::clone(&to_window);
        listening.insert(
            role,
            spawn(async move {
                // One line that is too long must not silence the others: a backend that is still there is heard again.
                while let Some(client) = app.client(role) {
                    let heard = match role {
                        Role::Agent => hear_agent(&app, &client, &to_window, &this_machine).await,
                        Role::Hub => hear_hub(&app, &client, &to_window, known.clone()).await,
                    };
                    if let Err(error) = heard {
                        tracing::info!(%role, %error, "its events are not heard for a moment");
                        to_window(&[RoleData::Unheard { role, error }]);
                    }
                    tokio::time::sleep(HEARD_AGAIN_AFTER).await;
                }
            }),
        );
    }
}

/// A moment in which something is sent; never, if nothing waits.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

async fn hear_agent(
    app: &App,
    client: &BackendClient,
    to_window: &ToWindow,
    this_machine: &watch::Sender<Option<String>>,
) -> Result<(), IpcError> {
    // Subscribed first, asked then: nothing is missed between the two.
    let mut stream = client.stream("/control/stream", LONGEST_LINE).await?;
    let mut wanted = app.wanted().listen();
    let mut batch = Batch::new(Role::Agent, wanted.borrow_and_update().clone());
    let mut status: AgentStatus = client.get("/control/status").await?;
    this_machine.send_replace(Some(status.server_id.clone()));
    batch.begin();
    batch.whole(|| RoleData::Agent { status: status.clone() });
    loop {
        app.board().show_watched(Role::Agent, watched::of_agent(&status));
        let line = tokio::select! {
            line = stream.next() => line?,
            () = until(batch.due()) => {
                to_window(&batch.take());
                continue;
            }
            Ok(()) = wanted.changed() => {
                to_window(&batch.take());
                batch.follow(wanted.borrow_and_update().clone());
                status = client.get("/control/status").await?;
                batch.whole(|| RoleData::Agent { status: status.clone() });
                continue;
            }
        };
        let Some(line) = line else { return Ok(()) };
        // A look that nobody sees is not even read.
        if is_look(&line) && !batch.wants_status() {
            continue;
        }
        match news(&line) {
            Some(AgentNews::Monitor { name, monitor } | AgentNews::Look { name, monitor }) => {
                batch.monitor(&name, &monitor);
                status.monitors.insert(name, serde_json::to_value(monitor).unwrap_or_default());
            }
            Some(AgentNews::Event { event }) => {
                batch.agent_event(&event);
                app.events().tell(event);
            }
            Some(news @ (AgentNews::Monitors | AgentNews::Missed)) => {
                status = client.get("/control/status").await?;
                if news == AgentNews::Missed {
                    batch.begin();
                }
                batch.whole(|| RoleData::Agent { status: status.clone() });
            }
            None => {}
        }
    }
}

async fn hear_hub(
    app: &App,
    client: &BackendClient,
    to_window: &ToWindow,
    mut this_machine: watch::Receiver<Option<String>>,
) -> Result<(), IpcError> {
    let mut stream = client.stream("/control/stream", LONGEST_LINE).await?;
    let mut wanted = app.wanted().listen();
    let mut batch = Batch::new(Role::Hub, wanted.borrow_and_update().clone());
    let mut status: FleetStatus = client.get("/control/status").await?;
    batch.begin();
    batch.whole(|| RoleData::Fleet { status: status.clone() });
    let mut ask_again = Instant::now() + OFFERS_EVERY;
    loop {
        let own = this_machine.borrow_and_update().clone();
        app.board().show_watched(Role::Hub, watched::of_fleet(&status, own.as_deref()));
        let line = tokio::select! {
            line = stream.next() => line?,
            Ok(()) = this_machine.changed() => continue,
            () = until(batch.due()) => {
                to_window(&batch.take());
                continue;
            }
            Ok(()) = wanted.changed() => {
                to_window(&batch.take());
                batch.follow(wanted.borrow_and_update().clone());
                status = client.get("/control/status").await?;
                batch.whole(|| RoleData::Fleet { status: status.clone() });
                ask_again = Instant::now() + OFFERS_EVERY;
                continue;
            }
            () = until(batch.wants_status().then_some(ask_again)) => {
                let now: FleetStatus = client.get("/control/status").await?;
                // What the machines are comes by itself; what is beside them does not.
                let is_other = (&now.offers, &now.webhook) != (&status.offers, &status.webhook);
                status = now;
                if is_other {
                    batch.whole(|| RoleData::Fleet { status: status.clone() });
                }
                ask_again = Instant::now() + OFFERS_EVERY;
                continue;
            }
        };
        let Some(line) = line else { return Ok(()) };
        match news(&line) {
            Some(FleetNews::Agent { agent }) => {
                batch.machine(&agent);
                if let Some(known) = status.agents.iter_mut().find(|known| known.name == agent.name) {
                    *known = agent;
                }
            }
            Some(FleetNews::Event { event }) => {
                batch.fleet_event(&event);
                app.events().tell(event.event);
            }
            Some(news @ (FleetNews::Agents | FleetNews::Missed)) => {
                status = client.get("/control/status").await?;
                if news == FleetNews::Missed {
                    batch.begin();
                }
                batch.whole(|| RoleData::Fleet { status: status.clone() });
            }
            None => {}
        }
    }
}

/// What a line of a stream says; nothing of a sign of life.
fn data(line: &str) -> Option<&str> {
    line.strip_prefix("data:").map(str::trim)
}

/// What a line of a stream tells; nothing for a sign of life, and of what another version may tell.
fn news<T: DeserializeOwned>(line: &str) -> Option<T> {
    serde_json::from_str(data(line)?).ok()
}

/// Whether a line only tells that a monitor has looked.
fn is_look(line: &str) -> bool {
    data(line).is_some_and(|data| data.starts_with(r#"{"kind":"look""#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_tells_nothing_is_passed_over() {
        assert_eq!(news::<AgentNews>(r#"data: {"kind":"monitors"}"#), Some(AgentNews::Monitors));
        for line in [": still there", "", "data: {", r#"data: {"kind":"later"}"#] {
            assert_eq!(news::<AgentNews>(line), None, "{line}");
        }
    }

    #[test]
    fn a_look_is_known_by_its_beginning() {
        let monitor = serde_json::json!({
            "type_id": "task", "state": "ok", "detail": "", "metrics": {}, "last_update": null,
        });
        let monitor = serde_json::from_value(monitor).unwrap();
        let look = serde_json::to_string(&AgentNews::Look { name: "a".into(), monitor }).unwrap();
        assert!(is_look(&format!("data: {look}")) && is_look(&format!("data:{look}")));
        assert!(!is_look(r#"data: {"kind":"monitors"}"#) && !is_look(": still there"));
    }
}
