//! The state machine, driven by hand.

use port_takeover::ProcessIdentity;
use taskpaw_contract::config::ConfigHash;
use taskpaw_contract::ipc::Backend;
use taskpaw_contract::sidecar::{Line, Prepared, Ready, SignOfLife, StartupError, StartupErrorCode};

use super::state::ADVANCES_WITHIN;
use super::yielding::STAND_DOWN_WITHIN;
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

    /// The last wait for a timer is over.
    fn elapse(&mut self, timer: Timer) -> Vec<Effect> {
        self.answer(Answer::Elapsed(timer, self.machine.waits(timer)))
    }

    fn ready() -> Self {
        let mut driven = Self::taking_over();
        driven.become_ready();
        driven
    }

    /// A role that was told to start, and whose sidecar is prepared.
    fn taking_over() -> Self {
        let mut driven = Self::new();
        assert_eq!(driven.tell(Message::Start), PREPARE);
        driven.become_prepared();
        driven
    }

    /// The ports are looked at only by a role whose sidecar is prepared.
    fn become_prepared(&mut self) {
        let line = Answer::Line(Ok(Line::Prepared(prepared_line(VERSION))));
        assert_eq!(self.answer(line), [Effect::TakeOver]);
    }

    fn become_ready(&mut self) {
        assert_eq!(self.answer(Answer::TakenOver), [Effect::GoOn, Effect::Arm(Timer::Ready, READY_WITHIN)]);
        let line = ready_line(VERSION);
        assert_eq!(self.answer(Answer::Line(Ok(Line::Ready(line.clone())))), [Effect::Confirm(line)]);
        let effects = self.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
        assert_eq!(effects[0], Effect::GoLive);
        assert!(matches!(effects[1], Effect::Publish(Event::BackendReady { .. })), "{effects:?}");
        assert_eq!(self.answer(Answer::Line(Ok(Line::Live))), []);
    }
}

fn sign(advanced: u64) -> Answer {
    Answer::Line(Ok(Line::SignOfLife(SignOfLife { taskpaw_sign_of_life: true, advanced })))
}

const GO_LIVE: [Effect; 2] = [Effect::GoLive, Effect::Arm(Timer::Live, LIVE_WITHIN)];
const PREPARE: [Effect; 2] = [Effect::Prepare, Effect::Arm(Timer::Prepared, PREPARED_WITHIN)];

