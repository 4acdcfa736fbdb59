//! Reading a file that may be anything: a pipe that nobody writes to, a device, a link to one, or a terabyte.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// What is done where a path is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// A link is refused, because the program that writes such a file never makes one.
    Refuse,
    /// What it leads to is opened.
    Follow,
}

/// Opens a file to read it, if it is a plain one. It never waits: not for the other end of a pipe, and not for a device.
///
/// # Errors
/// What the system says, or that it is not a plain file.
pub fn open_plain(path: &Path, links: Links) -> io::Result<File> {
    refuse_link(path, links)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        if links == Links::Refuse {
            flags |= OFlags::NOFOLLOW;
        }
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_plain_file()) }
}

/// The whole of a plain file that is not a link; `None` if it is not there.
///
/// # Errors
/// What the system says, or that it is not a plain file, or larger than `most` bytes.
pub fn read_plain(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match open_plain(path, Links::Refuse) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    // One that grows while it is read is cut too.
    if file.take(most.saturating_add(1)).read_to_end(&mut bytes)? as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(Some(bytes))
}

fn no_plain_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file")
}

/// On Unix the opening itself refuses.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
fn refuse_link(_path: &Path, _links: Links) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn refuse_link(path: &Path, links: Links) -> io::Result<()> {
    let refuses = links == Links::Refuse && std::fs::symlink_metadata(path)?.file_type().is_symlink();
    if refuses { Err(no_plain_file()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_plain_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        assert_eq!(read_plain(&path, 10).unwrap(), None);
        fs::write(&path, "ten  bytes").unwrap();
        assert_eq!(read_plain(&path, 10).unwrap().as_deref(), Some(&b"ten  bytes"[..]));
        assert_eq!(read_plain(&path, 9).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        // Six gibibytes that take no room: only their beginning is read.
        File::create(&path).unwrap().set_len(6 << 30).unwrap();
        assert_eq!(read_plain(&path, 4096).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_folder_is_no_plain_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_plain(folder.path(), 10).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_that_could_hang_is_waited_for() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        let _listening = UnixListener::bind(at("socket")).unwrap();
        fs::write(at("plain"), "x").unwrap();
        for (name, target) in
            [("to-pipe", at("pipe")), ("to-plain", at("plain")), ("to-zero", "/dev/zero".into())]
        {
            symlink(target, at(name)).unwrap();
        }
        for path in
            [at("pipe"), at("socket"), at("to-pipe"), at("to-plain"), at("to-zero"), "/dev/zero".into()]
        {
            assert!(read_plain(&path, 10).is_err(), "{}", path.display());
        }
        // Where a link is allowed, what it leads to must be plain all the same.
        assert!(open_plain(&at("to-plain"), Links::Follow).is_ok());
        for path in [at("to-pipe"), at("to-zero")] {
            assert!(open_plain(&path, Links::Follow).is_err(), "{}", path.display());
        }
    }
}
