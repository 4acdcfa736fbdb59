//! One subscription to each role that is ready: what it watches is shown on the board, what the window shows of it is
//! pushed there, and its events are heard by the parts that tell them to a person.

mod pushed;
mod watched;

use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{
    AgentNews, AgentStatus, DataKind, Event, FleetNews, FleetStatus, IpcError, RoleData,
};
use tauri::async_runtime::{JoinHandle, spawn};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::backend::{BackendClient, Lines};
use pushed::Batch;

/// The longest line of a stream that is waited for.
const LONGEST_LINE: usize = 256 * 1024;
/// After a stream has ended; a backend that has ended is told of by itself.
const HEARD_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// A hub looks for agents on the network for 20 s after it was asked; while a window shows the fleet, it is asked again.
const OFFERS_EVERY: Duration = Duration::from_secs(15);

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

/// Waits until a moment in which something is to be sent; for ever if nothing waits.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// A role's answer about everything that it watches.
trait Whole: DeserializeOwned + Clone + Send + Sync {
    const ROLE: Role;

    fn data(self) -> RoleData;
}

impl Whole for AgentStatus {
    const ROLE: Role = Role::Agent;

    fn data(self) -> RoleData {
        RoleData::Agent { status: self }
    }
}

impl Whole for FleetStatus {
    const ROLE: Role = Role::Hub;

    fn data(self) -> RoleData {
        RoleData::Fleet { status: self }
    }
}

/// The stream of one role, what the window is told of it, and all that the role watches as far as it was heard.
struct Subscribed<'a, S> {
    client: &'a BackendClient,
    to_window: &'a ToWindow,
    stream: Lines,
    wanted: watch::Receiver<BTreeSet<DataKind>>,
    batch: Batch,
    status: S,
}

/// Why a subscription woke up.
enum Woke {
    /// A line of the stream; nothing at its end.
    Line(Option<String>),
    /// Something waits to be sent.
    Due,
    /// The window shows something else.
    Wanted,
}

impl<'a, S: Whole> Subscribed<'a, S> {
    /// Subscribed first, asked then: nothing is missed between the two.
    async fn begin(app: &App, client: &'a BackendClient, to_window: &'a ToWindow) -> Result<Self, IpcError> {
        let stream = client.stream("/control/stream", LONGEST_LINE).await?;
        let mut wanted = app.wanted().listen();
        let batch = Batch::new(S::ROLE, wanted.borrow_and_update().clone());
        let status = client.get("/control/status").await?;
        let mut subscribed = Self { client, to_window, stream, wanted, batch, status };
        subscribed.batch.begin();
        subscribed.send_whole();
        Ok(subscribed)
    }

    fn send_whole(&mut self) {
        self.batch.whole(|| self.status.clone().data());
    }

    /// Asks again for all that the role watches.
    async fn ask(&mut self) -> Result<(), IpcError> {
        self.status = self.client.get("/control/status").await?;
        self.send_whole();
        Ok(())
    }

    /// May be dropped while it waits: nothing is lost of what comes next.
    async fn wake(&mut self) -> Result<Woke, IpcError> {
        Ok(tokio::select! {
            line = self.stream.next() => Woke::Line(line?),
            () = until(self.batch.due()) => Woke::Due,
            Ok(()) = self.wanted.changed() => Woke::Wanted,
        })
    }

    fn send(&mut self) {
        (self.to_window)(&self.batch.take());
    }

    /// The window shows something else: of that it is told all.
    async fn follow(&mut self) -> Result<(), IpcError> {
        self.send();
        self.batch.follow(self.wanted.borrow_and_update().clone());
        self.ask().await
    }
}

async fn hear_agent(
    app: &App,
    client: &BackendClient,
    to_window: &ToWindow,
    this_machine: &watch::Sender<Option<String>>,
) -> Result<(), IpcError> {
    let mut agent = Subscribed::<AgentStatus>::begin(app, client, to_window).await?;
    this_machine.send_replace(Some(agent.status.server_id.clone()));
    loop {
        app.board().show_watched(Role::Agent, watched::of_agent(&agent.status));
        // What is only sent on changes nothing on the board.
        let line = loop {
            match agent.wake().await? {
                Woke::Due => agent.send(),
                Woke::Wanted => {
                    agent.follow().await?;
                    break None;
                }
                Woke::Line(None) => return Ok(()),
                // A look that nobody sees is not even read.
                Woke::Line(Some(line)) if is_look(&line) && !agent.batch.wants_status() => {}
                Woke::Line(Some(line)) => break news(&line),
            }
        };
        match line {
            Some(AgentNews::Monitor { name, monitor } | AgentNews::Look { name, monitor }) => {
                agent.batch.monitor(&name, &monitor);
                agent.status.monitors.insert(name, serde_json::to_value(monitor).unwrap_or_default());
            }
            Some(AgentNews::Event { event }) => {
                agent.batch.agent_event(&event);
                app.events().tell(event, None);
            }
            Some(AgentNews::Monitors) => agent.ask().await?,
            Some(AgentNews::Missed) => {
                agent.batch.begin();
                agent.ask().await?;
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
    let mut hub = Subscribed::<FleetStatus>::begin(app, client, to_window).await?;
    let mut ask_again = Instant::now() + OFFERS_EVERY;
    loop {
        let own = this_machine.borrow_and_update().clone();
        app.board().show_watched(Role::Hub, watched::of_fleet(&hub.status, own.as_deref()));
        let offers_are_due = hub.batch.wants_status().then_some(ask_again);
        let line = tokio::select! {
            woke = hub.wake() => match woke? {
                Woke::Line(line) => line,
                Woke::Due => {
                    hub.send();
                    continue;
                }
                Woke::Wanted => {
                    hub.follow().await?;
                    ask_again = Instant::now() + OFFERS_EVERY;
                    continue;
                }
            },
            Ok(()) = this_machine.changed() => continue,
            () = until(offers_are_due) => {
                let now: FleetStatus = client.get("/control/status").await?;
                // What the machines are comes by itself; what is beside them does not.
                let beside = |status: &FleetStatus| {
                    (status.offers.clone(), status.webhook.clone(), status.ntfy.clone())
                };
                let is_other = beside(&now) != beside(&hub.status);
                hub.status = now;
                if is_other {
                    hub.send_whole();
                }
                ask_again = Instant::now() + OFFERS_EVERY;
                continue;
            }
        };
        let Some(line) = line else { return Ok(()) };
        match news(&line) {
            Some(FleetNews::Agent { agent }) => {
                hub.batch.machine(&agent);
                if let Some(known) = hub.status.agents.iter_mut().find(|known| known.name == agent.name) {
                    *known = agent;
                }
            }
            Some(FleetNews::Event { event }) => {
                hub.batch.fleet_event(&event);
                let is_here = own.as_deref() == Some(event.server_id.as_str());
                app.events().tell(event.event, (!is_here).then_some(event.agent));
            }
            Some(FleetNews::Agents) => hub.ask().await?,
            Some(FleetNews::Missed) => {
                hub.batch.begin();
                hub.ask().await?;
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
