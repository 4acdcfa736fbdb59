//! The archive of a version, `TaskPaw_VERSION_linux_MACHINE.tar.gz`: looked through from end to end before a byte of it is
//! written. What leaves its folder, links, is no plain file, or is too much, is in no archive of TaskPaw.

use std::collections::BTreeSet;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use semver::Version;
use tar::EntryType;
use taskpaw_contract::version::stamped;

use crate::refusal::Refusal;

/// The programs, manual pages, icon, desktop entry, licence and script are some twelve.
const MOST_FILES: usize = 64;
/// Three programs are some 60 MB.
pub const LARGEST_UNPACKED: u64 = 1024 * 1024 * 1024;
/// `TaskPaw-4.2.0/man/taskpaw.1.gz` has three.
const MOST_LEVELS: usize = 4;
/// As long as a name is on any file system.
const LONGEST_NAME: usize = 100;
/// What every version has.
pub const PROGRAMS: [&str; 3] = ["taskpaw", "taskpaw-backend", "taskpaw-ports"];

/// A file in an archive that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path below the folder of the version, such as `["man", "taskpaw.1.gz"]`.
    pub path: Vec<String>,
    /// Whether it is run.
    pub executable: bool,
    /// So many bytes it has.
    pub size: u64,
}

/// Looks through an archive: what is in it, if all of it may be there, and its programs are of this version.
///
/// # Errors
/// [`Refusal::BrokenArchive`], [`Refusal::UnsafeArchive`] or [`Refusal::OtherVersion`]. Nothing was written.
pub fn look_through(archive: impl Read, version: &Version) -> Result<Vec<Member>, Refusal> {
    let mut members = Vec::new();
    let mut seen = BTreeSet::new();
    let mut size = 0_u64;
    each(archive, version, |member, content| {
        size = size.saturating_add(member.size);
        // File systems that know no capitals would make one of two.
        let is_new = seen.insert(member.path.join("/").to_ascii_lowercase());
        if members.len() == MOST_FILES || size > LARGEST_UNPACKED || !is_new {
            return Err(Refusal::UnsafeArchive);
        }
        let is_program = member.path.len() == 1 && PROGRAMS.contains(&member.path[0].as_str());
        if is_program {
            let found = stamped(content).map_err(|_| Refusal::BrokenArchive)?;
            if !member.executable || found.as_deref() != Some(&version.to_string()) {
                return Err(Refusal::OtherVersion);
            }
        }
        members.push(member);
        Ok(())
    })?;
    let has = |name: &&str| members.iter().any(|member| member.path.len() == 1 && member.path[0] == **name);
    if PROGRAMS.iter().all(has) { Ok(members) } else { Err(Refusal::BrokenArchive) }
}

/// Gives each file of an archive, in its order, with its bytes. Where this fails, what was given so far means nothing.
///
/// # Errors
/// [`Refusal::BrokenArchive`], [`Refusal::UnsafeArchive`], and what `take` says.
pub fn each<E: From<Refusal>>(
    archive: impl Read,
    version: &Version,
    mut take: impl FnMut(Member, &mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let broken = |_: io::Error| E::from(Refusal::BrokenArchive);
    // One byte more than there may be: then the end of the archive is missed.
    let unpacked = GzDecoder::new(archive).take(LARGEST_UNPACKED * 2);
    let mut archive = tar::Archive::new(unpacked);
    let top = format!("TaskPaw-{version}");
    // As they are written: names that go on in another entry, and sparse files, are not for us.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        let path = path_of(&entry.path_bytes(), &top).ok_or(Refusal::UnsafeArchive)?;
        match kind {
            EntryType::Directory if entry.size() == 0 => {}
            EntryType::Regular if !path.is_empty() => {
                let executable = entry.header().mode().map_err(broken)? & 0o100 != 0;
                let size = entry.size();
                take(Member { path, executable, size }, &mut entry)?;
            }
            _ => return Err(Refusal::UnsafeArchive.into()),
        }
    }
    // The sum at the end of what was packed is only checked where it is read.
    let mut rest = archive.into_inner();
    let left = io::copy(&mut rest, &mut io::sink()).map_err(broken)?;
    if left > MOST_PADDING || rest.limit() == 0 { Err(Refusal::BrokenArchive.into()) } else { Ok(()) }
}

/// An archive may be filled up to a whole record (20 blocks of 512 bytes; some tools make larger ones).
const MOST_PADDING: u64 = 1024 * 1024;

/// The path below the archive's one folder; nothing if it is elsewhere, or has names that a file system could take for something
/// else.
fn path_of(bytes: &[u8], top: &str) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut parts = text.strip_suffix('/').unwrap_or(text).split('/');
    if parts.next()? != top {
        return None;
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = |name: &str| {
        (1..=LONGEST_NAME).contains(&name.len())
            && name.bytes().all(is_plain)
            && !name.starts_with(['.', '-'])
            && !name.ends_with('.')
    };
    let path: Vec<String> = parts.map(str::to_owned).collect();
    (path.len() < MOST_LEVELS && path.iter().all(|name| is_name(name))).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_folder() {
        let path = |text: &str| path_of(text.as_bytes(), "TaskPaw-4.2.0").map(|path| path.join("/"));
        assert_eq!(path("TaskPaw-4.2.0/").as_deref(), Some(""));
        assert_eq!(path("TaskPaw-4.2.0/man/taskpaw.1.gz").as_deref(), Some("man/taskpaw.1.gz"));
        let outside = [
            "",
            "/",
            "/etc/passwd",
            "TaskPaw-4.2.1/taskpaw",
            "TaskPaw-4.2.0/../taskpaw",
            "TaskPaw-4.2.0/.",
            "TaskPaw-4.2.0/./taskpaw",
            "TaskPaw-4.2.0//taskpaw",
            "TaskPaw-4.2.0/.bashrc",
            "TaskPaw-4.2.0/-rf",
            "TaskPaw-4.2.0/a b",
            "TaskPaw-4.2.0/C:\\x",
            "TaskPaw-4.2.0/con.",
            "TaskPaw-4.2.0/a\nb",
            "TaskPaw-4.2.0/a/b/c/d",
            "./TaskPaw-4.2.0/taskpaw",
        ];
        for text in outside {
            assert_eq!(path(text), None, "{text}");
        }
        assert_eq!(path_of(b"TaskPaw-4.2.0/\xff", "TaskPaw-4.2.0"), None);
    }
}
