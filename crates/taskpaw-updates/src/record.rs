//! What is remembered between looks and starts: what was seen of feeds, which version is on trial, which failed. Pure, but for reading
//! and writing the one file.

use std::io;
use std::path::Path;

use durable_file::{read_plain, replace_file};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::decision::{Failure, Seen};

/// Its file, in the folder of the installation.
pub const FILE: &str = "updates.json";
/// A version fails once, and there are some ten a year.
const MOST_FAILED: usize = 20;
/// As long as a sentence of a failed role, with its detail.
const LONGEST_REASON: usize = 1000;
/// Twenty failures with their reasons are 30 KB at most.
const LARGEST: u64 = 256 * 1024;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Of feeds.
    pub seen: Seen,
    /// The version that was started and is not settled yet.
    pub trial: Option<Trial>,
    /// Versions that did not work here, the oldest first.
    pub failed: Vec<Failure>,
}

/// A version that has yet to prove itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub version: Version,
    /// The one before it, to go back to.
    pub previous: Version,
}

/// What a start means for a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// There is none.
    Usual,
    /// This version is on trial: once it has been ready for a minute it is settled.
    OnTrial,
    /// The version on trial did not come to stay, and this one runs again.
    WentBack,
}

impl Record {
    /// What the file says; nothing is remembered where there is none.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::InvalidData`] for what cannot be read, which is not to be written over.
    pub fn read(path: &Path) -> io::Result<Self> {
        match read_plain(path, LARGEST)? {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Ok(Self::default()),
        }
    }

    /// Writes it, so that the old or the new one is there at every moment.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        replace_file(path, &serde_json::to_vec_pretty(self)?)
    }

    /// A version is about to be started in the place of another one.
    pub fn begin(&mut self, version: Version, previous: Version) {
        self.failed.retain(|failure| failure.version != version);
        self.trial = Some(Trial { version, previous });
    }

    /// What it means that this version was started.
    #[must_use]
    pub fn start(&self, running: &Version) -> Start {
        match &self.trial {
            None => Start::Usual,
            Some(trial) if trial.version == *running => Start::OnTrial,
            Some(_) => Start::WentBack,
        }
    }

    /// The version on trial works.
    pub fn settle(&mut self) {
        self.trial = None;
    }

    /// The version on trial does not work. Gives the one to go back to, if one was on trial.
    pub fn fail(&mut self, reason: &str) -> Option<Version> {
        let Trial { version, previous } = self.trial.take()?;
        let reason: String = reason.chars().take(LONGEST_REASON).collect();
        self.failed.retain(|failure| failure.version != version);
        self.failed.push(Failure { version, reason });
        let too_many = self.failed.len().saturating_sub(MOST_FAILED);
        self.failed.drain(..too_many);
        Some(previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_on_trial_settles_or_is_recorded_with_its_reason() {
        let mut record = Record::default();
        assert_eq!(record.start(&v("4.1.0")), Start::Usual);
        assert_eq!(record.fail("nothing"), None);
        record.begin(v("4.2.0"), v("4.1.0"));
        assert_eq!((record.start(&v("4.2.0")), record.start(&v("4.1.0"))), (Start::OnTrial, Start::WentBack));
        assert_eq!(record.fail("agent ended at once"), Some(v("4.1.0")));
        assert_eq!(record.failed[0].reason, "agent ended at once");
        assert_eq!(record.start(&v("4.1.0")), Start::Usual);
        // A person asks for it once more, and it works.
        record.begin(v("4.2.0"), v("4.1.0"));
        record.settle();
        assert_eq!(record, Record::default());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_newest() {
        let mut record = Record::default();
        for patch in 0..50 {
            record.begin(Version::new(4, 2, patch), v("4.1.0"));
            record.fail(&"x".repeat(5000));
        }
        assert_eq!(record.failed.len(), MOST_FAILED);
        assert_eq!(record.failed.last().unwrap().version, v("4.2.49"));
        assert!(serde_json::to_vec_pretty(&record).unwrap().len() < usize::try_from(LARGEST).unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_what_is_not_there_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(Record::read(&path).unwrap(), Record::default());
        let mut record = Record::default();
        record.begin(v("4.2.0"), v("4.1.0"));
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), record);
        std::fs::write(&path, "{").unwrap();
        assert!(Record::read(&path).is_err());
    }
}
