use std::fmt::Write as _;

use serde_json::json;

use super::*;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[test]
fn an_ordinary_status_is_kept_as_it_is() {
    let monitors = json!({ "cpu": { "type_id": "host_metrics", "state": "ok", "detail": "", "last_update": null,
        "metrics": { "gpus": [{ "name": "x", "use": 1.5 }], "n": -3, "whole": u64::MAX, "is": true } }, "v3": "ok" });
    let body =
        json!({ "machine": "m", "server_id": "s", "os": "linux", "extra": [[]], "monitors": monitors });
    let (read, cut) = status(body.to_string().as_bytes()).unwrap().unwrap();
    assert_eq!((Value::Object(read.monitors), cut), (monitors, Cut::default()));
    assert_eq!((read.machine.as_str(), read.server_id.as_str(), read.os.as_str()), ("m", "s", "linux"));
    assert_eq!(read.version, None, "one of V3 does not say it");
    for nothing in
        [json!({}), json!({ "monitors": [] }), json!({ "monitors": "x" }), json!({ "monitors": null })]
    {
        assert!(status(nothing.to_string().as_bytes()).unwrap().is_none(), "{nothing}");
    }
    for broken in ["", "[]", "{", "1", r#"{"monitors":{}} x"#] {
        assert!(status(broken.as_bytes()).is_err(), "{broken}");
    }
}

