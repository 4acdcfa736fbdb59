//! `explain` on the examples of the specification: every state, every decision.

use serde_json::{Value, json};

use crate::run::{Home, Ran};

fn examples() -> Vec<Value> {
    let text = include_str!("../../../taskpaw-contract/tests/vectors/decisions.json");
    let examples: Value = serde_json::from_str(text).unwrap();
    examples["cases"].as_array().unwrap().clone()
}

fn explain(snapshot: &Value, form: &[&str]) -> Ran {
    let arguments = [&["explain", "--snapshot", "-"], form].concat();
    Home::new().run_with(&arguments, &snapshot.to_string())
}

fn answer(ran: &Ran) -> Value {
    assert_eq!(ran.stderr, "");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn each_example_is_decided_as_it_is_specified() {
    for example in examples() {
        let ran = explain(&example["snapshot"], &["--json"]);
        let answer = answer(&ran);
        assert_eq!(answer["decision"], example["decision"], "{example}");
        assert_eq!(answer["terminate"], example["terminate"], "{example}");
        for port in answer["ports"].as_array().unwrap() {
            assert_eq!(port["state"], example["states"][port["name"].as_str().unwrap()], "{example}");
        }
        let refused = example["decision"] == "refuse";
        assert_eq!(ran.status, if refused { 3 } else { 0 }, "{example}");
    }
}

#[test]
fn what_a_person_reads_of_each_example() {
    let mut seen = String::new();
    for example in examples() {
        let ran = explain(&example["snapshot"], &[]);
        seen += &format!("--- {}\n{}\n", example["case"].as_str().unwrap(), ran.seen());
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn what_a_script_reads_for_each_decision() {
    for decision in ["start", "reclaim", "wait", "refuse"] {
        let example = examples().into_iter().find(|example| example["decision"] == decision).unwrap();
        let mut answer = answer(&explain(&example["snapshot"], &["--json"]));
        assert!(answer["elapsed_ms"].as_f64().unwrap() > 0.0);
        answer["elapsed_ms"] = json!("[ms]");
        insta::assert_json_snapshot!(format!("json of {decision}"), answer);
    }
}

#[test]
fn a_snapshot_can_be_a_file() {
    let home = Home::new();
    std::fs::write(home.path().join("ports.json"), examples()[1]["snapshot"].to_string()).unwrap();
    let path = home.path().join("ports.json");
    let ran = home.run(&["explain", "--json", "--snapshot", path.to_str().unwrap()]);
    assert_eq!((answer(&ran)["decision"].clone(), ran.status), (json!("reclaim"), 0));
}

#[test]
fn many_holders_and_strange_names_stay_in_their_columns() {
    let process = |pid: u32, name: &str, user: &str| json!({ "pid": pid, "name": name, "exe": "/usr/bin/x", "argv": ["x"], "same_user": false, "user": user });
    let ran = explain(
        &json!({
            "schema": 1, "role": "hub", "self_pid": 10,
            "wanted": [
                { "name": "a long name of a port", "host": "::1", "port": 5690 },
                { "name": "api\u{1b}[2J", "host": "nowhere\n", "port": 1 },
                { "name": "v4", "host": "", "port": 5691 },
            ],
            "processes": [
                process(20, "nginx: master", "www-data"),
                process(1_234_567, "\u{1b}]0;free\u{7}", "\u{202e}toor"),
                process(22, "", "监控"),
            ],
            "listeners": [{ "address": "::1", "port": 5690, "pids": [20, 1_234_567, 22] }],
        }),
        &[],
    );
    insta::assert_snapshot!(ran.seen());
}