fn prepared_line(version: &str) -> Prepared {
    Prepared {
        taskpaw_prepared: true,
        role: Role::Agent,
        version: version.into(),
        pid: 7,
        config_hash: ConfigHash::of(None),
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
fn a_start_prepares_then_looks_then_goes_on_then_confirms() {
    let mut driven = Driven::new();
    assert_eq!(driven.tell(Message::Start), PREPARE);
    driven.become_prepared();
    driven.become_ready();
}

#[test]
fn whatever_is_wrong_with_a_sidecar_before_it_is_prepared_no_port_is_looked_at() {
    let spawn_failed = Failure::SpawnFailed { program: "p".into(), missing: true, message: "m".into() };
    let ready = Answer::Line(Ok(Line::Ready(ready_line(VERSION))));
    for answer in [
        Answer::NotSpawned(spawn_failed),
        exited(),
        Answer::Line(Line::parse("hello")),
        Answer::Line(Ok(Line::Prepared(prepared_line("3.9.9")))),
        // It claims the ports before it was told to.
        ready,
        Answer::Line(Ok(Line::StoodDown)),
        Answer::Elapsed(Timer::Prepared, 1),
    ] {
        let mut driven = Driven::new();
        driven.tell(Message::Start);
        let mut effects = driven.answer(answer.clone());
        effects.extend(driven.answer(exited()));
        assert!(
            !effects.contains(&Effect::TakeOver) && published(&effects).is_some(),
            "{answer:?}: {effects:?}"
        );
    }
}

#[test]
fn a_sidecar_that_hangs_before_it_is_prepared_is_not_asked_but_killed() {
    let mut driven = Driven::new();
    driven.tell(Message::Start);
    let effects = driven.elapse(Timer::Prepared);
    assert!(effects.contains(&Effect::Kill) && !effects.contains(&Effect::AskToStop), "{effects:?}");
}

#[test]
fn a_role_that_is_prepared_ahead_starts_with_the_same_sidecar_if_it_is_not_too_old() {
    let mut driven = Driven::new();
    assert_eq!(driven.tell(Message::Prepare), PREPARE);
    assert_eq!(driven.tell(Message::Prepare), [], "it will be told once");
    let line = Answer::Line(Ok(Line::Prepared(prepared_line(VERSION))));
    assert_eq!(driven.answer(line.clone()), [Effect::PreparedAhead(Ok(()))]);
    assert_eq!(driven.tell(Message::Prepare), [Effect::PreparedAhead(Ok(()))]);
    driven.now += PREPARED_FOR - Duration::from_millis(1);
    assert_eq!(driven.tell(Message::Restart), [Effect::TakeOver]);
    driven.become_ready();
    assert_eq!(driven.tell(Message::Prepare), [Effect::PreparedAhead(Ok(()))], "it runs");

    let mut driven = Driven::new();
    driven.tell(Message::Prepare);
    driven.answer(line.clone());
    driven.now += PREPARED_FOR;
    let effects = driven.tell(Message::Start);
    assert_eq!((&effects[0], &effects[1..]), (&Effect::Discard, &PREPARE[..]));

    // The start comes before it has said so.
    let mut driven = Driven::new();
    driven.tell(Message::Prepare);
    assert_eq!(driven.tell(Message::Restart), [Effect::PreparedAhead(Ok(()))]);
    assert_eq!(driven.answer(line), [Effect::TakeOver]);
}

#[test]
fn whoever_asks_ahead_is_told_how_it_came_out_and_the_window_sees_nothing_of_it() {
    for (answer, is_told_at_once) in [
        (
            Answer::NotSpawned(Failure::SpawnFailed {
                program: "p".into(),
                missing: true,
                message: "m".into(),
            }),
            true,
        ),
        (exited(), true),
        (Answer::Line(Line::parse("hello")), false),
        (Answer::Elapsed(Timer::Prepared, 1), false),
    ] {
        let mut driven = Driven::new();
        driven.tell(Message::Prepare);
        let mut effects = driven.answer(answer);
        if !is_told_at_once {
            effects.extend(driven.answer(exited()));
        }
        assert!(matches!(effects.last(), Some(Effect::PreparedAhead(Err(_)))), "{effects:?}");
        assert!(published(&effects).is_none(), "{effects:?}");
        assert_eq!(driven.tell(Message::Prepare), PREPARE, "it can be tried again");
    }
    // Nobody waits for ever, whatever a person does meanwhile.
    for message in [Message::Stop, Message::Quit] {
        let mut driven = Driven::new();
        driven.tell(Message::Prepare);
        let effects = driven.tell(message);
        assert!(effects.contains(&Effect::PreparedAhead(Ok(()))) && effects.contains(&Effect::Discard));
        let mut driven = Driven::new();
        driven.tell(Message::Prepare);
        driven.elapse(Timer::Prepared);
        driven.tell(Message::Quit);
        assert!(driven.answer(exited()).contains(&Effect::PreparedAhead(Ok(()))));
    }
}

#[test]
fn a_sidecar_that_reads_another_configuration_has_the_ports_looked_at_again() {
    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    driven.become_prepared();
    driven.become_ready();
}

#[test]
fn a_sidecar_that_shows_signs_of_life_is_waited_for() {
    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    driven.now += READY_WITHIN - Duration::from_secs(1);
    assert_eq!(driven.answer(sign(1)), [Effect::Advances]);
    driven.now += Duration::from_secs(1);
    let rest = READY_WITHIN - Duration::from_secs(1);
    assert_eq!(driven.elapse(Timer::Ready), [Effect::Arm(Timer::Ready, rest)]);
    driven.now += rest;
    assert!(driven.elapse(Timer::Ready).contains(&Effect::AskToStop));
}

/// What hangs can give signs all the same: they count only if it advances, and not for ever.
#[test]
fn endless_signs_of_life_are_no_reason_to_wait() {
    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    for _ in 1..READY_WITHIN.as_secs() {
        driven.now += Duration::from_secs(1);
        assert_eq!(driven.answer(sign(0)), [], "it is where it was");
    }
    driven.now += Duration::from_secs(1);
    assert!(driven.elapse(Timer::Ready).contains(&Effect::AskToStop));

    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    for second in 1..ADVANCES_WITHIN.as_secs() {
        driven.now += Duration::from_secs(1);
        assert_eq!(driven.answer(sign(second)), [Effect::Advances]);
    }
    driven.now += READY_WITHIN;
    assert_eq!(driven.answer(sign(10_000)), [], "whatever it says");
    assert!(driven.elapse(Timer::Ready).contains(&Effect::AskToStop));
}

#[test]
fn one_that_cannot_become_live_has_failed() {
    let mut driven = Driven::ready();
    let error = StartupError {
        taskpaw_startup_error: 1,
        role: Role::Agent,
        code: StartupErrorCode::StateUnavailable,
        message: "m".into(),
        port: None,
    };
    assert!(driven.answer(Answer::Line(Ok(Line::StartupError(error)))).contains(&Effect::AskToStop));
    assert!(matches!(published(&driven.answer(exited())), Some(Event::BackendBackoff { .. })));
}

#[test]
fn a_prepared_sidecar_ends_with_an_attempt_that_has_not_its_ports() {
    for answer in [Answer::NotTakenOver(lookless()), Answer::Blocked(Failure::PortConflict)] {
        assert_eq!(Driven::taking_over().answer(answer)[0], Effect::Discard);
    }
    for message in [Message::Stop, Message::Quit, Message::Restart] {
        assert_eq!(Driven::taking_over().tell(message)[0], Effect::Discard);
    }
}

#[test]
fn a_second_start_changes_nothing() {
    let mut driven = Driven::ready();
    assert!(driven.tell(Message::Start).is_empty());
    assert!(driven.tell(Message::Retry).is_empty());
}

#[test]
fn a_late_answer_of_an_old_attempt_is_dropped() {
    let mut driven = Driven::taking_over();
    let old = driven.machine.generation();
    driven.tell(Message::Restart);
    assert_ne!(driven.machine.generation(), old);
    driven.become_prepared();
    assert!(driven.tell(Message::Of(old, Answer::TakenOver)).is_empty());
    assert_eq!(driven.answer(Answer::TakenOver)[0], Effect::GoOn);
}

#[test]
fn a_stop_asks_and_kills_only_after_its_time() {
    let mut driven = Driven::ready();
    let effects = driven.tell(Message::Stop);
    assert_eq!(effects[1..], [Effect::AskToStop, Effect::Arm(Timer::Stop, STOP_WITHIN)]);
    assert_eq!(driven.elapse(Timer::Stop), [Effect::Kill]);
    let effects = driven.answer(exited());
    assert!(matches!(published(&effects), Some(Event::BackendExited { .. })));
    assert_eq!(driven.tell(Message::Start), PREPARE);
}

#[test]
fn a_start_during_a_stop_starts_afterwards() {
    let mut driven = Driven::ready();
    driven.tell(Message::Stop);
    assert!(driven.tell(Message::Start).is_empty());
    assert_eq!(driven.answer(exited()), PREPARE);
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

    let mut driven = Driven::taking_over();
    assert!(driven.tell(Message::Quit).contains(&Effect::End));
    assert!(driven.answer(Answer::TakenOver).is_empty(), "a takeover that ends later starts nothing");
}

/// The ports could not be looked at.
fn lookless() -> Failure {
    Failure::Takeover { message: "m".into() }
}

#[test]
fn ports_that_somebody_has_are_watched_for_as_long_as_it_takes_and_count_as_no_failure() {
    let mut driven = Driven::taking_over();
    for _ in 0..100 {
        let effects = driven.answer(Answer::Blocked(Failure::PortConflict));
        assert!(
            matches!(
                effects.as_slice(),
                [Effect::Discard, Effect::Publish(Event::BackendWaiting { .. }), Effect::Watch]
            ),
            "{effects:?}"
        );
        driven.now += Duration::from_secs(1);
        assert_eq!(driven.answer(Answer::CanStart), PREPARE);
        assert!(!driven.machine.is_launch());
        driven.become_prepared();
    }
    let effects = driven.answer(Answer::NotTakenOver(lookless()));
    assert!(matches!(published(&effects), Some(Event::BackendBackoff { attempt: 1, .. })), "{effects:?}");
}

#[test]
fn what_is_waited_for_may_become_another_thing() {
    let mut driven = Driven::taking_over();
    driven.answer(Answer::Blocked(Failure::PortConflict));
    let displaced = Failure::Displaced { pid: 9, name: "TaskPaw".into(), version: Some("3".into()) };
    let effects = driven.answer(Answer::Blocked(displaced.clone()));
    assert!(
        matches!(effects.as_slice(), [Effect::Publish(Event::BackendWaiting { failure, .. })] if *failure == displaced),
        "the watch goes on: {effects:?}"
    );
}

#[test]
fn a_person_does_not_have_to_wait_and_the_watch_that_was_is_over() {
    for message in [Message::Start, Message::Retry, Message::Restart, Message::ReplaceV3] {
        let mut driven = Driven::taking_over();
        driven.answer(Answer::Blocked(Failure::PortConflict));
        let watched = driven.machine.generation();
        assert_eq!(driven.tell(message), PREPARE);
        assert!(driven.machine.is_launch());
        assert_eq!(driven.tell(Message::Of(watched, Answer::CanStart)), []);
    }
    for message in [Message::Stop, Message::Quit, Message::StandDown] {
        let mut driven = Driven::taking_over();
        driven.answer(Answer::Blocked(Failure::PortConflict));
        let watched = driven.machine.generation();
        driven.tell(message);
        assert_eq!(driven.tell(Message::Of(watched, Answer::CanStart)), []);
    }
}

#[test]
fn without_the_place_ports_that_somebody_has_are_a_failure() {
    let mut driven = Driven::new();
    driven.tell(Message::GoOn(None));
    driven.become_prepared();
    let effects = driven.answer(Answer::Blocked(Failure::PortConflict));
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Discard, Effect::Publish(Event::BackendFailed { retry_ms: None, .. })]
        ),
        "{effects:?}"
    );
    // With it, the role waits for them as any other does.
    let told = driven.tell(Message::Live);
    assert!(matches!(told[..], [Effect::BecameLive(Err(_))]), "the other app can serve again: {told:?}");
    assert_eq!(driven.tell(Message::Placed), PREPARE);
    assert_eq!(driven.tell(Message::Placed), [], "once");
    driven.become_prepared();
    assert!(driven.answer(Answer::Blocked(Failure::PortConflict)).contains(&Effect::Watch));
}

