//! `task`: a process that is work, not a service: how long it runs, and that it has finished.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{EventKind, EventLevel, MonitorState};

use super::form::{self, Pattern, Values};
use super::memory::Told;
use super::processes::{Found, Processes};
use super::words::lasting;
use super::{Check, Kind, Made, Memory, Monitor, Notice, Setup};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "task",
    title: "Task",
    about: "A program that is work, such as a render: how long it runs, and when it has finished.",
    always_on: false,
    fields: form::TASK,
    build,
};

fn build(values: &Values, setup: &Setup) -> Made {
    Ok(Box::new(Task {
        processes: setup.processes.clone(),
        pattern: values.needed_pattern("pattern")?,
        in_command: values.flag("search_cmdline"),
        every: values.seconds("poll_interval"),
        work: Work::new(&setup.name, values.seconds("settle_seconds")),
    }))
}

/// By how many seconds the start of a process may seem to move once the clock was set right.
const CLOCK_STEP: u64 = 2;
/// A century: no work has run for longer.
const MOST_SECONDS: u64 = 3_155_760_000;

struct Task {
    processes: Arc<Processes>,
    pattern: Pattern,
    in_command: bool,
    every: Duration,
    work: Work,
}

impl Monitor for Task {
    fn check(&mut self) -> Check {
        match self.processes.matching(&self.pattern, self.in_command) {
            Ok(found) => self.work.judge(&found, Instant::now(), unix_ms() / 1_000, self.every),
            Err(why) => Check {
                state: MonitorState::Degraded,
                detail: why,
                metrics: Map::new(),
                notices: Vec::new(),
                again_in: self.every,
            },
        }
    }

    fn memory(&mut self) -> Option<Value> {
        Some(self.work.memory())
    }

    fn recall(&mut self, memory: &Memory) {
        self.work.recall(memory);
    }
}

/// What is known about the work.
pub(super) struct Work {
    name: String,
    settle: Duration,
    run: Option<Run>,
    last: Option<Finished>,
}

/// Work that is being done.
struct Run {
    /// Who does it: pid and start together mean one process for ever.
    by: BTreeSet<(u32, u64)>,
    /// What the oldest of them is called.
    program: String,
    /// How long it had run when it was seen first. From then on a clock counts that nobody can set.
    age_at_sight: Duration,
    seen_first: Instant,
    seen_last: Instant,
    exit: Option<i32>,
    /// Whether the run was known before a restart, and was not looked at since.
    is_recalled: bool,
    /// Whether the end of the run was not seen: it came while the agent did not run.
    is_unseen: bool,
}

/// Work that has been done.
struct Finished {
    took: Duration,
    exit: Option<i32>,
}

impl Work {
    /// Nothing runs yet.
    pub(super) fn new(name: &str, settle: Duration) -> Self {
        Self { name: name.to_owned(), settle, run: None, last: None }
    }

    /// What it needs to go on after a restart.
    fn memory(&self) -> Value {
        let Some(run) = &self.run else { return json!({}) };
        // Within a minute nothing changes: how long it ran is only needed for work whose end is not seen.
        let lasted = run.lasted(run.seen_last).as_secs() / 60 * 60;
        json!({ "by": run.by, "program": run.program, "seconds": lasted })
    }

    /// Goes on after a restart. Work whose end was told is over.
    fn recall(&mut self, memory: &Memory) {
        let is_told = |told: &Told| matches!(told.kind, EventKind::TaskDone | EventKind::TaskFailed);
        let Some(found) = memory.found().filter(|_| !memory.told.iter().any(is_told)) else { return };
        let Ok(by) = BTreeSet::<(u32, u64)>::deserialize(&found["by"]) else { return };
        let now = Instant::now();
        self.run = Some(Run {
            by,
            program: found["program"].as_str().unwrap_or_default().to_owned(),
            age_at_sight: Duration::from_secs(
                found["seconds"].as_u64().unwrap_or_default().min(MOST_SECONDS),
            ),
            seen_first: now,
            seen_last: now,
            exit: None,
            is_recalled: true,
            is_unseen: false,
        });
    }

    /// The first look after a restart: those of the processes that are known, as they are seen now, and since when the work
    /// has really run. The clock by which the start is reckoned may have been set meanwhile.
    fn see_again(&mut self, found: &[Found], now: Instant, unix_now: u64) {
        let Some(run) = self.run.as_mut().filter(|run| run.is_recalled) else { return };
        run.is_recalled = false;
        let known = |one: &&Found| {
            run.by
                .iter()
                .any(|(pid, started)| *pid == one.pid && started.abs_diff(one.started_at) <= CLOCK_STEP)
        };
        let known: Vec<&Found> = found.iter().filter(known).collect();
        if let Some(oldest) = known.iter().map(|one| one.started_at).min() {
            run.age_at_sight = run.age_at_sight.max(Duration::from_secs(unix_now.saturating_sub(oldest)));
            run.seen_first = now;
            run.by = known.iter().map(|one| (one.pid, one.started_at)).collect();
        } else {
            run.is_unseen = true;
        }
    }

