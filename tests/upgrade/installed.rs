//! An update is installed under the running app.

use support::process::{running, runs};
use support::programs::{CURRENT, NEWER, Programs};
use support::wait::LONG;
use support::{Home, Window, until};

#[tokio::test]
async fn an_installed_update_is_noticed_and_relaunch_starts_it() {
    let home = Home::new();
    let folder = home.path().join("installed");
    std::fs::create_dir(&folder).expect("the folder");
    Programs::current().install(&folder);
    let app = folder.join("taskpaw");
    let window = Window::open_program(&app, &home).await;
    window.role_is("agent", "ready").await;
    let host = window.host_pid();

    Programs::newer().install(&folder);
    window.text_with("update", &format!("TaskPaw {NEWER} is installed")).await;
    window.picture("update").await;
    assert_eq!(home.ping().await.expect("the old one answers")["version"], CURRENT, "it goes on until then");

    window.click("action-relaunch").await;
    until("the old app is gone", LONG, async || !runs(host)).await;
    until("the new one answers", LONG, async || {
        home.ping().await.is_some_and(|answer| answer["version"] == NEWER)
    })
    .await;
    assert_eq!(running(&app, home.path()).len(), 1, "one app");
    assert_eq!(running(&folder.join("taskpaw-backend"), home.path()).len(), 1, "one backend");
}
