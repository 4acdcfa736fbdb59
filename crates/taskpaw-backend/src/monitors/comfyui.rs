//! `comfyui`: the queue of a ComfyUI server: how far it is, when it is empty, when it does not go on, and why.

mod server;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{EventKind, EventLevel, FieldFault, MonitorState};

use super::form::{self, Values, shortened};
use super::memory::fingerprint;
use super::tail::{Place, Tail};
use super::{BadSetup, Check, Kind, Made, Memory, Monitor, Notice, Setup};
#[cfg(feature = "fuzzing")]
pub(crate) use server::fuzz;
use server::{Failed, Queue, Server};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "comfyui",
    title: "ComfyUI",
    about: "The queue of a ComfyUI server: how far it is, when it is empty, when it does not go on, and why.",
    always_on: false,
    fields: form::COMFYUI,
    build,
};

/// How much of a reason is shown.
const SHOWN: usize = 200;
/// How many prompts of one batch are recognised again.
const MOST_SEEN: usize = 10_000;
/// How many of them are remembered over a restart.
const MOST_REMEMBERED: usize = 500;
/// What ComfyUI's log says when something goes wrong, in lower case: those of V3, which had them from V2.
const ERRORS: &[&str] = &[
    "cuda out of memory",
    "runtimeerror",
    "outofmemoryerror",
    "cuda error",
    "traceback (most recent",
    "memoryerror",
    "allocation on device",
    "out of memory",
];

fn build(values: &Values, setup: &Setup) -> Made {
    let log = values.path("comfyui_log_path");
    let log = Some(log).filter(|log| !log.as_os_str().is_empty());
    if log.as_ref().is_some_and(|log| !log.is_absolute()) {
        return Err(BadSetup::field(
            "comfyui_log_path",
            FieldFault::NotAPath,
            "write the whole path, from the root on",
        ));
    }
    Ok(Box::new(ComfyUi {
        server: Server::new(&values.host("host"), values.whole("port"))?,
        log: log.map(|log| Tail::new(log, false)),
        every: values.seconds("poll_interval"),
        story: Story {
            name: setup.name.clone(),
            idle_confirm: values.count("idle_confirm"),
            stall_confirm: values.count("stall_confirm"),
            stuck_checks: values.count("stuck_checks"),
            is_busy: false,
            idle_looks: 0,
            stall_looks: 0,
            running: None,
            running_looks: 0,
            is_stuck: false,
            reason: None,
            log_error: None,
            seen: HashSet::new(),
        },
    }))
}

struct ComfyUi {
    server: Server,
    log: Option<Tail>,
    every: Duration,
    story: Story,
}

impl Monitor for ComfyUi {
    fn check(&mut self) -> Check {
        // A log that cannot be read gives no reason; the queue is there all the same.
        let news = self.log.as_mut().and_then(|log| log.look().ok());
        for line in news.into_iter().flat_map(|news| news.lines) {
            self.story.read(&line.text);
        }
        let queue = self.server.queue();
        self.story.judge(queue, &mut |prompt| self.server.failed(prompt), self.every)
    }

    fn look_limit(&self) -> Duration {
        // The queue, and what has failed.
        2 * server::ANSWER_WITHIN + super::LOOK_LIMIT
    }

    fn memory(&mut self) -> Option<Value> {
        let Story { is_busy, running, is_stuck, reason, seen, .. } = &self.story;
        let mut seen: Vec<&u64> = seen.iter().collect();
        seen.sort_unstable();
        seen.truncate(MOST_REMEMBERED);
        Some(json!({
            "is_busy": is_busy,
            "running": running,
            "is_stuck": is_stuck,
            "reason": reason,
            "seen": seen,
            "place": self.log.as_ref().and_then(Tail::place),
        }))
    }

    fn recall(&mut self, memory: &Memory) {
        self.story.recall(memory);
        if let (Some(log), Some(found)) = (&mut self.log, memory.found()) {
            log.recall(Place::deserialize(&found["place"]).ok());
        }
    }
}

