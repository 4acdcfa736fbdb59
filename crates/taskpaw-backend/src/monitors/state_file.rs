//! `state_file`: a word in a JSON file that says what a program does: each change, busy for too long, stale.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{EventKind, EventLevel, MonitorState};

use super::form::{self, Values, shortened};
use super::health::{Health, Turn};
use super::json_file::{Age, Content, JsonFile, at, moment};
use super::memory::Since;
use super::words::lasting;
use super::{Check, Kind, Made, Memory, Monitor, Notice, Setup};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "state_file",
    title: "State file",
    about: "A word in a JSON file that says what a program does: each change of it, busy for too long, stale.",
    always_on: false,
    fields: form::STATE_FILE,
    build,
};

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Busy,
    Waiting,
    Idle,
    Broken,
    Other,
}

fn build(values: &Values, setup: &Setup) -> Made {
    Ok(Box::new(StateFile {
        file: JsonFile::new(values.path("path")),
        every: values.seconds("poll_interval"),
        story: Story::new(values, &setup.name),
    }))
}

struct StateFile {
    file: JsonFile,
    every: Duration,
    story: Story,
}

impl Monitor for StateFile {
    fn check(&mut self) -> Check {
        let content = self.file.look();
        self.story.judge(content.as_ref(), Instant::now(), SystemTime::now(), self.every)
    }

    fn memory(&mut self) -> Option<Value> {
        let Story { word, busy_since, busy, fresh, readable, .. } = &self.story;
        Some(json!({
            "word": word,
            "busy_since": busy_since.map(|since| since.unix_ms),
            "is_busy_too_long": busy.is_down(),
            "is_stale": fresh.is_down(),
            "is_unreadable": readable.is_down(),
        }))
    }

    fn recall(&mut self, memory: &Memory) {
        self.story.recall(memory);
    }
}

/// What is known about the file.
pub(super) struct Story {
    name: String,
    state_field: String,
    ts_field: String,
    meanings: [(Meaning, Vec<String>); 4],
    busy_limit: Option<Duration>,
    stale_limit: Option<Duration>,
    missing_is_idle: bool,
    /// The last word that was read.
    word: Option<String>,
    busy_since: Option<Since>,
    age: Age,
    busy: Health,
    fresh: Health,
    readable: Health,
}

impl Story {
    /// Nothing is known yet.
    pub(super) fn new(values: &Values, name: &str) -> Self {
        let lower = |key| values.texts(key).iter().map(|word| word.to_lowercase()).collect();
        let positive = |key| Some(values.seconds(key)).filter(|limit| !limit.is_zero());
        Self {
            name: name.to_owned(),
            state_field: values.text("state_field"),
            ts_field: values.text("ts_field"),
            meanings: [
                (Meaning::Busy, lower("busy_states")),
                (Meaning::Waiting, lower("waiting_states")),
                (Meaning::Idle, lower("idle_states")),
                (Meaning::Broken, lower("error_states")),
            ],
            busy_limit: positive("busy_alert_seconds"),
            stale_limit: positive("stale_seconds"),
            missing_is_idle: values.flag("missing_is_idle"),
            word: None,
            busy_since: None,
            age: Age::default(),
            busy: Health::new(1),
            fresh: Health::new(1),
            // A file can be read while it is written.
            readable: Health::new(2),
        }
    }

    /// Goes on after a restart.
    fn recall(&mut self, memory: &Memory) {
        let told = memory.told.iter().rev().find(|told| told.kind == EventKind::WordChanged);
        let word =
            told.map_or_else(|| memory.found().map(|found| &found["word"]), |told| told.data.get("to"));
        self.word = word.and_then(Value::as_str).map(str::to_owned);
        // Since when a word is there that came after that is not known: since now.
        self.busy_since = memory
            .found()
            .filter(|_| told.is_none())
            .and_then(|found| Since::remembered(&found["busy_since"]));
        let is_told = self.busy_since.is_some()
            && memory.stands("is_busy_too_long", EventKind::BusyTooLong, EventKind::WordChanged);
        self.busy.recall(is_told);
        self.fresh.recall(memory.stands("is_stale", EventKind::Stale, EventKind::Fresh));
        self.readable.recall(memory.stands("is_unreadable", EventKind::Unreadable, EventKind::Readable));
    }

