//! An upgrade replaces the old backend, and nothing else.

mod crash;
mod ending;
mod handover;
mod installed;
mod replaced;
