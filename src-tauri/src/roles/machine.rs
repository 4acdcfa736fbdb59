//! What a role does next: a state machine over plain data. Messages go in, effects come out; it knows no
//! clock, no process and no socket.

mod answers;
mod failing;
mod message;
mod state;
mod yielding;

use std::collections::HashMap;
use std::time::Duration;

use taskpaw_contract::Role;
use taskpaw_contract::ipc::{Event, Failure};

pub(crate) use message::{Answer, Effect, Message, Stood, Timer};
use state::{Advance, Next, Standing, State};

/// From the greeting until the sidecar says that it is prepared.
pub(super) const PREPARED_WITHIN: Duration = Duration::from_secs(10);
/// How long preparing may take where a person waits for it: a cold disk, or a scanner that looks at a new program, takes some
/// tens of seconds.
pub(super) const PREPARED_PATIENTLY_WITHIN: Duration = Duration::from_secs(60);
/// From *go on*, or the last sign of life since, to the readiness line.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(10);
/// From *live*, or the last sign of life since, until the sidecar says that it is: on ports that were passed on nobody is answered
/// before.
pub(super) const LIVE_WITHIN: Duration = Duration::from_secs(10);
/// How long a prepared sidecar counts as one; after that it is prepared again.
const PREPARED_FOR: Duration = Duration::from_secs(30);
/// From the ask to stop until the kill: the backend itself gives what is under way 3 s, and an app that is told to end has 5 s.
const STOP_WITHIN: Duration = Duration::from_secs(4);
/// How often a sidecar may find that its configuration has changed when it is told to go on: a person saves it now and then.
const PREPARED_AGAIN: u8 = 5;
/// Between two health calls.
const HEALTH_EVERY: Duration = Duration::from_secs(10);
/// How many missed health calls in a row restart a backend.
const HEALTH_MISSES: u32 = 3;
/// After how much health the failures before it are forgotten.
const HEALTHY_AGAIN: Duration = Duration::from_secs(600);

/// The state of one role.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    role: Role,
    version: &'static str,
    generation: u32,
    state: State,
    failures: Vec<Duration>,
    /// How many times in a row a person was asked, and the role was then tried again all the same.
    rare: u32,
    /// Whether this attempt only finds out if it could start.
    is_ahead: bool,
    /// How long this attempt may take to be prepared.
    prepared_within: Duration,
    /// Whether a person, or the launch of the app, wants this attempt. Only such a one ends backends that were started after
    /// the one before.
    is_launch: bool,
    /// Whether the sidecar has its listening sockets before it goes on: nobody is asked for its ports then.
    has_listeners: bool,
    /// Whether it stands down as soon as it serves again.
    stands_down_next: bool,
    /// How often the sidecar has prepared itself again when it was told to go on.
    prepared_again: u8,
    standing: Standing,
    /// Why it has failed last.
    failed_for: Option<Failure>,
    /// How often each timer was armed.
    waits: HashMap<Timer, u32>,
}

impl Machine {
    /// A role that is stopped. `version` is the host's: a sidecar of another one is refused.
    pub(crate) fn new(role: Role, version: &'static str) -> Self {
        Self {
            role,
            version,
            generation: 0,
            state: State::Stopped,
            failures: Vec::new(),
            rare: 0,
            is_ahead: false,
            prepared_within: PREPARED_WITHIN,
            is_launch: false,
            has_listeners: false,
            stands_down_next: false,
            prepared_again: 0,
            standing: Standing::Placed,
            failed_for: None,
            waits: HashMap::new(),
        }
    }

    /// The number of the current attempt.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the attempt under way only finds out if the role could start.
    pub(crate) fn is_ahead(&self) -> bool {
        self.is_ahead
    }

    /// Whether the attempt under way is to serve on listening sockets that another app has passed, which has not gone yet.
    pub(super) fn follows_on_passed(&self) -> bool {
        self.has_listeners && self.standing == Standing::Follows
    }

    /// Whether a person, or the launch of the app, wants the attempt under way.
    pub(super) fn is_launch(&self) -> bool {
        self.is_launch
    }

    /// The number of the last wait for a timer. Only that one counts: a backend that stands down, comes back and stands down again
    /// within its time is the same attempt, and not late because the first time is over.
    pub(crate) fn waits(&self, timer: Timer) -> u32 {
        self.waits.get(&timer).copied().unwrap_or_default()
    }

