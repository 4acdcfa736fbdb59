//! The real program, as a person or a script meets it.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

mod errors;
mod explain;
mod printing;
mod reclaim;
mod run;
