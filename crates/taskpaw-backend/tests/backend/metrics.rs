//! `/metrics` as Prometheus reads it: a strict reader of OpenMetrics.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use taskpaw_contract::Role;

use crate::client::{call, get, until};
use crate::running::Machine;

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

fn is_name(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    text.starts_with(is_letter) && text.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

/// Reads a label's value up to its closing quotation mark.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match letters.next().unwrap().1 {
                'n' => '\n',
                letter @ ('"' | '\\') => letter,
                other => panic!("\\{other}"),
            }),
            letter => value.push(letter),
        }
    }
    panic!("no end: {text}")
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "twice: {line}");
            rest = after;
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
    assert!(is_name(name), "{line}");
    Sample { name: name.to_owned(), labels, value }
}

/// Each family once and in one piece, its type first, and the end where it must be.
fn read(text: &str) -> Vec<Sample> {
    let body = text.strip_suffix("# EOF\n").expect("the end");
    let (mut families, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let (mut family, mut kind) = (String::new(), String::new());
    let mut samples = Vec::new();
    for line in body.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, of) = about.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned()), "begun twice: {name}");
            assert!(is_name(name) && matches!(of, "gauge" | "counter"), "{line}");
            (family, kind) = (name.to_owned(), of.to_owned());
        } else if let Some(about) = line.strip_prefix("# HELP ") {
            assert!(about.starts_with(&format!("{family} ")), "{line}");
        } else {
            let sample = sample(line);
            let wanted = if kind == "counter" { format!("{family}_total") } else { family.clone() };
            assert_eq!(sample.name, wanted, "{line}");
            assert!(seen.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
            samples.push(sample);
        }
    }
    samples
}

/// A command that does nothing and ends with this status.
fn ends_with(status: u8) -> serde_json::Value {
    if cfg!(windows) {
        json!(["cmd", "/c", format!("exit {status}")])
    } else {
        json!(["sh", "-c", format!("exit {status}")])
    }
}

#[test]
fn every_number_of_the_status_is_there_and_well_formed() {
    let machine = Machine::new();
    let odd = "a \"quoted\\name\"";
    machine.configure(&json!({ "agent": { "monitors": [
        { "type_id": "custom_cmd", "name": odd, "config": { "command": ends_with(0) } },
        { "type_id": "custom_cmd", "name": "other", "config": { "command": ends_with(1) } },
    ] } }));
    let running = machine.start(Role::Agent);
    running.ready();
    until("every first look", || {
        let monitors = get(machine.network, "/status").json()["monitors"].clone();
        monitors.as_object().unwrap().values().all(|one| one["last_update"].is_string()).then_some(())
    });
    // A state is told at once, its event when it is durable.
    until("the start, and the alert", || {
        let read = read(&get(machine.network, "/metrics").body);
        read.iter().any(|sample| sample.name == "taskpaw_events_total" && sample.value >= 2.0).then_some(())
    });
    let answer = get(machine.network, "/metrics");
    assert!(
        answer.head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        answer.head
    );
    let samples = read(&answer.body);
    let of = |name: &str, monitor: &str| -> Vec<&Sample> {
        let is_it = |sample: &&Sample| sample.name == name && sample.labels["monitor"] == monitor;
        samples.iter().filter(is_it).collect()
    };
    assert!(of("taskpaw_host_metrics_memory_total_bytes", "host_metrics")[0].value > 1e6);
    assert_eq!(of("taskpaw_custom_cmd_exit_status", odd)[0].value, 0.0);
    assert_eq!(of("taskpaw_custom_cmd_exit_status", "other")[0].value, 1.0);
    let states = of("taskpaw_monitor_state", "other");
    assert_eq!(states.len(), 7);
    let now: Vec<_> =
        states.iter().filter(|state| state.value == 1.0).map(|state| &*state.labels["state"]).collect();
    assert_eq!(now, ["error"]);
    let agent = samples.iter().find(|sample| sample.name == "taskpaw_agent").unwrap();
    assert_eq!((&*agent.labels["machine"], &*agent.labels["server_id"]), ("box", "id-of-box"));
    assert!(of("taskpaw_monitor_last_update_timestamp_seconds", odd)[0].value > 1.7e9);
    // Numbers of the status are the same numbers here.
    let as_a_hub = format!("TaskPaw-Hub: {}", "a".repeat(32));
    let status = call(machine.network, "GET", "/status", &[&as_a_hub]).json();
    for (key, value) in status["monitors"]["host_metrics"]["metrics"].as_object().unwrap() {
        let found = of(&format!("taskpaw_host_metrics_{key}"), "host_metrics");
        assert!(value.is_null() || value.is_array() || !found.is_empty(), "{key}");
    }
}
