//! How far the work is that a monitor watches: since when it goes on, when it may end, and how the last one went. Plain data in,
//! plain data out; time comes in as an [`Instant`].

use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use taskpaw_contract::ipc::{LastWork, MonitorState, Work};

/// The keys of the numbers that say how far it is, and for how long it goes on already.
const PERCENT: &str = "progress_percent";
const RUNNING: &str = "running_seconds";
/// The most points that are kept of one piece of work; when there are more, every second one goes.
const MOST_POINTS: usize = 64;
/// A slope needs so much time: of less, one jump would be taken for the pace.
const SHORTEST_SLOPE: Duration = Duration::from_secs(20);
/// A fall by more than so much is other work.
const FALL: f64 = 1.0;

/// The work of one monitor.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    now: Option<Running>,
    last: Option<Ended>,
    /// Whether anything was seen before: what already ran at the first look began at a time that nobody knows.
    has_seen: bool,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    is_beginning_known: bool,
    /// For how long it has been running by its own account, and when that was said.
    said: Option<(Duration, Instant)>,
    /// When how much was done, in order.
    points: Vec<(Instant, f64)>,
}

#[derive(Debug)]
struct Ended {
    took: Option<Duration>,
    at: Instant,
}

impl Running {
    fn elapsed(&self, now: Instant) -> Option<Duration> {
        match self.said {
            Some((said, at)) => Some(said + now.saturating_duration_since(at)),
            None => self.is_beginning_known.then(|| now.saturating_duration_since(self.since)),
        }
    }

    fn percent(&self) -> Option<f64> {
        self.points.last().map(|(_, percent)| *percent)
    }

    /// From the pace of the second half of what was seen: work that becomes slower is not promised too early.
    fn left(&self, now: Instant) -> Option<Duration> {
        let (&(first, _), &(at, percent)) = (self.points.first()?, self.points.last()?);
        let half = first + at.saturating_duration_since(first) / 2;
        let (then, before) = self.points.iter().rev().find(|(then, _)| *then <= half)?;
        let took = at.saturating_duration_since(*then);
        let done = percent - before;
        if took < SHORTEST_SLOPE || done <= 0.0 || percent >= 100.0 {
            return None;
        }
        let whole = Duration::try_from_secs_f64(took.as_secs_f64() * (100.0 - percent) / done).ok()?;
        Some(whole.saturating_sub(now.saturating_duration_since(at)))
    }
}

impl Tracker {
    /// A monitor has looked.
    pub(super) fn saw(&mut self, now: Instant, state: MonitorState, metrics: &Map<String, Value>) {
        let is_beginning_known = std::mem::replace(&mut self.has_seen, true);
        let number = |key: &str| metrics.get(key).and_then(Value::as_f64).filter(|number| number.is_finite());
        let percent = number(PERCENT).map(|percent| percent.clamp(0.0, 100.0));
        match state {
            MonitorState::Running => {}
            // A look that fails says nothing about the work.
            MonitorState::Error | MonitorState::Degraded | MonitorState::Unknown => return,
            MonitorState::Ok | MonitorState::Idle | MonitorState::Stopped => {
                self.end(now);
                return;
            }
        }
        let fell = self.now.as_ref().and_then(Running::percent).zip(percent);
        if fell.is_some_and(|(before, percent)| percent < before - FALL) {
            self.end(now);
        }
        let running = self.now.get_or_insert_with(|| Running {
            since: now,
            is_beginning_known,
            said: None,
            points: Vec::new(),
        });
        let said = number(RUNNING).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        running.said = said.map(|said| (said, now));
        if let Some(percent) = percent
            && running.percent() != Some(percent)
        {
            if running.points.len() >= MOST_POINTS {
                let mut place = 0;
                running.points.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
            }
            running.points.push((now, percent));
        }
    }

    fn end(&mut self, now: Instant) {
        if let Some(running) = self.now.take() {
            self.last = Some(Ended { took: running.elapsed(now), at: now });
        }
    }

