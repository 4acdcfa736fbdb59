//! An upgrade replaces the old backend, and nothing else.

mod again;
mod crash;
mod disk;
mod ending;
mod faceless;
mod handover;
mod incomplete;
mod installed;
mod meanwhile;
#[cfg(target_os = "linux")]
mod package;
mod replaced;
mod returned;
#[cfg(target_os = "linux")]
mod trial;
mod turns;
#[cfg(target_os = "linux")]
mod two_folders;
mod v3_files;
mod watching;
mod yesterday;
