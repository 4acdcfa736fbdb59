//! How TaskPaw learns of a new version of itself, and what it believes: look → decide → act.
//!
//! A *feed* is one static file, `latest.json`, in the form that Tauri's tools know, with a signature of the whole beside it
//! (`latest.json.minisig`). [`signature`] proves that it is TaskPaw's before a byte of it is read, [`feed`] reads it, and
//! [`decision`] decides, without a clock or a system, whether it offers anything to this machine. Whatever is not believed has a
//! stable code and a sentence in every language: [`refusal`].
//!
//! [`download`] fetches feeds and packages, bounded in size and time, and goes on where a break was.
//!
//! [`way`] decides how a new version comes to where this one lies. A version for one person on Linux is an [`archive`], which is looked through before a byte is written. [`versions`] decides in which
//! order the disk is changed, so that one whole version is started whenever the power goes; [`disk`] does it. [`record`] remembers which one is on trial,
//! and which failed; [`trial`] decides whether it came to stay.
//!
//! [`machine`] is what the app does about all that, without a clock, a disk or a network; [`schedule`] says when. [`owner`] looks whose the
//! program is, [`installation`] is the folder of those side by side, and [`source`] where this build looks.

pub mod archive;
pub mod bundle;
pub mod decision;
pub mod disk;
pub mod download;
pub mod feed;
pub mod installation;
pub mod machine;
pub mod owner;
pub mod record;
pub mod refusal;
pub mod schedule;
pub mod signature;
pub mod source;
pub mod system;
pub mod told;
pub mod trial;
pub mod versions;
pub mod way;

pub use decision::{Decision, Failure, Installed, Offer, Seen, decide};
pub use feed::{Feed, Package};
pub use refusal::Refusal;
pub use semver::Version;
pub use signature::{Keys, Purpose};
pub use system::System;

/// A feed as it is believed: the signature first, then the form.
///
/// # Errors
/// Why it is not believed.
pub fn believed(feed: &[u8], signature: &[u8], keys: &Keys) -> Result<Feed, Refusal> {
    keys.verify(feed, signature, &Purpose::Feed)?;
    Feed::parse(feed)
}
