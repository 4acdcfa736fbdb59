//! Each thing that can be wrong with what TaskPaw is given has its own clear message, and the file stays.

use std::process::Command;

use serde_json::json;
use support::programs::Programs;
use support::{Home, Window};

/// Starts the app on a configuration that it cannot use, in both languages.
async fn says(home: &Home, english: &[&str], chinese: &[&str]) {
    let before = std::fs::read(home.config_file()).ok();
    // Nothing of a broken configuration is known: the window follows the system's language.
    for (language, parts) in [("en_US.UTF-8", english), ("zh_CN.UTF-8", chinese)] {
        let window = Window::open_where_spoken(&Programs::current(), home, language).await;
        for part in parts {
            window.text_with("problem", part).await;
        }
        window.picture(&format!("problem-{}-{language}", english[0].replace('/', "-"))).await;
    }
    assert_eq!(std::fs::read(home.config_file()).ok(), before, "the file is untouched");
}

#[tokio::test]
async fn a_broken_file() {
    let home = Home::unconfigured();
    home.write_config("{\n  \"roles\": [,]\n}\n");
    let path = home.config_file().display().to_string();
    says(&home, &["line 2", "column 13", &path], &["第 2 行", "第 13 列", &path]).await;
}

#[tokio::test]
async fn a_port_out_of_range() {
    let home = Home::unconfigured();
    home.configure(&json!({ "agent": { "network": { "port": 70000 } } }));
    says(&home, &["agent.network.port", "70000", "65535"], &["agent.network.port", "70000", "65535"]).await;
}

#[tokio::test]
async fn a_host_that_is_no_address() {
    let home = Home::unconfigured();
    home.configure(&json!({ "agent": { "network": { "host": "my-pc" } } }));
    says(&home, &["agent.network.host", "my-pc"], &["agent.network.host", "my-pc"]).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written() {
    // A folder that even root cannot write to: the kernel's own.
    let home = Home::unconfigured();
    std::os::unix::fs::symlink("/proc/self", home.config_dir()).expect("a link");
    says(&home, &["cannot be written", "config.json"], &["无法写入", "config.json"]).await;
}

#[tokio::test]
async fn a_missing_sidecar() {
    let home = Home::new();
    let alone = home.path().join("alone");
    std::fs::create_dir(&alone).expect("a folder");
    let app = alone.join("taskpaw");
    std::fs::copy(Programs::current().app(), &app).expect("a copy");
    assert!(Command::new(&app).arg("--version").status().expect("it runs").success());
    let window = Window::open_program(&app, &home).await;
    window.role_is("agent", "failed").await;
    window.text_with("failure", "taskpaw-backend").await;
    window.text_with("failure", "is missing").await;
    window.picture("missing-sidecar").await;
}
