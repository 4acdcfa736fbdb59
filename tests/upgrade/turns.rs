//! More than two at once: one is on its way, the same version has it shown, and an end is an end for all.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use support::process::runs;
use support::programs::{CURRENT, Programs, replace};
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, until};

/// The older version serves, and a newer one that cannot follow asks the person what to do.
struct Asked {
    home: Home,
    older: Window,
    newer: Window,
    program: PathBuf,
}

impl Asked {
    async fn start() -> Self {
        let home = Home::new();
        let older = Window::open(&Programs::current(), &home).await;
        older.role_is("agent", "ready").await;
        let folder = home.path().join("newer");
        std::fs::create_dir(&folder).expect("the folder");
        Programs::newer().install(&folder);
        replace(&folder.join("taskpaw-backend"), b"#!/bin/sh\nexit 127\n");
        let program = folder.join("taskpaw");
        let newer = Window::open_program(&program, &home).await;
        newer.text_with("launch-kept", &format!("TaskPaw {CURRENT} goes on")).await;
        Self { home, older, newer, program }
    }
}

fn start(program: &PathBuf, home: &Home, desktop: &Desktop, arguments: &[&str]) -> Owned {
    let mut command = Command::new(program);
    desktop.furnish(home.furnish(&mut command)).args(arguments).current_dir("/").stderr(Stdio::null());
    Owned::start(&mut command)
}

#[tokio::test]
async fn the_same_version_again_is_shown_whichever_of_the_two_it_is() {
    let asked = Asked::start().await;
    let desktop = Desktop::new();
    let (old, new) = (asked.older.host_pid(), asked.newer.host_pid());
    for program in [&asked.program, &Programs::current().app()] {
        let mut again = start(program, &asked.home, &desktop, &[]);
        assert_eq!(again.ended(LONG).await, Some(0), "{}", program.display());
        assert!(runs(old) && runs(new));
    }
    asked.newer.text_with("launch-kept", CURRENT).await;
    assert_eq!(asked.home.ping().await.expect("it answers")["version"], CURRENT);
}

#[tokio::test]
async fn the_other_one_is_kept_and_shown() {
    let asked = Asked::start().await;
    let (old, new) = (asked.older.host_pid(), asked.newer.host_pid());
    asked.newer.click_last("action-keep-other").await;
    until("the newer one is gone", LONG, async || !runs(new)).await;
    assert!(runs(old));
    asked.older.role_is("agent", "ready").await;
}

#[tokio::test]
async fn an_end_for_all_ends_both() {
    let asked = Asked::start().await;
    let (old, new) = (asked.older.host_pid(), asked.newer.host_pid());
    let mut quit = start(&asked.program, &asked.home, &Desktop::new(), &["--quit"]);
    assert_eq!(quit.ended(LONG).await, Some(0));
    assert!(!runs(old) && !runs(new), "it is answered when both are gone");
    assert!(asked.home.ping().await.is_none());
}

#[tokio::test]
async fn a_check_of_one_that_cannot_follow_fails_and_changes_nothing() {
    let asked = Asked::start().await;
    let old = asked.older.host_pid();
    drop(asked.newer);
    let picture = asked.home.path().join("window.png");
    let arguments = ["--check", picture.to_str().expect("a path")];
    let mut check = start(&asked.program, &asked.home, &Desktop::new(), &arguments);
    assert_eq!(check.ended(LONG).await, Some(1));
    assert!(runs(old));
    asked.older.role_is("agent", "ready").await;
}

#[tokio::test]
async fn who_is_left_over_while_the_person_is_asked_goes_on() {
    let asked = Asked::start().await;
    let old = asked.older.host_pid();
    replace(
        &asked.program.with_file_name("taskpaw-backend"),
        &std::fs::read(Programs::newer().backend()).expect("the program"),
    );
    asked.older.quit().await;
    until("the older one is gone", LONG, async || !runs(old)).await;
    asked.newer.role_is("agent", "ready").await;
}
