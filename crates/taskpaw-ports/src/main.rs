//! `taskpaw-ports`: who holds TaskPaw's ports, and the takeover by hand.
//!
//! Results go to standard output, messages to standard error. The exit status is the outcome.

mod arguments;
mod calls;
mod manual;
mod record;
mod report;
mod sentences;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match calls::run(&arguments) {
        Ok(status) => status.into(),
        Err(error) => {
            terminal::failure(&error);
            error.status().into()
        }
    }
}
