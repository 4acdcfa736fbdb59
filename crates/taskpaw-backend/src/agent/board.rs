//! What every monitor has found last, and the machine's own numbers of the last hour.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{AgentNews, MetricSample, MonitorState, MonitorStatus};

use super::News;
use super::clock::now;
use super::events::clean;
use super::history::History;
use super::recorder::Recorder;
use super::work::Tracker;
use crate::monitors::{self, Check};

/// The status of every monitor, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Board {
    monitors: Mutex<Vec<Watched>>,
    history: Mutex<History>,
    /// What is kept of a week.
    recorder: Arc<Recorder>,
    news: News,
}

/// A monitor, and how its watch itself goes.
#[derive(Debug)]
struct Watched {
    name: String,
    status: MonitorStatus,
    health: Health,
    /// Since when it is in its state.
    since: Instant,
    /// The work that it watches.
    work: Tracker,
}

impl Watched {
    /// The monitor's status as of now.
    fn now(&self) -> MonitorStatus {
        let now = Instant::now();
        let state_seconds = Some(now.saturating_duration_since(self.since).as_secs_f64());
        let is_running = self.status.state == MonitorState::Running;
        let work = self.work.shown(now).filter(|work| is_running || !work.is_running);
        MonitorStatus { state_seconds, work, ..self.status.clone() }
    }
}

/// How the watch of a monitor goes, apart from what it finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Whether it runs.
    pub(super) is_alive: bool,
    /// How many looks in a row have failed.
    pub(super) failures: u32,
    /// How many events it was not let tell, since it tells too many.
    pub(super) dropped: u32,
}

impl Board {
    /// No monitor yet. Every look is told, and every change of a state as such.
    pub(super) fn new(news: News, recorder: Arc<Recorder>) -> Self {
        Self { monitors: Mutex::default(), history: Mutex::default(), recorder, news }
    }

    /// The agent is live: what is found is kept, beginning with what is known.
    pub(super) fn begin_history(&self) {
        self.recorder.open();
        self.each(|name, status| self.recorder.saw(name, status.state, None));
    }

    /// A monitor that has not looked yet, or will not.
    pub(super) fn add(&self, name: &str, type_id: &str, state: MonitorState, detail: &str) {
        let status = MonitorStatus {
            type_id: type_id.to_owned(),
            state,
            detail: redaction::without_secrets(detail).into_owned(),
            metrics: Map::new(),
            last_update: None,
            state_seconds: None,
            work: None,
        };
        // What is refused or switched off is never looked at.
        let health = Health { is_alive: state == MonitorState::Unknown, ..Health::default() };
        self.recorder.saw(name, state, None);
        self.lock().push(Watched {
            name: name.to_owned(),
            status,
            health,
            since: Instant::now(),
            work: Tracker::default(),
        });
    }

    /// A monitor is not watched any more.
    pub(super) fn remove(&self, name: &str) {
        self.lock().retain(|known| known.name != name);
    }

    /// Nobody wants to know any more how a monitor was.
    pub(super) fn forget(&self, name: &str) {
        self.recorder.forget(name);
    }

    /// The list of monitors is another one now, in this order.
    pub(super) fn arrange(&self, names: &[&str]) {
        self.lock().sort_by_key(|watched| names.iter().position(|known| *known == watched.name));
        self.tell(AgentNews::Monitors);
    }

    /// A monitor has looked.
    pub(super) fn found(&self, name: &str, check: Check) {
        self.change(name, |status, health| {
            health.failures = 0;
            (status.state, status.detail, status.metrics) = (check.state, clean(check.detail), check.metrics);
            status.metrics.values_mut().for_each(redaction::clean_json);
            status.last_update = Some(now());
            // What every agent watches is the machine itself.
            if monitors::kind(&status.type_id).is_some_and(|kind| kind.always_on) {
                self.history().add(unix_ms(), &status.metrics);
            }
            self.recorder.saw(name, status.state, Some(&status.metrics));
        });
    }

    /// A monitor itself is broken. Its last numbers and their time stay.
    pub(super) fn broken(&self, name: &str, reason: &str) {
        self.change(name, |status, health| {
            health.failures += 1;
            status.state = MonitorState::Error;
            status.detail = redaction::without_secrets(reason).into_owned();
            self.recorder.saw(name, status.state, None);
        });
    }

