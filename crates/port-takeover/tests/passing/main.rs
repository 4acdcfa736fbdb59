//! Sockets that are passed: what is taken, what is not, and that nothing is left of what is not.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

mod lies;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod sockets;
