//! A change of ports is a transaction: all or none, and a sudden end leaves one of the two configurations.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::home::ping;
use support::process::{running, send};
use support::programs::{Programs, replace};
use support::wait::LONG;
use support::{Home, Window, free_ports, until, until_some};

/// From the moment in which a change is asked for in the window until the app has heard it, about.
const ASKED: Duration = Duration::from_millis(22);

/// The draft of both agent ports.
fn draft(network: u16, control: u16) -> Value {
    let port = |name: &str, number: u16| json!({ "role": "agent", "name": name, "endpoint": { "host": "127.0.0.1", "port": number } });
    json!([port("network", network), port("control", control)])
}

fn apply(draft: Value, keep: bool) -> Value {
    json!({ "command": "apply_ports", "draft": draft, "keep": keep })
}

/// The agent as the window knows it.
async fn agent(window: &Window) -> Value {
    window.call(json!({ "command": "snapshot" })).await["roles"][0].clone()
}

/// Begins a change without waiting for its end: a moment later, so that the app may end with it.
async fn begin(window: &Window, request: &Value) {
    let call = format!("window.__TAURI_INTERNALS__.invoke('call', {{ request: {request} }})");
    window.script(&format!("setTimeout(() => {call}, 20)")).await;
}

/// Waits until a change is at a step, and gives what is told then.
async fn step_is(window: &Window, step: &str) -> Value {
    until_some(&format!("the change is {step}"), LONG, async || {
        let told = agent(window).await["apply"].clone();
        (told["step"] == step).then_some(told)
    })
    .await
}

fn configured(home: &Home) -> (u64, u64) {
    let config = home.config();
    let port = |name: &str| config["agent"][name]["port"].as_u64().expect("a port");
    (port("network"), port("control"))
}

fn backend(programs: &Programs, home: &Home) -> u32 {
    let pids = running(&programs.backend(), home.path());
    assert_eq!(pids.len(), 1, "one backend");
    pids[0]
}

#[tokio::test]
async fn both_ports_change_places_while_the_app_uses_them() {
    let (home, programs) = (Home::new(), Programs::current());
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    let old = backend(&programs, &home);
    let answer = window.call(apply(draft(home.control, home.network), true)).await;
    assert_eq!((&answer["step"], &answer["reason"]), (&json!("kept"), &Value::Null), "{answer:#}");
    assert_eq!(configured(&home), (home.control.into(), home.network.into()));
    assert!(ping(home.control).await.is_some(), "hubs find the agent on the new port");
    assert_ne!(backend(&programs, &home), old);
    assert!(!home.path().join("data/ports-change.json").exists(), "nothing is left to undo");
    assert_eq!(agent(&window).await["apply"]["step"], "kept", "a window that loads late sees it");
}

#[tokio::test]
async fn a_port_that_somebody_holds_is_refused_and_nothing_has_changed() {
    let (home, programs) = (Home::new(), Programs::current());
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    let old = backend(&programs, &home);
    let foreign = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = foreign.local_addr().expect("its address").port();
    let answer = window.call(apply(draft(taken, home.control), true)).await;
    assert_eq!((&answer["step"], &answer["reason"]["kind"]), (&json!("refused"), &json!("port_conflict")));
    let holder = &answer["ports"][0]["holders"][0];
    assert_eq!(holder["pid"].as_u64(), Some(std::process::id().into()), "{answer:#}");
    assert_eq!(
        (configured(&home), backend(&programs, &home)),
        ((home.network.into(), home.control.into()), old)
    );
    let answer = window.call(apply(draft(home.network, home.network), true)).await;
    assert_eq!(answer["ports"][0]["state"], "self_collision");
    assert_eq!(backend(&programs, &home), old);
}

