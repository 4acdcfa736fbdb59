//! What a change of ports does next: a state machine over plain data. What happened goes in, what is to be
//! done comes out; it knows no file, no process and no clock.

use taskpaw_contract::ipc::{Apply, ApplyStep, Failure, PortView};

/// Why the wanted ports cannot be had.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reason {
    pub(crate) failure: Failure,
    /// The ports with their states, where one of them is the reason.
    pub(crate) ports: Vec<PortView>,
}

impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        Self { failure, ports: Vec::new() }
    }
}

/// The inputs of a change of ports.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// The wanted ports were looked at.
    Checked(Result<(), Reason>),
    /// The new configuration was written.
    Saved(Result<(), Reason>),
    /// The old backend has ended, and a start on the configured ports began.
    Starting,
    /// A backend is ready, and it is the one that listens on these ports.
    Ready(Vec<PortView>),
    /// The start failed.
    Failed(Reason),
    /// The role was stopped by a person, or by the end of the app.
    Stopped,
    /// Whether the backend that is ready is the one that was meant.
    Confirmed(Result<(), Reason>),
    /// The old configuration was written again.
    Restored,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Tell the window.
    Tell(Apply),
    /// Look at the wanted ports: ends in `Checked`.
    Check,
    /// Write the new configuration, after a note of the old one: ends in `Saved`.
    Save,
    /// Stop the role if it runs and start it: ends in `Starting`, then `Ready` or `Failed`; or in `Stopped`.
    Restart,
    /// Ask the backend on the new ports: ends in `Confirmed`.
    Confirm(Vec<PortView>),
    /// Forget the note of the old configuration.
    Keep,
    /// Write the old configuration again, and forget the note of it: ends in `Restored`.
    Restore,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Checking,
    Saving,
    Stopping,
    Starting,
    Confirming,
    RollingBack { reason: Option<Reason>, restart: bool, is_restored: bool },
    Ended,
}

/// One change of the ports of one role.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Whether the change stays after the app has ended.
    keep: bool,
    /// Whether the role runs, or tries to. One that does not is not started for this.
    is_running: bool,
    state: State,
}

impl Machine {
    /// A change that begins, and the first things to do.
    pub(crate) fn begin(keep: bool, is_running: bool) -> (Self, Vec<Effect>) {
        let machine = Self { keep, is_running, state: State::Checking };
        let effects = vec![machine.tell(ApplyStep::Checking, None), Effect::Check];
        (machine, effects)
    }

    /// Takes what happened and says what is to be done.
    pub(crate) fn handle(&mut self, heard: Heard) -> Vec<Effect> {
        match (&mut self.state, heard) {
            (State::Checking, Heard::Checked(Ok(()))) => {
                self.state = State::Saving;
                vec![self.tell(ApplyStep::Saving, None), Effect::Save]
            }
            (State::Checking, Heard::Checked(Err(reason))) => self.end(ApplyStep::Refused, Some(reason)),
            (State::Saving, Heard::Saved(Ok(()))) if self.is_running => {
                self.state = State::Stopping;
                vec![self.tell(ApplyStep::Stopping, None), Effect::Restart]
            }
            // Nobody runs who could show that the ports are good; the look at them has to do.
            (State::Saving, Heard::Saved(Ok(()))) => self.kept(),
            // Nothing was written, or it is not sure: the old configuration is written in any case.
            (State::Saving, Heard::Saved(Err(reason))) => self.roll_back(Some(reason), false),
            (State::Stopping, Heard::Starting) => {
                self.state = State::Starting;
                vec![self.tell(ApplyStep::Starting, None)]
            }
            (State::Stopping | State::Starting, Heard::Ready(ports)) => {
                self.state = State::Confirming;
                vec![self.tell(ApplyStep::Confirming, None), Effect::Confirm(ports)]
            }
            (State::Confirming, Heard::Confirmed(Ok(()))) => self.kept(),
            (State::Stopping | State::Starting | State::Confirming, Heard::Failed(reason))
            | (State::Confirming, Heard::Confirmed(Err(reason))) => self.roll_back(Some(reason), true),
            (State::Stopping | State::Starting | State::Confirming, Heard::Stopped) => {
                self.roll_back(None, false)
            }
            (State::RollingBack { restart: true, is_restored, .. }, Heard::Restored) => {
                *is_restored = true;
                vec![Effect::Restart]
            }
            (State::RollingBack { reason, .. }, Heard::Restored) => {
                let reason = reason.take();
                self.end(ApplyStep::RolledBack, reason)
            }
            // However the start on the old ports comes out, it is the role's own matter now: the role says
            // what is wrong, and tries again by itself.
            (
                State::RollingBack { reason, is_restored: true, .. },
                Heard::Ready(_) | Heard::Failed(_) | Heard::Stopped,
            ) => {
                let reason = reason.take();
                self.end(ApplyStep::RolledBack, reason)
            }
            // What was heard when it was no longer waited for.
            _ => Vec::new(),
        }
    }

    /// Whether nothing follows.
    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    fn kept(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::Keep];
        effects.extend(self.end(ApplyStep::Kept, None));
        effects
    }

    fn roll_back(&mut self, reason: Option<Reason>, restart: bool) -> Vec<Effect> {
        let told = self.tell(ApplyStep::RollingBack, reason.clone());
        self.state = State::RollingBack { reason, restart, is_restored: false };
        vec![told, Effect::Restore]
    }

    fn end(&mut self, step: ApplyStep, reason: Option<Reason>) -> Vec<Effect> {
        self.state = State::Ended;
        vec![self.tell(step, reason)]
    }

    fn tell(&self, step: ApplyStep, reason: Option<Reason>) -> Effect {
        let (reason, ports) = match reason {
            Some(Reason { failure, ports }) => (Some(failure), ports),
            None => (None, Vec::new()),
        };
        Effect::Tell(Apply { step, keep: self.keep, reason, ports })
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
