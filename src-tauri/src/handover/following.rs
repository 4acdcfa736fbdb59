//! The successor's side of a handover: what the decisions of [`::handover::Successor`] say is done here.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use ::handover::{Problem, Successor as Decisions, SuccessorEffect as Effect, SuccessorInput as Input};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::RoleFailure;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::awake::Awake;
use super::conversation::{IncumbentLine, NamedBackend, SuccessorLine, WithIncumbent, hear_if_any};
use super::yielding::optional;

/// How long the incumbent may take to stand down: its backends have four seconds.
const STOOD_DOWN_WITHIN: Duration = Duration::from_secs(6);
/// How long the own backends may take to be ready, and then to be live, since the last sign that they advance: each attempt is
/// given up before that by its role.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long the incumbent may take to give the place back, or to be gone.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
/// How often a host that is at work says so, and looks whether the place is free.
const STEP: Duration = Duration::from_millis(100);
/// How many steps there are between two signs of life.
const STEPS_PER_SIGN: u32 = 10;

/// What the app does for its side of a handover.
pub(crate) trait Follows: Send + Sync {
    /// Asks the incumbent to hand over; nothing if it does not. Bounded: one that hands over to somebody else just now is
    /// waited for.
    fn ask(&self) -> impl Future<Output = Option<WithIncumbent>> + Send;
    /// Finds out whether every role could start.
    fn prepare(&self) -> impl Future<Output = Result<(), RoleFailure>> + Send;
    /// The backends that are prepared.
    fn backends(&self) -> Vec<NamedBackend>;
    /// The roles whose listening sockets were passed and cannot be used; said once.
    fn not_taken(&self) -> Vec<Role>;
    /// Has the backends claim ports and state and serve; ends when the named roles do, or all that are on if none are
    /// named. Nothing that acts outside begins.
    fn go_on(&self, served: Option<Vec<Role>>) -> impl Future<Output = Result<(), RoleFailure>> + Send;
    /// Has the backends become live, at once; ends when those are that were waited for to serve.
    fn make_live(&self) -> impl Future<Output = Result<(), RoleFailure>> + Send;
    /// How often a backend has shown that it advances with what takes its time.
    fn advances(&self) -> u64;
    /// From now on the backends are supervised: the incumbent is gone, or has been told that the place is taken.
    fn supervise(&self);
    /// Ends the backends, at once.
    fn end_backends(&self);
    /// Takes the place, if nobody has it.
    fn take_place(&self) -> bool;
    /// Gives the place back.
    fn release_place(&self);
    /// Ends the incumbent by force, if it is proved who it is and its backends do not serve. False if they do, or if it
    /// cannot be proved.
    fn end_incumbent(&self) -> impl Future<Output = bool> + Send;
    /// Tells the person why the incumbent goes on.
    fn tell(&self, problem: Problem, failure: Option<RoleFailure>);
    /// Ends when a person wants the app to end.
    fn until_quit(&self) -> impl Future<Output = ()> + Send;
    /// Ends when a person wants another attempt.
    fn until_wanted_again(&self) -> impl Future<Output = ()> + Send;
}

/// How a handover ended for the successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// This host has the place, and its backends are live.
    Placed,
    /// This host has the place, and its backends have failed: they are started like those of any host.
    PlacedWithout,
    /// A person wants another attempt.
    Again,
    /// A person has ended it.
    Ended,
}

/// Follows the incumbent, or tells the person why not. Ends when this host has the place, or a person wants something.
pub(crate) async fn follow<A: Follows>(app: &A) -> Followed {
    let mut following = Following {
        app,
        conversation: None,
        decisions: Decisions::default(),
        deadline: None,
        served: None,
        failure: None,
    };
    following.run().await
}

struct Following<'a, A> {
    app: &'a A,
    conversation: Option<WithIncumbent>,
    decisions: Decisions,
    deadline: Option<Instant>,
    /// The roles that served under the incumbent, once it has stood down.
    served: Option<Vec<Role>>,
    /// Why a role does not serve.
    failure: Option<RoleFailure>,
}

