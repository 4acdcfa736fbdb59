//! One program for each target; its name says which.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| taskpaw_fuzz::read(env!("CARGO_BIN_NAME"), bytes));
