//! What a successor does about the host that has the place, and whom it may end: pure decisions.

use std::time::Duration;

use port_takeover::Pid;

use super::protocol::Will;
use super::record::Record;

/// How long the place may be held by a host that does not listen: one that is just starting or just ending.
pub(super) const LISTEN_WITHIN: Duration = Duration::from_secs(5);
/// How long it may answer what is not understood: one that is just ending does.
pub(super) const UNDERSTOOD_WITHIN: Duration = Duration::from_secs(5);
/// How long a start may take in all, before it says that it cannot.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(40);
/// The base name of the host's program.
const HOST_PROGRAM: &str = "taskpaw";

/// What the host that has the place said when it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The running host answered.
    Answered(Will),
    /// Nobody listens.
    Nobody,
    /// Somebody listens, and does not answer.
    Nothing,
    /// Somebody listens, and answers what is not understood.
    Strange,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The running host does what was asked for: this one may end.
    Done,
    /// The running host gives the place back, and this one waits for that.
    AwaitRelease,
    /// The running host can hand over and serve again, and is asked to do so.
    AskToSucceed,
    /// The running host is asked again, at once.
    AskAgain,
    /// The running host is asked again, in a moment.
    AskLater,
    /// The running host is ended, if its identity can be proved.
    EndByForce,
    /// There is nothing more to try.
    GiveUp,
}

/// How long nobody was heard of. Times count from the start of the successor's way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    unheard_since: Option<Duration>,
    strange_since: Option<Duration>,
}

impl Patience {
    /// Decides after an ask. `is_same` says whether the host that is recorded now is the one that was recorded when it was
    /// asked: only that one may be ended for not answering, since another one may have taken its place meanwhile.
    pub(super) fn next(&mut self, heard: Heard, asked_at: Duration, now: Duration, is_same: bool) -> Next {
        match heard {
            Heard::Answered(Will::Show) => Next::Done,
            Heard::Answered(Will::HandOver | Will::Quit) => {
                *self = Self::default();
                Next::AwaitRelease
            }
            // No host answers that which cannot serve again.
            Heard::Answered(Will::Stay | Will::StandDown) => Next::AskToSucceed,
            _ if asked_at > GIVEN_UP_AFTER => Next::GiveUp,
            _ if !is_same => {
                *self = Self::default();
                if heard == Heard::Nothing { Next::AskAgain } else { Next::AskLater }
            }
            // It lives. It may be ending, or of a version that does not understand; never is it ended for that.
            Heard::Strange => {
                let since = *self.strange_since.get_or_insert(asked_at);
                if now.saturating_sub(since) < UNDERSTOOD_WITHIN { Next::AskLater } else { Next::GiveUp }
            }
            Heard::Nobody => {
                let since = *self.unheard_since.get_or_insert(asked_at);
                if now.saturating_sub(since) < LISTEN_WITHIN { Next::AskLater } else { Next::EndByForce }
            }
            Heard::Nothing => Next::EndByForce,
        }
    }

    /// Somebody was ended; the host that has the place now is waited for again.
    pub(super) fn begin_anew(&mut self) {
        *self = Self::default();
    }
}

/// Why nobody is ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    /// Nobody accepts a connection, so nobody is proved to be the one that has the place.
    #[error("nobody listens where it should, so it cannot be proved which process it is")]
    NoConnection,
    /// There is no record.
    #[error("there is no record of which process it is")]
    NoRecord,
    /// Somebody else is at the other end of the connection.
    #[error("process {peer} listens for it, but its record names process {recorded}")]
    AnotherListens {
        /// Who listens.
        peer: Pid,
        /// Who is recorded.
        recorded: Pid,
    },
    /// The process runs another program.
    #[error("process {pid} is not TaskPaw: it runs {}", exe.as_deref().unwrap_or("a program that cannot be seen"))]
    NoTaskPaw {
        /// The process.
        pid: Pid,
        /// The program of the process, as recorded.
        exe: Option<String>,
    },
}

/// The record of the host that may be ended by force, once a handle has proved that its process still is the one of the
/// record: it is at the other end of a connection to the place's socket, it is recorded, and it is a TaskPaw.
pub(super) fn may_be_ended<'a>(
    record: Option<&'a Record>,
    peer: Option<Pid>,
    own_program: Option<&str>,
) -> Result<&'a Record, Unproven> {
    let peer = peer.ok_or(Unproven::NoConnection)?;
    let record = record.ok_or(Unproven::NoRecord)?;
    let process = &record.process;
    if peer != process.pid {
        return Err(Unproven::AnotherListens { peer, recorded: process.pid });
    }
    let name = process.exe.as_deref().map(base_name);
    let is_taskpaw =
        name.is_some_and(|name| name == HOST_PROGRAM || Some(name) == own_program.map(base_name));
    if !is_taskpaw {
        return Err(Unproven::NoTaskPaw { pid: process.pid, exe: process.exe.clone() });
    }
    Ok(record)
}