    /// Takes a message at a time (any clock that only goes forward) and says what is to be done.
    pub(crate) fn handle(&mut self, message: Message, now: Duration) -> Vec<Effect> {
        let effects = self.take(message, now);
        for effect in &effects {
            if let Effect::Arm(timer, _) = effect {
                *self.waits.entry(*timer).or_default() += 1;
            }
        }
        effects
    }

    fn take(&mut self, message: Message, now: Duration) -> Vec<Effect> {
        match message {
            // A late answer of an old attempt.
            Message::Of(generation, _) if generation != self.generation => Vec::new(),
            // A wait after it has begun since.
            Message::Of(_, Answer::Elapsed(timer, wait)) if wait != self.waits(timer) => Vec::new(),
            Message::Of(_, answer) => self.answer(answer, now),
            Message::Prepare => self.prepare(now, PREPARED_WITHIN),
            Message::PreparePatiently => self.prepare(now, PREPARED_PATIENTLY_WITHIN),
            Message::Start => {
                self.standing = Standing::Placed;
                self.start(now)
            }
            Message::Retry | Message::ReplaceV3 => {
                self.standing = Standing::Placed;
                self.forget_failures();
                self.start(now)
            }
            Message::Restart => {
                self.standing = Standing::Placed;
                self.restart(now)
            }
            Message::GoOn(passed_by) => {
                self.standing = Standing::Follows;
                if passed_by.is_some() { self.start_with_listeners(now) } else { self.start(now) }
            }
            Message::Live => self.take_standing(Standing::GoesLive, now),
            Message::Placed => self.take_standing(Standing::Placed, now),
            Message::StandDown => self.stand_down(),
            Message::LetGo => self.let_go(),
            Message::Serve => self.serve(now),
            Message::Stop => self.stop(Next::Stay),
            Message::Quit => self.stop(Next::End),
        }
    }

