//! Two data folders on one configuration: no port changes hands, and the second window says whose it is.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::process::{running, runs};
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Owned, Window};

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
