//! Replacing a file so that no crash and no power loss leaves half of it, and so that nobody who is just reading it
//! is in the way; and reading one so that nothing that lies in its place can stop, or fill, the reader.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

mod plain;
mod private;

pub use plain::{Links, open_plain, read_plain};
#[cfg(windows)]
pub use private::own_user_sid;
pub use private::{create_private_folder, keep_private};

/// How long to wait for a process that has the file open (Windows). A scanner for viruses and a reader of our own are done in
/// some milliseconds; an editor that holds it open all day is an error that a person must hear of.
const IN_USE_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two tries: nobody says when a file is closed.
const IN_USE_STEP: Duration = Duration::from_millis(5);

/// Replaces a file: at every moment either the old or the new one is there, whole. The folder is made, for the
/// owner alone, if it is not there. Only the owner can read the file. On Windows a process that has the file open is waited for, at most a second. A link
/// stays a link: what it leads to is replaced.
///
/// # Errors
/// What the system says, or that the path is a link that leads nowhere; the file is then as it was.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &link_target(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_private_folder(folder)?;
    let file = written(folder, bytes)?;
    file.as_file().sync_all()?;
    put_in_place(file, path)?;
    sync_folder(folder)
}

/// As [`replace_file`], for what means nothing any more once the machine has lost its power: the disk is not waited for.
///
/// # Errors
/// What the system says; the file is then as it was.
pub fn replace_passing_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    put_in_place(written(folder, bytes)?, path)
}

/// Where a file really is: what a symbolic link leads to in the end, or else the path itself.
///
/// # Errors
/// What the system says, or that the link leads nowhere: its target may be on a disk that is not there now, and nothing may be
/// written in its place.
pub fn link_target(path: &Path) -> io::Result<PathBuf> {
    if !fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_symlink()) {
        return Ok(path.to_owned());
    }
    fs::canonicalize(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => dangling(),
        _ => error,
    })
}

/// Whether a path is a symbolic link to what is not there: a process that opens it hears only that there is no file.
#[must_use]
pub fn leads_nowhere(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_symlink()) && !path.exists()
}

/// What is said of such a link. It is not *not found*, which would mean that a file may be made.
#[must_use]
pub fn dangling() -> io::Error {
    io::Error::other("it is a link, and what it leads to is not there")
}

/// A temporary file is made readable by its owner alone; on Windows it has the rights of its folder at first.
fn written(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    #[cfg(windows)]
    let _a_disk_without_rights = keep_private(file.path());
    file.write_all(bytes)?;
    Ok(file)
}

fn put_in_place(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    let deadline = Instant::now() + IN_USE_TIMEOUT;
    loop {
        match file.persist(path) {
            Ok(_) => return Ok(()),
            Err(failed) if is_in_use(&failed.error) && Instant::now() < deadline => {
                file = failed.file;
                std::thread::sleep(IN_USE_STEP);
            }
            Err(failed) => return Err(failed.error),
        }
    }
}

/// Whether the file may be replaced as soon as somebody closes it. On Windows a file that is open cannot be replaced,
/// and the answer is one of these two, whichever way it was opened.
#[cfg(windows)]
fn is_in_use(error: &io::Error) -> bool {
    const ERROR_ACCESS_DENIED: i32 = 5;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    matches!(error.raw_os_error(), Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION))
}

/// Elsewhere who has the old file open keeps it.
#[cfg(not(windows))]
fn is_in_use(_error: &io::Error) -> bool {
    false
}

/// The rename itself is durable once the folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Windows has no such call; its rename is part of the file system's own journal.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::thread;

    use super::*;

    #[test]
    fn a_file_is_made_with_its_folder_and_then_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("file");
        for content in ["one", "", "two"] {
            replace_file(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        replace_passing_file(&path, b"three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_one_that_leads_nowhere_is_never_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), "one").unwrap();
        symlink("real/file", at("link")).unwrap();
        symlink(at("link"), at("link-to-link")).unwrap();
        replace_file(&at("link-to-link"), b"two").unwrap();
        assert_eq!(fs::read_to_string(at("real/file")).unwrap(), "two");
        assert_eq!(fs::read_link(at("link")).unwrap(), Path::new("real/file"));
        fs::remove_file(at("real/file")).unwrap();
        assert!(leads_nowhere(&at("link-to-link")) && !leads_nowhere(&at("nothing")));
        let refused = replace_file(&at("link-to-link"), b"three").unwrap_err();
        assert_ne!(refused.kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(at("real")).unwrap().count(), 0, "nothing is made in its place");
        symlink(at("circle"), at("circle")).unwrap();
        assert!(replace_file(&at("circle"), b"four").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace_file(&path, b"secret").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn who_reads_it_is_not_in_the_way_and_never_sees_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let whole = |letter: u8| vec![letter; 100_000];
        replace_file(&path, &whole(b'a')).unwrap();
        let open = File::open(&path).unwrap();
        let closes = thread::spawn(move || {
            thread::sleep(IN_USE_STEP * 10);
            drop(open);
        });
        let reads = thread::spawn({
            let path = path.clone();
            move || {
                for _ in 0..50 {
                    // Windows lets nobody open a file in the moment of its replacement.
                    let Ok(seen) = fs::read(&path) else { continue };
                    assert!(seen == whole(b'a') || seen == whole(b'b'), "{} bytes", seen.len());
                }
            }
        });
        replace_file(&path, &whole(b'b')).unwrap();
        replace_file(&path, &whole(b'a')).unwrap();
        closes.join().unwrap();
        reads.join().unwrap();
    }

    #[test]
    fn what_cannot_be_replaced_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        assert!(replace_file(&taken, b"x").is_err());
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["folder"]);
    }
}
