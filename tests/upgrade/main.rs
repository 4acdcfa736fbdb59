//! An upgrade replaces the old backend, and nothing else.

mod crash;
mod ending;
mod handover;
mod installed;
#[cfg(target_os = "linux")]
mod package;
mod replaced;
