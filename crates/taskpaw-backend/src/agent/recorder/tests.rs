use std::fs;
use std::path::Path;

use serde_json::json;

use super::segment::Entry;
use super::*;

const DAY_MINUTES: u64 = 24 * 60;

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn asked(monitor: Option<&str>, range: HistoryRange) -> Asked {
    Asked { monitor: monitor.map(str::to_owned), machine: MACHINE, range }
}

/// An agent whose time is said.
struct Simulated {
    folder: PathBuf,
    minute: Minute,
    store: Store,
}

impl Simulated {
    fn start(folder: &Path, now: u64) -> Self {
        let (store, gap) = Store::open(folder, now).unwrap();
        let mut minute = Minute::default();
        if let Some((from, to)) = gap {
            minute.gap(from, to);
        }
        Self { folder: folder.to_owned(), minute, store }
    }

    fn write(&mut self, now: u64) {
        let entries = self.minute.take(now);
        self.store.write(&entries).unwrap();
    }

    fn stop(mut self, now: u64) {
        let entries = self.minute.take_all(now);
        self.store.write(&entries).unwrap();
    }

    fn history(&self, monitor: Option<&str>, range: HistoryRange, now: u64) -> History {
        query::answer(&self.folder, &asked(monitor, range), &self.minute.waiting(), now).unwrap()
    }
}

