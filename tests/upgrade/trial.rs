//! A version that lies beside the one that runs is on trial until it has stayed ready for a minute. What stays beside it brings the
//! old one back.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::process::{crash, running, runs, send};
use support::programs::{CURRENT, NEWER, Programs, place};
use support::wait::LONG;
use support::{Home, Owned, Window, until};

/// So soon the version before one on trial answers again.
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// An installation with both versions, of which the current one is installed.
fn installation(home: &Home) -> PathBuf {
    let folder = home.path().join("opt");
    for programs in [Programs::current(), Programs::newer()] {
        let place = folder.join("versions").join(programs.version);
        std::fs::create_dir_all(&place).expect("its folder");
        programs.install(&place);
    }
    std::os::unix::fs::symlink(Path::new("versions").join(CURRENT), folder.join("current"))
        .expect("the link");
    folder
}

/// The installed version, which has looked what a trial came to: another one may begin.
async fn opened(home: &Home, folder: &Path) -> Window {
    let window = Window::open_program(&folder.join("current").join("taskpaw"), home).await;
    window.role_is("agent", "ready").await;
    until("it knows what lies beside it", LONG, async || folder.join("installing.lock").exists()).await;
    window
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

async fn answers(home: &Home, version: &str) -> bool {
    home.ping().await.is_some_and(|answer| answer["version"] == version)
}

async fn has_the_place(home: &Home, folder: &Path) {
    let is_placed = async || !record(folder)["trial"]["placed_at"].is_null() && answers(home, NEWER).await;
    until("the new one has the place, and answers", LONG, is_placed).await;
}

/// What the next start starts is the version before it.
fn the_pointer_has_not_moved(folder: &Path) {
    let installed = std::fs::read_link(folder.join("current")).expect("the link");
    assert_eq!(installed, Path::new("versions").join(CURRENT), "it is what the next start starts");
}

/// From now on, the version before it answers in time.
async fn is_back_in_time(home: &Home) {
    let since = Instant::now();
    until("the old one answers again", LONG, async || answers(home, CURRENT).await).await;
    let took = since.elapsed();
    assert!(took <= BACK_WITHIN, "it was back after {took:?}");
}

#[tokio::test]
async fn a_version_on_trial_that_does_not_come_to_stay_is_replaced_by_the_one_before_it() {
    let home = Home::new();
    let folder = installation(&home);
    let newer = folder.join("versions").join(NEWER);
    let window = opened(&home, &folder).await;
    let host = window.host_pid();

    // It lacks its backend: the old one never stops.
    std::fs::remove_file(newer.join("taskpaw-backend")).expect("its backend");
    let mut stays = tries(&folder, &home, &window);
    assert_eq!(stays.ended(LONG).await, Some(1), "it has gone back");
    assert_eq!(failed(&folder), (json!(NEWER), json!("not_ready")));
    assert!(runs(host) && answers(&home, CURRENT).await);
    until("the one that failed is gone", LONG, async || {
        running(&newer.join("taskpaw"), home.path()).is_empty()
    })
    .await;

    // It takes over, and crashes: the old one is started, and serves again.
    place(&Programs::newer().backend(), &newer.join("taskpaw-backend"));
    let mut stays = tries(&folder, &home, &window);
    has_the_place(&home, &folder).await;
    crash(running(&newer.join("taskpaw"), home.path())[0]);
    is_back_in_time(&home).await;
    assert_eq!(stays.ended(LONG).await, Some(1), "it has gone back");
    assert_eq!(failed(&folder), (json!(NEWER), json!("ended")));
    the_pointer_has_not_moved(&folder);
}

#[tokio::test]
async fn a_version_on_trial_whose_backend_is_killed_is_replaced_before_there_is_a_window() {
    let home = Home::new();
    let folder = installation(&home);
    let newer = folder.join("versions").join(NEWER);
    let window = opened(&home, &folder).await;

    let mut stays = tries(&folder, &home, &window);
    has_the_place(&home, &folder).await;
    send(running(&newer.join("taskpaw-backend"), home.path())[0], libc::SIGKILL);
    is_back_in_time(&home).await;
    assert_eq!(stays.ended(LONG).await, Some(1), "it has gone back");
    let (version, reason) = failed(&folder);
    assert_eq!(version, NEWER);
    // Perhaps before it was seen that it was ready.
    assert!(reason == "not_stayed_ready" || reason == "not_ready", "{reason}");
    the_pointer_has_not_moved(&folder);
}
