//! The roles: takeover, spawn, supervision. One task for each; commands of the window are just messages to it.

mod displacement;
mod log;
mod machine;
mod sidecar;
mod takeover;
mod task;

pub(crate) use machine::Message;
pub(crate) use takeover::{look, next_free};
pub(crate) use task::{RoleTask, Surroundings};
