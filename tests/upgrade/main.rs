//! An upgrade replaces the old backend, and nothing else.

mod ending;
mod handover;
mod installed;
mod replaced;
