//! A backend that ends by itself is started again, and one that always does is shown with its last words.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;
use support::process::{running, send};
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Window, until};

#[tokio::test]
async fn a_backend_that_is_killed_is_started_again() {
    let home = Home::new();
    let programs = Programs::current();
    let window = Window::open(&programs, &home).await;
    window.role_is("agent", "ready").await;
    let first = running(&programs.backend(), home.path());
    send(first[0], libc::SIGKILL);
    until("another backend answers", LONG, async || {
        let now = running(&programs.backend(), home.path());
        now.len() == 1 && now != first && home.ping().await.is_some()
    })
    .await;
    window.role_is("agent", "ready").await;
}

#[tokio::test]
async fn a_backend_that_always_crashes_is_given_up_with_its_last_words_and_a_way_on() {
    let home = Home::new();
    let folder = home.path().join("installed");
    std::fs::create_dir(&folder).expect("the folder");
    let programs = Programs::current();
    programs.install(&folder);
    let sound = std::fs::read(programs.backend()).expect("the program");
    replace(&folder.join("taskpaw-backend"), b"#!/bin/sh\necho 'the disk is on fire' >&2\nexit 7\n");

    let window = Window::open_program(&folder.join("taskpaw"), &home).await;
    window.role_is("agent", "backoff").await;
    window.role_is("agent", "failed").await;
    window.text_with("failure", "the disk is on fire").await;
    window.picture("crash").await;
    let snapshot = window.call(json!({ "command": "snapshot" })).await;
    assert_eq!(snapshot["roles"][0]["state"]["failure"]["kind"], "exited");

    replace(&folder.join("taskpaw-backend"), &sound);
    window.click("action-retry").await;
    window.role_is("agent", "ready").await;
}

fn replace(program: &Path, content: &[u8]) {
    let aside = program.with_extension("new");
    std::fs::write(&aside, content).expect("the program");
    std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    std::fs::rename(&aside, program).expect("its place");
}
