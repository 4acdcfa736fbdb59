//! The real window: what a person sees.

mod bad_input;
mod check;
mod conflicts;
mod displaced;
mod fleet;
#[expect(dead_code, reason = "the gallery of takeovers needs more of a holder")]
#[path = "../takeover/holder.rs"]
mod holder;
mod monitors;
mod one_click;
mod pages;
mod person;
mod ports_change;
mod ports_page;
mod settings;
mod v3_busy;
