//! An installation that is not whole, before and after an update: the window says what is wrong and what to do, and
//! once the file is there, one click leads on. The old files are never needed.

use std::path::Path;

use serde_json::json;
use support::process::runs;
use support::programs::{CURRENT, NEWER, Programs, replace};
use support::wait::LONG;
use support::{Home, Window, until};

/// The failure that the window shows, after what it said about it.
async fn says(window: &Window, sentence: &str, advice: &str) -> String {
    window.role_is("agent", "failed").await;
    let said = window.text_with("failure", sentence).await;
    assert!(said.contains(advice), "{said}");
    let snapshot = window.call(json!({ "command": "snapshot" })).await;
    snapshot["roles"][0]["state"]["failure"]["kind"].as_str().expect("a failure").to_owned()
}

fn program(of: &Path) -> Vec<u8> {
    std::fs::read(of).expect("the program")
}

#[tokio::test]
async fn an_update_without_its_backend_says_so_and_needs_no_old_file() {
    let home = Home::new();
    let folder = home.path().join("installed");
    std::fs::create_dir(&folder).expect("the folder");
    Programs::current().install(&folder);
    let (app, backend) = (folder.join("taskpaw"), folder.join("taskpaw-backend"));
    let older = Window::open_program(&app, &home).await;
    older.role_is("agent", "ready").await;
    let host = older.host_pid();

    // The update puts the new app there, and is interrupted: one file is still the old one, and then none at all.
    replace(&app, &program(&Programs::newer().app()));
    let newer = Window::open_program(&app, &home).await;
    assert_eq!(says(&newer, &format!("its backend is {CURRENT}"), "install it again").await, "wrong_version");
    newer.text_with("took-over", &format!("TaskPaw {CURRENT}")).await;
    newer.picture("update-with-an-old-backend").await;
    until("the older app is gone", LONG, async || !runs(host)).await;

    std::fs::remove_file(&backend).expect("the old backend");
    newer.click("action-retry").await;
    assert_eq!(says(&newer, "is missing", "install TaskPaw again").await, "spawn_failed");
    newer.picture("update-without-a-backend").await;

    replace(&backend, b"this is no program");
    newer.click("action-retry").await;
    assert_eq!(says(&newer, "did not start", "install TaskPaw again").await, "spawn_failed");

    replace(&backend, &program(&Programs::newer().backend()));
    newer.click("action-retry").await;
    newer.role_is("agent", "ready").await;
    assert_eq!(home.ping().await.expect("it answers")["version"], NEWER);
}
