//! The roles: takeover, spawn, supervision. One task for each; commands of the window are just messages to it.

mod blocked;
mod holder;
mod log;
mod machine;
mod ports;
#[cfg(target_os = "linux")]
mod run_by;
mod sidecar;
mod takeover;
mod task;
mod watch;
mod way;

pub(crate) use log::RoleLog;
pub(crate) use machine::{Message, Stood};
pub(crate) use ports::{is_served, look, next_free};
pub(crate) use task::{NotGiven, RoleTask, Surroundings};
pub(crate) use way::Way;