    /// How it is as of now; nothing of what never worked.
    pub(super) fn shown(&self, now: Instant) -> Option<Work> {
        if self.now.is_none() && self.last.is_none() {
            return None;
        }
        let seconds = |duration: Duration| duration.as_secs_f64().floor();
        let running = self.now.as_ref();
        Some(Work {
            is_running: running.is_some(),
            percent: running.and_then(Running::percent),
            elapsed_seconds: running.and_then(|running| running.elapsed(now)).map(seconds),
            left_seconds: running.and_then(|running| running.left(now)).map(seconds),
            last: self.last.as_ref().map(|ended| LastWork {
                took_seconds: ended.took.map(seconds),
                ended_seconds: seconds(now.saturating_duration_since(ended.at)),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metrics(percent: f64) -> Map<String, Value> {
        json!({ "progress_percent": percent }).as_object().cloned().unwrap()
    }

    fn saw(tracker: &mut Tracker, at: Instant, percent: f64) {
        tracker.saw(at, MonitorState::Running, &metrics(percent));
    }

    fn second(start: Instant, number: u64) -> Instant {
        start + Duration::from_secs(number)
    }

    #[test]
    fn what_is_left_comes_from_the_pace_and_what_was_stays() {
        let (mut tracker, start) = (Tracker::default(), Instant::now());
        assert_eq!(tracker.shown(start), None);
        tracker.saw(start, MonitorState::Idle, &Map::new());
        assert_eq!(tracker.shown(start), None, "what never worked has nothing to say");
        for number in 0..=40 {
            saw(&mut tracker, second(start, number * 10), number as f64);
        }
        let work = tracker.shown(second(start, 400)).unwrap();
        assert_eq!(
            (work.percent, work.elapsed_seconds, work.left_seconds),
            (Some(40.0), Some(400.0), Some(600.0))
        );
        let later = tracker.shown(second(start, 430)).unwrap();
        tracker.saw(second(start, 431), MonitorState::Error, &Map::new());
        assert!(tracker.shown(second(start, 440)).unwrap().is_running, "a look that failed ends no work");
        assert_eq!((later.elapsed_seconds, later.left_seconds), (Some(430.0), Some(570.0)), "time goes on");
        tracker.saw(second(start, 1000), MonitorState::Idle, &Map::new());
        let done = tracker.shown(second(start, 1060)).unwrap();
        assert_eq!((done.is_running, done.percent, done.left_seconds), (false, None, None));
        assert_eq!(done.last, Some(LastWork { took_seconds: Some(1000.0), ended_seconds: 60.0 }));
    }

    #[test]
    fn nothing_is_promised_without_a_pace() {
        let (mut tracker, start) = (Tracker::default(), Instant::now());
        saw(&mut tracker, start, 40.0);
        let first = tracker.shown(start).unwrap();
        assert_eq!((first.percent, first.left_seconds), (Some(40.0), None));
        assert_eq!(first.elapsed_seconds, None, "it ran already when it was first seen");
        saw(&mut tracker, second(start, 5), 60.0);
        assert_eq!(tracker.shown(second(start, 5)).unwrap().left_seconds, None, "one jump is no pace");
        // It starts again: other work.
        saw(&mut tracker, second(start, 100), 0.0);
        let other = tracker.shown(second(start, 130)).unwrap();
        assert_eq!((other.percent, other.elapsed_seconds), (Some(0.0), Some(30.0)));
        assert!(other.last.is_some());
    }

    #[test]
    fn what_a_program_says_of_itself_counts_and_points_are_bounded() {
        let (mut tracker, start) = (Tracker::default(), Instant::now());
        let said = json!({ "running_seconds": 90.0 }).as_object().cloned().unwrap();
        tracker.saw(start, MonitorState::Running, &said);
        assert_eq!(tracker.shown(second(start, 10)).unwrap().elapsed_seconds, Some(100.0));
        for number in 0..10_000_u64 {
            saw(&mut tracker, second(start, number), number as f64 / 100.0);
        }
        assert!(tracker.now.as_ref().unwrap().points.len() <= MOST_POINTS);
        assert_eq!(tracker.shown(second(start, 9_999)).unwrap().left_seconds, Some(1.0));
    }
}
