//! How far a role is.

use std::time::Duration;

use taskpaw_contract::ipc::Failure;
use taskpaw_contract::sidecar::SignOfLife;

/// However it advances, nobody is kept waiting for longer: a history of some gigabytes is copied and brought to a new form in
/// less.
pub(super) const ADVANCES_WITHIN: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    Stopped,
    /// The sidecar looks whether it can serve.
    Preparing,
    /// It can, and waits for the start. `since` is when it said so.
    Prepared {
        since: Duration,
    },
    TakingOver,
    Starting(Advance),
    /// `heard` is when it last showed that it is well. `becoming_live` is how far it is with that; nothing once it is, or before
    /// it is told.
    Ready {
        since: Duration,
        heard: Duration,
        missed: u32,
        becoming_live: Option<Advance>,
    },
    /// The sidecar lets go of what it has, for another app.
    StandingDown,
    /// It has, and waits, if its process lives; or there was none that served.
    StoodDown {
        has_sidecar: bool,
        keeps_ports: bool,
    },
    Stopping(Next),
    Backoff,
    /// The ports are watched.
    Waiting,
    Failed,
    Ended,
}

/// How a sidecar gets on with what it was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Advance {
    pub(super) began: Duration,
    /// When it last showed that it is getting on.
    pub(super) heard: Duration,
    /// How far it was then.
    pub(super) so_far: u64,
}

impl Advance {
    pub(super) fn begins(now: Duration) -> Self {
        Self { began: now, heard: now, so_far: 0 }
    }

    /// Notes a sign of life; false if it shows no advance, or has taken long enough: one that hangs can give signs for ever.
    pub(super) fn hears(&mut self, sign: SignOfLife, now: Duration) -> bool {
        let advances = sign.advanced > self.so_far && now.saturating_sub(self.began) < ADVANCES_WITHIN;
        if advances {
            (self.so_far, self.heard) = (sign.advanced, now);
        }
        advances
    }

    /// How much of a limit is left since it was heard; nothing if it is over.
    pub(super) fn left_of(&self, within: Duration, now: Duration) -> Option<Duration> {
        within.checked_sub(now.saturating_sub(self.heard)).filter(|left| !left.is_zero())
    }
}

/// Whose place it is while a role runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Another app's: nothing acts outside, and a failure is the last one.
    Follows,
    /// The app's own, for as long as its backends become live: a failure is the last one.
    GoesLive,
    /// The app's own.
    Placed,
}

/// What follows when the sidecar has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    Stay,
    Start {
        is_launch: bool,
    },
    Fail(Failure),
    /// Another app is about to follow. Whether it runs again if that does not.
    StandDown {
        served: bool,
        resumes: bool,
    },
    End,
}
