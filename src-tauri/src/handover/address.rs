//! Where the running host is found: everything follows from the data folder.

use std::io;
use std::path::{Path, PathBuf};

use super::socket::Socket;

/// The files of the running host.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    folder: PathBuf,
}

impl Address {
    /// Makes the folder, which only this user can open.
    pub(super) fn prepare(data_folder: &Path) -> io::Result<Self> {
        let folder = data_folder.join("instance");
        durable_file::create_private_folder(&folder)?;
        make_private(&folder)?;
        Ok(Self { folder })
    }

    /// The file whose lock makes the incumbent.
    pub(super) fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The file that says who the incumbent is.
    pub(super) fn record(&self) -> PathBuf {
        self.folder.join("host.json")
    }

    /// The file whose lock the host on the way to the place holds.
    pub(super) fn next_lock(&self) -> PathBuf {
        self.folder.join("next")
    }

    /// The socket on which the incumbent is asked: a file in the private folder.
    #[cfg(unix)]
    pub(super) fn socket(&self) -> io::Result<Socket> {
        Socket::at(self.socket_path()?)
    }

    /// The socket on which the host on the way is asked: beside that of the incumbent.
    #[cfg(unix)]
    pub(super) fn next_socket(&self) -> io::Result<Socket> {
        // Two letters more than the other one: there is room for three.
        Socket::at(self.socket_path()?.with_file_name("next.ask"))
    }

    /// The socket on which the incumbent is asked: a pipe that is named after the folder and the user.
    #[cfg(windows)]
    pub(super) fn socket(&self) -> io::Result<Socket> {
        self.pipe("taskpaw")
    }

    /// The socket on which the host on the way is asked: a pipe that is named in the same way.
    #[cfg(windows)]
    pub(super) fn next_socket(&self) -> io::Result<Socket> {
        self.pipe("taskpaw-next")
    }

    #[cfg(windows)]
    fn pipe(&self, name: &str) -> io::Result<Socket> {
        Socket::named(format!("{name}-{:016x}", fingerprint(&self.folder)))
    }

    /// A socket's path has little room (108 bytes on Linux, 104 on macOS): a long one is moved to a short,
    /// private folder of its own.
    #[cfg(unix)]
    pub(super) fn socket_path(&self) -> io::Result<PathBuf> {
        const ROOM: usize = 100;
        let path = self.folder.join("socket");
        if path.as_os_str().len() <= ROOM {
            return Ok(path);
        }
        let user = self.folder.metadata().map(|it| std::os::unix::fs::MetadataExt::uid(&it))?;
        let short = std::env::temp_dir().join(format!("taskpaw-{user}-{:016x}", fingerprint(&self.folder)));
        match std::fs::create_dir(&short) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // The folder for everybody's files is not a place to trust: it must be this user's own.
        let found = std::fs::symlink_metadata(&short)?;
        if !found.is_dir() || std::os::unix::fs::MetadataExt::uid(&found) != user {
            return Err(io::Error::other(format!("{} belongs to somebody else", short.display())));
        }
        make_private(&short)?;
        Ok(short.join("socket"))
    }
}

/// A number that follows from a folder. FNV-1a, since every version must find the same one (the standard library's hash
/// may change); no secret.
pub(crate) fn fingerprint(path: &Path) -> u64 {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
}

/// In the user's own profile there is nothing to take from anybody, and a disk without rights has none to give.
#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    if let Err(error) = durable_file::keep_private(folder) {
        tracing::warn!(%error, "{} may be open to other users", folder.display());
    }
    Ok(())
}
