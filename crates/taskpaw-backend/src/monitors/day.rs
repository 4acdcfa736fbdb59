//! A day of a machine's life, replayed at speed: what runs flaps, the clock is set, the machine sleeps. Every change
//! is told once, and nothing else is.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::health::Health;
use super::json_file::Content;
use super::processes::Found;
use super::{Check, Kind, form, heartbeat, state_file, task, two_states};

/// Seconds from one look to the next.
const STEP: u64 = 10;
const HOUR: u64 = 3_600;
/// The machine sleeps from one to seven.
const SLEEP: std::ops::Range<u64> = HOUR..7 * HOUR;

/// The two clocks at a moment of the day.
#[derive(Clone, Copy)]
struct Now {
    /// Seconds of the day, as the sun has it.
    true_time: u64,
    steady: Instant,
    wall: SystemTime,
}

impl Now {
    /// The wall clock is set an hour forward at ten, back at eleven, and ten minutes back at three in the afternoon.
    fn at(true_time: u64, start: Instant, midnight: SystemTime) -> Self {
        let slept = true_time.clamp(SLEEP.start, SLEEP.end) - SLEEP.start;
        let steady = start + Duration::from_secs(true_time - slept);
        let mut wall = midnight + Duration::from_secs(true_time);
        if (10 * HOUR..11 * HOUR).contains(&true_time) {
            wall += Duration::from_secs(HOUR);
        }
        if true_time >= 15 * HOUR {
            wall -= Duration::from_secs(HOUR / 6);
        }
        Self { true_time, steady, wall }
    }

    fn unix(self) -> u64 {
        self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    }
}

/// Every moment of the day at which the machine is awake and somebody looks.
fn day() -> impl Iterator<Item = Now> {
    let start = Instant::now();
    let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let times = (0..24 * HOUR).step_by(10).filter(|time| !SLEEP.contains(time));
    times.map(move |time| Now::at(time, start, midnight))
}

/// What was said, and at which hour and minute.
fn said(day: impl Iterator<Item = (Now, Check)>) -> Vec<(String, String)> {
    let mut said = Vec::new();
    for (now, check) in day {
        let clock = format!("{:02}:{:02}", now.true_time / HOUR, now.true_time / 60 % 60);
        said.extend(check.notices.into_iter().map(|notice| (clock.clone(), notice.title)));
    }
    said
}

fn values(kind: &Kind, settings: &Value) -> form::Values {
    form::check(kind.fields, settings.as_object().unwrap()).unwrap()
}

#[test]
fn a_service_that_flaps_is_told_at_each_turn_and_no_more() {
    let mut health = Health::new(1);
    let is_up = |time: u64| !(12 * HOUR..12 * HOUR + 1_800).contains(&time) || (time / 30).is_multiple_of(2);
    let mut turns = 0;
    let (mut was_up, mut minute) = (true, (0, 0));
    let told = day().map(|now| {
        let up = is_up(now.true_time);
        turns += usize::from(up != was_up);
        was_up = up;
        let found = if up { Ok("up".to_owned()) } else { Err("down".to_owned()) };
        (now, two_states("s", &mut health, found, Duration::ZERO))
    });
    let told = said(told.inspect(|(now, check)| {
        let this = now.true_time / 60;
        minute = if minute.0 == this {
            (this, minute.1 + check.notices.len())
        } else {
            (this, check.notices.len())
        };
        assert!(minute.1 <= 6);
    }));
    assert_eq!((told.len(), told.last().unwrap().1.as_str()), (turns, "s is well again"));
    assert!(turns > 50);
}

#[test]
fn a_heartbeat_is_missed_only_when_its_program_is_gone() {
    let mut pulse = heartbeat::Pulse::new(
        &values(&heartbeat::KIND, &json!({ "path": std::env::temp_dir(), "grace_seconds": 60 })),
        "h",
    );
    // The program writes each minute, except for half an hour in the evening.
    let gone = 18 * HOUR..18 * HOUR + HOUR / 2;
    let mut written = None;
    let told = day().map(|now| {
        if now.true_time % 60 == 30 && !gone.contains(&now.true_time) {
            written = Some(now.unix() + 120);
        }
        let value = Ok(json!({ "next_check_due_utc": written }));
        let content = Content { value, age: Duration::ZERO };
        (now, pulse.judge(Some(&content), now.steady, now.wall, Duration::from_secs(STEP)))
    });
    let expected = [("18:02", "h is down"), ("18:30", "h is well again")];
    assert_eq!(said(told), expected.map(|(time, title)| (time.to_owned(), title.to_owned())));
}

#[test]
fn a_state_file_is_stale_only_when_nobody_writes_it_and_each_word_is_told() {
    let settings = json!({ "path": std::env::temp_dir(), "stale_seconds": 300, "busy_alert_seconds": 900 });
    let mut story = state_file::Story::new(&values(&state_file::KIND, &settings), "f");
    // Busy and idle in turns of ten minutes. In the afternoon it hangs for an hour without writing.
    let hangs = 16 * HOUR..17 * HOUR;
    let mut content = json!({ "state": "busy" });
    let (mut words, mut last) = (0, "busy");
    let told = day().map(|now| {
        if now.true_time % 60 == 30 && !hangs.contains(&now.true_time) {
            let word = if (now.true_time / 600).is_multiple_of(2) { "busy" } else { "idle" };
            words += usize::from(last != word);
            last = word;
            content = json!({ "state": word, "ts": now.unix() });
        }
        let seen = Content { value: Ok(content.clone()), age: Duration::ZERO };
        (now, story.judge(Some(&seen), now.steady, now.wall, Duration::from_secs(STEP)))
    });
    let told = said(told);
    let (changes, others): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|(_, title)| title.starts_with("f: "));
    assert_eq!(changes.len(), words);
    // The word before it hung was idle, so only its silence is told.
    let expected = [("16:04", "f is stale"), ("17:00", "f is fresh again")];
    assert_eq!(others, expected.map(|(time, title)| (time.to_owned(), title.to_owned())));
}

#[test]
fn work_over_every_turn_of_the_clock_is_one_piece_and_lasts_as_long_as_the_machine_was_awake() {
    let mut work = task::Work::new("render", Duration::ZERO);
    // From half past nine in the morning until four in the afternoon, and a second one over the night's sleep.
    let runs = |time: u64| {
        (9 * HOUR + 1_800..16 * HOUR).contains(&time) || (1_800..7 * HOUR + 1_800).contains(&time)
    };
    let mut started_at = None;
    let mut messages = Vec::new();
    for now in day() {
        let found: Vec<Found> = if runs(now.true_time) {
            let started_at = *started_at.get_or_insert(now.unix());
            vec![Found { pid: 7, started_at, name: "render".into(), memory: 1, ended: None }]
        } else {
            started_at = None;
            Vec::new()
        };
        let check = work.judge(&found, now.steady, now.unix(), Duration::ZERO);
        messages.extend(check.notices.into_iter().map(|notice| notice.message));
    }
    // Seen last ten seconds before it was seen to be gone.
    assert_eq!(messages, ["render has finished after 59 min 50 s", "render has finished after 6 h 29 min"]);
}
