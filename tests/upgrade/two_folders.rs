//! Two data folders on one configuration: no port changes hands, and the second window says whose it is.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::process::{running, runs};
use support::programs::{CURRENT, Programs};
use support::wait::LONG;
use support::{Desktop, Home, Owned, Window, until};

/// Longer than anything takes that ends and starts a backend by itself: the first waits are 0.5 s and 1 s.
const WATCHED_FOR: Duration = Duration::from_secs(4);

/// An app whose agent serves.
struct First {
    home: Home,
    window: Window,
    agent: Vec<u32>,
}

impl First {
    async fn start() -> Self {
        let home = Home::new();
        let window = Window::open(&Programs::current(), &home).await;
        window.role_is("agent", "ready").await;
        let agent = running(&Programs::current().backend(), home.path());
        assert_eq!(agent.len(), 1);
        Self { home, window, agent }
    }

    /// It serves all the time, in the same process.
    async fn is_untouched(&self) {
        let until = tokio::time::Instant::now() + WATCHED_FOR;
        while tokio::time::Instant::now() < until {
            assert!(runs(self.agent[0]), "its agent was ended");
            assert!(self.home.ping().await.is_some(), "it does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.window.role_is("agent", "ready").await;
    }
}

async fn says_whose_it_is(window: &Window) {
    window.shows("[data-testid='conflict-port-network'][data-state='own_other_installation']").await;
    window.says("conflict-port-network", "another data folder", "其他数据文件夹").await;
    window.says("conflict", "Nothing was ended or changed.", "TaskPaw 没有结束任何程序").await;
}

#[tokio::test]
async fn another_data_folder_on_the_same_configuration() {
    let first = First::start().await;
    let other = Home::unconfigured();
    symlink(first.home.config_dir(), other.config_dir()).expect("the same configuration");
    let second = Window::open(&Programs::current(), &other).await;
    says_whose_it_is(&second).await;
    second.picture("another-data-folder").await;
    first.is_untouched().await;

    // Without a window it is the same.
    let mut command = Command::new(Programs::current().backend());
    let command = other.furnish(&mut command).arg("agent").stdin(Stdio::null()).stderr(Stdio::null());
    let (mut headless, line) = Owned::start_and_read_line(command);
    assert!(line.contains("port_in_use"), "{line}");
    assert_eq!(headless.ended(LONG).await, Some(1));
    assert!(runs(first.agent[0]));
}

#[tokio::test]
async fn a_data_folder_that_is_deleted_under_the_app() {
    let first = First::start().await;
    fs::remove_dir_all(first.home.path().join("data")).expect("the folder");
    let second = Window::open(&Programs::current(), &first.home).await;
    says_whose_it_is(&second).await;
    first.is_untouched().await;
}

/// As on a person's machine: the data folder is the default one, which the configuration remembers.
fn by_default(command: &mut Command) {
    command.env_remove("TASKPAW_DATA_DIR");
}

/// What a person has started it with: another folder for data, for temporary files, or without any runtime folder or bus.
#[tokio::test]
async fn a_start_in_another_environment_meets_the_same_app() {
    let home = Home::new();
    let older = Window::open_with(&Programs::current().app(), &home, by_default).await;
    older.role_is("agent", "ready").await;
    let (host, agent) = (older.host_pid(), running(&Programs::current().backend(), home.path()));
    for (name, value) in [("XDG_DATA_HOME", "elsewhere"), ("TMPDIR", "temporary"), ("XDG_RUNTIME_DIR", "")] {
        let folder = home.path().join(value);
        fs::create_dir_all(&folder).expect("the folder");
        let desktop = Desktop::new();
        let mut command = Command::new(Programs::current().app());
        by_default(desktop.furnish(home.furnish(&mut command)));
        command.env(name, if value.is_empty() { "".into() } else { folder.clone() });
        if value.is_empty() {
            command.env_remove("DBUS_SESSION_BUS_ADDRESS");
        }
        command.current_dir("/").stderr(Stdio::null());
        // It is the same version: the window that is there is shown.
        assert_eq!(Owned::start(&mut command).ended(LONG).await, Some(0), "{name}");
        assert!(runs(host) && runs(agent[0]), "{name}");
        older.role_is("agent", "ready").await;
    }
    assert_eq!(running(&Programs::current().backend(), home.path()), agent);
    assert!(!home.path().join("elsewhere/taskpaw").exists(), "nothing was begun in another data folder");
}

/// In a pid namespace of its own, the same numbers mean other processes: an app there signals nobody, and the app that worked before
/// works on, or has handed over by itself.
#[tokio::test]
#[ignore = "needs root"]
async fn a_start_in_another_pid_namespace_harms_nobody() {
    let first = First::start().await;
    let desktop = Desktop::new();
    let mut command = Command::new("unshare");
    desktop.furnish(first.home.furnish(&mut command)).args(["--pid", "--fork", "--kill-child"]);
    command.arg(Programs::newer().app()).stdin(Stdio::null()).stderr(Stdio::null());
    let second = Owned::start(&mut command);
    let log = first.home.path().join("data/logs/taskpaw.log");
    until("it gives up, and says so", LONG, async || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("this one does not replace it"))
    })
    .await;
    until("the first one serves", LONG, async || first.home.ping().await.is_some()).await;
    first.is_untouched().await;
    assert_eq!(first.home.ping().await.expect("it answers")["version"], CURRENT);
    drop(second);
}