    /// Notes a look at both clocks.
    pub(super) fn judge(
        &mut self,
        content: Option<&Content>,
        now: Instant,
        wall: SystemTime,
        again_in: Duration,
    ) -> Check {
        let mut notices = Vec::new();
        let word = match content {
            None if self.missing_is_idle => Ok(String::new()),
            None => Err("the file is not there".to_owned()),
            Some(content) => self.read(content),
        };
        if let Some(turn) = self.readable.note(word.is_ok()) {
            let why = word.as_ref().err().cloned().unwrap_or_default();
            notices.push(match turn {
                Turn::Down => self.notice(EventKind::Unreadable, EventLevel::Alert, "cannot be read", why),
                Turn::Up => self.notice(
                    EventKind::Readable,
                    EventLevel::Done,
                    "can be read again",
                    "the file can be read again".into(),
                ),
            });
        }
        let word = match word {
            Ok(word) => word,
            Err(why) => {
                let state =
                    if self.readable.is_down() { MonitorState::Error } else { MonitorState::Degraded };
                return Check { state, detail: why, metrics: Map::new(), notices, again_in };
            }
        };
        let meaning = if content.is_none() { Meaning::Idle } else { self.meaning(&word) };
        notices.extend(self.changed(&word, meaning));
        let (busy_for, busy_too_long) = self.busy(meaning, now, &mut notices);
        let age = content.map(|content| self.age_of(content, now, wall));
        let is_stale = self.stale(age, &mut notices);

        let state = match meaning {
            _ if is_stale || busy_too_long => MonitorState::Degraded,
            Meaning::Busy => MonitorState::Running,
            Meaning::Waiting | Meaning::Idle => MonitorState::Idle,
            Meaning::Broken => MonitorState::Error,
            Meaning::Other => MonitorState::Ok,
        };
        let mut detail = if content.is_none() { "no file yet".to_owned() } else { word.clone() };
        if let Some(busy_for) = busy_for {
            detail.push_str(&format!(" for {}", lasting(busy_for)));
        }
        if let (true, Some(age)) = (is_stale, age) {
            detail = format!("stale: written {} ago; it said {detail}", lasting(age));
        }
        let metrics = [
            ("word", json!(word)),
            ("age_seconds", json!(age.map(|age| age.as_secs()))),
            ("busy_seconds", json!(busy_for.map(|busy| busy.as_secs()))),
        ];
        let metrics = metrics.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Check { state, detail, metrics, notices, again_in }
    }

    fn read(&self, content: &Content) -> Result<String, String> {
        let value = content.value.as_ref().map_err(|why| format!("the file cannot be read: {why}"))?;
        match at(value, &self.state_field) {
            Some(Value::String(word)) => Ok(shortened(word.trim(), 100)),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => Ok(value.to_string()),
            _ => Err(format!("the file has no word under {}", self.state_field)),
        }
    }

    fn meaning(&self, word: &str) -> Meaning {
        let word = word.to_lowercase();
        let known = self.meanings.iter().find(|(_, words)| words.contains(&word));
        known.map_or(Meaning::Other, |(meaning, _)| *meaning)
    }

    /// The first word is where the story begins, and no news.
    fn changed(&mut self, word: &str, meaning: Meaning) -> Option<Notice> {
        let before = self.word.replace(word.to_owned())?;
        if before == word {
            return None;
        }
        let was = self.meaning(&before);
        let level = match (was, meaning) {
            (_, Meaning::Broken) => EventLevel::Alert,
            (Meaning::Busy | Meaning::Waiting | Meaning::Broken, Meaning::Idle) => EventLevel::Done,
            _ => EventLevel::Info,
        };
        let said = |word: &str| if word.is_empty() { "no file".to_owned() } else { word.to_owned() };
        let message = format!("{} → {}", said(&before), said(word));
        let data = json!({ "from": before, "to": word });
        Some(Notice {
            kind: EventKind::WordChanged,
            level,
            title: format!("{}: {}", self.name, said(word)),
            message,
            data: Some(data),
            note: None,
        })
    }

    fn busy(
        &mut self,
        meaning: Meaning,
        now: Instant,
        notices: &mut Vec<Notice>,
    ) -> (Option<Duration>, bool) {
        if meaning != Meaning::Busy {
            // The change of the word has been told already.
            (self.busy_since, self.busy) = (None, Health::new(1));
            return (None, false);
        }
        let busy_for = now.duration_since(self.busy_since.get_or_insert_with(|| Since::now(now)).at);
        let is_long = self.busy_limit.is_some_and(|limit| busy_for > limit);
        if self.busy.note(!is_long) == Some(Turn::Down) {
            let message = format!("busy for {} without a change", lasting(busy_for));
            let data = Some(json!({ "seconds": busy_for.as_secs() }));
            let long =
                self.notice(EventKind::BusyTooLong, EventLevel::Alert, "is busy for too long", message);
            notices.push(Notice { data, ..long });
        }
        (Some(busy_for), is_long)
    }

