//! The state machine, driven by hand.

use super::*;

const VERSION: &str = "4.0.0";

struct Driven {
    machine: Machine,
    now: Duration,
}

impl Driven {
    fn new() -> Self {
        Self { machine: Machine::new(Role::Agent, VERSION), now: Duration::ZERO }
    }

    fn tell(&mut self, message: Message) -> Vec<Effect> {
        self.machine.handle(message, self.now)
    }

    fn answer(&mut self, answer: Answer) -> Vec<Effect> {
        self.tell(Message::Of(self.machine.generation(), answer))
    }

    fn ready() -> Self {
        let mut driven = Self::new();
        driven.tell(Message::Start);
        driven.become_ready();
        driven
    }

    fn become_ready(&mut self) {
        assert_eq!(self.answer(Answer::TakenOver), [Effect::Spawn, Effect::Arm(Timer::Ready, READY_WITHIN)]);
        let line = ready_line(VERSION);
        assert_eq!(self.answer(Answer::Line(Ok(Line::Ready(line.clone())))), [Effect::Confirm(line)]);
        let effects = self.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
        assert!(matches!(effects[0], Effect::Publish(Event::BackendReady { .. })), "{effects:?}");
    }
}

fn ready_line(version: &str) -> Ready {
    Ready {
        taskpaw_ready: true,
        role: Role::Agent,
        base_url: "http://127.0.0.1:5681".into(),
        version: version.into(),
        pid: 7,
    }
}

fn backend() -> Backend {
    Backend { pid: 7, version: VERSION.into(), base_url: "http://127.0.0.1:5681".into(), ready_ms: 20.0 }
}

fn exited() -> Answer {
    Answer::Exited { status: "exit status 1".into(), log: vec!["last words".into()] }
}

fn published(effects: &[Effect]) -> Option<&Event> {
    effects.iter().find_map(|effect| match effect {
        Effect::Publish(event) => Some(event),
        _ => None,
    })
}

#[test]
fn a_start_takes_over_then_spawns_then_confirms() {
    let mut driven = Driven::new();
    assert_eq!(driven.tell(Message::Start), [Effect::TakeOver]);
    driven.become_ready();
}

#[test]
fn what_needs_no_port_is_done_before_a_start_and_never_beside_a_backend() {
    let mut driven = Driven::new();
    assert_eq!(driven.tell(Message::Prepare), [Effect::Prepare]);
    driven.tell(Message::Start);
    assert_eq!(driven.tell(Message::Prepare), []);
    let mut driven = Driven::ready();
    assert_eq!(driven.tell(Message::Prepare), []);
}

#[test]
fn a_second_start_changes_nothing() {
    let mut driven = Driven::ready();
    assert!(driven.tell(Message::Start).is_empty());
    assert!(driven.tell(Message::Retry).is_empty());
}

#[test]
fn a_late_answer_of_an_old_attempt_is_dropped() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    let old = driven.machine.generation();
    driven.tell(Message::Restart);
    assert_ne!(driven.machine.generation(), old);
    assert!(driven.tell(Message::Of(old, Answer::TakenOver)).is_empty());
    assert_eq!(driven.answer(Answer::TakenOver)[0], Effect::Spawn);
}

#[test]
fn a_stop_asks_and_kills_only_after_its_time() {
    let mut driven = Driven::ready();
    let effects = driven.tell(Message::Stop);
    assert_eq!(effects[1..], [Effect::AskToStop, Effect::Arm(Timer::Stop, STOP_WITHIN)]);
    assert_eq!(driven.answer(Answer::Elapsed(Timer::Stop)), [Effect::Kill]);
    let effects = driven.answer(exited());
    assert!(matches!(published(&effects), Some(Event::BackendExited { .. })));
    assert_eq!(driven.tell(Message::Start), [Effect::TakeOver]);
}

#[test]
fn a_start_during_a_stop_starts_afterwards() {
    let mut driven = Driven::ready();
    driven.tell(Message::Stop);
    assert!(driven.tell(Message::Start).is_empty());
    assert_eq!(driven.answer(exited()), [Effect::TakeOver]);
}

