//! The folder of an installation whose versions lie side by side: what lies there, and the few things that are done to it. Blocks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;
use taskpaw_contract::version::version_in;

use crate::archive::{PROGRAMS, look_through};
use crate::disk::{Failed, Folder, apply, unpack};
use crate::refusal::Refusal;
use crate::versions::{
    POINTER, VERSIONS, among, discard, folder_of, point, pointed_at, superfluous, unpack as steps_of,
};

/// Held while versions are put there or taken away.
const LOCK: &str = "installing.lock";

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation(PathBuf);

impl Installation {
    /// That in a folder.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// That of a program, without links, if it lies in one: `FOLDER/versions/4.1.0/taskpaw`, with the link `current`.
    #[must_use]
    pub fn of(program: &Path) -> Option<Self> {
        let version = program.parent()?;
        among([version.file_name()?.to_str()?.to_owned()]).pop()?;
        let folder = version.parent().filter(|folder| folder.ends_with(VERSIONS))?.parent()?;
        let installation = Self(folder.to_owned());
        installation.pointed_at().is_some().then_some(installation)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The version that is started next.
    #[must_use]
    pub fn pointed_at(&self) -> Option<Version> {
        pointed_at(&fs::read_link(self.0.join(POINTER)).ok()?)
    }

    /// The program of the version that is started next, by the link.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.0.join(POINTER).join(PROGRAMS[0])
    }

    /// The program of a version.
    #[must_use]
    pub fn program_of(&self, version: &Version) -> PathBuf {
        self.0.join(folder_of(version)).join(PROGRAMS[0])
    }

    /// Whether a version lies here, whole: its folder gets its name last.
    #[must_use]
    pub fn has(&self, version: &Version) -> bool {
        let stamped = version_in(&self.program_of(version));
        stamped.is_ok_and(|stamp| stamp.as_deref() == Some(&version.to_string()))
    }

    /// Puts a version beside the others, from its archive, whose signature was found good. Nothing points to it yet.
    ///
    /// # Errors
    /// Why it is not there; what was written of it has no name of a version.
    pub fn put(&self, archive: &Path, version: &Version) -> Result<(), Refusal> {
        let of_disk = |error: io::Error| Refusal::of_disk(&error);
        let _alone = self.alone().map_err(of_disk)?;
        if self.has(version) {
            return Ok(());
        }
        let members = look_through(File::open(archive).map_err(of_disk)?, version)?;
        let mut disk = Folder(self.0.clone());
        if self.0.join(folder_of(version)).exists() {
            // It has the name, and is none: nothing of ours leaves that.
            apply(&mut disk, &discard(version)).map_err(of_disk)?;
        }
        let archive = File::open(archive).map_err(of_disk)?;
        unpack(&mut disk, archive, version, &steps_of(version, &members))
            .map_err(|failed: Failed| failed.refusal())
    }

    /// Has a version be the one that is started next, in the place of another one. False if it is another one's turn by now: somebody has
    /// installed a version meanwhile.
    ///
    /// # Errors
    /// What the disk says; the pointer leads to the one or the other.
    pub fn point(&self, version: &Version, previous: &Version) -> io::Result<bool> {
        let _alone = self.alone()?;
        match self.pointed_at() {
            Some(now) if now == *version => Ok(true),
            Some(now) if now == *previous => {
                apply(&mut Folder(self.0.clone()), &point(version)).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Takes away what is too much: all but two old versions, those that failed, and never what is started next or runs.
    /// Gives what went.
    ///
    /// # Errors
    /// What the disk says.
    pub fn tidy(&self, failed: &[Version], runs: impl Fn(&Path) -> bool) -> io::Result<Vec<Version>> {
        let _alone = self.alone()?;
        let Some(current) = self.pointed_at() else { return Ok(Vec::new()) };
        let names = fs::read_dir(self.0.join(VERSIONS))?;
        let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut gone = superfluous(&among(names), &current, failed);
        gone.retain(|version| !runs(&self.0.join(folder_of(version))));
        for version in &gone {
            apply(&mut Folder(self.0.clone()), &discard(version))?;
        }
        Ok(gone)
    }

    /// Alone among those that install; nobody is waited for.
    fn alone(&self) -> io::Result<File> {
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(self.0.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(lock)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    /// Programs of these versions, which have no stamp.
    fn installation(versions: &[&str], current: &str) -> (tempfile::TempDir, Installation) {
        let home = tempfile::tempdir().unwrap();
        for version in versions {
            let folder = home.path().join(folder_of(&v(version)));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(PROGRAMS[0]), "").unwrap();
        }
        symlink(folder_of(&v(current)), home.path().join(POINTER)).unwrap();
        let installation = Installation::at(home.path().to_owned());
        (home, installation)
    }

    #[test]
    fn a_program_tells_its_installation() {
        let (home, installation) = installation(&["4.1.0"], "4.1.0");
        let program = home.path().join("versions/4.1.0/taskpaw");
        assert_eq!(Installation::of(&program), Some(installation.clone()));
        assert_eq!(installation.program_of(&v("4.1.0")), program);
        for other in ["taskpaw", "versions/x/taskpaw", "elsewhere/4.1.0/taskpaw"] {
            assert_eq!(Installation::of(&home.path().join(other)), None, "{other}");
        }
        fs::remove_file(home.path().join(POINTER)).unwrap();
        assert_eq!(Installation::of(&program), None, "no link");
    }

    #[test]
    fn the_pointer_is_moved_from_the_version_before_and_from_no_other() {
        let (_home, installation) = installation(&["4.0.0", "4.1.0", "4.2.0"], "4.1.0");
        assert!(
            !installation.point(&v("4.2.0"), &v("4.0.0")).unwrap(),
            "somebody has installed 4.1.0 meanwhile"
        );
        assert_eq!(installation.pointed_at(), Some(v("4.1.0")));
        assert!(installation.point(&v("4.2.0"), &v("4.1.0")).unwrap());
        assert!(installation.point(&v("4.2.0"), &v("4.1.0")).unwrap(), "it is done already");
        assert_eq!(installation.pointed_at(), Some(v("4.2.0")));
    }

    #[test]
    fn what_is_too_much_goes_but_not_what_runs() {
        let (home, installation) =
            installation(&["4.0.0", "4.0.1", "4.1.0", "4.1.1", "4.2.0", "4.3.0"], "4.2.0");
        let runs = |folder: &Path| folder.ends_with("4.0.1");
        assert_eq!(installation.tidy(&[v("4.3.0")], runs).unwrap(), ["4.0.0", "4.3.0"].map(v));
        let left = fs::read_dir(home.path().join(VERSIONS)).unwrap();
        let left = among(left.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
        assert_eq!(left, ["4.0.1", "4.1.0", "4.1.1", "4.2.0"].map(v));
    }

    #[test]
    fn who_installs_is_alone() {
        let (home, installation) = installation(&["4.1.0", "4.2.0"], "4.1.0");
        let alone = installation.alone().unwrap();
        assert!(installation.point(&v("4.2.0"), &v("4.1.0")).is_err());
        assert!(installation.put(&home.path().join("x"), &v("4.3.0")).is_err());
        drop(alone);
        assert!(installation.point(&v("4.2.0"), &v("4.1.0")).unwrap());
    }

    #[test]
    fn a_folder_with_the_name_of_a_version_and_no_program_of_it_is_none() {
        let (_home, installation) = installation(&["4.1.0"], "4.1.0");
        assert!(!installation.has(&v("4.1.0")) && !installation.has(&v("4.2.0")));
    }
}
