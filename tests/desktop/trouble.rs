//! A role that cannot run while nobody sees the window: somebody is told, whatever the desktop has.

use std::net::TcpListener;
use std::sync::PoisonError;

use support::tray::Tray;
use support::wait::LONG;
use support::{Desktop, Home, until, until_some};

use crate::notification_daemon::{Shown, click, daemon};
use crate::start;

fn log(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("data/logs/taskpaw.log")).unwrap_or_default()
}

#[tokio::test]
async fn a_notification_says_who_has_the_port_and_another_one_is_a_click_away() {
    let (home, desktop, shown) = (Home::new(), Desktop::new(), Shown::default());
    let bus = daemon(&desktop, &shown).await;
    let _foreign = TcpListener::bind(("127.0.0.1", home.network)).expect("it is free");
    let app = start(&home, &desktop, &["--background"]);
    let told = async || shown.lock().unwrap_or_else(PoisonError::into_inner).first().cloned();
    let (title, body, actions) = until_some("the desktop shows it", LONG, told).await;
    assert!(title.contains(&home.network.to_string()), "{title}");
    assert!(body.contains(&format!("(pid {})", std::process::id())), "{body}");
    assert!(body.ends_with("TaskPaw starts by itself as soon as it can."), "{body}");
    assert_eq!((&*actions[0], &*actions[1], &*actions[2]), ("default", "Open TaskPaw", "action-1"));
    let free = actions[3].strip_prefix("Use ").and_then(|it| it.parse::<u16>().ok()).expect("a number");

    assert_eq!(desktop.screen().window_of(app.pid()), None);
    let answers = async || support::home::ping(free).await.is_some();
    click(&bus, "action-1", "the agent answers on the other port", answers).await;
    for line in ["waits, and starts as soon as it can", "the person is told by a notification", "ready"] {
        until(line, LONG, async || log(&home).contains(line)).await;
    }
}

#[tokio::test]
async fn a_click_on_the_notification_opens_the_window() {
    let (home, desktop, shown) = (Home::new(), Desktop::new(), Shown::default());
    let bus = daemon(&desktop, &shown).await;
    let _foreign = TcpListener::bind(("127.0.0.1", home.network)).expect("it is free");
    let app = start(&home, &desktop, &["--background"]);
    let told = async || !shown.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
    until("the desktop shows it", LONG, told).await;
    let is_there = async || desktop.screen().window_of(app.pid()).is_some();
    click(&bus, "default", "the window is there", is_there).await;
}

#[tokio::test]
async fn without_notifications_the_tray_says_it_and_without_a_tray_the_window() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let tray = Tray::on(&desktop).await;
    let _foreign = TcpListener::bind(("127.0.0.1", home.network)).expect("it is free");
    let app = start(&home, &desktop, &["--background"]);
    let icon = tray.icon().await;
    let calls = async || icon.status().await == "NeedsAttention";
    until("the icon calls for the person", LONG, calls).await;
    let is_logged = async || log(&home).contains("the tray says it");
    until("the tray is enough", LONG, is_logged).await;
    assert_eq!(desktop.screen().window_of(app.pid()), None);

    let (home, desktop) = (Home::new(), Desktop::new());
    let _foreign = TcpListener::bind(("127.0.0.1", home.network)).expect("it is free");
    let app = start(&home, &desktop, &["--background"]);
    until("the window is there", LONG, async || desktop.screen().window_of(app.pid()).is_some()).await;
}
