//! The life of the app: from the first role that starts until all backends have ended.
//!
//! One value says where the app is in it. Starting hosts, the window's commands and the end of the program all read
//! that one, so that no two of them can disagree.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, watch};

/// Where the app is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// The app does what it is told.
    #[default]
    Running,
    /// The app changes the ports of a role, and accepts no other order that starts something.
    ChangingPorts,
    /// The app's backends stand down for a successor, or are about to serve for the first time: it accepts no order but to end.
    HandingOver,
    /// A starting host was promised its place, or its end: it shows its window to nobody any more.
    Leaving,
    /// The app's backends are being ended.
    Ending,
    /// The app's backends have ended, and the program may.
    Ended,
}

/// What happens to the app, as far as its life is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    BeginPortChange,
    FinishPortChange,
    BeginHandover,
    FinishHandover,
    Leave,
    End,
    HaveEnded,
}

impl Phase {
    /// The phase after a step; nothing if the step does not fit, or changes nothing.
    fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Running, Step::BeginPortChange) => Some(Self::ChangingPorts),
            // One that leaves meanwhile stays on its way out.
            (Self::ChangingPorts, Step::FinishPortChange) => Some(Self::Running),
            (Self::Running, Step::BeginHandover) => Some(Self::HandingOver),
            (Self::HandingOver, Step::FinishHandover) => Some(Self::Running),
            (Self::Running | Self::ChangingPorts | Self::HandingOver, Step::Leave) => Some(Self::Leaving),
            (Self::Running | Self::ChangingPorts | Self::HandingOver | Self::Leaving, Step::End) => {
                Some(Self::Ending)
            }
            (Self::Ended, Step::HaveEnded) => None,
            (_, Step::HaveEnded) => Some(Self::Ended),
            _ => None,
        }
    }
}

/// The life of the app. Its clones are the same life.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifecycle {
    phase: Arc<watch::Sender<Phase>>,
    /// A person wants the app to end that is in a handover.
    end_is_wanted: Arc<Notify>,
    /// With which status the program ends.
    status: Arc<OnceLock<i32>>,
}

/// A change of ports that is under way; its drop is the end of the change.
#[derive(Debug)]
pub(crate) struct PortChange(Lifecycle);

impl Drop for PortChange {
    fn drop(&mut self) {
        self.0.take(Step::FinishPortChange);
    }
}

/// A handover that is under way; its drop is the end of it.
#[derive(Debug)]
pub(crate) struct Handover(Lifecycle);

impl Drop for Handover {
    fn drop(&mut self) {
        self.0.take(Step::FinishHandover);
    }
}

impl Lifecycle {
    /// Begins a handover; nothing if one, or a change of ports, is under way, or the app is on its way out.
    pub(crate) fn begin_handover(&self) -> Option<Handover> {
        self.take(Step::BeginHandover).then(|| Handover(self.clone()))
    }

    /// Whether a handover is under way.
    pub(crate) fn is_handing_over(&self) -> bool {
        self.phase() == Phase::HandingOver
    }

    /// A person wants the app to end: the handover that is under way does that.
    pub(crate) fn want_end(&self) {
        self.end_is_wanted.notify_one();
    }

    /// Waits until a person wants the app to end that is in a handover.
    pub(crate) async fn until_end_is_wanted(&self) {
        self.end_is_wanted.notified().await;
    }

    /// With this status the program ends, unless another one was wanted before.
    pub(crate) fn want_status(&self, code: i32) {
        let _first_one_counts = self.status.set(code);
    }

    /// With which status the program ends.
    pub(crate) fn status(&self) -> i32 {
        self.status.get().copied().unwrap_or_default()
    }

    /// Begins a change of ports; nothing if another one is under way, or the app is on its way out.
    pub(crate) fn begin_port_change(&self) -> Option<PortChange> {
        self.take(Step::BeginPortChange).then(|| PortChange(self.clone()))
    }

    /// Whether a change of ports is under way.
    pub(crate) fn is_changing_ports(&self) -> bool {
        self.phase() == Phase::ChangingPorts
    }

    /// A starting host was promised the place of this app, or its end.
    pub(crate) fn leave(&self) {
        self.take(Step::Leave);
    }

    /// Whether the app is on its way out.
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self.phase(), Phase::Leaving | Phase::Ending | Phase::Ended)
    }

    /// The backends are to be ended: true for the first who wants that, and who then does it.
    pub(crate) fn begin_to_end(&self) -> bool {
        self.take(Step::End)
    }

    /// All backends have ended.
    pub(crate) fn have_ended(&self) {
        self.take(Step::HaveEnded);
    }

    /// Whether all backends have ended, so that the program may.
    pub(crate) fn is_ended(&self) -> bool {
        self.phase() == Phase::Ended
    }

    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Whether the step was one.
    fn take(&self, step: Step) -> bool {
        self.phase.send_if_modified(|phase| match phase.after(step) {
            Some(next) => {
                *phase = next;
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_are_changed_once_at_a_time_and_not_on_the_way_out() {
        let life = Lifecycle::default();
        let change = life.begin_port_change().unwrap();
        assert!(life.is_changing_ports() && life.begin_port_change().is_none());
        drop(change);
        assert!(!life.is_changing_ports() && life.begin_port_change().is_some());
        life.leave();
        assert!(life.begin_port_change().is_none());
    }

    #[test]
    fn the_end_of_a_change_of_ports_calls_nobody_back() {
        let life = Lifecycle::default();
        let change = life.begin_port_change().unwrap();
        life.leave();
        drop(change);
        assert!(life.is_leaving());
    }

    #[test]
    fn a_handover_is_one_at_a_time_and_an_end_of_its_own() {
        let life = Lifecycle::default();
        let handover = life.begin_handover().unwrap();
        assert!(life.is_handing_over() && !life.is_leaving());
        assert!(life.begin_handover().is_none() && life.begin_port_change().is_none());
        drop(handover);
        let _change = life.begin_port_change().unwrap();
        assert!(life.begin_handover().is_none(), "the ports are being changed");
        let ending = Lifecycle::default();
        let handover = ending.begin_handover().unwrap();
        assert!(ending.begin_to_end());
        drop(handover);
        assert!(ending.is_leaving(), "its end calls nobody back");
    }

    #[test]
    fn the_first_who_wants_the_end_does_it() {
        let life = Lifecycle::default();
        assert!(life.begin_to_end() && !life.begin_to_end());
        assert!(life.is_leaving() && !life.is_ended());
        life.have_ended();
        assert!(life.is_ended() && !life.begin_to_end());
    }

    #[test]
    fn who_was_promised_the_place_does_not_end_the_backends() {
        let life = Lifecycle::default();
        life.leave();
        assert!(life.begin_to_end(), "that is still to be done");
    }
}
