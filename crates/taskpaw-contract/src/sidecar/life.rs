//! The life of a sidecar, whoever starts it: `prepared ⇄ serving → live`. Pure: what happens goes in, what is to be done
//! comes out; it knows no clock, no process and no socket.
//!
//! - *prepared*: configuration and state were read and can be used. Nothing is written, bound, held or watched.
//! - *serving*: the ports are claimed and requests are answered. Until the host has the place, every file keeps its form and
//!   nothing acts outside.
//! - *live*: everything that a backend is for.
//!
//! To stand down leads back to *prepared*, and to serve again is the same step as the first time.

use serde::{Deserialize, Serialize};

use super::step::{GoOn, Step, StepError};

/// How far a sidecar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// The sidecar reads its configuration, and looks at its state.
    Preparing,
    /// The sidecar can serve and has touched nothing; or it has stood down.
    Prepared,
    /// The sidecar claims its ports and opens its state.
    GoingOn,
    /// The sidecar answers requests.
    Serving,
    /// The sidecar serves, and begins everything that acts outside.
    GoingLive,
    /// The sidecar does everything that it is for.
    Live,
    /// The sidecar lets go of everything but its listening sockets.
    StandingDown,
    /// The sidecar has ended, or is about to.
    Ended,
}

/// What a sidecar hears, from its host and from itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The host asks for this, or for something that is not a step.
    Asked(Result<Step, StepError>),
    /// The host is gone.
    HostGone,
    /// A signal or the control call asks to stop.
    Stop,
    /// What was under way has come to its end: the state that it led to is reached.
    Done,
    /// What was under way has failed.
    Failed,
    /// A port is served no more, and nobody has asked for that.
    PortLost,
    /// Whether the host was given copies of the listening sockets.
    Passed(bool),
    /// Going on found another configuration than the one that was prepared. Nothing was claimed.
    OtherConfig,
}

/// What a sidecar is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read the configuration and look at the state: ends in `Done` or `Failed`.
    Prepare,
    /// Claim the ports, open the state, serve: ends in `Done`, `Failed` or `OtherConfig`.
    GoOn(GoOn),
    /// Begin everything that acts outside: ends in `Done` or `Failed`.
    MakeLive,
    /// Let go of everything but the listening sockets: ends in `Done` or `Failed`.
    StandDown,
    /// Let go of the listening sockets.
    CloseListeners,
    /// Give the host copies of the listening sockets: ends in `Passed`.
    PassListeners,
    /// Keep the listening sockets that came with the step, until it goes on.
    TakeListeners,
    /// Tell the host that this was reached.
    Say(Reached),
    /// Tell the host that a step is not for now, or is none.
    Refuse(Refusal),
    /// End at once: nothing is written any more, nobody is waited for.
    EndAtOnce,
    /// Answer what is under way, write what is not on the disk yet, and end: with status 1 if something has failed.
    End,
    /// Say what has failed, and end with status 1.
    Fail,
}

/// What a host is told was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// `taskpaw_prepared`
    Prepared,
    /// `taskpaw_ready`
    Ready,
    /// `taskpaw_live`
    Live,
    /// `taskpaw_stood_down`
    StoodDown,
    /// `taskpaw_listeners_closed`
    ListenersClosed,
    /// `taskpaw_listeners_passed`
    ListenersPassed,
}

/// Why a step is not taken. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The version of this line: 1.
    pub taskpaw_refused: u32,
    /// What was asked for; empty if it was not a step.
    pub step: String,
    /// What kind of reason it is.
    pub code: RefusalCode,
    /// How far the sidecar is.
    pub state: Life,
}

/// The kinds of reasons why a step is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The step is not for this state.
    WrongState,
    /// This version knows no such step.
    UnknownStep,
    /// The line is none of the protocol.
    BrokenLine,
}

impl Life {
    /// A sidecar that has been greeted, and what it does first.
    #[must_use]
    pub fn begin() -> (Self, Vec<Effect>) {
        (Self::Preparing, vec![Effect::Prepare])
    }

    /// Takes an input; gives the state after it, and what is to be done.
    #[must_use]
    pub fn handle(self, input: Input) -> (Self, Vec<Effect>) {
        use Reached as To;

        match (self, input) {
            (Self::Ended, _) => (self, Vec::new()),

            (Self::Prepared, Input::Asked(Ok(Step::GoOn(with)))) => (Self::GoingOn, vec![Effect::GoOn(with)]),
            (Self::Prepared, Input::Asked(Ok(Step::CloseListeners))) => {
                (self, vec![Effect::CloseListeners, Effect::Say(To::ListenersClosed)])
            }
            (Self::Prepared, Input::Asked(Ok(Step::PassListeners))) => (self, vec![Effect::PassListeners]),
            (Self::Prepared, Input::Passed(true)) => (self, vec![Effect::Say(To::ListenersPassed)]),
            // Nobody else has them: they are in the way of the backend that serves next.
            (Self::Prepared, Input::Passed(false)) => {
                (self, vec![Effect::CloseListeners, Effect::Say(To::ListenersClosed)])
            }
            (Self::Prepared, Input::Asked(Ok(Step::TakeListeners))) => (self, vec![Effect::TakeListeners]),
            (Self::Serving, Input::Asked(Ok(Step::Live))) => (Self::GoingLive, vec![Effect::MakeLive]),
            (Self::Serving | Self::Live, Input::Asked(Ok(Step::StandDown))) => {
                (Self::StandingDown, vec![Effect::StandDown])
            }
            (_, Input::Asked(asked)) => (self, vec![Effect::Refuse(self.refusal(asked))]),

            (Self::Preparing, Input::Done) => (Self::Prepared, vec![Effect::Say(To::Prepared)]),
            (Self::GoingOn, Input::Done) => (Self::Serving, vec![Effect::Say(To::Ready)]),
            (Self::GoingOn, Input::OtherConfig) => (Self::Preparing, vec![Effect::Prepare]),
            (Self::GoingLive, Input::Done) => (Self::Live, vec![Effect::Say(To::Live)]),
            (Self::StandingDown, Input::Done) => (Self::Prepared, vec![Effect::Say(To::StoodDown)]),
            // Whatever cannot be done: only the end of the process makes certain that nothing of it is left.
            (Self::Preparing | Self::GoingOn | Self::GoingLive | Self::StandingDown, Input::Failed) => {
                (Self::Ended, vec![Effect::Fail])
            }

            // Half a backend is none: another one can be started in its place. What is not on the disk yet is written.
            (Self::Live, Input::PortLost) => (Self::Ended, vec![Effect::End]),
            (Self::Serving, Input::PortLost) => (Self::Ended, vec![Effect::Fail]),

            (Self::Live, Input::HostGone | Input::Stop) => (Self::Ended, vec![Effect::End]),
            (_, Input::HostGone | Input::Stop) => (Self::Ended, vec![Effect::EndAtOnce]),

            // Nothing was under way.
            (Self::Prepared | Self::Serving | Self::Live, Input::Done | Input::Failed)
            | (_, Input::OtherConfig | Input::Passed(_) | Input::PortLost) => (self, Vec::new()),
        }
    }

    fn refusal(self, asked: Result<Step, StepError>) -> Refusal {
        let (step, code) = match asked {
            Ok(step) => (step.name().to_owned(), RefusalCode::WrongState),
            Err(StepError::Unknown(name)) => (name, RefusalCode::UnknownStep),
            Err(StepError::Broken) => (String::new(), RefusalCode::BrokenLine),
        };
        Refusal { taskpaw_refused: 1, step, code, state: self }
    }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
