//! The journal, with real files: its form, its limit, two writers at once, damage, and folders that refuse.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use port_takeover::journal::{Done, MAX_RECORDS, RecordedOutcome, RecordedWay};
use port_takeover::{
    Doubt, ExecutableName, HowEnded, IdentityRules, Journal, LookError, Outcome, Pid, Record, Report, Role,
    RuleName, Snapshot, Terminated, decide,
};
use serde_json::{Value, json};

fn rules() -> IdentityRules {
    IdentityRules::new(Role::new("agent"))
        .with_role(Role::new("hub"))
        .with_rule(ExecutableName::new("backend"))
}

/// A stale backend on one port, and nginx on the other or none.
fn report(with_nginx: bool) -> Report {
    let mut listeners = vec![json!({ "address": "127.0.0.1", "port": 5680, "pids": [300] })];
    if with_nginx {
        listeners.push(json!({ "address": "127.0.0.1", "port": 5681, "pids": [400] }));
    }
    let snapshot: Snapshot = serde_json::from_value(json!({
        "schema": 1, "role": "agent", "self_pid": 1,
        "wanted": [
            { "name": "network", "host": "127.0.0.1", "port": 5680 },
            { "name": "control", "host": "127.0.0.1", "port": 5681 },
        ],
        "processes": [
            { "pid": 300, "name": "backend", "exe": "/opt/backend", "argv": ["backend", "agent", "--token=secret"],
              "same_user": true, "user": "ada", "started_at": 7 },
            { "pid": 400, "name": "nginx", "exe": "/usr/sbin/nginx", "argv": ["nginx", "--token=secret"],
              "same_user": false, "user": "www-data", "started_at": 8 },
        ],
        "listeners": listeners,
    }))
    .unwrap();
    let verdict = decide(&snapshot, &rules());
    Report {
        holders: verdict.ports.iter().flat_map(|port| port.holders.clone()).collect(),
        first: verdict.clone(),
        last: verdict,
        terminated: Vec::new(),
        reuse: Vec::new(),
        survived: Vec::new(),
        doubt: None,
        outcome: Outcome::Refused,
        elapsed: Duration::from_micros(7900),
        snapshot,
    }
}

fn reclaimed() -> Report {
    let mut report = report(false);
    report.terminated.push(Terminated {
        process: report.snapshot.processes[0].clone(),
        how: HowEnded::Graceful,
        took: Duration::from_micros(3100),
    });
    report.outcome = Outcome::Ready;
    report
}

fn record(at: u64) -> Record {
    Record::of(&reclaimed(), "4.0.0", at)
}

fn temporary() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::at(folder.path().join("data").join("takeover-journal.jsonl"));
    (folder, journal)
}

fn times(journal: &Journal) -> Vec<u64> {
    journal.read(usize::MAX).unwrap().iter().map(|record| record.at).collect()
}

#[test]
fn a_reclaim_as_it_stands_in_the_file() {
    assert_eq!(
        serde_json::to_value(record(1_760_000_000_000)).unwrap(),
        json!({
            "schema": 1, "at": 1_760_000_000_000_u64, "version": "4.0.0", "role": "agent",
            "decision": "reclaim", "outcome": "ready", "reason": null, "elapsed_ms": 7.9,
            "ports": [
                { "name": "network", "host": "127.0.0.1", "port": 5680, "state": "own_stale", "holders": [300] },
                { "name": "control", "host": "127.0.0.1", "port": 5681, "state": "free", "holders": [] },
            ],
            "holders": [{
                "pid": 300, "name": "backend", "exe": "/opt/backend", "user": "ada", "started_at": 7,
                "role": "agent", "judged": "own", "rule": "program", "done": "graceful", "ms": 3.1,
            }],
        })
    );
}

#[test]
fn a_refusal_names_everybody_and_touched_nobody() {
    let record = serde_json::to_value(Record::of(&report(true), "4.0.0", 0)).unwrap();
    assert_eq!(record["outcome"], "refused");
    assert_eq!(record["ports_after"][1]["state"], "foreign");
    let of = |at: usize, key: &str| record["holders"][at][key].clone();
    assert_eq!((of(0, "rule"), of(0, "done")), (json!("program"), json!("untouched")));
    assert_eq!((of(1, "rule"), of(1, "done")), (json!("no_rule"), json!("untouched")));
    assert_eq!((of(1, "user"), of(1, "role")), (json!("www-data"), Value::Null));
}

