//! A full disk breaks no start: the window is there and says why a role does not run, and one click leads on once
//! there is room. Cases need root, for a small disk of their own; without it they say that they are skipped.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use support::programs::Programs;
use support::{Home, Window};

/// Room enough for nothing but a few small files.
const SIZE: &str = "size=64k";

/// A small disk in the place of a folder, gone with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("the folder");
        let (kind, place, size) = (c"tmpfs", path(folder), CString::new(SIZE).expect("a text"));
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
    fn fill(&self) {
        use std::io::Write as _;

        let mut file = std::fs::File::create(self.0.join("full")).expect("a file");
        while file.write_all(&[0; 256]).is_ok() {}
    }

    fn has_room_again(&self) {
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

#[tokio::test]
async fn a_full_data_disk_is_said_in_the_window() {
    let home = Home::new();
    let Some(disk) = SmallDisk::at(&home.path().join("data")) else { return };
    disk.fill();
    let window = Window::open(&Programs::current(), &home).await;
    window.role_is("agent", "failed").await;
    let said = window.text_with("failure", "The disk is full").await;
    assert!(said.contains("Free some space on the disk of the data folder"), "{said}");
    window.picture("full-data-disk").await;
    disk.has_room_again();
    window.click("action-retry").await;
    window.role_is("agent", "ready").await;
}

#[tokio::test]
async fn a_full_configuration_disk_is_said_in_the_window() {
    let home = Home::unconfigured();
    let Some(disk) = SmallDisk::at(&home.config_dir()) else { return };
    // Without the name of this machine's agent the file has to be written.
    home.configure(&json!({}));
    let mut config = home.config();
    config["agent"].as_object_mut().expect("an object").remove("server_id");
    home.write_config(&config.to_string());
    disk.fill();
    let window = Window::open(&Programs::current(), &home).await;
    window.text_with("problem", "make room if the disk is full").await;
    window.picture("full-configuration-disk").await;
    assert_eq!(home.config(), config, "the file is untouched");
    disk.has_room_again();
    window.click("action-reload-config").await;
    window.role_is("agent", "ready").await;
}
