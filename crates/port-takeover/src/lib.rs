#![doc = include_str!("../README.md")]
//!
//! ## Where to begin
//!
//! - **look**: [`sys::System::look`] on [`sys::Native`] makes a [`Snapshot`].
//! - **decide**: [`decide`] makes a [`Verdict`] from it, by the [`IdentityRules`] of the application.
//! - **act**: [`take_over`] does all of it, and tells an observer what happens. [`claim_all`] then holds the
//!   ports. [`next_free_port`] finds another number for a person whose port cannot be had.
//! - **pass on**: [`claim_passed`] takes listening sockets that another process gave away, if they are just what is wanted.
//! - **wait**: [`watch`](fn@watch) looks again when something has changed, at next to no cost.
//! - **remember**: a `Record` is made from the [`Report`] and kept in a `Journal` (feature `journal`).
//!
//! [`sys::System`] is the seam for tests: a strict fake in its place shows what a takeover does when anything
//! fails between two calls.

mod address;
#[cfg(feature = "tokio")]
mod blocking;
mod claim;
mod decision;
mod end;
mod error;
mod execute;
mod identity;
#[cfg(feature = "journal")]
pub mod journal;
mod passing;
mod port;
mod process;
mod report;
mod role;
mod snapshot;
mod suggest;
pub mod sys;
mod watch;

pub use address::{Host, InvalidHost, blocks, overlaps};
#[cfg(feature = "tokio")]
pub use blocking::take_over_async;
pub use claim::{claim_all, claim_the_rest};
pub use decision::{Decision, Holder, HolderKind, PortOutlook, PortState, PortVerdict, Verdict, decide};
pub use end::end_process;
pub use error::{ClaimError, Doubt, EndError, LookError, ReuseError};
pub use execute::{Called, Incumbent, Limits, TakeoverEvent, take_over, take_over_keeping, verify};
pub use identity::{
    Arguments, ExecutableName, ExecutablePath, Identified, IdentityRule, IdentityRules, ProcessFacts, RuleFn,
    RuleName,
};
#[cfg(feature = "journal")]
pub use journal::{Journal, JournalError, Record};
pub use passing::{Found, NotWanted, Passing, Refused, SocketFacts, claim_passed, find_passed};
pub use port::{Claim, InvalidPort, WantedPort, same_target};
pub use process::{Pid, Process, ProcessIdentity};
pub use report::{AddressReuse, HowEnded, Outcome, Report, Terminated};
pub use role::Role;
pub use snapshot::{BindOutcome, BoundSocket, Listener, SCHEMA, Snapshot, StateSeen};
pub use suggest::next_free_port;
#[cfg(feature = "installation")]
pub use sys::{Installation, Keeping, StateHolder};
pub use sys::{VerifiedHolder, bind_outcome};
pub use watch::watch;