/// Wide, deep, long and many: what is kept is small, and it is said.
#[test]
fn what_a_status_has_too_much_is_left_out_and_counted() {
    let many = |number: usize, of: &dyn Fn(usize) -> String| {
        let all: Vec<String> = (0..number).map(of).collect();
        format!(r#"{{"monitors":{{{}}}}}"#, all.join(","))
    };
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let wide: String = (0..50_000).fold(String::new(), |mut text, _| {
        let _ = write!(text, r#"{{"a":0}},"#);
        text
    });
    for (what, body) in [
        ("many", many(5_000, &|number| format!(r#""m{number}":{{"state":"ok"}}"#))),
        ("deep", many(1, &|_| format!(r#""x":{}"#, deep(100)))),
        ("deepest", many(1, &|_| format!(r#""x":{}"#, deep(100_000)))),
        ("wide", many(1, &|_| format!(r#""x":[{wide}1]"#))),
        ("long", many(1, &|_| format!(r#""x":{{"detail":"{}"}}"#, "ä".repeat(100_000)))),
        ("long name", many(1, &|_| format!(r#""{}":{{"state":"ok"}}"#, "x".repeat(100_000)))),
        ("long key", many(1, &|_| format!(r#""x":{{"{}":1}}"#, "y".repeat(100_000)))),
        ("long names", many(3_000, &|number| format!(r#""{number}{}":1"#, "z".repeat(70)))),
    ] {
        let (read, cut) = status(body.as_bytes()).unwrap().unwrap();
        let kept = serde_json::to_string(&read).unwrap();
        assert!(cut.said().is_some(), "{what}");
        assert!(kept.len() <= KEPT_STATUS_BYTES + 32 * 1024, "{what}: {}", kept.len());
        assert!(read.monitors.len() <= MOST_MONITORS, "{what}");
        assert!(read.monitors.values().all(|monitor| depth(monitor) <= DEEPEST + 1), "{what}");
    }
}

#[test]
fn what_is_not_kept_is_never_acknowledged() {
    let event = |id: u64| json!({ "id": id, "time": "t", "message": "m" });
    let answer = |ids: &[u64]| {
        let all: Vec<Value> = ids.iter().map(|id| event(*id)).collect();
        events(json!({ "events": all }).to_string().as_bytes(), 3).unwrap().unwrap()
    };
    let told = answer(&[4, 5]);
    assert_eq!((told.acknowledged(), told.left_from, told.greatest), (Some(5), None, 5));
    let told = answer(&[4, 5, 6, 7, 8]);
    assert_eq!((told.events.len(), told.acknowledged(), told.left_from), (3, Some(6), Some(7)));
    // An agent that tells them in another order gets less acknowledged, never more.
    let told = answer(&[40, 50, 60, 7, 8]);
    assert_eq!((told.events.len(), told.acknowledged(), told.greatest), (3, Some(6), 60));
    assert_eq!(answer(&[40, 50, 60, 1]).acknowledged(), None);
    assert_eq!(answer(&[]).acknowledged(), None);
    let none = events(json!({ "events": [event(1)] }).to_string().as_bytes(), 0).unwrap().unwrap();
    assert_eq!((none.events.len(), none.acknowledged(), none.left_from), (0, None, Some(1)));
}

#[test]
fn events_are_bounded_each_and_together() {
    let long = "x".repeat(1_000_000);
    let body = json!({ "events": [{ "id": 1, "time": long, "machine": long, "monitor": long, "message": long,
        "title": long, "level": long, "data": { "kind": "down", "log": long, "list": vec![0; 100_000] } }] });
    let told = events(body.to_string().as_bytes(), MOST_EVENTS).unwrap().unwrap();
    assert!(serde_json::to_string(&told.events[0]).unwrap().len() < 16 * 1024);
    assert!(told.cut.values >= 7 && told.events[0].message.ends_with('…'), "{:?}", told.cut);
    assert_eq!(told.events[0].data.as_ref().unwrap()["kind"], "down");

    let body = json!({ "events": (1..=20_000).map(|id| json!({ "id": id, "message": "y".repeat(500) })).collect::<Vec<_>>() });
    let told = events(body.to_string().as_bytes(), usize::MAX).unwrap().unwrap();
    assert_eq!((told.events.len(), told.left_from), (MOST_EVENTS, Some(1_001)));
    let body = json!({ "events": (1..=1_000).map(|id| json!({ "id": id, "message": "y".repeat(4_000) })).collect::<Vec<_>>() });
    let told = events(body.to_string().as_bytes(), usize::MAX).unwrap().unwrap();
    assert!(told.bytes < EVENT_BYTES + 16 * 1024 && told.acknowledged() < Some(300), "{}", told.bytes);
}

#[test]
fn an_event_is_understood_as_far_as_it_can_be() {
    let body = json!({ "events": [
        { "id": 3, "time": 7, "machine": "m", "message": { "a": 1 }, "level": "critical", "extra": 1, "title": null, "data": null },
        { "id": "3" }, { "id": -3 }, { "id": u64::MAX }, 3, null, [[]], "x", { "message": "m" } ] });
    let told = events(body.to_string().as_bytes(), MOST_EVENTS).unwrap().unwrap();
    assert_eq!((told.events.len(), told.cut.numberless), (1, 8));
    let event = &told.events[0];
    assert_eq!((event.id, event.level, event.title.as_deref(), &event.data), (3, None, None, &None));
    assert_eq!((event.time.as_str(), event.message.as_str()), ("7", r#"{"a":1}"#));
    for none in [json!({}), json!({ "events": {} }), json!({ "events": 1 })] {
        assert!(events(none.to_string().as_bytes(), 1).unwrap().is_none(), "{none}");
    }
}

#[test]
fn a_status_of_a_version_without_bounds_is_bounded_when_it_is_read_again() {
    let body = format!(
        r#"{{"machine":"m","server_id":"s","os":"o","monitors":{{"x":{}}}}}"#,
        "[".repeat(60) + &"]".repeat(60)
    );
    assert!(depth(&Value::Object(remembered(&body).unwrap().monitors)) <= DEEPEST + 2);
    assert!(remembered(&" ".repeat(STATUS_BYTES + 1)).is_none());
}

#[test]
fn the_version_is_a_short_text_or_nothing() {
    let of = |version: Value| {
        let body = json!({ "machine": "m", "server_id": "s", "os": "o", "version": version, "monitors": {} });
        status(body.to_string().as_bytes()).unwrap().unwrap()
    };
    assert_eq!(of(json!("4.2.0")).0.version.as_deref(), Some("4.2.0"));
    for none in [json!(""), json!(4), json!(null), json!(["4.2.0"]), json!({ "version": "4.2.0" })] {
        assert_eq!(of(none.clone()).0.version, None, "{none}");
    }
    let (read, cut) = of(json!("4".repeat(10_000)));
    assert!(read.version.is_some_and(|version| version.len() <= VERSION) && cut.values == 1);
    let again = serde_json::to_string(&of(json!("4.2.0")).0).unwrap();
    assert_eq!(
        remembered(&again).unwrap().version.as_deref(),
        Some("4.2.0"),
        "also of a machine that is away"
    );
}

/// Letters that nobody sees and that turn what follows go, wherever an agent puts them; every language stays.
#[test]
fn an_agent_shows_itself_as_what_it_is() {
    let monitors = json!({ "back\u{2066}up": { "detail": "invoice\u{202e}fdp.exe\r\nشكرا", "work": { "n\u{0}": "\u{1b}[31m" } } });
    let body =
        json!({ "machine": "na\u{202e}s", "server_id": "s\u{200b}", "os": "linux", "monitors": monitors });
    let (read, cut) = status(body.to_string().as_bytes()).unwrap().unwrap();
    assert_eq!((read.machine.as_str(), read.server_id.as_str(), cut), ("nas", "s", Cut::default()));
    let expected = json!({ "backup": { "detail": "invoicefdp.exe\nشكرا", "work": { "n": "[31m" } } });
    assert_eq!(Value::Object(read.monitors), expected);
    let event = json!({ "id": 1, "message": "a\u{7}b", "title": "\u{feff}t", "data": { "k": "\u{2028}v" } });
    let told = events(json!({ "events": [event] }).to_string().as_bytes(), 9).unwrap().unwrap();
    let [event] = told.events.as_slice() else { panic!("{told:?}") };
    assert_eq!((event.message.as_str(), event.title.as_deref()), ("ab", Some("t")));
    assert_eq!(event.data, Some(json!({ "k": "v" })));
}
