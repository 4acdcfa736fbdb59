//! The icon in the tray: what it says, what it does, and what happens where there is no tray.

use std::process::{Command, Stdio};

use serde_json::json;
use support::process::running;
use support::programs::Programs;
use support::tray::Tray;
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, until, until_some};

use crate::start;

fn log(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("data/logs/taskpaw.log")).unwrap_or_default()
}

#[tokio::test]
async fn it_says_how_the_roles_are_and_does_what_is_clicked() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let tray = Tray::on(&desktop).await;
    let mut app = start(&home, &desktop, &[]);
    let icon = tray.icon().await;
    icon.says("Agent: Ready").await;
    assert_eq!((icon.title().await.as_str(), icon.status().await.as_str()), ("TaskPaw", "Active"));
    let pictures = icon.pictures().await;
    assert!(pictures.iter().all(|(width, height, seen)| width == height && *seen > 100), "{pictures:?}");
    icon.says("All well · 1").await;
    assert_eq!(
        icon.labels().await,
        [
            "Open TaskPaw",
            "All well · 1",
            "Agent: Ready",
            "Restart the agent",
            "Stop the agent",
            "Quit TaskPaw"
        ]
    );

    let backend = Programs::current().backend();
    icon.click("Stop the agent").await;
    icon.says("Agent: Stopped").await;
    assert_eq!(running(&backend, home.path()), Vec::<u32>::new());
    icon.click("Start the agent").await;
    icon.says("Agent: Ready").await;
    let old = running(&backend, home.path());
    icon.click("Restart the agent").await;
    until("another backend runs", LONG, async || {
        let now = running(&backend, home.path());
        now.len() == 1 && now != old
    })
    .await;
    icon.says("Agent: Ready").await;
    icon.click_the_end("Quit TaskPaw").await;
    assert_eq!(app.ended(LONG).await, Some(0));
    assert_eq!(running(&backend, home.path()), Vec::<u32>::new());
}

#[tokio::test]
async fn it_calls_for_the_person_when_a_port_cannot_be_had_and_speaks_their_language() {
    let (home, desktop) = (Home::new(), Desktop::new());
    home.configure(&json!({ "app": { "language": "zh-CN" } }));
    let foreign = std::net::TcpListener::bind(("127.0.0.1", home.network)).expect("it is free");
    let tray = Tray::on(&desktop).await;
    let _app = start(&home, &desktop, &[]);
    let icon = tray.icon().await;
    icon.says("打开 TaskPaw").await;
    let conflict = format!("（端口 {} 无法使用）", home.network);
    let says = async || icon.labels().await.into_iter().any(|label| label.ends_with(&conflict));
    until("it says which port", LONG, says).await;
    drop(foreign);
    // Nobody has to click: the port is watched.
    icon.says("监测端：运行中").await;
    assert_eq!(icon.status().await, "Active");
}

#[tokio::test]
async fn it_is_the_way_back_to_a_window_that_was_closed() {
    let (home, desktop) = (Home::new(), Desktop::with_window_manager().await);
    home.configure(&json!({ "app": { "on_close": "tray" } }));
    let tray = Tray::on(&desktop).await;
    let mut app = start(&home, &desktop, &[]);
    let (icon, screen) = (tray.icon().await, desktop.screen());
    icon.says("Agent: Ready").await;
    let shown = async |what: &str| until_some(what, LONG, async || screen.window_of(app.pid())).await;
    let hidden = async || {
        until("the window is hidden", LONG, async || screen.window_of(app.pid()).is_none()).await;
    };
    screen.close(shown("the window is there").await);
    hidden().await;
    assert!(home.ping().await.is_some(), "the agent goes on");
    icon.click("Open TaskPaw").await;
    screen.close(shown("the menu opens the window").await);
    hidden().await;
    icon.open().await;
    screen.close(shown("a click on the icon opens it").await);
    hidden().await;
    tray.end().await;
    shown("without a tray, nobody would find it").await;
    assert!(app.is_alive());
}

#[tokio::test]
async fn the_question_before_closing_offers_it_where_there_is_one() {
    let home = Home::new();
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    let hide = json!({ "command": "answer_close", "decision": "tray", "remember": true });
    assert_eq!(window.call(hide).await["error"]["code"], "unsupported", "there is none yet");
    let tray = Tray::on(window.desktop()).await;
    let icon = tray.icon().await;
    let has_tray = async || window.call(json!({ "command": "snapshot" })).await["app"]["has_tray"] == true;
    until("the app knows the tray", LONG, has_tray).await;

    let (screen, pid) = (window.desktop().screen(), window.host_pid());
    screen.close(screen.window_of(pid).expect("the window is there"));
    window.click("close-remember").await;
    window.click_last("close-tray").await;
    until("the window is hidden", LONG, async || screen.window_of(pid).is_none()).await;
    assert_eq!(home.config()["app"]["on_close"], "tray", "it is remembered");
    icon.click("Open TaskPaw").await;
    let shown = until_some("the window is back", LONG, async || screen.window_of(pid)).await;
    screen.close(shown);
    until("it is hidden without a question", LONG, async || screen.window_of(pid).is_none()).await;
}

#[tokio::test]
async fn in_the_background_it_is_the_way_to_the_window() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let tray = Tray::on(&desktop).await;
    let app = start(&home, &desktop, &["--background"]);
    let (icon, screen) = (tray.icon().await, desktop.screen());
    icon.says("Agent: Ready").await;
    assert_eq!(screen.window_of(app.pid()), None);
    icon.click("Open TaskPaw").await;
    until("the window is there", LONG, async || screen.window_of(app.pid()).is_some()).await;
}

/// A desktop may put up its panel after it has started the app.
#[tokio::test]
async fn where_there_is_no_tray_nothing_is_missed_and_one_that_comes_later_gets_the_icon() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut app = start(&home, &desktop, &[]);
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    until("it is said", LONG, async || log(&home).contains("there is no tray yet")).await;
    assert!(app.is_alive());
    let tray = Tray::on(&desktop).await;
    tray.icon().await.says("Agent: Ready").await;
    assert_eq!(log(&home).matches("there is no tray").count(), 1, "it is said once");
}

#[tokio::test]
async fn without_a_session_bus_the_app_runs_without_a_tray() {
    let (home, desktop) = (Home::new(), Desktop::new());
    let mut command = Command::new(Programs::current().app());
    desktop.furnish_without_bus(home.furnish(&mut command));
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    let mut app = Owned::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    until("the agent answers", LONG, async || home.ping().await.is_some()).await;
    until("it is said", LONG, async || log(&home).contains("there is no tray")).await;
    assert!(app.is_alive());
    app.signal(libc::SIGTERM);
    assert_eq!(app.ended(LONG).await, Some(0));
}
