//! The side that runs: it stands down when it is asked, and serves again unless its successor has taken the place.

/// How far a handover has come, for the host that holds the place when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Incumbent {
    /// Nobody has asked: its backends serve.
    #[default]
    Serving,
    /// The incumbent's backends have been told to stand down.
    StandingDown,
    /// The incumbent's backends have stood down, and the successor may go on.
    StoodDown,
    /// The place was given back, and the successor has not said that it has it and serves: the backends keep what they need to
    /// serve again.
    Yielded,
    /// The successor has failed or is gone before its backends were live: this host tries to take the place back.
    TakingBack,
    /// This host has the place, and what is left of the successor's backends is being ended.
    Returning,
    /// The person has ended the handover and both hosts: waits for the successor to go first.
    Quitting,
    /// The successor has the place, or a person has ended both: this host ends.
    Ended,
}

/// What the incumbent hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncumbentInput {
    /// A successor that has prepared its backends asks for the place.
    Asked,
    /// The backends have stood down: they hold no state, and at most their listening sockets.
    BackendsStoodDown,
    /// A backend does not stand down, or has ended instead.
    BackendsCannotStandDown,
    /// The successor names its backends, which go on now.
    GoingOn,
    /// The successor is still at work.
    SignOfLife,
    /// The successor's backends serve.
    Confirmed,
    /// The successor's backends have failed.
    Failed,
    /// The successor has the place, and its backends are live.
    Taken,
    /// The connection to the successor has ended.
    Disconnected,
    /// What was waited for has not come in time.
    TimedOut,
    /// The answer to [`IncumbentEffect::TakePlace`]: whether this host has the place.
    PlaceTaken(bool),
    /// None of the successor's backends is left.
    SuccessorBackendsGone,
    /// A person ends TaskPaw, in whichever window, or by a command.
    Quit,
}

/// What the incumbent is to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncumbentEffect {
    /// Tell the backends to stand down: they go back to *prepared* and write nothing from then on. A role that does not
    /// serve is stopped: it takes no part, and must not begin to serve meanwhile.
    StandDown,
    /// Say to the successor that the backends have stood down.
    SayStoodDown,
    /// Say to the successor that this host does not hand over now.
    SayRefused,
    /// Give the place back.
    ReleasePlace,
    /// Say to the successor that the place is free for it.
    SayYours,
    /// Say to the successor that it comes too late: this host serves again.
    SayTooLate,
    /// Say to the successor that the person has ended both.
    SayQuit,
    /// End the connection.
    Disconnect,
    /// Try to take the place: ends in [`IncumbentInput::PlaceTaken`].
    TakePlace,
    /// End the backends that the successor has named, if they still hold a port or the state: by the takeover's proof.
    /// Ends in [`IncumbentInput::SuccessorBackendsGone`].
    EndSuccessorBackends,
    /// Have the backends serve: the same step as for the first time.
    Serve,
    /// End the backends. What has stood down ends without writing anything.
    EndBackends,
    /// End this host.
    Exit,
    /// Begin to wait: [`IncumbentInput::TimedOut`] comes unless another wait begins.
    Wait,
}

impl Incumbent {
    /// Takes an input; gives the state after it, and what is to be done.
    ///
    /// An input that does not fit the state is a late one, and changes nothing.
    #[must_use]
    pub fn handle(self, input: IncumbentInput) -> (Self, Vec<IncumbentEffect>) {
        use IncumbentEffect as Do;
        use IncumbentInput as In;

        match (self, input) {
            (Self::Serving, In::Asked) => (Self::StandingDown, vec![Do::StandDown, Do::Wait]),
            // One handover at a time, and none on the way out.
            (_, In::Asked) => (self, vec![Do::SayRefused]),

            (Self::StandingDown, In::BackendsStoodDown) => {
                (Self::StoodDown, vec![Do::SayStoodDown, Do::Wait])
            }
            (Self::StandingDown, In::BackendsCannotStandDown | In::TimedOut) => {
                (Self::Serving, vec![Do::SayRefused, Do::Disconnect, Do::Serve])
            }
            (Self::StandingDown, In::Disconnected) => (Self::Serving, vec![Do::Serve]),

            (Self::StoodDown, In::GoingOn | In::SignOfLife) => (self, vec![Do::Wait]),
            (Self::StoodDown, In::Confirmed) => {
                (Self::Yielded, vec![Do::ReleasePlace, Do::SayYours, Do::Wait])
            }
            (Self::StoodDown, In::Failed | In::TimedOut) => {
                (Self::Returning, vec![Do::SayTooLate, Do::Disconnect, Do::EndSuccessorBackends])
            }
            (Self::StoodDown, In::Disconnected) => (Self::Returning, vec![Do::EndSuccessorBackends]),

            (Self::Yielded, In::Taken) => (Self::Ended, vec![Do::EndBackends, Do::Exit]),
            (Self::Yielded, In::SignOfLife) => (self, vec![Do::Wait]),
            (Self::Yielded, In::Failed | In::Disconnected) => (Self::TakingBack, vec![Do::TakePlace]),
            // The host that has the place may only be slow, and may still give it back: nothing is given up for one that is not live.
            (Self::Yielded, In::TimedOut) => (self, vec![Do::TakePlace, Do::Wait]),
            (Self::Yielded, In::PlaceTaken(false)) => (self, Vec::new()),
            (Self::Yielded | Self::TakingBack, In::PlaceTaken(true)) => {
                (Self::Returning, vec![Do::SayTooLate, Do::Disconnect, Do::EndSuccessorBackends])
            }
            (Self::TakingBack, In::PlaceTaken(false)) => (Self::Ended, vec![Do::EndBackends, Do::Exit]),

            (Self::Returning, In::SuccessorBackendsGone) => (Self::Serving, vec![Do::Serve]),

            (Self::Serving | Self::Returning, In::Quit) => {
                (Self::Ended, vec![Do::EndBackends, Do::ReleasePlace, Do::Exit])
            }
            (Self::StandingDown | Self::StoodDown | Self::Yielded, In::Quit) => {
                (Self::Quitting, vec![Do::SayQuit, Do::Wait])
            }
            (Self::Quitting, In::Disconnected | In::TimedOut) => {
                (Self::Ended, vec![Do::EndBackends, Do::ReleasePlace, Do::Exit])
            }
            _ => (self, Vec::new()),
        }
    }

    /// Whether this host has to answer for the ports: it serves, or is about to again.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, Self::Serving)
    }
}