#[test]
fn failures_wait_longer_each_time_and_from_the_fifth_on_the_person_is_asked_and_attempts_are_rare() {
    let mut driven = Driven::taking_over();
    for expected in [500, 1000, 2000, 4000] {
        let effects = driven.answer(Answer::NotTakenOver(lookless()));
        assert!(
            matches!(published(&effects), Some(Event::BackendBackoff { wait_ms, .. }) if *wait_ms == expected),
            "{effects:?}"
        );
        driven.now += Duration::from_millis(expected.into());
        assert_eq!(driven.elapse(Timer::Backoff), PREPARE);
        driven.become_prepared();
    }
    for seconds in [30, 60, 120, 240, 300, 300, 300] {
        let effects = driven.answer(Answer::NotTakenOver(lookless()));
        let wait = Duration::from_secs(seconds);
        let Some(Event::BackendFailed { retry_ms: Some(told), .. }) = published(&effects) else {
            panic!("{effects:?}")
        };
        assert_eq!(u128::from(*told), wait.as_millis());
        assert!(effects.contains(&Effect::Arm(Timer::Backoff, wait)), "{effects:?}");
        driven.now += wait;
        assert_eq!(driven.elapse(Timer::Backoff), PREPARE, "it goes on by itself");
        assert!(!driven.machine.is_launch());
        driven.become_prepared();
    }
    driven.answer(Answer::NotTakenOver(lookless()));
    assert_eq!(driven.tell(Message::Retry), PREPARE);
    driven.become_prepared();
    let effects = driven.answer(Answer::NotTakenOver(lookless()));
    assert!(matches!(published(&effects), Some(Event::BackendBackoff { attempt: 1, .. })), "forgotten");
}

