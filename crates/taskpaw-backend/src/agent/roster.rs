//! Which monitors run. A change of the list starts and stops only what differs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Map;
use taskpaw_contract::config::MonitorConfig;
use taskpaw_contract::ipc::{FieldFault, FieldProblem, MonitorState};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::SELF_NAME;
use super::board::Board;
use super::events::{Emitter, Recall};
use super::schedule::{Watch, Wishes};
use crate::http::ApiError;
use crate::monitors::{self, BadSetup, Leash, Processes, Setup, Subject};

/// How long readiness waits for the first numbers.
const FIRST_LOOK_WAIT: Duration = Duration::from_millis(500);
/// How long the stop waits for the end of programs.
const END_WAIT: Duration = Duration::from_millis(300);
const END_LOOK: Duration = Duration::from_millis(1);
/// How long a name may be.
const LONGEST_NAME: usize = 100;
/// How many duplicate names are reported. Once those are corrected in the file, the rest are.
const MOST_TOLD: usize = 20;

/// The monitors that run, and those that are switched off or cannot run.
pub(super) struct Roster {
    board: Arc<Board>,
    emitter: Emitter,
    recall: Recall,
    data_folder: PathBuf,
    processes: Arc<Processes>,
    entries: Mutex<Vec<Entry>>,
    /// Names that the configuration has more than once.
    twice: Mutex<Vec<String>>,
    /// Whether more is watched than the machine itself.
    is_live: AtomicBool,
}

struct Entry {
    config: MonitorConfig,
    state: EntryState,
}

enum EntryState {
    /// The monitor begins when the agent is live.
    Waits,
    /// The monitor is switched off, or cannot run.
    Off,
    /// The monitor runs in this task.
    Runs(Run),
}

struct Run {
    task: JoinHandle<()>,
    wishes: Wishes,
    leash: Leash,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
        self.leash.cut();
    }
}

impl Roster {
    /// Nothing runs yet. Until it is live, only what is always on does.
    pub(super) fn new(board: Arc<Board>, emitter: Emitter, data_folder: PathBuf, recall: Recall) -> Self {
        Self {
            board,
            emitter,
            recall,
            data_folder,
            processes: Arc::default(),
            entries: Mutex::default(),
            twice: Mutex::default(),
            is_live: AtomicBool::new(false),
        }
    }

    /// Makes this the list of monitors; the receivers are told of the first looks of what is always on.
    pub(super) fn apply(&self, configured: &[MonitorConfig]) -> Vec<oneshot::Receiver<()>> {
        let (wanted, twice) = effective(configured);
        for name in &twice {
            tracing::error!("agent.monitors: {name:?} is there twice; the first counts");
        }
        *self.twice.lock().unwrap_or_else(PoisonError::into_inner) = twice;
        let mut entries = self.lock();
        let mut old = std::mem::take(&mut *entries);
        // First what goes, so that a name is free for what comes.
        old.retain(|entry| {
            let stays = wanted.contains(&entry.config);
            if !stays {
                self.board.remove(&entry.config.name);
                let name = &entry.config.name;
                if !wanted.iter().any(|config| config.name == *name && config.enabled) {
                    self.emitter.forget(name);
                }
                if !wanted.iter().any(|config| config.name == *name) {
                    self.board.forget(name);
                }
            }
            stays
        });
        let mut first_looks = Vec::new();
        for config in wanted {
            if let Some(at) = old.iter().position(|entry| entry.config == config) {
                entries.push(old.swap_remove(at));
                continue;
            }
            let is_always_on = monitors::kind(&config.type_id).is_some_and(|kind| kind.always_on);
            let (state, looked) = self.begin(&config, is_always_on);
            if is_always_on {
                first_looks.extend(looked);
            }
            entries.push(Entry { config, state });
        }
        let names: Vec<&str> = entries.iter().map(|entry| entry.config.name.as_str()).collect();
        self.board.arrange(&names);
        first_looks
    }

    /// Begins every monitor that has waited for it. These are all that are watched.
    pub(super) fn go_live(&self) -> Vec<String> {
        let mut entries = self.lock();
        self.is_live.store(true, Ordering::SeqCst);
        for entry in entries.iter_mut().filter(|entry| matches!(entry.state, EntryState::Waits)) {
            self.board.remove(&entry.config.name);
            (entry.state, _) = self.begin(&entry.config, false);
        }
        let names: Vec<&str> = entries.iter().map(|entry| entry.config.name.as_str()).collect();
        self.board.arrange(&names);
        entries.iter().filter(|entry| entry.config.enabled).map(|entry| entry.config.name.clone()).collect()
    }

