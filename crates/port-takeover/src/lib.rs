//! Who holds a TCP port, is it our own stale process, and how to take the port over safely.
//!
//! The library is split into *look → decide → act*:
//!
//! - **look** ([`sys`]): one thin place for each operating system reads sockets and processes into a
//!   [`Snapshot`], which is plain data and can be stored and replayed.
//! - **decide** ([`decide`]): a pure function from a snapshot to a [`Verdict`]. It reads no clock and no
//!   system. What counts as *ours* comes in as data ([`IdentityRules`]).
//! - **act** ([`take_over`]): ends exactly the processes that the verdict names, each through a handle that
//!   cannot come to mean another process, and only after a second look has confirmed the first.
//!
//! Two promises, in this order: a process that is not positively ours is never signalled; and over all the
//! ports that are wanted, either everything is reclaimed or nothing.

mod address;
mod claim;
mod decision;
mod error;
mod execute;
mod identity;
pub mod journal;
mod python;
mod report;
mod snapshot;
mod suggest;
pub mod sys;

pub use address::{Host, InvalidHost, blocks, overlaps, same_target};
pub use claim::{Claim, bind_outcome, claim_all};
pub use decision::{Decision, Holder, HolderKind, PortState, PortVerdict, Verdict, decide};
pub use error::{ClaimError, EndError, LookError};
pub use execute::{Called, Doubt, Limits, TakeoverEvent, VerifiedHolder, take_over, verify};
pub use identity::{Identified, IdentityRule, IdentityRules, ProcessFacts, Role, RuleName};
pub use journal::{Journal, JournalError, Record};
pub use report::{HowEnded, Outcome, Report, Terminated};
pub use snapshot::{BindOutcome, Listener, Pid, Process, ProcessIdentity, SCHEMA, Snapshot, WantedPort};
pub use suggest::next_free_port;
