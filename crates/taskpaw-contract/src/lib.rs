//! What TaskPaw's host, backend and window agree on: the configuration file, the lines that host and sidecar
//! exchange, the types of the window's IPC (TypeScript is generated from them), and the rules by which a
//! process is known as a TaskPaw backend.

pub mod clock;
pub mod config;
pub mod folders;
pub mod identity;
pub mod import_report;
pub mod ipc;
pub mod pairing;
pub mod sidecar;
#[cfg(unix)]
pub mod signals;
pub mod version;

mod role;
mod written;

pub use role::Role;
pub use version::version;
pub use written::{PortStatus, Recorded};
