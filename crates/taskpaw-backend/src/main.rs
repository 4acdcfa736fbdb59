//! The program: `taskpaw-backend agent|hub`.

use std::process::ExitCode;

fn main() -> ExitCode {
    taskpaw_backend::run()
}
