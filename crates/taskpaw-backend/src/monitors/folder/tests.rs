use super::*;
use crate::monitors::Told;
use crate::monitors::tests::{levels, looked, made, problem};

#[test]
fn an_ending_may_have_two_parts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({ "path": folder.path(), "stable_seconds": 0, "extensions": ["tar.gz", "*.Zip"] });
    let mut monitor = made(&KIND, settings);
    monitor.check();
    for name in ["a.tar.gz", "B.TAR.GZ", "c.gz", "dtar.gz", ".tar.gz", "tar.gz", "e.zip", "zip"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let mut told = Vec::new();
    looked(&mut *monitor, |check| {
        told.extend(check.notices.iter().map(|notice| notice.data.as_ref().unwrap()["file"].clone()));
        told.len() == 3
    });
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, ["B.TAR.GZ", "a.tar.gz", "e.zip"]);
}

#[test]
fn a_real_file_is_told_once_it_has_stopped_growing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("old.mp4"), "x").unwrap();
    let settings = json!({ "path": folder.path(), "stable_seconds": 0.2, "extensions": [".MP4"] });
    let mut monitor = made(&KIND, settings);
    assert!(levels(&monitor.check()).is_empty());
    for name in ["new.mp4", "other.txt", ".hidden.mp4", "late.mp4.part"] {
        fs::write(at(name), "abc").unwrap();
    }
    fs::write(at("empty.mp4"), "").unwrap();
    fs::create_dir(at("folder.mp4")).unwrap();
    let arriving = monitor.check();
    assert_eq!((arriving.state, arriving.detail.as_str()), (MonitorState::Running, "1 file is arriving"));
    fs::write(at("new.mp4"), "abcdef").unwrap();
    let done = looked(&mut *monitor, |check| !check.notices.is_empty());
    assert_eq!((done.notices.len(), done.notices[0].message.as_str()), (1, "new.mp4 is complete (6 bytes)"));
    assert_eq!(done.notices[0].data.as_ref().unwrap()["path"], at("new.mp4").to_str().unwrap());
    assert_eq!(done.state, MonitorState::Idle);
    assert!(levels(&monitor.check()).is_empty());

    fs::rename(folder.path(), folder.path().with_extension("away")).unwrap();
    let gone = monitor.check();
    assert_eq!((gone.state, levels(&gone)), (MonitorState::Error, vec![EventLevel::Alert]));
    fs::rename(folder.path().with_extension("away"), folder.path()).unwrap();
    let back = monitor.check();
    assert_eq!(
        (back.state, levels(&back)),
        (MonitorState::Idle, vec![EventLevel::Done]),
        "and no file again"
    );
    assert_eq!(problem(&KIND, json!({ "path": "downloads" })), "config.path");
}

/// Seconds, disk, and the files with their sizes.
type Look<'a> = (u64, u64, &'a [(&'a str, u64)]);

/// What was told, and when.
fn told(looks: &[Look]) -> Vec<(u64, String)> {
    let start = Instant::now();
    let (name, stable) = ("f".to_owned(), Duration::from_secs(10));
    let mut growth = Growth {
        name,
        stable,
        health: Health::new(1),
        disk: None,
        files: HashMap::new(),
        told: 0,
        last: None,
        recalled: None,
        is_changed: true,
    };
    let mut told = Vec::new();
    for (second, disk, files) in looks {
        let files = files.iter().map(|(name, size)| (OsString::from(name), *size)).collect();
        let seen = Ok(Seen { disk: *disk, files });
        let check = growth.judge(seen, start + Duration::from_secs(*second), Duration::ZERO);
        told.extend(check.notices.into_iter().map(|notice| (*second, notice.title)));
    }
    told
}

#[test]
fn growth_starts_the_wait_again_and_a_name_that_comes_again_is_new() {
    let a = |size| [("a", size)];
    let (one, two, none) = (a(1), a(2), a(0));
    let looks: &[Look] = &[
        (0, 1, &[]),
        (5, 1, &none),
        (20, 1, &one),
        (29, 1, &two),
        (38, 1, &two),
        (39, 1, &two),
        (60, 1, &two),
        (65, 1, &[]),
        (70, 1, &two),
        (80, 1, &two),
    ];
    assert_eq!(told(looks), [(39, "f: a".to_owned()), (80, "f: a".to_owned())]);
}

#[test]
fn after_a_restart_what_came_meanwhile_is_new_and_what_was_known_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let add = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let settings = json!({ "path": folder.path(), "stable_seconds": 0 });
    let mut first = made(&KIND, settings.clone());
    add("old", "x");
    add("empty", "");
    first.check();
    let mut memory = Memory { found: first.memory().unwrap(), ..Memory::default() };
    assert_eq!(first.memory(), None, "nothing new to say");
    add("told", "x");
    let told = first.check().notices.remove(0);
    memory.add(Told { kind: told.kind, data: told.data.unwrap(), note: told.note });
    let again = |memory: &Memory| {
        let mut again = made(&KIND, settings.clone());
        again.recall(memory);
        let told: Vec<String> = again.check().notices.into_iter().map(|notice| notice.title).collect();
        assert!(again.check().notices.is_empty(), "said once");
        told
    };
    assert!(again(&memory).is_empty());
    add("new", "x");
    add("old", "it grew");
    assert_eq!(again(&memory), ["it: new", "it: old"]);
    // The number of a disk can be another one after the machine was started again.
    memory.found["disk"] = json!(u64::MAX);
    assert_eq!(again(&memory), ["it: new", "it: old"]);
    // Another disk has nothing of what was known.
    memory.found["known"] = json!("");
    memory.told.clear();
    assert!(again(&memory).is_empty());
}

#[test]
fn what_was_there_is_not_told_unless_it_grows_and_another_disk_is_a_new_start() {
    let (small, large) = ([("a", 1)], [("a", 2)]);
    let looks: &[Look] = &[
        (0, 1, &small),
        (20, 1, &small),
        (30, 1, &large),
        (40, 1, &large),
        (50, 2, &[("b", 5)]),
        (70, 2, &[("b", 5)]),
        (80, 1, &large),
        (99, 1, &large),
    ];
    assert_eq!(told(looks), [(40, "f: a".to_owned())]);
}
