//! Where this build looks, whom it believes, and what switches it off.

use std::path::{Path, PathBuf};

use crate::signature::Keys;

/// The address of the feed of releases, as it is built in.
const BUILT_IN: &str = include_str!("../../../packaging/updates/feed.txt");
/// A build with debug assertions looks here instead.
const FEED_VARIABLE: &str = "TASKPAW_UPDATES_FEED";
/// And believes the keys of this file.
const KEYS_VARIABLE: &str = "TASKPAW_UPDATES_KEYS";
/// And has this one for the administrator's file.
const FORBIDDEN_BY_VARIABLE: &str = "TASKPAW_UPDATES_FORBIDDEN_BY";

/// Where a feed is, and by whose signature it is believed.
#[derive(Debug, Clone)]
pub struct Source {
    /// The address of `latest.json`.
    pub url: String,
    /// Whose signatures are believed.
    pub keys: Keys,
}

impl Source {
    /// That of this build; nothing if no feed or no key is built in. What variables of the environment say counts only in a build with debug
    /// assertions: no release can be told to look elsewhere.
    #[must_use]
    pub fn of_this_build() -> Option<Self> {
        if let Some(url) = for_tests(FEED_VARIABLE) {
            let keys = std::fs::read_to_string(for_tests(KEYS_VARIABLE)?).ok()?;
            return Some(Self { url: url.into_string().ok()?, keys: Keys::parse(&keys).ok()? });
        }
        Some(Self { url: address(BUILT_IN)?, keys: Keys::built_in().ok()? })
    }
}

/// The one line of a file that is no comment.
fn address(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let url = lines.next().filter(|url| url.starts_with("https://"))?;
    lines.next().is_none().then(|| url.to_owned())
}

/// The file by which an administrator switches it off for everybody on this machine: that it is there is enough.
#[must_use]
pub fn forbidding_file() -> PathBuf {
    if let Some(file) = for_tests(FORBIDDEN_BY_VARIABLE) {
        return file.into();
    }
    let folder = if cfg!(windows) {
        std::env::var_os("ProgramData")
            .map_or_else(|| PathBuf::from(r"C:\ProgramData"), PathBuf::from)
            .join("TaskPaw")
    } else if cfg!(target_os = "macos") {
        PathBuf::from("/Library/Application Support/TaskPaw")
    } else {
        PathBuf::from("/etc/taskpaw")
    };
    folder.join("no-updates")
}

/// Whether a file switches it off. Where nobody can say that it is not there, it does.
#[must_use]
pub fn is_forbidden_by(file: &Path) -> bool {
    match std::fs::symlink_metadata(file) {
        Ok(_) => true,
        Err(error) => {
            !matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
        }
    }
}

/// What a variable of the environment says, in a build with debug assertions.
pub(crate) fn for_tests(name: &str) -> Option<std::ffi::OsString> {
    if cfg!(debug_assertions) { std::env::var_os(name).filter(|value| !value.is_empty()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_https_or_none() {
        let url = "https://example.org/latest.json";
        assert_eq!(address(&format!("# the feed\n\n {url} \n")).as_deref(), Some(url));
        for none in ["", "# nothing yet\n", "http://example.org/latest.json", &format!("{url}\n{url}\n")] {
            assert_eq!(address(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_built_in_is_an_address_or_only_says_that_there_is_none() {
        let lines = BUILT_IN.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
        assert_eq!(usize::from(address(BUILT_IN).is_some()), lines);
    }

    #[test]
    fn a_file_of_the_administrator_forbids_it_whatever_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no-updates");
        assert!(!is_forbidden_by(&file) && !is_forbidden_by(&file.join("below")));
        std::fs::write(&file, "").unwrap();
        assert!(is_forbidden_by(&file));
        assert!(!is_forbidden_by(&file.join("below")), "no folder");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_forbids_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no-updates");
        std::os::unix::fs::symlink(folder.path().join("missing"), &file).unwrap();
        assert!(is_forbidden_by(&file));
    }
}