/// Numbers as noisy as those of real monitors; the same for the same arguments.
fn noise(monitor: u64, key: u64, minute: u64) -> f64 {
    let mut word = monitor ^ key.rotate_left(17) ^ minute.rotate_left(34) ^ 0x9e37_79b9_7f4a_7c15;
    for _ in 0..3 {
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    f64::from(u32::try_from(word >> 40).unwrap()) / f64::from(1_u32 << 24)
}

fn metrics_of(monitor: u64, minute: u64) -> Map<String, Value> {
    let noisy = |key| noise(monitor, key, minute);
    let found = if monitor == 0 {
        json!({ "cpu_percent": 100.0 * noisy(1), "memory_used_bytes": 1e10 * (1.0 + noisy(2) / 50.0),
            "memory_total_bytes": 3.4e10, "swap_used_bytes": 0.0, "disk_used_bytes": 4e11 + 1e6 * minute as f64,
            "disk_total_bytes": 1e12, "network_rx_bytes_per_s": 1e6 * noisy(3), "network_tx_bytes_per_s": 1e5 * noisy(4),
            "load_1m": 4.0 * noisy(5), "load_5m": 1.0, "load_15m": 1.0, "uptime_seconds": 60.0 * minute as f64 })
    } else {
        json!({ "response_ms": 20.0 + 10.0 * noisy(1), "status": 200, "progress_percent": (minute % 100) as f64 })
    };
    found.as_object().cloned().unwrap()
}

fn name_of(monitor: u64) -> String {
    if monitor == 0 { MACHINE.to_owned() } else { format!("monitor {monitor}") }
}

/// A week of sixty monitors, with a change of state of each twice an hour. This is the proof of the bounds: with the time that an
/// answer takes, as it is printed. Of the days before the last, some minutes of each ten have numbers.
fn a_week_of_sixty_monitors(has_numbers: impl Fn(u64) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(FOLDER);
    let begin = 29_000_000;
    let end = begin + 8 * DAY_MINUTES;
    let mut agent = Simulated::start(&folder, begin * MINUTE_MS);
    let names: Vec<String> = (0..60).map(name_of).collect();
    let keys: Vec<Vec<segment::Name>> = (0..60)
        .map(|monitor| {
            let keys = metrics_of(monitor, begin);
            let name = |(key, _): (&String, &Value)| Arc::new((name_of(monitor), key.clone()));
            keys.iter()
                .filter(|(key, _)| !key.starts_with("load_") && *key != "uptime_seconds")
                .map(name)
                .collect()
        })
        .collect();
    let mut most = 0;
    for minute in begin..end {
        let now = minute * MINUTE_MS;
        for (monitor, name) in (0..).zip(&names) {
            let is_down = (minute + monitor) % 60 < 30;
            let state = if is_down { MonitorState::Error } else { MonitorState::Ok };
            agent.minute.state(name, state, now + 1_000);
        }
        let mut entries = agent.minute.take(now + 2_000);
        entries.retain(|entry| !matches!(entry, Entry::Minute { .. }));
        if has_numbers(minute) || minute >= end - DAY_MINUTES {
            let of = |monitor: u64, key: u64, name: &str| match name {
                "status" | "swap_used_bytes" | "disk_total_bytes" | "memory_total_bytes" => 200.0,
                "progress_percent" => (minute % 100) as f64,
                "memory_used_bytes" => 1e10 * (1.0 + noise(monitor, key, minute) / 50.0),
                _ => 20.0 + 10.0 * noise(monitor, key, minute),
            };
            let numbers = (0..).zip(&keys).flat_map(|(monitor, names)| {
                (0..).zip(names).map(move |(key, name)| (name.clone(), of(monitor, key, &name.1)))
            });
            entries.push(Entry::Minute { at: u32::try_from(minute).unwrap(), means: numbers.collect() });
        }
        agent.store.write(&entries).unwrap();
        if minute % 60 == 0 {
            most = most.max(bytes_in(&folder));
        }
    }
    let now = end * MINUTE_MS;
    most = most.max(bytes_in(&folder));
    assert!(most <= 2 << 20, "{most} bytes");
    let started = std::time::Instant::now();
    let week = agent.history(Some("monitor 7"), HistoryRange::Week, now);
    let took = started.elapsed();
    println!("{most} bytes at most; a week of one monitor in {took:?}");
    let [monitor] = &week.monitors[..] else { panic!("{week:?}") };
    let keys: Vec<&str> = monitor.series.iter().map(|series| series.key.as_str()).collect();
    assert_eq!(keys, ["progress_percent", "response_ms", "status"]);
    assert_eq!((monitor.series[0].mean.len(), week.step_seconds), (1_008, 600));
    // The place that has just begun has nothing yet.
    let known = monitor.series[1].mean.iter().filter(|mean| mean.is_some()).count();
    assert_eq!(known, 1_007, "the week is whole");
    assert!(monitor.states.len() >= 2 * 7 * 24 - 1, "{}", monitor.states.len());
    let day = agent.history(Some("monitor 7"), HistoryRange::Day, now);
    assert_eq!(day.monitors[0].series[1].mean.iter().filter(|mean| mean.is_some()).count(), 1_439);
    let minute = end - 100;
    let place = usize::try_from((minute * MINUTE_MS - day.from) / MINUTE_MS).unwrap();
    let kept = day.monitors[0].series[1].mean[place].unwrap();
    let was = 20.0 + 10.0 * noise(7, 0, minute);
    assert!((kept - was).abs() < was * 5e-4, "{kept} {was}");
    let all = agent.history(None, HistoryRange::Week, now);
    assert_eq!(all.monitors.len(), 60);
    let length = |history: &History| serde_json::to_vec(history).unwrap().len();
    println!("answers of {} and {} bytes", length(&week), length(&all));
    assert!(length(&week) < 512 << 10 && length(&all) < 1 << 20);
    if !cfg!(debug_assertions) {
        assert!(took < Duration::from_millis(100), "{took:?}");
    }
}

#[test]
fn a_week_of_sixty_monitors_stays_inside_two_mebibytes_and_is_whole() {
    a_week_of_sixty_monitors(|minute| matches!(minute % 10, 0 | 7));
}

#[test]
#[ignore = "each minute of the week: some minutes without optimisation; see CONTRIBUTING.md"]
fn each_minute_of_a_week_of_sixty_monitors() {
    a_week_of_sixty_monitors(|_| true);
}

/// What is more than its share: the oldest goes, and the bound holds.
#[test]
fn numbers_that_nothing_can_make_small_shorten_the_time_and_not_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(FOLDER);
    let begin = 29_000_000;
    let mut agent = Simulated::start(&folder, begin * MINUTE_MS);
    for minute in begin..begin + 400 {
        for monitor in 0..80_u64 {
            let wild =
                |key| (noise(monitor, key, minute) - 0.5) * 10_f64.powf(noise(key, monitor, minute) * 30.0);
            let many = (0..12).map(|key| (format!("k{key}"), json!(wild(key)))).collect();
            agent.minute.numbers(&name_of(monitor), &many, minute * MINUTE_MS);
        }
        agent.write((minute + 1) * MINUTE_MS);
        assert!(minute % 16 != 0 || bytes_in(&folder) <= 2 << 20, "{}", bytes_in(&folder));
    }
    let day = agent.history(Some("monitor 7"), HistoryRange::Day, (begin + 400) * MINUTE_MS);
    let known = day.monitors[0].series[0].mean.iter().filter(|mean| mean.is_some()).count();
    assert!((60..400).contains(&known), "{known}");
}

