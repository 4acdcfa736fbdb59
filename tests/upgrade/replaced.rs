//! The app is started while an old backend, or somebody else, holds its ports.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::process::runs;
use support::programs::{CURRENT, NEWER, Programs};
use support::wait::LONG;
use support::{Home, Owned, Window, free_ports, until};

fn event<'a>(timeline: &'a [Value], kind: &str) -> &'a Value {
    timeline
        .iter()
        .find(|event| event["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind} in {timeline:#?}"))
}

#[tokio::test]
async fn an_old_backend_is_replaced_by_a_newer_app() {
    let home = Home::new();
    let mut old = home.start_backend(&Programs::current(), "agent");
    assert_eq!(home.ping().await.expect("the old one answers")["version"], CURRENT);

    let window = Window::open(&Programs::newer(), &home).await;
    window.role_is("agent", "ready").await;
    assert_eq!(old.ended(LONG).await, Some(0), "it was asked, and stopped by itself");
    assert_eq!(home.ping().await.expect("the new one answers")["version"], NEWER);

    let timeline = window.timeline().await;
    assert_eq!(event(&timeline, "reclaim_started")["pids"], json!([old.pid()]));
    let replaced = &event(&timeline, "reclaim_finished")["replaced"][0];
    assert_eq!(replaced["pid"], old.pid());
    assert_eq!(replaced["version"], CURRENT);
    assert_eq!(event(&timeline, "backend_ready")["backend"]["version"], NEWER);
    let shown = window.text_with("timeline", &format!("pid {}", old.pid())).await;
    assert!(shown.contains(CURRENT), "{shown}");
    window.picture("replaced").await;

    let journal = home.path().join("data/takeover-journal.jsonl");
    until("the takeover is in the journal", LONG, async || journal.exists()).await;
    let record = std::fs::read_to_string(journal).expect("the journal");
    let record: Value = serde_json::from_str(record.lines().next().expect("a record")).expect("JSON");
    assert_eq!((&record["version"], &record["outcome"]), (&json!(NEWER), &json!("ready")));
    assert_eq!(record["holders"][0]["pid"], old.pid());
}

#[tokio::test]
async fn a_backend_of_v3_is_replaced() {
    let home = Home::new();
    let mut command = Command::new("python3");
    command
        .args(["-m", "taskpaw_v3.agent", &home.network.to_string(), &home.control.to_string()])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("helpers"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let (mut old, _ready) = Owned::start_and_read_line(&mut command);

    let window = Window::open(&Programs::newer(), &home).await;
    window.role_is("agent", "ready").await;
    assert_eq!(old.ended(LONG).await, Some(0), "V3 ends in order");
    assert_eq!(home.ping().await.expect("the new one answers")["version"], NEWER);
    let timeline = window.timeline().await;
    let replaced = &event(&timeline, "reclaim_finished")["replaced"][0];
    assert_eq!((&replaced["pid"], &replaced["version"]), (&json!(old.pid()), &json!("3")));
}

#[tokio::test]
async fn a_foreign_holder_lives_on_and_one_click_leads_out() {
    let home = Home::new();
    // The old backend holds the control port, and a network port of its own.
    let [elsewhere] = free_ports();
    home.configure(&json!({ "agent": { "network": { "port": elsewhere } } }));
    let mut old = home.start_backend(&Programs::current(), "agent");
    home.configure(&json!({}));
    let mut foreign = Owned::start(
        Command::new("python3")
            .args(["-m", "http.server", &home.network.to_string(), "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    let answers =
        |port: u16| async move { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() };
    until("the foreign server listens", LONG, async || answers(home.network).await).await;

    let window = Window::open(&Programs::newer(), &home).await;
    let held = format!("Held by python3 (pid {})", foreign.pid());
    window.text_with("conflict-port-network", &held).await;
    assert!(foreign.is_alive() && old.is_alive(), "nothing was ended");
    window.picture("conflict-en").await;

    window
        .call(
            json!({ "command": "set_preferences", "preferences": { "language": "zh-CN", "theme": "light" } }),
        )
        .await;
    window
        .text_with("conflict-port-network", &format!("已被占用：python3（进程号 {}）", foreign.pid()))
        .await;
    window.picture("conflict-zh").await;

    window.click("action-use-free-network").await;
    window.role_is("agent", "ready").await;
    assert!(foreign.is_alive(), "the foreign one was never touched");
    assert_eq!(old.ended(LONG).await, Some(0), "with a free network port, the old backend is replaced");
    let port = home.config()["agent"]["network"]["port"].clone();
    assert_ne!(port, home.network, "the choice is kept");
    let new = support::home::ping(u16::try_from(port.as_u64().expect("a number")).expect("a port")).await;
    assert_eq!(new.expect("the new one answers")["version"], NEWER);
}

#[tokio::test]
async fn a_stopped_old_backend_is_replaced_too() {
    let home = Home::new();
    let mut old = home.start_backend(&Programs::current(), "agent");
    old.signal(libc::SIGSTOP);
    let window = Window::open(&Programs::newer(), &home).await;
    window.role_is("agent", "ready").await;
    assert_eq!(old.ended(Duration::from_secs(1)).await, Some(0), "it was continued and obeyed");
    assert!(!runs(old.pid()));
}
