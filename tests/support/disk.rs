//! A disk of a few bytes.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A small disk in the place of a folder, gone with this.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one; `size` is an option of tmpfs. It needs root: nothing without.
    pub fn at(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("the folder");
        let (kind, place, size) = (c"tmpfs", path(folder), CString::new(size).expect("a text"));
        // SAFETY: all are texts that end with a zero and live until the call has returned.
        let mounted =
            unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), 0, size.as_ptr().cast()) };
        if mounted == 0 {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("SKIPPED: a small disk cannot be mounted here: {}", std::io::Error::last_os_error());
        None
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        use std::io::Write as _;

        let mut file = std::fs::File::create(self.0.join("full")).expect("a file");
        while file.write_all(&[0; 256]).is_ok() {}
    }

    /// Makes room again.
    pub fn has_room_again(&self) {
        std::fs::remove_file(self.0.join("full")).expect("the file");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let place = path(&self.0);
        // SAFETY: a text that ends with a zero. What still has files open there keeps them until it ends.
        unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH) };
    }
}

fn path(folder: &Path) -> CString {
    CString::new(folder.as_os_str().as_bytes()).expect("a path")
}
