//! Whether state could be written, found out without writing: before the backend that serves gives anything up.

use std::fs;
use std::io;
use std::path::Path;

use port_takeover::Installation;
use taskpaw_contract::Role;

use super::StateError;

/// Looks whether a backend of a role could write its state, as far as that can be seen without writing: once it has been told to
/// go on, the one before it could not either. `nearest` is what there is of the way to the folder, `file` where the role keeps what it has in it.
pub(crate) fn can_write(nearest: &Path, folder: &Path, role: Role, file: &str) -> Result<(), StateError> {
    is_writable(nearest).map_err(StateError::at(nearest))?;
    #[cfg(unix)]
    if nearest == folder && is_of_another(folder).unwrap_or_default() {
        return Err(StateError::at(folder)(others()));
    }
    for path in [Installation::lock_file(folder, &role.into()), folder.join(file)] {
        match is_writable(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::at(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Only a refusal counts: what cannot be asked is found out when it is written.
#[cfg(unix)]
fn is_writable(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    use rustix::io::Errno;

    let access =
        if fs::metadata(path)?.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
    match accessat(CWD, path, access, AtFlags::EACCESS) {
        Err(error @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// A folder's own mark means nothing there.
#[cfg(not(unix))]
fn is_writable(path: &Path) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if found.is_file() && found.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

#[cfg(unix)]
fn is_of_another(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    Ok(fs::metadata(path)?.uid() != rustix::process::geteuid().as_raw())
}

/// Why a folder of somebody else is not used: what is in it could be theirs.
#[cfg(unix)]
pub(super) fn others() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    fn refused(folder: &Path, role: Role) -> bool {
        let found = can_write(folder, folder, role, "history");
        match &found {
            Err(StateError::Unavailable { source, .. }) => source.kind() == io::ErrorKind::PermissionDenied,
            other => {
                assert!(other.is_ok(), "{other:?}");
                false
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_seen_without_writing() {
        let folder = tempfile::tempdir().unwrap();
        let of = |mode: u32| fs::Permissions::from_mode(mode);
        let is_root = rustix::process::geteuid().is_root();
        for role in Role::ALL {
            assert!(!refused(folder.path(), role), "there is nothing yet");
            let lock = Installation::lock_file(folder.path(), &role.into());
            fs::write(&lock, "").unwrap();
            assert!(!refused(folder.path(), role));
            // Root may write everything.
            fs::set_permissions(&lock, of(0o400)).unwrap();
            assert_eq!(refused(folder.path(), role), !is_root);
            fs::set_permissions(&lock, of(0o600)).unwrap();
            fs::set_permissions(folder.path(), of(0o500)).unwrap();
            assert_eq!(refused(folder.path(), role), !is_root);
            fs::set_permissions(folder.path(), of(0o700)).unwrap();
        }
        if is_root {
            chown(folder.path(), Some(65_534), None).unwrap();
            assert!(refused(folder.path(), Role::Agent), "it belongs to another user");
        }
    }
}
