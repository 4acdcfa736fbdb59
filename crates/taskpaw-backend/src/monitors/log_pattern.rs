//! `log_pattern`: a growing log file: progress in per cent, a line that says *finished*, a line that says *error*.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{EventKind, EventLevel, FieldFault, MonitorState};

use super::form::{self, Pattern, SearchError, Values, shortened};
use super::memory::Since;
#[cfg(any(test, feature = "fuzzing"))]
use super::tail::Line;
use super::tail::{News, Place, Tail};
use super::words::lasting;
use super::{BadSetup, Check, Kind, Made, Memory, Monitor, Notice, Setup};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "log_pattern",
    title: "Log file",
    about: "New lines of a log file: progress, the line that says that work is finished, and lines of errors.",
    always_on: false,
    fields: form::LOG_PATTERN,
    build,
};

/// How much of a line is shown.
const SHOWN: usize = 300;
/// When to go on with a file that had more to read than one look reads.
const SOON: Duration = Duration::from_millis(50);

fn build(values: &Values, setup: &Setup) -> Made {
    let progress = match values.text("progress_pattern").as_str() {
        form::FORMER_PERCENT => Pattern::compiled(form::PERCENT).ok(),
        _ => values.pattern("progress_pattern"),
    };
    if progress.as_ref().is_some_and(|pattern| pattern.groups() < 1) {
        return Err(BadSetup::field(
            "progress_pattern",
            FieldFault::NoGroup,
            "it has no parentheses around the percentage",
        ));
    }
    let patterns =
        Patterns { progress, done: values.pattern("done_pattern"), error: values.pattern("error_pattern") };
    if patterns.progress.is_none() && patterns.done.is_none() && patterns.error.is_none() {
        return Err(BadSetup::field(
            "progress_pattern",
            FieldFault::NoneFilled,
            "fill in at least one of the three patterns",
        ));
    }
    Ok(Box::new(LogPattern {
        tail: Tail::new(values.path("path"), values.flag("from_start")),
        every: values.seconds("poll_interval"),
        story: Story::new(setup.name.clone(), patterns, values.seconds("calm_seconds")),
    }))
}

struct LogPattern {
    tail: Tail,
    every: Duration,
    story: Story,
}

impl Monitor for LogPattern {
    fn check(&mut self) -> Check {
        let news = self.tail.look();
        self.story.judge(news, Instant::now(), self.every)
    }

    fn memory(&mut self) -> Option<Value> {
        self.tail.place().map(|place| self.story.note(place))
    }

    fn recall(&mut self, memory: &Memory) {
        let Some(note) = memory.last_note() else { return };
        self.tail.recall(Place::deserialize(&note["place"]).ok());
        self.story.recall(note);
    }
}

struct Patterns {
    progress: Option<Pattern>,
    done: Option<Pattern>,
    error: Option<Pattern>,
}

/// What the lines have told so far.
struct Story {
    name: String,
    patterns: Patterns,
    calm: Duration,
    percent: Option<f64>,
    is_done: bool,
    /// The last error line, and when it came.
    error: Option<(String, Since)>,
    lines: u64,
    /// Why a pattern could not be searched for in one of the last lines.
    failed: Option<SearchError>,
}

impl Story {
    fn new(name: String, patterns: Patterns, calm: Duration) -> Self {
        Self { name, patterns, calm, percent: None, is_done: false, error: None, lines: 0, failed: None }
    }

    /// What it needs to go on after a restart, from a place in the file on.
    fn note(&self, place: Option<Place>) -> Value {
        json!({
            "place": place,
            "percent": self.percent,
            "is_done": self.is_done,
            "error": self.error.as_ref().map(|(line, _)| line),
            "error_at": self.error.as_ref().map(|(_, since)| since.unix_ms),
            "lines": self.lines,
        })
    }

    /// Goes on after a restart.
    fn recall(&mut self, note: &Value) {
        self.percent = note["percent"].as_f64();
        self.is_done = note["is_done"].as_bool().unwrap_or_default();
        let since = || Since::remembered(&note["error_at"]).unwrap_or_else(|| Since::now(Instant::now()));
        self.error = note["error"].as_str().map(|line| (line.to_owned(), since()));
        self.lines = note["lines"].as_u64().unwrap_or_default();
    }

