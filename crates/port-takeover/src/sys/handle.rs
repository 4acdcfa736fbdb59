//! The proof that a process may be ended.

use crate::process::ProcessIdentity;

/// A process that is verified to be a stale holder, with a handle that cannot come to mean another process.
/// Only [`take_over`](crate::take_over) makes one, after its second look; nothing else can be asked to stop or killed.
#[derive(Debug)]
pub struct VerifiedHolder<H> {
    identity: ProcessIdentity,
    handle: H,
}

impl<H> VerifiedHolder<H> {
    /// The caller has proved that the handle means this process, and that it may be ended.
    pub(crate) fn new(identity: ProcessIdentity, handle: H) -> Self {
        Self { identity, handle }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// The handle.
    #[must_use]
    pub fn handle(&self) -> &H {
        &self.handle
    }
}