#[test]
fn every_end_of_a_holder_is_told_apart() {
    let done = |change: fn(&mut Report)| {
        let mut report = reclaimed();
        change(&mut report);
        Record::of(&report, "4.0.0", 0).holders.remove(0).done
    };
    assert_eq!(done(|report| report.terminated[0].how = HowEnded::Forced), Done::Forced { ms: 3.1 });
    assert_eq!(done(|report| report.terminated[0].how = HowEnded::AlreadyGone), Done::AlreadyGone);
    let survived = |report: &mut Report| {
        report.terminated.clear();
        report.survived.push((Pid::new(300).unwrap(), "it hangs".to_owned()));
    };
    assert_eq!(done(survived), Done::Survived { reason: "it hangs".to_owned() });
    // Another life with the same id is another process.
    assert_eq!(done(|report| report.terminated[0].process.started_at = Some(99)), Done::Untouched);
}

#[test]
fn what_called_it_off_is_told() {
    let mut report = report(false);
    report.doubt = Some(Doubt::DecisionChanged);
    let called_off = Record::of(&report, "4.0.0", 0);
    assert!(called_off.reason.is_some_and(|reason| reason.contains("while it was being verified")));

    let wanted = report.snapshot.wanted;
    let failed = Record::of_failed_look(&LookError::Unsupported, &Role::new("agent"), &wanted, "4.0.0", 0);
    assert_eq!((failed.outcome, failed.decision), (RecordedOutcome::LookFailed, None));
    assert_eq!((failed.ports.len(), failed.ports[0].state), (2, None));
}

#[test]
fn which_way_ports_came_is_told_and_a_takeover_says_nothing_of_it() {
    let wanted = report(false).snapshot.wanted;
    let why = Some("it does not listen".to_owned());
    let record =
        Record::of_handover(RecordedWay::NotUsable, why.clone(), &Role::new("agent"), &wanted, "4.1.0", 5);
    assert_eq!((record.outcome, record.reason.clone()), (RecordedOutcome::Ready, why));
    assert_eq!((record.ports.len(), record.ports[0].state), (2, None));
    let text = serde_json::to_string(&record).unwrap();
    assert!(text.contains(r#""way":"not_usable""#), "{text}");
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    let takeover = serde_json::to_string(&Record::of(&report(true), "4.1.0", 0)).unwrap();
    assert!(!takeover.contains("way"), "{takeover}");
}

#[test]
fn no_argument_of_a_process_is_recorded() {
    let text = serde_json::to_string(&Record::of(&report(true), "4.0.0", 0)).unwrap();
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn the_names_of_the_rules_never_change() {
    let all = [
        (RuleName::PROGRAM, "program"),
        (RuleName::PATH, "path"),
        (RuleName::ARGUMENTS, "arguments"),
        (RuleName::NO_RULE, "no_rule"),
        (RuleName::ITSELF, "self"),
        (RuleName::OTHER_USER, "other_user"),
        (RuleName::OTHER_ROLE, "other_role"),
        (RuleName::UNSEEN, "unseen"),
    ];
    for (rule, name) in all {
        assert_eq!(serde_json::to_value(rule).unwrap(), name);
    }
}

#[test]
fn a_journal_that_is_not_there_is_empty_and_is_made_when_written() {
    let (_folder, journal) = temporary();
    assert_eq!(journal.read(10).unwrap(), []);
    journal.append(&record(1)).unwrap();
    journal.append(&record(2)).unwrap();
    assert_eq!(journal.read(10).unwrap(), [record(2), record(1)]);
    assert_eq!(journal.read(1).unwrap(), [record(2)]);
    assert_eq!(journal.read(0).unwrap(), []);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (_folder, journal) = temporary();
    journal.append(&record(1)).unwrap();
    assert_eq!(mode(journal.path().to_owned()), 0o600);
    assert_eq!(mode(journal.path().parent().unwrap().to_owned()), 0o700);

    fs::set_permissions(journal.path(), fs::Permissions::from_mode(0o644)).unwrap();
    journal.append(&record(2)).unwrap();
    assert_eq!(mode(journal.path().to_owned()), 0o600);

    fs::write(journal.path(), "{}\n".repeat(MAX_RECORDS)).unwrap();
    journal.append(&record(3)).unwrap();
    assert_eq!(mode(journal.path().to_owned()), 0o600, "also when it is replaced");
}

#[test]
fn the_oldest_records_are_dropped() {
    let (_folder, journal) = temporary();
    journal.append(&record(0)).unwrap();
    let line = fs::read_to_string(journal.path()).unwrap();
    let full: String =
        (1..=MAX_RECORDS).map(|at| line.replacen("\"at\":0", &format!("\"at\":{at}"), 1)).collect();
    fs::write(journal.path(), full).unwrap();
    journal.append(&record(1001)).unwrap();
    journal.append(&record(1002)).unwrap();
    assert_eq!(times(&journal), (3..=1002).rev().collect::<Vec<u64>>());
    assert_eq!(fs::read_to_string(journal.path()).unwrap().lines().count(), MAX_RECORDS);
    let beside = fs::read_dir(journal.path().parent().unwrap()).unwrap().count();
    assert_eq!(beside, 2, "the journal and its lock");
}

#[test]
fn two_writers_at_once_lose_nothing() {
    let (_folder, journal) = temporary();
    let full: String = "{\"old\":1}\n".repeat(MAX_RECORDS - 60);
    fs::create_dir_all(journal.path().parent().unwrap()).unwrap();
    fs::write(journal.path(), full).unwrap();
    // Half of them append, and half replace the file, because it becomes full meanwhile.
    thread::scope(|scope| {
        for writer in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for at in 0..30 {
                    // On a busy machine one may wait for the others longer than a takeover would: it is told, and
                    // nothing was written.
                    while let Err(error) = journal.append(&record(writer * 1000 + at)) {
                        assert!(error.to_string().contains("does not finish"), "{error}");
                    }
                }
            });
        }
    });
    let mut written = times(&journal);
    written.sort_unstable();
    let expected: Vec<u64> = (0..4).flat_map(|writer| (0..30).map(move |at| writer * 1000 + at)).collect();
    assert_eq!(written, expected);
}