    fn judge(&mut self, news: Result<News, String>, now: Instant, every: Duration) -> Check {
        let mut notices = Vec::new();
        let (is_there, has_more) = match &news {
            Ok(news) => (news.is_there, news.has_more),
            Err(_) => (true, false),
        };
        if news.as_ref().is_ok_and(|news| !news.lines.is_empty()) {
            self.failed = None;
        }
        for line in news.as_ref().map(|news| news.lines.as_slice()).unwrap_or_default() {
            self.lines += 1;
            let told = self.read(&line.text, now).unwrap_or_else(|error| {
                self.failed = Some(error);
                None
            });
            // A line is told once: its event says how far the file was read.
            let note = line.after.map(|after| self.note(Some(after)));
            notices.extend(told.map(|notice| Notice { note, ..notice }));
        }
        if let Some((_, since)) = &self.error
            && now.duration_since(since.at) >= self.calm
        {
            self.error = None;
            let message = format!("no error line for {}", lasting(self.calm));
            notices.push(self.notice(EventKind::Calm, EventLevel::Done, "is calm again", message));
        }
        let progress = self.percent.map(|percent| format!("{percent:.0} %"));
        let (state, detail) = match (news, &self.error) {
            (Err(why), _) => (MonitorState::Degraded, why),
            (Ok(_), _) if self.failed.is_some() => {
                (MonitorState::Error, self.failed.as_ref().map(ToString::to_string).unwrap_or_default())
            }
            (Ok(_), Some((line, _))) => (MonitorState::Error, line.clone()),
            (Ok(_), None) if self.is_done => (MonitorState::Idle, "finished".to_owned()),
            (Ok(_), None) => match progress {
                Some(progress) => (MonitorState::Running, progress),
                None if is_there => (MonitorState::Ok, "nothing to tell".to_owned()),
                None => (MonitorState::Idle, "the file is not there yet".to_owned()),
            },
        };
        let metrics: Map<String, Value> =
            [("progress_percent".to_owned(), json!(self.percent)), ("lines".to_owned(), json!(self.lines))]
                .into_iter()
                .collect();
        Check { state, detail, metrics, notices, again_in: if has_more { SOON } else { every } }
    }

    fn read(&mut self, line: &str, now: Instant) -> Result<Option<Notice>, SearchError> {
        let is_found =
            |pattern: &Option<Pattern>| pattern.as_ref().map_or(Ok(false), |pattern| pattern.is_match(line));
        if is_found(&self.patterns.error)? {
            let is_new = self.error.replace((shortened(line, SHOWN), Since::now(now))).is_none();
            return Ok(is_new.then(|| {
                self.notice(
                    EventKind::ErrorLine,
                    EventLevel::Alert,
                    "reports an error",
                    shortened(line, SHOWN),
                )
            }));
        }
        if is_found(&self.patterns.done)? {
            return Ok(self.done(line));
        }
        let found = self.patterns.progress.as_ref().map(|pattern| pattern.first_group(line)).transpose()?;
        let percent: Option<f64> =
            found.flatten().and_then(|found| found.trim().replace(',', ".").parse().ok());
        let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) else {
            return Ok(None);
        };
        let before = self.percent.replace(percent);
        if percent < 100.0 {
            // Work that goes on has got over its errors, and less than before is work of its own.
            self.is_done &= before.is_some_and(|before| percent >= before);
            self.error = None;
            return Ok(None);
        }
        Ok(self.patterns.done.is_none().then(|| self.done(line)).flatten())
    }

    fn done(&mut self, line: &str) -> Option<Notice> {
        self.error = None;
        let is_new = !std::mem::replace(&mut self.is_done, true);
        if self.patterns.progress.is_none() || self.percent.is_none() {
            // Without progress in between, each such line is work of its own.
            self.is_done = false;
            return Some(self.notice(
                EventKind::WorkDone,
                EventLevel::Done,
                "finished",
                shortened(line, SHOWN),
            ));
        }
        is_new.then(|| self.notice(EventKind::WorkDone, EventLevel::Done, "finished", shortened(line, SHOWN)))
    }

    fn notice(&self, kind: EventKind, level: EventLevel, what: &str, message: String) -> Notice {
        Notice { kind, level, title: format!("{} {what}", self.name), message, data: None, note: None }
    }
}

