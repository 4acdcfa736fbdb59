//! What follows when something that was begun has come to its end.

use std::time::Duration;

use taskpaw_contract::Role;
use taskpaw_contract::ipc::{Event, Failure};
use taskpaw_contract::sidecar::{BrokenLine, Line};

use super::message::{Answer, Effect, Stood, Timer};
use super::state::{Advance, Next, Standing, State};
use super::{HEALTH_EVERY, HEALTH_MISSES, HEALTHY_AGAIN, LIVE_WITHIN, Machine, PREPARED_AGAIN, READY_WITHIN};

impl Machine {
    pub(super) fn answer(&mut self, answer: Answer, now: Duration) -> Vec<Effect> {
        match (&mut self.state, answer) {
            (State::Preparing, Answer::Line(line)) => self.prepared(line, now),
            (State::Preparing, Answer::Elapsed(Timer::Prepared, _)) => {
                // It has touched nothing, and may not read what is asked of it.
                let mut effects = self.stopping(Next::Fail(not_ready(self.prepared_within)));
                effects.retain(|effect| *effect != Effect::AskToStop);
                effects.push(Effect::Kill);
                effects
            }
            // It will be prepared again.
            (State::Prepared { .. }, Answer::Exited { .. }) => {
                self.is_ahead = false;
                self.state = State::Stopped;
                Vec::new()
            }
            // So it will: nobody is asked for its ports by one that breaks the protocol.
            (State::Prepared { .. }, Answer::Line(Ok(Line::Ready(_)) | Err(_))) => {
                self.is_ahead = false;
                self.state = State::Stopped;
                vec![Effect::Discard]
            }
            (State::TakingOver, Answer::Line(line @ (Ok(Line::Ready(_)) | Err(_)))) => self.line(line, now),
            (State::TakingOver, Answer::TakenOver) => {
                self.state = State::Starting(Advance::begins(now));
                vec![Effect::GoOn, Effect::Arm(Timer::Ready, READY_WITHIN)]
            }
            (State::TakingOver, Answer::NotTakenOver(failure)) => {
                self.discard_and(|it| it.fail(failure, now))
            }
            (State::Preparing, Answer::NotTakenOver(failure) | Answer::NotSpawned(failure))
            | (State::Starting(_), Answer::NotSpawned(failure)) => self.fail(failure, now),
            // Without the place it is the app that runs that goes on.
            (State::TakingOver, Answer::Blocked(failure)) if self.standing < Standing::Placed => {
                self.discard_and(|it| it.fail(failure, now))
            }
            // No failure of a backend: nobody has to do anything here, and it is not counted.
            (State::TakingOver, Answer::Blocked(failure)) => {
                self.state = State::Waiting;
                let mut effects = vec![Effect::Discard];
                effects.extend(self.waits_for(failure));
                effects.push(Effect::Watch);
                effects
            }
            (State::Waiting, Answer::Blocked(failure)) => self.waits_for(failure),
            (State::Waiting, Answer::CanStart) => self.begin(false),
            (State::Stopping(next), Answer::NotSpawned(_)) => {
                let next = next.clone();
                self.after_exit(next, "not started".to_owned(), Vec::new(), now)
            }
            (
                State::Starting(advance) | State::Ready { becoming_live: Some(advance), .. },
                Answer::Line(Ok(Line::SignOfLife(sign))),
            ) => {
                if advance.hears(sign, now) {
                    vec![Effect::Advances]
                } else {
                    Vec::new()
                }
            }
            (State::Starting(_), Answer::Line(line)) => self.line(line, now),
            // It does not become live after all. What else it says by now is of no interest.
            (State::Ready { .. }, Answer::Line(line @ Ok(Line::StartupError(_)))) => self.line(line, now),
            (State::Starting(_), Answer::Confirmed { backend, ports }) => {
                self.has_listeners = false;
                let is_told = self.standing > Standing::Follows;
                let becoming_live = is_told.then(|| Advance::begins(now));
                self.state = State::Ready { since: now, heard: now, missed: 0, becoming_live };
                let (role, generation) = (self.role, self.generation);
                let ready = Effect::Publish(Event::BackendReady { role, generation, backend, ports });
                let mut effects = vec![ready, Effect::Arm(Timer::Health, HEALTH_EVERY)];
                if is_told {
                    effects.insert(0, Effect::GoLive);
                    effects.push(Effect::Arm(Timer::Live, LIVE_WITHIN));
                }
                if std::mem::take(&mut self.stands_down_next) {
                    effects.extend(self.stand_down());
                }
                effects
            }
            (State::Starting(_), Answer::Elapsed(Timer::StandDown, _)) if self.stands_down_next => {
                self.end_to_stand_down()
            }
            (State::Ready { becoming_live, .. }, Answer::Line(Ok(Line::Live))) => {
                *becoming_live = None;
                let is_awaited = self.standing == Standing::GoesLive;
                if is_awaited { vec![Effect::BecameLive(Ok(()))] } else { Vec::new() }
            }
            (State::Ready { becoming_live: Some(advance), .. }, Answer::Elapsed(Timer::Live, _)) => {
                if let Some(left) = advance.left_of(LIVE_WITHIN, now) {
                    return vec![Effect::Arm(Timer::Live, left)];
                }
                // It answers nobody, and the caller has waited long enough.
                let mut effects = self.stopping(Next::Fail(not_ready(LIVE_WITHIN)));
                effects.push(Effect::Kill);
                effects
            }
            (State::Starting(_), Answer::NotConfirmed(failure)) => self.stopping(Next::Fail(failure)),
            (State::Starting(advance), Answer::Elapsed(Timer::Ready, _)) => {
                if let Some(left) = advance.left_of(READY_WITHIN, now) {
                    return vec![Effect::Arm(Timer::Ready, left)];
                }
                self.stopping(Next::Fail(not_ready(READY_WITHIN)))
            }
            (State::Starting(_) | State::Ready { .. }, Answer::Exited { status, log }) => {
                self.fail(Failure::Exited { status, log }, now)
            }
            (State::Preparing, Answer::Exited { status, log }) => {
                self.fail(Failure::Exited { status, log }, now)
            }
            // With the place another one is started, which takes all steps at once. Without it none may be live.
            (State::TakingOver, Answer::Exited { status, log }) if self.standing < Standing::Placed => {
                self.fail(Failure::Exited { status, log }, now)
            }
            // From call to call: one that is not answered does not put off the next.
            (State::Ready { .. }, Answer::Elapsed(Timer::Health, _)) => {
                vec![Effect::CheckHealth, Effect::Arm(Timer::Health, HEALTH_EVERY)]
            }
            (State::Ready { since, heard, missed, .. }, Answer::Healthy(true)) => {
                *missed = 0;
                *heard = now;
                if now.saturating_sub(*since) >= HEALTHY_AGAIN {
                    self.forget_failures();
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
            (State::StandingDown, Answer::Line(Ok(Line::StoodDown))) => vec![Effect::PassListeners],
            (State::StandingDown, Answer::Line(Ok(Line::ListenersPassed))) => self.stood_down(true, true),
            // It cannot pass them.
            (State::StandingDown, Answer::Line(Ok(Line::ListenersClosed))) => self.stood_down(true, false),
            (State::StoodDown { keeps_ports, .. }, Answer::Line(Ok(Line::ListenersClosed))) => {
                *keeps_ports = false;
                vec![Effect::StoodDown(Stood { served: true, keeps_ports: false })]
            }
            (State::StoodDown { keeps_ports: true, .. }, Answer::Elapsed(Timer::LetGo, _)) => {
                self.end_to_stand_down()
            }
            // It was told while it went live, and refused.
            (State::StandingDown, Answer::Line(Ok(Line::Live))) => vec![Effect::StandDown],
            (State::StandingDown, Answer::Line(Ok(Line::SignOfLife(_) | Line::Refused(_)))) => Vec::new(),
            // Its end lets go of everything, too.
            (State::StandingDown, Answer::Line(_) | Answer::Elapsed(Timer::StandDown, _)) => {
                self.end_to_stand_down()
            }
            (State::StandingDown, Answer::Exited { .. }) => self.stood_down(false, false),
            (State::StoodDown { has_sidecar, keeps_ports }, Answer::Exited { .. }) => {
                *has_sidecar = false;
                if !std::mem::take(keeps_ports) {
                    return Vec::new();
                }
                // The host that waits for its ports has them, too.
                vec![Effect::StoodDown(Stood { served: true, keeps_ports: false })]
            }
            (State::Stopping(_), Answer::Elapsed(Timer::Stop, _)) => vec![Effect::Kill],
            (State::Stopping(next), Answer::Exited { status, log }) => {
                let next = next.clone();
                self.after_exit(next, status, log, now)
            }
            (State::Backoff | State::Failed, Answer::Elapsed(Timer::Backoff, _)) => self.begin(false),
            // An answer that came when it was no longer waited for.
            _ => Vec::new(),
        }
    }

    /// What it says while it prepares itself.
    pub(super) fn prepared(&mut self, line: Result<Line, BrokenLine>, now: Duration) -> Vec<Effect> {
        let Ok(Line::Prepared(prepared)) = line else { return self.line(line, now) };
        if let Err(failure) = self.expected(prepared.role, prepared.version) {
            return self.stopping(Next::Fail(failure));
        }
        if self.is_ahead {
            self.state = State::Prepared { since: now };
            return vec![Effect::PreparedAhead(Ok(()))];
        }
        self.get_ports(now)
    }

    /// What it says after it was told to go on, or in place of being prepared.
    pub(super) fn line(&mut self, line: Result<Line, BrokenLine>, now: Duration) -> Vec<Effect> {
        let failure = match line {
            // Its configuration has changed since: the ports may be others, and are looked at again.
            Ok(Line::Prepared(_)) if self.prepared_again < PREPARED_AGAIN => {
                self.prepared_again += 1;
                return self.get_ports(now);
            }
            Ok(Line::Ready(ready)) => match self.expected(ready.role, ready.version.clone()) {
                Ok(()) if matches!(self.state, State::Starting(_)) => {
                    return vec![Effect::Confirm(ready)];
                }
                Ok(()) => broken("it is ready before it was told to go on".to_owned()),
                Err(failure) => failure,
            },
            Ok(Line::StartupError(error)) => {
                Failure::StartupError { code: error.code, message: error.message, port: error.port }
            }
            Ok(other) => broken(format!("it says what nobody has asked for: {other:?}")),
            Err(line) => broken(line.to_string()),
        };
        self.stopping(Next::Fail(failure))
    }

    /// Whether a sidecar is what was started.
    pub(super) fn expected(&self, role: Role, version: String) -> Result<(), Failure> {
        if role != self.role {
            return Err(broken(format!("it is the {role}, not the {}", self.role)));
        }
        if version != self.version {
            return Err(Failure::WrongVersion { backend: version });
        }
        Ok(())
    }

    pub(super) fn discard_and(&mut self, then: impl FnOnce(&mut Self) -> Vec<Effect>) -> Vec<Effect> {
        let mut effects = vec![Effect::Discard];
        effects.extend(then(self));
        effects
    }
}

fn not_ready(within: Duration) -> Failure {
    Failure::NotReady { seconds: u32::try_from(within.as_secs()).unwrap_or(u32::MAX), log: Vec::new() }
}

fn broken(message: String) -> Failure {
    Failure::BrokenProtocol { message, log: Vec::new() }
}
