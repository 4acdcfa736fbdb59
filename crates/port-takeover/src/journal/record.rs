//! One takeover as it stands in the journal: plain data, made from a report alone.

use std::time::Duration;

use serde::de::{IntoDeserializer as _, value::Error as Unknown};
use serde::{Deserialize, Deserializer, Serialize};

use crate::decision::{Decision, Holder, HolderKind, PortState, PortVerdict};
use crate::error::LookError;
use crate::identity::RuleName;
use crate::port::WantedPort;
use crate::process::Pid;
use crate::report::{AddressReuse, HowEnded, Outcome, Report, Terminated};
use crate::role::Role;

/// The version of the record's form that this library writes.
pub const RECORD_SCHEMA: u32 = 1;

/// One takeover: who asked, what was seen, what was done, and how it came out.
///
/// Arguments of processes are not in it, because people pass secrets in them. A record therefore explains a
/// decision and cannot replay it; for that there is [`crate::Snapshot`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(rename = "TakeoverRecord"))]
pub struct Record {
    /// The version of this form: [`RECORD_SCHEMA`].
    pub schema: u32,
    /// When the takeover was over: milliseconds since 1970, UTC.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub at: u64,
    /// The version of the program that asked.
    pub version: String,
    /// The role that wanted to start.
    pub role: Role,
    /// What was decided on the first look; `None` if it failed.
    pub decision: Option<Decision>,
    /// How the attempt came out.
    pub outcome: RecordedOutcome,
    /// Why it was called off, or why the ports could not be looked at.
    pub reason: Option<String>,
    /// Milliseconds from the first look to the outcome.
    pub elapsed_ms: f64,
    /// Every wanted port as it was seen first.
    pub ports: Vec<RecordedPort>,
    /// Every wanted port as it was seen last, unless all could be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Vec<RecordedPort>>", optional))]
    pub ports_after: Vec<RecordedPort>,
    /// Every process that held one of the ports in any of the looks.
    pub holders: Vec<RecordedHolder>,
    /// Which way the ports came from the app before, in the record of a handover; nothing in that of a takeover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub way: Option<RecordedWay>,
}

/// Which way ports came from the app before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum RecordedWay {
    /// The listening sockets of the ports were passed on.
    PassedOn,
    /// The ports were released and taken over: no listening socket was passed.
    NotPassed,
    /// The ports were released and taken over: the sockets that were passed are not exactly what is wanted. The record's reason
    /// says why.
    NotUsable,
}

/// How a takeover came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum RecordedOutcome {
    /// All ports can be bound.
    Ready,
    /// A port cannot be had; no process was signalled.
    Refused,
    /// Processes were ended, or would not end, but a port did not become free in time.
    NotFree,
    /// The ports could not be looked at; no process was signalled.
    LookFailed,
}

/// A wanted port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RecordedPort {
    /// What the role calls it.
    pub name: String,
    /// The host as it was configured.
    pub host: String,
    /// The number.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub port: i64,
    /// The port's state; `None` if it could not be looked at, or if this version does not know that state.
    #[serde(default, deserialize_with = "known_state")]
    pub state: Option<PortState>,
    /// The ids of its holders; more of each is among the record's holders.
    pub holders: Vec<Pid>,
}

/// A process that held a port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RecordedHolder {
    /// The holder's process id.
    pub pid: Pid,
    /// The holder's name; `None` if it could not be seen.
    pub name: Option<String>,
    /// The path of its executable.
    pub exe: Option<String>,
    /// Who ran it.
    pub user: Option<String>,
    /// When it started, in the system's own unit: see [`crate::Process::started_at`].
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub started_at: Option<u64>,
    /// The holder's role, if it is a process of ours in the wide sense.
    pub role: Option<Role>,
    /// How it was judged.
    pub judged: HolderKind,
    /// The rule that decided it.
    pub rule: RuleName,
    /// What was done so that its connections do not keep its ports; `None` where that was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub reuse: Option<AddressReuse>,
    /// What it had started and still worked at when it was about to be ended, as far as the application has looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<Vec<RecordedChild>>", optional))]
    pub children: Vec<RecordedChild>,
    /// Why what only its memory held could not be taken along, and ended with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub lost: Option<String>,
    /// What was done to it.
    #[serde(flatten)]
    pub done: Done,
}

/// A process that a holder had started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct RecordedChild {
    /// The child's process id.
    pub pid: Pid,
    /// The child's name.
    pub name: String,
    /// Whether it still ran when the takeover was over.
    pub left: bool,
}

/// What was done to a holder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub enum Done {
    /// Nothing: it was left alone.
    Untouched,
    /// The process stopped when it was asked.
    Graceful {
        /// Milliseconds from the ask to its end.
        ms: f64,
    },
    /// The process did not stop and was killed.
    Forced {
        /// Milliseconds from the ask to its end.
        ms: f64,
    },
    /// The process had ended before it was asked.
    AlreadyGone,
    /// The process was meant to end and is still alive.
    Survived {
        /// Why.
        reason: String,
    },
}

impl Record {
    /// The record of a takeover that came to an outcome. `version` is the program's that asked, `at` the
    /// time now, in milliseconds since 1970, UTC.
    #[must_use]
    pub fn of(report: &Report, version: &str, at: u64) -> Self {
        let ports_after = match report.outcome {
            Outcome::Ready => Vec::new(),
            Outcome::Refused | Outcome::NotFree => report.last.ports.iter().map(RecordedPort::from).collect(),
        };
        Self {
            schema: RECORD_SCHEMA,
            at,
            version: version.to_owned(),
            role: report.snapshot.role.clone(),
            decision: Some(report.first.decision),
            outcome: report.outcome.into(),
            reason: report.doubt.as_ref().map(ToString::to_string),
            elapsed_ms: milliseconds(report.elapsed),
            ports: report.first.ports.iter().map(RecordedPort::from).collect(),
            ports_after,
            holders: report.holders.iter().map(|holder| RecordedHolder::of(holder, report)).collect(),
            way: None,
        }
    }

