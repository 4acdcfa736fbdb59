//! Versions side by side, for one person, without root: `versions/4.2.0/` beside `versions/4.1.0/`, and `current`, a link that is
//! renamed over. Here is decided, as plain steps, in which order the disk is changed; [`crate::disk`] does it.
//!
//! The order is what makes it safe: a version is written and synced under another name before it gets its own, its name is
//! synced before the pointer is moved, and what is removed loses its name first. So whatever of the steps was done when the
//! power goes, and whatever of them that was not synced is lost: a folder below `versions` is whole, and `current` leads to one.

use std::path::{Path, PathBuf};

use semver::Version;

use crate::archive::Member;
use crate::feed::released;

/// The link to the version that is started.
pub const POINTER: &str = "current";
/// Where the versions lie.
pub const VERSIONS: &str = "versions";
/// A version that is being written.
const INCOMING: &str = "incoming";
/// A version that is being removed.
const DISCARDED: &str = "discarded";
/// The link before it gets its name.
const NEXT_POINTER: &str = "current.next";
/// So many old versions stay beside the one that is started.
const OLD_VERSIONS: usize = 2;

/// One change of the disk. Paths are below the folder of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Makes a folder, if it is not there.
    MakeFolder(PathBuf),
    /// Writes a file of the archive that is not there yet, and syncs it.
    Write {
        /// Where.
        to: PathBuf,
        /// Which.
        member: Member,
    },
    /// Makes the names in a folder last.
    SyncFolder(PathBuf),
    /// Gives a file, a link or a folder another name. A link replaces a link; nothing else is replaced.
    Rename {
        /// From this one.
        from: PathBuf,
        /// To this one.
        to: PathBuf,
    },
    /// Makes a link.
    Link {
        /// Where.
        at: PathBuf,
        /// What it leads to, from the folder in which it lies.
        to: PathBuf,
    },
    /// Removes whatever is there, if anything is. Links are removed, not followed.
    Remove(PathBuf),
}

/// The folder of a version, below that of the installation.
#[must_use]
pub fn folder_of(version: &Version) -> PathBuf {
    Path::new(VERSIONS).join(version.to_string())
}

/// The version that a link leads to, if it leads to one as [`point`] makes it.
#[must_use]
pub fn pointed_at(link: &Path) -> Option<Version> {
    let name = link.strip_prefix(VERSIONS).ok()?.to_str()?;
    released(name).ok().filter(|version| version.to_string() == name)
}

/// The versions among names in the folder of versions.
#[must_use]
pub fn among(names: impl IntoIterator<Item = String>) -> Vec<Version> {
    let mut versions: Vec<Version> = names.into_iter().filter_map(|name| released(&name).ok()).collect();
    versions.sort();
    versions
}

/// Brings a version to its place. Nothing points to it yet.
#[must_use]
pub fn unpack(version: &Version, members: &[Member]) -> Vec<Step> {
    let incoming = Path::new(INCOMING);
    let mut steps = vec![
        Step::Remove(incoming.to_owned()),
        Step::MakeFolder(PathBuf::from(VERSIONS)),
        Step::MakeFolder(incoming.to_owned()),
    ];
    let mut folders = vec![incoming.to_owned()];
    for member in members {
        let to = member.path.iter().fold(incoming.to_owned(), |path, name| path.join(name));
        let inner = to.ancestors().skip(1).take_while(|folder| folder.starts_with(incoming));
        let mut missing: Vec<PathBuf> =
            inner.filter(|folder| !folders.iter().any(|made| made == folder)).map(Path::to_owned).collect();
        missing.reverse();
        steps.extend(missing.iter().cloned().map(Step::MakeFolder));
        folders.extend(missing);
        steps.push(Step::Write { to, member: member.clone() });
    }
    // The innermost first: a name lasts once what it names does.
    steps.extend(folders.into_iter().rev().map(Step::SyncFolder));
    steps.push(Step::SyncFolder(PathBuf::new()));
    steps.push(Step::Rename { from: incoming.to_owned(), to: folder_of(version) });
    steps.push(Step::SyncFolder(PathBuf::from(VERSIONS)));
    steps.push(Step::SyncFolder(PathBuf::new()));
    steps
}

