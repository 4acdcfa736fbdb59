use std::collections::BTreeMap;

use jiff::SignedDuration;
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{UpdateChanges, UpdateFailureReason, UpdateWay};

use super::*;
use crate::feed::{Notes, Package};
use crate::record::Trial;
use crate::schedule::QUIET;
use crate::way::Owner;

/// The clock of these tests: some day in 2027.
const NOW: u64 = 1_800_000_000_000;

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn start(looks: LookForUpdates, way: Way) -> Start {
    Start {
        version: v("4.1.0"),
        way,
        folder: "/home/anna/.local/opt/taskpaw".to_owned(),
        has_feed: true,
        forbidden_by: None,
        looks,
        record: Record::default(),
        jitter: 0,
        now: NOW,
    }
}

fn beside() -> Way {
    Way::SideBySide("/home/anna/.local/opt/taskpaw".into())
}

fn machine(looks: LookForUpdates) -> Machine {
    Machine::new(start(looks, beside()))
}

/// A feed that offers a version, with packages of each kind.
fn feed(version: &str) -> Feed {
    let published = Timestamp::from_millisecond(i64::try_from(NOW).unwrap()).unwrap();
    let package = Package { url: "https://example.org/x".to_owned(), signature: String::new(), size: 9 };
    let kinds = [Kind::Archive, Kind::Deb, Kind::Rpm];
    Feed {
        version: v(version),
        published,
        expires: published + SignedDuration::from_hours(24 * 90),
        sequence: v(version).minor * 100 + v(version).patch,
        floor: v("4.0.0"),
        security: false,
        notes: Notes { en: "Faster.".to_owned(), zh_cn: "更快。".to_owned() },
        packages: kinds
            .into_iter()
            .map(|kind| (System::here(kind), package.clone()))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn kind(machine: &Machine) -> String {
    let state = serde_json::to_value(machine.view(NOW).state).unwrap();
    state["kind"].as_str().unwrap().to_owned()
}

fn downloads(effects: &[Effect]) -> Vec<String> {
    let version = |effect: &Effect| match effect {
        Effect::Download(offer, _) => Some(offer.version.to_string()),
        _ => None,
    };
    effects.iter().filter_map(version).collect()
}

fn fails(reason: UpdateFailureReason) -> Record {
    let mut record = Record::default();
    record.begin(Trial {
        version: v("4.2.0"),
        previous: v("4.1.0"),
        roles: vec![Role::Agent],
        notes: told::notes(&Notes::default()),
        placed_at: None,
        left: false,
    });
    record.fail(reason, None);
    record
}

#[test]
fn nobody_is_asked_before_a_person_wants_it() {
    for looks in [LookForUpdates::NotAsked, LookForUpdates::No] {
        let mut machine = machine(looks);
        for day in 0..10 {
            assert!(machine.handle(Input::Tick, NOW + day * DAY).is_empty());
        }
        assert_eq!((machine.wakes_at(NOW), kind(&machine).as_str()), (None, "idle"));
        assert_eq!(machine.handle(Input::Chosen(LookForUpdates::Yes), NOW), [Effect::Fetch]);
    }
}

#[test]
fn it_looks_once_a_day_for_as_long_as_a_person_wants_it() {
    let mut machine = machine(LookForUpdates::Yes);
    assert_eq!(machine.wakes_at(NOW), Some(NOW + QUIET));
    let mut looks = Vec::new();
    for minute in 0..(3 * 24 * 60) {
        let now = NOW + minute * 60_000;
        let effects = machine.handle(Input::Tick, now);
        if effects == [Effect::Fetch] {
            looks.push(minute);
            machine.handle(Input::Fetched(Ok(feed("4.1.0"))), now);
        }
    }
    assert_eq!(looks, [1, 1 + 24 * 60, 1 + 2 * 24 * 60]);
    assert_eq!(kind(&machine), "current");
    machine.handle(Input::Chosen(LookForUpdates::No), NOW);
    assert!(machine.handle(Input::Tick, NOW + 30 * DAY).is_empty());
    assert_eq!(machine.handle(Input::Order(Order::Look), NOW), [Effect::Fetch], "by hand it does");
}

#[test]
fn what_is_offered_is_downloaded_put_beside_and_started_when_a_person_wants_it() {
    let mut machine = machine(LookForUpdates::Yes);
    let effects = machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    assert_eq!(downloads(&effects), ["4.2.0"]);
    machine.handle(Input::Received(5), NOW);
    assert!(matches!(machine.view(NOW).state, UpdateState::Downloading { received: 5, .. }));
    machine.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    assert_eq!(kind(&machine), "ready");
    // The next day's look says the same, and what is ready stays so, also while the server is away.
    for fetched in [Ok(feed("4.2.0")), Err(Refusal::Unreachable), Err(Refusal::BadSignature)] {
        assert_eq!(downloads(&machine.handle(Input::Fetched(fetched), NOW)), Vec::<String>::new());
        assert_eq!(kind(&machine), "ready");
    }
    let effects = machine.handle(Input::Order(Order::Relaunch), NOW);
    assert!(matches!(effects.as_slice(), [Effect::Try(offer)] if offer.version == v("4.2.0")));
    assert_eq!(kind(&machine), "relaunching");
    assert_eq!(machine.may(Order::Relaunch), Err(NotTaken::NothingThere));
    // A person has ended the new one before it had settled.
    machine.handle(Input::TrialOver(Record::default()), NOW);
    assert_eq!(kind(&machine), "ready");
}

#[test]
fn a_trial_that_cannot_be_noted_says_why_and_can_be_had_again() {
    let mut machine = machine(LookForUpdates::Yes);
    machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    machine.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    machine.handle(Input::Order(Order::Relaunch), NOW);
    assert!(machine.handle(Input::NotBegun(Refusal::NoSpace), NOW).is_empty());
    assert_eq!((kind(&machine).as_str(), machine.may(Order::Look)), ("paused", Ok(())));
    assert_eq!(downloads(&machine.handle(Input::Order(Order::Download), NOW)), ["4.2.0"]);
    // It lies there already.
    machine.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    assert_eq!(kind(&machine), "ready");
}

#[test]
fn whatever_the_bar_offers_later_for_can_be_put_off() {
    let mut machine = machine(LookForUpdates::Yes);
    machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    let mut seen = Vec::new();
    for input in
        [Input::Received(1), Input::Downloaded(Err(Refusal::Unreachable)), Input::Downloaded(Ok(Done::Ready))]
    {
        machine.handle(input, NOW);
        seen.push(kind(&machine));
        assert_eq!(machine.may(Order::PutOff), Ok(()), "{}", kind(&machine));
        if kind(&machine) == "paused" {
            machine.handle(Input::Order(Order::Download), NOW);
        }
    }
    assert_eq!(seen, ["downloading", "paused", "ready"]);
}

#[test]
fn what_has_changed_is_told_of_the_version_that_runs_alone() {
    let mut machine = machine(LookForUpdates::Yes);
    let changes = |version: &str| UpdateChanges {
        version: version.to_owned(),
        from: "4.0.9".to_owned(),
        notes: told::notes(&Notes::default()),
    };
    for (version, is_told) in [("4.1.0", true), ("4.2.0", false)] {
        let record = Record { changed: Some(changes(version)), ..Record::default() };
        machine.handle(Input::Remembered(record), NOW);
        assert_eq!(machine.view(NOW).changed, is_told.then(|| changes(version)), "{version}");
        // That the bar was closed takes nothing away.
        machine.handle(Input::Order(Order::Seen), NOW);
        assert_eq!(machine.view(NOW).changed.is_some(), is_told);
    }
}

#[test]
fn a_version_that_failed_is_had_again_only_by_hand_and_the_next_one_by_itself() {
    let mut machine = machine(LookForUpdates::Yes);
    machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    machine.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    machine.handle(Input::Order(Order::Relaunch), NOW);
    machine.handle(Input::TrialOver(fails(UpdateFailureReason::NotReady)), NOW);
    assert_eq!(kind(&machine), "failed_before");
    assert!(machine.view(NOW).outcome.is_some());
    machine.handle(Input::Order(Order::Seen), NOW);
    assert_eq!(machine.view(NOW).outcome, None);
    assert_eq!(downloads(&machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW)), Vec::<String>::new());
    assert_eq!(kind(&machine), "failed_before");
    let mut again = machine.clone();
    assert_eq!(downloads(&again.handle(Input::Order(Order::TryAgain), NOW)), ["4.2.0"]);
    again.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    again.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    assert_eq!(kind(&again), "ready", "a look does not take it away");
    assert_eq!(downloads(&machine.handle(Input::Fetched(Ok(feed("4.2.1"))), NOW)), ["4.2.1"]);
}

#[test]
fn a_download_that_breaks_off_goes_on_by_itself_and_at_once_by_hand() {
    let mut machine = machine(LookForUpdates::Yes);
    machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    machine.handle(Input::Downloaded(Err(Refusal::Unreachable)), NOW);
    assert!(matches!(
        machine.view(NOW).state,
        UpdateState::Paused { goes_on_at: Some(at), .. } if at == NOW + 60_000
    ));
    assert_eq!(machine.wakes_at(NOW), Some(NOW + 60_000));
    assert!(downloads(&machine.handle(Input::Tick, NOW + 59_999)).is_empty());
    assert_eq!(downloads(&machine.handle(Input::Tick, NOW + 60_000)), ["4.2.0"]);
    machine.handle(Input::Downloaded(Err(Refusal::NoSpace)), NOW);
    assert_eq!(machine.wakes_at(NOW), Some(NOW + 120_000), "less often each time");
    assert_eq!(downloads(&machine.handle(Input::Order(Order::Download), NOW)), ["4.2.0"]);
    machine.handle(Input::Downloaded(Err(Refusal::BadSignature)), NOW);
    assert!(matches!(
        machine.view(NOW).state,
        UpdateState::Paused { goes_on_at: Some(at), .. } if at == NOW + DAY
    ));
}

#[test]
fn who_looks_by_hand_downloads_by_hand() {
    let mut machine = machine(LookForUpdates::No);
    machine.handle(Input::Order(Order::Look), NOW);
    assert_eq!(kind(&machine), "looking");
    assert!(downloads(&machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW)).is_empty());
    assert_eq!(kind(&machine), "offered");
    assert_eq!(downloads(&machine.handle(Input::Order(Order::Download), NOW)), ["4.2.0"]);
}