    /// Notes how many events of a monitor were not reported.
    pub(super) fn dropped(&self, name: &str, dropped: u32) {
        self.change(name, |_, health| health.dropped = dropped);
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut MonitorStatus, &mut Health)) {
        let mut monitors = self.lock();
        let Some(watched) = monitors.iter_mut().find(|known| known.name == name) else { return };
        let before = watched.status.state;
        change(&mut watched.status, &mut watched.health);
        watched.work.saw(Instant::now(), watched.status.state, &watched.status.metrics);
        let is_another_state = watched.status.state != before;
        if is_another_state {
            watched.since = Instant::now();
        }
        // Nobody listens to an agent without an app: then nothing is made for it.
        if self.news.receiver_count() == 0 {
            return;
        }
        let (name, monitor) = (name.to_owned(), watched.now());
        self.tell(if is_another_state {
            AgentNews::Monitor { name, monitor }
        } else {
            AgentNews::Look { name, monitor }
        });
    }

    fn tell(&self, news: AgentNews) {
        // Nobody may be listening.
        let _ = self.news.send(news);
    }

    /// All of it, as `/status` shows it.
    pub(super) fn snapshot(&self) -> Map<String, Value> {
        let value = |watched: &Watched| serde_json::to_value(watched.now()).unwrap_or_default();
        self.lock().iter().map(|watched| (watched.name.clone(), value(watched))).collect()
    }

    /// Shows every monitor and its status to `see`.
    pub(super) fn each(&self, mut see: impl FnMut(&str, &MonitorStatus)) {
        self.lock().iter().for_each(|watched| see(&watched.name, &watched.status));
    }

    /// How the watch of a monitor goes.
    pub(super) fn health(&self, name: &str) -> Health {
        self.lock().iter().find(|known| known.name == name).map(|known| known.health).unwrap_or_default()
    }

    /// The numbers of the machine over the last hour, the newest last.
    pub(super) fn samples(&self) -> Vec<MetricSample> {
        self.history().samples()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing panics while it holds the lock; if it did, the last status is still the best there is.
    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::broadcast;

    use super::*;

    #[test]
    fn no_secret_that_was_found_is_in_a_status() {
        let board = Board::new(broadcast::channel(1).0, Arc::new(Recorder::new(std::path::PathBuf::new())));
        board.add(
            "m",
            "custom_cmd",
            MonitorState::Unknown,
            "config.command: \"curl -H 'Authorization: Bearer S3CRET' http://a\"",
        );
        assert!(!json!(board.snapshot()).to_string().contains("S3CRET"));
        let metrics = json!({ "line": "token=S3CRET", "number": 5 }).as_object().cloned().unwrap();
        let (state, again_in) = (MonitorState::Ok, std::time::Duration::ZERO);
        let check = Check { state, detail: "pw: S3CRET".into(), metrics, notices: Vec::new(), again_in };
        board.found("m", check);
        assert!(!json!(board.snapshot()).to_string().contains("S3CRET"));
        board.broken("m", "no process matches --password=S3CRET");
        let shown = json!(board.snapshot()).to_string();
        assert!(!shown.contains("S3CRET") && shown.contains("no process matches"), "{shown}");
    }

    #[test]
    fn every_look_is_told_and_a_change_of_state_as_such() {
        let (news, mut heard) = broadcast::channel(8);
        let board = Board::new(news, Arc::new(Recorder::new(std::path::PathBuf::new())));
        board.add("m", "task", MonitorState::Unknown, "");
        let check = |state| Check {
            state,
            detail: String::new(),
            metrics: Map::new(),
            notices: Vec::new(),
            again_in: std::time::Duration::ZERO,
        };
        for state in [MonitorState::Ok, MonitorState::Ok, MonitorState::Error] {
            board.found("m", check(state));
        }
        let told: Vec<(bool, MonitorState)> = std::iter::from_fn(|| heard.try_recv().ok())
            .map(|news| match news {
                AgentNews::Monitor { monitor, .. } => (true, monitor.state),
                AgentNews::Look { monitor, .. } => (false, monitor.state),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [(true, MonitorState::Ok), (false, MonitorState::Ok), (true, MonitorState::Error)];
        assert_eq!(told, expected);
    }
}
