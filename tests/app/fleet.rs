//! A hub with two agents, by the forms of the window: tested, added, heard, silent, removed.

use serde_json::{Value, json};
use support::programs::Programs;
use support::{Home, Window};

const TOKEN: &str = "t0ken-of-the-render-machine";
const ONLINE: &str = "[data-testid='fleet-agent'][data-online='true']";
const SILENT: &str = "[data-testid='fleet-agent'][data-online='false']";

/// A monitor that fails at once, and says so once.
fn broken(name: &str) -> Value {
    json!({ "type_id": "custom_cmd", "name": name, "enabled": true,
            "config": { "command": ["false"], "failures": 1, "poll_interval": 1 } })
}

#[tokio::test]
async fn a_hub_with_two_agents() {
    let programs = Programs::current();
    let (home, render) = (Home::unconfigured(), Home::unconfigured());
    home.configure(&json!({ "roles": ["agent", "hub"], "hub": { "poll_seconds": 1 },
        "agent": { "machine": "desk", "monitors": [broken("Backup")] } }));
    render.configure(&json!({ "agent": { "server_id": "other", "machine": "render-01", "token": TOKEN,
        "monitors": [broken("Film")] } }));
    let there = render.start_backend(&programs, "agent");
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    window.click("nav-fleet").await;
    window.role_is("hub", "ready").await;
    window.says("page-fleet", "No machines yet", "还没有机器").await;

    window.click("action-add-agent").await;
    window.click("agent-by-hand").await;
    window.click("agent-test").await;
    window.says("agent-dialog", "This must be filled in.", "此项必填。").await;
    window.types("agent-url", &format!("http://127.0.0.1:{}", home.network)).await;
    window.click("agent-test").await;
    window.says("agent-test-result", "desk answered in", "desk 已应答").await;
    assert_eq!(window.value("agent-name").await, "desk", "it says its name itself");
    window.click("agent-save").await;
    window.shows(ONLINE).await;

    window.click("action-add-agent").await;
    window.click("agent-by-hand").await;
    window.types("agent-url", &format!("127.0.0.1:{}", render.network)).await;
    window.types("agent-token", "another-one").await;
    window.click("agent-test").await;
    window.says("agent-test-result", "It did not accept the token.", "它不接受此令牌。").await;
    assert_eq!(window.barriers().await, Vec::<String>::new());
    window.picture("agent-form").await;
    window.types("agent-token", TOKEN).await;
    window.click("agent-test").await;
    window.says("agent-test-result", "render-01 answered in", "render-01 已应答").await;
    window.click("agent-save").await;
    window.hides("[data-testid='agent-dialog']").await;
    window.says("page-fleet", "2 of 2 online", "2 台机器中 2 台在线").await;
    assert_eq!(window.count(ONLINE).await, 2);
    window.says("page-fleet", "Problems: Film", "异常：Film").await;
    assert_eq!(window.count(&format!("{ONLINE} dd")).await, 6, "processor, memory and disk of each");
    let whole = window.script("return document.documentElement.outerHTML").await;
    assert!(!whole.as_str().expect("the page").contains(TOKEN), "the token is not in the window");
    window.picture("fleet-two").await;

    events_of_both(&window).await;

    window.click("nav-fleet").await;
    drop(there);
    window.shows(SILENT).await;
    window.says("page-fleet", "1 of 2 online", "2 台机器中 1 台在线").await;
    window.says("page-fleet", "Last answered", "上次应答").await;
    window.says("page-fleet", "It cannot be reached.", "无法连接它。").await;
    window.picture("fleet-silent").await;
    window.speaks("zh-CN", "dark").await;
    window.picture("fleet-silent-zh").await;
    window.speaks("en", "light").await;

    window.click("agent-remove").await;
    window.says("confirm", "Remove “desk”?", "移除“desk”？").await;
    window.click("confirm-yes").await;
    window.hides(ONLINE).await;
    let left = home.config()["hub"]["agents"].clone();
    assert_eq!((left.as_array().map(Vec::len), &left[0]["name"]), (Some(1), &json!("render-01")));
    assert_eq!(left[0]["token"], TOKEN);
}

/// What both machines have noticed, and each machine's alone.
async fn events_of_both(window: &Window) {
    let rows = async |name: &str| {
        let text = window.text("events").await;
        text.matches(&format!("{name} is down")).count()
    };
    window.click("nav-events").await;
    window.text_with("events", "Film is down").await;
    window.text_with("events", "Backup is down").await;
    window.choose("event-machine", "render-01").await;
    window.says("page-events", " of ", "个事件中的").await;
    assert_eq!((rows("Film").await, rows("Backup").await), (1, 0));
    window.picture("events-of-one-machine").await;
    window.choose("event-machine", "desk").await;
    assert_eq!((rows("Film").await, rows("Backup").await), (0, 1), "the hub and the agent tell it once");
}
