//! What a role does next: a state machine over plain data. Messages go in, effects come out; it knows no
//! clock, no process and no socket.

use std::time::Duration;

use taskpaw_contract::Role;
use taskpaw_contract::ipc::{Backend, Event, Failure, PortView};
use taskpaw_contract::sidecar::{BrokenLine, Line, Ready, StartupErrorCode};

/// From the spawn to the readiness line.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(20);
/// From the ask to stop until the kill: the backend itself gives what is under way 3 s.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Between two health calls.
const HEALTH_EVERY: Duration = Duration::from_secs(10);
/// So many missed health calls in a row restart a backend.
const HEALTH_MISSES: u32 = 3;
/// So much health forgets the failures before it.
const HEALTHY_AGAIN: Duration = Duration::from_secs(600);
/// The first wait after a failure; it doubles up to [`BACKOFF_LONGEST`].
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_LONGEST: Duration = Duration::from_secs(30);
/// So many failures within [`BUDGET_WINDOW`] stop the attempts.
const BUDGET: usize = 5;
const BUDGET_WINDOW: Duration = Duration::from_secs(120);

/// What a role hears.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// It will be started soon: what needs no port can be done before.
    Prepare,
    /// A person, or the launch, wants it to run.
    Start,
    /// A person wants it to stop.
    Stop,
    /// A person wants it to start anew.
    Restart,
    /// A person wants another attempt now, and the failures forgotten.
    Retry,
    /// The same, and for this one attempt a backend of V3 may be ended whatever it works at.
    ReplaceV3,
    /// The app ends.
    Quit,
    /// Something that was begun in a generation has come to its end.
    Of(u32, Answer),
}

/// The end of something that an effect began.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The ports are free.
    TakenOver,
    /// The ports cannot be had.
    NotTakenOver(Failure),
    /// Nothing else is wrong than that this machine does not have the address yet.
    AddressAway,
    /// The program could not be started.
    NotSpawned(Failure),
    /// The sidecar wrote its line, or broke the protocol.
    Line(Result<Line, BrokenLine>),
    /// The sockets confirm what the line says.
    Confirmed { backend: Backend, ports: Vec<PortView> },
    /// They do not.
    NotConfirmed(Failure),
    /// The sidecar ended.
    Exited { status: String, log: Vec<String> },
    /// A health call was answered, or not.
    Healthy(bool),
    /// Time is over.
    Elapsed(Timer),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    Ready,
    Stop,
    Health,
    Backoff,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Look at the ports and reclaim them: ends in `TakenOver` or `NotTakenOver`.
    TakeOver,
    /// Start the sidecar's program, and let it wait for its greeting.
    Prepare,
    /// Start the sidecar: ends in `Line` or `NotSpawned`, and in any case in `Exited` later.
    Spawn,
    /// Look whether it is the child that listens: ends in `Confirmed` or `NotConfirmed`.
    Confirm(Ready),
    /// Ask the sidecar to stop.
    AskToStop,
    /// Kill the sidecar.
    Kill,
    /// Ask the backend whether it is well: ends in `Healthy`.
    CheckHealth,
    /// Answer `Elapsed` after a time.
    Arm(Timer, Duration),
    /// Tell the window.
    Publish(Event),
    /// The role has ended, and the app may.
    End,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Stopped,
    TakingOver,
    Starting,
    /// `heard` is when it last showed that it is well.
    Ready {
        since: Duration,
        heard: Duration,
        missed: u32,
    },
    Stopping(Next),
    Backoff,
    Failed,
    Ended,
}

/// What follows when the sidecar has ended.
#[derive(Debug, Clone, PartialEq)]
enum Next {
    Stay,
    Start,
    Fail(Failure),
    End,
}

/// The state of one role.
#[derive(Debug)]
pub(crate) struct Machine {
    role: Role,
    version: &'static str,
    generation: u32,
    state: State,
    failures: Vec<Duration>,
    /// So many attempts in a row found that the address is not there.
    away: u32,
}

impl Machine {
    /// A role that is stopped. `version` is the host's: a sidecar of another one is refused.
    pub(crate) fn new(role: Role, version: &'static str) -> Self {
        Self { role, version, generation: 0, state: State::Stopped, failures: Vec::new(), away: 0 }
    }

    /// The number of the current attempt.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the last attempt found that the address is not there.
    pub(crate) fn waits_for_address(&self) -> bool {
        self.away > 0
    }