/// Whether a path is that of TaskPaw's host, by its name.
pub(super) fn is_host_program(path: &str) -> bool {
    base_name(path) == HOST_PROGRAM
}

/// The name of a program: of `/opt/taskpaw (deleted)` and `C:\TaskPaw\taskpaw.exe` it is `taskpaw`.
fn base_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    name.strip_suffix(".exe").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn record(pid: u32, exe: Option<&str>) -> Record {
        let mut record = Record::own("3.9.9").unwrap();
        record.process.pid = Pid::new(pid).unwrap();
        record.process.exe = exe.map(Into::into);
        record
    }

    #[test]
    fn one_that_answers_is_taken_at_its_word() {
        let mut patience = Patience::default();
        let mut next = |will| patience.next(Heard::Answered(will), SECOND, SECOND, false);
        assert_eq!(next(Will::Show), Next::Done);
        for will in [Will::HandOver, Will::Quit] {
            assert_eq!(next(will), Next::AwaitRelease);
        }
        for will in [Will::Stay, Will::StandDown] {
            assert_eq!(
                next(will),
                Next::AskToSucceed,
                "a host that stays is never waited for, and so never ended"
            );
        }
    }

    #[test]
    fn one_that_answers_what_is_not_understood_is_never_ended() {
        let mut patience = Patience::default();
        assert_eq!(patience.next(Heard::Strange, SECOND, SECOND, true), Next::AskLater);
        assert_eq!(patience.next(Heard::Strange, 5 * SECOND, 5 * SECOND, false), Next::AskLater);
        assert_eq!(patience.next(Heard::Strange, 6 * SECOND, 6 * SECOND, true), Next::AskLater);
        assert_eq!(patience.next(Heard::Strange, 11 * SECOND, 11 * SECOND, true), Next::GiveUp);
    }

    #[test]
    fn one_that_does_not_listen_yet_has_its_time_and_one_that_changes_begins_anew() {
        let mut patience = Patience::default();
        assert_eq!(patience.next(Heard::Nobody, SECOND, SECOND, true), Next::AskLater);
        assert_eq!(patience.next(Heard::Nobody, 5 * SECOND, 5 * SECOND, true), Next::AskLater);
        assert_eq!(patience.next(Heard::Nobody, 6 * SECOND, 6 * SECOND, true), Next::EndByForce);
        assert_eq!(patience.next(Heard::Nobody, 6 * SECOND, 6 * SECOND, false), Next::AskLater);
        assert_eq!(patience.next(Heard::Nobody, 7 * SECOND, 7 * SECOND, true), Next::AskLater);
        patience.begin_anew();
        assert_eq!(patience.next(Heard::Nobody, 15 * SECOND, 15 * SECOND, true), Next::AskLater);
    }

    #[test]
    fn one_that_is_silent_is_ended_unless_it_is_another_one_by_now() {
        let mut patience = Patience::default();
        assert_eq!(patience.next(Heard::Nothing, SECOND, 6 * SECOND, false), Next::AskAgain);
        assert_eq!(patience.next(Heard::Nothing, SECOND, 6 * SECOND, true), Next::EndByForce);
        assert_eq!(patience.next(Heard::Nothing, 41 * SECOND, 46 * SECOND, true), Next::GiveUp);
    }

    #[test]
    fn only_the_recorded_taskpaw_at_the_other_end_may_be_ended() {
        let pid = Pid::new(7);
        for exe in ["/usr/bin/taskpaw", "/opt/taskpaw (deleted)", r"C:\TaskPaw\taskpaw.exe", "/x/own-name"] {
            let record = record(7, Some(exe));
            assert!(may_be_ended(Some(&record), pid, Some("/y/own-name")).is_ok(), "{exe}");
        }
        let taskpaw = record(7, Some("/usr/bin/taskpaw"));
        assert_eq!(may_be_ended(Some(&taskpaw), None, None), Err(Unproven::NoConnection));
        assert_eq!(may_be_ended(None, pid, None), Err(Unproven::NoRecord));
        let another = may_be_ended(Some(&taskpaw), Pid::new(8), None).unwrap_err();
        assert!(matches!(another, Unproven::AnotherListens { .. }), "{another}");
        for exe in [Some("/usr/bin/sleep"), Some("/usr/bin/taskpaw/sleep"), Some("/usr/bin/taskpaw2"), None] {
            let doubt = may_be_ended(Some(&record(7, exe)), pid, Some("/usr/bin/taskpaw")).unwrap_err();
            assert!(matches!(doubt, Unproven::NoTaskPaw { .. }), "{doubt}");
        }
    }
}
