//! A person's machine: a home, a desktop, the hosts that were started there, and strangers.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::stranger::Stranger;
use super::within;
use crate::home::Home;
use crate::process::{Owned, running, runs, send};
use crate::programs::Programs;
use crate::window::Desktop;

/// How long everything may take to be well again. The longest way is that of a backend that hangs under a host that
/// lives: three health calls of ten seconds, five more for the last answer, five for the stop, and a restart.
pub const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// How long what the hosts have started (the webview's processes) may live after them.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// A machine.
#[derive(Debug)]
pub struct World {
    /// Its folders and ports.
    pub home: Home,
    /// What was started and has not been looked at since it ended.
    pub hosts: Vec<Host>,
    /// A client that stays connected.
    pub connected: Stranger,
    versions: [Programs; 2],
    started: usize,
    /// A backend of somebody else's TaskPaw, with ports of its own.
    neighbour: Owned,
    neighbours_home: Home,
    desktop: Desktop,
}

/// A host that was started.
#[derive(Debug)]
pub struct Host {
    /// Its version.
    pub version: &'static str,
    /// Its process.
    pub process: Owned,
    /// Whether a signal may end it: it was killed or stopped here.
    pub may_be_ended: bool,
    /// What it wrote.
    pub log: PathBuf,
}

/// One host with one backend, which answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Well {
    /// The version of both.
    pub version: &'static str,
    /// The host's process id.
    pub host: u32,
    /// The backend's.
    pub backend: u32,
}

impl World {
    /// A machine on which nothing of TaskPaw runs.
    pub async fn new() -> Self {
        let (home, neighbours_home) = (Home::new(), Home::new());
        let versions = [Programs::current(), Programs::newer()];
        Self {
            connected: Stranger::connected_to(home.network).await,
            neighbour: neighbours_home.start_backend(&versions[0], "agent"),
            desktop: Desktop::new(),
            hosts: Vec::new(),
            started: 0,
            home,
            neighbours_home,
            versions,
        }
    }

    /// Starts the app of a version.
    pub fn start(&mut self, version: &str) -> &mut Host {
        let programs = self.programs(version);
        let (version, app) = (programs.version, programs.app());
        self.started += 1;
        let log = self.home.path().join(format!("host-{}-{version}.log", self.started));
        let mut command = Command::new(app);
        self.desktop
            .furnish(self.home.furnish(&mut command))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a file"));
        let process = Owned::start(&mut command);
        self.hosts.push(Host { version, process, may_be_ended: false, log });
        self.hosts.last_mut().expect("it was put there")
    }

    fn programs(&self, version: &str) -> &Programs {
        self.versions.iter().find(|programs| programs.version == version).expect("a version of the test")
    }

    /// The other version.
    pub fn other(&self, version: &str) -> &'static str {
        self.versions.iter().find(|programs| programs.version != version).expect("there are two").version
    }

    /// The hosts that run, with their versions.
    pub fn running_hosts(&self) -> Vec<(u32, &'static str)> {
        self.running(Programs::app)
    }

    /// The backends that run, with their versions.
    pub fn running_backends(&self) -> Vec<(u32, &'static str)> {
        self.running(Programs::backend)
    }

    fn running(&self, program: fn(&Programs) -> PathBuf) -> Vec<(u32, &'static str)> {
        let of = |programs: &Programs| {
            let version = programs.version;
            running(&program(programs), self.home.path()).into_iter().map(move |pid| (pid, version))
        };
        self.versions.iter().flat_map(of).collect()
    }

    /// Whether there is exactly one host with exactly one backend, which answers.
    ///
    /// # Errors
    /// What there is instead.
    pub async fn is_well(&self) -> Result<Well, String> {
        let answers = self.home.ping().await;
        let answers = answers.as_ref().and_then(|answer| answer["version"].as_str()).unwrap_or("nobody");
        let (hosts, backends) = (self.running_hosts(), self.running_backends());
        let ([(host, version)], [(backend, backends_version)]) = (&hosts[..], &backends[..]) else {
            return Err(format!("hosts {hosts:?}, backends {backends:?}, {answers} answers"));
        };
        if answers != *version || backends_version != version {
            return Err(format!("host {version}, backend {backends_version}, {answers} answers"));
        }
        let parent = parent(*backend);
        if parent != Some(*host) {
            return Err(format!("the parent of the backend {backend} is {parent:?}, not the host {host}"));
        }
        Ok(Well { version, host: *host, backend: *backend })
    }

    /// Waits until all is well, and in this version if it is known which one.
    ///
    /// # Errors
    /// What there is instead when the time is over.
    pub async fn gets_well(&self, version: Option<&str>) -> Result<Well, String> {
        let deadline = Instant::now() + SETTLED_WITHIN;
        loop {
            let why = match self.is_well().await {
                Ok(well) if version.is_none_or(|wanted| wanted == well.version) => return Ok(well),
                Ok(well) => format!("{} runs", well.version),
                Err(why) => why,
            };
            if Instant::now() > deadline {
                return Err(format!("not well after {SETTLED_WITHIN:?}: {why}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether those live that have nothing to do with it.
    ///
    /// # Errors
    /// Who was harmed.
    pub fn strangers_are_unharmed(&mut self) -> Result<(), String> {
        self.connected.is_unharmed()?;
        if !self.neighbour.is_alive() {
            return Err("the backend of another home was ended".to_owned());
        }
        Ok(())
    }

    /// Ends all that was started here. Nothing is left behind.
    ///
    /// # Errors
    /// What was left behind; it is ended too.
    pub async fn end(mut self) -> Result<(), String> {
        let ended = self.strangers_are_unharmed();
        for host in &self.hosts {
            host.process.signal(libc::SIGTERM);
        }
        let gone = within(SETTLED_WITHIN, async || {
            self.hosts.retain_mut(|host| host.process.is_alive());
            self.hosts.is_empty().then_some(())
        })
        .await;
        let folder = self.home.path().to_owned();
        let all_gone = within(GONE_WITHIN, async || all_in(&folder).is_empty().then_some(())).await;
        if gone.is_none() || all_gone.is_none() {
            return Err(format!("left behind: {:?}", all_in(&folder)));
        }
        ended
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.hosts.clear();
        for folder in [self.home.path(), self.neighbours_home.path()] {
            for (pid, _) in all_in(folder) {
                send(pid, libc::SIGKILL);
            }
        }
    }
}

/// The processes that have a folder of this test in their environment: only what was started for it has.
pub fn all_in(folder: &Path) -> Vec<(u32, String)> {
    let folder = folder.display().to_string();
    let own = std::process::id();
    let user = std::fs::metadata("/proc/self").map(|it| it.uid()).ok();
    let is_it = |pid: u32| {
        let process = PathBuf::from(format!("/proc/{pid}"));
        if pid == own || std::fs::metadata(&process).map(|it| it.uid()).ok() != user {
            return None;
        }
        let environment = std::fs::read(process.join("environ")).ok()?;
        let mentions = environment.windows(folder.len()).any(|part| part == folder.as_bytes());
        let name = std::fs::read_to_string(process.join("comm")).ok()?;
        (mentions && runs(pid)).then(|| (pid, name.trim().to_owned()))
    };
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter_map(is_it).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
