//! Files and folders that are their owner's alone, also where a person, an editor or a copy made them otherwise.

use std::fs;
use std::io;
use std::path::Path;

#[cfg(any(windows, test))]
mod rights;
#[cfg(windows)]
mod windows;

#[cfg(windows)]
pub use windows::own_user_sid;

/// Makes a folder, and those that it is in, for the owner alone; one that is there stays as it is.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a folder, and those that it is in, for the owner alone; one that is there stays as it is. On Windows the system and
/// the administrators have them too; on a disk without rights everybody has them.
///
/// # Errors
/// What the system says.
#[cfg(not(unix))]
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|folder| !folder.exists()).last();
    fs::create_dir_all(path)?;
    // What is in it inherits its rights. In a person's own profile there is nothing to take from anybody.
    if let Some(outermost) = missing.filter(|it| !it.as_os_str().is_empty()) {
        let _a_disk_without_rights = keep_private(outermost);
    }
    Ok(())
}

/// Takes a file, or a folder, from everybody but its owner, if it is there, this user's, and open to others. Says whether it was. On
/// Windows the system and the administrators keep it.
///
/// # Errors
/// What the system says where that cannot be done.
#[cfg(unix)]
pub fn keep_private(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        about => about?,
    };
    if about.mode() & 0o077 == 0 || about.uid() != rustix::process::geteuid().as_raw() {
        return Ok(false);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(about.mode() & 0o700))?;
    Ok(true)
}

/// Takes a file, or a folder, from everybody but its owner, the system and the administrators, if it is there and open to others.
/// Says whether it was. What is in a folder inherits it.
///
/// # Errors
/// What the system says where that cannot be done, as on a disk without rights.
#[cfg(windows)]
pub fn keep_private(path: &Path) -> io::Result<bool> {
    if path.exists() { windows::keep_private(path) } else { Ok(false) }
}

/// What the rights of files mean here is not known.
///
/// # Errors
/// None here.
#[cfg(not(any(unix, windows)))]
#[expect(clippy::missing_const_for_fn, reason = "the same signature on every system")]
pub fn keep_private(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_open_to_others_is_taken_from_them_and_nothing_else_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert!(!keep_private(&path).unwrap(), "it is not there");
        fs::write(&path, "{}").unwrap();
        for (mode, was_open, then) in
            [(0o644, true, 0o600), (0o666, true, 0o600), (0o400, false, 0o400), (0o600, false, 0o600)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(keep_private(&path).unwrap(), was_open, "{mode:o}");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, then, "{mode:o}");
        }
        let inner = folder.path().join("a/b");
        create_private_folder(&inner).unwrap();
        create_private_folder(&inner).unwrap();
        assert_eq!(fs::metadata(inner.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