/// What is known about the queue.
struct Story {
    name: String,
    idle_confirm: u32,
    stall_confirm: u32,
    stuck_checks: u32,
    /// There was work that was not told to be over.
    is_busy: bool,
    idle_looks: u32,
    stall_looks: u32,
    /// Stands for what runs, and how often that was seen.
    running: Option<u64>,
    running_looks: u32,
    /// It was told that it does not go on.
    is_stuck: bool,
    /// Why, if that is known.
    reason: Option<String>,
    /// The last error of the log in this batch.
    log_error: Option<String>,
    /// The prompts of this batch.
    seen: HashSet<u64>,
}

impl Story {
    /// A line of the log.
    fn read(&mut self, line: &str) {
        let lower = line.to_lowercase();
        if ERRORS.iter().any(|error| lower.contains(error)) {
            self.log_error = Some(shortened(line.trim(), SHOWN));
        }
    }

    /// Goes on after a restart.
    fn recall(&mut self, memory: &Memory) {
        self.is_stuck = memory.stands("is_stuck", EventKind::Stuck, EventKind::Unstuck);
        let is_over = |kind| matches!(kind, EventKind::WorkDone);
        if memory.told.last().is_some_and(|told| is_over(told.kind)) {
            self.is_stuck = false;
            return;
        }
        self.is_busy = self.is_stuck || memory.told.iter().any(|told| !is_over(told.kind));
        let Some(found) = memory.found() else { return };
        self.is_busy |= found["is_busy"].as_bool().unwrap_or_default();
        self.running = found["running"].as_u64();
        self.reason = found["reason"].as_str().map(str::to_owned).filter(|_| self.is_stuck);
        let seen = found["seen"].as_array().into_iter().flatten();
        self.seen = seen.filter_map(Value::as_u64).take(MOST_REMEMBERED).collect();
        if self.is_stuck {
            (self.stall_looks, self.running_looks) = (self.stall_confirm, self.stuck_checks);
        }
    }

    /// Notes a look; what has failed is asked for where it is needed.
    fn judge(
        &mut self,
        queue: Result<Queue, String>,
        failed: &mut dyn FnMut(Option<&str>) -> Vec<Failed>,
        again_in: Duration,
    ) -> Check {
        let mut notices = Vec::new();
        let queue = match queue {
            Ok(queue) => queue,
            // Whether it is switched on is not what is watched: that is told by nobody.
            Err(why) => {
                let metrics = Map::new();
                return Check { state: MonitorState::Error, detail: why, metrics, notices, again_in };
            }
        };
        let (running, pending) = (queue.running.len(), queue.pending.len());
        let depth = running + pending;
        let prompts = queue.running.iter().chain(&queue.pending);
        let room = MOST_SEEN.saturating_sub(self.seen.len());
        let prompts: Vec<u64> = prompts.take(room).map(|prompt| fingerprint(prompt.as_bytes())).collect();
        if !self.is_busy && depth > 0 {
            self.seen.clear();
        }
        self.seen.extend(prompts);
        let (state, detail) = match (running, pending) {
            (0, 0) => self.empty(failed, &mut notices),
            (0, _) => self.waiting(pending, failed, &mut notices),
            _ => self.running(&queue, failed, &mut notices),
        };
        let all = self.seen.len().max(depth);
        let percent = (depth > 0).then(|| (all - depth) as f64 * 100.0 / all as f64);
        let metrics = [
            ("running", json!(running)),
            ("pending", json!(pending)),
            ("progress_percent", json!(percent.map(f64::round))),
        ];
        let metrics = metrics.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Check { state, detail, metrics, notices, again_in }
    }

    /// Between two prompts the queue can be empty for a moment.
    fn empty(
        &mut self,
        failed: &mut dyn FnMut(Option<&str>) -> Vec<Failed>,
        notices: &mut Vec<Notice>,
    ) -> (MonitorState, String) {
        (self.running, self.running_looks, self.stall_looks) = (None, 0, 0);
        if self.is_busy {
            self.idle_looks += 1;
            if self.idle_looks >= self.idle_confirm {
                notices.push(self.over(&failed(None)));
                (self.is_busy, self.idle_looks, self.is_stuck) = (false, 0, false);
                (self.reason, self.log_error) = (None, None);
                self.seen.clear();
            }
        } else {
            self.log_error = None;
        }
        (MonitorState::Ok, "the queue is empty".to_owned())
    }