impl<A: Follows> Following<'_, A> {
    async fn run(&mut self) -> Followed {
        let app = self.app;
        let mut preparing = std::pin::pin!(Some(app.prepare()));
        let mut asking = std::pin::pin!(None);
        let mut going_on = std::pin::pin!(None);
        let mut going_live = std::pin::pin!(None);
        let mut advances = app.advances();
        let mut ending = std::pin::pin!(None);
        let mut step = interval(STEP);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut steps = 0_u32;
        let mut awake = Awake::since(Instant::now());
        let mut inputs: VecDeque<Input> = VecDeque::new();
        loop {
            let mut begins_anew = false;
            while let Some(input) = inputs.pop_front() {
                let (decisions, effects) = self.decisions.handle(input);
                if decisions != self.decisions {
                    tracing::info!(?input, from = ?self.decisions, to = ?decisions, "handover");
                }
                self.decisions = decisions;
                for effect in effects {
                    match effect {
                        Effect::Prepare => preparing.set(Some(app.prepare())),
                        Effect::Ask => asking.set(Some(app.ask())),
                        Effect::GoOn => going_on.set(Some(app.go_on(self.served.clone()))),
                        Effect::EndIncumbent => ending.set(Some(app.end_incumbent())),
                        Effect::MakeLive => going_live.set(Some(app.make_live())),
                        Effect::EndBackends => {
                            going_on.set(None);
                            going_live.set(None);
                            app.end_backends();
                        }
                        Effect::TakePlace => inputs.push_back(Input::PlaceTaken(app.take_place())),
                        Effect::Supervise => begins_anew = true,
                        other => self.perform(other),
                    }
                }
            }
            match self.decisions {
                Decisions::Running if begins_anew => return Followed::PlacedWithout,
                Decisions::Running => {
                    app.supervise();
                    return Followed::Placed;
                }
                Decisions::Ended => return Followed::Ended,
                _ => {}
            }
            let deadline = self.deadline;
            let input = tokio::select! {
                biased;
                () = app.until_quit() => Input::Quit,
                () = app.until_wanted_again(), if matches!(self.decisions, Decisions::Failed(_)) => {
                    return Followed::Again;
                }
                prepared = optional(preparing.as_mut()) => {
                    preparing.set(None);
                    self.noted(prepared, Input::Prepared, Input::CannotPrepare)
                }
                asked = optional(asking.as_mut()) => {
                    asking.set(None);
                    match asked {
                        Some(conversation) => {
                            self.conversation = Some(conversation);
                            self.deadline = Some(Instant::now() + STOOD_DOWN_WITHIN);
                            continue;
                        }
                        None => Input::Refused,
                    }
                }
                serves = optional(going_on.as_mut()) => {
                    going_on.set(None);
                    self.noted(serves, Input::Ready, Input::BackendFailed)
                }
                live = optional(going_live.as_mut()) => {
                    going_live.set(None);
                    self.noted(live, Input::Live, Input::BackendFailed)
                }
                is_gone = optional(ending.as_mut()) => {
                    ending.set(None);
                    if is_gone { Input::IncumbentGone } else { Input::TimedOut { is_served: true } }
                }
                line = hear_if_any(self.conversation.as_mut()) => match self.heard(line) {
                    Some(input) => input,
                    None => continue,
                },
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if awake.has_slept(Instant::now()) {
                        self.deadline = Some(Instant::now() + self.patience());
                        continue;
                    }
                    self.deadline = None;
                    Input::TimedOut { is_served: false }
                }
                _ = step.tick() => {
                    if awake.has_slept(Instant::now()) && self.deadline.is_some() {
                        self.deadline = Some(Instant::now() + self.patience());
                    }
                    steps = steps.wrapping_add(1);
                    let is_at_work = matches!(self.decisions, Decisions::GoingOn | Decisions::GoingLive);
                    if steps.is_multiple_of(STEPS_PER_SIGN) && is_at_work {
                        self.say(SuccessorLine::SignOfLife);
                    }
                    // A backend that brings a long history to a new form is waited for as long as it advances.
                    let advances_by_now = app.advances();
                    if advances_by_now != advances && self.deadline.is_some() {
                        self.deadline = Some(Instant::now() + self.patience());
                    }
                    advances = advances_by_now;
                    if !self.watches_the_place() || !app.take_place() {
                        continue;
                    }
                    Input::PlaceFree
                }
            };
            inputs.push_back(input);
        }
    }

    /// Whether the place is looked at: who is left over goes on. One that has failed leaves it to the incumbent at first.
    fn watches_the_place(&self) -> bool {
        match self.decisions {
            Decisions::Preparing | Decisions::Asking | Decisions::GoingOn | Decisions::Confirmed => true,
            Decisions::Failed(_) => self.deadline.is_none(),
            Decisions::Offered
            | Decisions::GoingLive
            | Decisions::Taking(_)
            | Decisions::Alone(_)
            | Decisions::Running
            | Decisions::Ended => false,
        }
    }

    fn noted(&mut self, done: Result<(), RoleFailure>, well: Input, failed: Input) -> Input {
        match done {
            Ok(()) => well,
            Err(failure) => {
                self.failure = Some(failure);
                failed
            }
        }
    }

    /// What a line means; nothing if it is one of a later version.
    fn heard(&mut self, line: Option<IncumbentLine>) -> Option<Input> {
        match line {
            Some(IncumbentLine::StoodDown { served }) => {
                let roles = self.app.not_taken();
                if !roles.is_empty() {
                    // It says so again when it has let go of them.
                    self.say(SuccessorLine::NotTaken { roles });
                    return None;
                }
                self.served = Some(served);
                Some(Input::StoodDown)
            }
            Some(IncumbentLine::Refused) => Some(Input::Refused),
            Some(IncumbentLine::Yours) => Some(Input::Yours),
            Some(IncumbentLine::TooLate) => Some(Input::TooLate),
            Some(IncumbentLine::Quit) => Some(Input::Quit),
            // What came with it was taken where it was read.
            Some(IncumbentLine::Listeners { .. } | IncumbentLine::Unknown) => None,
            Some(IncumbentLine::Leaving) | None => {
                self.conversation = None;
                Some(Input::Disconnected)
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SayGoingOn => self.say(SuccessorLine::GoingOn { backends: self.app.backends() }),
            Effect::SayConfirmed => self.say(SuccessorLine::Confirmed),
            Effect::SayFailed => {
                self.say(SuccessorLine::Failed { because: self.failure.clone() });
            }
            Effect::SayTaken => self.say(SuccessorLine::Taken),
            Effect::SayQuit => self.say(SuccessorLine::Quit),
            Effect::Disconnect => self.conversation = None,
            Effect::Tell(problem) => self.app.tell(problem, self.failure.take()),
            Effect::ReleasePlace => self.app.release_place(),
            // The ask is bounded by itself: it may have to wait for another handover.
            Effect::Wait if self.decisions == Decisions::Asking => self.deadline = None,
            Effect::Wait => self.deadline = Some(Instant::now() + self.patience()),
            // It follows from how it ended.
            Effect::Exit => {}
            Effect::Ask
            | Effect::Prepare
            | Effect::GoOn
            | Effect::TakePlace
            | Effect::MakeLive
            | Effect::EndBackends
            | Effect::EndIncumbent
            | Effect::Supervise => {}
        }
    }

    fn patience(&self) -> Duration {
        match self.decisions {
            Decisions::Asking => STOOD_DOWN_WITHIN,
            Decisions::GoingOn | Decisions::GoingLive | Decisions::Alone(_) => READY_WITHIN,
            _ => PLACE_WITHIN,
        }
    }

    fn say(&self, line: SuccessorLine) {
        if let Some(conversation) = &self.conversation {
            conversation.say(line);
        }
    }
}
