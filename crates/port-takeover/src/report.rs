//! What a takeover saw and did.

use std::fmt;
use std::time::Duration;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::decision::{Holder, Verdict};
use crate::error::Doubt;
use crate::process::{Pid, Process};
use crate::snapshot::Snapshot;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
pub enum HowEnded {
    /// The process stopped when it was asked.
    Graceful,
    /// The process was killed.
    Forced,
    /// The process had ended before it was asked.
    AlreadyGone,
}

/// A process that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Terminated {
    /// What was seen of it.
    pub process: Process,
    /// How the process ended.
    pub how: HowEnded,
    /// From the ask to its end.
    pub took: Duration,
}

/// What was done so that the connections of a stale holder do not keep its ports when it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[non_exhaustive]
pub enum AddressReuse {
    /// How many of its sockets were given SO_REUSEADDR; the others had it.
    Allowed(u32),
    /// The system refused: the ports may have to be waited for. This is why.
    Refused(String),
}

/// How a takeover came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
pub enum Outcome {
    /// All ports can be bound.
    Ready,
    /// A port cannot be had; no process was signalled.
    Refused,
    /// Processes were ended, or would not end, but a port did not become free in time.
    NotFree,
}

/// What a takeover saw and did.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was seen first.
    pub snapshot: Snapshot,
    /// What was decided on it.
    pub first: Verdict,
    /// What was decided on the last look that worked.
    pub last: Verdict,
    /// Every holder that counted in any of the looks, once for each way in which it was judged. A process
    /// that took a port between two looks is neither in the first verdict nor in the last.
    pub holders: Vec<Holder>,
    /// The processes that ended.
    pub terminated: Vec<Terminated>,
    /// Processes that did not end, and why.
    pub survived: Vec<(Pid, String)>,
    /// What was done to the sockets of those that were asked to stop, where the system has a way to do it.
    pub reuse: Vec<(Pid, AddressReuse)>,
    /// Why it was called off, if it was. Processes may have been ended before; the outcome says it.
    pub doubt: Option<Doubt>,
    /// How the attempt came out.
    pub outcome: Outcome,
    /// From the first look to the outcome.
    pub elapsed: Duration,
}

impl Report {
    /// Adds the holders of one look.
    pub(crate) fn note_holders(known: &mut Vec<Holder>, verdict: &Verdict) {
        for holder in verdict.ports.iter().flat_map(|port| &port.holders).chain(&verdict.state_holder) {
            let identity = |holder: &Holder| holder.process.as_ref().map(Process::identity);
            let same = |other: &Holder| {
                other.pid == holder.pid && other.rule == holder.rule && identity(other) == identity(holder)
            };
            if !known.iter().any(same) {
                known.push(holder.clone());
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Refused => "refused",
            Self::NotFree => "not free",
        })
    }
}
