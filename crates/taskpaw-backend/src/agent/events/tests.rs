use taskpaw_contract::ipc::EventLevel;
use tokio::sync::broadcast;

use super::kept::MOST_WAITING;
use super::*;

fn open(path: &Path) -> EventQueue {
    after(path, 0, Vec::new())
}

/// A queue that goes on after TaskPaw V3.
fn after(path: &Path, used_up: u64, from_memory: Vec<AgentEvent>) -> EventQueue {
    let place = Place {
        journal: path.to_owned(),
        lineage: path.with_extension("cursor"),
        memories: path.with_extension("monitors"),
        server_id: "s".into(),
        stream_id: None,
        used_up,
        from_memory,
    };
    EventQueue::open(place, "m".into(), broadcast::channel(16).0).unwrap()
}

/// What a hub gets that may ask so.
fn fetch(queue: &EventQueue, hub: &str, ack: Option<u64>) -> Vec<AgentEvent> {
    queue.fetch(&Fetch { hub, ack, ..Fetch::default() }).unwrap().0
}

fn refused(queue: &EventQueue, ack: u64) -> Refused {
    queue.fetch(&Fetch { ack: Some(ack), ..Fetch::default() }).unwrap_err()
}

fn emit(queue: &EventQueue, count: usize) {
    emit_long(queue, count, 0);
}

/// Events whose messages have at least so many letters.
fn emit_long(queue: &EventQueue, count: usize, letters: usize) {
    for number in 0..count {
        let message = format!("event {number:letters$}");
        let notice = Notice {
            kind: EventKind::Up,
            level: EventLevel::Info,
            title: "t".into(),
            message,
            data: None,
            note: None,
        };
        queue.emitter.emit("monitor", notice);
    }
    flush(queue);
}

/// The stop of a backend does not wait this long; a test is not about how quick the disk is.
fn flush(queue: &EventQueue) {
    assert!(queue.is_flushed_within(Duration::from_secs(60)));
}

fn ids(events: &[AgentEvent]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}

#[test]
fn acknowledged_events_are_forgotten_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder.path().join("events"));
    emit(&queue, 3);
    assert_eq!(ids(&fetch(&queue, "", Some(0))), [1, 2, 3]);
    assert_eq!(ids(&fetch(&queue, "", Some(2))), [3]);
    assert_eq!(ids(&fetch(&queue, "", Some(1))), [3], "an older acknowledgement changes nothing");
    assert_eq!(ids(&fetch(&queue, "", None)), [3]);
    assert!(fetch(&queue, "", None).is_empty());
    assert_eq!(ids(&queue.recent(2, None)), [2, 3], "looking back does not need the queue");
    assert!(queue.recent(2, Some("other")).is_empty());
}

#[test]
fn numbers_and_acknowledgements_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let queue = open(&path);
    emit(&queue, 3);
    assert_eq!(fetch(&queue, "", Some(0)).len(), 3);
    fetch(&queue, "", Some(2));
    flush(&queue);
    let queue = open(&path);
    emit(&queue, 1);
    assert_eq!(ids(&fetch(&queue, "", None)), [3, 4]);
    flush(&queue);
    let queue = open(&path);
    emit(&queue, 1);
    assert_eq!(ids(&fetch(&queue, "", Some(0))), [5]);
}

/// The acknowledgement is on the disk, and the kill came before what it lets go of was: V3, which has counted on meanwhile, is no
/// reason to tell it again with other numbers.
#[test]
fn what_a_hub_has_is_not_told_again_after_a_kill_and_a_launch_of_v3() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let queue = open(&path);
    emit(&queue, 3);
    assert_eq!(fetch(&queue, "", Some(0)).len(), 3);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(ids(&fetch(&queue, "", Some(2))), [3]);
    assert!(queue.close(Duration::from_secs(60)));
    std::fs::write(&path, before).unwrap();

    let queue = after(&path, 601, Vec::new());
    let waiting = fetch(&queue, "", Some(601));
    assert_eq!((ids(&waiting), waiting[0].message.as_str()), (vec![602], "event 2"));
}

#[test]
fn an_acknowledgement_of_what_was_never_offered_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder.path().join("events"));
    emit(&queue, 2);
    assert_eq!(refused(&queue, 502), Refused::NotOffered { ack: 502, offered: 0 });
    assert_eq!(refused(&queue, 2), Refused::NotOffered { ack: 2, offered: 0 }, "nobody has seen it");
    assert_eq!((queue.refusals().len(), queue.refusals()[0].ack), (1, 2));
    assert_eq!(ids(&fetch(&queue, "", Some(0))), [1, 2]);
    assert!(queue.refusals().is_empty(), "it has asked as it should");
    assert_eq!(refused(&queue, 3), Refused::NotOffered { ack: 3, offered: 2 });
    assert!(fetch(&queue, "", Some(2)).is_empty());
    emit(&queue, 1);
    assert_eq!(ids(&fetch(&queue, "", Some(0))), [3]);
}