/// By a simulated clock: whatever keeps a backend from starting is put right at any moment after 20 minutes, with nobody there to
/// say so.
#[test]
fn what_is_put_right_after_20_minutes_runs_within_5_minutes_and_10_seconds() {
    /// What an attempt takes at most on a machine that is well, from its begin to the readiness line.
    const ATTEMPT: Duration = Duration::from_secs(4);
    let promised = Duration::from_secs(5 * 60 + 10);
    for minutes in (20..60).step_by(3) {
        let mended = Duration::from_secs(minutes * 60);
        let mut driven = Driven::new();
        let mut effects = driven.tell(Message::Start);
        loop {
            assert_eq!(effects, PREPARE);
            driven.now += ATTEMPT;
            if driven.now >= mended + ATTEMPT {
                break;
            }
            effects = driven.answer(Answer::Line(Ok(Line::Prepared(prepared_line(VERSION)))));
            assert_eq!(effects, [Effect::TakeOver]);
            effects = driven.answer(Answer::NotTakenOver(lookless()));
            let waits = effects.iter().find_map(|effect| match effect {
                Effect::Arm(Timer::Backoff, wait) => Some(*wait),
                _ => None,
            });
            driven.now += waits.expect("there is always another attempt");
            effects = driven.elapse(Timer::Backoff);
        }
        driven.become_prepared();
        driven.become_ready();
        assert!(driven.now <= mended + promised, "{minutes} min: {:?} later", driven.now - mended);
    }
}

#[test]
fn failures_long_ago_do_not_count() {
    let mut driven = Driven::taking_over();
    for _ in 0..20 {
        let effects = driven.answer(Answer::NotTakenOver(lookless()));
        assert!(matches!(published(&effects), Some(Event::BackendBackoff { .. })));
        driven.now += Duration::from_secs(40);
        driven.elapse(Timer::Backoff);
        driven.become_prepared();
    }
}

#[test]
fn what_hardly_goes_away_by_itself_is_tried_again_rarely() {
    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    let missing = Failure::SpawnFailed { program: "p".into(), missing: true, message: "m".into() };
    let effects = driven.answer(Answer::NotSpawned(missing));
    assert!(matches!(published(&effects), Some(Event::BackendFailed { retry_ms: Some(30_000), .. })));

    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    assert!(driven.answer(Answer::Line(Ok(Line::Ready(ready_line("3.9.9"))))).contains(&Effect::AskToStop));
    let effects = driven.answer(exited());
    assert!(matches!(
        published(&effects),
        Some(Event::BackendFailed { failure: Failure::WrongVersion { backend }, retry_ms: Some(_), .. }) if backend == "3.9.9"
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
    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    driven.now += READY_WITHIN;
    assert!(driven.elapse(Timer::Ready).contains(&Effect::AskToStop));
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
        assert_eq!(driven.elapse(Timer::Health), [Effect::CheckHealth, next]);
        assert_eq!(driven.answer(Answer::Healthy(healthy)), []);
    }
    assert!(driven.answer(Answer::Healthy(false)).contains(&Effect::AskToStop));
}

/// A backend that becomes ready and then answers nothing, until it is ended for that.
fn fall_silent(driven: &mut Driven) -> Vec<Effect> {
    for _ in 0..HEALTH_MISSES {
        driven.now += HEALTH_EVERY + Duration::from_secs(5);
        driven.elapse(Timer::Health);
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
        driven.elapse(Timer::Backoff);
        driven.become_prepared();
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
        driven.elapse(Timer::Backoff);
        driven.become_prepared();
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
    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    assert!(driven.answer(Answer::Line(Line::parse("hello"))).contains(&Effect::AskToStop));
    let effects = driven.answer(exited());
    assert!(matches!(
        published(&effects),
        Some(Event::BackendBackoff { failure: Failure::BrokenProtocol { log, .. }, .. }) if !log.is_empty()
    ));
}

#[test]
fn only_a_person_or_the_app_launches() {
    let mut driven = Driven::ready();
    assert!(driven.machine.is_launch());
    driven.answer(exited());
    assert_eq!(driven.elapse(Timer::Backoff), PREPARE);
    assert!(!driven.machine.is_launch());
    driven.become_prepared();
    driven.become_ready();
    // What comes back after a handover that failed is none either.
    driven.tell(Message::StandDown);
    driven.answer(Answer::Line(Ok(Line::StoodDown)));
    driven.answer(Answer::Line(Ok(Line::ListenersClosed)));
    assert_eq!(driven.tell(Message::Serve), [Effect::TakeOver]);
    assert!(!driven.machine.is_launch());
    driven.become_ready();
    driven.tell(Message::Restart);
    assert_eq!(driven.answer(exited()), PREPARE);
    assert!(driven.machine.is_launch());
    driven.become_prepared();
    driven.become_ready();
    fall_silent(&mut driven);
    assert_eq!(driven.elapse(Timer::Backoff), PREPARE);
    assert!(!driven.machine.is_launch());
    // Prepared ahead, then told to start.
    let mut driven = Driven::new();
    driven.tell(Message::Prepare);
    assert!(!driven.machine.is_launch());
    driven.answer(Answer::Line(Ok(Line::Prepared(prepared_line(VERSION)))));
    assert_eq!(driven.tell(Message::GoOn(None)), [Effect::TakeOver]);
    assert!(driven.machine.is_launch());
}

#[test]
fn a_v3_that_works_at_something_is_asked_about_and_ended_only_when_a_person_says_so() {
    let mut driven = Driven::taking_over();
    let busy = Failure::V3Busy { pid: 7, children: Vec::new() };
    let effects = driven.answer(Answer::NotTakenOver(busy));
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Discard, Effect::Publish(Event::BackendFailed { retry_ms: None, .. })]
        ),
        "{effects:?}"
    );
    assert_eq!(driven.tell(Message::ReplaceV3), PREPARE);
}

