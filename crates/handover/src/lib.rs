//! How one running app follows another: the decisions of both sides of a handover, as plain data.
//!
//! The **incumbent** is the app that runs; it holds the *place*, a file lock that one host of a data folder can hold. The
//! **successor** is a host that was started beside it and wants the place. The old backend is given up only for one that
//! has proved that it serves, and the incumbent serves again if the successor fails all the same.
//!
//! ```text
//! successor                              incumbent
//!   prepares its backends
//!   ── hand over ─────────────────────────▶  has its backends stand down
//!   ◀───────────────────────── stood down ──
//!   ── going on (who my backends are) ─────▶  waits
//!   its backends claim ports and state, and are ready
//!   ── confirmed ─────────────────────────▶  gives the place back
//!   ◀────────────────────────────── yours ──
//!   takes the place, and its backends become live
//!   ── taken ─────────────────────────────▶  ends its backends, and itself
//! ```
//!
//! The place is the only truth: a host that loses the connection tries to take it, and gives up if it does not get it. A successor whose
//! backends fail on their way to live gives it back, and the incumbent serves again. What cannot be taken back (files in a new
//! form) is the last thing that a backend does before it is live.
//!
//! Both sides are state machines: inputs go in, effects come out, and neither knows a clock, a process or a socket. The
//! model in `tests` runs these very machines against every order of events, with crashes and hangs between any two steps.

mod incumbent;
mod successor;

pub use incumbent::{Incumbent, IncumbentEffect, IncumbentInput};
pub use successor::{Problem, Stage, Successor, SuccessorEffect, SuccessorInput};