#[test]
fn a_kill_loses_at_most_what_was_not_written_and_the_time_without_a_watch_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(FOLDER);
    let at = |minute: u64| (29_000_000 + minute) * MINUTE_MS;
    let mut agent = Simulated::start(&folder, at(0));
    for minute in 0..25 {
        agent.minute.numbers("m", &metrics_of(1, minute), at(minute));
        agent.minute.state("m", MonitorState::Ok, at(minute));
        agent.write(at(minute + 1));
    }
    // Killed in the middle of a write.
    drop(agent);
    let newest = folder.join("fine-00000001.bin");
    let mut bytes = fs::read(&newest).unwrap();
    bytes.extend_from_slice(&[40, 2, 1]);
    fs::write(&newest, &bytes).unwrap();
    let mut agent = Simulated::start(&folder, at(60));
    agent.minute.state("m", MonitorState::Error, at(60));
    agent.minute.numbers("m", &metrics_of(1, 60), at(60));
    agent.write(at(61));
    agent.stop(at(61));
    let agent = Simulated::start(&folder, at(61));
    for range in [HistoryRange::Day, HistoryRange::Week] {
        let history = agent.history(Some("m"), range, at(62));
        let states: Vec<_> = history.monitors[0].states.iter().map(|since| (since.at, since.state)).collect();
        let expected = [(at(0), Some(MonitorState::Ok)), (at(25), None), (at(60), Some(MonitorState::Error))];
        assert_eq!(states, expected);
        let known = history.monitors[0].series[0].mean.iter().filter(|mean| mean.is_some()).count();
        assert_eq!(known, if range == HistoryRange::Day { 26 } else { 4 }, "{range:?}");
    }
}

#[test]
fn what_is_broken_is_kept_and_a_new_one_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    for name in ["fine-00000003.bin", "coarse-00000001.bin"] {
        fs::write(folder.join(name), b"not ours").unwrap();
    }
    let at = |minute: u64| (29_000_000 + minute) * MINUTE_MS;
    let mut agent = Simulated::start(&folder, at(0));
    agent.minute.numbers("m", &metrics_of(1, 0), at(0));
    agent.write(at(1));
    assert_eq!(fs::read(folder.join("fine.damaged")).unwrap(), b"not ours");
    assert_eq!(fs::read(folder.join("coarse.damaged")).unwrap(), b"not ours");
    assert_eq!(agent.history(Some("m"), HistoryRange::Day, at(1)).monitors[0].series.len(), 3);
}

#[test]
fn a_clock_that_jumps_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(FOLDER);
    let at = |minute: u64| (29_000_000 + minute) * MINUTE_MS;
    let mut agent = Simulated::start(&folder, at(0));
    // A year ahead for a while, then back, and once far behind.
    for minute in (0..60).chain(525_600..525_603).chain(63..120).chain([7, 8]).chain(122..130) {
        agent.minute.numbers("m", &metrics_of(1, minute), at(minute));
        agent.minute.state("m", MonitorState::Ok, at(minute));
        agent.write(at(minute) + MINUTE_MS / 2);
    }
    let history = agent.history(Some("m"), HistoryRange::Day, at(130));
    let known = history.monitors[0].series[0].mean.iter().filter(|mean| mean.is_some()).count();
    // The last minute is not over.
    assert_eq!(known, 60 + 57 + 7);
    let agent = Simulated::start(&folder, at(131));
    let again = agent.history(Some("m"), HistoryRange::Week, at(131));
    assert!(again.monitors[0].series[0].mean.iter().filter(|mean| mean.is_some()).count() >= 12);
    assert!(again.monitors[0].states.iter().is_sorted_by_key(|since| since.at));
}

