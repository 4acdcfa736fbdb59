//! The version on trial proves itself: every role that ran before it stays ready for a minute. Then it is the installed one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskpaw_contract::ipc::{RoleFailure, RoleState, UpdateFailureReason as Reason};
use taskpaw_updates::installation::Installation;
use taskpaw_updates::owner::runs_from;
use taskpaw_updates::record::{Record, Trial};
use taskpaw_updates::trial::{Proof, Proving, minute};
use taskpaw_updates::way::Way;
use taskpaw_updates::{Version, bundle};

use super::{beside, fetching, joined};
use crate::app::App;
use crate::blocking::spawn_blocking;
use crate::new_versions::running;

/// Between two looks at the roles. A backend that ended by itself is started again after half a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Between two attempts to make it the installed one: a disk that is full has room again when somebody has made some.
const SETTLES_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Whoever stays beside this version goes back within this time; else it does that itself.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Waits whether this version, which has the place, comes to stay, and does what follows. Gives what is remembered then.
pub(super) async fn prove(
    app: &Arc<App>,
    trial: Trial,
    way: &Way,
    memory: &Path,
    packages: &Path,
) -> Option<Record> {
    let began = Instant::now();
    let mut proving = Proving::new(trial.roles.clone(), minute(), Duration::ZERO);
    let mut events = app.board().listen();
    let reason = loop {
        // A role that is lost is noticed at once.
        let _something_happened = tokio::time::timeout(LOOK_EVERY, events.recv()).await;
        match proving.look(&app.board().snapshot().roles, began.elapsed()) {
            Proof::NotYet => {}
            Proof::Failed(reason) => break reason,
            Proof::Settled => {
                let (way, memory, previous) = (way.clone(), memory.to_owned(), trial.previous.clone());
                let settled = spawn_blocking(move || settle(&way, &memory, &previous)).await;
                match joined(settled) {
                    Ok(record) => return Some(record),
                    // As long as it is not the installed one it has not come to stay.
                    Err(error) => {
                        tracing::warn!(%error, "the new version cannot be made the installed one");
                        tokio::time::sleep(SETTLES_AGAIN_AFTER).await;
                    }
                }
            }
        }
    };
    tracing::error!(?reason, "this version does not work here: the one before it is started again");
    let detail = detail(app);
    let (way, memory, packages) = (way.clone(), memory.to_owned(), packages.to_owned());
    let failed = spawn_blocking(move || {
        let (record, ()) = Record::change(&memory, |record| record.fail(reason, detail.as_deref()))?;
        go_back(&way, &packages, &trial)?;
        Ok::<_, std::io::Error>(record)
    });
    joined(failed.await)
        .inspect_err(|error| tracing::error!(%error, "the version before this one cannot be started"))
        .ok()
}

/// This version has stayed ready: it is the one that is started next, and what is too much goes. Blocks.
fn settle(way: &Way, memory: &Path, previous: &Version) -> std::io::Result<Record> {
    if let Way::SideBySide(folder) = way {
        let installation = Installation::at(folder.clone());
        if !installation.point(&running(), previous)? {
            tracing::warn!("another version was installed meanwhile, and stays the one that is started next");
        }
    }
    let (record, ()) = Record::change(memory, |record| record.settle(&running()))?;
    tidy(way, &record);
    tracing::info!("this version has stayed ready, and is the installed one");
    Ok(record)
}

/// Takes away versions that are not needed to go back to. Blocks.
pub(super) fn tidy(way: &Way, record: &Record) {
    let Way::SideBySide(folder) = way else { return };
    let failed: Vec<Version> = record.failed.iter().map(|failure| failure.version.clone()).collect();
    match Installation::at(folder.clone()).tidy(&failed, runs_from) {
        Ok(gone) if gone.is_empty() => {}
        Ok(gone) => tracing::info!(?gone, "old versions were taken away"),
        Err(error) => tracing::warn!(%error, "old versions cannot be taken away"),
    }
}

/// Brings the version before this one back. Side by side whoever stays beside this one does it; should nobody be there any more,
/// it is done after a while all the same. Blocks.
fn go_back(way: &Way, packages: &Path, trial: &Trial) -> std::io::Result<()> {
    match way {
        Way::SideBySide(folder) => {
            std::thread::sleep(GONE_WITHIN);
            beside::start_again(&Installation::at(folder.clone())).map(drop)
        }
        Way::Bundle(at) => {
            bundle::swap(at, &trial.previous, &trial.version)?;
            std::process::Command::new("/usr/bin/open").arg("-n").arg(at).spawn().map(drop)
        }
        Way::Installer => fetching::install(&fetching::installer_of(packages, &trial.previous)),
        Way::Told(_) | Way::NoPermission | Way::ByHand => Ok(()),
    }
}

/// What a role that does not run has said.
fn detail(app: &App) -> Option<String> {
    app.board().snapshot().roles.into_iter().find_map(|view| match view.state {
        RoleState::Backoff { failure, .. }
        | RoleState::Waiting { failure }
        | RoleState::Failed { failure, .. } => said(&RoleFailure { role: view.role, failure }),
        _ => None,
    })
}

/// A failure of a role as it is remembered: for whoever helps.
pub(super) fn said(because: &RoleFailure) -> Option<String> {
    Some(format!("{}: {}", because.role, crate::board::failure_in_words(&because.failure)))
}

/// The version on trial could not follow the one before it, which goes on: that is remembered.
pub(super) fn was_kept(memory: &Path, because: Option<&RoleFailure>) {
    let detail = because.and_then(said);
    if let Err(error) = Record::change(memory, |record| record.fail(Reason::NotReady, detail.as_deref())) {
        tracing::warn!(%error, "it cannot be remembered that this version has failed");
    }
}
