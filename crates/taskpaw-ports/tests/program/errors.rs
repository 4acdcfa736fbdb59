//! Each message about wrong usage, a bad configuration or an unreadable snapshot, and its exit status.

use serde_json::json;

use crate::run::Home;

/// Everything that a person sees of some calls in a row.
fn seen(calls: &[&[&str]]) -> String {
    let home = Home::new();
    let mut seen = String::new();
    for call in calls {
        let ran = home.run(call);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{call:?}");
        seen += &format!("$ taskpaw-ports {}\n{}\n", call.join(" "), ran.seen());
    }
    seen
}

#[test]
fn wrong_usage() {
    insta::assert_snapshot!(seen(&[
        &["kill"],
        &["status", "extra"],
        &["status", "--role", "server"],
        &["status", "--port", "5680"],
        &["status", "--port", "network=127.0.0.1"],
        &["status", "--port", "network=127.0.0.1:http"],
        &["status", "--port", "a=127.0.0.1:1", "--port", "b=127.0.0.1:2", "--port", "a=127.0.0.1:3"],
        &["reclaim", "--grace", "soon"],
        &["reclaim", "--wait=-1"],
        &["explain"],
        &["completions", "cmd"],
    ]));
}

#[test]
fn no_call_at_all_shows_the_help() {
    let ran = Home::new().run(&[]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("Usage: taskpaw-ports <COMMAND>"), "{}", ran.stderr);
}

#[test]
fn an_unreadable_snapshot() {
    let whole = json!({ "schema": 1, "role": "agent", "self_pid": 10, "wanted": [] });
    let with = |key: &str, value: serde_json::Value| {
        let mut snapshot = whole.clone();
        snapshot[key] = value;
        snapshot.to_string()
    };
    let home = Home::new();
    let mut seen = String::new();
    for (what, text) in [
        ("nothing", String::new()),
        ("no JSON", "PORT ADDRESS".to_owned()),
        ("half of it", whole.to_string()[..30].to_owned()),
        ("two of them", format!("{whole}{whole}")),
        ("a list", "[]".to_owned()),
        ("no role", "{\"schema\":1}".to_owned()),
        ("an unknown schema", with("schema", json!(2))),
        ("an unknown role", with("role", json!("server"))),
        ("an id of zero", with("self_pid", json!(0))),
        (
            "a listener that cannot be placed",
            with("listeners", json!([{ "address": "everywhere", "port": 1, "pids": [] }])),
        ),
    ] {
        let ran = home.run_with(&["explain", "--snapshot", "-"], &text);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{what}");
        seen += &format!("--- {what}\n{}\n", ran.seen());
    }
    insta::assert_snapshot!(seen);
}

#[cfg(unix)]
#[test]
fn a_snapshot_that_is_no_file() {
    let home = Home::new();
    let missing = home.path().join("ports.json");
    for (name, path) in [("missing", missing.as_path()), ("a folder", home.path())] {
        let ran = home.run(&["explain", "--snapshot", path.to_str().unwrap()]);
        insta::assert_snapshot!(format!("a snapshot that is {name}"), ran.seen());
    }
}

#[test]
fn a_broken_configuration() {
    let home = Home::new();
    let mut seen = String::new();
    for text in [
        "{ \"schema\": 1,",
        "[]",
        r#"{ "agent": { "network": { "host": "127.0.0.1", "port": "5680" } } }"#,
        r#"{ "agent": { "network": { "host": "127.0.0.1", "port": 70000 } } }"#,
        r#"{ "agent": { "network": { "host": "example.org", "port": 5680 } } }"#,
        r#"{ "agent": { "network": { "host": "0.0.0.0", "port": 5680 } } }"#,
        r#"{ "roles": ["server"] }"#,
        r#"{ "schema": 2 }"#,
    ] {
        home.configure(text);
        let ran = home.run(&["status"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{text}");
        seen += &format!("--- {text}\n{}\n", ran.seen());
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn a_configuration_elsewhere_is_the_one_that_counts() {
    let (home, elsewhere) = (Home::new(), Home::new());
    home.configure("broken");
    elsewhere.configure(r#"{ "schema": 1 }"#);
    assert_eq!(home.run(&["snapshot"]).status, 2);
    let folder = elsewhere.path().to_str().unwrap();
    assert_eq!(home.run(&["snapshot", "--config-dir", folder]).status, 0);
    assert_eq!(home.run(&["snapshot", "--port", "web=127.0.0.1:1"]).status, 0, "no configuration is needed");
}
