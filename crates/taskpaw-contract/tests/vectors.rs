//! The examples of the specification: `tests/vectors/*.json`, each case decided by TaskPaw's own rules.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use port_takeover::{Host, ProcessFacts, Snapshot, WantedPort, blocks, decide, overlaps, same_target};
use serde_json::Value;
use taskpaw_contract::identity;

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
        let facts = ProcessFacts { name: text(&process["name"]), exe: process["exe"].as_str(), argv: &argv };
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
        let wanted = |side: &Value| WantedPort {
            name: String::new(),
            host: text(&side["host"]).to_owned(),
            port: side["port"].as_i64().unwrap(),
        };
        assert_eq!(same_target(&wanted(&case["a"]), &wanted(&case["b"])), case["expect"], "{case}");
    }
}

#[test]
fn decision_on_every_example() {
    for case in cases(&vectors(include_str!("vectors/decisions.json")), "cases") {
        let snapshot: Snapshot = serde_json::from_value(case["snapshot"].clone()).unwrap();
        let verdict = decide(&snapshot, &identity::rules());
        assert_eq!(serde_json::to_value(verdict.decision).unwrap(), case["decision"], "{}", case["case"]);
        assert_eq!(serde_json::to_value(&verdict.terminate).unwrap(), case["terminate"], "{}", case["case"]);
        for port in &verdict.ports {
            let expected = &case["states"][&port.wanted.name];
            assert_eq!(serde_json::to_value(port.state).unwrap(), *expected, "{}", case["case"]);
        }
        assert_eq!(verdict.ports.len(), case["states"].as_object().unwrap().len());
    }
}
