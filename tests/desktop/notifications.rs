//! Notifications of the desktop: what calls for the person and what is done, for those who asked for them.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::PoisonError;

use serde_json::{Value, json};
use support::home::get;
use support::programs::{CURRENT, NEWER, Programs, replace};
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, free_ports, until};

use crate::notification_daemon::{Shown, click, daemon};
use crate::start;

/// A home whose agent watches a port.
fn home(machine: &str, port: u16, app: &Value) -> Home {
    let home = Home::new();
    let config = json!({ "host": "127.0.0.1", "port": port, "poll_interval": 1, "failures": 1 });
    let monitor = json!({ "type_id": "tcp_check", "name": "watched", "enabled": true, "config": config });
    home.configure(&json!({ "agent": { "machine": machine, "monitors": [monitor] }, "app": app }));
    home
}

/// Whether the agent has told that the port is gone.
async fn has_told(home: &Home) -> bool {
    let events = get(home.network, "/events?ack=0").await;
    events.is_some_and(|events| events.to_string().contains("\"alert\""))
}

async fn is_ok(home: &Home) -> bool {
    let status = get(home.network, "/status").await;
    status.is_some_and(|status| status["monitors"]["watched"]["state"] == "ok")
}

#[tokio::test]
async fn they_are_shown_to_those_who_asked_for_them_and_to_nobody_else() {
    let desktop = Desktop::new();
    let shown = Shown::default();
    let _daemon = daemon(&desktop, &shown).await;

    let [port] = free_ports();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let quiet = home("quiet", port, &json!({}));
    let told = home("told", port, &json!({ "notifications": true }));
    let _apps = [start(&quiet, &desktop, &[]), start(&told, &desktop, &[])];
    for home in [&quiet, &told] {
        until("the agent watches the port", LONG, async || is_ok(home).await).await;
    }
    let seen = || shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    drop(listener);
    for home in [&quiet, &told] {
        until("the agent tells it", LONG, async || has_told(home).await).await;
    }
    until("the desktop shows it", LONG, async || !seen().is_empty()).await;
    let _listener = TcpListener::bind(("127.0.0.1", port)).expect("it is free again");
    until("the desktop shows that it is over", LONG, async || seen().len() >= 2).await;
    let titles: Vec<String> = seen().into_iter().map(|(title, ..)| title).collect();
    assert!(titles.iter().all(|title| title.ends_with("– told")), "{titles:?}");
    assert!(titles.iter().all(|title| title.contains("watched")), "{titles:?}");
}

/// What the window shows is pushed, and what a notification is about is one click away.
#[tokio::test]
async fn a_click_on_one_opens_the_history_of_what_it_is_about_with_its_event() {
    let [port] = free_ports();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let home = home("told", port, &json!({ "notifications": true }));
    let window = Window::open(&Programs::current(), &home).await;
    let shown = Shown::default();
    let bus = daemon(window.desktop(), &shown).await;
    window.shows("[data-testid='monitor'][data-state='ok'] + [data-testid='monitor'][data-state='ok']").await;
    window.shows_a_number("metric-cpu").await;
    drop(listener);
    window.shows("[data-testid='monitor'][data-state='error']").await;
    let seen = || shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    until("the desktop shows it", LONG, async || !seen().is_empty()).await;
    assert_eq!(seen()[0].2, ["default", "Open TaskPaw"]);

    let opened = "[data-testid='chosen-event'][aria-current='true']";
    click(&bus, "default", "its event is shown", async || window.count(opened).await > 0).await;
    window.text_with("chosen-event", "watched").await;
    window.shows("[data-testid='history'] [data-testid='band']").await;
    window.quit().await;
}

/// Who starts an app without a window cannot be asked in one.
#[tokio::test]
async fn one_that_is_started_without_a_window_and_cannot_follow_says_so_and_ends() {
    let desktop = Desktop::new();
    let shown = Shown::default();
    let _daemon = daemon(&desktop, &shown).await;

    let home = Home::new();
    let mut older = start(&home, &desktop, &[]);
    until("it serves", LONG, async || home.ping().await.is_some()).await;
    let folder = home.path().join("newer");
    std::fs::create_dir(&folder).expect("the folder");
    Programs::newer().install(&folder);
    replace(&folder.join("taskpaw-backend"), b"#!/bin/sh\nexit 127\n");
    let mut command = Command::new(folder.join("taskpaw"));
    desktop.furnish(home.furnish(&mut command)).arg("--background").stderr(Stdio::null());
    let mut newer = Owned::start(&mut command);
    assert_eq!(newer.ended(LONG).await, Some(1));
    let seen = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let title = format!("TaskPaw {CURRENT} goes on");
    assert!(seen.iter().any(|(shown, body, _)| *shown == title && body.contains(NEWER)), "{seen:?}");
    assert!(older.is_alive());
    assert_eq!(home.ping().await.expect("it answers")["version"], CURRENT);
}
