//! An update is installed under the running app.

use std::path::Path;

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

/// Versions side by side: moving the link installs the version that it leads to.
#[tokio::test]
async fn a_link_that_leads_to_another_version_is_an_update_and_a_link_back_the_way_back() {
    let home = Home::new();
    let folder = home.path().join("opt");
    let version_of = |version: &str| folder.join("versions").join(version);
    for (version, programs) in [(CURRENT, Programs::current()), (NEWER, Programs::newer())] {
        std::fs::create_dir_all(version_of(version)).expect("its folder");
        programs.install(&version_of(version));
    }
    point(&folder, CURRENT);
    let app = folder.join("current").join("taskpaw");
    let window = Window::open_program(&app, &home).await;
    window.role_is("agent", "ready").await;
    let host = window.host_pid();

    point(&folder, NEWER);
    window.text_with("update", &format!("TaskPaw {NEWER} is installed")).await;
    window.click("action-relaunch").await;
    until("the old app is gone", LONG, async || !runs(host)).await;
    let answers = async |version: &str| home.ping().await.is_some_and(|answer| answer["version"] == version);
    until("the new one answers", LONG, async || answers(NEWER).await).await;
    assert_eq!(running(&version_of(NEWER).join("taskpaw-backend"), home.path()).len(), 1, "its own backend");

    point(&folder, CURRENT);
    let window = Window::open_program(&app, &home).await;
    window.role_is("agent", "ready").await;
    until("the old one answers again", LONG, async || answers(CURRENT).await).await;
}

/// As `install.sh` does it: the link is renamed over.
fn point(folder: &Path, version: &str) {
    let next = folder.join("current.next");
    std::os::unix::fs::symlink(Path::new("versions").join(version), &next).expect("the next link");
    std::fs::rename(next, folder.join("current")).expect("its name");
}