    /// By the time that stands in the file, or else by the file's own.
    fn age_of(&mut self, content: &Content, now: Instant, wall: SystemTime) -> Duration {
        let said = content.value.as_ref().ok().and_then(|value| moment(at(value, &self.ts_field)?));
        said.map_or(content.age, |written| self.age.look(written, now, wall))
    }

    fn stale(&mut self, age: Option<Duration>, notices: &mut Vec<Notice>) -> bool {
        let is_stale = matches!((age, self.stale_limit), (Some(age), Some(limit)) if age > limit);
        if let Some(turn) = self.fresh.note(!is_stale) {
            let ago = lasting(age.unwrap_or_default());
            notices.push(match turn {
                Turn::Down => {
                    let data = Some(json!({ "seconds": age.unwrap_or_default().as_secs() }));
                    let written = format!("written {ago} ago");
                    let stale = self.notice(EventKind::Stale, EventLevel::Alert, "is stale", written);
                    Notice { data, ..stale }
                }
                Turn::Up => {
                    let message = "the file was written again".into();
                    self.notice(EventKind::Fresh, EventLevel::Done, "is fresh again", message)
                }
            });
        }
        is_stale
    }

    fn notice(&self, kind: EventKind, level: EventLevel, what: &str, message: String) -> Notice {
        Notice { kind, level, title: format!("{} {what}", self.name), message, data: None, note: None }
    }
}

/// Whatever the file says and however the clock is set, it is judged.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(values) = super::fuzzed_values(&KIND) else { return };
    let mut story = Story::new(&values, "it");
    super::json_file::fuzz(bytes, |content, now, wall, every| story.judge(Some(content), now, wall, every));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::monitors::tests::{levels, made};

    #[test]
    fn each_change_of_a_real_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let mut monitor = made(&KIND, json!({ "path": path }));
        let none = monitor.check();
        assert_eq!((none.state, none.detail.as_str()), (MonitorState::Idle, "no file yet"));
        let mut told = Vec::new();
        for (word, state) in [
            (json!("Busy"), MonitorState::Running),
            (json!("Busy"), MonitorState::Running),
            (json!("waiting"), MonitorState::Idle),
            (json!("idle"), MonitorState::Idle),
            (json!("failed"), MonitorState::Error),
            (json!("other"), MonitorState::Ok),
            (json!(7), MonitorState::Ok),
            (json!([]), MonitorState::Degraded),
            (json!([]), MonitorState::Error),
            (json!(7), MonitorState::Ok),
        ] {
            fs::write(&path, json!({ "state": word }).to_string()).unwrap();
            let check = monitor.check();
            assert_eq!(check.state, state, "{word} {}", check.detail);
            told.push(levels(&check));
        }
        use EventLevel::{Alert, Done, Info};
        assert_eq!(
            told,
            [
                vec![Info],
                vec![],
                vec![Info],
                vec![Done],
                vec![Alert],
                vec![Info],
                vec![Info],
                vec![],
                vec![Alert],
                vec![Done]
            ]
        );
    }

    #[test]
    fn busy_for_too_long_and_stale_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(3_600);
        fs::write(&path, json!({ "state": "busy", "ts": hour_ago.to_string() }).to_string()).unwrap();
        let mut monitor = made(
            &KIND,
            json!({ "path": path, "busy_alert_seconds": 0.05, "stale_seconds": 60, "missing_is_idle": false }),
        );
        let first = monitor.check();
        assert_eq!((first.state, levels(&first)), (MonitorState::Degraded, vec![EventLevel::Alert]), "stale");
        let long = crate::monitors::tests::looked(&mut *monitor, |check| !check.notices.is_empty());
        assert!(long.notices[0].title.contains("busy for too long"), "{:?}", long.notices);
        assert!(levels(&monitor.check()).is_empty());
        fs::write(&path, json!({ "state": "idle" }).to_string()).unwrap();
        let over = monitor.check();
        assert_eq!(
            (over.state, levels(&over)),
            (MonitorState::Idle, vec![EventLevel::Done, EventLevel::Done])
        );
        fs::remove_file(&path).unwrap();
        monitor.check();
        assert_eq!(monitor.check().state, MonitorState::Error);
    }
}
