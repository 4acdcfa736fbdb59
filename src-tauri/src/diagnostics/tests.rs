//! The archive as a whole: everything is in it, and nothing that is private.

use std::collections::BTreeMap;

use flate2::read::GzDecoder;
use port_takeover::decide;
use taskpaw_v3 as v3;

use super::*;

fn unpacked(path: &Path) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(name.strip_prefix("taskpaw-diagnostics/").unwrap().to_owned(), text);
    }
    files
}

fn sources(folder: &Path) -> Sources {
    Sources {
        config_file: folder.join("config.json"),
        logs: folder.join("logs"),
        journal: folder.join("takeover-journal.jsonl"),
        imported: Some(ImportReport {
            folder: "/home/anna/Library/Application Support/TaskPaw".into(),
            ..v3::import(
                Some(b"api_token: t0ken-of-agent\nmachine: of-t0ken-of-agent"),
                None,
                v3::Starter::App,
            )
            .report
        }),
        data: folder.to_owned(),
        shown: json!({ "roles": [], "app": { "config_dir": "/home/anna/.config/taskpaw" } }),
    }
}

#[test]
fn the_name_says_when_it_was_made() {
    let at = Timestamp::from_second(1_795_768_533).unwrap();
    assert_eq!(file_name(at), "taskpaw-diagnostics-2026-11-27-083533Z.tar.gz");
}

#[test]
fn the_archive_has_everything_and_nothing_that_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    // Claimed as a backend claims it: else Wine does not show whose it is.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let wanted = port_takeover::WantedPort::new("network", "127.0.0.1", port.into()).unwrap();
    let _held = port_takeover::claim_all(&[wanted]).unwrap();
    let config =
        json!({ "agent": { "token": "t0ken-of-agent", "network": { "host": "127.0.0.1", "port": port } } });
    std::fs::write(&sources.config_file, config.to_string()).unwrap();
    std::fs::create_dir(&sources.logs).unwrap();
    std::fs::write(sources.logs.join("agent.log"), "INFO t0ken-of-agent in /home/anna/x\n").unwrap();
    std::fs::write(sources.logs.join("agent.log.1"), "older\n").unwrap();

    let path = folder.path().join("archive.tar.gz");
    write(&path, &collect(&sources)).unwrap();
    let files = unpacked(&path);
    for name in [
        "README.txt",
        "about.json",
        "config.json",
        "logs/agent.log",
        "logs/agent.log.1",
        "ports-agent.json",
        "ports-hub.json",
        "takeover-journal.jsonl",
        "taskpaw3-import.json",
    ] {
        assert!(files.contains_key(name), "{name} is missing: {:?}", files.keys());
    }
    for (name, text) in &files {
        assert!(!text.contains("t0ken-of-agent") && !text.contains("anna"), "{name}: {text}");
    }
    let explained: Snapshot = serde_json::from_str(&files["ports-agent.json"]).unwrap();
    let verdict = decide(&explained, &identity::rules());
    assert_eq!(verdict.ports[0].holders[0].pid.get(), std::process::id());
}

#[test]
fn a_configuration_that_cannot_be_understood_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    std::fs::write(&sources.config_file, "{\"agent\": {\"token\": \"t0ken-of-agent\" oops").unwrap();
    let entries = collect(&sources);
    let text = |entry: &Entry| String::from_utf8(entry.bytes.clone()).unwrap();
    assert!(entries.iter().any(|entry| entry.name == "config.problem.txt" && text(entry).contains("line 1")));
    assert!(!entries.iter().any(|entry| text(entry).contains("t0ken-of-agent")));
}

#[test]
fn only_whole_lines_of_the_end_of_a_long_log_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.log");
    let line = format!("{}\n", "x".repeat(99));
    std::fs::write(&path, line.repeat(20_000)).unwrap();
    let end = end_of(&path).unwrap();
    assert!(end.len() as u64 <= LOG_BYTES && end.lines().all(|line| line.len() == 99));
}

/// What commands printed and lines of logs that were watched, as they stand in a log: the corpus of the crate `redaction`.
#[test]
fn no_secret_of_any_shape_is_in_an_archive() {
    let secrets = include_str!("../../../crates/redaction/tests/secrets.txt");
    let folder = tempfile::tempdir().unwrap();
    let mut sources = sources(folder.path());
    std::fs::create_dir(&sources.logs).unwrap();
    std::fs::write(sources.logs.join("agent.log"), secrets).unwrap();
    let logged: String =
        secrets.lines().map(|line| format!("2026-11-27 INFO event monitor=\"x\" {line}\n")).collect();
    std::fs::write(sources.logs.join("taskpaw.log"), logged).unwrap();
    let said: Vec<&str> = secrets.lines().collect();
    sources.shown = json!({ "roles": [{ "failure": { "log": said } }] });
    let commands: Vec<Value> = secrets.lines().map(|line| json!({ "config": { "command": line } })).collect();
    std::fs::write(
        &sources.config_file,
        json!({ "agent": { "monitors": commands }, "notes": said }).to_string(),
    )
    .unwrap();
    let path = folder.path().join("archive.tar.gz");
    write(&path, &collect(&sources)).unwrap();
    for (name, text) in unpacked(&path) {
        let left: Vec<&str> = text.lines().filter(|line| line.contains("S3CRET")).collect();
        assert!(left.is_empty(), "{name}: {left:#?}");
    }
}
