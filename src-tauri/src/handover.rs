//! One TaskPaw for each data folder: the last one started wins.
//!
//! The *place* is an exclusive lock on a file in the data folder; whoever holds it, until its backends have ended, is the
//! app that runs: the *incumbent*. A host that is started beside it is a *successor*. It asks the incumbent over a local
//! socket: the same version shows its window, another one hands over: it stops its backends, gives back the place, and
//! ends. An incumbent that does not answer is ended by force only if it is proved who it is: it is at the other end of a
//! connection to the place's socket, it is the process of the record, its program is TaskPaw, and a handle shows that all
//! of it still holds. The record of a dead host blocks nobody: only the place counts.
//!
//! A start has two parts. [`Successor::first_look`] takes a free place, or has the window of the same version shown.
//! [`Successor::finish`] asks for the place of another version; it runs while there is a window already, so that the
//! old backend works until the new app is there, and a person sees what is waited for.

mod address;
mod decision;
mod incumbent;
mod peer;
mod place;
mod protocol;
mod record;
mod replaced;
mod successor;

#[cfg(target_os = "linux")]
pub(crate) use address::fingerprint;
pub(crate) use incumbent::{Asked, Host, Incumbent};
pub(crate) use place::{Place, Waiting};
pub(crate) use protocol::{Want, Will};
pub(crate) use successor::{FirstLook, HandoverError, Outcome, Successor};

#[cfg(test)]
mod tests;
