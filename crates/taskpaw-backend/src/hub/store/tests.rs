use std::path::PathBuf;

use serde_json::json;
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::EventLevel;
use tempfile::TempDir;

use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn source(server_id: &str) -> Source {
    Source { agent: "a".into(), url: "http://a".into(), server_id: server_id.into(), is_apart: false }
}

fn event(id: u64, time: &str) -> AgentEvent {
    let level = Some(if id.is_multiple_of(2) { EventLevel::Alert } else { EventLevel::Info });
    AgentEvent {
        id,
        time: time.into(),
        machine: "m".into(),
        monitor: "x".into(),
        message: String::new(),
        level,
        title: None,
        data: Some(json!({ "deep": [id] })),
    }
}

fn keeping(has_webhook: bool) -> Keeping {
    let webhook = has_webhook.then_some(WebhookEvents::Alerts);
    Keeping { event_ms: 30 * DAY_MS, status_ms: 7 * DAY_MS, webhook, ntfy: None, most_bytes: 32 << 20 }
}

/// A store that is live.
fn opened(path: &Path, keeping: Keeping) -> Store {
    let store = Store::open(path, keeping, Telling::Nobody).unwrap();
    store.go_live().unwrap();
    store
}

struct History {
    _folder: TempDir,
    path: PathBuf,
    store: Store,
}

impl History {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let store = opened(&path, keeping(true));
        Self { _folder: folder, path, store }
    }

    async fn keep(&self, source: &Source, events: &[(u64, &str)]) -> Stored {
        self.store.keep(source, events.iter().map(|(id, time)| event(*id, time)).collect()).await.unwrap()
    }

    async fn ids(&self, filter: Filter) -> Vec<u64> {
        self.store.last(filter, 100).await.unwrap().iter().map(|event| event.event.id).collect()
    }

    /// The same file in another launch.
    fn again(self) -> Self {
        self.store.close();
        let store = opened(&self.path, keeping(true));
        Self { store, ..self }
    }

    /// A writer of this file whose clock is this one.
    fn writer_at(&self, now: fn() -> u64) -> Writer {
        let mut writer = Writer::new(
            schema::open(&self.path, Telling::Nobody).unwrap().in_this_form().unwrap(),
            keeping(true),
        );
        writer.now = now;
        writer
    }
}

fn by(server: &str, level: Option<EventLevel>) -> Filter {
    Filter { server: Some(server.into()), level }
}

