//! One TaskPaw for each data folder: the last one started wins.
//!
//! The *place* is an exclusive lock on a file in the data folder; the host that holds it, until its backends have ended, is the
//! app that runs: the *incumbent*. A host that is started beside it is a *successor*. It asks the incumbent over a local
//! socket: the same version shows its window, another one hands over: its backends stand down, and serve again unless the
//! successor does. One of protocol 1, such as 4.0.0, can neither stand down nor serve again: it is asked for its place only
//! by backends that are prepared, and is sent away if it is the one that starts, unless a person wants it. An incumbent
//! that does not answer is ended by force only if it is proved who it is: it is at the other end of a
//! connection to the place's socket, it is the process of the record, its program is TaskPaw, and a handle shows that all
//! of it still holds. One that answers, whatever it says, is never ended. The record of a dead host blocks nobody: only the
//! place counts.
//!
//! One starting host at a time is on its way (see [`turn`]); others wait for their turn, or have its window shown.
//!
//! A start has two parts. [`Successor::first_look`] takes a free place, or has the window of the same version shown.
//! [`Successor::finish`] asks for the place of another version; it runs while there is a window already, so that the
//! old backend works until the new app is there, and a person sees what is waited for.

mod address;
mod awake;
mod conversation;
mod decision;
mod following;
mod foreground;
mod incumbent;
mod invitation;
mod line;
mod peer;
mod place;
mod protocol;
mod record;
mod replaced;
mod socket;
mod successor;
mod turn;
mod yielding;

#[cfg(target_os = "linux")]
pub(crate) use address::fingerprint;
pub(crate) use conversation::{IncumbentLine, NamedBackend, Take, WithIncumbent};
pub(crate) use following::{Followed, Follows, follow};
pub(crate) use incumbent::{Asked, Host, Incumbent, SentAway, Yielding};
pub(crate) use place::{Place, Waiting};
pub(crate) use protocol::{Succession, Want, Will};
pub(crate) use replaced::Replaced;
pub(crate) use successor::{FirstLook, HandoverError, InTurn, Outcome, Successor};
pub(crate) use yielding::{Offer, StoodDown, Yielded, Yields, yield_to};

#[cfg(test)]
mod meeting_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod yesterday_tests;
