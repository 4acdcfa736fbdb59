//! Updates in the middle of what is watched: what was told is not told again, and what changes in between is told once.
//!
//! A backend looks at its start, and then not again within the test but where the next look is waited for: so each
//! change falls between the last look of one version and the first of the next.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::home::get;
use support::programs::Programs;
use support::wait::LONG;
use support::{Home, Owned, Window, free_ports, until};

/// Longer than the test, in seconds.
const NOT_AGAIN: u32 = 3_600;

fn monitor(type_id: &str, name: &str, config: Value) -> Value {
    let mut config = config;
    config.as_object_mut().expect("settings").entry("poll_interval").or_insert(json!(NOT_AGAIN));
    json!({ "type_id": type_id, "name": name, "config": config })
}

fn port(name: &str, port: u16) -> Value {
    monitor("tcp_check", name, json!({ "host": "127.0.0.1", "port": port, "failures": 1 }))
}

/// What the agent watches, by name: its state and its progress.
async fn watched(home: &Home) -> BTreeMap<String, (String, Value)> {
    let status = get(home.network, "/status").await.unwrap_or_default();
    let monitors = status["monitors"].as_object().cloned().unwrap_or_default();
    let state = |one: &Value| one["state"].as_str().unwrap_or_default().to_owned();
    monitors
        .into_iter()
        .map(|(name, one)| (name, (state(&one), one["metrics"]["progress_percent"].clone())))
        .collect()
}

async fn is(home: &Home, name: &str, state: &str) {
    until(&format!("{name} is {state}"), LONG, async || {
        watched(home).await.get(name).is_some_and(|(now, _)| now == state)
    })
    .await;
}

/// What was told of these since the beginning: how often each monitor at each level. Nothing is acknowledged.
async fn told(home: &Home, of: &[&str]) -> BTreeMap<(String, String), usize> {
    let answer = get(home.network, "/events?ack=-1").await.expect("it answers");
    let mut told = BTreeMap::new();
    for event in answer["events"].as_array().expect("events") {
        let (name, level) = (event["monitor"].as_str(), event["level"].as_str());
        let (name, level) = (name.expect("a name"), level.expect("a level"));
        if of.contains(&name) {
            *told.entry((name.to_owned(), level.to_owned())).or_default() += 1;
        }
    }
    told
}

fn counts(of: &[(&str, &str, usize)]) -> BTreeMap<(String, String), usize> {
    of.iter().map(|(name, level, count)| (((*name).to_owned(), (*level).to_owned()), *count)).collect()
}

fn append(path: &Path, text: &str) {
    let mut file = File::options().append(true).create(true).open(path).expect("the file");
    file.write_all(text.as_bytes()).expect("written");
}

/// A program under a name of its own, so that a pattern finds nothing else.
fn start_work(home: &Home, name: &str) -> Owned {
    let program = home.path().join(name);
    fs::copy("/bin/sleep", &program).expect("a copy");
    Owned::start(Command::new(program).arg("600"))
}

const NAMES: [&str; 7] = ["Database", "Cache", "Website", "Renders", "Film", "Trainer", "Export"];

#[tokio::test]
async fn what_was_told_is_not_told_again_and_what_changes_between_two_versions_is_told_once() {
    let home = Home::new();
    let [database, cache, website] = free_ports();
    let site = TcpListener::bind(("127.0.0.1", website)).expect("it is free");
    let (renders, film, trainer) =
        (home.path().join("renders"), home.path().join("film.log"), home.path().join("trainer.json"));
    fs::create_dir(&renders).expect("the folder");
    fs::write(&film, "12 %\n").expect("the log");
    fs::write(&trainer, r#"{"state":"running"}"#).expect("the state");
    let export = format!("export-{}", home.network);
    let work = start_work(&home, &export);
    home.configure(&json!({ "agent": { "monitors": [
        port("Database", database),
        port("Cache", cache),
        port("Website", website),
        monitor("folder", "Renders", json!({ "path": renders, "stable_seconds": 1, "poll_interval": 1 })),
        monitor("log_pattern", "Film", json!({ "path": film, "from_start": true, "error_pattern": "ERROR" })),
        monitor("state_file", "Trainer", json!({ "path": trainer })),
        monitor("task", "Export", json!({ "pattern": export })),
    ] } }));

    let first = Window::open(&Programs::current(), &home).await;
    first.role_is("agent", "ready").await;
    for (name, state) in [
        ("Database", "error"),
        ("Cache", "error"),
        ("Website", "ok"),
        ("Film", "running"),
        ("Trainer", "running"),
        ("Export", "running"),
    ] {
        is(&home, name, state).await;
    }
    let standing = counts(&[("Database", "alert", 1), ("Cache", "alert", 1)]);
    until("both are told", LONG, async || told(&home, &NAMES).await == standing).await;
    // It is known, and still grows: complete is it only for the next version.
    fs::write(renders.join("film.mp4"), "a").expect("the file");

    // Between the two: one is well again, one breaks, a render ends, a log goes on, work ends.
    let cache_again = TcpListener::bind(("127.0.0.1", cache)).expect("it is free");
    drop(site);
    append(&film, "73 %\nERROR: out of memory\n");
    append(&renders.join("film.mp4"), "more");
    fs::write(renders.join("between.mp4"), "whole").expect("the file");
    fs::write(&trainer, r#"{"state":"idle"}"#).expect("the state");
    drop(work);
    let second = Window::open(&Programs::newer(), &home).await;
    second.role_is("agent", "ready").await;
    let once = counts(&[
        ("Database", "alert", 1),
        ("Cache", "alert", 1),
        ("Cache", "done", 1),
        ("Website", "alert", 1),
        ("Renders", "done", 2),
        ("Film", "alert", 1),
        ("Trainer", "done", 1),
        ("Export", "done", 1),
    ]);
    until_told(&home, &once).await;
    assert_eq!(watched(&home).await["Film"].1, json!(73.0));

    // And back, with the older version, which reads what the newer one wrote.
    drop(cache_again);
    let site = TcpListener::bind(("127.0.0.1", website)).expect("it is free");
    append(&film, "100 %\n");
    fs::write(&trainer, r#"{"state":"running"}"#).expect("the state");
    let third = Window::open(&Programs::current(), &home).await;
    third.role_is("agent", "ready").await;
    let mut back = once;
    back.extend(counts(&[
        ("Cache", "alert", 2),
        ("Website", "done", 1),
        ("Film", "done", 1),
        ("Trainer", "info", 1),
    ]));
    until_told(&home, &back).await;
    assert_eq!(watched(&home).await["Database"].0, "error", "it stands since the beginning, told once");
    drop(site);
}

/// Waits until exactly this was told; what is too much never goes away.
async fn until_told(home: &Home, expected: &BTreeMap<(String, String), usize>) {
    let deadline = Instant::now() + LONG;
    loop {
        let now = told(home, &NAMES).await;
        if now == *expected {
            return;
        }
        assert!(Instant::now() < deadline, "told: {now:#?}, expected: {expected:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
