//! The real window: what a person sees.

mod bad_input;
mod check;
mod pages;
mod ports_change;
