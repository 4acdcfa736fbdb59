//! An installation that is not whole, before and after an update: the running version goes on, the window of the new one
//! says what is wrong and what to do, and once the file is there, one click leads on. The old files are never needed.

use std::path::Path;

use serde_json::json;
use support::process::runs;
use support::programs::{CURRENT, NEWER, Programs, replace};
use support::wait::LONG;
use support::{Home, Window, until};

/// The failure that the window shows, after what it said about it.
async fn says(window: &Window, sentence: &str, advice: &str) -> String {
    let said = window.text_with("launch-kept", sentence).await;
    assert!(said.contains(advice), "{said}");
    let snapshot = window.call(json!({ "command": "snapshot" })).await;
    snapshot["app"]["launch"]["because"]["failure"]["kind"].as_str().expect("a failure").to_owned()
}

fn program(of: &Path) -> Vec<u8> {
    std::fs::read(of).expect("the program")
}

#[tokio::test]
async fn an_update_without_its_backend_says_so_and_the_old_one_goes_on() {
    let home = Home::new();
    let folder = home.path().join("installed");
    std::fs::create_dir(&folder).expect("the folder");
    Programs::current().install(&folder);
    let (app, backend) = (folder.join("taskpaw"), folder.join("taskpaw-backend"));
    let older = Window::open_program(&app, &home).await;
    older.role_is("agent", "ready").await;
    let host = older.host_pid();
    let agent = home.ping().await.expect("it answers");
    let still_serves = async || {
        assert!(runs(host));
        assert_eq!(home.ping().await.expect("it answers"), agent);
    };

    // The update puts the new app there, and is interrupted: one file is still the old one, and then none at all.
    replace(&app, &program(&Programs::newer().app()));
    let newer = Window::open_program(&app, &home).await;
    let sentence = format!("its backend is {CURRENT}");
    assert_eq!(says(&newer, &sentence, "reinstall it").await, "wrong_version");
    newer.text_with("launch-kept", &format!("TaskPaw {CURRENT} goes on")).await;
    newer.picture("update-with-an-old-backend").await;
    still_serves().await;

    std::fs::remove_file(&backend).expect("the old backend");
    newer.click("action-claim-again").await;
    assert_eq!(says(&newer, "is missing", "reinstall TaskPaw").await, "spawn_failed");
    newer.picture("update-without-a-backend").await;
    still_serves().await;

    replace(&backend, b"this is no program");
    newer.click("action-claim-again").await;
    assert_eq!(says(&newer, "did not start", "reinstall TaskPaw").await, "spawn_failed");
    still_serves().await;

    // A library is missing: the system's loader ends it with this.
    replace(&backend, b"#!/bin/sh\nexit 127\n");
    newer.click("action-claim-again").await;
    assert_eq!(says(&newer, "127", "TaskPaw").await, "exited");
    still_serves().await;

    replace(&backend, b"#!/bin/sh\nexec sleep 600\n");
    newer.click("action-claim-again").await;
    assert_eq!(says(&newer, "It had 10 s", "").await, "not_ready");
    still_serves().await;

    // The real one, with something that goes wrong before it is prepared: nobody is asked for the place.
    for (at, how, kind, sentence) in [
        ("start", "crashes", "exited", "It ended with"),
        ("greeting", "crashes", "exited", "It ended with"),
        ("before_prepared", "crashes", "exited", "It ended with"),
        ("greeting", "garbage", "broken_protocol", "The installation may be damaged"),
        ("before_prepared", "garbage", "broken_protocol", "The installation may be damaged"),
        ("before_prepared", "version", "wrong_version", "its backend is 3.9.9"),
        ("before_prepared", "config_invalid", "startup_error", "Correct the configuration"),
        ("before_prepared", "state_denied", "startup_error", "the right to read and write"),
    ] {
        let failure = json!({ "at": at, "how": how, "once": false, "role": "agent" }).to_string();
        Programs::newer().install_failing(&folder, Path::new(env!("CARGO_BIN_EXE_failing")), &failure);
        let told = folder.join("told");
        let _of_the_one_before = std::fs::remove_file(&told);
        newer.click("action-claim-again").await;
        until(&format!("{how} at {at}"), LONG, async || told.exists()).await;
        assert_eq!(says(&newer, sentence, "").await, kind, "{how} at {at}");
        still_serves().await;
    }

    replace(&backend, &program(&Programs::newer().backend()));
    newer.click("action-claim-again").await;
    newer.role_is("agent", "ready").await;
    newer.text_with("took-over", &format!("TaskPaw {CURRENT}")).await;
    until("the older app is gone", LONG, async || !runs(host)).await;
    assert_eq!(home.ping().await.expect("it answers")["version"], NEWER);
}