    /// Notes a look.
    pub(super) fn judge(
        &mut self,
        found: &[Found],
        now: Instant,
        unix_now: u64,
        again_in: Duration,
    ) -> Check {
        let identity = |one: &Found| (one.pid, one.started_at);
        let alive: BTreeSet<_> = found.iter().filter(|one| one.ended.is_none()).map(identity).collect();
        let mut notices = Vec::new();
        self.see_again(found, now, unix_now);
        if let Some(run) = &mut self.run {
            let ends = found.iter().filter(|one| run.by.contains(&identity(one)));
            if let Some(exit) = ends.filter_map(|one| one.ended?).max() {
                run.exit = Some(exit);
            }
            let goes_on = if alive.is_empty() || run.by.is_disjoint(&alive) {
                let within_pause = now.duration_since(run.seen_last) < self.settle;
                within_pause || (!alive.is_empty() && !self.settle.is_zero())
            } else {
                true
            };
            if goes_on {
                if !alive.is_empty() {
                    run.by.clone_from(&alive);
                    run.seen_last = now;
                }
            } else {
                notices.extend(self.finish());
            }
        }
        if self.run.is_none() {
            let oldest = found.iter().filter(|one| one.ended.is_none()).min_by_key(|one| one.started_at);
            self.run = oldest.map(|oldest| Run {
                by: alive,
                program: oldest.name.clone(),
                age_at_sight: Duration::from_secs(unix_now.saturating_sub(oldest.started_at)),
                seen_first: now,
                seen_last: now,
                exit: None,
                is_recalled: false,
                is_unseen: false,
            });
        }
        let (state, detail) = self.in_words(now);
        let memory: u64 = found.iter().filter(|one| one.ended.is_none()).map(|one| one.memory).sum();
        Check { state, detail, metrics: self.metrics(now, memory), notices, again_in }
    }

    fn finish(&mut self) -> Option<Notice> {
        let run = self.run.take()?;
        let took = if run.is_unseen { run.age_at_sight } else { run.lasted(run.seen_last) };
        let done = (EventKind::TaskDone, EventLevel::Done, "finished");
        let ((kind, level, end), how) = match run.exit {
            None => (done, "has finished".to_owned()),
            Some(0) => (done, "has finished with exit status 0".to_owned()),
            Some(status) => (
                (EventKind::TaskFailed, EventLevel::Alert, "failed"),
                format!("has failed with exit status {status}"),
            ),
        };
        let message = if run.is_unseen {
            format!(
                "{} has finished while TaskPaw did not run, after {} at least",
                run.program,
                lasting(took)
            )
        } else {
            format!("{} {how} after {}", run.program, lasting(took))
        };
        let data = json!({ "program": run.program, "seconds": took.as_secs(), "exit_status": run.exit });
        self.last = Some(Finished { took, exit: run.exit });
        let title = format!("{} {end}", self.name);
        Some(Notice { kind, level, title, message, data: Some(data), note: None })
    }

    fn in_words(&self, now: Instant) -> (MonitorState, String) {
        match (&self.run, &self.last) {
            (Some(run), _) => {
                let so_long = lasting(run.lasted(now));
                (MonitorState::Running, format!("{} runs since {so_long}", run.program))
            }
            (None, None) => (MonitorState::Idle, "nothing runs".to_owned()),
            (None, Some(last)) => {
                let status = last.exit.map(|exit| format!(", exit status {exit}")).unwrap_or_default();
                (MonitorState::Idle, format!("finished; it took {}{status}", lasting(last.took)))
            }
        }
    }

