use serde_json::json;

use super::*;

fn in_folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn problem(text: &str) -> String {
    let (folder, path) = in_folder(text);
    let message = ConfigFile::read(&path).unwrap_err().to_string();
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "a file that cannot be used is left alone");
    message.replace(&folder.path().display().to_string(), "DIR").replace("DIR\\", "DIR/")
}

#[test]
fn a_missing_file_has_the_defaults_and_is_written_with_a_server_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("config.json");
    assert_eq!(ConfigFile::read(&path).unwrap().config(), &Config::default());
    assert!(!path.exists(), "reading writes nothing");

    let file = ConfigFile::begin(&path, Config::default).unwrap();
    let again = ConfigFile::begin(&path, || panic!("it is there")).unwrap();
    assert_eq!(again.config().agent.server_id, file.config().agent.server_id, "made once and then kept");
}

#[test]
fn of_many_first_starts_one_makes_the_file_and_all_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let made = std::sync::atomic::AtomicU32::new(0);
    let ids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let start = || {
            let first = || {
                made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Config::default()
            };
            ConfigFile::begin(&path, first).unwrap().config().agent.server_id.clone()
        };
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!((ids.len(), made.into_inner()), (1, 1));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_one_that_leads_nowhere_is_an_error() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("dotfiles.json"), folder.path().join("config.json"));
    fs::write(&real, r#"{"mood":"good"}"#).unwrap();
    symlink(&real, &link).unwrap();
    ConfigFile::begin(&link, || panic!("it is there")).unwrap();
    ConfigFile::update(&link, |config| {
        config.agent.machine = "m".to_owned();
        Ok::<_, ConfigProblem>(())
    })
    .unwrap();
    let kept = fs::read_to_string(&real).unwrap();
    assert!(kept.contains("good") && kept.contains("\"m\"") && kept.contains("server_id"), "{kept}");
    assert!(fs::symlink_metadata(&link).unwrap().file_type().is_symlink());
    // As of a disk that is not there yet.
    fs::rename(&real, folder.path().join("away")).unwrap();
    let problem = ConfigFile::begin(&link, Config::default).unwrap_err();
    assert!(problem.to_string().contains("it is a link"), "{problem}");
    assert!(!real.exists() && ConfigFile::read(&link).is_err());
}

#[test]
fn one_that_gets_another_name_keeps_what_no_type_knows() {
    let agents =
        r#"{"hub":{"agents":[{"name":"a","url":"http://a","x":1},{"name":"b","url":"http://b","x":2}]}}"#;
    let names = |change: fn(&mut Config)| {
        let (_folder, path) = in_folder(agents);
        ConfigFile::update(&path, |config| {
            change(config);
            Ok::<_, ConfigProblem>(())
        })
        .unwrap();
        let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let agents = value["hub"]["agents"].as_array().unwrap().clone();
        agents.iter().map(|agent| (agent["name"].clone(), agent["x"].clone())).collect::<Vec<_>>()
    };
    let renamed = names(|config| config.hub.agents[1].name = "c".to_owned());
    assert_eq!(renamed, [(json!("a"), json!(1)), (json!("c"), json!(2))]);
    let removed = names(|config| drop(config.hub.agents.remove(0)));
    assert_eq!(removed, [(json!("b"), json!(2))]);
    let swapped = names(|config| config.hub.agents.swap(0, 1));
    assert_eq!(swapped, [(json!("b"), json!(2)), (json!("a"), json!(1))]);
}

