//! A launch from its first step to its last, and what is done in place of one.

mod plan;
mod steps;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use taskpaw_contract::config::{Config, ConfigFile};
use taskpaw_contract::folders::Folders;
use taskpaw_contract::sidecar::Line;
use taskpaw_v3::{self as v3, Begun, DatabaseState, ImportReport, Imported, Starter};
use tokio::runtime::Builder;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::lifecycle::{self, Stop};
use crate::{host, log};

/// Prints one text for a person.
pub(crate) fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The configuration that a first start has, as it would be written.
pub(crate) fn default_config() -> String {
    serde_json::to_string_pretty(&Config::default()).unwrap_or_default()
}

/// Says whether the configuration can be used. Nothing is written and nothing is started.
pub(crate) fn check_config(arguments: &Arguments) -> ExitCode {
    let read = || -> Result<(PathBuf, bool, Option<Imported>), Failure> {
        let folders = Folders::find_with(arguments.config_dir.as_deref())?;
        let file = ConfigFile::read(&folders.config_file())?;
        let imported = (!file.exists()).then(|| v3::look(&folders.v3, Starter::Backend)).flatten();
        Ok((folders.config_file(), file.exists(), imported))
    };
    match read() {
        Ok((path, true, _)) => say(&format!("{} can be used", path.display())),
        Ok((path, false, None)) => {
            say(&format!("{} is not there; every key has its default", path.display()))
        }
        Ok((path, false, Some(Imported { report, .. }))) => {
            let lines = report.lines().join("\n  ");
            say(&format!("{} is not there; the first start makes it:\n  {lines}", path.display()))
        }
        Err(failure) => {
            eprintln!("taskpaw-backend: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Takes over what TaskPaw V3 has left and no earlier start has taken, and says so. Nothing is started.
pub(crate) fn import_v3(arguments: &Arguments) -> ExitCode {
    let take = || -> Result<Vec<String>, Failure> {
        let failed = |error: String| Failure::system("it cannot be taken over")(io::Error::other(error));
        let folders = Folders::find_with(arguments.config_dir.as_deref())?;
        let Begun { file, imported, .. } = v3::begin(&folders, Starter::Backend)?;
        let mut taken = imported;
        if taken.is_none() && v3::left_behind(&folders, file.config()).is_some() {
            taken = Some(v3::answer_left_behind(&folders, true).map_err(|error| failed(error.to_string()))?);
        }
        let completed = v3::complete(&folders).map_err(|error| failed(error.to_string()))?;
        let mut told = completed.or(taken);
        if told.is_none() {
            // That it failed once more is not news for a hub that starts, but the answer to this question.
            let kept =
                v3::report(&folders.import_report_file()).map_err(|error| failed(error.to_string()))?;
            told = kept.filter(|report| report.database == DatabaseState::Failed);
        }
        Ok(told.iter().flat_map(ImportReport::lines).collect())
    };
    match take() {
        Ok(lines) if lines.is_empty() => say("there is nothing of TaskPaw 3 left to take over"),
        Ok(lines) => {
            say(&format!("{}\na hub that runs must be started again to follow it", lines.join("\n")))
        }
        Err(failure) => {
            eprintln!("taskpaw-backend: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a role until it is asked to stop.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    log::start();
    #[cfg(target_os = "linux")]
    if crate::first::is_first() {
        return crate::first::run().unwrap_or_else(|failure| failed(arguments, &failure));
    }
    match try_run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(arguments, &failure),
    }
}

fn failed(arguments: &Arguments, failure: &Failure) -> ExitCode {
    tracing::error!("the {} does not run: {failure}", arguments.role);
    host::write_line(&Line::StartupError(failure.line(arguments.role)));
    ExitCode::FAILURE
}

fn try_run(arguments: &Arguments) -> Result<(), Failure> {
    let stop = Stop::new();
    lifecycle::raise_descriptor_limit();
    lifecycle::end_after_the_host();
    let host = host::greeting()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(1 << 20)
        .thread_keep_alive(Duration::from_secs(5))
        .build()
        .map_err(Failure::system("the runtime cannot be started"))?;
    let outcome = runtime.block_on(async {
        lifecycle::listen_for_signals(&stop).map_err(Failure::system("signals cannot be listened for"))?;
        steps::take(arguments, host, stop).await
    });
    // A thread that hangs, in a look or in a name lookup, must not keep the process.
    runtime.shutdown_background();
    tracing::info!("the {} has stopped", arguments.role);
    outcome
}
