//! The page of the ports: looked at while one types, changed together, and told how it came out.

use std::net::TcpListener;

use serde_json::json;
use support::home::ping;
use support::programs::Programs;
use support::{Home, Window, free_ports};

use crate::holder::Plan;

const CANNOT_APPLY: &str = "[data-testid='action-apply-agent'][aria-disabled='true']";
const CAN_APPLY: &str = "[data-testid='action-apply-agent'][aria-disabled='false']";

fn field(name: &str) -> String {
    format!("port-number-agent-{name}")
}

/// Why an address that is typed for a port may not be used.
async fn is_exposed(window: &Window, name: &str, host: &str, said: (&str, &str)) {
    window.types(&format!("port-host-agent-{name}"), host).await;
    window.says(&format!("port-state-agent-{name}"), "cannot be used", "不能使用").await;
    window.says(&format!("port-row-agent-{name}"), said.0, said.1).await;
    window.shows(CANNOT_APPLY).await;
}

#[tokio::test]
async fn what_is_typed_is_looked_at_and_refused_with_the_reason() {
    let home = Home::new();
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    window.click("nav-ports").await;
    window.says("port-state-agent-network", "in use by TaskPaw", "TaskPaw 正在使用").await;
    window.says("port-state-agent-control", "in use by TaskPaw", "TaskPaw 正在使用").await;
    window.shows(CANNOT_APPLY).await;

    let [taken] = free_ports();
    let foreign = Plan::foreign().listens(taken).start();
    let pid = foreign.pid();
    window.types(&field("network"), &taken.to_string()).await;
    let said = (format!("held by nginx (pid {pid})"), format!("已被占用：nginx（进程号 {pid}）"));
    window.says("port-state-agent-network", &said.0, &said.1).await;
    window.says("page-ports", "Choose ports that can be used", "请先选择可用的端口").await;
    window.shows(CANNOT_APPLY).await;
    window.picture("ports-held").await;
    // The next free number is one click away.
    window.click("action-use-free-network").await;
    window.shows("[data-testid='port-state-agent-network'][data-state='free']").await;
    assert_ne!(window.value(&field("network")).await, taken.to_string());
    window.shows(CAN_APPLY).await;
    foreign.is_untouched().await;

    // Both that collide are marked.
    window.types(&field("network"), &home.control.to_string()).await;
    for name in ["network", "control"] {
        window.says(&format!("port-state-agent-{name}"), "used twice", "重复使用").await;
        window.shows(&format!("[data-testid='{}'][aria-invalid='true']", field(name))).await;
    }
    window.picture("ports-collide").await;
    for wrong in ["70000", "0", "56x"] {
        window.types(&field("network"), wrong).await;
        window.says("port-state-agent-network", "not a usable address", "地址无效").await;
    }
    window.types(&field("network"), &home.network.to_string()).await;
    window.types("port-host-agent-network", "my pc").await;
    window.says("port-state-agent-network", "not a usable address", "地址无效").await;
    window.shows(CANNOT_APPLY).await;
    window.picture("ports-invalid").await;

    is_exposed(&window, "network", "0.0.0.0", ("It stands for every address", "它代表本机的所有地址")).await;
    is_exposed(&window, "network", "8.8.8.8", ("The whole internet could reach it", "整个互联网都能访问它"))
        .await;
    is_exposed(&window, "network", "10.254.253.252", ("no token is set", "没有设置令牌")).await;
    window.picture("ports-exposed").await;
    is_exposed(&window, "control", "10.254.253.252", ("Write 127.0.0.1.", "请填写 127.0.0.1")).await;
    window.click("action-undo-agent").await;
    window.text_with("port-state-agent-network", "in use by TaskPaw").await;
    window.text_with("port-state-agent-control", "in use by TaskPaw").await;
    assert!(home.ping().await.is_some(), "the agent was left alone");
}

#[tokio::test]
async fn both_ports_are_changed_by_a_person_and_a_port_that_was_snatched_is_told() {
    let home = Home::new();
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    window.click("nav-ports").await;
    // Each takes the other's number, which the app itself still uses.
    window.types(&field("network"), &home.control.to_string()).await;
    window.types(&field("control"), &home.network.to_string()).await;
    window.shows(CAN_APPLY).await;
    window.says("page-ports", "Applying restarts the agent.", "应用后会重启监测端。").await;
    window.click("action-apply-agent").await;
    window.shows("[data-testid='apply-agent'][data-step='kept']").await;
    window.says("apply-agent", "The agent is ready on the new ports.", "监测端已在新端口上就绪。").await;
    window.picture("ports-kept").await;
    let now = home.config()["agent"].clone();
    assert_eq!(
        (&now["network"]["port"], &now["control"]["port"]),
        (&json!(home.control), &json!(home.network))
    );
    assert!(ping(home.control).await.is_some());
    window.text_with("port-state-agent-network", "in use by TaskPaw").await;
    window.text_with("port-state-agent-control", "in use by TaskPaw").await;

    // It was free when it was typed, and is not when it is applied.
    let [wanted] = free_ports();
    window.types(&field("network"), &wanted.to_string()).await;
    window.shows("[data-testid='port-state-agent-network'][data-state='free']").await;
    window.shows(CAN_APPLY).await;
    let _thief = TcpListener::bind(("127.0.0.1", wanted)).expect("it is free");
    window.click("action-apply-agent").await;
    window.shows("[data-testid='apply-agent'][data-step='refused']").await;
    let said = ("Nothing was changed: a port is not available.", "未作任何更改：有端口无法使用。");
    window.says("apply-agent", said.0, said.1).await;
    window.text_with("apply-agent", &format!("(pid {})", std::process::id())).await;
    window.text_with("port-state-agent-network", &format!("(pid {})", std::process::id())).await;
    assert_eq!(window.value(&field("network")).await, wanted.to_string(), "what was typed stays");
    window.picture("ports-refused").await;
    assert_eq!(home.config()["agent"]["network"]["port"], json!(home.control));
    assert!(ping(home.control).await.is_some(), "the agent was left alone");
}
