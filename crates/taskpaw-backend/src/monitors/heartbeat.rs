//! `heartbeat`: a JSON file that another program keeps fresh: the time by which it will write again, or its age.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::form::{self, Values};
use super::health::Health;
use super::json_file::{Content, JsonFile, at, moment};
use super::words::lasting;
use super::{Check, Kind, Made, Memory, Monitor, Setup, two_states};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "heartbeat",
    title: "Heartbeat file",
    about: "A JSON file that a program keeps fresh: by the time that stands in it, or by its age.",
    always_on: false,
    fields: form::HEARTBEAT,
    build,
};

/// A file can be read while it is written: only what is still bad after so long is.
const PATIENCE: Duration = Duration::from_secs(5);

fn build(values: &Values, setup: &Setup) -> Made {
    Ok(Box::new(Heartbeat {
        file: JsonFile::new(values.path("path")),
        every: values.seconds("poll_interval"),
        pulse: Pulse::new(values, &setup.name),
    }))
}

struct Heartbeat {
    file: JsonFile,
    every: Duration,
    pulse: Pulse,
}

impl Monitor for Heartbeat {
    fn check(&mut self) -> Check {
        let content = self.file.look();
        self.pulse.judge(content.as_ref(), Instant::now(), SystemTime::now(), self.every)
    }

    fn memory(&mut self) -> Option<Value> {
        self.pulse.health.memory()
    }

    fn recall(&mut self, memory: &Memory) {
        self.pulse.health.recall_turns(memory);
    }
}

/// What is known about the file.
pub(super) struct Pulse {
    name: String,
    due_field: String,
    grace: Duration,
    status_field: String,
    resting: Vec<String>,
    health: Health,
    /// Since when it has been bad without a pause.
    bad_since: Option<Instant>,
    last_look: Option<(Instant, SystemTime)>,
    /// The due time that was read last, and how many seconds later it really is.
    due: Option<(SystemTime, f64)>,
}

impl Pulse {
    /// Nothing is known yet.
    pub(super) fn new(values: &Values, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            due_field: values.text("due_field"),
            grace: values.seconds("grace_seconds"),
            status_field: values.text("status_field"),
            resting: values.texts("hibernating_states").iter().map(|word| word.to_lowercase()).collect(),
            health: Health::new(1),
            bad_since: None,
            last_look: None,
            due: None,
        }
    }

    /// Notes a look at both clocks.
    pub(super) fn judge(
        &mut self,
        content: Option<&Content>,
        now: Instant,
        wall: SystemTime,
        every: Duration,
    ) -> Check {
        let last_look = self.last_look.replace((now, wall));
        let is_first = last_look.is_none();
        let jump = last_look.map_or(0.0, |(then, wall_then)| {
            seconds_between(wall_then, wall) - now.duration_since(then).as_secs_f64()
        });
        let found = self.found(content, wall, if jump.abs() < 1.0 { 0.0 } else { jump });
        let since = match &found {
            Ok(_) => None,
            Err(_) => Some(self.bad_since.unwrap_or(now)),
        };
        self.bad_since = since;
        let is_soon = since.is_some_and(|since| now.duration_since(since) < PATIENCE);
        let age = content.map(|content| content.age.as_secs());
        // What is bad from the start on was not interrupted while it was looked at.
        let mut check = if is_soon && !is_first && !self.health.is_down() {
            let detail = found.clone().unwrap_or_else(|why| why);
            let again_in = every.min(PATIENCE);
            let state = taskpaw_contract::ipc::MonitorState::Degraded;
            Check { state, detail, metrics: serde_json::Map::new(), notices: Vec::new(), again_in }
        } else {
            two_states(&self.name, &mut self.health, found, every)
        };
        check.metrics.insert("age_seconds".to_owned(), json!(age));
        check
    }

    /// Whether it is fresh, in words.
    fn found(&mut self, content: Option<&Content>, wall: SystemTime, jump: f64) -> Result<String, String> {
        let Some(Content { value, age }) = content else { return Err("the file is not there".to_owned()) };
        let value = value.as_ref().map_err(|why| format!("the file cannot be read: {why}"))?;
        let status = at(value, &self.status_field).and_then(Value::as_str).unwrap_or_default();
        if self.resting.contains(&status.to_lowercase()) {
            return Ok(format!("it rests: {status}"));
        }
        match at(value, &self.due_field).filter(|due| !due.is_null()) {
            Some(due) => {
                let due = moment(due).ok_or_else(|| format!("{} is no time", self.due_field))?;
                let late = self.late(due, wall, jump);
                let words = lasting(Duration::try_from_secs_f64(late.abs()).unwrap_or_default());
                if late > self.grace.as_secs_f64() {
                    Err(format!("stale: due {words} ago"))
                } else if late > 0.0 {
                    Ok(format!("due {words} ago, still in time"))
                } else {
                    Ok(format!("fresh; due in {words}"))
                }
            }
            None if *age > self.grace => Err(format!("stale: written {} ago", lasting(*age))),
            None => Ok(format!("fresh; written {} ago", lasting(*age))),
        }
    }

    /// How many seconds ago a time was due. When the wall clock jumps against the steady one, it was set or the
    /// machine has slept; what was due before the jump is then due as much later.
    fn late(&mut self, due: SystemTime, wall: SystemTime, jump: f64) -> f64 {
        let late = seconds_between(due, wall);
        let shift = match self.due {
            Some((known, shift)) if known == due => shift + jump,
            // It was written before or after the jump; if it would be late, before.
            _ if late > 0.0 => jump.max(0.0),
            _ => 0.0,
        };
        self.due = Some((due, shift));
        late - shift
    }
}

