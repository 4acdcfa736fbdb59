//! A machine that came from V3 with 4.0.0.

use super::*;

const YAML: &str = "openclaw_enabled: true\nopenclaw_token: claw\n";

/// A machine on which 4.0.0 has made a configuration.
fn machine() -> (tempfile::TempDir, Folders) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let folders = Folders { config: at("config"), data: at("data"), v3: at("v3") };
    for of in [&folders.v3, &folders.data, &at("hub")] {
        fs::create_dir(of).unwrap();
    }
    let yaml = format!("{YAML}data_dir: '{}'\n", at("hub").display());
    fs::write(folders.v3.join("hub.yaml"), yaml).unwrap();
    for file in ["hub.db", "status.md"] {
        fs::write(at("hub").join(file), "").unwrap();
    }
    ConfigFile::begin(&folders.config_file(), Config::default).unwrap();
    // As 4.0.0 wrote it.
    let kept = r#"{"at":1,"folder":"x","files":["hub.yaml"],"roles":["hub"],"taken":[],"not_taken":
        [{"file":"hub.yaml","key":"openclaw_url","monitor":null,"reason":{"kind":"unknown_key"}}],
        "left_out":0,"seen":true}"#;
    fs::write(folders.import_report_file(), kept).unwrap();
    (folder, folders)
}

fn config(folders: &Folders) -> Config {
    ConfigFile::read(&folders.config_file()).unwrap().config().clone()
}

#[test]
fn what_was_left_behind_is_offered_once_and_taken() {
    use LeftBehindKind::{Machines, StatusFile, Webhook};
    let (_folder, folders) = machine();
    let left = left_behind(&folders, &config(&folders)).unwrap();
    assert_eq!(left.kinds, [Machines, Webhook, StatusFile]);
    let report = answer_left_behind(&folders, true).unwrap();
    assert_eq!((report.database, report.seen), (DatabaseState::Pending, false));
    assert_eq!(report.not_taken, [], "what 4.0.0 said of it is not so any more");
    let hub = config(&folders).hub;
    assert_eq!(hub.webhook.token, "claw");
    assert!(hub.status_md.ends_with("status.md"));
    assert_eq!(left_behind(&folders, &config(&folders)), None);
    assert_eq!(super::super::report(&folders.import_report_file()).unwrap().unwrap(), report);
}

#[test]
fn what_nobody_wants_is_not_asked_about_again() {
    let (_folder, folders) = machine();
    let before = config(&folders);
    let report = answer_left_behind(&folders, false).unwrap();
    assert_eq!((report.database, report.not_taken.len()), (DatabaseState::None, 1));
    assert_eq!((config(&folders), left_behind(&folders, &before)), (before, None));
}

#[test]
fn what_was_set_since_is_neither_offered_nor_overwritten() {
    let (_folder, folders) = machine();
    ConfigFile::update(&folders.config_file(), |config| {
        config.hub.webhook.url = "https://mine.example/".into();
        config.hub.status_md = folders.data.join("mine.md").display().to_string();
        Ok::<_, ConfigProblem>(())
    })
    .unwrap();
    let before = config(&folders);
    assert_eq!(left_behind(&folders, &before).unwrap().kinds, [LeftBehindKind::Machines]);
    answer_left_behind(&folders, true).unwrap();
    assert_eq!(config(&folders), before);
}

#[test]
fn where_there_is_nothing_or_all_was_taken_nobody_is_asked() {
    let (_folder, folders) = machine();
    fs::remove_file(folders.v3.join("hub.yaml")).unwrap();
    assert_eq!(left_behind(&folders, &config(&folders)), None);
    let (_folder, folders) = machine();
    fs::remove_file(folders.import_report_file()).unwrap();
    assert!(left_behind(&folders, &config(&folders)).is_some(), "nobody knows what was taken");
    fs::remove_file(folders.config_file()).unwrap();
    super::super::begin(&folders, super::super::Starter::App).unwrap();
    assert_eq!(left_behind(&folders, &config(&folders)), None, "this version has just taken all");
}
