//! The real window: what a person sees.

mod bad_input;
mod check;
mod pages;
mod person;
mod ports_change;
