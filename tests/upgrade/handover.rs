//! Another version, or the same one, is started while an app runs: always the last one started.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use support::process::{running, runs, send};
use support::programs::{CURRENT, NEWER, Programs};
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, until};

/// The app of an older version, ready, and its processes.
struct Older {
    home: Home,
    window: Window,
    host: u32,
    backend: u32,
}

impl Older {
    async fn start() -> Self {
        let home = Home::new();
        let window = Window::open(&Programs::current(), &home).await;
        window.role_is("agent", "ready").await;
        let backend = running(&Programs::current().backend(), home.path());
        Self { host: window.host_pid(), backend: backend[0], home, window }
    }

    /// A newer version is started over it and becomes ready; nothing of the older one is left.
    async fn is_replaced(&self) -> Window {
        let newer = Window::open(&Programs::newer(), &self.home).await;
        newer.role_is("agent", "ready").await;
        until("the older app is gone", LONG, async || !runs(self.host) && !runs(self.backend)).await;
        assert_eq!(self.home.ping().await.expect("the newer one answers")["version"], NEWER);
        assert_eq!(running(&Programs::newer().backend(), self.home.path()).len(), 1);
        newer
    }
}

#[tokio::test]
async fn a_newer_app_takes_over_from_an_idle_one() {
    let older = Older::start().await;
    let newer = older.is_replaced().await;
    let snapshot = newer.call(json!({ "command": "snapshot" })).await;
    let from = &snapshot["app"]["took_over"];
    assert_eq!((&from["version"], &from["forced"]), (&json!(CURRENT), &json!(false)));
    assert_eq!(from["pid"], older.host);
    newer.text_with("took-over", &format!("TaskPaw {CURRENT}")).await;
    newer.picture("took-over").await;
}

#[tokio::test]
async fn an_older_app_takes_over_from_a_newer_one() {
    let home = Home::new();
    let newer = Window::open(&Programs::newer(), &home).await;
    newer.role_is("agent", "ready").await;
    let host = newer.host_pid();
    let older = Window::open(&Programs::current(), &home).await;
    older.role_is("agent", "ready").await;
    until("the newer app is gone", LONG, async || !runs(host)).await;
    older.text_with("took-over", &format!("{CURRENT} is older")).await;
}

#[tokio::test]
async fn a_newer_app_takes_over_from_one_that_hangs() {
    let older = Older::start().await;
    send(older.host, libc::SIGSTOP);
    older.is_replaced().await;
}

#[tokio::test]
async fn a_newer_app_takes_over_from_one_that_was_just_killed() {
    let older = Older::start().await;
    send(older.host, libc::SIGKILL);
    older.is_replaced().await;
}

#[tokio::test]
async fn a_newer_app_takes_over_from_one_without_a_record() {
    let older = Older::start().await;
    std::fs::remove_file(older.home.path().join("data/instance/host.json")).expect("the record");
    older.is_replaced().await;
}

/// Who hangs cannot be named for certain, so nobody is signalled: the window says so, and leads on.
#[tokio::test]
async fn one_that_hangs_without_a_record_is_said_in_the_window_and_never_ended() {
    let older = Older::start().await;
    std::fs::remove_file(older.home.path().join("data/instance/host.json")).expect("the record");
    send(older.host, libc::SIGSTOP);
    let newer = Window::open(&Programs::newer(), &older.home).await;
    newer.text_with("launch-waiting", "TaskPaw").await;
    newer.text_with("launch-blocked", "no record").await;
    newer.picture("launch-blocked").await;
    assert!(runs(older.host) && runs(older.backend));
    assert_eq!(older.home.ping().await.expect("the old backend works on")["version"], CURRENT);

    send(older.host, libc::SIGCONT);
    newer.click("action-claim-again").await;
    newer.role_is("agent", "ready").await;
    until("the older app is gone", LONG, async || !runs(older.host) && !runs(older.backend)).await;
}

#[tokio::test]
async fn a_damaged_record_and_one_of_a_reused_pid_block_nobody() {
    for record in ["{".to_owned(), foreign_record()] {
        let home = Home::new();
        let folder = home.path().join("data/instance");
        std::fs::create_dir_all(&folder).expect("the folder");
        std::fs::write(folder.join("host.json"), record).expect("the record");
        let window = Window::open(&Programs::current(), &home).await;
        window.role_is("agent", "ready").await;
    }
}

/// A record that names this test's own process, with another start time.
fn foreign_record() -> String {
    json!({ "schema": 1, "version": CURRENT, "process": { "pid": std::process::id(), "started_at": 1, "exe": "/x" } })
        .to_string()
}

#[tokio::test]
async fn the_same_version_is_shown_and_the_second_start_ends_at_once() {
    let older = Older::start().await;
    let desktop = Desktop::new();
    let mut command = Command::new(Programs::current().app());
    desktop.furnish(older.home.furnish(&mut command)).current_dir("/").stderr(Stdio::null());
    let started = Instant::now();
    let mut second = Owned::start(&mut command);
    assert_eq!(second.ended(LONG).await, Some(0));
    let took = started.elapsed();
    assert!(took < Duration::from_millis(500), "it took {took:?}");
    assert!(runs(older.host) && runs(older.backend));
    older.window.role_is("agent", "ready").await;
}

#[tokio::test]
async fn a_running_app_ends_when_it_is_asked_from_a_terminal() {
    let older = Older::start().await;
    let mut command = Command::new(Programs::current().app());
    older.home.furnish(&mut command).arg("--quit").stderr(Stdio::null());
    let mut asking = Owned::start(&mut command);
    assert_eq!(asking.ended(LONG).await, Some(0));
    assert!(!runs(older.host) && !runs(older.backend), "it waits until the other is gone");
}

#[tokio::test]
async fn two_starts_at_the_same_moment_end_with_one() {
    let desktop = Desktop::new();
    for round in 0..4 {
        let home = Home::new();
        let (first, second) = if round % 2 == 0 {
            (Programs::current(), Programs::newer())
        } else {
            (Programs::current(), Programs::current())
        };
        let start = |programs: &Programs| {
            let mut command = Command::new(programs.app());
            desktop.furnish(home.furnish(&mut command)).stderr(Stdio::null());
            Owned::start(&mut command)
        };
        let mut started = [start(&first), start(&second)];
        let [one, other] = &mut started;
        until("one of them is left", LONG, async || one.is_alive() != other.is_alive()).await;
        until("a backend answers", LONG, async || home.ping().await.is_some()).await;
        let hosts = started.iter_mut().map(|host| usize::from(host.is_alive())).sum::<usize>();
        assert_eq!(hosts, 1, "round {round}");
        let backends = || {
            let of = |programs: &Programs| running(&programs.backend(), home.path()).len();
            of(&Programs::current()) + of(&Programs::newer())
        };
        until("one backend is left", LONG, async || backends() == 1).await;
        // Those of the host that is left end with it.
        for host in &started {
            host.signal(libc::SIGTERM);
        }
        until("no backend is left", LONG, async || backends() == 0).await;
    }
}
