//! Does the steps of [`crate::versions`] on a disk. What the steps need of it is a trait, so that tests can pull the plug.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use semver::Version;

use crate::archive::{Member, each};
use crate::refusal::Refusal;
use crate::versions::Step;

/// What a step does to a disk. Paths are those of the steps.
pub trait Disk {
    /// Does one step. Of [`Step::Write`] the bytes are in `content`; every other step has none.
    ///
    /// # Errors
    /// What the system says.
    fn apply(&mut self, step: &Step, content: &mut dyn Read) -> io::Result<()>;
}

/// The folder of an installation.
#[derive(Debug, Clone)]
pub struct Folder(pub PathBuf);

/// Why the steps were not all done.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The archive is not what it was when it was looked through.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl Failed {
    /// What it means for a person.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => *refusal,
            Self::Disk(error) => Refusal::of_disk(error),
        }
    }
}

/// Does steps that write nothing of an archive.
///
/// # Errors
/// What the disk says. The steps before it are done.
pub fn apply(disk: &mut dyn Disk, steps: &[Step]) -> io::Result<()> {
    steps.iter().try_for_each(|step| disk.apply(step, &mut io::empty()))
}

/// Does the steps that bring an archive's files to the disk. The archive must be the one that the steps were made of.
///
/// # Errors
/// [`Failed`]. The steps before it are done, and nothing points to what they made.
pub fn unpack(
    disk: &mut dyn Disk,
    archive: impl Read,
    version: &Version,
    steps: &[Step],
) -> Result<(), Failed> {
    let mut steps = steps.iter();
    let mut waiting = steps.next();
    each(archive, version, |member: Member, content: &mut dyn Read| {
        // What has no bytes is done on the way to the file that has them.
        while let Some(step) = waiting {
            waiting = steps.next();
            if let Step::Write { member: expected, .. } = step {
                if *expected != member {
                    return Err(Failed::Refused(Refusal::BrokenArchive));
                }
                return Ok(disk.apply(step, content)?);
            }
            disk.apply(step, &mut io::empty())?;
        }
        Err(Failed::Refused(Refusal::BrokenArchive))
    })?;
    for step in waiting.into_iter().chain(steps) {
        if matches!(step, Step::Write { .. }) {
            return Err(Failed::Refused(Refusal::BrokenArchive));
        }
        disk.apply(step, &mut io::empty())?;
    }
    Ok(())
}

impl Folder {
    fn at(&self, path: &Path) -> PathBuf {
        self.0.join(path)
    }
}

impl Disk for Folder {
    fn apply(&mut self, step: &Step, content: &mut dyn Read) -> io::Result<()> {
        match step {
            Step::MakeFolder(path) => match fs::create_dir(self.at(path)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                done => done,
            },
            Step::Write { to, member } => write(&self.at(to), member, content),
            Step::SyncFolder(path) => sync_folder(&self.at(path)),
            Step::Rename { from, to } => fs::rename(self.at(from), self.at(to)),
            Step::Link { at, to } => link(to, &self.at(at)),
            Step::Remove(path) => remove(&self.at(path)),
        }
    }
}

fn write(to: &Path, member: &Member, content: &mut dyn Read) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if member.executable { 0o755 } else { 0o644 });
    let mut file: File = options.open(to)?;
    if io::copy(content, &mut file)? != member.size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

/// Versions lie side by side on Linux alone.
#[cfg(not(unix))]
fn link(_to: &Path, _at: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows has no such call; its rename is part of the file system's own journal.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