#[test]
fn each_way_says_what_is_to_be_done() {
    let mut by_hand = Machine::new(start(LookForUpdates::Yes, Way::ByHand));
    assert!(downloads(&by_hand.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW)).is_empty());
    assert_eq!(kind(&by_hand), "by_hand");
    let mut forbidden = Machine::new(start(LookForUpdates::Yes, Way::NoPermission));
    assert!(downloads(&forbidden.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW)).is_empty(), "said before");
    assert!(matches!(forbidden.view(NOW).way, Some(UpdateWay::NoPermission { .. })));
    let mut told = Machine::new(start(LookForUpdates::Yes, Way::Told(Owner::Debian)));
    assert_eq!(downloads(&told.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW)), ["4.2.0"]);
    told.handle(Input::Downloaded(Ok(Done::Package("/x/taskpaw.deb".into()))), NOW);
    assert!(matches!(
        told.view(NOW).state,
        UpdateState::Command { command, .. } if command == "sudo apt install '/x/taskpaw.deb'"
    ));
    assert_eq!(told.may(Order::Relaunch), Err(NotTaken::NothingThere), "nothing is tried");
}

#[test]
fn an_administrator_or_a_build_without_a_feed_ends_it_all() {
    let mut machine = machine(LookForUpdates::Yes);
    machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    machine.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    machine.handle(Input::Forbidden(Some("/etc/taskpaw/no-updates".to_owned())), NOW);
    assert_eq!(kind(&machine), "idle");
    assert!(machine.handle(Input::Tick, NOW + 9 * DAY).is_empty());
    let orders = [Order::Look, Order::Download, Order::Relaunch, Order::PutOff, Order::TryAgain];
    for order in orders {
        assert_eq!(machine.may(order), Err(NotTaken::Forbidden));
        assert!(machine.handle(Input::Order(order), NOW).is_empty());
    }
    let without = Machine::new(Start { has_feed: false, ..start(LookForUpdates::Yes, beside()) });
    assert!(orders.iter().all(|order| without.may(*order) == Err(NotTaken::NoFeed)));
    assert!(without.clone().handle(Input::Tick, NOW + 9 * DAY).is_empty());
    // Once the file is gone it looks again.
    assert_eq!(machine.handle(Input::Forbidden(None), NOW + 9 * DAY), [Effect::Fetch]);
}

