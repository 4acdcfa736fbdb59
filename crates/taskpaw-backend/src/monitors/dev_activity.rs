//! `dev_activity`: which coding assistant works, waits for its person, or is idle: by the file that `taskpaw-backend activity`
//! writes for each in the form and place of TaskPaw V3, and by its processes.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use durable_file::{Links, open_plain};
use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{EventKind, EventLevel, FieldFault, FieldProblem, MonitorState};

use super::form::{self, Pattern, Values, expanded, shortened};
use super::json_file::parse;
use super::processes::Processes;
use super::{BadSetup, Check, Kind, Made, Memory, Monitor, Notice, Setup, refused};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "dev_activity",
    title: "Coding assistants",
    about: "Which coding assistant on this machine works, waits for you, or is idle. Never what it works at.",
    always_on: false,
    fields: form::DEV_ACTIVITY,
    build,
};

/// Which processes belong to whom, as in V3. Of an editor they say nothing about an assistant.
const KNOWN: &[(&str, &str)] = &[
    ("claude", r"\bclaude\b"),
    ("codex", r"\bcodex\b"),
    ("kimi", r"\bkimi\b"),
    ("vscode", r"Code Helper|Code\.exe|Visual Studio Code|\bcode\b|\bvscode\b"),
];
/// Shown, but no assistant.
const EDITORS: &[&str] = &["vscode"];
/// Far larger than what is written.
const MOST_BYTES: u64 = 64 << 10;
/// How many looks the share of the time is taken over.
const MOST_SAMPLES: usize = 100_000;

fn build(values: &Values, setup: &Setup) -> Made {
    let own = values.texts("process_patterns").into_iter().map(own_pattern).collect::<Result<Vec<_>, _>>()?;
    let tool = |name: String| {
        if name.contains(['/', '\\']) {
            return Err(BadSetup::field(
                "tools",
                FieldFault::BadName,
                format!("{name} can be in no name of a file"),
            ));
        }
        let written = own.iter().find(|(tool, _)| *tool == name).map(|(_, pattern)| pattern.clone());
        let known = KNOWN.iter().find(|(tool, _)| *tool == name);
        let pattern = written.or_else(|| Pattern::compiled(known?.1).ok());
        Ok(Tool { is_assistant: !EDITORS.contains(&name.as_str()), name, pattern })
    };
    let folder = expanded(&values.text("state_dir"));
    if !folder.is_absolute() {
        return Err(BadSetup::field(
            "state_dir",
            FieldFault::NotAPath,
            "write the whole path, from the root on",
        ));
    }
    Ok(Box::new(DevActivity {
        tools: values.texts("tools").into_iter().map(tool).collect::<Result<_, _>>()?,
        folder,
        fresh: values.number("freshness_seconds"),
        processes: setup.processes.clone(),
        every: values.seconds("poll_interval"),
        story: Story {
            name: setup.name.clone(),
            window: values.seconds("window_seconds"),
            class: None,
            samples: VecDeque::new(),
        },
    }))
}

/// `tool=pattern`.
fn own_pattern(line: String) -> Result<(String, Pattern), BadSetup> {
    let wrong = |why: String| BadSetup::from(FieldProblem::in_words("config.process_patterns", why));
    let (tool, pattern) =
        line.split_once('=').ok_or_else(|| wrong(format!("write NAME=PATTERN, not {line}")))?;
    // An empty one would find every process.
    if pattern.trim().is_empty() {
        return Err(wrong(format!("write a pattern behind {tool}=")));
    }
    let pattern = Pattern::compiled(pattern)
        .map_err(|why| wrong(format!("{pattern} is no regular expression: {why}")))?;
    Ok((tool.trim().to_owned(), pattern))
}

struct DevActivity {
    tools: Vec<Tool>,
    folder: PathBuf,
    fresh: f64,
    processes: Arc<Processes>,
    every: Duration,
    story: Story,
}

struct Tool {
    name: String,
    pattern: Option<Pattern>,
    is_assistant: bool,
}

/// What is seen of one tool.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    tool: String,
    /// What it says that it does, if that still counts.
    state: Option<String>,
    /// Whether a process of it runs.
    is_present: bool,
    /// How long ago it said so.
    age: Option<f64>,
    is_assistant: bool,
}

