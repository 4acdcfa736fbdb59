//! What people do while one version follows another: neither is lost, and nobody is left without an answer.
//!
//! The backend of the newer version hangs when it is told to go on, so that the handover lasts until its time is over.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::process::{running, runs};
use support::programs::{CURRENT, Programs};
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, until};

/// A handover that is under way: the older version has stood down.
struct Underway {
    home: Home,
    older: Window,
    old: u32,
    newer: Window,
    new: u32,
}

impl Underway {
    async fn start(keys: &Value) -> Self {
        let home = Home::new();
        home.configure(keys);
        let older = Window::open(&Programs::current(), &home).await;
        older.role_is("agent", "ready").await;
        let folder = home.path().join("newer");
        install_failing(&folder, "go_on", "hangs");
        let newer = Window::open_program(&folder.join("taskpaw"), &home).await;
        until("its backend was told to go on", LONG, async || folder.join("told").exists()).await;
        let (old, new) = (older.host_pid(), newer.host_pid());
        Self { home, older, old, newer, new }
    }

    /// The older one serves again when the time of the other one is over.
    async fn returns(&self) {
        self.newer.text_with("launch-kept", &format!("TaskPaw {CURRENT} goes on")).await;
        self.older.role_is("agent", "ready").await;
        assert_eq!(self.home.ping().await.expect("it answers")["version"], CURRENT);
        assert!(runs(self.old));
    }

    async fn leaves_no_backend(&self) {
        let of = |program: &Path| running(program, self.home.path()).len();
        let newer = self.home.path().join("newer/sound/taskpaw-backend");
        until("no backend is left", LONG, async || of(&Programs::current().backend()) + of(&newer) == 0)
            .await;
    }

    fn start_again(&self, arguments: &[&str]) -> Owned {
        let mut command = Command::new(Programs::current().app());
        Desktop::new()
            .furnish(self.home.furnish(&mut command))
            .args(arguments)
            .current_dir("/")
            .stderr(Stdio::null());
        Owned::start(&mut command)
    }
}

#[tokio::test]
async fn orders_of_the_older_window_are_refused_with_the_reason_and_nothing_is_changed() {
    let underway = Underway::start(&json!({})).await;
    let before = underway.home.config();
    let endpoint = json!({ "host": "127.0.0.1", "port": underway.home.api });
    let draft = json!([{ "role": "agent", "name": "network", "endpoint": endpoint }]);
    for request in [
        json!({ "command": "apply_ports", "draft": draft, "keep": false }),
        json!({ "command": "restart", "role": "agent" }),
        json!({ "command": "set_start_at_login", "enabled": true }),
    ] {
        let answer = underway.older.call(request).await;
        let error = &answer["error"];
        assert_eq!(error["code"], "handing_over", "{answer}");
        assert!(error["message"].as_str().is_some_and(|said| said.contains("take over")), "{answer}");
    }
    // The one that has not followed changes nothing either.
    let preferences = before["app"].clone();
    underway.returns().await;
    let request = json!({ "command": "set_preferences", "preferences": preferences });
    let answer = underway.newer.call(request).await;
    assert_eq!(answer["error"]["code"], "other_runs", "{answer}");
    assert_eq!(underway.home.config(), before);
}

#[tokio::test]
async fn a_closed_window_of_the_older_one_is_only_hidden_and_comes_back_with_it() {
    let underway = Underway::start(&json!({ "app": { "on_close": "quit" } })).await;
    let screen = underway.older.desktop().screen();
    screen.close(screen.window_of(underway.old).expect("its window"));
    until("it is hidden", LONG, async || screen.window_of(underway.old).is_none()).await;
    underway.returns().await;
    underway.newer.click_last("action-keep-other").await;
    until("the newer one is gone", LONG, async || !runs(underway.new)).await;
    until("its window is shown", LONG, async || screen.window_of(underway.old).is_some()).await;
}

/// A person who ends TaskPaw ends all of it, whichever of the two windows that is.
#[tokio::test]
async fn an_end_in_either_window_ends_both_and_every_backend() {
    for of_newer in [true, false] {
        let underway = Underway::start(&json!({})).await;
        if of_newer { &underway.newer } else { &underway.older }.quit().await;
        until("both are gone", LONG, async || !runs(underway.old) && !runs(underway.new)).await;
        underway.leaves_no_backend().await;
    }
}

#[tokio::test]
async fn an_end_for_all_ends_both_and_every_backend() {
    let underway = Underway::start(&json!({})).await;
    let mut quit = underway.start_again(&["--quit"]);
    assert_eq!(quit.ended(LONG).await, Some(0));
    assert!(!runs(underway.old) && !runs(underway.new), "it is answered when both are gone");
    underway.leaves_no_backend().await;
}

#[tokio::test]
async fn a_third_start_waits_and_is_answered() {
    let underway = Underway::start(&json!({})).await;
    // The same version as the one that is on its way is shown; it ends.
    let mut command = Command::new(underway.home.path().join("newer/taskpaw"));
    let desktop = Desktop::new();
    desktop.furnish(underway.home.furnish(&mut command)).current_dir("/").stderr(Stdio::null());
    assert_eq!(Owned::start(&mut command).ended(LONG).await, Some(0));
    assert!(runs(underway.new) && runs(underway.old));
    // The version that works waits until it is clear which one works, and is shown then.
    let mut again = underway.start_again(&[]);
    underway.returns().await;
    assert_eq!(again.ended(LONG).await, Some(0));
    assert!(runs(underway.old));
}

/// An editor saves half a file, before the older version is asked or after it has stood down: the app that worked works on.
#[tokio::test]
async fn a_configuration_that_breaks_in_the_middle_brings_nobody_down() {
    for at in ["before_prepared", "go_on"] {
        let home = Home::new();
        let older = Window::open(&Programs::current(), &home).await;
        older.role_is("agent", "ready").await;
        let (good, backends) = (home.config(), running(&Programs::current().backend(), home.path()));
        let folder = home.path().join("newer");
        install_failing(&folder, at, "config_breaks");
        let newer = Window::open_program(&folder.join("taskpaw"), &home).await;
        newer.text_with("launch-kept", &format!("TaskPaw {CURRENT} goes on")).await;
        until(&format!("the older one answers: {at}"), LONG, async || {
            home.ping().await.is_some_and(|answer| answer["version"] == CURRENT)
        })
        .await;
        assert_eq!(running(&Programs::current().backend(), home.path()), backends, "{at}");
        home.write_config(&good.to_string());
        older.role_is("agent", "ready").await;
    }
}

/// Installs the newer version with a backend that goes wrong once at this step, in this way.
fn install_failing(folder: &Path, at: &str, how: &str) {
    std::fs::create_dir(folder).expect("the folder");
    Programs::newer().install(folder);
    let failure = json!({ "at": at, "how": how, "once": true, "role": "agent" });
    Programs::newer().install_failing(folder, Path::new(env!("CARGO_BIN_EXE_failing")), &failure.to_string());
}