#[test]
fn what_is_put_off_is_quiet_for_a_day_or_until_there_is_another() {
    let mut machine = machine(LookForUpdates::Yes);
    machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    machine.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    machine.handle(Input::Order(Order::PutOff), NOW);
    assert!(machine.view(NOW).is_put_off && machine.view(NOW + DAY - 1).is_put_off);
    assert!(!machine.view(NOW + DAY).is_put_off);
    machine.handle(Input::Fetched(Ok(feed("4.3.0"))), NOW);
    assert!(!machine.view(NOW).is_put_off);
}

#[test]
fn what_the_last_look_found_is_there_again_after_a_start() {
    let kept = |looks| {
        let mut machine = machine(looks);
        let effects = machine.handle(Input::Kept(feed("4.2.0")), NOW);
        (downloads(&effects), kind(&machine))
    };
    assert_eq!(kept(LookForUpdates::Yes), (vec!["4.2.0".to_owned()], "downloading".to_owned()));
    assert_eq!(kept(LookForUpdates::No), (Vec::new(), "offered".to_owned()));
    let mut later = machine(LookForUpdates::Yes);
    assert_eq!(later.handle(Input::Kept(feed("4.2.0")), NOW + 365 * DAY), [Effect::Fetch], "it has expired");
}

#[test]
fn a_version_that_is_withdrawn_is_not_ready_any_more() {
    let mut machine = machine(LookForUpdates::Yes);
    machine.handle(Input::Fetched(Ok(feed("4.2.0"))), NOW);
    machine.handle(Input::Downloaded(Ok(Done::Ready)), NOW);
    let withdrawn = Feed { sequence: 9_999, ..feed("4.1.0") };
    machine.handle(Input::Fetched(Ok(withdrawn)), NOW);
    assert_eq!(kind(&machine), "current");
}
