//! The four calls.

use std::io::{self, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use port_takeover::sys::{Native, System as _};
use port_takeover::{
    Decision, Limits, LookError, Outcome, Snapshot, TakeoverEvent, WantedPort, decide, take_over,
};
use taskpaw_contract::config::{ConfigFile, ConfigProblem};
use taskpaw_contract::folders::{Folders, NoHome};
use taskpaw_contract::identity;

use crate::arguments::{Arguments, Call, Form, Target};
use crate::report::{Answer, milliseconds};
use crate::table::{sentence, table};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// The role can start.
    CanStart,
    /// Wrong usage, bad configuration or an unreadable snapshot.
    BadInput,
    /// Refused, nothing terminated.
    Refused,
    /// Terminated, but a port did not become free in time.
    NotFree,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::CanStart => 0,
            Status::BadInput => 2,
            Status::Refused => 3,
            Status::NotFree => 4,
        })
    }
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    #[error(transparent)]
    NoHome(#[from] NoHome),
    #[error("two ports are called \"{0}\": give each --port its own name")]
    SameName(String),
    #[error("the snapshot {} cannot be read: {reason}", path.display())]
    Snapshot { path: PathBuf, reason: String },
    #[error("{0}; nothing was changed")]
    Look(#[from] LookError),
    #[error("the result cannot be printed: {0}")]
    Print(#[from] io::Error),
}

impl CallError {
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Config(_) | Self::NoHome(_) | Self::SameName(_) | Self::Snapshot { .. } => Status::BadInput,
            Self::Look(_) | Self::Print(_) => Status::Refused,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Status, CallError> {
    let started = Instant::now();
    match &arguments.call {
        Call::Status { target, form } => {
            let snapshot = look(target)?;
            answer_look(&snapshot, started, form)
        }
        Call::Reclaim { target, dry_run: true, form, .. } => {
            let snapshot = look(target)?;
            answer_look(&snapshot, started, form)
        }
        Call::Reclaim { target, dry_run: false, grace, wait, form } => {
            let limits = Limits { grace: *grace, lingering: *wait, ..Limits::default() };
            reclaim(target, limits, form)
        }
        Call::Explain { snapshot, form } => answer_look(&read_snapshot(snapshot)?, started, form),
        Call::Snapshot { target } => {
            print(&look(target)?)?;
            Ok(Status::CanStart)
        }
    }
}

fn look(target: &Target) -> Result<Snapshot, CallError> {
    Ok(Native::new().look(&target.role.into(), &wanted(target)?)?)
}

fn answer_look(snapshot: &Snapshot, started: Instant, form: &Form) -> Result<Status, CallError> {
    let verdict = decide(snapshot, &identity::rules());
    let status = match verdict.decision {
        Decision::Start | Decision::Reclaim | Decision::Wait => Status::CanStart,
        Decision::Refuse => Status::Refused,
    };
    show(&Answer::of_look(snapshot, verdict, milliseconds(started.elapsed())), form)?;
    Ok(status)
}

fn reclaim(target: &Target, limits: Limits, form: &Form) -> Result<Status, CallError> {
    let mut announced = None;
    let report = take_over(
        &Native::new(),
        &identity::rules(),
        &target.role.into(),
        &wanted(target)?,
        limits,
        |event| {
            if let TakeoverEvent::Lingering { left } = event {
                // Once in ten seconds is enough for a terminal.
                let tens = left.as_secs() / 10;
                if announced.replace(tens) != Some(tens) {
                    eprintln!("waiting for the system to free a port: {} s left", left.as_secs());
                }
            }
            ControlFlow::Continue(())
        },
    )?;
    let status = match report.outcome {
        Outcome::Ready => Status::CanStart,
        Outcome::Refused => Status::Refused,
        Outcome::NotFree => Status::NotFree,
    };
    show(&Answer::of_reclaim(report), form)?;
    Ok(status)
}

fn show(answer: &Answer, form: &Form) -> Result<(), CallError> {
    if form.json {
        return print(answer);
    }
    io::stdout().write_all(table(answer.ports_after.as_ref().unwrap_or(&answer.ports)).as_bytes())?;
    eprintln!("{}", sentence(answer));
    Ok(())
}

fn print(value: &impl serde::Serialize) -> Result<(), CallError> {
    let mut text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    text.push('\n');
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn wanted(target: &Target) -> Result<Vec<WantedPort>, CallError> {
    if target.ports.is_empty() {
        let folder = match &target.config_dir {
            Some(folder) => folder.clone(),
            None => Folders::find()?.config,
        };
        let file = ConfigFile::read(&folder.join("config.json"))?;
        return Ok(file.config().wanted_ports(target.role));
    }
    let twice = |(at, port): (usize, &WantedPort)| {
        target.ports[..at].iter().any(|other| other.name == port.name).then(|| port.name.clone())
    };
    match target.ports.iter().enumerate().find_map(twice) {
        Some(name) => Err(CallError::SameName(name)),
        None => Ok(target.ports.clone()),
    }
}

/// Reads a recorded snapshot. Its role must be one of TaskPaw's: on another one nothing can be decided.
fn read_snapshot(path: &Path) -> Result<Snapshot, CallError> {
    let unreadable = |reason: String| CallError::Snapshot { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|content| bytes = content)
    };
    read.map_err(|error| unreadable(error.to_string()))?;
    let snapshot: Snapshot = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
    snapshot
        .role
        .as_str()
        .parse::<taskpaw_contract::Role>()
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(snapshot)
}