#[test]
fn a_file_without_an_id_gets_one_and_nothing_else_changes() {
    let (_folder, path) = in_folder(r#"{"agent":{"machine":"m"}}"#);
    let file = ConfigFile::begin(&path, || panic!("it is there")).unwrap();
    assert!(file.config().agent.machine == "m" && !file.config().agent.server_id.is_empty());
}

#[test]
fn a_key_that_is_left_out_has_its_own_default() {
    let (_folder, path) = in_folder(r#"{"agent":{"network":{"host":"127.0.0.2"}}}"#);
    let file = ConfigFile::read(&path).unwrap();
    assert_eq!(file.config().agent.network.port, 5680);
    assert_eq!(file.config().agent.control.port, 5681);
}

#[test]
fn unknown_keys_and_their_order_survive_a_write() {
    let (_folder, path) = in_folder(r#"{"future":{"a":1},"agent":{"mood":"good","server_id":"x"}}"#);
    let mut file = ConfigFile::read(&path).unwrap();
    let mut config = file.config().clone();
    config.agent.network.port = 6000;
    file.write(config).unwrap();
    let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(raw["future"]["a"], 1);
    assert_eq!(raw["agent"]["mood"], "good");
    assert_eq!(raw["agent"]["network"]["port"], 6000);
    assert_eq!(raw.as_object().unwrap().keys().next().unwrap(), "future");
}

#[test]
fn unknown_keys_of_an_entry_stay_with_it_and_known_ones_go() {
    let (_folder, path) = in_folder(
        r#"{"hub":{"agents":[{"name":"a","url":"http://a","mood":"good"},{"name":"b","url":"http://b"}]},
            "agent":{"server_id":"x","monitors":[{"type_id":"t","name":"m","config":{"old":1},"mood":"good"}]}}"#,
    );
    let changed: Result<(), ConfigProblem> = ConfigFile::update(&path, |config| {
        config.hub.agents.remove(1);
        config.hub.agents[0].enabled = false;
        config.agent.monitors[0].config = Map::new();
        Ok(())
    });
    changed.unwrap();
    let raw: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        raw["hub"]["agents"],
        serde_json::json!([{ "name": "a", "url": "http://a", "token": "", "enabled": false, "mood": "good" }])
    );
    let monitor = &raw["agent"]["monitors"][0];
    assert_eq!((&monitor["config"], &monitor["mood"]), (&serde_json::json!({}), &"good".into()));
}

#[test]
fn changes_of_many_are_all_kept() {
    let (_folder, path) = in_folder("{}");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..10 {
                    let changed: Result<(), ConfigProblem> = ConfigFile::update(path, |config| {
                        config.hub.agents.push(crate::config::HubAgent {
                            name: format!("{writer}-{number}"),
                            url: "http://a".into(),
                            token: String::new(),
                            enabled: true,
                        });
                        Ok(())
                    });
                    changed.unwrap();
                }
            });
        }
    });
    assert_eq!(ConfigFile::read(&path).unwrap().config().hub.agents.len(), 40);
}

