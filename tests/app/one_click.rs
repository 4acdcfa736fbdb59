//! From a conflict to ready in one click, whatever the way out is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::home::ping;
use support::programs::Programs;
use support::{Home, Window};

use crate::holder::{Holder, Plan};

/// From the end of a holder until the role is ready: 1 s is promised, 0.14 s measured with nothing else to do, and here other
/// windows are tested at the same time.
const READY_WITHIN: Duration = Duration::from_secs(3);

struct Scene {
    home: Home,
    window: Window,
}

impl Scene {
    /// The agent is started on ports that a foreign program holds.
    async fn in_conflict(&self, ports: &[u16]) -> Holder {
        self.window.call(json!({ "command": "stop", "role": "agent" })).await;
        self.window.role_is("agent", "stopped").await;
        let holder = ports.iter().fold(Plan::foreign(), |plan, &port| plan.listens(port)).start();
        self.window.call(json!({ "command": "start", "role": "agent" })).await;
        self.window.shows("[data-testid='conflict']").await;
        holder
    }

    fn ports(&self) -> [u16; 2] {
        ["network", "control"].map(|name| port(&self.home.config()["agent"][name]["port"]))
    }

    /// One click, and the agent is ready and answers; the ports on which it is.
    async fn click(&self, button: &str) -> [u16; 2] {
        self.window.click(button).await;
        self.window.role_is("agent", "ready").await;
        assert_eq!(self.window.count("[data-testid='conflict']").await, 0);
        let agent = self.window.call(json!({ "command": "snapshot" })).await["roles"][0].clone();
        let now = [0, 1].map(|place| port(&agent["ports"][place]["port"]));
        assert!(ping(now[0]).await.is_some(), "it answers on {}", now[0]);
        now
    }
}

fn port(number: &Value) -> u16 {
    number.as_u64().and_then(|number| u16::try_from(number).ok()).expect("a port")
}

#[tokio::test]
async fn one_click_leads_from_a_conflict_to_ready() {
    let home = Home::new();
    let [network, control] = [home.network, home.control];
    // The first start of all meets it.
    let foreign = Plan::foreign().listens(network).start();
    let window = Window::open(&Programs::current(), &home).await;
    let scene = Scene { home, window };
    let now = scene.click("action-use-free-network").await;
    assert_ne!(now[0], network);
    assert_eq!((now[1], now), (control, scene.ports()), "it is kept, and the other port is as it was");
    foreign.is_untouched().await;
    drop(foreign);

    let foreign = scene.in_conflict(&now).await;
    let moved = scene.click("action-use-free-all").await;
    assert!(!now.contains(&moved[0]) && !now.contains(&moved[1]), "{moved:?}");
    assert_eq!(moved, scene.ports());
    foreign.is_untouched().await;
    drop(foreign);

    // It needs no click at all once the process in the way has gone.
    let mut foreign = scene.in_conflict(&[moved[0]]).await;
    scene.window.role_is("agent", "waiting").await;
    scene.window.picture("conflict-waiting").await;
    foreign.end().await;
    let gone = Instant::now();
    scene.window.role_is("agent", "ready").await;
    let took = gone.elapsed();
    assert!(took < READY_WITHIN, "ready {took:?} after the holder had gone");
    assert_eq!(scene.window.count("[data-testid='conflict']").await, 0);
}

/// The hub of this very app is in the way, and the agent waits.
#[tokio::test]
async fn one_click_stops_the_hub_that_is_in_the_way_and_the_agent_is_ready() {
    let home = Home::unconfigured();
    home.configure(&json!({ "roles": ["hub"], "agent": { "network": { "port": home.api } } }));
    let window = Window::open(&Programs::current(), &home).await;
    window.click("nav-fleet").await;
    window.role_is("hub", "ready").await;
    window.click("nav-this-machine").await;
    window.call(json!({ "command": "set_roles", "roles": ["agent", "hub"] })).await;
    window.role_is("agent", "waiting").await;
    let scene = Scene { home, window };
    let now = scene.click("action-stop-other").await;
    assert_eq!(now[0], scene.home.api);
    scene.window.click("nav-settings").await;
    scene.window.role_is("hub", "stopped").await;
}