    fn over(&self, failed: &[Failed]) -> Notice {
        let prompts = match self.seen.len() {
            1 => "1 prompt".to_owned(),
            count => format!("{count} prompts"),
        };
        let own: Vec<&Failed> = failed.iter().filter(|one| self.seen.contains(&one.prompt)).collect();
        let how = match (own.last(), &self.log_error) {
            (Some(last), _) => format!("; {} of them failed: {}", own.len(), last.reason),
            (None, Some(error)) => format!("; its log says: {error}"),
            (None, None) => String::new(),
        };
        let message = format!("the queue is empty after {prompts}{how}");
        let data = Some(json!({ "prompts": self.seen.len(), "failed": own.len() }));
        self.notice(EventKind::WorkDone, EventLevel::Done, "finished", message, data)
    }

    /// A prompt that has failed can leave others behind.
    fn waiting(
        &mut self,
        pending: usize,
        failed: &mut dyn FnMut(Option<&str>) -> Vec<Failed>,
        notices: &mut Vec<Notice>,
    ) -> (MonitorState, String) {
        (self.running, self.running_looks) = (None, 0);
        (self.is_busy, self.idle_looks) = (true, 0);
        self.stall_looks = self.stall_looks.saturating_add(1);
        let waiting =
            if pending == 1 { "1 prompt waits".to_owned() } else { format!("{pending} prompts wait") };
        if self.stall_looks < self.stall_confirm {
            return (MonitorState::Running, waiting);
        }
        let what = format!("{waiting} and nothing runs");
        self.stuck(what, pending, None, failed, notices)
    }

    fn running(
        &mut self,
        queue: &Queue,
        failed: &mut dyn FnMut(Option<&str>) -> Vec<Failed>,
        notices: &mut Vec<Notice>,
    ) -> (MonitorState, String) {
        (self.is_busy, self.idle_looks, self.stall_looks) = (true, 0, 0);
        let mut ids: Vec<&str> = queue.running.iter().map(String::as_str).collect();
        ids.sort_unstable();
        let key = fingerprint(ids.join(",").as_bytes());
        if self.running.replace(key) == Some(key) {
            self.running_looks = self.running_looks.saturating_add(1);
        } else {
            self.running_looks = 1;
        }
        if self.stuck_checks > 0 && self.running_looks >= self.stuck_checks {
            let what = format!("the same prompt runs for {} checks", self.running_looks);
            let prompt = queue.running.first().map(String::as_str);
            return self.stuck(what, queue.pending.len(), prompt, failed, notices);
        }
        if std::mem::take(&mut self.is_stuck) {
            self.reason = None;
            let message = "a prompt runs again".to_owned();
            notices.push(self.notice(EventKind::Unstuck, EventLevel::Done, "goes on", message, None));
        }
        (MonitorState::Running, format!("{} running, {} waiting", ids.len(), queue.pending.len()))
    }

    /// It is told once, with the reason: of the prompt that runs, or else of one that has failed, or what the log says.
    fn stuck(
        &mut self,
        what: String,
        pending: usize,
        prompt: Option<&str>,
        failed: &mut dyn FnMut(Option<&str>) -> Vec<Failed>,
        notices: &mut Vec<Notice>,
    ) -> (MonitorState, String) {
        let is_new = !std::mem::replace(&mut self.is_stuck, true);
        if is_new {
            let failed = failed(prompt);
            let own = |one: &&Failed| match prompt {
                Some(prompt) => one.prompt == fingerprint(prompt.as_bytes()),
                None => self.seen.contains(&one.prompt),
            };
            let own = failed.iter().rev().find(own).map(|one| one.reason.clone());
            // Of one that runs no other is to blame.
            let last = failed.last().filter(|_| prompt.is_none()).map(|one| one.reason.clone());
            self.reason = own.or_else(|| self.log_error.clone()).or(last);
        }
        let detail = match &self.reason {
            Some(reason) => format!("{what}: {reason}"),
            None => what,
        };
        if is_new {
            let data = Some(json!({ "pending": pending, "reason": self.reason }));
            notices.push(self.notice(
                EventKind::Stuck,
                EventLevel::Alert,
                "does not go on",
                detail.clone(),
                data,
            ));
        }
        (MonitorState::Error, detail)
    }

    fn notice(
        &self,
        kind: EventKind,
        level: EventLevel,
        what: &str,
        message: String,
        data: Option<Value>,
    ) -> Notice {
        Notice { kind, level, title: format!("{} {what}", self.name), message, data, note: None }
    }
}