impl Monitor for DevActivity {
    fn check(&mut self) -> Check {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let seen = self.tools.iter().map(|tool| self.look(tool, now)).collect();
        self.story.judge(seen, Instant::now(), self.every)
    }

    fn memory(&mut self) -> Option<Value> {
        Some(json!({ "class": self.story.class.map(Class::word) }))
    }

    fn recall(&mut self, memory: &Memory) {
        let told = memory.told.iter().rev().find_map(|told| Class::of(told.kind));
        let found = || Class::named(memory.found()?["class"].as_str()?);
        self.story.class = told.or_else(found);
    }
}

impl DevActivity {
    fn look(&self, tool: &Tool, now: f64) -> Seen {
        // Where processes cannot be listed, what the tools say counts all the same.
        let found = tool.pattern.as_ref().and_then(|pattern| self.processes.matching(pattern, true).ok());
        let is_present = found.is_some_and(|found| found.iter().any(|one| one.ended.is_none()));
        let own = read(&self.folder.join(format!("agent-activity-{}.json", tool.name)));
        // Where a hook names no file all write into one.
        let said = own.or_else(|| {
            let shared = read(&self.folder.join("agent-activity.json"))?;
            (shared.get("tool")?.as_str()? == tool.name).then_some(shared)
        });
        let (state, age) = said.map_or((None, None), |said| current(&said, self.fresh, now));
        Seen { tool: tool.name.clone(), state, is_present, age, is_assistant: tool.is_assistant }
    }
}

/// What a tool has written; nothing if it has not.
fn read(path: &Path) -> Option<Value> {
    let bytes = (|| {
        let mut bytes = Vec::new();
        open_plain(path, Links::Follow)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    })();
    match bytes.map_err(|error| (error.kind() != io::ErrorKind::NotFound).then(|| refused::file(&error))) {
        Ok(bytes) => match parse(&bytes) {
            Ok(value) => return value.is_object().then_some(value),
            Err(why) => tracing::debug!("{}: {why}", path.display()),
        },
        Err(Some(why)) => tracing::warn!("{} cannot be read: {why}", path.display()),
        Err(None) => {}
    }
    None
}

/// The word that counts, and its age. What is too old, or lies in the future, says nothing: one that has crashed is not busy for
/// ever.
fn current(said: &Value, fresh: f64, now: f64) -> (Option<String>, Option<f64>) {
    let (state, then) = (said.get("state").and_then(Value::as_str), said.get("ts").and_then(Value::as_f64));
    let (Some(state), Some(then)) = (state, then.filter(|then| then.is_finite())) else {
        return (None, None);
    };
    let age = now - then;
    if age < -fresh {
        return (None, None);
    }
    // Older than the universe is as good as any number: a tenth of a second of it could not be said.
    let age = age.clamp(0.0, 1e18);
    ((age <= fresh).then(|| shortened(state, 100)), Some((age * 10.0).round() / 10.0))
}

/// Whatever the file says, a word counts only for as long as it is fresh.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(said) = parse(bytes) else { return };
    let (word, age) = current(&said, 300.0, 1_800_000_000.0);
    assert!(word.is_none_or(|word| word.chars().count() <= 101 && age.is_some_and(|age| age <= 300.0)));
    assert!(age.is_none_or(|age| age.is_finite() && age >= 0.0));
}

/// What is told: each change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Busy,
    Waiting,
    Off,
}

impl Class {
    const ALL: [(Self, &'static str, EventKind); 3] = [
        (Self::Busy, "busy", EventKind::AssistantBusy),
        (Self::Waiting, "waiting", EventKind::AssistantWaits),
        (Self::Off, "off", EventKind::AssistantIdle),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(class, ..)| *class == self).map_or("off", |(_, word, _)| word)
    }

    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(class, ..)| *class)
    }

    fn of(kind: EventKind) -> Option<Self> {
        Self::ALL.iter().find(|(.., known)| *known == kind).map(|(class, ..)| *class)
    }
}

/// What is known about the assistants.
struct Story {
    name: String,
    window: Duration,
    class: Option<Class>,
    /// When was looked, and whether one was busy.
    samples: VecDeque<(Instant, bool)>,
}