#[test]
fn a_writer_that_hangs_is_not_waited_for_without_end() {
    let (_folder, journal) = temporary();
    journal.append(&record(1)).unwrap();
    let lock = fs::File::open(journal.path().with_file_name("takeover-journal.jsonl.lock")).unwrap();
    lock.lock().unwrap();
    let message = journal.append(&record(2)).unwrap_err().to_string();
    assert!(message.contains("does not finish"), "{message}");
    drop(lock);
    journal.append(&record(3)).unwrap();
    assert_eq!(times(&journal), [3, 1]);
}

#[test]
fn a_half_line_is_passed_over_and_takes_no_other_with_it() {
    let (_folder, journal) = temporary();
    journal.append(&record(1)).unwrap();
    let half = serde_json::to_vec(&record(2)).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(journal.path()).unwrap();
    file.write_all(&half[..half.len() / 2]).unwrap();
    assert_eq!(times(&journal), [1]);
    journal.append(&record(3)).unwrap();
    assert_eq!(times(&journal), [3, 1]);
}

#[test]
fn other_damage_is_passed_over_too() {
    let (_folder, journal) = temporary();
    journal.append(&record(1)).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(journal.path()).unwrap();
    file.write_all(b"\0\0\0\0\xff\xfe\n\n   \n[1]\n{\"schema\":2}\nnull\n\"\n").unwrap();
    journal.append(&record(2)).unwrap();
    assert_eq!(times(&journal), [2, 1]);
}

#[test]
fn when_it_is_full_damage_is_dropped_first() {
    let (_folder, journal) = temporary();
    journal.append(&record(1)).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(journal.path()).unwrap();
    file.write_all("{ half\n".repeat(MAX_RECORDS).as_bytes()).unwrap();
    drop(file); // Windows replaces no file that is open.
    journal.append(&record(2)).unwrap();
    assert_eq!(fs::read_to_string(journal.path()).unwrap().lines().count(), 2);
    assert_eq!(times(&journal), [2, 1]);
}

#[test]
fn a_file_of_any_size_is_read_from_its_end() {
    let (_folder, journal) = temporary();
    fs::create_dir_all(journal.path().parent().unwrap()).unwrap();
    let file = fs::File::create(journal.path()).unwrap();
    file.set_len(40 << 20).unwrap(); // more than is ever read
    drop(file);
    journal.append(&record(1)).unwrap();
    assert_eq!(times(&journal), [1]);
    assert!(fs::metadata(journal.path()).unwrap().len() < 10_000, "it is a journal again");
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    for path in [file.join("below.jsonl"), folder.path().to_owned(), PathBuf::new()] {
        let journal = Journal::at(&path);
        let message = journal.append(&record(1)).unwrap_err().to_string();
        assert!(message.starts_with("the takeover journal"), "{message}");
    }
    assert!(Journal::at(folder.path()).read(1).is_err());
    assert_eq!(fs::read_to_string(file).unwrap(), "kept");
}

/// For root no folder is read-only by its mode, but one in `/proc` is by its nature.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    assert!(Journal::at("/proc/takeover-journal.jsonl").append(&record(1)).is_err());

    let (_folder, journal) = temporary();
    journal.append(&record(1)).unwrap();
    let folder = journal.path().parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o500)).unwrap();
    if let Err(error) = journal.append(&record(2)) {
        assert!(error.to_string().contains("cannot be written"), "{error}");
    }
    assert!(times(&journal).contains(&1), "what was there is still there");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

/// To open a pipe would hang until somebody opens its other end.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_in_its_place_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(Journal::at(&path).append(&record(1)).is_err());
    assert!(Journal::at(&path).read(1).is_err());
}
