//! `taskpaw-backend agent|hub`: watches this machine, or polls the machines that do. A library only so that what reads
//! input from outside can be fuzzed; the program is `main.rs`.

mod activity;
mod agent;
mod alerts;
mod arguments;
mod context;
mod discovery;
mod export;
mod failure;
#[cfg(target_os = "linux")]
mod first;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod host;
mod http;
mod hub;
mod launch;
mod lifecycle;
mod log;
mod monitors;
mod ports;
mod release;
mod session;
mod signs;
mod state;

use std::process::ExitCode;

use arguments::{Command, USAGE};

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    #[cfg(unix)]
    lifecycle::hear_all_signals();
    let mut words = std::env::args_os().skip(1).peekable();
    if words.next_if(|word| word == activity::COMMAND).is_some() {
        return activity::run(words);
    }
    match arguments::parse(words) {
        Ok(Command::Run(arguments)) => launch::run(&arguments),
        Ok(Command::CheckConfig(arguments)) => launch::check_config(&arguments),
        Ok(Command::ImportV3(arguments)) => launch::import_v3(&arguments),
        Ok(Command::ExportCursor(arguments, file)) => export::export(&arguments, &file),
        Ok(Command::PrintDefaultConfig) => launch::say(&launch::default_config()),
        Ok(Command::Version) => launch::say(&format!("taskpaw-backend {}", taskpaw_contract::version())),
        Ok(Command::Help) => launch::say(USAGE),
        Err(wrong) => {
            eprintln!("taskpaw-backend: {wrong}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