impl Story {
    fn judge(&mut self, seen: Vec<Seen>, now: Instant, again_in: Duration) -> Check {
        let named = |word: &str| -> Vec<&str> {
            let those = seen.iter().filter(|one| one.state.as_deref() == Some(word));
            those.map(|one| one.tool.as_str()).collect()
        };
        let (busy, waiting) = (named("busy"), named("waiting"));
        let (word, state, detail, class) = if !busy.is_empty() {
            ("busy", MonitorState::Running, format!("busy: {}", busy.join(", ")), Class::Busy)
        } else if !waiting.is_empty() {
            let detail = format!("waiting for you: {}", waiting.join(", "));
            ("waiting", MonitorState::Running, detail, Class::Waiting)
        } else if !named("idle").is_empty() {
            ("idle", MonitorState::Idle, "idle".to_owned(), Class::Off)
        } else if seen.iter().any(|one| one.is_present && one.is_assistant) {
            ("present_only", MonitorState::Idle, "open; it does not say what it does".to_owned(), Class::Off)
        } else {
            ("none", MonitorState::Idle, "none runs".to_owned(), Class::Off)
        };
        let notices = self.changed(class, &detail, if busy.is_empty() { &waiting } else { &busy });
        let (busy_seconds, ratio) = self.share(!busy.is_empty(), now);
        let tools: Vec<Value> = seen
            .iter()
            .map(|one| {
                json!({ "tool": one.tool, "state": one.state, "present": one.is_present, "age_s": one.age,
                        "ai": one.is_assistant })
            })
            .collect();
        // Under the names of V3, whose hubs and windows show them.
        let metrics: Map<String, Value> = [
            ("ai_state", json!(word)),
            ("busy_tools", json!(busy)),
            ("tools", json!(tools)),
            ("window_s", json!(self.window.as_secs())),
            ("duty", json!({ "busy_s": busy_seconds, "ratio": ratio })),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        Check { state, detail, metrics, notices, again_in }
    }

    /// The first look is where the story begins.
    fn changed(&mut self, class: Class, detail: &str, tools: &[&str]) -> Vec<Notice> {
        if self.class.replace(class).is_none_or(|before| before == class) {
            return Vec::new();
        }
        let (kind, what, message) = match class {
            Class::Busy => (EventKind::AssistantBusy, "busy", detail),
            Class::Waiting => (EventKind::AssistantWaits, "waits for you", detail),
            Class::Off => (EventKind::AssistantIdle, "idle", "none works any more"),
        };
        let title = format!("{}: {what}", self.name);
        let data = Some(json!({ "tools": tools.join(", ") }));
        let (level, message) = (EventLevel::Info, message.to_owned());
        vec![Notice { kind, level, title, message, data, note: None }]
    }

    /// For how many seconds of the window one was busy, and the share of it.
    fn share(&mut self, is_busy: bool, now: Instant) -> (f64, f64) {
        self.samples.push_back((now, is_busy));
        while self.samples.len() > MOST_SAMPLES
            || self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > self.window)
        {
            self.samples.pop_front();
        }
        let busy = self.samples.iter().filter(|(_, is_busy)| *is_busy).count();
        let ratio = busy as f64 / self.samples.len().max(1) as f64;
        let span = self.samples.front().map_or(Duration::ZERO, |(at, _)| now.duration_since(*at));
        let rounded = |value: f64, unit: f64| (value * unit).round() / unit;
        (rounded(ratio * span.as_secs_f64(), 10.0), rounded(ratio, 1_000.0))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::monitors::tests::{made, problem};

    /// No process of this machine is called so.
    fn settings(folder: &Path) -> Value {
        json!({ "tools": ["claude", "mine", "vscode"], "state_dir": folder,
                "process_patterns": ["claude=taskpaw-no-such-assistant", "vscode=taskpaw-no-such-editor"] })
    }

    fn now() -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
    }