#[tokio::test]
async fn the_same_event_is_stored_once_across_launches() {
    let history = History::new();
    history.keep(&source("s"), &[(1, "t1"), (2, "t2")]).await;
    let second = history.keep(&source("s"), &[(2, "t2"), (3, "t3"), (3, "t3")]).await;
    assert_eq!(second.fresh.iter().map(|event| event.event.id).collect::<Vec<_>>(), [3]);
    let history = history.again();
    let third = history.keep(&source("s"), &[(3, "t3")]).await;
    assert!(third.fresh.is_empty() && !third.installed_anew);
    let shown = history.store.last(Filter::default(), 100).await.unwrap();
    assert_eq!(shown.iter().map(|event| event.event.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(shown.is_sorted_by(|one, next| one.number < next.number), "the hub's own numbers grow");
    assert_eq!(shown[0].event, event(1, "t1"), "as the agent told it");
    history.keep(&source("other"), &[(3, "t3")]).await;
    assert_eq!(history.ids(Filter::default()).await, [1, 2, 3, 3], "another machine has its own numbers");
}

#[tokio::test]
async fn a_machine_that_counts_again_loses_nothing_and_is_noticed() {
    let history = History::new();
    history.store.seen(&source("s"), "{}".into());
    let first = history.keep(&source("s"), &[(1, "t1"), (7, "t7")]).await;
    assert_eq!((first.installed_anew, first.skipped), (false, Some((2, 6))), "numbers may be missing");
    assert!(history.keep(&source("s"), &[(1, "later")]).await.installed_anew);
    assert!(!history.keep(&source("s"), &[(1, "later"), (2, "later")]).await.installed_anew, "noticed once");
    assert_eq!(history.ids(Filter::default()).await, [1, 7, 1, 2]);
    assert!(history.store.remembered().unwrap()[0].anew_ms_ago.is_some_and(|ago| ago < 60_000));
}

#[tokio::test]
async fn another_identity_at_the_same_address_is_a_new_installation() {
    let history = History::new();
    let flush = async || history.keep(&source("s"), &[]).await;
    history.store.seen(&source("first"), "{}".into());
    history.store.seen(&source("first"), "{}".into());
    flush().await;
    assert_eq!(history.store.remembered().unwrap()[0].anew_ms_ago, None);
    history.store.seen(&source("second"), "{}".into());
    flush().await;
    assert!(history.store.remembered().unwrap()[0].anew_ms_ago.is_some());
    // Another address is another machine, which a person has chosen.
    history.store.seen(&Source { url: "http://b".into(), ..source("third") }, "{}".into());
    flush().await;
    let remembered = history.store.remembered().unwrap().remove(0);
    assert_eq!((remembered.url.as_str(), remembered.anew_ms_ago), ("http://b", None));
    history.store.forget("a");
    flush().await;
    assert!(history.store.remembered().unwrap().is_empty());
}

#[tokio::test]
async fn events_are_filtered_and_limited() {
    let history = History::new();
    history.keep(&source("s"), &[(1, "t"), (2, "t"), (3, "t"), (4, "t")]).await;
    for server in ["a", "s", "m"] {
        assert_eq!(history.ids(by(server, Some(EventLevel::Alert))).await, [2, 4], "{server}");
    }
    assert!(history.ids(by("x", None)).await.is_empty());
    assert!(history.ids(by("a' OR 1=1 --", None)).await.is_empty());
    assert_eq!(history.ids(Filter { server: None, level: Some(EventLevel::Info) }).await, [1, 3]);
    let last = history.store.last(Filter::default(), 2).await.unwrap();
    assert_eq!(last.iter().map(|event| event.event.id).collect::<Vec<_>>(), [3, 4]);
}

#[tokio::test]
async fn what_is_too_old_goes() {
    let history = History::new();
    history.store.seen(&source("s"), r#"{"machine":"m"}"#.into());
    history.store.state("a", true, "{}".into());
    history.keep(&source("s"), &[(2, "t2")]).await;
    assert_eq!(history.store.outbox().await.unwrap()[0].waiting, 1);
    let counts = |history: &History| {
        let connection = schema::open_reader(&history.path).unwrap();
        ["events", "states", "outbox", "agents"].map(|table| {
            connection
                .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, u64>(0))
                .unwrap()
        })
    };
    history.writer_at(|| unix_ms() + 6 * DAY_MS).prune();
    assert_eq!(counts(&history), [1, 1, 1, 1]);
    history.writer_at(|| unix_ms() + 8 * DAY_MS).prune();
    assert_eq!(counts(&history), [1, 0, 1, 1]);
    history.writer_at(|| unix_ms() + 31 * DAY_MS).prune();
    assert_eq!(counts(&history), [0, 0, 0, 1]);
    // A number is not given a second time.
    let stored = history.keep(&source("s"), &[(3, "t3")]).await;
    assert_eq!(stored.fresh[0].number, 2);
}

#[tokio::test]
async fn the_webhook_gets_what_matters_once_and_later_what_failed() {
    let history = History::new();
    history.keep(&source("s"), &[(1, "t"), (2, "t"), (4, "t")]).await;
    let (due, next) = history.store.due(AlertTarget::Webhook, 10).await.unwrap();
    assert_eq!(due.iter().map(|delivery| delivery.event.event.id).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(next, Some(0));
    history.store.delivered(AlertTarget::Webhook, due[0].event.number, Outcome::Delivered).await.unwrap();
    history.store.delivered(AlertTarget::Webhook, due[1].event.number, Outcome::Failed).await.unwrap();
    let (due, next) = history.store.due(AlertTarget::Webhook, 10).await.unwrap();
    assert!(due.is_empty() && next.is_some_and(|wait| (3_000..=5_000).contains(&wait)), "{next:?}");
    let number = 3;
    history.store.delivered(AlertTarget::Webhook, number, Outcome::Failed).await.unwrap();
    let (_, next) = history.store.due(AlertTarget::Webhook, 10).await.unwrap();
    assert!(next.is_some_and(|wait| (8_000..=10_000).contains(&wait)), "it doubles: {next:?}");
    // The same event again is not a new delivery.
    let history = history.again();
    history.keep(&source("s"), &[(2, "t"), (4, "t")]).await;
    assert_eq!(history.store.outbox().await.unwrap()[0].waiting, 1);

    let (noted, _) = oneshot::channel();
    let mut tomorrow = history.writer_at(|| unix_ms() + DAY_MS);
    tomorrow.write(vec![Order::Delivered {
        target: AlertTarget::Webhook,
        number,
        outcome: Outcome::Failed,
        noted,
    }]);
    let [counted, _] = history.store.outbox().await.unwrap();
    assert_eq!((counted.waiting, counted.kept_aside), (0, 1));
}

#[tokio::test]
async fn the_webhook_hears_of_an_agent_in_order_and_one_that_is_refused_keeps_nobody_waiting() {
    let history = History::new();
    let other = Source { agent: "b".into(), ..source("t") };
    history.keep(&source("s"), &[(2, "t"), (4, "t")]).await;
    history.keep(&other, &[(2, "t")]).await;
    let due = async || {
        let (due, next) = history.store.due(AlertTarget::Webhook, 10).await.unwrap();
        let numbers: Vec<u64> = due.iter().map(|delivery| delivery.event.number).collect();
        (numbers, next)
    };
    assert_eq!(due().await.0, [1, 2, 3]);
    history.store.delivered(AlertTarget::Webhook, 1, Outcome::Failed).await.unwrap();
    assert_eq!(due().await.0, [3], "what follows of the same agent waits");
    history.store.delivered(AlertTarget::Webhook, 3, Outcome::Delivered).await.unwrap();
    let (none, next) = due().await;
    assert!(none.is_empty() && next.is_some_and(|wait| (3_000..=5_000).contains(&wait)), "{next:?}");
    for _ in 0..2 {
        history.store.delivered(AlertTarget::Webhook, 1, Outcome::Refused).await.unwrap();
    }
    assert_eq!(due().await.0, [2]);
    assert_eq!(history.store.outbox().await.unwrap()[0].kept_aside, 1);
}

#[tokio::test]
async fn what_one_target_has_heard_the_other_one_may_still_wait_for() {
    let folder = tempfile::tempdir().unwrap();
    let keeping = Keeping { ntfy: Some(WebhookEvents::All), ..keeping(true) };
    let store = opened(&folder.path().join("hub.db"), keeping);
    store.keep(&source("s"), vec![event(1, "t1"), event(2, "t2")]).await.unwrap();
    let waiting = async |target| {
        let [webhook, ntfy] = store.outbox().await.unwrap();
        if target == AlertTarget::Ntfy { ntfy.waiting } else { webhook.waiting }
    };
    assert_eq!((waiting(AlertTarget::Webhook).await, waiting(AlertTarget::Ntfy).await), (1, 2));
    store.delivered(AlertTarget::Ntfy, 2, Outcome::Delivered).await.unwrap();
    assert_eq!((waiting(AlertTarget::Webhook).await, waiting(AlertTarget::Ntfy).await), (1, 1));
    let (due, _) = store.due(AlertTarget::Ntfy, 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.event.number).collect::<Vec<_>>(), [1]);
    store.erase("a").await.unwrap();
    assert_eq!((waiting(AlertTarget::Webhook).await, waiting(AlertTarget::Ntfy).await), (0, 0));
    store.close();
}

#[tokio::test]
async fn without_a_webhook_nothing_waits_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder.path().join("hub.db"), keeping(false));
    store.keep(&source("s"), vec![event(2, "t")]).await.unwrap();
    assert_eq!(store.outbox().await.unwrap()[0].waiting, 0);
}

