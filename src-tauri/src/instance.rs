//! One TaskPaw for each person: the last one started wins.
//!
//! The running host holds an exclusive lock on a file in the data folder for as long as it lives. A host that
//! gets the lock is the primary. One that does not asks the primary over a local socket: the same version
//! shows its window, another one hands over and ends. A primary that does not answer is ended by force, once
//! its identity was proved through a handle. A record of a dead host blocks nobody: only the lock counts.

mod address;
mod claim;
mod protocol;
mod record;
mod server;

pub(crate) use address::bus_name;
pub(crate) use claim::{Claimed, InstanceError, Primary, claim};
pub(crate) use protocol::{Want, Will};