    /// Asks every monitor to end, and ends what they have started. The list stays as it is.
    pub(super) fn halt(&self) {
        for entry in &*self.lock() {
            if let EntryState::Runs(run) = &entry.state {
                run.wishes.ending.notify_one();
                run.leash.cut();
            }
        }
    }

    /// Stops every monitor, and waits for a bounded time until the programs that they have started are ended.
    pub(super) fn stop(&self) {
        let running = |entry: Entry| match entry.state {
            EntryState::Runs(run) => Some(run),
            EntryState::Waits | EntryState::Off => None,
        };
        let runs: Vec<Run> = std::mem::take(&mut *self.lock()).into_iter().filter_map(running).collect();
        for run in &runs {
            run.wishes.ending.notify_one();
            run.leash.cut();
        }
        let is_over = |run: &Run| run.task.is_finished() && !run.leash.holds_one();
        let deadline = Instant::now() + END_WAIT;
        while !runs.iter().all(is_over) && Instant::now() < deadline {
            thread::sleep(END_LOOK);
        }
    }

    /// Has a monitor look at once, whenever its next look was to be; one that does is let finish. Says whether it runs.
    pub(super) fn check_now(&self, name: &str) -> Option<bool> {
        let entries = self.lock();
        let entry = entries.iter().find(|entry| entry.config.name == name)?;
        Some(match &entry.state {
            EntryState::Runs(run) => {
                run.wishes.now.notify_one();
                true
            }
            EntryState::Waits | EntryState::Off => false,
        })
    }

    /// The list as it is now, with what is always on.
    pub(super) fn list(&self) -> Vec<MonitorConfig> {
        self.lock().iter().map(|entry| entry.config.clone()).collect()
    }

    /// The names that more than one monitor has in the configuration, at most [`MOST_TOLD`]: only the first of each runs.
    pub(super) fn names_in_use_twice(&self) -> Vec<String> {
        self.twice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong with a monitor that somebody wants to add, or to put in the place of `instead_of`.
    pub(super) fn wrong_with(&self, config: &MonitorConfig, instead_of: Option<&str>) -> Vec<FieldProblem> {
        let problem =
            |field: &str, fault: FieldFault, message: String| FieldProblem::new(field, fault, message);
        let mut problems = Vec::new();
        let name = config.name.as_str();
        if name.trim().is_empty() {
            problems.push(problem("name", FieldFault::Required, "it must be filled in".to_owned()));
        } else if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            let message = format!("use at most {LONGEST_NAME} letters, without line breaks");
            problems.push(problem("name", FieldFault::BadName, message));
        } else if matches!(name, "." | "..") {
            // In a URL these are steps, however they are written.
            problems.push(problem(
                "name",
                FieldFault::BadName,
                "use a name of letters or digits, not of dots alone".to_owned(),
            ));
        } else if name == SELF_NAME {
            problems.push(problem(
                "name",
                FieldFault::BadName,
                format!("{SELF_NAME} is the name of the agent itself"),
            ));
        } else if instead_of != Some(name) && self.lock().iter().any(|entry| entry.config.name == name) {
            problems.push(problem("name", FieldFault::Taken, "another monitor has this name".to_owned()));
        }
        let Some(kind) = monitors::kind(&config.type_id) else {
            let message = format!("this version knows no monitor of type {}", config.type_id);
            problems.push(problem("type_id", FieldFault::UnknownKind, message));
            return problems;
        };
        if kind.always_on {
            match instead_of {
                None => problems.push(problem(
                    "type_id",
                    FieldFault::AlwaysOn,
                    "every agent has one already".to_owned(),
                )),
                Some(old) if old != name => {
                    problems.push(problem("name", FieldFault::AlwaysOn, "it cannot be renamed".to_owned()));
                }
                Some(_) if !config.enabled => {
                    problems.push(problem("enabled", FieldFault::AlwaysOn, "it is always on".to_owned()));
                }
                Some(_) => {}
            }
        }
        match kind.make(&config.config, &self.setup(name)) {
            Ok(_) => {}
            Err(BadSetup::Fields(fields)) => problems.extend(fields),
            Err(BadSetup::System(reason)) => problems.push(FieldProblem::in_words("type_id", reason)),
        }
        problems
    }

    /// What a monitor is made from that is only tried.
    ///
    /// # Errors
    /// An agent that is not live acts on nothing outside.
    pub(super) fn setup_for_a_trial(&self) -> Result<Setup, ApiError> {
        if !self.is_live.load(Ordering::SeqCst) {
            return Err(ApiError::Unavailable(
                "the agent is about to begin; try again in a moment".to_owned(),
            ));
        }
        Ok(self.setup("trial"))
    }