#[test]
fn a_change_that_is_refused_leaves_the_file_alone() {
    let (_folder, path) = in_folder(r#"{"hub":{"poll_seconds":5}}"#);
    let refused: Result<(), ConfigProblem> = ConfigFile::update(&path, |config| {
        config.hub.poll_seconds = 0;
        Ok(())
    });
    assert!(refused.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"hub":{"poll_seconds":5}}"#);
}

#[test]
fn each_problem_says_where_it_is() {
    assert_eq!(
        problem("{\n  \"agent\": {,}\n}"),
        "DIR/config.json is no valid JSON: line 2, column 13: key must be a string. Correct that place, or \
         go back to the last good copy; the file was left as it is"
    );
    assert_eq!(
        problem(r#"{"agent":{"network":{"host":"127.0.0.1","port":70000}}}"#),
        "agent.network.port: 70000 is not between 1 and 65535. Correct it in config.json; the file was left \
         as it is"
    );
    assert_eq!(
        problem(r#"{"agent":{"network":{"host":"my-pc","port":5680}}}"#),
        "agent.network.host: \"my-pc\" is no address (write an IP address such as 127.0.0.1, or localhost). \
         Correct it in config.json; the file was left as it is"
    );
    assert_eq!(
        problem(r#"{"hub":{"agents":[{"name":1}]}}"#),
        "hub.agents[0].name: it must be a text in quotes, and is `1`. Correct it in config.json; the file was \
         left as it is"
    );
    for (text, words) in [
        (r#"{"agent":{"monitors":{}}}"#, "agent.monitors: it must be a list in [ ], and is a group."),
        (r#"{"agent":{"monitors":[1]}}"#, "agent.monitors[0]: it must be a group in { }, and is `1`."),
        (
            r#"{"hub":{"poll_seconds":"x"}}"#,
            "hub.poll_seconds: it must be a whole number that is not negative, and is \"x\".",
        ),
        (r#"{"hub":{"discovery":0}}"#, "hub.discovery: it must be true or false, and is `0`."),
        (r#"{"agent":{"token":7}}"#, "agent.token: it must be a text in quotes."),
    ] {
        assert!(problem(text).starts_with(words), "{}", problem(text));
    }
    assert!(problem("[]").starts_with("config.json: it is no JSON object"));
    assert!(problem(r#"{"schema":2}"#).contains("a newer TaskPaw wrote it"));
    assert!(problem(r#"{"schema":99999999999,"agent":[]}"#).contains("a newer TaskPaw wrote it"));
    for token in ["two words", " ", "ä"] {
        let text = |role: &str| format!(r#"{{"{role}":{{"token":"{token}"}}}}"#);
        for role in ["agent", "hub"] {
            let message = problem(&text(role));
            assert!(message.starts_with(&format!("{role}.token: a token is made of")), "{message}");
        }
    }
}

#[test]
fn the_last_good_copy_comes_back_and_the_broken_file_is_kept() {
    let (_folder, path) = in_folder(r#"{"agent":{"server_id":"good"}}"#);
    assert!(!ConfigFile::has_last_good(&path));
    // It may vanish after it was offered.
    let gone = ConfigFile::restore_last_good(&path);
    assert!(matches!(gone, Err(ConfigProblem::NoLastGood { .. })), "{gone:?}");
    ConfigFile::read(&path).unwrap().keep_as_last_good().unwrap();
    fs::write(&path, "{").unwrap();
    assert!(ConfigFile::has_last_good(&path));
    let restored = ConfigFile::restore_last_good(&path).unwrap();
    assert_eq!(restored.config().agent.server_id, "good");
    assert_eq!(fs::read_to_string(beside(&path, ".broken")).unwrap(), "{");
}

#[test]
fn whoever_starts_afresh_has_each_broken_file_beside_it() {
    let (_folder, path) = in_folder("{");
    let first = ConfigFile::start_afresh(&path).unwrap();
    assert_eq!((&first, &*fs::read_to_string(&first).unwrap()), (&beside(&path, ".broken"), "{"));
    assert!(!ConfigFile::read(&path).unwrap().config().agent.server_id.is_empty());
    fs::write(&path, "[").unwrap();
    let second = ConfigFile::start_afresh(&path).unwrap();
    assert_eq!(fs::read_to_string(second).unwrap(), "[");
    assert_eq!(fs::read_to_string(first).unwrap(), "{");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_written() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    ConfigFile::begin(&path, Config::default).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_cannot_be_written_is_a_problem_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let problem = ConfigFile {
        path: blocked.join("config.json"),
        ..ConfigFile::read(&folder.path().join("none")).unwrap()
    }
    .write(Config::default())
    .unwrap_err();
    assert!(matches!(problem, ConfigProblem::Unwritable { .. }));
}

#[test]
fn what_is_wrong_with_a_secret_is_said_without_it() {
    for (text, key) in [
        (r#"{"agent":{"token":12345678}}"#, "agent.token"),
        (r#"{"hub":{"webhook":"https://hooks.example/T0/12345678"}}"#, "hub.webhook"),
        (r#"{"hub":{"agents":[{"name":"nas","url":"http://me:12345678@nas:5680"}]}}"#, "hub.agents[0].url"),
    ] {
        let (_folder, path) = in_folder(text);
        let problem = ConfigFile::read(&path).and_then(|file| file.config().check()).unwrap_err();
        let said = problem.to_string();
        assert!(said.contains(key) && !said.contains("345"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_configuration_that_others_can_read_is_made_private_at_a_start() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    ConfigFile::begin(&path, Config::default).unwrap();
    for mode in [0o644, 0o666, 0o640] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        ConfigFile::begin(&path, Config::default).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn somebody_who_keeps_the_lock_is_not_waited_for_without_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let kept = lock(&path).unwrap();
    let refused = lock_within(&path, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(refused, ConfigProblem::Unwritable { .. }), "{refused}");
    drop(kept);
    assert!(lock(&path).is_ok());
}
