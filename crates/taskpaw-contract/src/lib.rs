//! What TaskPaw's host, backend and window agree on: the configuration file, the lines that host and sidecar
//! exchange, the types of the window's IPC (TypeScript is generated from them), and the rules by which a
//! process is known as a TaskPaw backend, and what is taken over from TaskPaw V3.

pub mod clock;
pub mod config;
pub mod folders;
pub mod identity;
pub mod ipc;
pub mod sidecar;
pub mod v3;
pub mod version;

mod role;

pub use role::Role;
pub use version::version;
