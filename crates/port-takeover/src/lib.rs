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
//! - **remember**: a [`Record`] is made from the [`Report`] and kept in a [`Journal`].
//!
//! [`sys::System`] is the seam for tests: a strict fake in its place shows what a takeover does when anything
//! fails between two calls.

mod address;
mod claim;
mod decision;
mod end;
mod error;
mod execute;
mod identity;
mod installation;
pub mod journal;
mod passing;
mod python;
mod report;
mod snapshot;
mod suggest;
pub mod sys;
mod watch;

pub use address::{Host, InvalidHost, blocks, overlaps, same_target};
pub use claim::{Claim, bind_outcome, claim_all, claim_the_rest};
pub use decision::{Decision, Holder, HolderKind, PortOutlook, PortState, PortVerdict, Verdict, decide};
pub use end::end_process;
pub use error::{ClaimError, EndError, LookError, ReuseError};
pub use execute::{
    Called, Doubt, Incumbent, Limits, TakeoverEvent, VerifiedHolder, take_over, take_over_keeping, verify,
};
pub use identity::{Identified, IdentityRule, IdentityRules, ProcessFacts, Role, RuleName};
pub use installation::{Installation, Keeping, StateHolder, StateSeen};
pub use journal::{Journal, JournalError, Record};
pub use passing::{Found, NotWanted, Passing, Refused, SocketFacts, claim_passed, find_passed};
pub use report::{AddressReuse, HowEnded, Outcome, Report, Terminated};
pub use snapshot::{
    BindOutcome, BoundSocket, InvalidPort, Listener, Pid, Process, ProcessIdentity, SCHEMA, Snapshot,
    WantedPort,
};
pub use suggest::next_free_port;
pub use watch::watch;
