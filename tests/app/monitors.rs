//! What an agent watches, by the forms of the window, and the events about it as they happen.

use std::net::TcpListener;

use serde_json::json;
use support::programs::Programs;
use support::{Home, Window, free_ports};

/// As WebDriver writes it.
const ESCAPE: &str = "\u{e00c}";
/// The one that was added. What is always watched has no switch.
const ADDED: &str = "[data-testid='monitor']:has([data-testid='monitor-enabled'])";

#[tokio::test]
async fn a_monitor_is_added_changed_switched_off_and_removed_and_its_events_arrive() {
    let home = Home::new();
    let [port, silent] = free_ports();
    let _database = TcpListener::bind(("127.0.0.1", port)).expect("it is free");
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    assert_eq!(window.count(ADDED).await, 0);

    // The form is made from what the agent says about a kind, and says at each field what is wrong.
    window.click("action-add-monitor").await;
    window.choose("monitor-type", "tcp_check").await;
    let about = (
        "Tells you when a host and port stop accepting connections",
        "主机和端口无法连接或恢复连接时发出通知",
    );
    window.says("monitor-dialog", about.0, about.1).await;
    window.click("monitor-save").await;
    window.says("monitor-dialog", "This must be filled in.", "此项必填。").await;
    window.types("monitor-name", "Database").await;
    window.types("field-port", "70000").await;
    window.says("monitor-dialog", "This must be 65535 or less.", "此项不能大于 65535。").await;
    assert_eq!(window.barriers().await, Vec::<String>::new());
    window.picture("monitor-form").await;
    window.types("field-port", &port.to_string()).await;
    // What few people change is folded away.
    window.click_at("[data-testid='more-settings'] summary").await;
    window.types("field-failures", "1").await;
    window.types("field-poll_interval", "1").await;
    window.click("monitor-save").await;
    window.shows(&format!("{ADDED}[data-state='ok']")).await;
    window.text_with("page-this-machine", "Database").await;
    let monitor = home.config()["agent"]["monitors"][0].clone();
    assert_eq!((&monitor["type_id"], &monitor["name"]), (&json!("tcp_check"), &json!("Database")));
    assert_eq!((&monitor["enabled"], &monitor["config"]["port"]), (&json!(true), &json!(port)));

    window.click_at(&format!("{ADDED} [data-testid='monitor-edit']")).await;
    assert_eq!(window.value("field-port").await, port.to_string(), "the form has what is configured");
    window.types("field-port", &silent.to_string()).await;
    window.click("monitor-save").await;
    window.shows(&format!("{ADDED}[data-state='error']")).await;
    window.says("page-this-machine", "Error", "错误").await;
    window.picture("monitor-error").await;

    events(&window, silent).await;

    window.click("nav-this-machine").await;
    window.click("monitor-enabled").await;
    window.shows(&format!("{ADDED}[data-state='off']")).await;
    window.says("page-this-machine", "Switched off", "已关闭").await;
    assert_eq!(home.config()["agent"]["monitors"][0]["enabled"], false);
    window.click("monitor-remove").await;
    window.says("confirm", "Remove “Database”?", "移除“Database”？").await;
    window.click("confirm-no").await;
    assert_eq!(window.count(ADDED).await, 1, "it was only asked");
    window.click("monitor-remove").await;
    window.click("confirm-yes").await;
    window.hides(ADDED).await;
    assert_eq!(home.config()["agent"]["monitors"], json!([]));
}

/// The alert is there, what follows arrives by itself, and the list is filtered.
async fn events(window: &Window, silent: u16) {
    const ALERT: &str = "[data-testid='event'][data-level='alert']";
    const DONE: &str = "[data-testid='event'][data-level='done']";
    window.click("nav-events").await;
    window.text_with("events", "Database is down").await;
    // What is always watched may say something as well.
    window.choose("event-monitor", "Database").await;
    window.shows(ALERT).await;
    assert_eq!((window.count(ALERT).await, window.count(DONE).await), (1, 0));
    let answering = TcpListener::bind(("127.0.0.1", silent)).expect("it is free");
    window.shows(DONE).await;
    window.says("page-events", "2 of ", "个事件中的 2 个").await;
    window.says("event", "Recovered", "已恢复").await;
    window.picture("events-of-one-monitor").await;
    drop(answering);

    window.choose("event-level", "done").await;
    window.hides(ALERT).await;
    window.says("page-events", "1 of ", "个事件中的 1 个").await;
    window.types("event-search", "nothing like that").await;
    window.says("page-events", "No event matches", "没有匹配的事件").await;
    window.picture("events-no-match").await;
    window.click("event-clear").await;
    window.types("event-search", "well again").await;
    window.hides(ALERT).await;
    window.click("event").await;
    window.says("event-open", "accepts connections", "监测项目").await;
    window.picture("event-open").await;
    window.presses(ESCAPE).await;
    window.hides("[data-testid='event-open']").await;
}
