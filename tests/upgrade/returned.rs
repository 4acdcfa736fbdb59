//! A new version that could be prepared and then does not come to serve: the old one serves again by itself, in the same
//! process, and both windows say why.

use std::path::Path;

use serde_json::json;
use support::process::{running, runs};
use support::programs::{CURRENT, NEWER, Programs, replace};
use support::wait::LONG;
use support::{Home, Window, until};

/// Installs the newer version with a backend that misbehaves like this.
fn install_broken(folder: &Path, behaviour: &str) {
    std::fs::create_dir(folder).expect("the folder");
    Programs::newer().install(folder);
    let misbehaving = std::fs::read(env!("CARGO_BIN_EXE_misbehaving")).expect("the misbehaving program");
    replace(&folder.join("taskpaw-backend"), &misbehaving);
    std::fs::write(folder.join("behaviour"), behaviour).expect("what it does wrong");
}

/// The older version serves; the newer one is started, fails like this, and the older one serves again.
async fn serves_again_after(behaviour: &str, kind: &str) {
    let home = Home::new();
    let older = Window::open(&Programs::current(), &home).await;
    older.role_is("agent", "ready").await;
    let (host, backends) = (older.host_pid(), running(&Programs::current().backend(), home.path()));
    let folder = home.path().join("newer");
    install_broken(&folder, behaviour);

    let newer = Window::open_program(&folder.join("taskpaw"), &home).await;
    let said = newer.text_with("launch-kept", &format!("TaskPaw {CURRENT} goes on")).await;
    assert!(said.contains("agent"), "{said}");
    let snapshot = newer.call(json!({ "command": "snapshot" })).await;
    assert_eq!(snapshot["app"]["launch"]["because"]["failure"]["kind"], kind, "{snapshot}");
    let said = older.text_with("not-replaced", &format!("TaskPaw {NEWER} could not start")).await;
    assert!(said.contains(CURRENT), "{said}");
    older.role_is("agent", "ready").await;
    older.picture(&format!("returned-{}", behaviour.replace(' ', "-"))).await;
    newer.picture(&format!("kept-{}", behaviour.replace(' ', "-"))).await;
    assert!(runs(host));
    assert_eq!(running(&Programs::current().backend(), home.path()), backends, "it is the same process");
    assert_eq!(home.ping().await.expect("it answers")["version"], CURRENT);

    // Once the new version is whole, one click leads on.
    replace(
        &folder.join("taskpaw-backend"),
        &std::fs::read(Programs::newer().backend()).expect("the program"),
    );
    newer.click("action-claim-again").await;
    newer.role_is("agent", "ready").await;
    until("the older app is gone", LONG, async || !runs(host)).await;
    assert_eq!(home.ping().await.expect("it answers")["version"], NEWER);
}

#[tokio::test]
async fn one_that_crashes_when_it_is_told_to_go_on() {
    serves_again_after("crashes when it goes on", "exited").await;
}

#[tokio::test]
async fn one_that_hangs_when_it_is_told_to_go_on() {
    serves_again_after("is never ready", "not_ready").await;
}

#[tokio::test]
async fn one_that_writes_garbage_when_it_is_told_to_go_on() {
    serves_again_after("writes garbage when it goes on", "broken_protocol").await;
}
