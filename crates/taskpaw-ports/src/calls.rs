//! What each call does.

use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::CommandFactory as _;
use port_takeover::sys::{Native, System as _};
use port_takeover::{
    AddressReuse, Decision, Journal, Limits, LookError, Outcome, Record, Snapshot, TakeoverEvent, WantedPort,
    decide, take_over,
};
use taskpaw_contract::clock::{milliseconds, unix_ms};
use taskpaw_contract::config::{ConfigFile, ConfigProblem};
use taskpaw_contract::folders::{Folders, NoHome};
use taskpaw_contract::{Recorded, identity};

use crate::arguments::{Arguments, Call, Form, Target};
use crate::manual::manual;
use crate::record::{NotNameless, Vector};
use crate::report::Answer;
use crate::sentences::sentence;
use crate::table::table;
use crate::terminal;

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

impl Status {
    /// Of a call that changes nothing.
    fn of_look(decision: Decision) -> Self {
        match decision {
            Decision::Start | Decision::Reclaim | Decision::Wait => Self::CanStart,
            Decision::Refuse => Self::Refused,
        }
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
    #[error("the snapshot {name} cannot be read: {reason}. Record one with: taskpaw-ports snapshot")]
    Snapshot { name: String, reason: String },
    #[error("{} cannot be written: {source}", path.display())]
    Out { path: PathBuf, source: io::Error },
    #[error(transparent)]
    NotNameless(#[from] NotNameless),
    #[error("{0}. Nothing was changed")]
    Look(#[from] LookError),
    #[error("the result cannot be printed: {0}")]
    Print(#[from] io::Error),
}

impl CallError {
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Config(_)
            | Self::NoHome(_)
            | Self::SameName(_)
            | Self::Snapshot { .. }
            | Self::Out { .. } => Status::BadInput,
            Self::Look(_) | Self::Print(_) | Self::NotNameless(_) => Status::Refused,
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
        Call::Explain { snapshot, form } => {
            let recorded = read_snapshot(snapshot)?;
            let verdict = recorded.decide(&identity::rules());
            let decision = verdict.decision;
            show(&Answer::of_recorded(recorded, verdict, milliseconds(started.elapsed())), form)?;
            Ok(Status::of_look(decision))
        }
        Call::Snapshot { target } => {
            terminal::result(&json(&look(target)?)?)?;
            Ok(Status::CanStart)
        }
        Call::Record { target, out } => {
            let (role, wanted) = (target.role.into(), wanted(target)?);
            let system = system(target)?;
            let snapshot = system.look(&role, &wanted)?;
            let vector = Vector::of(&snapshot, system.raw_answers(&wanted)?)?;
            let written = std::fs::write(out, json(&vector)?);
            written.map_err(|source| CallError::Out { path: out.clone(), source })?;
            terminal::message(format_args!("{}: look at it before you send it to somebody", out.display()));
            Ok(Status::CanStart)
        }
        Call::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "taskpaw-ports", &mut script);
            terminal::result(&script)?;
            Ok(Status::CanStart)
        }
        Call::Manual => {
            terminal::result(&manual()?)?;
            Ok(Status::CanStart)
        }
    }
}

fn look(target: &Target) -> Result<Snapshot, CallError> {
    Ok(system(target)?.look(&target.role.into(), &wanted(target)?)?)
}

/// This machine, as the installation looks at it whose configuration is meant.
fn system(target: &Target) -> Result<Native, CallError> {
    Ok(Native::of(identity::installation(&folders(target)?.state())))
}

fn folders(target: &Target) -> Result<Folders, NoHome> {
    Folders::find_with(target.config_dir.as_deref())
}

fn answer_look(snapshot: &Snapshot, started: Instant, form: &Form) -> Result<Status, CallError> {
    let verdict = decide(snapshot, &identity::rules());
    let decision = verdict.decision;
    let mut answer = Answer::of_look(snapshot, verdict, milliseconds(started.elapsed()));
    answer.perhaps_v3 = had_v3();
    show(&answer, form)?;
    Ok(Status::of_look(decision))
}

fn reclaim(target: &Target, limits: Limits, form: &Form) -> Result<Status, CallError> {
    let (role, wanted) = (target.role.into(), wanted(target)?);
    let mut announced = None;
    let report = take_over(&system(target)?, &identity::rules(), &role, &wanted, limits, |event| {
        match event {
            TakeoverEvent::Lingering { left } => {
                // Once in ten seconds is enough for a terminal.
                let tens = left.as_secs() / 10;
                if announced.replace(tens) != Some(tens) {
                    terminal::message(format_args!(
                        "waiting for the system to free a port: {} s left",
                        left.as_secs()
                    ));
                }
            }
            TakeoverEvent::Reuse(pid, AddressReuse::Refused(why)) => terminal::message(format_args!(
                "the ports of process {pid} may not be free for a minute after its end: {why}"
            )),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let version = taskpaw_contract::version();
    record(
        target,
        &match &report {
            Ok(report) => Record::of(report, version, unix_ms()),
            Err(error) => Record::of_failed_look(error, &role, &wanted, version, unix_ms()),
        },
    );
    let report = report?;
    let status = match report.outcome {
        Outcome::Ready => Status::CanStart,
        Outcome::Refused => Status::Refused,
        Outcome::NotFree => Status::NotFree,
    };
    // What was done is done: the status says it, even where the result cannot be printed.
    let mut answer = Answer::of_reclaim(report);
    answer.perhaps_v3 = had_v3();
    if let Err(error) = show(&answer, form) {
        terminal::failure(error);
    }
    Ok(status)
}

/// Whether TaskPaw 3 was on this machine: its files are there, or were taken over. A folder that may not be entered may have
/// them.
fn had_v3() -> bool {
    let Ok(folders) = Folders::find() else { return false };
    let may_be = |path: PathBuf| match std::fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    may_be(folders.import_report_file())
        || ["agent.yaml", "hub.yaml"].into_iter().any(|name| may_be(folders.v3.join(name)))
}

/// Keeps a record of what was done. Where that is not possible it is told, and the reclaim stays what it was.
fn record(target: &Target, record: &Record) {
    let written = match folders(target) {
        Ok(folders) => Journal::at(folders.journal_file()).append(record).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = written {
        terminal::failure(format_args!("this reclaim is not in the journal: {why}"));
    }
}

fn show(answer: &Answer, form: &Form) -> Result<(), CallError> {
    if form.json {
        return Ok(terminal::result(&json(answer)?)?);
    }
    terminal::result(table(answer.ports_after.as_ref().unwrap_or(&answer.ports)).as_bytes())?;
    terminal::message(sentence(answer));
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, CallError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    text.push(b'\n');
    Ok(text)
}

fn wanted(target: &Target) -> Result<Vec<WantedPort>, CallError> {
    if target.ports.is_empty() {
        let file = ConfigFile::read(&folders(target)?.config_file())?;
        return Ok(file.config().wanted_ports(target.role)?);
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
fn read_snapshot(path: &Path) -> Result<Recorded, CallError> {
    let is_input = path == Path::new("-");
    let name = if is_input { "on standard input".to_owned() } else { path.display().to_string() };
    let unreadable = |reason: String| CallError::Snapshot { name: name.clone(), reason };
    let mut bytes = Vec::new();
    let read = if is_input {
        io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|content| bytes = content)
    };
    read.map_err(|error| unreadable(error.to_string()))?;
    let recorded = Recorded::read(&bytes).map_err(|error| unreadable(error.to_string()))?;
    recorded
        .snapshot
        .role
        .as_str()
        .parse::<taskpaw_contract::Role>()
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that no test can bring about with the real program; the others are in `tests/program/errors.rs`.
    #[test]
    fn every_error_of_the_system_in_words() {
        let refused = || io::Error::from(io::ErrorKind::PermissionDenied);
        let port = WantedPort::new("api", "127.0.0.1", 5690).unwrap();
        let errors: Vec<CallError> = vec![
            LookError::Sockets(refused()).into(),
            LookError::Malformed("it is truncated").into(),
            LookError::Processes(refused()).into(),
            LookError::Bind { port, cause: refused() }.into(),
            LookError::Unsupported.into(),
            NoHome.into(),
            refused().into(),
            NotNameless.into(),
            CallError::Out { path: PathBuf::from("ports.json"), source: refused() },
        ];
        let words: Vec<String> =
            errors.iter().map(|error| format!("{error}\n  {:?}", error.status())).collect();
        insta::assert_snapshot!(words.join("\n"));
    }
}
