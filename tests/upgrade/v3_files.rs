//! The first start of the app on a machine that TaskPaw V3 was on: its files become the configuration, once.

use std::fs;

use serde_json::{Value, json};
use support::process::runs;
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window, until};

/// Writes the files of V3, with a token and with things that cannot be taken.
fn write_files(home: &Home) -> String {
    let agent = format!(
        "server_id: id-of-v3\nmachine: old-box\nbind_host: 0.0.0.0\nbind_port: {}\ncontrol_port: {}\n\
         api_token: t0ken-of-v3\nmonitors:\n- type_id: tcp_check\n  name: mine\n  config: {{port: {}}}\n\
         - {{type_id: lada, name: gone}}\n",
        home.network, home.control, home.control
    );
    fs::create_dir(home.v3_dir()).expect("the folder");
    fs::write(home.v3_dir().join("agent.yaml"), &agent).expect("the agent's");
    fs::write(home.v3_dir().join("hub.yaml"), format!("bind_port: {}\npoll_interval: 5\n", home.api))
        .expect("the hub's");
    agent
}

#[tokio::test]
async fn the_window_says_once_what_was_taken_and_diagnostics_keeps_it() {
    let home = Home::unconfigured();
    let agent = write_files(&home);
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    window.click("nav-fleet").await;
    window.role_is("hub", "ready").await;
    window.click("nav-this-machine").await;
    assert_eq!(home.ping().await.expect("it answers")["machine"], "old-box");

    let config = home.config();
    assert_eq!(config["roles"], json!(["agent", "hub"]));
    assert_eq!(config["agent"]["network"], json!({ "host": "127.0.0.1", "port": home.network }));
    assert_eq!(
        (&config["agent"]["token"], &config["hub"]["poll_seconds"]),
        (&json!("t0ken-of-v3"), &json!(5))
    );
    assert_eq!(fs::read_to_string(home.v3_dir().join("agent.yaml")).expect("it is there"), agent);

    let notice = window.text("import-notice").await;
    for part in ["ID, ", "1 monitor", "address", "gone"] {
        assert!(notice.contains(part), "{part} in {notice}");
    }
    window.picture("v3-files").await;
    let snapshot = window.call(json!({ "command": "snapshot" })).await;
    assert!(!snapshot.to_string().contains("t0ken-of-v3"), "{snapshot}");

    window.click("action-import-seen").await;
    window.click("nav-diagnostics").await;
    let details = window.text_with("import-details", "lada").await;
    assert!(details.contains("address") && !details.contains("t0ken"), "{details}");
    window.picture("v3-files-details").await;
    let host = window.host_pid();
    window.quit().await;
    until("the app has ended", LONG, async || !runs(host)).await;

    // Whatever stands in the old files now, they are not asked again.
    fs::write(home.v3_dir().join("agent.yaml"), "machine: later\n").expect("the agent's");
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "ready").await;
    assert_eq!(home.ping().await.expect("it answers")["machine"], "old-box");
    let again = window.call(json!({ "command": "snapshot" })).await;
    assert_eq!(
        (&again["app"]["imported"]["seen"], &home.config()["agent"]["server_id"]),
        (&json!(true), &json!("id-of-v3"))
    );
    let shown: Value =
        window.script("return document.querySelectorAll('[data-testid=import-notice]').length").await;
    assert_eq!(shown, 0);
}