/// What a role says that has let go of everything.
fn stood_down(effects: &[Effect], served: bool) -> bool {
    effects.contains(&Effect::StoodDown(Stood { served, keeps_ports: false }))
}

fn process() -> ProcessIdentity {
    ProcessIdentity { pid: port_takeover::Pid::own(), started_at: Some(7), exe: None }
}

#[test]
fn without_the_place_nothing_that_acts_outside_begins() {
    let mut driven = Driven::new();
    assert_eq!(driven.tell(Message::GoOn(None)), PREPARE);
    driven.become_prepared();
    driven.answer(Answer::TakenOver);
    driven.answer(Answer::Line(Ok(Line::Ready(ready_line(VERSION)))));
    let effects = driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
    assert!(!effects.contains(&Effect::GoLive), "{effects:?}");
    assert!(matches!(published(&effects), Some(Event::BackendReady { .. })), "{effects:?}");
    assert_eq!(driven.tell(Message::Live), GO_LIVE);
    assert_eq!(driven.tell(Message::Live), [], "once");
}

#[test]
fn what_is_out_of_turn_once_it_is_prepared_is_noticed_at_once() {
    let ready = || Answer::Line(Ok(Line::Ready(ready_line(VERSION))));
    let garbage = || Answer::Line(Line::parse("hello"));
    for line in [ready(), garbage()] {
        let mut driven = Driven::new();
        driven.tell(Message::Prepare);
        driven.answer(Answer::Line(Ok(Line::Prepared(prepared_line(VERSION)))));
        assert_eq!(driven.answer(line.clone()), [Effect::Discard]);
        // The caller that was given sockets for it learns that it is gone.
        let effects = driven.tell(Message::GoOn(Some(process())));
        assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })), "{line:?}: {effects:?}");
        let mut driven = Driven::taking_over();
        let effects = driven.answer(line.clone());
        assert!(effects.contains(&Effect::AskToStop), "{line:?}: {effects:?}");
        assert_eq!(driven.answer(Answer::TakenOver), [], "nothing goes on");
    }
}

#[test]
fn one_that_prepares_itself_again_and_again_is_given_up() {
    let mut driven = Driven::new();
    driven.tell(Message::Prepare);
    let prepared = || Answer::Line(Ok(Line::Prepared(prepared_line(VERSION))));
    driven.answer(prepared());
    assert_eq!(driven.tell(Message::GoOn(Some(process()))), GO_ON_WITH_LISTENERS);
    for _ in 0..PREPARED_AGAIN {
        assert_eq!(driven.answer(prepared()), GO_ON_WITH_LISTENERS);
    }
    assert!(driven.answer(prepared()).contains(&Effect::Kill));
    let effects = driven.answer(exited());
    assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })), "{effects:?}");
}

/// On ports that were passed on it answers nobody before it is live, so that no health call has to be waited for.
#[test]
fn a_backend_that_does_not_become_live_is_killed_and_started_anew() {
    let mut driven = Driven::ready();
    driven.now += LIVE_WITHIN;
    assert_eq!(driven.elapse(Timer::Live), [], "it has said that it is");

    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    driven.answer(Answer::Line(Ok(Line::Ready(ready_line(VERSION)))));
    let effects = driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
    assert!(GO_LIVE.iter().all(|effect| effects.contains(effect)), "{effects:?}");
    // What takes its time says so.
    driven.now += LIVE_WITHIN - Duration::from_secs(1);
    assert_eq!(driven.answer(sign(1)), [Effect::Advances]);
    driven.now += Duration::from_secs(1);
    let again = LIVE_WITHIN - Duration::from_secs(1);
    assert_eq!(driven.elapse(Timer::Live), [Effect::Arm(Timer::Live, again)]);
    driven.now += again;
    assert!(driven.elapse(Timer::Live).contains(&Effect::Kill));
    let effects = driven.answer(exited());
    assert!(
        matches!(published(&effects), Some(Event::BackendBackoff { failure: Failure::NotReady { .. }, .. })),
        "{effects:?}"
    );
}

