//! The incumbent's side of a handover: what the decisions of [`::handover::Incumbent`] say is done here.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use ::handover::{Incumbent as Decisions, IncumbentEffect as Effect, IncumbentInput as Input};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::RoleFailure;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::awake::{Awake, STEP};
use super::conversation::{Collect, IncumbentLine, NamedBackend, SuccessorLine, WithSuccessor, hear_if_any};

/// How long the backends may take to stand down: each gives what is under way a second.
const STAND_DOWN_WITHIN: Duration = Duration::from_secs(4);
/// How long the successor may be silent: it gives its backends ten seconds to be ready, and says once a second that it is
/// at work.
const SUCCESSOR_WITHIN: Duration = Duration::from_secs(15);
/// How long it may take to take the place and to say each time that its backends are on their way to live, or to end.
const TAKE_WITHIN: Duration = Duration::from_secs(5);

/// A backend that has stood down and keeps its listening sockets.
pub(crate) struct Offer {
    /// The backend that has stood down.
    pub(crate) backend: NamedBackend,
    /// Gets the copies that it has given to this host.
    pub(crate) sockets: Collect,
}

/// How the backends have stood down.
#[derive(Default)]
pub(crate) struct StoodDown {
    /// The roles that served.
    pub(crate) served: Vec<Role>,
    /// What the successor may take.
    pub(crate) offers: Vec<Offer>,
}

/// What the app does for its side of a handover.
pub(crate) trait Yields: Send + Sync {
    /// Has the backends stand down: they hold no state afterwards, and no port that is not offered. Nothing if one does not
    /// stand down.
    fn stand_down(&self) -> impl Future<Output = Option<StoodDown>> + Send;
    /// Has backends that have stood down let go of their listening sockets: the successor cannot use them.
    fn let_go(&self, roles: Vec<Role>) -> impl Future<Output = ()> + Send;
    /// Has the backends serve that stood down.
    fn serve(&self);
    /// Ends backends of the successor, if they still hold a port or the state.
    fn end_backends_of_successor(&self, backends: Vec<NamedBackend>) -> impl Future<Output = ()> + Send;
    /// Gives the place back for the successor.
    fn lend_place(&self);
    /// Takes the place back, if nobody has it.
    fn take_place_back(&self) -> bool;
    /// Ends when a person wants the app to end.
    fn until_quit(&self) -> impl Future<Output = ()> + Send;
}

/// How a handover ended for the incumbent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yielded {
    /// The successor has the place, or a person has ended both: this app ends.
    Over,
    /// This app goes on.
    GoesOn {
        /// What the successor said of its failure.
        because: Option<RoleFailure>,
    },
}

/// Hands over to the host at the other end, or goes on. Bounded, unless the disk or the system hangs.
pub(crate) async fn yield_to<A: Yields>(app: &A, conversation: WithSuccessor) -> Yielded {
    let mut yielding = Yielding {
        app,
        conversation: Some(conversation),
        decisions: Decisions::default(),
        deadline: None,
        named: Vec::new(),
        served: Vec::new(),
        offers: Vec::new(),
        not_taken: Vec::new(),
        because: None,
    };
    yielding.run().await
}

struct Yielding<'a, A> {
    app: &'a A,
    conversation: Option<WithSuccessor>,
    decisions: Decisions,
    deadline: Option<Instant>,
    /// The successor's backends, as it named them.
    named: Vec<NamedBackend>,
    /// The roles that served when it began.
    served: Vec<Role>,
    /// What was not offered yet.
    offers: Vec<Offer>,
    /// What the successor cannot use.
    not_taken: Vec<Role>,
    /// Why the successor has failed.
    because: Option<RoleFailure>,
}

