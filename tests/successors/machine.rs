//! A machine on which one version runs, watched by a hub, and others are started over it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::kinds::{Kind, Wrong};
use crate::desktop::Desktop;
use crate::disk::SmallDisk;
use crate::home::{Home, get, ping};
use crate::process::{Owned, runs, send};
use crate::programs::{CURRENT, Programs, place, replace};
use crate::soak::within;
use crate::soak::world::all_in;
use crate::wait::LONG;
use crate::window::Window;

/// A file beside the backend that goes wrong.
const TOLD: &str = "told";
/// How many folders are watched: each may tell 60 events a minute.
const FOLDERS: usize = 40;
/// How long the events may take to come to the hub: it polls every second, and the folders are looked at as often.
const EVENTS_WITHIN: Duration = Duration::from_secs(20);

/// The machine.
#[derive(Debug)]
pub struct Machine {
    /// Its folders and ports.
    pub home: Home,
    /// The version that runs.
    pub old: Window,
    desktop: Desktop,
    hub: Home,
    /// The hub that polls it.
    pub hub_process: Owned,
    /// Where the successor is installed.
    pub folder: PathBuf,
    /// How many files were put into them.
    pub files: usize,
    /// What the events' journal has ever had.
    seen: BTreeMap<String, usize>,
    /// The successor, if it has followed.
    pub runs_now: Option<Started>,
    _disk: Option<SmallDisk>,
}

/// A successor that was started.
#[derive(Debug)]
pub enum Started {
    /// With a window that can be read.
    Driven(Box<Window>),
    /// Without.
    Plain(Owned),
}

impl Machine {
    /// A machine on which the older version runs in some roles.
    ///
    /// # Errors
    /// What does not come up.
    pub async fn start(roles: &[&str]) -> Result<Self, String> {
        Self::start_in(Home::unconfigured(), roles, None).await
    }

    /// The same in a home that is there already, with a disk of its own.
    ///
    /// # Errors
    /// What does not come up.
    pub async fn start_in(home: Home, roles: &[&str], disk: Option<SmallDisk>) -> Result<Self, String> {
        let hub = Home::unconfigured();
        let monitors: Vec<Value> = (0..FOLDERS).map(|number| watched(&home, number)).collect();
        let agents = json!([{ "name": "watched", "url": format!("http://127.0.0.1:{}", home.network) }]);
        home.configure(
            &json!({ "roles": roles, "agent": { "monitors": monitors }, "app": { "notifications": false },
            "hub": { "poll_seconds": 1, "agents": agents } }),
        );
        hub.configure(&json!({ "roles": ["hub"], "hub": { "poll_seconds": 1, "agents": agents } }));
        let old = Window::open(&Programs::current(), &home).await;
        old.role_is("agent", "ready").await;
        if roles.contains(&"hub") {
            let answers = within(LONG, async || ping(home.api).await).await;
            answers.ok_or("the hub does not come up")?;
        }
        let hub_process = hub.start_backend(&Programs::current(), "hub");
        let folder = home.path().join("successor");
        let mut machine = Self {
            old,
            desktop: Desktop::new(),
            hub_process,
            folder,
            files: 0,
            seen: BTreeMap::new(),
            hub,
            home,
            runs_now: None,
            _disk: disk,
        };
        // The folders have been looked at once: what comes now is new.
        machine.tell(2).await?;
        Ok(machine)
    }

    /// Puts files into watched folders, and waits until the hub has heard of them.
    ///
    /// # Errors
    /// What it has not heard of.
    pub async fn tell(&mut self, files: usize) -> Result<(), String> {
        let from = self.files;
        let deadline = SystemTime::now() + EVENTS_WITHIN;
        let mut last = String::new();
        while SystemTime::now() < deadline {
            // One that was there when a folder was looked at for the first time is told by nobody.
            let first = self.put(files);
            let names: Vec<String> = (first..self.files).map(name).collect();
            let came = within(Duration::from_secs(4), async || {
                let told = self.in_hub().await.unwrap_or_default();
                names.iter().all(|name| told.contains_key(name)).then_some(())
            });
            if came.await.is_some() {
                return Ok(());
            }
            last = format!("files {from} to {} are not in the hub", self.files);
        }
        Err(last)
    }

    /// Puts files into watched folders. Gives the number of the first one.
    pub fn put(&mut self, files: usize) -> usize {
        let first = self.files;
        for number in first..first + files {
            let place = folder(&self.home, number % FOLDERS).join(name(number) + "done");
            std::fs::write(place, "a file").expect("the file");
        }
        self.files += files;
        first
    }