#[test]
fn without_the_place_a_failure_is_the_last_one() {
    let mut driven = Driven::new();
    driven.tell(Message::GoOn(None));
    let effects = driven.answer(exited());
    assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })), "{effects:?}");
    // With it, it is tried again.
    driven.tell(Message::Start);
    let effects = driven.answer(exited());
    assert!(matches!(published(&effects), Some(Event::BackendBackoff { .. })), "{effects:?}");
}

/// The other app has kept what it needs to serve again: whatever goes wrong on the way to live is told to it, and not tried again.
#[test]
fn one_that_fails_on_its_way_to_live_is_the_last_attempt_until_the_other_app_is_gone() {
    for answer in [exited(), Answer::Elapsed(Timer::Live, 1)] {
        let mut driven = following();
        assert_eq!(driven.tell(Message::Live), GO_LIVE);
        driven.now += LIVE_WITHIN;
        let mut effects = driven.answer(answer.clone());
        if effects.contains(&Effect::AskToStop) {
            assert!(effects.contains(&Effect::Kill), "it is not live: {answer:?}: {effects:?}");
            effects = driven.answer(exited());
        }
        assert!(matches!(effects[0], Effect::BecameLive(Err(_))), "{answer:?}: {effects:?}");
        assert!(
            matches!(published(&effects), Some(Event::BackendFailed { retry_ms: None, .. })),
            "{effects:?}"
        );
        assert_eq!(driven.tell(Message::Placed), PREPARE, "from then on it is supervised");
    }
    let mut driven = following();
    driven.tell(Message::Live);
    assert_eq!(driven.answer(Answer::Line(Ok(Line::Live))), [Effect::BecameLive(Ok(()))]);
    let effects = driven.tell(Message::Stop);
    assert!(!effects.contains(&Effect::Kill), "it answers what is under way: {effects:?}");
}

/// A role that serves for an app that does not have the place yet.
fn following() -> Driven {
    let mut driven = Driven::new();
    driven.tell(Message::GoOn(None));
    driven.become_prepared();
    driven.answer(Answer::TakenOver);
    driven.answer(Answer::Line(Ok(Line::Ready(ready_line(VERSION)))));
    let effects = driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
    assert!(!effects.contains(&Effect::GoLive), "{effects:?}");
    driven
}

/// The other app waits for the ports: what is not live has nothing to write at its end.
#[test]
fn without_the_place_a_backend_that_goes_wrong_is_killed_at_once() {
    for answer in [Answer::Elapsed(Timer::Ready, 1), Answer::Line(Line::parse("hello"))] {
        let mut driven = Driven::new();
        driven.tell(Message::GoOn(None));
        driven.become_prepared();
        driven.answer(Answer::TakenOver);
        driven.now += READY_WITHIN;
        let effects = driven.answer(answer.clone());
        assert!(effects.contains(&Effect::Kill), "{answer:?}: {effects:?}");
        let effects = driven.answer(exited());
        assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })), "{answer:?}: {effects:?}");
    }
    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    driven.now += READY_WITHIN;
    assert!(!driven.elapse(Timer::Ready).contains(&Effect::Kill), "with it, it is asked first");
}

/// Another one would take all steps at once, and be live in the app that waits for the place.
#[test]
fn without_the_place_a_sidecar_that_ends_before_it_goes_on_is_a_failure() {
    let mut driven = Driven::new();
    driven.tell(Message::GoOn(None));
    driven.become_prepared();
    let effects = driven.answer(exited());
    assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })), "{effects:?}");
    assert_eq!(driven.answer(Answer::TakenOver), [], "nothing goes on");
}

#[test]
fn a_backend_stands_down_and_serves_again_in_the_same_process() {
    let mut driven = Driven::ready();
    for _ in 0..3 {
        let effects = driven.tell(Message::StandDown);
        assert_eq!(effects, [Effect::StandDown, Effect::Arm(Timer::StandDown, STAND_DOWN_WITHIN)]);
        // No health call, no restart, no order but the end.
        assert_eq!(driven.elapse(Timer::Health), []);
        assert_eq!(driven.answer(Answer::Line(Ok(Line::StoodDown))), [Effect::PassListeners]);
        let effects = driven.answer(Answer::Line(Ok(Line::ListenersClosed)));
        assert!(stood_down(&effects, true), "{effects:?}");
        assert_eq!(driven.elapse(Timer::StandDown), []);
        for order in [Message::Start, Message::Restart, Message::Retry] {
            assert_eq!(driven.tell(order), [], "it waits for the other app");
        }
        assert_eq!(driven.tell(Message::Serve), [Effect::TakeOver]);
        driven.become_ready();
    }
}

const GO_ON_WITH_LISTENERS: [Effect; 2] =
    [Effect::GoOnWithListeners, Effect::Arm(Timer::Ready, READY_WITHIN)];

/// Says that its listening sockets are passed, and keeps them.
fn passes(driven: &mut Driven) {
    driven.tell(Message::StandDown);
    assert_eq!(driven.answer(Answer::Line(Ok(Line::StoodDown))), [Effect::PassListeners]);
    let effects = driven.answer(Answer::Line(Ok(Line::ListenersPassed)));
    assert!(effects.contains(&Effect::StoodDown(Stood { served: true, keeps_ports: true })), "{effects:?}");
}

