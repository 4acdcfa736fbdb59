//! The examples of the specification: `tests/vectors/*.json`, each case decided by TaskPaw's own rules.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::collections::BTreeMap;

use port_takeover::{Host, ProcessFacts, WantedPort, blocks, overlaps, same_target};
use serde_json::Value;
use taskpaw_contract::{PortStatus, Recorded, identity};

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn cases<'a>(vectors: &'a Value, key: &str) -> &'a [Value] {
    let cases = vectors[key].as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn identity_of_every_example() {
    let rules = identity::rules();
    for case in cases(&vectors(include_str!("vectors/identity.json")), "cases") {
        let process = &case["process"];
        let argv: Vec<String> = serde_json::from_value(process["argv"].clone()).unwrap();
        let facts = ProcessFacts {
            name: text(&process["name"]),
            exe: process["exe"].as_str(),
            argv: &argv,
            cwd: process["cwd"].as_str(),
        };
        let role = rules.identify(facts).map(|identified| identified.role);
        assert_eq!(role.as_ref().map(port_takeover::Role::as_str), case["role"].as_str(), "{}", case["case"]);
    }
}

#[test]
fn every_pair_of_addresses() {
    let host = |value: &Value| text(value).parse::<Host>().unwrap();
    let all = vectors(include_str!("vectors/addresses.json"));
    for case in cases(&all, "overlaps") {
        assert_eq!(overlaps(host(&case["wanted"]), host(&case["listening"])), case["expect"], "{case}");
    }
    for case in cases(&all, "blocks") {
        let v6only = case["v6only"].as_bool().unwrap();
        assert_eq!(blocks(host(&case["listening"]), v6only, host(&case["wanted"])), case["expect"], "{case}");
    }
    for case in cases(&all, "same_target") {
        let wanted =
            |side: &Value| WantedPort::new("", text(&side["host"]), side["port"].as_i64().unwrap()).unwrap();
        assert_eq!(same_target(&wanted(&case["a"]), &wanted(&case["b"])), case["expect"], "{case}");
    }
}

#[test]
fn decision_on_every_example() {
    for case in cases(&vectors(include_str!("vectors/decisions.json")), "cases") {
        let recorded = Recorded::read(case["snapshot"].to_string().as_bytes()).unwrap();
        let verdict = recorded.decide(&identity::rules());
        assert_eq!(serde_json::to_value(verdict.decision).unwrap(), case["decision"], "{}", case["case"]);
        assert_eq!(serde_json::to_value(&verdict.terminate).unwrap(), case["terminate"], "{}", case["case"]);
        let judged = verdict.ports.iter().map(|port| (&port.wanted.name, PortStatus::from(port.state)));
        let invalid = recorded.invalid.iter().map(|(_, port)| (&port.name, PortStatus::Invalid));
        let states: BTreeMap<_, _> = judged.chain(invalid).collect();
        assert_eq!(serde_json::to_value(states).unwrap(), case["states"], "{}", case["case"]);
    }
}