#[test]
fn quitting_ends_in_every_state() {
    let mut driven = Driven::new();
    assert!(driven.tell(Message::Quit).contains(&Effect::End));
    assert!(driven.tell(Message::Start).is_empty(), "what has ended stays so");

    let mut driven = Driven::ready();
    assert!(!driven.tell(Message::Quit).contains(&Effect::End), "the backend is still there");
    for late in [Message::Start, Message::Stop, Message::Restart] {
        assert!(driven.tell(late).is_empty());
    }
    assert!(driven.answer(exited()).contains(&Effect::End));

    let mut driven = Driven::new();
    driven.tell(Message::Start);
    assert!(driven.tell(Message::Quit).contains(&Effect::End));
    assert!(driven.answer(Answer::TakenOver).is_empty(), "a takeover that ends later starts nothing");
}

#[test]
fn an_address_that_is_not_there_yet_is_looked_for_without_end() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    for expected in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
        let effects = driven.answer(Answer::AddressAway);
        assert!(
            matches!(published(&effects), Some(Event::BackendBackoff { wait_ms, .. }) if *wait_ms == expected),
            "{effects:?}"
        );
        assert_eq!(driven.answer(Answer::Elapsed(Timer::Backoff)), [Effect::TakeOver]);
    }
    driven.become_ready();
    assert!(!driven.machine.waits_for_address());
}

#[test]
fn failures_wait_longer_each_time_and_the_fifth_asks_the_person() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    for expected in [500, 1000, 2000, 4000] {
        let effects = driven.answer(Answer::NotTakenOver(Failure::PortConflict));
        assert!(
            matches!(published(&effects), Some(Event::BackendBackoff { wait_ms, .. }) if *wait_ms == expected),
            "{effects:?}"
        );
        driven.now += Duration::from_millis(expected.into());
        assert_eq!(driven.answer(Answer::Elapsed(Timer::Backoff)), [Effect::TakeOver]);
    }
    let effects = driven.answer(Answer::NotTakenOver(Failure::PortConflict));
    assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })));
    assert_eq!(driven.tell(Message::Retry), [Effect::TakeOver]);
    let effects = driven.answer(Answer::NotTakenOver(Failure::PortConflict));
    assert!(matches!(published(&effects), Some(Event::BackendBackoff { attempt: 1, .. })), "forgotten");
}

#[test]
fn failures_long_ago_do_not_count() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    for _ in 0..20 {
        let effects = driven.answer(Answer::NotTakenOver(Failure::PortConflict));
        assert!(matches!(published(&effects), Some(Event::BackendBackoff { .. })));
        driven.now += Duration::from_secs(40);
        driven.answer(Answer::Elapsed(Timer::Backoff));
    }
}

#[test]
fn what_only_a_person_can_change_is_not_tried_again() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    driven.answer(Answer::TakenOver);
    let missing = Failure::SpawnFailed { program: "p".into(), missing: true, message: "m".into() };
    let effects = driven.answer(Answer::NotSpawned(missing));
    assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })));

    let mut driven = Driven::new();
    driven.tell(Message::Start);
    driven.answer(Answer::TakenOver);
    assert!(driven.answer(Answer::Line(Ok(Line::Ready(ready_line("3.9.9"))))).contains(&Effect::AskToStop));
    let effects = driven.answer(exited());
    assert!(matches!(
        published(&effects),
        Some(Event::BackendFailed { failure: Failure::WrongVersion { backend }, .. }) if backend == "3.9.9"
    ));
}

#[test]
fn a_crash_is_an_exit_with_its_last_words() {
    let mut driven = Driven::ready();
    let effects = driven.answer(exited());
    assert!(matches!(
        published(&effects),
        Some(Event::BackendBackoff { failure: Failure::Exited { log, .. }, .. }) if log == &["last words"]
    ));
}