/// Seconds from one time to another, negative if that is earlier.
fn seconds_between(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(later) => later.as_secs_f64(),
        Err(earlier) => -earlier.duration().as_secs_f64(),
    }
}

/// Whatever the file says and however the clock is set, it is judged.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(values) = super::fuzzed_values(&KIND) else { return };
    let mut pulse = Pulse::new(&values, "it");
    super::json_file::fuzz(bytes, |content, now, wall, every| pulse.judge(Some(content), now, wall, every));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use taskpaw_contract::ipc::{EventLevel, MonitorState};

    use super::*;
    use crate::monitors::tests::{levels, made};

    #[test]
    fn a_real_file_becomes_stale_and_fresh_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("beat.json");
        let mut monitor = made(&KIND, json!({ "path": path, "grace_seconds": 5, "due_field": "next.due" }));
        let none = monitor.check();
        assert_eq!((none.state, levels(&none)), (MonitorState::Error, vec![EventLevel::Alert]));
        let due = |seconds: i64| {
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
            fs::write(&path, json!({ "next": { "due": at.to_string() } }).to_string()).unwrap();
        };
        due(60);
        let fresh = monitor.check();
        assert_eq!(
            (fresh.state, levels(&fresh)),
            (MonitorState::Ok, vec![EventLevel::Done]),
            "{}",
            fresh.detail
        );
        due(-60);
        let late = monitor.check();
        assert_eq!((late.state, levels(&late).len()), (MonitorState::Degraded, 0), "it gets a moment");
        fs::write(&path, json!({ "status": "Sleeping", "next": { "due": 1 } }).to_string()).unwrap();
        assert_eq!(monitor.check().state, MonitorState::Ok);
        fs::write(&path, "{}").unwrap();
        let by_age = monitor.check();
        assert!(by_age.detail.starts_with("fresh; written 0 s ago"), "{}", by_age.detail);
        fs::write(&path, json!({ "next": { "due": "soon" } }).to_string()).unwrap();
        assert!(monitor.check().detail.contains("next.due is no time"));
    }

    #[test]
    fn half_a_file_and_a_wake_up_are_no_alarm_and_what_stays_bad_is() {
        let values = form::check(
            KIND.fields,
            json!({ "path": std::env::temp_dir(), "due_field": "due" }).as_object().unwrap(),
        )
        .unwrap();
        let start = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut pulse = Pulse::new(&values, "h");
        let due = |seconds: u64| Ok(json!({ "due": 1_000_000 + seconds }));
        let mut said = Vec::new();
        // Seconds on the steady clock, on the wall clock, and what stands in the file.
        for (steady, by_wall, value) in [
            (0, 0, due(60)),
            (10, 10, Err("half".to_owned())),
            (15, 15, due(75)),
            // Eight hours of sleep: the steady clock has not run.
            (25, 28_825, due(85)),
            (30, 28_830, due(28_890)),
            // It stays away.
            (1_000, 29_800, due(28_890)),
            (1_005, 29_805, due(28_890)),
            (1_010, 29_810, due(28_890)),
            (1_020, 29_820, due(29_880)),
        ] {
            let content = Content { value, age: Duration::ZERO };
            let (now, wall) = (start + Duration::from_secs(steady), wall + Duration::from_secs(by_wall));
            let check = pulse.judge(Some(&content), now, wall, Duration::from_secs(10));
            said.extend(levels(&check).into_iter().map(|level| (steady, level)));
        }
        assert_eq!(said, [(1_005, EventLevel::Alert), (1_020, EventLevel::Done)]);
    }
}
