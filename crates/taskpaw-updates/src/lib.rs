//! How TaskPaw learns of a new version of itself, and what it believes: look → decide → act.
//!
//! A *feed* is one static file, `latest.json`, in the form that Tauri's tools know, with a signature of the whole beside it
//! (`latest.json.minisig`). [`signature`] proves that it is TaskPaw's before a byte of it is read, [`feed`] reads it, and
//! [`decision`] decides, without a clock or a system, whether it offers anything to this machine. Whatever is not believed has a
//! stable code and a sentence in every language: [`refusal`].

pub mod decision;
pub mod feed;
pub mod refusal;
pub mod signature;

pub use decision::{Decision, Failure, Installed, Offer, Seen, decide};
pub use feed::{Feed, Package, System};
pub use refusal::Refusal;
pub use signature::{Keys, Purpose};

/// A feed as it is believed: the signature first, then the form.
///
/// # Errors
/// Why it is not believed.
pub fn believed(feed: &[u8], signature: &[u8], keys: &Keys) -> Result<Feed, Refusal> {
    keys.verify(feed, signature, &Purpose::Feed)?;
    Feed::parse(feed)
}
