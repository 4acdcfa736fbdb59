//! Reading the files of V3: only ordinary ones, and not more of them than a configuration is.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use super::NotTakenReason;

/// Far more than any configuration of V3.
const MOST_BYTES: u32 = 256 << 10;

/// A file's bytes, or why there are none.
pub(super) type Found = Result<Vec<u8>, NotTakenReason>;

/// Reads a file; nothing if it is not there. A link is followed. If its folder cannot be looked into, nobody knows
/// whether it is there.
pub(super) fn read(path: &Path) -> Option<Found> {
    let is_closed = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    if fs::metadata(path).is_err_and(is_closed) {
        return Some(Err(NotTakenReason::FolderClosed));
    }
    match open(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(error) => Some(Err(NotTakenReason::Unreadable { message: error.kind().to_string() })),
        Ok(found) => Some(found),
    }
}

fn open(path: &Path) -> io::Result<Found> {
    // Before it is opened: opening a pipe waits for somebody who writes.
    if !fs::metadata(path)?.is_file() {
        return Ok(Err(NotTakenReason::NotAFile));
    }
    let file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.take(u64::from(MOST_BYTES) + 1).read_to_end(&mut bytes)?;
    Ok(if bytes.len() > MOST_BYTES as usize {
        Err(NotTakenReason::TooLarge { most: MOST_BYTES })
    } else {
        Ok(bytes)
    })
}

/// The text of a file. Editors on Windows put a byte order mark in front.
pub(super) fn text(bytes: &[u8]) -> Result<&str, NotTakenReason> {
    if bytes.len() > MOST_BYTES as usize {
        return Err(NotTakenReason::TooLarge { most: MOST_BYTES });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|_| NotTakenReason::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ordinary_file_of_a_sensible_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(read(&at("none")), None);
        fs::write(at("file"), "a: 1").unwrap();
        assert_eq!(read(&at("file")), Some(Ok(b"a: 1".to_vec())));
        assert_eq!(read(&at("file").join("in-it")), None);
        fs::create_dir(at("folder")).unwrap();
        assert_eq!(read(&at("folder")), Some(Err(NotTakenReason::NotAFile)));
        fs::write(at("large"), vec![b' '; MOST_BYTES as usize + 1]).unwrap();
        assert_eq!(read(&at("large")), Some(Err(NotTakenReason::TooLarge { most: MOST_BYTES })));
        assert_eq!(text(b"\xef\xbb\xbfa"), Ok("a"));
        assert_eq!(text(b"a\xff"), Err(NotTakenReason::NotUtf8));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_to_files_only() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "a").unwrap();
        for (name, to, expected) in [
            ("good", at("file"), Some(Ok(b"a".to_vec()))),
            ("dangling", at("none"), None),
            ("zero", "/dev/zero".into(), Some(Err(NotTakenReason::NotAFile))),
        ] {
            symlink(to, at(name)).unwrap();
            assert_eq!(read(&at(name)), expected, "{name}");
        }
        symlink(at("loop"), at("loop")).unwrap();
        assert!(matches!(read(&at("loop")), Some(Err(NotTakenReason::Unreadable { .. }))));
    }
}
