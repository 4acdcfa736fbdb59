//! What is remembered between looks and starts: what was seen of feeds, which version is on trial, which failed. Pure, but for reading
//! and writing the one file.

use std::fs::{Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use durable_file::{create_private_folder, read_plain, replace_file};
use semver::Version;
use serde::{Deserialize, Serialize};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::{UpdateChanges, UpdateFailure, UpdateFailureReason, UpdateNotes, UpdateOutcome};

use crate::decision::{Failure, Seen};

/// Its file: in the folder of an installation whose versions lie side by side, else in the data folder.
pub const FILE: &str = "updates.json";
/// Held while it is changed.
const LOCK: &str = "updates.lock";
/// A version fails once, and there are some ten a year.
const MOST_FAILED: usize = 20;
/// As long as a sentence of a failed role, with its detail.
const LONGEST_DETAIL: usize = 1000;
/// Twenty failures with their details are 30 KB at most, notes 32 KB three times.
const LARGEST: u64 = 256 * 1024;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Of feeds.
    pub seen: Seen,
    /// When a feed was last asked for and something came of it, in ms since 1970.
    pub looked_at: Option<u64>,
    /// What the person has put off.
    pub put_off: Option<PutOff>,
    /// The version that was started and is not settled yet.
    pub trial: Option<Trial>,
    /// A version whose trial was broken off once, by what may not be its fault.
    pub interrupted: Option<Version>,
    /// Versions that did not work here, the oldest first.
    pub failed: Vec<Failure>,
    /// How the last update came out, until the person has seen it.
    pub outcome: Option<UpdateOutcome>,
    /// What the last update that came to stay has changed: that is wanted later too.
    pub changed: Option<UpdateChanges>,
}

/// What a person does not want to hear of for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutOff {
    /// The version.
    pub version: Version,
    /// Until when, in ms since 1970.
    pub until: u64,
}

/// A version that has yet to prove itself. The pointer still leads to the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub version: Version,
    /// The one before it, which is the installed one.
    pub previous: Version,
    /// The roles that were ready before it: these it must keep ready.
    pub roles: Vec<Role>,
    /// What is new in it.
    pub notes: UpdateNotes,
    /// When it took the place of the one before it, in ms since 1970.
    #[serde(default)]
    pub placed_at: Option<u64>,
    /// It was ended as a person does.
    #[serde(default)]
    pub left: bool,
}

/// What it means for a trial that a version has the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// There is none.
    Usual,
    /// This version is on trial: once it has been ready for a minute it is settled.
    OnTrial,
    /// Another one was, and this one runs again.
    WentBack,
}

/// Tells one state of the file from every other: each is written to a file of its own, which is then renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<(SystemTime, u64, u64)>);

