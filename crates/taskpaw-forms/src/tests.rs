//! What a form refuses, and with which words.

use super::*;

const FIELDS: &[Field] = &[
    Field { key: "name", title: "t", about: "a", shape: Shape::Text(None) },
    Field { key: "file", title: "t", about: "a", shape: Shape::Path },
    Field { key: "find", title: "t", about: "a", shape: Shape::Pattern(Some("")) },
    Field { key: "way", title: "t", about: "a", shape: Shape::Choice(&["up", "down"]) },
    Field {
        key: "port",
        title: "t",
        about: "a",
        shape: Shape::Whole { default: Some(80), least: 1, most: 9 },
    },
    Field { key: "on", title: "t", about: "a", shape: Shape::Flag(true) },
    Field { key: "words", title: "t", about: "a", shape: Shape::Texts { default: &[], least: 1 } },
    every(10.0),
];

fn config(value: Value) -> Map<String, Value> {
    let mut config = json!({ "name": "n", "file": "~/x", "words": ["a"] });
    let keys = config.as_object_mut().unwrap();
    keys.extend(value.as_object().unwrap().clone());
    keys.clone()
}

#[test]
fn a_wrong_value_is_told_with_its_path() {
    for (value, field, words) in [
        (json!({ "name": null }), "config.name", "filled in"),
        (json!({ "name": "  " }), "config.name", "filled in"),
        (json!({ "name": 7 }), "config.name", "7 is no text"),
        (json!({ "name": "x".repeat(5000) }), "config.name", "longer than 4096"),
        (json!({ "file": "relative/path" }), "config.file", "whole path"),
        (json!({ "file": "/a\0b" }), "config.file", "NUL"),
        (json!({ "find": "(" }), "config.find", "no regular expression"),
        (json!({ "find": "(a{1000}){1000}" }), "config.find", "no regular expression"),
        (json!({ "way": "left" }), "config.way", "none of up, down"),
        (json!({ "port": 0 }), "config.port", "between 1 and 9"),
        (json!({ "port": 1.5 }), "config.port", "whole number"),
        (json!({ "port": "1" }), "config.port", "\"1\" is no number"),
        (json!({ "on": "yes" }), "config.on", "neither true nor false"),
        (json!({ "words": [] }), "config.words", "filled in"),
        (json!({ "words": "a" }), "config.words", "no list"),
        (json!({ "words": ["a", 1] }), "config.words[1]", "no text"),
        (json!({ "words": vec!["a"; 300] }), "config.words", "too many"),
        (json!({ "poll_interval": 0.5 }), "config.poll_interval", "0.5 is not between 1 and 86400"),
    ] {
        let problems = check(FIELDS, &config(value.clone())).unwrap_err();
        assert_eq!(problems.len(), 1, "{value} {problems:?}");
        assert_eq!(problems[0].field, field, "{value}");
        assert!(problems[0].message.contains(words), "{value} {problems:?}");
        assert!(problems[0].fault.is_some(), "each is said as a code too: {value} {problems:?}");
    }
    assert_eq!(check(FIELDS, &Map::new()).unwrap_err().len(), 3, "all of them at once");
}

#[test]
fn a_number_that_does_not_fit_is_told_with_its_bounds() {
    let fault = |value: Value| check(FIELDS, &config(value)).unwrap_err().remove(0).fault.unwrap();
    let between = |least: &str, most: &str| FieldFault::NotBetween { least: least.into(), most: most.into() };
    assert_eq!(fault(json!({ "port": 0 })), between("1", "9"));
    assert_eq!(fault(json!({ "port": 1.5 })), FieldFault::NotWhole);
    assert_eq!(fault(json!({ "port": "1" })), FieldFault::NotANumber);
    assert_eq!(fault(json!({ "poll_interval": 0.5 })), between("1", "86400"));
    assert_eq!(
        fault(json!({ "way": "left" })),
        FieldFault::NotOneOf { words: vec!["up".into(), "down".into()] }
    );
}

#[test]
fn what_is_left_out_has_its_default_and_unknown_keys_are_let_be() {
    let values = check(FIELDS, &config(json!({ "future": 1, "port": null }))).unwrap();
    assert_eq!((values.whole("port"), values.flag("on")), (80, true));
    assert_eq!((values.text("way"), values.seconds("poll_interval")), ("up".into(), Duration::from_secs(10)));
    assert!(values.pattern("find").is_none() && values.path("file").is_absolute());
}