    /// The record of ports that came from the app before in a handover, and are served. `reason` says why what was passed is
    /// not taken; no look was needed, so that neither states nor holders are known.
    #[must_use]
    pub fn of_handover(
        way: RecordedWay,
        reason: Option<String>,
        role: &Role,
        wanted: &[WantedPort],
        version: &str,
        at: u64,
    ) -> Self {
        let unseen = Self::without_look(RecordedOutcome::Ready, role, wanted, version, at);
        Self { reason, way: Some(way), ..unseen }
    }

    /// The record of a takeover whose first look failed, so that nothing was decided and nothing done.
    #[must_use]
    pub fn of_failed_look(
        error: &LookError,
        role: &Role,
        wanted: &[WantedPort],
        version: &str,
        at: u64,
    ) -> Self {
        let unseen = Self::without_look(RecordedOutcome::LookFailed, role, wanted, version, at);
        Self { reason: Some(error.to_string()), ..unseen }
    }

    /// What is recorded where nothing was seen: neither states nor holders are known.
    fn without_look(
        outcome: RecordedOutcome,
        role: &Role,
        wanted: &[WantedPort],
        version: &str,
        at: u64,
    ) -> Self {
        Self {
            schema: RECORD_SCHEMA,
            at,
            version: version.to_owned(),
            role: role.clone(),
            decision: None,
            outcome,
            reason: None,
            elapsed_ms: 0.0,
            ports: wanted.iter().map(|wanted| RecordedPort::new(wanted, None, Vec::new())).collect(),
            ports_after: Vec::new(),
            holders: Vec::new(),
            way: None,
        }
    }
}

impl Record {
    /// Adds what a holder that is ours had started, as the application has found it. A holder that is not in the record is
    /// not known to it.
    pub fn note_children(&mut self, of: Pid, children: Vec<RecordedChild>) {
        for holder in self.ours(of) {
            holder.children.clone_from(&children);
        }
    }

    /// Adds why what only the memory of a holder held could not be taken along.
    pub fn note_lost(&mut self, of: Pid, reason: &str) {
        for holder in self.ours(of) {
            holder.lost = Some(reason.to_owned());
        }
    }

    fn ours(&mut self, pid: Pid) -> impl Iterator<Item = &mut RecordedHolder> {
        self.holders.iter_mut().filter(move |it| it.pid == pid && it.judged == HolderKind::Own)
    }
}

impl RecordedPort {
    fn new(wanted: &WantedPort, state: Option<PortState>, holders: Vec<Pid>) -> Self {
        let (name, host, port) = (wanted.name.clone(), wanted.host.to_string(), wanted.port.get().into());
        Self { name, host, port, state, holders }
    }
}

/// A state that another version wrote is no reason to lose the record.
fn known_state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PortState>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let known =
        |text: String| -> Result<PortState, Unknown> { PortState::deserialize(text.into_deserializer()) };
    Ok(text.and_then(|text| known(text).ok()))
}

impl From<&PortVerdict> for RecordedPort {
    fn from(verdict: &PortVerdict) -> Self {
        let holders = verdict.holders.iter().map(|holder| holder.pid).collect();
        Self::new(&verdict.wanted, Some(verdict.state), holders)
    }
}

impl RecordedHolder {
    fn of(holder: &Holder, report: &Report) -> Self {
        let process = holder.process.as_ref();
        Self {
            pid: holder.pid,
            name: process.map(|process| process.name.clone()),
            exe: process.and_then(|process| process.exe.clone()),
            user: process.and_then(|process| process.user.clone()),
            started_at: process.and_then(|process| process.started_at),
            role: holder.role.clone(),
            judged: holder.kind,
            rule: holder.rule,
            reuse: match holder.kind {
                HolderKind::Own => report.reuse.iter().rev().find(|(pid, _)| *pid == holder.pid),
                _ => None,
            }
            .map(|(_, done)| done.clone()),
            children: Vec::new(),
            lost: None,
            done: Done::to(holder, report),
        }
    }
}

impl Done {
    /// What a takeover did to one holder. Only one that was judged to be ours is ever touched, so that the
    /// same process under another judgement was left alone at that time.
    fn to(holder: &Holder, report: &Report) -> Self {
        let (HolderKind::Own, Some(process)) = (holder.kind, &holder.process) else {
            return Self::Untouched;
        };
        let is_it = |ended: &&Terminated| ended.process.identity() == process.identity();
        if let Some(ended) = report.terminated.iter().find(is_it) {
            return match ended.how {
                HowEnded::Graceful => Self::Graceful { ms: milliseconds(ended.took) },
                HowEnded::Forced => Self::Forced { ms: milliseconds(ended.took) },
                HowEnded::AlreadyGone => Self::AlreadyGone,
            };
        }
        match report.survived.iter().find(|(pid, _)| *pid == holder.pid) {
            Some((_, reason)) => Self::Survived { reason: reason.clone() },
            None => Self::Untouched,
        }
    }
}

impl From<Outcome> for RecordedOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ready => Self::Ready,
            Outcome::Refused => Self::Refused,
            Outcome::NotFree => Self::NotFree,
        }
    }
}

/// Milliseconds with microseconds behind the point.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
