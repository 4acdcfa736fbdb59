//! The Debian package of a newer version is installed under the running app, by the real `dpkg`.
//!
//! It installs into a folder of the test, with a database of its own: nothing of the machine is changed, and no
//! rights are needed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::process::{running, runs, send};
use support::programs::{CURRENT, NEWER, debian_package};
use support::wait::LONG;
use support::{Home, Owned, Window, until};

/// A folder into which packages are installed.
struct Root {
    files: PathBuf,
    database: PathBuf,
}

impl Root {
    fn new(home: &Home) -> Self {
        let root = Self { files: home.path().join("root"), database: home.path().join("dpkg") };
        for folder in ["", "info", "updates", "triggers"] {
            std::fs::create_dir_all(root.database.join(folder)).expect("the folder");
        }
        std::fs::create_dir_all(&root.files).expect("the folder");
        for file in ["status", "available"] {
            std::fs::write(root.database.join(file), "").expect("the file");
        }
        root
    }

    fn app(&self) -> PathBuf {
        self.files.join("usr/bin/taskpaw")
    }

    fn backend(&self) -> PathBuf {
        self.files.join("usr/bin/taskpaw-backend")
    }

    fn installation(&self, package: &Path) -> Command {
        let mut command = Command::new("dpkg");
        command
            .arg(format!("--instdir={}", self.files.display()))
            .arg(format!("--admindir={}", self.database.display()))
            .arg(format!("--log={}", self.database.join("log").display()))
            // What it depends on is installed on the machine, and not in this database.
            .args(["--force-not-root", "--force-bad-path", "--force-depends", "--install"])
            .arg(package)
            .stdout(Stdio::null());
        command
    }

    fn install(&self, package: &Path) {
        let status = self.installation(package).status().expect("dpkg");
        assert!(status.success(), "{status}");
    }
}

fn packages() -> Option<[PathBuf; 2]> {
    let packages = debian_package(CURRENT).zip(debian_package(NEWER));
    if packages.is_none() {
        eprintln!("skipped: there is no dpkg here");
    }
    packages.map(|(older, newer)| [older, newer])
}

/// The older version, installed and ready, and the package of the newer one.
struct Installed {
    home: Home,
    root: Root,
    window: Window,
    host: u32,
    newer: PathBuf,
}

impl Installed {
    async fn start() -> Option<Self> {
        let [older, newer] = packages()?;
        let home = Home::new();
        let root = Root::new(&home);
        root.install(&older);
        let window = Window::open_program(&root.app(), &home).await;
        window.role_is("agent", "ready").await;
        let host = window.host_pid();
        Some(Self { home, root, window, host, newer })
    }
}

async fn answers(home: &Home, version: &str) {
    until("the version answers", LONG, async || {
        home.ping().await.is_some_and(|answer| answer["version"] == version)
    })
    .await;
}

#[tokio::test]
async fn a_package_is_installed_under_the_running_app_and_relaunch_starts_it() {
    let Some(Installed { home, root, window, host, newer }) = Installed::start().await else { return };

    root.install(&newer);
    window.text_with("update", &format!("TaskPaw {NEWER} is installed")).await;
    answers(&home, CURRENT).await;
    window.click("action-relaunch").await;
    until("the old app is gone", LONG, async || !runs(host)).await;
    answers(&home, NEWER).await;
    assert_eq!(running(&root.app(), home.path()).len(), 1, "one app");
    assert_eq!(running(&root.backend(), home.path()).len(), 1, "one backend");
}

#[tokio::test]
async fn the_app_is_killed_in_the_middle_of_an_installation_and_the_next_start_is_whole() {
    let Some(Installed { home, root, window: _window, host, newer }) = Installed::start().await else {
        return;
    };

    let mut dpkg = Owned::start(&mut root.installation(&newer));
    let unpacked = root.files.join("usr/bin/taskpaw.dpkg-new");
    let deadline = std::time::Instant::now() + LONG;
    while !unpacked.exists() && dpkg.is_alive() {
        assert!(std::time::Instant::now() < deadline, "dpkg unpacks nothing");
        std::thread::sleep(Duration::from_micros(200));
    }
    dpkg.signal(libc::SIGSTOP);
    assert!(unpacked.exists(), "it is held in the middle");
    send(host, libc::SIGKILL);
    until("no backend is left", Duration::from_secs(3), async || {
        running(&root.backend(), home.path()).is_empty()
    })
    .await;
    // Half an installation is the old version, whole.
    let between = Window::open_program(&root.app(), &home).await;
    between.role_is("agent", "ready").await;
    answers(&home, CURRENT).await;
    send(between.host_pid(), libc::SIGKILL);

    dpkg.signal(libc::SIGCONT);
    assert_eq!(dpkg.ended(LONG).await, Some(0));
    let after = Window::open_program(&root.app(), &home).await;
    after.role_is("agent", "ready").await;
    answers(&home, NEWER).await;
}