#[test]
fn what_was_given_before_a_start_counts_as_offered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let queue = open(&path);
    emit(&queue, 3);
    let queue = open(&path);
    emit(&queue, 1);
    assert_eq!(refused(&queue, 4), Refused::NotOffered { ack: 4, offered: 3 });
    assert_eq!(ids(&fetch(&queue, "", Some(2))), [3, 4]);
}

#[test]
fn a_hub_of_v3_gets_the_first_event_after_the_takeover() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    for _ in 0..2 {
        let queue = after(&path, 502, Vec::new());
        emit(&queue, 1);
        assert_eq!(fetch(&queue, "", Some(502))[0].id, 503);
    }
    // Its own numbers outlast V3's file.
    let queue = open(&path);
    emit(&queue, 1);
    assert_eq!(ids(&fetch(&queue, "", Some(502))), [503, 504, 505]);
}

#[test]
fn each_hub_gets_every_event_and_one_goes_when_all_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let queue = open(&path);
    for hub in ["a", "b", ""] {
        assert!(fetch(&queue, hub, Some(0)).is_empty());
    }
    emit(&queue, 3);
    for hub in ["a", "b", ""] {
        assert_eq!(ids(&fetch(&queue, hub, Some(0))), [1, 2, 3], "{hub}");
    }
    assert!(fetch(&queue, "a", Some(3)).is_empty());
    assert_eq!(ids(&fetch(&queue, "b", Some(1))), [2, 3]);
    assert_eq!((ids(&fetch(&queue, "", None)), queue.waiting()), (vec![1, 2, 3], 2));
    flush(&queue);

    // What each of them has outlasts a restart.
    let queue = open(&path);
    emit(&queue, 1);
    assert_eq!(ids(&fetch(&queue, "a", Some(0))), [4]);
    assert_eq!(ids(&fetch(&queue, "", Some(0))), [4]);
    assert_eq!(ids(&fetch(&queue, "b", Some(0))), [2, 3, 4]);
    assert_eq!(ids(&fetch(&queue, "new", Some(0))), [2, 3, 4], "whoever comes late gets what is there");
}

#[test]
fn a_cursor_covers_what_is_told_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let mut before: Option<EventCursor> = None;
    for round in 1..=3 {
        let queue = open(&path);
        let start = queue.cursor().unwrap();
        assert!(start.is_sound());
        assert_eq!((start.resume_floor, start.offered_highwater), (2 * round - 2, 2 * round - 2));
        if let Some(before) = before {
            assert_eq!(start.stream_id, before.stream_id);
            assert_ne!(start.boot_id, before.boot_id);
        }
        emit(&queue, 2);
        let (stream, boot) = (Some(start.stream_id.as_str()), Some(start.boot_id.as_str()));
        let ask = |proof| queue.fetch(&Fetch { ack: Some(0), proof: Some(proof), ..Fetch::default() });
        for proof in [
            Proof { stream, boot: None },
            Proof { stream: None, boot },
            Proof { stream: boot, boot: stream },
            Proof { stream: Some(""), boot: Some("") },
        ] {
            assert_eq!(ask(proof), Err(Refused::OtherCursor), "{proof:?}");
        }
        let (events, cursor) = ask(Proof { stream, boot }).unwrap();
        let cursor = cursor.unwrap();
        assert!(cursor.is_sound() && events.iter().all(|event| event.id <= cursor.offered_highwater));
        assert_eq!((cursor.offered_highwater, cursor.next_event_id), (2 * round, 2 * round + 1));
        before = Some(cursor);
    }
}

#[test]
fn without_its_journal_an_agent_gives_no_number_again_that_a_hub_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let queue = open(&path);
    emit(&queue, 3);
    fetch(&queue, "a", None);
    // Windows removes no file that is open.
    assert!(queue.close(Duration::from_secs(60)));
    std::fs::remove_file(&path).unwrap();
    let queue = open(&path);
    emit(&queue, 1);
    assert_eq!(ids(&fetch(&queue, "a", Some(0))), [4]);
}

#[test]
fn a_report_can_be_made_while_the_agent_runs_and_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let lineage = path.with_extension("cursor");
    assert_eq!(numbers(&path, &lineage).unwrap(), None);
    let queue = after(&path, 502, Vec::new());
    let stream_id = queue.cursor().unwrap().stream_id;
    assert_eq!(numbers(&path, &lineage).unwrap().unwrap().next_event_id, 503);
    emit(&queue, 2);
    assert_eq!(numbers(&path, &lineage).unwrap(), Some(Numbers { stream_id, next_event_id: 505 }));
}

#[test]
fn the_oldest_go_when_too_many_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let queue = open(&path);
    emit(&queue, MOST_WAITING + 5);
    for queue in [&queue, &open(&path)] {
        assert_eq!((queue.waiting(), ids(&fetch(queue, "", Some(0)))[0]), (MOST_WAITING, 6));
    }
}