    #[test]
    fn what_the_busiest_does_is_told_when_it_changes_also_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut monitor = made(&KIND, settings(folder.path()));
        let say = |file: &str, tool: &str, state: &str, age: f64| {
            let said = json!({ "tool": tool, "state": state, "session": "s", "ts": now() - age });
            fs::write(folder.path().join(file), said.to_string()).unwrap();
        };
        let first = monitor.check();
        assert_eq!((first.detail.as_str(), first.notices.len()), ("none runs", 0));
        let mut told = Vec::new();
        for (file, tool, state, age, word) in [
            ("agent-activity-claude.json", "claude", "busy", 0.0, "busy"),
            ("agent-activity-claude.json", "claude", "waiting", 5.0, "waiting"),
            ("agent-activity.json", "mine", "busy", 0.0, "busy"),
            ("agent-activity-mine.json", "mine", "idle", 0.0, "waiting"),
            ("agent-activity-claude.json", "claude", "busy", 400.0, "idle"),
            ("agent-activity-mine.json", "mine", "busy", -400.0, "none"),
        ] {
            say(file, tool, state, age);
            let check = monitor.check();
            assert_eq!(check.metrics["ai_state"], word, "{file} {state} {age}");
            told.extend(check.notices.iter().map(|notice| (notice.kind, notice.message.clone())));
            // The next backend goes on.
            let found = monitor.memory().unwrap();
            monitor = made(&KIND, settings(folder.path()));
            monitor.recall(&Memory { found, ..Memory::default() });
        }
        use EventKind::{AssistantBusy, AssistantIdle, AssistantWaits};
        let expected = [
            (AssistantBusy, "busy: claude"),
            (AssistantWaits, "waiting for you: claude"),
            (AssistantBusy, "busy: mine"),
            (AssistantWaits, "waiting for you: claude"),
            (AssistantIdle, "none works any more"),
        ];
        assert_eq!(told, expected.map(|(kind, text)| (kind, text.to_owned())));
        let check = monitor.check();
        assert_eq!(
            check.metrics["tools"][0],
            json!({ "tool": "claude", "state": null, "present": false,
            "age_s": check.metrics["tools"][0]["age_s"], "ai": true })
        );
    }

    #[test]
    fn what_is_no_word_of_a_tool_says_nothing() {
        for said in [
            json!({}),
            json!({ "state": "busy" }),
            json!({ "state": 1, "ts": 100.0 }),
            json!({ "state": "busy", "ts": "100" }),
            json!({ "state": "busy", "ts": true }),
            json!({ "state": "busy", "ts": 1e300 }),
        ] {
            assert_eq!(current(&said, 300.0, 100.0), (None, None), "{said}");
        }
        let busy = json!({ "state": "busy", "ts": 100 });
        assert_eq!(
            current(&busy, 300.0, 90.0),
            (Some("busy".into()), Some(0.0)),
            "the clocks differ a little"
        );
        assert_eq!(current(&busy, 300.0, 500.0), (None, Some(400.0)));
    }

    #[test]
    fn the_share_is_that_of_the_window() {
        let mut story = Story {
            name: "it".into(),
            window: Duration::from_secs(60),
            class: None,
            samples: VecDeque::new(),
        };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(story.share(true, at(0)), (0.0, 1.0));
        assert_eq!(story.share(false, at(30)), (15.0, 0.5));
        assert_eq!(story.share(false, at(80)), (0.0, 0.0), "what is older does not count");
    }

    #[cfg(unix)]
    #[test]
    fn one_that_says_nothing_is_open_and_an_editor_is_no_assistant() {
        let folder = tempfile::tempdir().unwrap();
        let word = format!("taskpaw-assistant-{}", std::process::id());
        let mut process = crate::monitors::process::tests::started(&word, 0);
        for (tool, expected) in [("claude", "present_only"), ("vscode", "none")] {
            let own = json!({ "tools": [tool], "state_dir": folder.path(),
                              "process_patterns": [format!("{tool}={word}")] });
            let mut monitor = made(&KIND, own);
            let there = crate::monitors::tests::looked(&mut *monitor, |check| {
                check.metrics["tools"][0]["present"] == true
            });
            assert_eq!(there.metrics["ai_state"], expected, "{tool}");
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        for (settings, field) in [
            (json!({ "tools": [] }), "config.tools"),
            (json!({ "tools": ["../x"] }), "config.tools"),
            (json!({ "state_dir": "here" }), "config.state_dir"),
            (json!({ "process_patterns": ["claude"] }), "config.process_patterns"),
            (json!({ "process_patterns": ["claude="] }), "config.process_patterns"),
            (json!({ "process_patterns": ["claude=("] }), "config.process_patterns"),
            (json!({ "window_seconds": 10 }), "config.window_seconds"),
        ] {
            assert_eq!(problem(&KIND, settings), field);
        }
    }
}
