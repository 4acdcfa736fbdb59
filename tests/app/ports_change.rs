//! A change of ports is a transaction: all or none, and a sudden end leaves one of the two configurations.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::home::ping;
use support::process::{running, send};
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window, free_ports, until, until_some};

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

/// Begins a change without waiting for its end.
async fn begin(window: &Window, request: &Value) {
    window.script(&format!("window.__TAURI_INTERNALS__.invoke('call', {{ request: {request} }})")).await;
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
    send(backend(&programs, &home), libc::SIGSTOP);
    begin(&window, &apply(draft(wanted, home.control), true)).await;
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

/// Killed while the old backend is being stopped, and at moments spread over the rest of a change.
#[tokio::test]
async fn a_launch_after_a_kill_at_any_step_is_on_one_of_the_two_configurations_whole() {
    let (home, programs) = (Home::new(), Programs::current());
    let mut ports = (home.network, home.control);
    for moment in [None, Some(0), Some(15), Some(40), Some(80), Some(140)] {
        let window = Window::open(&programs, &home).await;
        window.role_is("agent", "ready").await;
        let [network, control] = free_ports();
        if moment.is_none() {
            send(backend(&programs, &home), libc::SIGSTOP);
        }
        begin(&window, &apply(draft(network, control), true)).await;
        match moment {
            None => drop(step_is(&window, "stopping").await),
            // Not a wait for something: the moment is what is tried.
            Some(moment) => tokio::time::sleep(Duration::from_millis(moment)).await,
        }
        send(window.host_pid(), libc::SIGKILL);
        drop(window);

        let window = Window::open(&programs, &home).await;
        window.role_is("agent", "ready").await;
        let now = configured(&home);
        let (old, new) = ((ports.0.into(), ports.1.into()), (network.into(), control.into()));
        assert!(now == old || now == new, "{now:?} is neither {old:?} nor {new:?}");
        ports = if now == new { (network, control) } else { ports };
        assert!(ping(ports.0).await.is_some(), "the agent answers where the configuration says");
        let shown = agent(&window).await["ports"][1]["port"].as_u64();
        assert_eq!(shown, Some(ports.1.into()));
        window.quit().await;
        until("the app has ended", LONG, async || running(&programs.app(), home.path()).is_empty()).await;
    }
}

/// Puts a program into another one's place, as an installer does.
fn replace(program: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    let aside = program.with_extension("new");
    std::fs::write(&aside, bytes).expect("the file");
    std::fs::set_permissions(&aside, PermissionsExt::from_mode(0o755)).expect("its mode");
    std::fs::rename(&aside, program).expect("its place");
}