#[test]
fn an_answer_has_a_size_and_the_rest_comes_after_the_acknowledgement() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder.path().join("events"));
    emit_long(&queue, MOST_WAITING, 300);
    let (mut ack, mut answers) = (0, 0);
    loop {
        let (events, cursor) = queue.fetch(&Fetch { ack: Some(ack), ..Fetch::default() }).unwrap();
        let Some(last) = events.last() else { break };
        assert_eq!(events[0].id, ack + 1, "none is left out");
        assert!(serde_json::to_vec(&events).unwrap().len() < 2 << 20);
        assert_eq!(cursor.unwrap().offered_highwater, last.id, "no more is offered than is given");
        (ack, answers) = (last.id, answers + 1);
    }
    assert_eq!((ack, answers > 1), (MOST_WAITING as u64, true));
    // Who takes all takes it in parts as well.
    emit_long(&queue, MOST_WAITING, 300);
    let (first, rest) = (fetch(&queue, "", None), fetch(&queue, "", None));
    assert_eq!(rest[0].id, first[first.len() - 1].id + 1);
}

#[test]
fn an_event_that_is_too_large_for_an_answer_is_one_by_itself() {
    let large = |id: u64| AgentEvent {
        id,
        time: "2026-01-01T00:00:00Z".into(),
        machine: "m".into(),
        monitor: "x".into(),
        message: "y".repeat(MOST_BYTES),
        level: None,
        title: None,
        data: None,
    };
    let waiting = [large(1), large(2)];
    assert_eq!(ids(&part(waiting.iter())), [1]);
    assert_eq!(ids(&part(waiting.iter().skip(1))), [2]);
}

#[test]
fn the_journal_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let queue = open(&path);
    for _ in 0..10 {
        emit(&queue, 1_000);
        fetch(&queue, "", None);
        flush(&queue);
    }
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    assert!(lines < 5_000, "{lines}");
    emit(&open(&path), 1);
    assert_eq!(fetch(&open(&path), "", Some(0))[0].id, 10_001);
}

/// A hub: what it has stored, by number.
#[derive(Default)]
struct Hub {
    stored: std::collections::BTreeMap<u64, String>,
}

impl Hub {
    /// Asks, stores, and acknowledges only if nothing happens in between. A hub of V3 asks with what it has.
    fn poll(&mut self, queue: &EventQueue, name: &str, acknowledges: bool) {
        let last = self.stored.keys().next_back().copied().unwrap_or(0);
        let is_v3 = name.is_empty();
        let ack = if is_v3 { last } else { 0 };
        for event in fetch(queue, name, Some(ack)) {
            if is_v3 && event.id <= last {
                continue;
            }
            let known = self.stored.insert(event.id, event.message.clone());
            assert!(known.is_none_or(|known| known == event.message), "one number for two events");
        }
        let last = self.stored.keys().next_back().copied();
        if let Some(last) = last.filter(|_| acknowledges && !is_v3) {
            fetch(queue, name, Some(last));
        }
    }
}

/// What is on the disk at this moment, as after a power cut.
fn power_cut(path: &Path, number: usize) -> PathBuf {
    let again = path.with_file_name(format!("events-{number}"));
    std::fs::copy(path, &again).unwrap();
    let cursor = path.with_extension("cursor");
    if cursor.exists() {
        std::fs::copy(cursor, again.with_extension("cursor")).unwrap();
    }
    again
}

/// Two hubs that name themselves and one of V3, an agent that is killed again and again, in any order.
#[test]
fn no_hub_loses_an_event_or_gets_another_one_under_its_number() {
    for seed in 1..=6_u64 {
        let folder = tempfile::tempdir().unwrap();
        let mut path = folder.path().join("events-0");
        let mut queue = open(&path);
        let mut hubs = [("a", Hub::default()), ("b", Hub::default()), ("", Hub::default())];
        for (name, hub) in &mut hubs {
            hub.poll(&queue, name, true);
        }
        flush(&queue);
        let mut random = seed;
        for step in 1..=40 {
            // Knuth's MMIX.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let drawn = usize::try_from(random >> 33).unwrap();
            match drawn % 6 {
                0 => {
                    path = power_cut(&path, step);
                    queue = open(&path);
                }
                1 => emit(&queue, drawn / 6 % 5),
                at => {
                    let (name, hub) = &mut hubs[at % 3];
                    hub.poll(&queue, name, drawn / 6 % 3 > 0);
                }
            }
        }
        let last = queue.last_id();
        for (name, hub) in &mut hubs {
            hub.poll(&queue, name, true);
            let ids: Vec<u64> = hub.stored.keys().copied().collect();
            assert_eq!(ids, (1..=last).collect::<Vec<_>>(), "seed {seed}, hub {name:?}");
        }
    }
}

#[test]
fn no_secret_that_was_read_is_in_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder.path().join("events"));
    let line = "deploy --password S3CRET to http://u:S3CRET@nas/?key=S3CRET";
    let notice = Notice {
        kind: EventKind::Up,
        level: EventLevel::Info,
        title: line.into(),
        message: line.into(),
        data: Some(json!({ "line": line, "fields": { "api_key": "S3CRET" } })),
        note: None,
    };
    queue.emitter.emit("monitor", notice);
    flush(&queue);
    let told = serde_json::to_string(&queue.recent(1, None)).unwrap();
    assert!(!told.contains("S3CRET") && told.contains("deploy --password"), "{told}");
    assert!(!std::fs::read_to_string(folder.path().join("events")).unwrap().contains("S3CRET"));
}
