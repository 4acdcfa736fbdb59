//! What a person asks of the app besides its roles: an archive for the people who help, the start at login.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window, until};

/// What an archive holds, by the names of its files.
fn unpacked(archive: &Path, into: &Path) -> BTreeMap<String, String> {
    std::fs::create_dir(into).expect("a folder");
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into).status().expect("tar");
    assert!(status.success());
    let mut files = BTreeMap::new();
    let root = into.join("taskpaw-diagnostics");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).expect("below it").display().to_string();
            files.insert(name, String::from_utf8(std::fs::read(path).expect("the file")).expect("text"));
        }
    }
    files
}

#[tokio::test]
async fn the_export_is_explained_elsewhere_and_tells_no_token() {
    let (home, programs) = (Home::unconfigured(), Programs::current());
    home.configure(&json!({ "agent": { "token": "t0ken-of-this-test" } }));
    let earlier = home.start_backend(&programs, "agent");
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    let shown = window.call(json!({ "command": "show_token", "token": "agent" })).await;
    assert_eq!(shown, "t0ken-of-this-test", "a person who asks sees it");
    let snapshot = window.call(json!({ "command": "snapshot" })).await;
    assert_eq!(snapshot["app"]["tokens"], json!(["agent"]));
    assert!(!snapshot.to_string().contains("t0ken-of-this-test"));
    let journal = window.call(json!({ "command": "journal", "limit": 5 })).await;
    assert!(journal.is_array(), "{journal}");

    window.click("nav-diagnostics").await;
    let replaced = format!("taskpaw-backend (pid {})", earlier.pid());
    let in_chinese = format!("taskpaw-backend（进程号 {}）", earlier.pid());
    window.says("journal", &format!("Replaced {replaced}"), &format!("已替换 {in_chinese}")).await;
    log(&window).await;
    window.click("action-export").await;
    let path = window.text("exported").await;
    window.says("page-diagnostics", "Saved as", "已保存为").await;
    window.picture("exported").await;
    let files = unpacked(Path::new(&path), &home.path().join("unpacked"));
    assert!(
        files.contains_key("logs/agent.log") && files.contains_key("logs/taskpaw.log"),
        "{:?}",
        files.keys()
    );
    for (name, text) in &files {
        assert!(!text.contains("t0ken-of-this-test"), "{name}");
    }
    let explained = Command::new(programs.ports())
        .args(["explain", "--json", "--snapshot"])
        .arg(home.path().join("unpacked/taskpaw-diagnostics/ports-agent.json"))
        .output()
        .expect("it runs");
    let told: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    assert_eq!(told["decision"], "reclaim", "the agent that runs is ours: {told:#}");
}

/// The log comes by itself, from a level up, and is searched.
async fn log(window: &Window) {
    let lines = async || window.count("[data-testid='log'] p").await;
    window.text_with("log", "INFO").await;
    let all = lines().await;
    window.types("log-search", "READY").await;
    until("the log is searched", LONG, async || (1..all).contains(&lines().await)).await;
    window.types("log-search", "nothing like that").await;
    window.says("log", "No line matches.", "没有匹配的行。").await;
    window.types("log-search", "READY").await;
    window.choose("select-level", "error").await;
    window.text_with("log", "No line matches.").await;
    window.choose("select-level", "trace").await;
    window.text_with("log", "ready").await;
    // Another start says its own line, and nobody asks for it.
    let before = lines().await;
    window.call(json!({ "command": "restart", "role": "agent" })).await;
    until("the new start is in the log", LONG, async || lines().await > before).await;
}

#[tokio::test]
async fn the_app_is_entered_for_the_next_login_and_taken_out_again() {
    let (home, programs) = (Home::new(), Programs::current());
    let window = Window::open(&programs, &home).await;
    let entries = || {
        let found = std::fs::read_dir(home.path().join(".config/autostart"));
        found.map(|entries| entries.filter_map(Result::ok).count()).unwrap_or_default()
    };
    let shown = async || window.call(json!({ "command": "snapshot" })).await["app"]["start_at_login"].clone();
    assert_eq!((entries(), shown().await), (0, json!(false)));
    window.call(json!({ "command": "set_start_at_login", "enabled": true })).await;
    assert_eq!((entries(), shown().await), (1, json!(true)));
    window.call(json!({ "command": "set_start_at_login", "enabled": false })).await;
    assert_eq!((entries(), shown().await), (0, json!(false)));
}
