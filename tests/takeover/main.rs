//! The gallery: real processes with real sockets, one test for each adversary that a takeover can meet.
//! `docs/gallery.md` lists them.
//!
//! Every case is driven through the library and through `taskpaw-ports reclaim`. A foreign holder must be
//! alive afterwards and must not have received a single signal.

#![cfg(target_os = "linux")]

mod addresses;
mod clients;
mod concurrent;
mod ending;
mod holder;
mod installation;
mod names;
mod proof;
mod python;
mod sharing;
mod taker;
mod users;
