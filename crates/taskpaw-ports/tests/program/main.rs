//! The real program, as a person or a script meets it.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

mod errors;
mod explain;
#[expect(unreachable_pub, reason = "public where the real-process tests share it")]
#[path = "../../../../tests/support/ports.rs"]
mod ports;
mod printing;
mod reclaim;
mod record;
mod run;
