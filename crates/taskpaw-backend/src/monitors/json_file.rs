//! Reading a JSON file that another program writes: bounded, and with its age on a clock that nobody can set.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::refused;

/// A status file is small; a larger one is something else.
const MOST_BYTES: u64 = 1 << 20;

/// A file that is read again and again.
#[derive(Debug)]
pub(super) struct JsonFile {
    pub(super) path: PathBuf,
    age: Age,
}

/// What a look at it shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    /// What stands in it, or why that cannot be read.
    pub(super) value: Result<Value, String>,
    /// How long ago it was written.
    pub(super) age: Duration,
}

/// How long ago something was written.
///
/// The two clocks of files and of this machine can differ and be set. So the wall clock is asked only about what
/// was written before it was first seen; from then on the steady one counts.
#[derive(Debug, Default)]
pub(super) struct Age {
    written: Option<SystemTime>,
    /// When this was first seen, and how old it was then.
    seen: Option<(Instant, Duration)>,
    last_look: Option<Instant>,
}

impl Age {
    /// Notes a look at something that was written then.
    pub(super) fn look(&mut self, written: SystemTime, now: Instant, wall: SystemTime) -> Duration {
        let since_last_look = self.last_look.replace(now).map(|last| now.duration_since(last));
        if self.written != Some(written) || self.seen.is_none() {
            let by_wall = wall.duration_since(written).unwrap_or_default();
            // What is new since the last look cannot be older than that.
            let age = if self.written.is_some() {
                by_wall.min(since_last_look.unwrap_or(by_wall))
            } else {
                by_wall
            };
            (self.written, self.seen) = (Some(written), Some((now, age)));
        }
        self.seen.map_or(Duration::ZERO, |(at, age)| age + now.duration_since(at))
    }
}

impl JsonFile {
    /// Nothing is read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, age: Age::default() }
    }

    /// Reads it; nothing if it is not there.
    pub(super) fn look(&mut self) -> Option<Content> {
        let about = match fs::metadata(&self.path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.age = Age::default();
                return None;
            }
            Err(error) => return Some(Content { value: Err(refused::file(&error)), age: Duration::ZERO }),
        };
        // Systems that do not know when a file was written do not exist among those that this runs on.
        let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let age = self.age.look(written, Instant::now(), SystemTime::now());
        Some(Content { value: read(&self.path), age })
    }
}

fn read(path: &Path) -> Result<Value, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| refused::file(&error))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| refused::file(&error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("it is larger than {MOST_BYTES} bytes"));
    }
    parse(&bytes)
}

/// Reads a file's bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes)
        .map_err(|error| format!("it is not valid JSON: line {}, column {}", error.line(), error.column()))
}

/// What stands under a key such as `job.state`; a key with dots in itself is found too.
pub(super) fn at<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let whole = value.get(key);
    whole.or_else(|| key.split('.').try_fold(value, |value, part| value.get(part)))
}

/// A moment: seconds or milliseconds since 1970, or ISO 8601. One without a zone is UTC.
pub(super) fn moment(value: &Value) -> Option<SystemTime> {
    // In milliseconds this is 2001, in seconds the year 33658.
    const FIRST_MILLISECONDS: f64 = 1e12;
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => return moment_in(text.trim()),
        _ => None,
    }?;
    let seconds = if seconds >= FIRST_MILLISECONDS { seconds / 1_000.0 } else { seconds };
    Duration::try_from_secs_f64(seconds).ok().and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
}

fn moment_in(text: &str) -> Option<SystemTime> {
    let with_zone = text.parse::<jiff::Timestamp>();
    let without = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let timestamp = with_zone.ok().or_else(|| without().map(|zoned| zoned.timestamp()))?;
    Some(timestamp.into())
}

/// Gives a judgement files with these bytes: just written and written long ago, while the clock is set back and far ahead.
#[cfg(feature = "fuzzing")]
pub(super) fn fuzz(
    bytes: &[u8],
    mut judge: impl FnMut(&Content, Instant, SystemTime, Duration) -> super::Check,
) {
    let (start, wall) = (Instant::now(), SystemTime::now());
    for age in [0, u64::MAX >> 1] {
        let content = Content { value: parse(bytes), age: Duration::from_secs(age) };
        for (seconds, clock) in
            [(0, wall), (60, SystemTime::UNIX_EPOCH), (120, wall + Duration::from_secs(1 << 33))]
        {
            let now = start + Duration::from_secs(seconds);
            let check = judge(&content, now, clock, Duration::from_secs(5));
            assert!(check.notices.len() <= 4, "{check:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moment_has_many_forms() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_268_800);
        for value in [
            json!(1_767_268_800),
            json!(1_767_268_800.0),
            json!(1_767_268_800_000_u64),
            json!("2026-01-01T12:00:00Z"),
            json!("2026-01-01T12:00:00+00:00"),
            json!("2026-01-01T13:00:00.000+01:00"),
            json!("2026-01-01 12:00:00"),
        ] {
            assert_eq!(moment(&value), Some(noon), "{value}");
        }
        for value in
            [json!(-1), json!(1e300), json!("soon"), json!(""), json!(null), json!({}), json!("9".repeat(50))]
        {
            assert_eq!(moment(&value), None, "{value}");
        }
    }

    #[test]
    fn a_key_can_lead_inside() {
        let value = json!({ "job": { "state": "busy" }, "a.b": 1 });
        assert_eq!(at(&value, "job.state"), Some(&json!("busy")));
        assert_eq!(
            (at(&value, "a.b"), at(&value, "job.none"), at(&value, "")),
            (Some(&json!(1)), None, None)
        );
        assert_eq!(at(&json!([1]), "x"), None);
    }

    #[test]
    fn age_does_not_care_about_a_clock_that_is_set() {
        let (start, wall) = (Instant::now(), SystemTime::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let hour = Duration::from_secs(3_600);
        let mut age = Age::default();
        let written = wall - Duration::from_secs(60);
        assert_eq!(age.look(written, start, wall).as_secs(), 60, "it was there before");
        assert_eq!(age.look(written, after(10), wall + hour).as_secs(), 70, "the clock was set forward");
        assert_eq!(age.look(written, after(20), wall - hour).as_secs(), 80, "and back");
        // Written again, with the time of a clock that is an hour late or early.
        assert_eq!(age.look(wall - hour, after(30), wall).as_secs(), 10);
        assert_eq!(age.look(wall + hour, after(40), wall).as_secs(), 0);
        assert_eq!(age.look(wall + hour, after(100), wall + 2 * hour).as_secs(), 60);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.json");
        let mut file = JsonFile::new(path.clone());
        assert_eq!(file.look(), None);
        for (text, words) in [
            ("{", "not valid JSON: line 1, column 1"),
            ("", "not valid JSON"),
            (&*" ".repeat(1 << 21), "larger"),
        ] {
            fs::write(&path, text).unwrap();
            assert!(file.look().unwrap().value.unwrap_err().contains(words), "{words}");
        }
        fs::write(&path, "\u{feff}{\"a\":1}").unwrap();
        assert_eq!(file.look().unwrap().value, Ok(json!({ "a": 1 })));
        assert!(JsonFile::new(folder.path().to_owned()).look().unwrap().value.is_err());
    }
}