impl<A: Yields> Yielding<'_, A> {
    async fn run(&mut self) -> Yielded {
        let app = self.app;
        let mut standing_down = std::pin::pin!(None);
        let mut letting_go = std::pin::pin!(None);
        let mut ending = std::pin::pin!(None);
        let mut inputs = VecDeque::from([Input::Asked]);
        let mut step = interval(STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut awake = Awake::since(Instant::now());
        loop {
            while let Some(input) = inputs.pop_front() {
                let (decisions, effects) = self.decisions.handle(input);
                tracing::info!(?input, from = ?self.decisions, to = ?decisions, "handover");
                self.decisions = decisions;
                for effect in effects {
                    match effect {
                        Effect::StandDown => standing_down.set(Some(app.stand_down())),
                        Effect::EndSuccessorBackends => {
                            ending.set(Some(app.end_backends_of_successor(std::mem::take(&mut self.named))));
                        }
                        Effect::TakePlace => inputs.push_back(Input::PlaceTaken(app.take_place_back())),
                        other => self.perform(other),
                    }
                }
            }
            match self.decisions {
                Decisions::Ended => return Yielded::Over,
                Decisions::Serving => return Yielded::GoesOn { because: self.because.take() },
                _ => {}
            }
            if !self.not_taken.is_empty() {
                letting_go.set(Some(app.let_go(std::mem::take(&mut self.not_taken))));
            }
            let deadline = self.deadline;
            let input = tokio::select! {
                biased;
                stood = optional(standing_down.as_mut()) => {
                    standing_down.set(None);
                    match stood {
                        Some(StoodDown { served, offers }) => {
                            (self.served, self.offers) = (served, offers);
                            Input::BackendsStoodDown
                        }
                        None => Input::BackendsCannotStandDown,
                    }
                }
                () = optional(letting_go.as_mut()) => {
                    letting_go.set(None);
                    self.say(IncumbentLine::StoodDown { served: self.served.clone() });
                    continue;
                }
                () = optional(ending.as_mut()) => {
                    ending.set(None);
                    Input::SuccessorBackendsGone
                }
                () = app.until_quit(), if self.may_be_ended() => Input::Quit,
                line = hear_if_any(self.conversation.as_mut()) => self.heard(line),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if awake.has_slept(Instant::now()) {
                        self.deadline = Some(Instant::now() + self.patience());
                        continue;
                    }
                    self.deadline = None;
                    Input::TimedOut
                }
                _ = step.tick() => {
                    if awake.has_slept(Instant::now()) && self.deadline.is_some() {
                        self.deadline = Some(Instant::now() + self.patience());
                    }
                    continue;
                }
            };
            inputs.push_back(input);
        }
    }

    /// Whether a wish to end was not heard yet.
    fn may_be_ended(&self) -> bool {
        !matches!(self.decisions, Decisions::Quitting | Decisions::Ended)
    }

    fn heard(&mut self, line: Option<SuccessorLine>) -> Input {
        match line {
            Some(SuccessorLine::GoingOn { backends }) => {
                self.named = backends;
                Input::GoingOn
            }
            Some(SuccessorLine::NotTaken { roles }) => {
                // Nothing was passed before, and nothing can be let go of later.
                if self.decisions == Decisions::StoodDown {
                    tracing::warn!(?roles, "the other TaskPaw cannot use the ports that were passed");
                    self.not_taken = roles;
                }
                Input::SignOfLife
            }
            Some(SuccessorLine::SignOfLife | SuccessorLine::Unknown) => Input::SignOfLife,
            Some(SuccessorLine::Confirmed) => Input::Confirmed,
            Some(SuccessorLine::Failed { because }) => {
                self.because = because;
                Input::Failed
            }
            Some(SuccessorLine::Taken) => Input::Taken,
            Some(SuccessorLine::Quit) => Input::Quit,
            Some(SuccessorLine::Leaving) | None => {
                self.conversation = None;
                Input::Disconnected
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SayStoodDown => {
                for Offer { backend, sockets } in std::mem::take(&mut self.offers) {
                    if let Some(conversation) = &self.conversation {
                        conversation.say_with(IncumbentLine::Listeners { backend }, sockets);
                    }
                }
                self.say(IncumbentLine::StoodDown { served: self.served.clone() });
            }
            Effect::SayRefused => self.say(IncumbentLine::Refused),
            Effect::SayYours => self.say(IncumbentLine::Yours),
            Effect::SayTooLate => self.say(IncumbentLine::TooLate),
            Effect::SayQuit => self.say(IncumbentLine::Quit),
            Effect::ReleasePlace => self.app.lend_place(),
            Effect::Disconnect => self.conversation = None,
            Effect::Serve => self.app.serve(),
            Effect::Wait => self.deadline = Some(Instant::now() + self.patience()),
            // Both follow from how it ended.
            Effect::EndBackends | Effect::Exit => {}
            Effect::StandDown | Effect::EndSuccessorBackends | Effect::TakePlace => {}
        }
    }

    fn patience(&self) -> Duration {
        match self.decisions {
            Decisions::StandingDown => STAND_DOWN_WITHIN,
            Decisions::StoodDown => SUCCESSOR_WITHIN,
            _ => TAKE_WITHIN,
        }
    }

    fn say(&self, line: IncumbentLine) {
        if let Some(conversation) = &self.conversation {
            conversation.say(line);
        }
    }
}

/// What a future gives, if there is one.
pub(super) async fn optional<F: Future>(future: std::pin::Pin<&mut Option<F>>) -> F::Output {
    match future.as_pin_mut() {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