#[test]
fn a_backend_that_keeps_its_ports_serves_again_without_a_look_at_them() {
    let mut driven = Driven::ready();
    for _ in 0..3 {
        passes(&mut driven);
        assert_eq!(driven.tell(Message::Serve), GO_ON_WITH_LISTENERS);
        assert!(!driven.machine.is_launch());
        // Its configuration was changed meanwhile: it is prepared again, in the same process.
        let prepared = Answer::Line(Ok(Line::Prepared(prepared_line(VERSION))));
        assert_eq!(driven.answer(prepared), GO_ON_WITH_LISTENERS);
        driven.answer(Answer::Line(Ok(Line::Ready(ready_line(VERSION)))));
        let effects = driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
        assert!(effects.contains(&Effect::GoLive), "{effects:?}");
    }
    // The next start is one as any other.
    driven.tell(Message::Restart);
    assert_eq!(driven.answer(exited()), PREPARE);
    driven.become_prepared();
}

#[test]
fn ports_that_the_other_app_cannot_use_are_let_go() {
    let mut driven = Driven::ready();
    passes(&mut driven);
    let effects = driven.tell(Message::LetGo);
    assert_eq!(effects, [Effect::CloseListeners, Effect::Arm(Timer::LetGo, STAND_DOWN_WITHIN)]);
    assert!(stood_down(&driven.answer(Answer::Line(Ok(Line::ListenersClosed))), true));
    assert_eq!(driven.elapse(Timer::LetGo), []);
    assert!(stood_down(&driven.tell(Message::LetGo), true), "it has");
    assert_eq!(driven.tell(Message::Serve), [Effect::TakeOver]);

    // One that does not is ended.
    let mut driven = Driven::ready();
    passes(&mut driven);
    driven.tell(Message::LetGo);
    assert!(driven.elapse(Timer::LetGo).contains(&Effect::Kill));
    assert!(stood_down(&driven.answer(exited()), true));
    assert_eq!(driven.tell(Message::Serve), PREPARE);

    // Its end lets go of them, too.
    let mut driven = Driven::ready();
    passes(&mut driven);
    driven.tell(Message::LetGo);
    assert!(stood_down(&driven.answer(exited()), true));
    assert_eq!(driven.tell(Message::Serve), PREPARE);
}

#[test]
fn a_sidecar_that_was_given_ports_goes_on_without_a_look_and_no_other_one_does() {
    let mut driven = Driven::new();
    driven.tell(Message::Prepare);
    driven.answer(Answer::Line(Ok(Line::Prepared(prepared_line(VERSION)))));
    assert_eq!(driven.tell(Message::GoOn(Some(process()))), GO_ON_WITH_LISTENERS);
    assert!(driven.machine.is_launch());
    let prepared = Answer::Line(Ok(Line::Prepared(prepared_line(VERSION))));
    assert_eq!(driven.answer(prepared), GO_ON_WITH_LISTENERS);
    let effects = driven.answer(exited());
    assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })), "{effects:?}");

    // It has ended before: another one would find in its way who keeps them.
    for before in [Message::Stop, Message::Prepare] {
        let mut driven = Driven::new();
        driven.tell(before);
        driven.answer(exited());
        let effects = driven.tell(Message::GoOn(Some(process())));
        assert!(matches!(published(&effects), Some(Event::BackendFailed { .. })), "{effects:?}");
    }
}

#[test]
fn a_backend_that_does_not_let_go_is_ended_and_one_that_ended_is_started_anew() {
    let mut driven = Driven::ready();
    driven.tell(Message::StandDown);
    assert!(driven.elapse(Timer::StandDown).contains(&Effect::Kill));
    let effects = driven.answer(exited());
    assert!(stood_down(&effects, true), "{effects:?}");
    assert_eq!(driven.tell(Message::Serve), PREPARE);

    let mut driven = Driven::ready();
    driven.tell(Message::StandDown);
    assert!(stood_down(&driven.answer(exited()), true), "its end lets go, too");
    assert_eq!(driven.tell(Message::Serve), PREPARE);

    let mut driven = Driven::ready();
    driven.tell(Message::StandDown);
    driven.answer(Answer::Line(Ok(Line::StoodDown)));
    driven.answer(Answer::Line(Ok(Line::ListenersClosed)));
    assert_eq!(driven.answer(exited()), []);
    assert_eq!(driven.tell(Message::Serve), PREPARE);
}

/// A backend that comes back to its ports.
fn comes_back() -> Driven {
    let mut driven = Driven::ready();
    passes(&mut driven);
    assert_eq!(driven.tell(Message::Serve), GO_ON_WITH_LISTENERS);
    driven
}