    fn setup(&self, name: &str) -> Setup {
        Setup {
            name: name.to_owned(),
            data_folder: self.data_folder.clone(),
            processes: self.processes.clone(),
            leash: Leash::default(),
        }
    }

    /// Puts one monitor on the board and starts it, if it can run and its time has come; the receiver is told after its
    /// first look.
    fn begin(
        &self,
        config: &MonitorConfig,
        is_always_on: bool,
    ) -> (EntryState, Option<oneshot::Receiver<()>>) {
        let MonitorConfig { type_id, name, enabled, config } = config;
        let refuse = |reason: &str| {
            tracing::error!("monitor {name}: {reason}");
            self.board.add(name, type_id, MonitorState::Error, reason);
            (EntryState::Off, None)
        };
        let Some(kind) = monitors::kind(type_id) else {
            return refuse(&format!("this version knows no monitor of type {type_id}"));
        };
        if !enabled {
            self.board.add(name, type_id, MonitorState::Stopped, "switched off");
            return (EntryState::Off, None);
        }
        let setup = self.setup(name);
        let mut monitor = match kind.make(config, &setup) {
            Ok(monitor) => monitor,
            Err(bad) => return refuse(&bad.to_string()),
        };
        self.board.add(name, type_id, MonitorState::Unknown, "not looked yet");
        if !is_always_on && !self.is_live.load(Ordering::SeqCst) {
            return (EntryState::Waits, None);
        }
        let (has_looked, looked) = oneshot::channel();
        let (leash, wishes) = (setup.leash.clone(), Wishes::default());
        let memory = self.recall.of(name, &Subject::new(type_id, config));
        if let Some(memory) = &memory {
            monitor.recall(memory);
        }
        let (board, emitter) = (self.board.clone(), self.emitter.clone());
        let mut watch = Watch::new(kind, setup, config.clone(), board, emitter);
        watch.recall(memory);
        let task = tokio::spawn(watch.run(monitor, has_looked, wishes.clone()));
        (EntryState::Runs(Run { task, wishes, leash }), Some(looked))
    }

    /// Nothing panics while it holds the lock; if it did, the entries are still whole.
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is always on, with the settings that were made for it, and then what is configured. A name that is there
/// twice counts once, and is among those that are returned beside the list.
fn effective(configured: &[MonitorConfig]) -> (Vec<MonitorConfig>, Vec<String>) {
    let mut list: Vec<MonitorConfig> = monitors::always_on()
        .map(|default| {
            let made_for_it = configured
                .iter()
                .find(|config| config.type_id == default.type_id && config.name == default.name);
            MonitorConfig { config: made_for_it.map_or_else(Map::new, |made| made.config.clone()), ..default }
        })
        .collect();
    let always_on = list.len();
    let mut twice = Vec::new();
    for config in configured {
        match list.iter().position(|known| known.name == config.name) {
            None => list.push(config.clone()),
            Some(at) if at < always_on && list[at].type_id == config.type_id => {}
            Some(_) if twice.len() >= MOST_TOLD || twice.contains(&config.name) => {}
            Some(_) => twice.push(config.name.clone()),
        }
    }
    (list, twice)
}

/// Waits for first looks, for a limited time.
pub(super) async fn looked_once(first_looks: Vec<oneshot::Receiver<()>>) {
    let all = async {
        for look in first_looks {
            // A monitor that panicked never says that it has looked.
            let _ = look.await;
        }
    };
    if timeout(FIRST_LOOK_WAIT, all).await.is_err() {
        tracing::warn!("the first look at this machine takes long; the agent is ready without it");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(type_id: &str, name: &str) -> MonitorConfig {
        serde_json::from_value(json!({ "type_id": type_id, "name": name, "config": { "port": 1 } })).unwrap()
    }

    #[test]
    fn what_is_always_on_comes_first_and_each_name_once() {
        let configured = [
            config("tcp_check", "a"),
            config("host_metrics", "host_metrics"),
            config("tcp_check", "a"),
            config("host_metrics", "b"),
            config("tcp_check", "host_metrics"),
        ];
        let (list, twice) = effective(&configured);
        assert_eq!(twice, ["a", "host_metrics"]);
        let names: Vec<_> = list.iter().map(|config| (&*config.type_id, &*config.name)).collect();
        assert_eq!(names, [("host_metrics", "host_metrics"), ("tcp_check", "a"), ("host_metrics", "b")]);
        assert_eq!(list[0].config["port"], 1, "with the settings that were made for it");
    }
}
