//! The side that was started: it asks only when it is prepared, and ends its backends unless it gets the place.

/// How far a start has come, for a host that finds the place taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Successor {
    /// The successor's backends read what they need, and touch nothing yet.
    #[default]
    Preparing,
    /// Prepared, and the incumbent was asked.
    Asking,
    /// The incumbent has stood down; the backends claim ports and state.
    GoingOn,
    /// The backends serve, and the incumbent was told.
    Confirmed,
    /// The place was offered by an incumbent that waits for what becomes of it: this host tries to take it.
    Offered,
    /// The successor has the place, and its backends become live. Until then the incumbent keeps what it needs to serve again.
    GoingLive,
    /// The holder of the place is gone: this host tries to take it, with its backends that far.
    Taking(Stage),
    /// The successor has the place, without an incumbent; its backends are at this stage.
    Alone(Stage),
    /// The successor has the place. Its backends are live, or are supervised like those of any running host.
    Running,
    /// The successor could not follow. A person is told, and the place is watched: if the incumbent goes, the successor goes
    /// on.
    Failed(Problem),
    /// A person has ended it.
    Ended,
}

/// How far the backends of a successor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The backends are being prepared.
    Preparing,
    /// The backends are prepared.
    Prepared,
    /// The backends claim ports and state.
    GoingOn,
    /// The backends serve.
    Ready,
    /// A backend has failed.
    Failed,
}

/// Why a start does not follow the running app. The person reads a sentence for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The backends cannot be prepared: a program is missing, a file cannot be read, the state is too new.
    NotPrepared,
    /// The running app does not hand over now.
    Refused,
    /// The running app does not answer, and still serves.
    Silent,
    /// The backends did not become ready.
    NotReady,
    /// The backends were ready, and did not become live.
    NotLive,
    /// The running app has begun to serve again, or another host has the place.
    TooLate,
}

/// What the successor hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuccessorInput {
    /// All backends are prepared.
    Prepared,
    /// A backend cannot be prepared.
    CannotPrepare,
    /// The incumbent's backends have stood down.
    StoodDown,
    /// The incumbent does not hand over now.
    Refused,
    /// The backends serve every role that served under the incumbent.
    Ready,
    /// The backends are live of every role that served under the incumbent.
    Live,
    /// A backend has ended, or has told an error.
    BackendFailed,
    /// The place is free for this host.
    Yours,
    /// The incumbent serves again.
    TooLate,
    /// The connection to the incumbent has ended.
    Disconnected,
    /// What was waited for has not come in time.
    TimedOut {
        /// Whether the incumbent's backends serve: it is slow, and is left alone.
        is_served: bool,
    },
    /// The incumbent was ended by force, after it was proved who it is.
    IncumbentGone,
    /// The answer to [`SuccessorEffect::TakePlace`]: whether this host has the place.
    PlaceTaken(bool),
    /// The place, which is watched as long as this host is on its way, was free: this host has it. A host that has failed
    /// leaves it to the incumbent for the length of a wait.
    PlaceFree,
    /// A person ends TaskPaw, in whichever window, or by a command.
    Quit,
}

/// What the successor is to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuccessorEffect {
    /// Ask the incumbent for the place.
    Ask,
    /// Name the backends to the incumbent. Before they go on: what it cannot name it cannot end.
    SayGoingOn,
    /// Have the backends claim ports and state and serve.
    GoOn,
    /// Say that the backends serve.
    SayConfirmed,
    /// Say that they do not.
    SayFailed,
    /// Try to take the place: ends in [`SuccessorInput::PlaceTaken`].
    TakePlace,
    /// Say that this host has the place, and backends that are live.
    SayTaken,
    /// Say that the person has ended both.
    SayQuit,
    /// Tell the backends that they are live: only now they bring files to a new form and act outside. Ends in
    /// [`SuccessorInput::Live`] or [`SuccessorInput::BackendFailed`].
    MakeLive,
    /// End the backends, at once and without a last write.
    EndBackends,
    /// Start the roles as a host does that has the place: after a failure again and again.
    Supervise,
    /// Prepare the backends: ends in `Prepared` or `CannotPrepare`.
    Prepare,
    /// End the incumbent by force, after the proof that it is the process at the other end of the connection, is recorded,
    /// and is a host of this person; and after a second look, with the handle open, that its backends still do not serve.
    /// Ends in [`SuccessorInput::IncumbentGone`], or in `TimedOut` if they do.
    EndIncumbent,
    /// End the connection.
    Disconnect,
    /// Tell the person why, and offer what is possible.
    Tell(Problem),
    /// Give the place back, if this host has it.
    ReleasePlace,
    /// End this host.
    Exit,
    /// Begin to wait: [`SuccessorInput::TimedOut`] comes unless another wait begins.
    Wait,
}