/// Clients wait in the queues of its ports: they are served first, or go on to whoever gets these next.
#[test]
fn a_backend_that_comes_back_and_is_asked_again_serves_before_it_stands_down() {
    let mut driven = comes_back();
    assert_eq!(driven.tell(Message::StandDown), [Effect::Arm(Timer::StandDown, STAND_DOWN_WITHIN)]);
    let line = ready_line(VERSION);
    assert_eq!(driven.answer(Answer::Line(Ok(Line::Ready(line.clone())))), [Effect::Confirm(line)]);
    let effects = driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
    let stand_down = [Effect::StandDown, Effect::Arm(Timer::StandDown, STAND_DOWN_WITHIN)];
    assert!(effects.starts_with(&[Effect::GoLive]) && effects.ends_with(&stand_down), "{effects:?}");
    // It was told while it went live.
    assert_eq!(driven.answer(Answer::Line(Ok(Line::Live))), [Effect::StandDown]);
    assert_eq!(driven.answer(Answer::Line(Ok(Line::StoodDown))), [Effect::PassListeners]);
    let effects = driven.answer(Answer::Line(Ok(Line::ListenersPassed)));
    assert!(effects.contains(&Effect::StoodDown(Stood { served: true, keeps_ports: true })), "{effects:?}");
}

#[test]
fn one_that_does_not_come_back_after_all_has_stood_down() {
    let mut driven = comes_back();
    driven.tell(Message::StandDown);
    assert!(stood_down(&driven.answer(exited()), true), "it ended");
    assert_eq!(driven.tell(Message::Serve), PREPARE);

    for answer in [Answer::Line(Line::parse("hello")), Answer::Elapsed(Timer::StandDown, 2)] {
        let mut driven = comes_back();
        driven.tell(Message::StandDown);
        let effects = driven.answer(answer);
        assert!(effects.contains(&Effect::AskToStop), "{effects:?}");
        assert!(stood_down(&driven.answer(exited()), true));
    }

    let mut driven = comes_back();
    driven.tell(Message::StandDown);
    assert_eq!(driven.tell(Message::Serve), [], "the other app has gone: it is on its way");
    assert_eq!(driven.elapse(Timer::StandDown), []);
    driven.answer(Answer::Line(Ok(Line::Ready(ready_line(VERSION)))));
    let effects = driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
    assert!(!effects.contains(&Effect::StandDown), "{effects:?}");
}

/// A version that fails is started twice: the time of the first standing down is over in the middle of the second one.
#[test]
fn a_wait_that_another_one_of_its_kind_has_followed_does_not_count() {
    let mut driven = Driven::ready();
    let mut first = None;
    for _ in 0..2 {
        passes(&mut driven);
        first.get_or_insert(driven.machine.waits(Timer::StandDown));
        assert_eq!(driven.tell(Message::Serve), GO_ON_WITH_LISTENERS);
        let line = ready_line(VERSION);
        assert_eq!(driven.answer(Answer::Line(Ok(Line::Ready(line.clone())))), [Effect::Confirm(line)]);
        driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
        driven.answer(Answer::Line(Ok(Line::Live)));
    }
    driven.tell(Message::StandDown);
    let first = first.unwrap();
    assert_eq!(driven.answer(Answer::Elapsed(Timer::StandDown, first)), [], "it is not late");
    assert_eq!(driven.answer(Answer::Line(Ok(Line::StoodDown))), [Effect::PassListeners]);
    assert!(driven.elapse(Timer::StandDown).contains(&Effect::Kill), "now it is");
}

/// Each return begins the health calls again: the calls of before must not go on beside them.
#[test]
fn one_row_of_health_calls_goes_on_however_often_a_backend_comes_back() {
    let mut driven = Driven::ready();
    let before = driven.machine.waits(Timer::Health);
    passes(&mut driven);
    driven.tell(Message::Serve);
    driven.answer(Answer::Line(Ok(Line::Ready(ready_line(VERSION)))));
    driven.answer(Answer::Confirmed { backend: backend(), ports: Vec::new() });
    assert_eq!(driven.answer(Answer::Elapsed(Timer::Health, before)), []);
    let next = Effect::Arm(Timer::Health, HEALTH_EVERY);
    assert_eq!(driven.elapse(Timer::Health), [Effect::CheckHealth, next]);
}

#[test]
fn a_role_that_does_not_serve_takes_no_part_and_goes_on_as_before() {
    let mut driven = Driven::new();
    assert_eq!(driven.tell(Message::StandDown), [Effect::StoodDown(Stood::IDLE)]);
    assert_eq!(driven.tell(Message::Serve), [], "it was stopped");

    let mut driven = Driven::taking_over();
    let effects = driven.tell(Message::StandDown);
    assert!(effects.contains(&Effect::Discard) && stood_down(&effects, false), "{effects:?}");
    assert_eq!(driven.tell(Message::Serve), PREPARE);

    let mut driven = Driven::taking_over();
    driven.answer(Answer::TakenOver);
    assert!(driven.tell(Message::StandDown).contains(&Effect::AskToStop), "it may hold a port by now");
    assert!(stood_down(&driven.answer(exited()), false));
    assert_eq!(driven.tell(Message::Serve), PREPARE);

    let mut driven = Driven::ready();
    driven.tell(Message::Stop);
    assert_eq!(driven.tell(Message::StandDown), []);
    assert!(stood_down(&driven.answer(exited()), false));
    assert_eq!(driven.tell(Message::Serve), [], "a person had stopped it");
}

#[test]
fn the_end_of_the_app_ends_what_stood_down() {
    let mut driven = Driven::ready();
    driven.tell(Message::StandDown);
    driven.answer(Answer::Line(Ok(Line::StoodDown)));
    driven.answer(Answer::Line(Ok(Line::ListenersClosed)));
    assert!(driven.tell(Message::Quit).contains(&Effect::AskToStop));
    assert!(driven.answer(exited()).contains(&Effect::End));
}
