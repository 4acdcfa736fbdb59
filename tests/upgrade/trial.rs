//! A version that lies beside the one that runs is on trial until it has stayed ready for a minute. What stays beside it brings the
//! old one back.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::process::{crash, running, runs};
use support::programs::{CURRENT, NEWER, Programs, place};
use support::wait::LONG;
use support::{Home, Owned, Window, until};

/// An installation with both versions, of which the current one is installed.
fn installation(home: &Home) -> PathBuf {
    let folder = home.path().join("opt");
    for (version, programs) in [(CURRENT, Programs::current()), (NEWER, Programs::newer())] {
        let place = folder.join("versions").join(version);
        std::fs::create_dir_all(&place).expect("its folder");
        programs.install(&place);
    }
    std::os::unix::fs::symlink(Path::new("versions").join(CURRENT), folder.join("current"))
        .expect("the link");
    folder
}

/// As the app does it: the trial is noted, and the program of the installed version starts the newer one.
fn tries(folder: &Path, home: &Home, window: &Window) -> Owned {
    let notes = json!({ "en": "", "zh-CN": "" });
    let trial = json!({ "version": NEWER, "previous": CURRENT, "roles": ["agent"], "notes": notes });
    let record = serde_json::to_vec(&json!({ "trial": trial })).expect("JSON");
    std::fs::write(folder.join("updates.json"), record).expect("the record");
    let mut command = Command::new(folder.join("versions").join(CURRENT).join("taskpaw"));
    Owned::start(window.desktop().furnish(home.furnish(&mut command)).args(["--stay-beside", NEWER]))
}

fn record(folder: &Path) -> Value {
    let bytes = std::fs::read(folder.join("updates.json")).expect("the record");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn failed(folder: &Path) -> (Value, Value) {
    let record = record(folder);
    (record["failed"][0]["version"].clone(), record["failed"][0]["failure"]["reason"].clone())
}

#[tokio::test]
async fn a_version_on_trial_that_does_not_come_to_stay_is_replaced_by_the_one_before_it() {
    let home = Home::new();
    let folder = installation(&home);
    let newer = folder.join("versions").join(NEWER);
    let answers = async |version: &str| home.ping().await.is_some_and(|answer| answer["version"] == version);
    let window = Window::open_program(&folder.join("current").join("taskpaw"), &home).await;
    window.role_is("agent", "ready").await;
    // It has looked what a trial came to: this one begins after that.
    until("it knows what lies beside it", LONG, async || folder.join("installing.lock").exists()).await;
    let host = window.host_pid();

    // It lacks its backend: the old one never stops.
    std::fs::remove_file(newer.join("taskpaw-backend")).expect("its backend");
    let mut stays = tries(&folder, &home, &window);
    assert_eq!(stays.ended(LONG).await, Some(1), "it has gone back");
    assert_eq!(failed(&folder), (json!(NEWER), json!("not_ready")));
    assert!(runs(host) && answers(CURRENT).await);
    until("the one that failed is gone", LONG, async || {
        running(&newer.join("taskpaw"), home.path()).is_empty()
    })
    .await;

    // It takes over, and crashes: the old one is started, and serves again.
    place(&Programs::newer().backend(), &newer.join("taskpaw-backend"));
    let mut stays = tries(&folder, &home, &window);
    until("the new one has the place", LONG, async || !record(&folder)["trial"]["placed_at"].is_null()).await;
    until("it answers", LONG, async || answers(NEWER).await).await;
    crash(running(&newer.join("taskpaw"), home.path())[0]);
    until("the old one answers again", LONG, async || answers(CURRENT).await).await;
    assert_eq!(stays.ended(LONG).await, Some(1), "it has gone back");
    assert_eq!(failed(&folder), (json!(NEWER), json!("ended")));
    let installed = std::fs::read_link(folder.join("current")).expect("the link");
    assert_eq!(installed, Path::new("versions").join(CURRENT), "it is what the next start starts");
}