    /// How often the hub has each file.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn in_hub(&self) -> Result<BTreeMap<String, usize>, String> {
        let events = get(self.hub.api, "/events?limit=1000").await.ok_or("the hub does not answer")?;
        let events = events["events"].as_array().cloned().unwrap_or_default();
        Ok(counted(events.iter().filter_map(|event| event["message"].as_str())))
    }

    /// How often the journal of the agent has each file.
    pub fn in_journal(&mut self) -> BTreeMap<String, usize> {
        let text = std::fs::read_to_string(self.state().join("agent-events.jsonl")).unwrap_or_default();
        let records: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let found = counted(records.iter().filter_map(|record| record["event"]["message"].as_str()));
        for (name, times) in &found {
            let seen = self.seen.entry(name.clone()).or_default();
            *seen = (*seen).max(*times);
        }
        found
    }

    /// Whether no event was lost, and none told twice: of those that a disk has ever held.
    ///
    /// # Errors
    /// Which ones.
    pub async fn events_are_whole(&mut self) -> Result<usize, String> {
        self.tell(3).await?;
        self.in_journal();
        if self.seen.is_empty() {
            return Err("the journal has none: there is nothing to count by".to_owned());
        }
        let mut wrong = String::new();
        let whole = within(EVENTS_WITHIN, async || {
            let told = self.in_hub().await.unwrap_or_default();
            let lost: Vec<_> = self.seen.keys().filter(|name| !told.contains_key(*name)).collect();
            let twice: Vec<_> = self.seen.iter().chain(&told).filter(|(_, times)| **times > 1).collect();
            wrong = format!("lost {lost:?}, twice {twice:?}");
            (lost.is_empty() && twice.is_empty()).then_some(told.len())
        });
        whole.await.ok_or(wrong)
    }

    /// The folder of the state.
    pub fn state(&self) -> PathBuf {
        self.home.path().join("data/state")
    }

    /// Installs a successor that is broken like this; `failing` is the program that goes wrong at a step.
    pub fn install(&self, kind: &Kind, programs: &Programs, failing: &Path) {
        let _first_one = std::fs::remove_dir_all(&self.folder);
        std::fs::create_dir_all(&self.folder).expect("the folder");
        let backend = self.folder.join("taskpaw-backend");
        place(&programs.app(), &self.folder.join("taskpaw"));
        place(&programs.ports(), &self.folder.join("taskpaw-ports"));
        match kind.wrong {
            Wrong::Missing => {}
            Wrong::File(content, mode) => {
                use std::os::unix::fs::PermissionsExt as _;
                replace(&backend, content);
                std::fs::set_permissions(&backend, std::fs::Permissions::from_mode(mode)).expect("its mode");
            }
            wrong => match wrong.failure("agent") {
                Some(failure) => programs.install_failing(&self.folder, failing, &failure),
                None => place(&programs.backend(), &backend),
            },
        }
    }

    /// Starts the successor, with a window that can be read or without. Its log is in the home.
    pub async fn start_successor(&self, is_driven: bool) -> Started {
        let app = self.folder.join("taskpaw");
        if is_driven {
            return Started::Driven(Box::new(Window::open_program(&app, &self.home).await));
        }
        let mut command = Command::new(app);
        self.desktop.furnish(self.home.furnish(&mut command)).stdin(Stdio::null()).stdout(Stdio::null());
        let log = File::create(self.home.path().join("successor.log")).expect("a file");
        Started::Plain(Owned::start(command.stderr(log)))
    }

    /// What the hosts have logged.
    pub fn log(&self) -> PathBuf {
        self.home.path().join("data/logs/taskpaw.log")
    }

    /// When the backend that goes wrong has done so, if that was so far.
    pub fn told(&self) -> Option<SystemTime> {
        let text = std::fs::read_to_string(self.folder.join(TOLD)).ok()?;
        let at: f64 = text.lines().last()?.parse().ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(at))
    }

    /// Ends a successor, as a person does; whatever of it is left then is named.
    ///
    /// # Errors
    /// What was left.
    pub async fn end_successor(&self, successor: Started) -> Result<(), String> {
        let host = match &successor {
            Started::Driven(window) => window.host_pid(),
            Started::Plain(process) => process.pid(),
        };
        send(host, libc::SIGTERM);
        let gone = within(Duration::from_secs(10), async || (!runs(host)).then_some(())).await;
        drop(successor);
        let left =
            within(Duration::from_secs(5), async || self.of_successor().is_empty().then_some(())).await;
        let found = self.of_successor();
        for (pid, _) in &found {
            send(*pid, libc::SIGKILL);
        }
        match (gone, left) {
            (Some(()), Some(())) => Ok(()),
            (None, _) => Err("it does not end when it is asked".to_owned()),
            _ => Err(format!("it left {found:?}")),
        }
    }

    /// The processes that run a program of the successor.
    pub fn of_successor(&self) -> Vec<(u32, String)> {
        let is_of = |pid: &u32| {
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            exe.starts_with(&self.folder)
                || exe.to_string_lossy().starts_with(&*self.folder.to_string_lossy())
        };
        all_in(self.home.path()).into_iter().filter(|(pid, _)| is_of(pid)).collect()
    }

    /// The version that answers.
    pub async fn answers(&self) -> Option<String> {
        Some(self.home.ping().await?["version"].as_str()?.to_owned())
    }

    /// Whether the older version still answers, and is the app that runs.
    pub async fn is_old(&self) -> bool {
        self.answers().await.is_some_and(|version| version == CURRENT)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for folder in [self.home.path(), self.hub.path()] {
            for (pid, _) in all_in(folder) {
                send(pid, libc::SIGKILL);
            }
        }
    }
}

fn folder(home: &Home, number: usize) -> PathBuf {
    home.path().join(format!("watched/{number}"))
}

fn watched(home: &Home, number: usize) -> Value {
    let path = folder(home, number);
    std::fs::create_dir_all(&path).expect("the folder");
    json!({ "type_id": "folder", "name": format!("folder {number}"), "enabled": true,
        "config": { "path": path, "poll_interval": 1, "stable_seconds": 0 } })
}

fn name(number: usize) -> String {
    format!("file-{number}.")
}

/// How often each file is named.
fn counted<'a>(messages: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for message in messages {
        if let Some(at) = message.find("file-") {
            let digits =
                message[at + 5..].split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
            *all.entry(format!("file-{digits}.")).or_default() += 1;
        }
    }
    all
}