/// Makes a version the one that is started: at every moment the pointer leads to the old one or to this one.
#[must_use]
pub fn point(version: &Version) -> Vec<Step> {
    let next = PathBuf::from(NEXT_POINTER);
    vec![
        Step::Remove(next.clone()),
        Step::Link { at: next.clone(), to: folder_of(version) },
        Step::Rename { from: next, to: PathBuf::from(POINTER) },
        Step::SyncFolder(PathBuf::new()),
    ]
}

/// Takes a version away. Nothing may point to it.
#[must_use]
pub fn discard(version: &Version) -> Vec<Step> {
    let discarded = PathBuf::from(DISCARDED);
    vec![
        Step::Remove(discarded.clone()),
        Step::Rename { from: folder_of(version), to: discarded.clone() },
        Step::SyncFolder(PathBuf::from(VERSIONS)),
        Step::SyncFolder(PathBuf::new()),
        Step::Remove(discarded),
    ]
}

/// The versions that go once the current one is settled: all but it, and the newest of the others that are not known to fail.
#[must_use]
pub fn superfluous(present: &[Version], current: &Version, failed: &[Version]) -> Vec<Version> {
    let mut others: Vec<&Version> = present.iter().filter(|version| *version != current).collect();
    others.sort_by_key(|version| (failed.contains(version), std::cmp::Reverse((*version).clone())));
    let keeps = others.iter().take(OLD_VERSIONS).take_while(|version| !failed.contains(version)).count();
    others.into_iter().skip(keeps).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn a_pointer_leads_to_a_version_or_to_nothing_known() {
        assert_eq!(pointed_at(Path::new("versions/4.2.0")), Some(v("4.2.0")));
        for other in [
            "",
            "versions",
            "versions/",
            "versions/4.2",
            "/versions/4.2.0",
            "versions/../x",
            "versions/4.2.0/x",
            "4.2.0",
        ] {
            assert_eq!(pointed_at(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn at_most_two_old_versions_stay_and_none_that_failed() {
        let all = ["4.0.0", "4.1.0", "4.1.1", "4.2.0", "4.3.0"].map(v);
        assert_eq!(superfluous(&all, &v("4.3.0"), &[]), ["4.1.0", "4.0.0"].map(v));
        assert_eq!(superfluous(&all, &v("4.2.0"), &[v("4.3.0")]), ["4.0.0", "4.3.0"].map(v));
        assert_eq!(superfluous(&all[..2], &v("4.1.0"), &[v("4.0.0")]), ["4.0.0"].map(v));
        assert!(superfluous(&[], &v("4.1.0"), &[]).is_empty());
    }

    #[test]
    fn folders_are_made_before_what_is_in_them_and_synced_after_it() {
        let member = |path: &[&str]| Member {
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            executable: false,
            size: 1,
        };
        let steps = unpack(&v("4.2.0"), &[member(&["man", "de", "x"]), member(&["taskpaw"])]);
        let at = |step: &Step| steps.iter().position(|other| other == step).unwrap();
        let path = |text: &str| PathBuf::from(text);
        assert!(at(&Step::MakeFolder(path("incoming/man"))) < at(&Step::MakeFolder(path("incoming/man/de"))));
        assert!(at(&Step::SyncFolder(path("incoming/man/de"))) < at(&Step::SyncFolder(path("incoming/man"))));
        assert!(at(&Step::SyncFolder(path("incoming/man"))) < at(&Step::SyncFolder(path("incoming"))));
        let renamed = at(&Step::Rename { from: path("incoming"), to: path("versions/4.2.0") });
        assert!(at(&Step::SyncFolder(path("incoming"))) < renamed);
    }
}
