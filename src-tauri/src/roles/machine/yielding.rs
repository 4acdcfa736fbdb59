//! Standing down for another app, and serving again.

use std::time::Duration;

use taskpaw_contract::ipc::Event;

use super::Machine;
use super::message::{Effect, Stood, Timer};
use super::state::{Next, Standing, State};

/// From *stand down* until the listening sockets are closed: the backend gives what is under way a second.
pub(super) const STAND_DOWN_WITHIN: Duration = Duration::from_secs(2);

impl Machine {
    /// Lets go of ports and state for another app.
    pub(super) fn stand_down(&mut self) -> Vec<Effect> {
        let resumes = !matches!(self.state, State::Stopped | State::Failed | State::Ended);
        match &mut self.state {
            State::Ready { .. } => {
                self.state = State::StandingDown;
                vec![Effect::StandDown, Effect::Arm(Timer::StandDown, STAND_DOWN_WITHIN)]
            }
            // It comes back to its ports, for clients that wait there: ended now, it would refuse them.
            State::Starting(_) if self.has_listeners && self.standing == Standing::Placed => {
                self.stands_down_next = true;
                vec![Effect::Arm(Timer::StandDown, STAND_DOWN_WITHIN)]
            }
            State::Starting(_) => self.stopping(Next::StandDown { served: false, resumes }),
            State::Stopping(next) => {
                if *next != Next::End {
                    let resumes = *next != Next::Stay;
                    *next = Next::StandDown { served: false, resumes };
                }
                Vec::new()
            }
            State::Preparing
            | State::Prepared { .. }
            | State::TakingOver
            | State::Backoff
            | State::Waiting => {
                self.generation += 1; // What is under way is over.
                self.is_ahead = false;
                let mut effects = vec![Effect::Discard];
                effects.extend(self.stand_by(false, false));
                effects.push(Effect::StoodDown(Stood::IDLE));
                effects
            }
            // It will be told.
            State::StandingDown => Vec::new(),
            State::Stopped | State::Failed | State::Ended | State::StoodDown { .. } => {
                vec![Effect::StoodDown(Stood::IDLE)]
            }
        }
    }

    /// Lets go of listening sockets that nobody takes.
    pub(super) fn let_go(&mut self) -> Vec<Effect> {
        match self.state {
            State::StoodDown { has_sidecar: true, keeps_ports: true } => {
                vec![Effect::CloseListeners, Effect::Arm(Timer::LetGo, STAND_DOWN_WITHIN)]
            }
            // It will be told.
            State::Stopping(Next::StandDown { .. }) => Vec::new(),
            _ => vec![Effect::StoodDown(Stood { served: true, keeps_ports: false })],
        }
    }

    /// Ends a sidecar that does not let go in time: its end does, too.
    pub(super) fn end_to_stand_down(&mut self) -> Vec<Effect> {
        let mut effects = self.stopping(Next::StandDown { served: true, resumes: true });
        effects.push(Effect::Kill);
        effects
    }

    /// Serves again, if it stood down. It is the same step as the first time.
    pub(super) fn serve(&mut self, now: Duration) -> Vec<Effect> {
        match &mut self.state {
            State::StoodDown { has_sidecar: true, keeps_ports } => {
                self.has_listeners = *keeps_ports;
                self.prepared_again = 0;
                self.is_launch = false;
                self.get_ports(now)
            }
            State::StoodDown { has_sidecar: false, .. } => self.begin(false),
            State::Stopping(next @ Next::StandDown { .. }) => {
                *next = Next::Start { is_launch: false };
                Vec::new()
            }
            State::Starting(_) => {
                self.stands_down_next = false;
                Vec::new()
            }
            // One that is still letting go is ended, and restarted.
            State::StandingDown => {
                let mut effects = self.stopping(Next::Start { is_launch: false });
                effects.push(Effect::Kill);
                effects
            }
            _ => Vec::new(),
        }
    }

    /// The sidecar has let go of everything but its listening sockets at most, and served before.
    pub(super) fn stood_down(&mut self, has_sidecar: bool, keeps_ports: bool) -> Vec<Effect> {
        let mut effects = self.stand_by(has_sidecar, keeps_ports);
        effects.push(Effect::StoodDown(Stood { served: true, keeps_ports }));
        effects
    }

    pub(super) fn stand_by(&mut self, has_sidecar: bool, keeps_ports: bool) -> Vec<Effect> {
        self.state = State::StoodDown { has_sidecar, keeps_ports };
        let (role, generation) = (self.role, self.generation);
        vec![Effect::Publish(Event::BackendStoodDown { role, generation })]
    }
}