/// The old backend is slow to stop, and meanwhile somebody takes the port that was free a moment ago.
#[tokio::test]
async fn a_port_that_is_snatched_after_the_check_brings_the_old_backend_back() {
    let (home, programs) = (Home::new(), Programs::current());
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    let [wanted] = free_ports();
    window.click("nav-ports").await;
    window.types("port-number-agent-network", &wanted.to_string()).await;
    window.shows("[data-testid='port-state-agent-network'][data-state='free']").await;
    window.shows("[data-testid='action-apply-agent'][aria-disabled='false']").await;
    send(backend(&programs, &home), libc::SIGSTOP);
    window.click("action-apply-agent").await;
    step_is(&window, "stopping").await;
    let _thief = TcpListener::bind(("127.0.0.1", wanted)).expect("it is free");
    let refused = window.call(json!({ "command": "restart", "role": "agent" })).await;
    assert_eq!(refused["error"]["code"], "busy", "two clicks never race");
    let told = step_is(&window, "rolled_back").await;
    assert_eq!(told["reason"]["kind"], "port_conflict", "{told:#}");
    assert_eq!(told["ports"][0]["holders"][0]["pid"].as_u64(), Some(std::process::id().into()));
    window.role_is("agent", "ready").await;
    assert_eq!(configured(&home), (home.network.into(), home.control.into()));
    assert!(home.ping().await.is_some());
    let said = ("Everything is as it was before.", "更改未成功，一切已恢复原状。");
    window.says("apply-agent", said.0, said.1).await;
    window.text_with("apply-agent", &format!("(pid {})", std::process::id())).await;
    window.picture("ports-rolled-back").await;
}

#[tokio::test]
async fn a_new_backend_that_does_not_start_brings_the_old_configuration_back() {
    let (home, programs) = (Home::new(), Programs::current());
    let installed = home.path().join("installed");
    std::fs::create_dir(&installed).expect("a folder");
    programs.install(&installed);
    let program = installed.join("taskpaw-backend");
    let window = Window::open_program(&installed.join("taskpaw"), &home).await;
    window.role_is("agent", "ready").await;
    let [wanted] = free_ports();
    send(running(&program, home.path())[0], libc::SIGSTOP);
    begin(&window, &apply(draft(wanted, home.control), true)).await;
    step_is(&window, "stopping").await;
    replace(&program, b"#!/bin/sh\nexit 7\n");
    let told = step_is(&window, "rolled_back").await;
    assert_eq!(told["reason"]["kind"], "exited", "{told:#}");
    // The program that should listen on the old ports is still the broken one, so not everything is as before.
    window.text_with("apply-agent", "The old ports are set again, but the agent").await;
    window.text_with("apply-agent", "The backend stopped unexpectedly.").await;
    window.shows("[data-testid='apply-agent'] [data-step='starting'][data-state='failed']").await;
    window.picture("ports-not-started").await;
    assert_eq!(configured(&home), (home.network.into(), home.control.into()));
    replace(&program, &std::fs::read(programs.backend()).expect("the program"));
    window.call(json!({ "command": "retry", "role": "agent" })).await;
    window.role_is("agent", "ready").await;
    assert!(home.ping().await.is_some(), "the old port answers");
}

#[tokio::test]
async fn a_port_until_the_app_is_closed_is_forgotten_then() {
    let (home, programs) = (Home::new(), Programs::current());
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    let [other] = free_ports();
    let answer = window.call(apply(draft(other, home.control), false)).await;
    assert_eq!(answer["step"], "kept", "{answer:#}");
    assert!(ping(other).await.is_some());
    assert_eq!(agent(&window).await["ports"][0]["port"].as_u64(), Some(other.into()), "the window shows it");
    window.call(json!({ "command": "restart", "role": "agent" })).await;
    until("the new backend answers", LONG, async || ping(other).await.is_some()).await;
    assert_eq!(configured(&home), (home.network.into(), home.control.into()), "and it is not written");
    drop(window);
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    assert!(home.ping().await.is_some());
}

/// Where a change is when the app is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Killed {
    /// It has just been asked for: this is over so soon that it may be further.
    Checking,
    /// The old ports are noted down, and the new ones are being written.
    Saving,
    /// The old backend does not stop.
    Stopping,
    /// The new backend is not ready.
    Starting,
    /// It is ready and does not answer.
    Confirming,
    /// The new backend has failed, and the old ports are started again.
    RollingBack,
    /// It has come out well a moment ago.
    Kept,
}

impl Killed {
    const AT_EACH_STEP: [Self; 7] = [
        Self::Checking,
        Self::Saving,
        Self::Stopping,
        Self::Starting,
        Self::Confirming,
        Self::RollingBack,
        Self::Kept,
    ];