#[test]
fn a_backend_that_is_not_ready_in_time_is_ended_and_shown_with_its_log() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    driven.answer(Answer::TakenOver);
    assert!(driven.answer(Answer::Elapsed(Timer::Ready)).contains(&Effect::AskToStop));
    let effects = driven.answer(exited());
    assert!(matches!(
        published(&effects),
        Some(Event::BackendBackoff { failure: Failure::NotReady { log, .. }, .. }) if !log.is_empty()
    ));
}

#[test]
fn three_missed_health_calls_in_a_row_restart() {
    let mut driven = Driven::ready();
    for healthy in [false, false, true, false, false] {
        let next = Effect::Arm(Timer::Health, HEALTH_EVERY);
        assert_eq!(driven.answer(Answer::Elapsed(Timer::Health)), [Effect::CheckHealth, next]);
        assert_eq!(driven.answer(Answer::Healthy(healthy)), []);
    }
    assert!(driven.answer(Answer::Healthy(false)).contains(&Effect::AskToStop));
}

/// A backend that becomes ready and then answers nothing, until it is ended for that.
fn fall_silent(driven: &mut Driven) -> Vec<Effect> {
    for _ in 0..HEALTH_MISSES {
        driven.now += HEALTH_EVERY + Duration::from_secs(5);
        driven.answer(Answer::Elapsed(Timer::Health));
        driven.answer(Answer::Healthy(false));
    }
    driven.now += STOP_WITHIN;
    driven.answer(exited())
}

#[test]
fn a_backend_that_never_answers_is_given_up_though_noticing_takes_long() {
    let mut driven = Driven::ready();
    for attempt in 1..5 {
        let effects = fall_silent(&mut driven);
        let Some(Event::BackendBackoff { wait_ms, attempt: counted, .. }) = published(&effects) else {
            panic!("{effects:?}")
        };
        assert_eq!(*counted, attempt);
        driven.now += Duration::from_millis((*wait_ms).into());
        driven.answer(Answer::Elapsed(Timer::Backoff));
        driven.become_ready();
    }
    let effects = fall_silent(&mut driven);
    assert!(matches!(
        published(&effects),
        Some(Event::BackendFailed { failure: Failure::Unhealthy { log, .. }, .. }) if !log.is_empty()
    ));
}

#[test]
fn a_backend_that_falls_silent_now_and_then_is_started_each_time() {
    let mut driven = Driven::ready();
    for _ in 0..20 {
        for _ in 0..12 {
            driven.now += HEALTH_EVERY;
            driven.answer(Answer::Healthy(true));
        }
        let effects = fall_silent(&mut driven);
        assert!(matches!(published(&effects), Some(Event::BackendBackoff { .. })), "{effects:?}");
        driven.answer(Answer::Elapsed(Timer::Backoff));
        driven.become_ready();
    }
}

#[test]
fn ten_minutes_of_health_forget_the_failures() {
    let mut driven = Driven::ready();
    driven.machine.failures = vec![Duration::ZERO; 4];
    driven.now = HEALTHY_AGAIN;
    driven.answer(Answer::Healthy(true));
    assert!(driven.machine.failures.is_empty());
}

#[test]
fn a_broken_line_is_an_error_and_never_ignored() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    driven.answer(Answer::TakenOver);
    assert!(driven.answer(Answer::Line(Line::parse("hello"))).contains(&Effect::AskToStop));
    let effects = driven.answer(exited());
    assert!(matches!(
        published(&effects),
        Some(Event::BackendBackoff { failure: Failure::BrokenProtocol { log, .. }, .. }) if !log.is_empty()
    ));
}

#[test]
fn a_v3_that_works_at_something_is_asked_about_and_ended_only_when_a_person_says_so() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    let busy = Failure::V3Busy { pid: 7, children: Vec::new() };
    let effects = driven.answer(Answer::NotTakenOver(busy));
    assert!(matches!(effects.as_slice(), [Effect::Publish(Event::BackendFailed { .. })]), "{effects:?}");
    assert_eq!(driven.tell(Message::ReplaceV3), [Effect::TakeOver]);
}
