use super::*;

fn event(id: u64, monitor: &str, data: Value) -> AgentEvent {
    let (time, machine, message) = (String::new(), String::new(), String::new());
    AgentEvent {
        id,
        time,
        machine,
        monitor: monitor.to_owned(),
        message,
        level: None,
        title: None,
        data: Some(data),
    }
}

fn found(value: Value) -> Memory {
    Memory { found: value, ..Memory::default() }
}

#[test]
fn what_the_journal_has_after_the_file_counts_and_what_it_had_before_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitors.json");
    let now = Instant::now();
    let mut memories = Memories::open(path.clone());
    memories.remember("nas".to_owned(), found(json!({ "down": true })), now);
    memories.remember("gone".to_owned(), found(json!(1)), now);
    memories.write(now);
    assert!(!path.exists(), "not before it is live");
    memories.go_live(&["nas".to_owned()], 7, now);
    assert_eq!(memories.due_in(now), Some(TOGETHER));
    memories.write(now);
    assert_eq!(memories.due_in(now), None, "nothing has changed since");

    let mut again = Memories::open(path.clone());
    again.read(&event(7, "nas", json!({ "kind": "up" })), None);
    again.read(&event(8, "films", json!({ "kind": "file_complete" })), Some(&json!(5)));
    let recalled = again.recall();
    let all = recalled.lock().clone();
    assert_eq!(all.keys().collect::<Vec<_>>(), ["films", "nas"]);
    assert!(all["nas"].stands("down", EventKind::Down, EventKind::Up), "the event is in what was found");
    assert_eq!(all["films"].told[0].note, Some(json!(5)));
    again.read(&event(9, SELF_NAME, json!({ "kind": "started", "memory": SCHEMA })), None);
    assert!(recalled.lock()["nas"].found().is_some());
    // As 4.0.0 says it, which remembers nothing.
    again.read(&event(10, SELF_NAME, json!({ "kind": "started" })), None);
    let memory = recalled.lock()["nas"].clone();
    assert!(memory.found().is_none() && memory.stands("down", EventKind::Down, EventKind::Up));
}

#[test]
fn it_is_bounded_and_written_every_ten_seconds_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("monitors.json");
    let now = Instant::now();
    let mut memories = Memories::open(path.clone());
    memories.go_live(&[], 0, now);
    memories.remember("small".to_owned(), found(json!("x")), now);
    memories.remember("large".to_owned(), found("x".repeat(MOST_BYTES).into()), now);
    memories.write(now);
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.len() < 1_000 && written.contains("small"), "{} bytes", written.len());
    memories.remember("small".to_owned(), found(json!("y")), now);
    assert_eq!(memories.due_in(now), Some(EVERY));
    memories.remember("small".to_owned(), found(json!("y")), now);
    memories.forget("small", now);
    assert_eq!(memories.due_in(now + EVERY), Some(Duration::ZERO));
}

#[test]
fn only_who_watches_the_same_remembers_it() {
    let mut memories = Memories::open("no-such-file".into());
    let of = |port: u16| Subject::new("tcp_check", json!({ "port": port }).as_object().unwrap());
    let memory = Memory { of: Some(of(1)), ..found(json!({ "down": true })) };
    memories.remember("nas".to_owned(), memory.clone(), Instant::now());
    assert_eq!(memories.recall().of("nas", &of(1)), Some(memory));
    assert_eq!(memories.recall().of("nas", &of(2)), None);
}
