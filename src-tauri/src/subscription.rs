//! One subscription to each role that is ready: what it watches is shown on the board, and its events are heard by
//! whoever tells them to a person.

mod watched;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{AgentEvent, AgentNews, AgentStatus, Event, FleetNews, FleetStatus, IpcError};
use tauri::async_runtime::{JoinHandle, spawn};
use tokio::sync::{broadcast, watch};

use crate::app::App;
use crate::backend::BackendClient;

/// The longest line of a stream that is waited for.
const LONGEST_LINE: usize = 256 * 1024;
/// After a stream has ended; a backend that has ended is told of by itself.
const HEARD_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// So many events wait for whoever hears them; who is slower misses the oldest.
const WAITING_EVENTS: usize = 256;

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

/// Subscribes to each role while it is ready, for as long as the app runs.
pub(crate) async fn attend(app: Arc<App>) {
    let mut happened = app.board().listen();
    let mut listening: HashMap<Role, JoinHandle<()>> = HashMap::new();
    // What the hub polls of this machine itself is counted once.
    let (this_machine, known) = watch::channel(None);
    while let Some(event) = happened.recv().await {
        let Event::BackendReady { role, .. } = event else { continue };
        if let Some(old) = listening.remove(&role) {
            old.abort();
        }
        let (app, this_machine, known) = (Arc::clone(&app), this_machine.clone(), known.clone());
        listening.insert(
            role,
            spawn(async move {
                // One line that is too long must not silence the others: a backend that is still there is heard again.
                while let Some(client) = app.client(role) {
                    let heard = match role {
                        Role::Agent => hear_agent(&app, &client, &this_machine).await,
                        Role::Hub => hear_hub(&app, &client, known.clone()).await,
                    };
                    if let Err(error) = heard {
                        tracing::info!(%role, %error, "its events are not heard for a moment");
                    }
                    tokio::time::sleep(HEARD_AGAIN_AFTER).await;
                }
            }),
        );
    }
}

async fn hear_agent(
    app: &App,
    client: &BackendClient,
    this_machine: &watch::Sender<Option<String>>,
) -> Result<(), IpcError> {
    // Subscribed first, asked then: nothing is missed between the two.
    let mut stream = client.stream("/control/stream", LONGEST_LINE).await?;
    let mut status: AgentStatus = client.get("/control/status").await?;
    this_machine.send_replace(Some(status.server_id.clone()));
    loop {
        app.board().show_watched(Role::Agent, watched::of_agent(&status));
        let Some(line) = stream.next().await? else { return Ok(()) };
        match news(&line) {
            Some(AgentNews::Monitor { name, monitor }) => {
                status.monitors.insert(name, serde_json::to_value(monitor).unwrap_or_default());
            }
            Some(AgentNews::Event { event }) => app.events().tell(event),
            Some(AgentNews::Monitors | AgentNews::Missed) => status = client.get("/control/status").await?,
            None => {}
        }
    }
}

async fn hear_hub(
    app: &App,
    client: &BackendClient,
    mut this_machine: watch::Receiver<Option<String>>,
) -> Result<(), IpcError> {
    let mut stream = client.stream("/control/stream", LONGEST_LINE).await?;
    let mut status: FleetStatus = client.get("/control/status").await?;
    loop {
        let own = this_machine.borrow_and_update().clone();
        app.board().show_watched(Role::Hub, watched::of_fleet(&status, own.as_deref()));
        let line = tokio::select! {
            line = stream.next() => line?,
            Ok(()) = this_machine.changed() => continue,
        };
        let Some(line) = line else { return Ok(()) };
        match news(&line) {
            Some(FleetNews::Agent { agent }) => {
                if let Some(known) = status.agents.iter_mut().find(|known| known.name == agent.name) {
                    *known = agent;
                }
            }
            Some(FleetNews::Event { event }) => app.events().tell(event.event),
            Some(FleetNews::Agents | FleetNews::Missed) => status = client.get("/control/status").await?,
            None => {}
        }
    }
}

/// What a line of a stream tells; nothing for a sign of life, and of what another version may tell.
fn news<T: DeserializeOwned>(line: &str) -> Option<T> {
    serde_json::from_str(line.strip_prefix("data:")?.trim()).ok()
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
}