impl Stamp {
    /// That of the file as it is now.
    ///
    /// # Errors
    /// What the system says; that there is no file is none.
    pub fn of(folder: &Path) -> io::Result<Self> {
        match std::fs::metadata(folder.join(FILE)) {
            Ok(found) => Ok(Self(Some((found.modified()?, found.len(), number(&found))))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(unix)]
fn number(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

/// Elsewhere the time and the length have to do.
#[cfg(not(unix))]
fn number(_file: &Metadata) -> u64 {
    0
}

impl Record {
    /// What the file says; nothing is remembered where there is none.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::InvalidData`] for what cannot be read, which is not to be written over.
    pub fn read(folder: &Path) -> io::Result<Self> {
        match read_plain(&folder.join(FILE), LARGEST)? {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Ok(Self::default()),
        }
    }

    /// Changes it, one process at a time, and gives what is remembered then: the old or the new file is there at every moment.
    ///
    /// # Errors
    /// What the system says; nothing is changed then.
    pub fn change<T>(folder: &Path, change: impl FnOnce(&mut Self) -> T) -> io::Result<(Self, T)> {
        create_private_folder(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        lock.lock()?;
        let before = Self::read(folder)?;
        let mut record = before.clone();
        let result = change(&mut record);
        if record != before {
            replace_file(&folder.join(FILE), &serde_json::to_vec_pretty(&record)?)?;
        }
        Ok((record, result))
    }

    /// A version is about to be started in the place of another one.
    pub fn begin(&mut self, trial: Trial) {
        self.failed.retain(|failure| failure.version != trial.version);
        self.outcome = None;
        self.trial = Some(trial);
    }

    /// This version has the place now. A trial of another one is over: broken off by a person or by the power it costs nothing
    /// once, and the second time it counts.
    pub fn placed(&mut self, running: &Version, now: u64) -> Placed {
        match &mut self.trial {
            None => Placed::Usual,
            Some(trial) if trial.version == *running => {
                trial.placed_at = Some(now);
                trial.left = false;
                Placed::OnTrial
            }
            Some(trial) => {
                let (version, left) = (trial.version.clone(), trial.left);
                if left {
                    self.trial = None;
                } else if self.interrupted.replace(version.clone()) == Some(version) {
                    self.fail(UpdateFailureReason::Interrupted, None);
                } else {
                    self.trial = None;
                }
                Placed::WentBack
            }
        }
    }

    /// The version on trial is ended as a person does, or leaves its place to another one.
    pub fn leave(&mut self, running: &Version) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.version == *running) {
            trial.left = true;
        }
    }

    /// The version on trial works.
    pub fn settle(&mut self, running: &Version) {
        let Some(Trial { version, previous, notes, .. }) =
            self.trial.take_if(|trial| trial.version == *running)
        else {
            return;
        };
        self.interrupted = None;
        self.put_off = None;
        self.failed.retain(|failure| failure.version != version);
        let (version, from) = (version.to_string(), previous.to_string());
        self.changed =
            Some(UpdateChanges { version: version.clone(), from: from.clone(), notes: notes.clone() });
        self.outcome = Some(UpdateOutcome::Installed { version, from, notes });
    }

    /// The version on trial does not work.
    pub fn fail(&mut self, reason: UpdateFailureReason, detail: Option<&str>) {
        let Some(Trial { version, .. }) = self.trial.take() else { return };
        let detail = detail.map(|detail| detail.chars().take(LONGEST_DETAIL).collect());
        let failure = UpdateFailure { reason, detail };
        self.interrupted = None;
        self.outcome =
            Some(UpdateOutcome::CameBack { version: version.to_string(), failure: failure.clone() });
        self.failed.retain(|failure| failure.version != version);
        self.failed.push(Failure { version, failure });
        let too_many = self.failed.len().saturating_sub(MOST_FAILED);
        self.failed.drain(..too_many);
    }

    /// How a version has failed here, if it has.
    #[must_use]
    pub fn failure_of(&self, version: &Version) -> Option<&UpdateFailure> {
        self.failed.iter().rev().find(|failure| failure.version == *version).map(|it| &it.failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn trial(version: &str) -> Trial {
        Trial {
            version: v(version),
            previous: v("4.1.0"),
            roles: vec![Role::Agent],
            notes: UpdateNotes::default(),
            placed_at: None,
            left: false,
        }
    }

    fn on_trial() -> Record {
        let mut record = Record::default();
        record.begin(trial("4.2.0"));
        record
    }

    #[test]
    fn a_version_on_trial_settles_or_is_recorded_with_its_reason() {
        let mut record = Record::default();
        assert_eq!(record.placed(&v("4.1.0"), 1), Placed::Usual);
        record.fail(UpdateFailureReason::Ended, None);
        assert_eq!(record, Record::default(), "nothing was on trial");
        let mut record = on_trial();
        assert_eq!(record.placed(&v("4.2.0"), 7), Placed::OnTrial);
        assert_eq!(record.trial.as_ref().unwrap().placed_at, Some(7));
        record.fail(UpdateFailureReason::Ended, Some("exit status: 1"));
        let failure = record.failure_of(&v("4.2.0")).unwrap();
        assert_eq!(
            (failure.reason, failure.detail.as_deref()),
            (UpdateFailureReason::Ended, Some("exit status: 1"))
        );
        assert!(matches!(record.outcome, Some(UpdateOutcome::CameBack { .. })));
        assert_eq!(record.placed(&v("4.1.0"), 8), Placed::Usual);
        // A person asks for it once more, and it works.
        record.begin(trial("4.2.0"));
        assert_eq!(record.failure_of(&v("4.2.0")), None);
        record.settle(&v("4.1.0"));
        assert!(record.trial.is_some(), "another one cannot settle it");
        record.settle(&v("4.2.0"));
        assert!(record.trial.is_none() && record.failed.is_empty());
        assert!(matches!(&record.outcome, Some(UpdateOutcome::Installed { from, .. }) if from == "4.1.0"));
        let changed = record.changed.clone().unwrap();
        assert_eq!((changed.version.as_str(), changed.from.as_str()), ("4.2.0", "4.1.0"));
        record.begin(trial("4.3.0"));
        record.fail(UpdateFailureReason::NotReady, None);
        assert_eq!(record.changed, Some(changed), "the version that runs is still that one");
    }

    #[test]
    fn a_trial_that_was_broken_off_is_begun_anew_once() {
        // The power went, twice.
        let mut record = on_trial();
        record.placed(&v("4.2.0"), 1);
        assert_eq!(record.placed(&v("4.1.0"), 2), Placed::WentBack);
        assert!(record.trial.is_none() && record.failed.is_empty(), "it is offered again");
        record.begin(trial("4.2.0"));
        assert_eq!(record.placed(&v("4.1.0"), 3), Placed::WentBack);
        assert_eq!(record.failure_of(&v("4.2.0")).unwrap().reason, UpdateFailureReason::Interrupted);
        // A person has ended it, as often as they like.
        let mut record = Record::default();
        for _ in 0..3 {
            record.begin(trial("4.2.0"));
            record.placed(&v("4.2.0"), 1);
            record.leave(&v("4.2.0"));
            assert_eq!(record.placed(&v("4.1.0"), 2), Placed::WentBack);
            assert!(record.failed.is_empty());
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_newest() {
        let mut record = Record::default();
        for patch in 0..50 {
            record.begin(Trial { version: Version::new(4, 2, patch), ..trial("4.2.0") });
            record.fail(UpdateFailureReason::NotReady, Some(&"x".repeat(5000)));
        }
        assert_eq!(record.failed.len(), MOST_FAILED);
        assert_eq!(record.failed.last().unwrap().version, v("4.2.49"));
        assert!(serde_json::to_vec_pretty(&record).unwrap().len() < usize::try_from(LARGEST).unwrap());
    }

    // Elsewhere nobody stays beside a version, and a file has no number that std tells.
    #[cfg(unix)]
    #[test]
    fn each_change_gives_it_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut stamps = vec![Stamp::of(path).unwrap()];
        for version in ["4.2.0", "4.3.0", "4.2.0"] {
            Record::change(path, |record| record.begin(trial(version))).unwrap();
            let now = Stamp::of(path).unwrap();
            assert!(stamps.last() != Some(&now), "{version}");
            Record::read(path).unwrap();
            assert_eq!(Stamp::of(path).unwrap(), now, "reading changes nothing");
            stamps.push(now);
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_what_is_not_there_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(Record::read(path).unwrap(), Record::default());
        let (record, ()) = Record::change(path, |record| record.begin(trial("4.2.0"))).unwrap();
        assert_eq!(Record::read(path).unwrap(), record);
        std::fs::write(path.join(FILE), "{").unwrap();
        assert!(Record::read(path).is_err() && Record::change(path, |_| ()).is_err());
        assert_eq!(std::fs::read_to_string(path.join(FILE)).unwrap(), "{", "it is left as it is");
    }
}