    /// Takes a message at a time (any clock that only goes forward) and says what is to be done.
    pub(crate) fn handle(&mut self, message: Message, now: Duration) -> Vec<Effect> {
        match message {
            // A late answer of an old attempt.
            Message::Of(generation, _) if generation != self.generation => Vec::new(),
            Message::Of(_, answer) => self.answer(answer, now),
            Message::Prepare if self.state == State::Stopped => vec![Effect::Prepare],
            Message::Prepare => Vec::new(),
            Message::Start => self.start(),
            Message::Retry | Message::ReplaceV3 => {
                self.forget_failures();
                self.start()
            }
            Message::Restart => self.restart(),
            Message::Stop => self.stop(Next::Stay),
            Message::Quit => self.stop(Next::End),
        }
    }

    fn start(&mut self) -> Vec<Effect> {
        match &mut self.state {
            State::Stopped | State::Backoff | State::Failed => self.begin(),
            State::Stopping(next) => {
                if *next != Next::End {
                    *next = Next::Start;
                }
                Vec::new()
            }
            State::TakingOver | State::Starting | State::Ready { .. } | State::Ended => Vec::new(),
        }
    }

    fn forget_failures(&mut self) {
        self.failures.clear();
        self.away = 0;
    }

    fn restart(&mut self) -> Vec<Effect> {
        self.forget_failures();
        match self.state {
            State::Starting | State::Ready { .. } => self.stopping(Next::Start),
            State::TakingOver => self.begin(),
            _ => self.start(),
        }
    }

    fn stop(&mut self, then: Next) -> Vec<Effect> {
        match &mut self.state {
            State::Starting | State::Ready { .. } => self.stopping(then),
            State::Stopping(next) => {
                // Whoever ends the app waits for that end.
                if *next != Next::End {
                    *next = then;
                }
                Vec::new()
            }
            State::Stopped if then == Next::Stay => Vec::new(),
            State::Stopped | State::TakingOver | State::Backoff | State::Failed => {
                self.generation += 1; // What is under way is over.
                self.stopped(then, "not running".to_owned())
            }
            State::Ended => Vec::new(),
        }
    }

    /// A new attempt.
    fn begin(&mut self) -> Vec<Effect> {
        self.generation += 1;
        self.state = State::TakingOver;
        vec![Effect::TakeOver]
    }

    fn stopping(&mut self, next: Next) -> Vec<Effect> {
        self.state = State::Stopping(next);
        let (role, generation) = (self.role, self.generation);
        vec![
            Effect::Publish(Event::BackendStopping { role, generation }),
            Effect::AskToStop,
            Effect::Arm(Timer::Stop, STOP_WITHIN),
        ]
    }

    fn stopped(&mut self, then: Next, status: String) -> Vec<Effect> {
        let exited =
            Effect::Publish(Event::BackendExited { role: self.role, generation: self.generation, status });
        if then == Next::End {
            self.state = State::Ended;
            vec![exited, Effect::End]
        } else {
            self.state = State::Stopped;
            vec![exited]
        }
    }

    fn answer(&mut self, answer: Answer, now: Duration) -> Vec<Effect> {
        match (&mut self.state, answer) {
            (State::TakingOver, Answer::TakenOver) => {
                self.away = 0;
                self.state = State::Starting;
                vec![Effect::Spawn, Effect::Arm(Timer::Ready, READY_WITHIN)]
            }
            (State::TakingOver, Answer::NotTakenOver(failure))
            | (State::Starting, Answer::NotSpawned(failure)) => self.fail(failure, now),
            // That of a network which is joined some time after the login, or of a tunnel: no failure, and nobody has to
            // do anything. It is looked for until it is there.
            (State::TakingOver, Answer::AddressAway) => {
                self.away = self.away.saturating_add(1);
                self.back_off(Failure::PortConflict, self.away)
            }
            (State::Stopping(next), Answer::NotSpawned(_)) => {
                let next = next.clone();
                self.after_exit(next, "not started".to_owned(), Vec::new(), now)
            }
            (State::Starting, Answer::Line(line)) => self.line(line),
            (State::Starting, Answer::Confirmed { backend, ports }) => {
                self.state = State::Ready { since: now, heard: now, missed: 0 };
                let (role, generation) = (self.role, self.generation);
                vec![
                    Effect::Publish(Event::BackendReady { role, generation, backend, ports }),
                    Effect::Arm(Timer::Health, HEALTH_EVERY),
                ]
            }
            (State::Starting, Answer::NotConfirmed(failure)) => self.stopping(Next::Fail(failure)),
            (State::Starting, Answer::Elapsed(Timer::Ready)) => {
                let seconds = u32::try_from(READY_WITHIN.as_secs()).unwrap_or(u32::MAX);
                self.stopping(Next::Fail(Failure::NotReady { seconds, log: Vec::new() }))
            }
            (State::Starting | State::Ready { .. }, Answer::Exited { status, log }) => {
                self.fail(Failure::Exited { status, log }, now)
            }
            // From call to call: one that is not answered does not put off the next.
            (State::Ready { .. }, Answer::Elapsed(Timer::Health)) => {
                vec![Effect::CheckHealth, Effect::Arm(Timer::Health, HEALTH_EVERY)]
            }
            (State::Ready { since, heard, missed }, Answer::Healthy(true)) => {
                *missed = 0;
                *heard = now;
                if now.saturating_sub(*since) >= HEALTHY_AGAIN {
                    self.failures.clear();
                }
                Vec::new()
            }
            (State::Ready { heard, missed, .. }, Answer::Healthy(false)) => {
                *missed += 1;
                if *missed < HEALTH_MISSES {
                    return Vec::new();
                }
                let (heard, missed) = (*heard, *missed);
                // Noticing takes longer than a crash does. Were that time counted, a backend that never answers
                // would be started for ever.
                for failure in &mut self.failures {
                    *failure += now.saturating_sub(heard);
                }
                self.stopping(Next::Fail(Failure::Unhealthy { missed, log: Vec::new() }))
            }
            (State::Stopping(_), Answer::Elapsed(Timer::Stop)) => vec![Effect::Kill],
            (State::Stopping(next), Answer::Exited { status, log }) => {
                let next = next.clone();
                self.after_exit(next, status, log, now)
            }
            (State::Backoff, Answer::Elapsed(Timer::Backoff)) => self.begin(),
            // An answer that came when it was no longer waited for.
            _ => Vec::new(),
        }
    }