impl Successor {
    /// Takes an input; gives the state after it, and what is to be done.
    ///
    /// An input that does not fit the state is a late one, and changes nothing.
    #[must_use]
    pub fn handle(self, input: SuccessorInput) -> (Self, Vec<SuccessorEffect>) {
        use SuccessorEffect as Do;
        use SuccessorInput as In;

        let fail = |problem| {
            let effects = vec![Do::EndBackends, Do::Disconnect, Do::Tell(problem), Do::Wait];
            (Self::Failed(problem), effects)
        };
        let fail_aloud = |problem| {
            let effects = vec![Do::EndBackends, Do::SayFailed, Do::Disconnect, Do::Tell(problem), Do::Wait];
            (Self::Failed(problem), effects)
        };
        let give_back = |problem| {
            let (state, mut effects) = fail_aloud(problem);
            // Nobody has the place and a backend that is not named any more.
            effects.insert(1, Do::ReleasePlace);
            (state, effects)
        };
        match (self, input) {
            (Self::Ended, _) => (self, Vec::new()),
            // It may be between two that serve: both end, the incumbent when this one is gone.
            (
                Self::Asking
                | Self::GoingOn
                | Self::Confirmed
                | Self::Offered
                | Self::GoingLive
                | Self::Taking(_),
                In::Quit,
            ) => {
                let effects = vec![Do::EndBackends, Do::SayQuit, Do::Disconnect, Do::ReleasePlace, Do::Exit];
                (Self::Ended, effects)
            }
            (_, In::Quit) => (Self::Ended, vec![Do::EndBackends, Do::Disconnect, Do::ReleasePlace, Do::Exit]),

            (Self::Preparing, In::Prepared) => (Self::Asking, vec![Do::Ask, Do::Wait]),
            (Self::Preparing, In::CannotPrepare) => fail(Problem::NotPrepared),

            (Self::Asking, In::StoodDown) => (Self::GoingOn, vec![Do::SayGoingOn, Do::GoOn, Do::Wait]),
            (Self::Asking, In::Refused) => fail(Problem::Refused),
            (Self::Asking, In::TimedOut { is_served: true }) => fail(Problem::Silent),
            // Neither it nor its backends do anything any more.
            (Self::Asking, In::TimedOut { is_served: false }) => (self, vec![Do::EndIncumbent]),

            (Self::GoingOn, In::Ready) => (Self::Confirmed, vec![Do::SayConfirmed, Do::Wait]),
            (Self::GoingOn, In::BackendFailed | In::TimedOut { .. })
            | (Self::Confirmed, In::BackendFailed) => fail_aloud(Problem::NotReady),
            (Self::Confirmed, In::Yours) => (Self::Offered, vec![Do::TakePlace]),
            (Self::Confirmed, In::TimedOut { is_served: true }) => fail(Problem::TooLate),
            (Self::Confirmed, In::TimedOut { is_served: false }) => (self, vec![Do::EndIncumbent]),
            (Self::Asking | Self::GoingOn | Self::Confirmed, In::TooLate) => fail(Problem::TooLate),

            // The place may be free before the incumbent has said so: it is offered to nobody else.
            (Self::Offered, In::PlaceTaken(true)) | (Self::Confirmed, In::PlaceFree) => {
                (Self::GoingLive, vec![Do::MakeLive, Do::Wait])
            }
            (Self::Offered, In::PlaceTaken(false)) => fail(Problem::TooLate),
            (Self::Offered, In::Disconnected) => (Self::Taking(Stage::Ready), Vec::new()),
            (Self::GoingLive, In::Live) => (Self::Running, vec![Do::SayTaken]),
            // The incumbent can still serve again: nothing has a form yet that it does not know.
            (Self::GoingLive, In::BackendFailed | In::TimedOut { .. }) => give_back(Problem::NotLive),
            // Not before it is known whether there is something to give back: that answer would be taken for one to a later try.
            (Self::Offered, In::BackendFailed) => (Self::Taking(Stage::Failed), Vec::new()),
            // It has not waited, or is gone: this host is the one that runs, whatever becomes of its backends.
            (Self::GoingLive, In::Disconnected | In::TooLate) => (Self::Running, Vec::new()),

            // Who has the place is asked of the place alone.
            (Self::Asking | Self::GoingOn | Self::Confirmed, In::Disconnected | In::IncumbentGone) => {
                (Self::Taking(self.stage()), vec![Do::TakePlace])
            }
            (Self::Taking(Stage::GoingOn), In::Ready) => (Self::Taking(Stage::Ready), Vec::new()),
            (Self::Taking(_), In::BackendFailed) => (Self::Taking(Stage::Failed), Vec::new()),
            (Self::Taking(_), In::PlaceTaken(false)) => fail(Problem::TooLate),
            // The incumbent can still serve again, if it is there.
            (Self::Taking(Stage::Failed), In::PlaceTaken(true)) => give_back(Problem::NotReady),
            (Self::Taking(_), In::PlaceTaken(true))
            | (Self::Preparing | Self::Asking | Self::GoingOn, In::PlaceFree) => {
                self.stage().with_the_place()
            }

            (Self::Alone(Stage::Preparing), In::Prepared) => Stage::Prepared.with_the_place(),
            (Self::Alone(Stage::GoingOn), In::Ready) => Stage::Ready.with_the_place(),
            (Self::Alone(_), In::CannotPrepare | In::BackendFailed | In::TimedOut { .. }) => {
                Stage::Failed.with_the_place()
            }
            // By now the incumbent has the place again, or is gone, or hangs.
            (Self::Failed(_), In::TimedOut { .. }) => (self, vec![Do::TakePlace]),
            // It is left over. What has failed is tried once more: what it failed for may have gone with the other host.
            (Self::Failed(_), In::PlaceFree | In::PlaceTaken(true)) => {
                (Self::Alone(Stage::Preparing), vec![Do::Prepare, Do::Wait])
            }
            _ => (self, Vec::new()),
        }
    }

    fn stage(self) -> Stage {
        match self {
            Self::Preparing => Stage::Preparing,
            Self::Asking => Stage::Prepared,
            Self::GoingOn => Stage::GoingOn,
            Self::Confirmed | Self::Offered | Self::GoingLive | Self::Running => Stage::Ready,
            Self::Taking(stage) | Self::Alone(stage) => stage,
            Self::Failed(_) | Self::Ended => Stage::Failed,
        }
    }
}

impl Stage {
    /// What a host does that has the place, with its backends this far. The incumbent is told that the place is taken: it
    /// may have offered it in this very moment.
    fn with_the_place(self) -> (Successor, Vec<SuccessorEffect>) {
        use SuccessorEffect as Do;

        match self {
            Self::Preparing | Self::GoingOn => (Successor::Alone(self), vec![Do::Wait]),
            Self::Prepared => (Successor::Alone(Self::GoingOn), vec![Do::GoOn, Do::Wait]),
            Self::Ready => (Successor::Running, vec![Do::SayTaken, Do::MakeLive]),
            // As of any host that runs, its roles are supervised, and restarted.
            Self::Failed => {
                (Successor::Running, vec![Do::EndBackends, Do::Tell(Problem::NotReady), Do::Supervise])
            }
        }
    }
}
