//! One TaskPaw for each person: the last one started wins.
//!
//! The running host holds an exclusive lock on a file in the data folder until its backends have ended. A host
//! that gets the lock is the primary. One that does not asks the primary over a local socket: the same version
//! shows its window, another one hands over: it stops its backends, gives up the lock, and ends. A primary that
//! does not answer is ended by force, once its identity was proved through a handle. A record of a dead host
//! blocks nobody: only the lock counts.
//!
//! A claim has two parts. [`Claim::at_once`] takes a free place, or has the window of the same version shown.
//! [`Claim::finish`] asks for the place of another version; it runs while there is a window already, so that the
//! old backend works until the new app is there, and a person sees what is waited for.

mod address;
mod claim;
mod protocol;
mod record;
mod server;

pub(crate) use address::bus_name;
pub(crate) use claim::{AtOnce, Claim, Claimed, InstanceError, Place, Primary};
pub(crate) use protocol::{Want, Will};
pub(crate) use server::{Asked, Waiting};

#[cfg(test)]
mod tests;