    /// The app has come further on its way to the place.
    fn take_standing(&mut self, standing: Standing, now: Duration) -> Vec<Effect> {
        let was = self.standing;
        self.standing = was.max(standing);
        match &mut self.state {
            State::Ready { becoming_live, .. } if was == Standing::Follows => {
                *becoming_live = Some(Advance::begins(now));
                vec![Effect::GoLive, Effect::Arm(Timer::Live, LIVE_WITHIN)]
            }
            // Until now it was the last attempt.
            State::Failed if standing == Standing::Placed && was < Standing::Placed => self.begin(true),
            State::Failed if standing == Standing::GoesLive => {
                self.failed_for.clone().map(|failure| Effect::BecameLive(Err(failure))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether its backend acts outside, and has something to write at its end.
    fn is_live(&self) -> bool {
        let is_told = self.standing > Standing::Follows;
        is_told && matches!(self.state, State::Ready { becoming_live: None, .. })
    }

    fn prepare(&mut self, now: Duration, within: Duration) -> Vec<Effect> {
        match self.state {
            State::Stopped | State::Backoff | State::Waiting | State::Failed => {
                self.is_launch = false;
                let effects = self.begin_within(within);
                self.is_ahead = true;
                effects
            }
            State::Prepared { since } if is_stale(since, now) => {
                let mut effects = vec![Effect::Discard];
                self.is_launch = false;
                effects.extend(self.begin_within(within));
                self.is_ahead = true;
                effects
            }
            // It will be told.
            State::Preparing if self.is_ahead => Vec::new(),
            // It is prepared, or further.
            _ => vec![Effect::PreparedAhead(Ok(()))],
        }
    }

    /// A person, or the launch of the app, wants it to run.
    fn start(&mut self, now: Duration) -> Vec<Effect> {
        match &mut self.state {
            State::Stopped | State::Backoff | State::Waiting | State::Failed => self.begin(true),
            State::Preparing => {
                self.is_launch = true;
                if std::mem::take(&mut self.is_ahead) {
                    vec![Effect::PreparedAhead(Ok(()))]
                } else {
                    Vec::new()
                }
            }
            State::Prepared { since } => {
                // What has been given to it is not given again; it reads everything again in any case.
                if is_stale(*since, now) && !self.has_listeners {
                    let mut effects = vec![Effect::Discard];
                    effects.extend(self.begin(true));
                    return effects;
                }
                self.is_ahead = false;
                self.is_launch = true;
                self.get_ports(now)
            }
            State::Stopping(next) => {
                if *next != Next::End {
                    *next = Next::Start { is_launch: true };
                }
                Vec::new()
            }
            State::TakingOver
            | State::Starting(_)
            | State::Ready { .. }
            | State::StandingDown
            | State::StoodDown { .. }
            | State::Ended => Vec::new(),
        }
    }

    /// Serves on listening sockets that its sidecar was given.
    fn start_with_listeners(&mut self, now: Duration) -> Vec<Effect> {
        match self.state {
            State::Preparing | State::Prepared { .. } => {
                self.has_listeners = true;
                self.start(now)
            }
            // The sidecar that had them is gone. Another one would find the backend that keeps them in its way.
            State::Stopped | State::Backoff | State::Waiting | State::Failed => {
                let status = "it ended before it could serve".to_owned();
                self.fail(Failure::Exited { status, log: Vec::new() }, now)
            }
            _ => Vec::new(),
        }
    }

    /// What a prepared sidecar needs before it goes on.
    fn get_ports(&mut self, now: Duration) -> Vec<Effect> {
        if !self.has_listeners {
            self.state = State::TakingOver;
            return vec![Effect::TakeOver];
        }
        self.state = State::Starting(Advance::begins(now));
        vec![Effect::GoOnWithListeners, Effect::Arm(Timer::Ready, READY_WITHIN)]
    }

    fn forget_failures(&mut self) {
        self.failures.clear();
        self.rare = 0;
    }

    fn restart(&mut self, now: Duration) -> Vec<Effect> {
        self.forget_failures();
        match self.state {
            State::Starting(_) | State::Ready { .. } => self.stopping(Next::Start { is_launch: true }),
            State::TakingOver => {
                let mut effects = vec![Effect::Discard];
                effects.extend(self.begin(true));
                effects
            }
            _ => self.start(now),
        }
    }

    fn stop(&mut self, then: Next) -> Vec<Effect> {
        match &mut self.state {
            State::Starting(_)
            | State::Ready { .. }
            | State::StandingDown
            | State::StoodDown { has_sidecar: true, .. } => self.stopping(then),
            State::Stopping(next) => {
                // The part that ends the app waits for that end.
                if *next != Next::End {
                    *next = then;
                }
                Vec::new()
            }
            State::Stopped if then == Next::Stay => Vec::new(),
            State::Preparing | State::Prepared { .. } | State::TakingOver => {
                self.generation += 1; // What is under way is over.
                let mut effects = vec![Effect::Discard];
                if std::mem::take(&mut self.is_ahead) {
                    // The caller no longer waits for it.
                    effects.push(Effect::PreparedAhead(Ok(())));
                }
                effects.extend(self.stopped(then, "not running".to_owned()));
                effects
            }
            State::Stopped
            | State::Backoff
            | State::Waiting
            | State::Failed
            | State::StoodDown { has_sidecar: false, .. } => {
                self.generation += 1;
                self.stopped(then, "not running".to_owned())
            }
            State::Ended => Vec::new(),
        }
    }

    /// A new attempt.
    fn begin(&mut self, is_launch: bool) -> Vec<Effect> {
        self.is_launch = is_launch;
        self.begin_within(PREPARED_WITHIN)
    }

    fn begin_within(&mut self, within: Duration) -> Vec<Effect> {
        self.generation += 1;
        self.is_ahead = false;
        self.prepared_within = within;
        self.has_listeners = false;
        self.stands_down_next = false;
        self.prepared_again = 0;
        self.state = State::Preparing;
        vec![Effect::Prepare, Effect::Arm(Timer::Prepared, within)]
    }

    fn stopping(&mut self, next: Next) -> Vec<Effect> {
        let stands_down = std::mem::take(&mut self.stands_down_next);
        let next = match next {
            Next::Fail(_) if stands_down => Next::StandDown { served: true, resumes: true },
            next => next,
        };
        let is_live = self.is_live();
        self.state = State::Stopping(next);
        let (role, generation) = (self.role, self.generation);
        let mut effects = vec![Effect::AskToStop, Effect::Arm(Timer::Stop, STOP_WITHIN)];
        // What only finds out whether it could start is nothing that the window shows.
        if !self.is_ahead {
            effects.insert(0, Effect::Publish(Event::BackendStopping { role, generation }));
        }
        // What is not live writes nothing at its end: one that hangs must not keep the other app from the ports.
        if self.standing < Standing::Placed && !is_live {
            effects.push(Effect::Kill);
        }
        effects
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

    fn waits_for(&self, failure: Failure) -> Vec<Effect> {
        let (role, generation) = (self.role, self.generation);
        vec![Effect::Publish(Event::BackendWaiting { role, generation, failure })]
    }
}

fn is_stale(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= PREPARED_FOR
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
