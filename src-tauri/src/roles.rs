//! The roles: takeover, spawn, supervision. One task for each; commands of the window are just messages to it.

mod blocked;
mod log;
mod machine;
mod ports;
mod sidecar;
mod takeover;
mod task;
mod watch;

pub(crate) use machine::Message;
pub(crate) use ports::{look, next_free};
pub(crate) use task::{RoleTask, Surroundings};