    fn line(&mut self, line: Result<Line, BrokenLine>) -> Vec<Effect> {
        let failure = match line {
            Ok(Line::Ready(ready)) if ready.role != self.role => Failure::BrokenProtocol {
                message: format!("it is ready as {}, not as {}", ready.role, self.role),
                log: Vec::new(),
            },
            Ok(Line::Ready(ready)) if ready.version != self.version => {
                Failure::WrongVersion { backend: ready.version }
            }
            Ok(Line::Ready(ready)) => return vec![Effect::Confirm(ready)],
            Ok(Line::StartupError(error)) => {
                Failure::StartupError { code: error.code, message: error.message, port: error.port }
            }
            Ok(other) => Failure::BrokenProtocol {
                message: format!("it says what nobody has asked for: {other:?}"),
                log: Vec::new(),
            },
            Err(broken) => Failure::BrokenProtocol { message: broken.to_string(), log: Vec::new() },
        };
        self.stopping(Next::Fail(failure))
    }

    fn after_exit(&mut self, next: Next, status: String, log: Vec<String>, now: Duration) -> Vec<Effect> {
        match next {
            Next::Start => self.begin(),
            Next::Fail(failure) => self.fail(with_log(failure, log), now),
            Next::Stay | Next::End => self.stopped(next, status),
        }
    }

    fn fail(&mut self, failure: Failure, now: Duration) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        self.away = 0;
        self.failures.retain(|&at| now.saturating_sub(at) < BUDGET_WINDOW);
        self.failures.push(now);
        if is_permanent(&failure) || self.failures.len() >= BUDGET {
            self.state = State::Failed;
            return vec![Effect::Publish(Event::BackendFailed { role, generation, failure })];
        }
        self.back_off(failure, u32::try_from(self.failures.len()).unwrap_or(u32::MAX))
    }

    fn back_off(&mut self, failure: Failure, attempt: u32) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        self.state = State::Backoff;
        let wait = BACKOFF_FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(BACKOFF_LONGEST);
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        vec![
            Effect::Publish(Event::BackendBackoff { role, generation, failure, wait_ms, attempt }),
            Effect::Arm(Timer::Backoff, wait),
        ]
    }
}

/// Whether another attempt can only fail in the same way until a person has changed something.
fn is_permanent(failure: &Failure) -> bool {
    match failure {
        Failure::Config { .. }
        | Failure::V3Busy { .. }
        | Failure::SpawnFailed { .. }
        | Failure::WrongVersion { .. } => true,
        Failure::StartupError { code, .. } => matches!(
            code,
            StartupErrorCode::ConfigInvalid
                | StartupErrorCode::ConfigUnwritable
                | StartupErrorCode::ExposureRefused
                | StartupErrorCode::StateTooNew
        ),
        Failure::PortConflict
        | Failure::Takeover { .. }
        | Failure::BrokenProtocol { .. }
        | Failure::NotReady { .. }
        | Failure::Exited { .. }
        | Failure::Unhealthy { .. } => false,
    }
}

fn with_log(failure: Failure, log: Vec<String>) -> Failure {
    match failure {
        Failure::BrokenProtocol { message, .. } => Failure::BrokenProtocol { message, log },
        Failure::NotReady { seconds, .. } => Failure::NotReady { seconds, log },
        Failure::Unhealthy { missed, .. } => Failure::Unhealthy { missed, log },
        other => other,
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