#[tokio::test]
async fn what_cannot_be_written_is_not_acknowledged() {
    let history = History::new();
    history.keep(&source("s"), &[(1, "t")]).await;
    // A part of the form is gone: the event has its place and its delivery has none.
    let other = Connection::open(&history.path).unwrap();
    other.execute_batch("DROP TABLE outbox; DROP INDEX events_once;").unwrap();
    let refused = history.store.keep(&source("s"), vec![event(2, "t")]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(history.ids(Filter::default()).await, [1]);
    history.store.close();
    assert!(matches!(history.store.keep(&source("s"), vec![]).await, Err(StoreError::Ended)));
}

/// TaskPaw V3 told every event.
#[tokio::test]
async fn a_webhook_can_be_told_every_event() {
    for (events, expected) in [(WebhookEvents::Alerts, vec![2]), (WebhookEvents::All, vec![1, 2])] {
        let folder = tempfile::tempdir().unwrap();
        let keeping = Keeping { webhook: Some(events), ..keeping(true) };
        let store = opened(&folder.path().join("hub.db"), keeping);
        store.keep(&source("s"), vec![event(1, "t1"), event(2, "t2")]).await.unwrap();
        let (due, _) = store.due(AlertTarget::Webhook, 10).await.unwrap();
        assert_eq!(due.iter().map(|due| due.event.event.id).collect::<Vec<_>>(), expected);
        store.close();
    }
}

fn long_event(id: u64, letter: &str) -> AgentEvent {
    AgentEvent { message: letter.repeat(4_000), ..event(id, "t") }
}

#[tokio::test]
async fn a_full_history_loses_the_oldest_of_who_has_the_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let store = opened(&path, Keeping { most_bytes: 1 << 20, ..keeping(true) });
    let good = Source { agent: "good".into(), url: "g".into(), server_id: "g".into(), is_apart: false };
    store.keep(&good, (1..=200).map(|id| event(id, "t")).collect()).await.unwrap();
    for round in 0..20_u64 {
        let events = (1..=100).map(|id| long_event(100 * round + id, "x")).collect();
        store.keep(&source("s"), events).await.unwrap();
        store.state("a", true, "y".repeat(10_000));
    }
    let of = |server: &str| Filter { server: Some(server.into()), level: None };
    assert_eq!(store.last(of("good"), 1_000).await.unwrap().len(), 200);
    let hostile = store.last(of("a"), 10_000).await.unwrap();
    assert!((50..300).contains(&hostile.len()), "{}", hostile.len());
    assert_eq!(hostile.last().unwrap().event.id, 2_000, "the newest stay");
    store.close();
    assert!(std::fs::metadata(&path).unwrap().len() < 4 << 20);
}

