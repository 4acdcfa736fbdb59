//! A full disk breaks no start: the window is there and says why a role does not run, and one click leads on once
//! there is room. All of it needs root, for a small disk of its own.

use serde_json::json;
use support::disk::SmallDisk;
use support::programs::Programs;
use support::{Home, Window};

/// Room enough for nothing but a few small files.
const SIZE: &str = "size=64k";

#[tokio::test]
#[ignore = "needs root"]
async fn a_full_data_disk_is_said_in_the_window() {
    let home = Home::new();
    let Some(disk) = SmallDisk::at(&home.path().join("data"), SIZE) else { return };
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
#[ignore = "needs root"]
async fn a_full_configuration_disk_is_said_in_the_window() {
    let home = Home::unconfigured();
    let Some(disk) = SmallDisk::at(&home.config_dir(), SIZE) else { return };
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
