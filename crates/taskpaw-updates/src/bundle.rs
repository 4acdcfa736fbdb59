//! A bundle of macOS is replaced whole: the new one is unpacked beside it, the old one gets another name and stays, and the new one
//! gets the old one's. Blocks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use semver::Version;
use taskpaw_contract::version::version_in;

use crate::owner::succeeds;
use crate::refusal::Refusal;

/// What the bundle is called in its archive.
const NAME: &str = "TaskPaw.app";
/// 60 MB are unpacked within a second; a slow disk may take longer.
const UNPACKED_WITHIN: Duration = Duration::from_mins(2);

/// Where a version of a bundle is kept beside it; the dot hides it.
fn beside(bundle: &Path, version: &Version) -> PathBuf {
    bundle.with_file_name(format!(".TaskPaw-{version}.app"))
}

/// Unpacks the archive of a version, whose signature was found good, beside the bundle. The system's own program does it, which keeps
/// links and rights as the bundle's own signature wants them.
///
/// # Errors
/// Why it is not there.
pub fn put(bundle: &Path, archive: &Path, version: &Version) -> Result<(), Refusal> {
    let of_disk = |error: io::Error| Refusal::of_disk(&error);
    let (kept, incoming) = (beside(bundle, version), bundle.with_file_name(".TaskPaw-incoming"));
    if incoming.exists() {
        fs::remove_dir_all(&incoming).map_err(of_disk)?;
    }
    fs::create_dir(&incoming).map_err(of_disk)?;
    let mut unpacks = Command::new("/usr/bin/tar");
    unpacks.arg("-xzf").arg(archive).arg("-C").arg(&incoming);
    if !succeeds(unpacks, UNPACKED_WITHIN).map_err(of_disk)? {
        return Err(Refusal::BrokenArchive);
    }
    let stamp = version_in(&incoming.join(NAME).join("Contents/MacOS/taskpaw"));
    if stamp.map_err(|_| Refusal::BrokenArchive)?.as_deref() != Some(&version.to_string()) {
        return Err(Refusal::OtherVersion);
    }
    if kept.exists() {
        fs::remove_dir_all(&kept).map_err(of_disk)?;
    }
    fs::rename(incoming.join(NAME), &kept).map_err(of_disk)?;
    fs::remove_dir(&incoming).map_err(of_disk)
}

/// Puts a version that lies beside the bundle in its place, and the one that is there beside it. If the second name cannot be given, the
/// first one is taken back.
///
/// # Errors
/// What the system says; a whole bundle is in the place.
pub fn swap(bundle: &Path, to: &Version, from: &Version) -> io::Result<()> {
    let (incoming, kept) = (beside(bundle, to), beside(bundle, from));
    if !incoming.is_dir() {
        return Err(io::ErrorKind::NotFound.into());
    }
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    fs::rename(bundle, &kept)?;
    fs::rename(&incoming, bundle).or_else(|error| fs::rename(&kept, bundle).and(Err(error)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_replaced_whole_and_the_old_one_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join(NAME);
        let (old, new): (Version, Version) = ("4.1.0".parse().unwrap(), "4.2.0".parse().unwrap());
        for (path, text) in [(bundle.clone(), "old"), (beside(&bundle, &new), "new")] {
            fs::create_dir(&path).unwrap();
            fs::write(path.join("program"), text).unwrap();
        }
        let program = || fs::read_to_string(bundle.join("program")).unwrap();
        swap(&bundle, &new, &old).unwrap();
        assert_eq!((program().as_str(), beside(&bundle, &old).is_dir()), ("new", true));
        swap(&bundle, &old, &new).unwrap();
        assert_eq!(program(), "old");
        assert!(swap(&bundle, &"4.3.0".parse().unwrap(), &old).is_err(), "it is not there");
        assert_eq!(program(), "old");
    }
}