/// Whatever a program logs.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    let pattern = |text: &str| Pattern::compiled(text).ok();
    let progress = pattern(form::PERCENT);
    let patterns = Patterns { progress, done: pattern("finished|done"), error: pattern(r"\berror\b") };
    let mut story = Story::new("it".to_owned(), patterns, Duration::from_secs(1));
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<Line> = text.lines().map(|line| Line { text: line.to_owned(), after: None }).collect();
    let most = lines.len();
    let news = News { lines, is_there: true, has_more: false };
    let check = story.judge(Ok(news), Instant::now(), SOON);
    assert!(check.notices.len() <= most, "{check:?}");
    assert!(check.notices.iter().all(|notice| notice.message.chars().count() <= SHOWN + 1), "{check:?}");
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::Path;

    use super::*;
    use crate::monitors::tests::{levels, made, problem};

    fn append(path: &Path, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_real_growing_file_tells_progress_errors_and_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("render.log");
        let settings = json!({ "path": path, "done_pattern": "all done", "error_pattern": "\\berror\\b" });
        let mut monitor = made(&KIND, settings);
        assert_eq!(monitor.check().detail, "the file is not there yet");
        append(&path, "frame 1  10%\nframe 2  20.5 %\r");
        let running = monitor.check();
        assert_eq!(
            (running.state, &running.metrics["progress_percent"]),
            (MonitorState::Running, &json!(20.5))
        );
        append(&path, "Error: out of memory\nERROR: again\n");
        let failed = monitor.check();
        assert_eq!((failed.state, levels(&failed)), (MonitorState::Error, vec![EventLevel::Alert]));
        assert_eq!(failed.notices[0].message, "Error: out of memory");
        append(&path, "frame 3 30%\n");
        assert_eq!(monitor.check().state, MonitorState::Running);
        append(&path, "100%\nAll done.\nAll done.\n");
        let done = monitor.check();
        assert_eq!((done.state, levels(&done)), (MonitorState::Idle, vec![EventLevel::Done]));
        append(&path, "5%\n100%\nall done\n");
        assert_eq!(levels(&monitor.check()), [EventLevel::Done], "work of its own");
    }

    fn story(progress: &str, done: &str, error: &str) -> Story {
        let pattern = |text: &str| (!text.is_empty()).then(|| Pattern::compiled(text).unwrap());
        let patterns = Patterns { progress: pattern(progress), done: pattern(done), error: pattern(error) };
        Story::new("l".into(), patterns, Duration::from_secs(60))
    }

    fn lines(lines: &[&str]) -> Result<News, String> {
        let lines = lines.iter().map(|&line| Line { text: line.to_owned(), after: None }).collect();
        Ok(News { lines, is_there: true, has_more: false })
    }

    #[test]
    fn a_percentage_is_read_as_people_and_programs_write_it() {
        for (line, expected) in [
            ("55.5%", Some(55.5)),
            ("55,5 %", Some(55.5)),
            ("100,0 %", Some(100.0)),
            ("7 %", Some(7.0)),
            ("[ 42%]", Some(42.0)),
            ("55,5\u{a0}%", Some(55.5)),
            ("55\u{202f}%", Some(55.0)),
            ("进度：55％", Some(55.0)),
            (" 45%|####     | 45/100", Some(45.0)),
            ("1,234.5 %", None),
            ("1.234,5 %", None),
            ("1234%", None),
            ("150%", None),
            ("version 1.2.3 % x", None),
            ("no number %", None),
        ] {
            for pattern in [form::PERCENT, form::FORMER_PERCENT] {
                let path = std::env::temp_dir().join("taskpaw-no-such-log");
                assert_eq!(
                    made(&KIND, json!({ "path": path, "progress_pattern": pattern })).check().metrics["lines"],
                    0
                );
            }
            let mut story = story(form::PERCENT, "", "");
            let check = story.judge(lines(&[line]), Instant::now(), Duration::ZERO);
            assert_eq!(check.metrics["progress_percent"], json!(expected), "{line:?}");
        }
    }

    #[test]
    fn errors_are_told_once_until_it_is_calm() {
        let mut story = story("", "", "error");
        let start = Instant::now();
        let mut told = Vec::new();
        for (second, said) in [(0, "error 1"), (30, "error 2"), (80, "fine"), (90, "fine"), (100, "error 3")]
        {
            let check = story.judge(lines(&[said]), start + Duration::from_secs(second), Duration::ZERO);
            told.extend(levels(&check).into_iter().map(|level| (second, level)));
        }
        use EventLevel::{Alert, Done};
        assert_eq!(told, [(0, Alert), (90, Done), (100, Alert)]);
    }

    #[test]
    fn a_hundred_per_cent_is_the_end_where_no_line_says_so() {
        let mut bar = story(r"(\d+)%", "", "");
        let check =
            bar.judge(lines(&["1%", "50%", "100%", "100%", "250%", "nan%"]), Instant::now(), Duration::ZERO);
        assert_eq!((check.state, levels(&check)), (MonitorState::Idle, vec![EventLevel::Done]));
        let mut each = story("", "saved", "");
        let check = each.judge(lines(&["saved a", "saved b"]), Instant::now(), Duration::ZERO);
        assert_eq!((levels(&check).len(), check.state), (2, MonitorState::Ok));
    }

    #[test]
    fn patterns_that_cannot_work_are_refused() {
        assert_eq!(
            problem(&KIND, json!({ "path": std::env::temp_dir(), "progress_pattern": "%" })),
            "config.progress_pattern"
        );
        assert_eq!(
            problem(&KIND, json!({ "path": std::env::temp_dir(), "progress_pattern": "" })),
            "config.progress_pattern"
        );
        assert_eq!(
            problem(&KIND, json!({ "path": std::env::temp_dir(), "error_pattern": "[" })),
            "config.error_pattern"
        );
    }
}