#[tokio::test]
async fn nothing_is_left_of_who_is_erased() {
    let history = History::new();
    let marked = |id| long_event(id, "MARK");
    let twin = Source { agent: "b".into(), is_apart: true, ..source("s") };
    history.store.keep(&source("s"), (1..=50).map(marked).collect()).await.unwrap();
    // The same machine under the name that it had before.
    history.store.keep(&Source { agent: "old".into(), ..source("s") }, vec![marked(51)]).await.unwrap();
    history.store.keep(&twin, vec![event(1, "t")]).await.unwrap();
    history.store.seen(&twin, "{}".into());
    history.store.seen(&source("s"), "MARK".into());
    history.store.state("a", true, "MARK".into());
    history.store.erase("a").await.unwrap();
    let left = history.store.last(Filter::default(), 100).await.unwrap();
    assert_eq!(left.iter().map(|event| event.agent.as_str()).collect::<Vec<_>>(), ["b"]);
    history.store.close();
    for file in std::fs::read_dir(history.path.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(4).any(|four| four == b"MARK"));
    }
}

#[tokio::test]
async fn an_answer_is_bounded_whatever_is_in_the_history() {
    let history = History::new();
    for round in 0..10_u64 {
        let events = (1..=100).map(|id| long_event(100 * round + id, "\u{1}")).collect();
        history.store.keep(&source("s"), events).await.unwrap();
    }
    // A version without bounds.
    let other = Connection::open(&history.path).unwrap();
    other
        .execute("UPDATE events SET message = ?1, data = ?1 WHERE number > 990", ["x".repeat(1 << 20)])
        .unwrap();
    let events = history.store.last(Filter::default(), 10_000).await.unwrap();
    let answer = serde_json::to_vec(&events).unwrap();
    assert!(answer.len() < 2_000_000 && events.len() > 10, "{} of {}", answer.len(), events.len());
    assert_eq!(events.last().unwrap().event.id, 1_000);
}

#[tokio::test]
async fn two_that_say_they_are_one_machine_do_not_meet() {
    let history = History::new();
    history.keep(&source("s"), &[(1, "t"), (2, "t")]).await;
    let liar = Source { agent: "liar".into(), is_apart: true, ..source("s") };
    let stored = history.keep(&liar, &[(2, "t"), (1_000_000, "t")]).await;
    assert_eq!(stored.fresh.len(), 2);
    let stored = history.keep(&source("s"), &[(3, "t")]).await;
    assert!(!stored.installed_anew && stored.skipped.is_none() && stored.fresh.len() == 1);
}

#[tokio::test]
async fn what_the_hub_says_itself_is_numbered_for_each_machine_and_known_to_the_next_launch() {
    let history = History::new();
    let own = |kind: &str| AgentEvent { data: Some(json!({ "kind": kind })), ..event(0, "t") };
    let mut ids = Vec::new();
    for (agent, kind) in [
        ("a", "machine_offline"),
        ("b", "machine_offline"),
        ("a", "machine_online"),
        ("b", "machine_online"),
        ("b", "machine_offline"),
    ] {
        let kept = history.store.keep_own(agent, "hub", own(kind)).await.unwrap();
        assert_eq!((kept.agent.as_str(), kept.server_id.as_str()), (agent, "hub"));
        ids.push(kept.event.id);
    }
    assert_eq!(ids, [1, 1, 2, 2, 3]);
    // An agent that is called as another one, and that says what the hub would say, changes nothing.
    let lies = AgentEvent { data: Some(json!({ "kind": "machine_offline" })), ..event(7, "t") };
    history.store.keep(&source("s"), vec![lies]).await.unwrap();
    let history = history.again();
    assert_eq!(history.store.told_offline("hub").unwrap(), BTreeSet::from(["b".to_owned()]));
    assert_eq!(history.store.told_offline("another").unwrap(), BTreeSet::new());
}