    fn metrics(&self, now: Instant, memory: u64) -> Map<String, Value> {
        let (run, last) = (self.run.as_ref(), self.last.as_ref());
        [
            ("processes", json!(run.map_or(0, |run| run.by.len()))),
            ("memory_bytes", json!(memory)),
            ("running_seconds", json!(run.map(|run| run.lasted(now).as_secs()))),
            ("last_run_seconds", json!(last.map(|last| last.took.as_secs()))),
            ("last_exit_status", json!(last.and_then(|last| last.exit))),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

impl Run {
    fn lasted(&self, until: Instant) -> Duration {
        self.age_at_sight + until.duration_since(self.seen_first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use crate::monitors::tests::{levels, looked, made, problem};

    #[cfg(unix)]
    #[test]
    fn a_real_process_runs_and_finishes_with_its_status() {
        let word = format!("taskpaw-task-{}", std::process::id());
        let mut monitor = made(&KIND, json!({ "pattern": word }));
        assert_eq!(monitor.check().state, MonitorState::Idle);
        let mut child = super::super::process::tests::started(&word, 3);
        let runs = looked(&mut *monitor, |check| check.state == MonitorState::Running);
        assert_eq!((levels(&runs).len(), &runs.metrics["processes"]), (0, &json!(1)));
        // The end of its input ends it; until its parent notices, its status can be seen.
        drop(child.stdin.take());
        let over = looked(&mut *monitor, |check| check.state == MonitorState::Idle);
        child.wait().unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(over.notices[0].level, EventLevel::Alert, "{:?}", over.notices);
            assert!(over.notices[0].message.contains("exit status 3"), "{}", over.notices[0].message);
        }
        assert!(levels(&monitor.check()).is_empty(), "said once");
        assert_eq!(problem(&KIND, json!({ "pattern": "x", "settle_seconds": -1 })), "config.settle_seconds");
    }

    fn process(pid: u32, started_at: u64) -> Found {
        Found { pid, started_at, name: "render".into(), memory: 10, ended: None }
    }

    /// Each look: seconds after the first, and the processes then. The result is what was said, and when.
    fn said(settle: u64, looks: &[(u64, &[Found])]) -> Vec<(u64, String)> {
        let start = Instant::now();
        let mut work = Work::new("r", Duration::from_secs(settle));
        let mut said = Vec::new();
        for (second, found) in looks {
            let check =
                work.judge(found, start + Duration::from_secs(*second), 1_000 + second, Duration::ZERO);
            said.extend(check.notices.into_iter().map(|notice| (*second, notice.message)));
        }
        said
    }

    #[test]
    fn work_counts_from_its_own_start_and_ends_with_its_last_process() {
        let (old, helper) = (process(1, 400), process(2, 990));
        let looks: &[(u64, &[Found])] = &[
            (0, &[old.clone(), helper]),
            (5, std::slice::from_ref(&old)),
            (10, std::slice::from_ref(&old)),
            (15, &[]),
        ];
        assert_eq!(said(0, looks), [(15, "render has finished after 10 min 10 s".to_owned())]);
    }

    #[test]
    fn work_goes_on_after_a_restart_and_an_end_that_nobody_saw_is_told_once() {
        let start = Instant::now();
        let mut work = Work::new("r", Duration::ZERO);
        work.judge(&[process(1, 400), process(2, 990)], start, 1_000, Duration::ZERO);
        let memory = Memory { found: work.memory(), ..Memory::default() };
        let again = |found: &[Found]| {
            let mut work = Work::new("r", Duration::ZERO);
            work.recall(&memory);
            let check = work.judge(found, start, 1_060, Duration::ZERO);
            let after = work.judge(found, start, 1_065, Duration::ZERO);
            assert!(after.notices.is_empty(), "{after:?}");
            (check.detail, check.notices.into_iter().map(|notice| notice.message).collect::<Vec<_>>())
        };
        assert_eq!(again(&[process(1, 401)]), ("render runs since 10 min 59 s".to_owned(), vec![]));
        let unseen = "render has finished while TaskPaw did not run, after 10 min 0 s at least".to_owned();
        assert_eq!(again(&[]).1, std::slice::from_ref(&unseen));
        let (detail, told) = again(&[process(1, 1_050)]);
        assert_eq!((detail.as_str(), told), ("render runs since 10 s", vec![unseen]), "the pid is another's");
        let mut told = memory.clone();
        told.add(Told { kind: EventKind::TaskDone, data: Value::Null, note: None });
        let mut over = Work::new("r", Duration::ZERO);
        over.recall(&told);
        assert!(over.judge(&[], start, 1_060, Duration::ZERO).notices.is_empty());
    }

    #[test]
    fn another_process_is_other_work_unless_a_pause_is_allowed() {
        let parts: &[(u64, &[Found])] = &[
            (0, &[process(1, 1000)]),
            (5, &[process(2, 1003)]),
            (10, &[]),
            (15, &[process(3, 1014)]),
            (20, &[]),
            (60, &[]),
        ];
        assert_eq!(said(0, parts).iter().map(|(second, _)| *second).collect::<Vec<_>>(), [5, 10, 20]);
        assert_eq!(said(30, parts).iter().map(|(second, _)| *second).collect::<Vec<_>>(), [60]);
        // The same number means another process if it was started at another time.
        let reused: &[(u64, &[Found])] = &[(0, &[process(1, 1000)]), (5, &[process(1, 1004)]), (10, &[])];
        assert_eq!(said(0, reused).len(), 2);
    }
}