#[test]
fn a_monitor_that_was_removed_is_not_shown_and_one_of_its_name_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(FOLDER);
    let at = |minute: u64| (29_000_000 + minute) * MINUTE_MS;
    let mut agent = Simulated::start(&folder, at(0));
    for minute in 0..10 {
        agent.minute.numbers("m", &metrics_of(1, minute), at(minute));
        agent.minute.state("m", MonitorState::Ok, at(minute));
    }
    agent.write(at(11));
    agent.minute.forget("m", at(20));
    agent.write(at(21));
    assert_eq!(agent.history(None, HistoryRange::Day, at(21)).monitors, []);
    let gone = agent.history(Some("m"), HistoryRange::Day, at(21));
    assert!(
        gone.monitors[0].states.is_empty() && gone.monitors[0].series.is_empty(),
        "{:?}",
        gone.monitors[0].states
    );
    agent.minute.numbers("m", &metrics_of(1, 30), at(30));
    agent.minute.state("m", MonitorState::Error, at(30));
    agent.write(at(31));
    let anew = agent.history(Some("m"), HistoryRange::Day, at(31));
    let states: Vec<_> = anew.monitors[0].states.iter().map(|since| (since.at, since.state)).collect();
    assert_eq!(states, [(at(30), Some(MonitorState::Error))]);
    assert_eq!(anew.monitors[0].series[0].mean.iter().filter(|mean| mean.is_some()).count(), 1);
}

#[test]
fn nothing_is_written_before_it_is_live_and_nothing_after_it_has_closed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(FOLDER);
    let recorder = Arc::new(Recorder::new(folder.clone()));
    recorder.saw("m", MonitorState::Ok, Some(&metrics_of(1, 1)));
    assert!(recorder.history(None, HistoryRange::Day).unwrap().monitors.is_empty());
    assert!(!folder.exists());
    recorder.go_live();
    recorder.open();
    recorder.saw("m", MonitorState::Ok, Some(&metrics_of(1, 1)));
    let history = recorder.history(Some("m".to_owned()), HistoryRange::Day).unwrap();
    assert_eq!(history.monitors[0].states.len(), 1);
    assert!(recorder.close(Duration::from_secs(5)));
    let bytes = bytes_in(&folder);
    recorder.saw("m", MonitorState::Error, Some(&metrics_of(1, 2)));
    recorder.forget("m");
    recorder.write(&mut lock(&recorder.store), unix_ms() + 10 * MINUTE_MS, false);
    let history = recorder.history(Some("m".to_owned()), HistoryRange::Day).unwrap();
    assert_eq!(bytes_in(&folder), bytes);
    assert_eq!(
        (history.monitors[0].states.len(), history.monitors[0].series.len()),
        (1, 3),
        "it was written at the end"
    );
}

#[cfg(unix)]
#[test]
fn a_disk_that_refuses_is_told_once_and_what_waits_is_written_later() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join(FOLDER);
    // No folder can be made below a file, not even by root.
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    symlink(file.join("below"), &place).unwrap();
    let recorder = Recorder::new(place.clone());
    recorder.go_live();
    recorder.open();
    recorder.saw("m", MonitorState::Ok, Some(&metrics_of(1, 1)));
    recorder.write(&mut lock(&recorder.store), unix_ms() + MINUTE_MS, false);
    assert!(recorder.is_failing.load(Ordering::SeqCst));
    fs::remove_file(&place).unwrap();
    recorder.write(&mut lock(&recorder.store), unix_ms() + MINUTE_MS, false);
    assert!(!recorder.is_failing.load(Ordering::SeqCst));
    let mut found = Vec::new();
    store::rings(&place).unwrap().0.each(&|_| true, &mut |entry| found.push(entry)).unwrap();
    assert!(matches!(&found[..], [Entry::Minute { means, .. }] if means.len() == 3), "{found:?}");
}