    /// What is put in the sidecar's place once the old one runs no more.
    fn next_backend(self) -> Option<&'static str> {
        match self {
            Self::Starting => Some("is never ready"),
            Self::Confirming => Some("answers no health call"),
            Self::RollingBack => Some("crashes, and then is never ready"),
            Self::Checking | Self::Saving | Self::Stopping | Self::Kept => None,
        }
    }

    /// Which ports a launch may be on that follows.
    fn may_be(self, new: bool) -> bool {
        match self {
            // Until the new ports have been seen to work, it is the old ones.
            Self::Saving | Self::Stopping | Self::Starting | Self::Confirming | Self::RollingBack => !new,
            Self::Kept => new,
            Self::Checking => true,
        }
    }
}

#[tokio::test]
async fn a_launch_after_a_kill_at_each_step_is_on_one_of_the_two_configurations_whole() {
    let (home, programs) = (Home::new(), Programs::current());
    let installed = home.path().join("installed");
    std::fs::create_dir(&installed).expect("a folder");
    programs.install(&installed);
    let (app, sidecar) = (installed.join("taskpaw"), installed.join("taskpaw-backend"));
    let note = home.path().join("data/ports-change.json");
    let mut ports = (home.network, home.control);
    let mut window = Window::open_program(&app, &home).await;
    window.role_is("agent", "ready").await;
    for killed in Killed::AT_EACH_STEP {
        let [network, control] = free_ports();
        let host = window.host_pid();
        let old = running(&sidecar, home.path())[0];
        if let Some(behaviour) = killed.next_backend() {
            std::fs::write(installed.join("behaviour"), behaviour).expect("what it does wrong");
            replace(&sidecar, &std::fs::read(env!("CARGO_BIN_EXE_misbehaving")).expect("the program"));
        }
        if killed == Killed::Stopping {
            send(old, libc::SIGSTOP);
        }
        let noted = note.clone();
        let kill = move || send(host, libc::SIGKILL);
        // These are over in some milliseconds, so they are waited for from before they begin.
        let watching = match killed {
            Killed::Saving => Some(thread::spawn(move || {
                at_once(|| noted.exists());
                kill();
            })),
            Killed::Kept => Some(thread::spawn(move || {
                at_once(|| noted.exists());
                at_once(|| !noted.exists());
                kill();
            })),
            _ => None,
        };
        begin(&window, &apply(draft(network, control), true)).await;
        match killed {
            Killed::Checking => tokio::time::sleep(ASKED).await,
            Killed::Stopping => drop(step_is(&window, "stopping").await),
            Killed::Starting => drop(step_is(&window, "starting").await),
            Killed::Confirming => drop(step_is(&window, "confirming").await),
            Killed::RollingBack => drop(step_is(&window, "rolling_back").await),
            Killed::Saving | Killed::Kept => {}
        }
        match watching {
            Some(thread) => thread.join().expect("it was noted"),
            None => kill(),
        }
        drop(window);
        if killed.next_backend().is_some() {
            replace(&sidecar, &std::fs::read(programs.backend()).expect("the program"));
        }

        window = Window::open_program(&app, &home).await;
        window.role_is("agent", "ready").await;
        let now = configured(&home);
        let (before, after) = ((ports.0.into(), ports.1.into()), (network.into(), control.into()));
        assert!(now == before || now == after, "{killed:?}: {now:?} is neither {before:?} nor {after:?}");
        assert!(killed.may_be(now == after), "{killed:?}: {now:?}, from {before:?} to {after:?}");
        ports = if now == after { (network, control) } else { ports };
        assert!(!note.exists(), "{killed:?}: nothing is left to undo");
        assert!(ping(ports.0).await.is_some(), "{killed:?}: the agent answers where the configuration says");
        let shown = agent(&window).await["ports"].clone();
        assert_eq!((&shown[0]["port"], &shown[1]["port"]), (&json!(ports.0), &json!(ports.1)), "{killed:?}");
        until("one backend is left", LONG, async || running(&sidecar, home.path()).len() == 1).await;
    }
}

/// Looks again and again without a pause: what is waited for lasts some milliseconds.
fn at_once(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONG);
        std::hint::spin_loop();
    }
}
