//! A person's machine: a home, a desktop, the hosts that were started there, and strangers.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::stranger::Stranger;
use super::within;
use crate::desktop::Desktop;
use crate::home::{Home, ping};
use crate::process::{Owned, running, runs, send};
use crate::programs::Programs;

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
    roles: &'static [&'static str],
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

/// One host with one backend for each role, and all of them answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Well {
    /// The version of both.
    pub version: &'static str,
    /// The host's process id.
    pub host: u32,
    /// The agent's.
    pub backend: u32,
}

impl World {
    /// A machine on which nothing of TaskPaw runs, and will run as an agent.
    pub async fn new() -> Self {
        Self::of(&["agent"]).await
    }

    /// A machine that has some roles.
    pub async fn of(roles: &'static [&'static str]) -> Self {
        let (home, neighbours_home) = (Home::unconfigured(), Home::new());
        home.configure(&json!({ "roles": roles }));
        let versions = [Programs::current(), Programs::newer()];
        Self {
            connected: Stranger::connected_to(home.network).await,
            neighbour: neighbours_home.start_backend(&versions[0], "agent"),
            desktop: Desktop::new(),
            hosts: Vec::new(),
            started: 0,
            roles,
            home,
            neighbours_home,
            versions,
        }
    }

    /// Starts the app of a version.
    pub fn start(&mut self, version: &str) -> &mut Host {
        let programs = self.programs(version);
        let (version, app) = (programs.version, programs.app());
        self.start_app(version, &app)
    }

    /// Installs the app of a version in a folder of its own, with a backend that fails at a step, and starts it. `failing` is
    /// `tests/helpers/failing.rs`.
    pub fn start_failing(&mut self, version: &str, failing: &Path, at: &str) -> &mut Host {
        let folder = self.home.path().join(format!("failing-{}", self.started + 1));
        std::fs::create_dir(&folder).expect("the folder");
        let programs = self.programs(version);
        programs.install(&folder);
        let failure = json!({ "at": at, "how": "crashes", "once": false, "role": "agent" });
        programs.install_failing(&folder, failing, &failure.to_string());
        self.start_app(programs.version, &folder.join("taskpaw"))
    }

    fn start_app(&mut self, version: &'static str, app: &Path) -> &mut Host {
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

    /// Whether there is exactly one host with exactly one backend for each role, and all of them answer.
    ///
    /// # Errors
    /// What there is instead.
    pub async fn is_well(&self) -> Result<Well, String> {
        let (hosts, backends) = (self.running_hosts(), self.running_backends());
        let [(host, version)] = hosts[..] else {
            return Err(format!("hosts {hosts:?}, backends {backends:?}"));
        };
        let mut agent = None;
        for &role in self.roles {
            let of_role: Vec<_> =
                backends.iter().filter(|(pid, _)| role_of(*pid).as_deref() == Some(role)).collect();
            let [&(backend, backends_version)] = of_role[..] else {
                return Err(format!("host {host} ({version}), backends {backends:?}, as {role} {of_role:?}"));
            };
            let answers = ping(if role == "agent" { self.home.network } else { self.home.api }).await;
            let answers = answers.as_ref().and_then(|answer| answer["version"].as_str()).unwrap_or("nobody");
            if answers != version || backends_version != version {
                return Err(format!("host {version}, {role} {backends_version}, {answers} answers"));
            }
            if parent(backend) != Some(host) {
                let parent = parent(backend);
                return Err(format!("the parent of the {role} {backend} is {parent:?}, not the host {host}"));
            }
            agent = agent.or(Some(backend).filter(|_| role == "agent"));
        }
        if backends.len() != self.roles.len() {
            return Err(format!("host {host} ({version}), backends {backends:?}"));
        }
        Ok(Well { version, host, backend: agent.unwrap_or_default() })
    }

    /// Waits until the window of a host is on the screen, with something to read in it.
    ///
    /// # Errors
    /// What is there instead when the time is over.
    pub async fn window_is_ready(&self, host: u32) -> Result<(), String> {
        let screen = self.desktop.screen();
        let ready =
            within(SETTLED_WITHIN, async || screen.window_of(host).filter(|shown| screen.is_painted(*shown)));
        if ready.await.is_some() {
            return Ok(());
        }
        Err(format!("the host {host} has no window that shows anything; there are {:?}", screen.windows()))
    }

    /// What hosts have started that are gone: backends, and what was just about to become one.
    pub fn orphans(&mut self) -> Vec<(u32, &'static str)> {
        let alive = |host: &mut Host| host.process.is_alive().then(|| host.process.pid());
        let hosts: Vec<u32> = self.hosts.iter_mut().filter_map(alive).collect();
        let mut found = self.running_hosts();
        found.extend(self.running_backends());
        let is_of = |pid: u32| hosts.contains(&pid) || parent(pid).is_some_and(|pid| hosts.contains(&pid));
        // What ended since it was found is not an orphan.
        found.retain(|(pid, _)| !is_of(*pid) && runs(*pid));
        found
    }

    /// A host whose place was taken ends by itself and well; only what was killed or stopped here does not.
    ///
    /// # Errors
    /// How they ended instead.
    pub async fn others_ended_well(&mut self, left: u32) -> Result<(), String> {
        let mut kept = Vec::new();
        let mut wrong = Vec::new();
        for mut host in std::mem::take(&mut self.hosts) {
            if host.process.pid() == left {
                kept.push(host);
                continue;
            }
            let status = host.process.ended(Duration::from_secs(5)).await;
            if status != Some(0) && !host.may_be_ended {
                let how = status.map_or("a signal".to_owned(), |status| format!("status {status}"));
                wrong.push(format!("the host {} ({}) ended with {how}", host.process.pid(), host.version));
                kept.push(host);
            }
        }
        self.hosts = kept;
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    /// A host that was started and says that the one before it goes on.
    pub fn kept(&mut self) -> Option<&mut Host> {
        self.hosts.iter_mut().find_map(|host| {
            let log = std::fs::read_to_string(&host.log).unwrap_or_default();
            let is_kept = log.contains("the running app goes on: this one does not replace it");
            (is_kept && host.process.is_alive()).then_some(host)
        })
    }

    /// Whether no host has ended another one by force.
    ///
    /// # Errors
    /// Who did.
    pub fn nobody_was_forced(&self) -> Result<(), String> {
        self.nobody_was_forced_but_by(None)
    }

    /// The same, but for what one host did in its own launch.
    ///
    /// # Errors
    /// Who did.
    pub fn nobody_was_forced_but_by(&self, not_looked_at: Option<u32>) -> Result<(), String> {
        let forces = |host: &&Host| {
            let log = std::fs::read_to_string(&host.log).unwrap_or_default();
            Some(host.process.pid()) != not_looked_at && log.contains("the running TaskPaw does not answer")
        };
        match self.hosts.iter().find(forces) {
            None => Ok(()),
            Some(host) => Err(format!(
                "the host {} ({}) has ended a host that does not hang",
                host.process.pid(),
                host.version
            )),
        }
    }

    /// Ends what was started here, one after the other, as a person does. Then nothing of it runs.
    ///
    /// # Errors
    /// Who did not end well.
    pub async fn quit(&mut self) -> Result<(), String> {
        for mut host in std::mem::take(&mut self.hosts) {
            host.process.signal(libc::SIGTERM);
            match host.process.ended(SETTLED_WITHIN).await {
                Some(0) => {}
                status => return Err(format!("the host {} ended with {status:?}", host.process.pid())),
            }
        }
        let left = self.running_backends();
        if left.is_empty() { Ok(()) } else { Err(format!("backends that are left after the quit: {left:?}")) }
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

/// The role of a backend, which is its first argument.
fn role_of(pid: u32) -> Option<String> {
    let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    arguments.split('\0').nth(1).map(str::to_owned)
}

/// The process that started another one, or took it in.
pub fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
