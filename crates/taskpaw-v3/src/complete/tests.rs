//! A first start on a machine with V3's hub, and the hub's first start after it.

use super::super::database::tests::made;
use super::super::{NotTaken, Starter, begin};
use super::*;

struct Machine3 {
    _folder: tempfile::TempDir,
    folders: Folders,
    database: PathBuf,
}

/// A machine with these files of V3's hub.
fn machine(yaml: &str, statements: &str) -> Machine3 {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let folders = Folders { config: at("config"), data: at("data"), v3: at("v3") };
    fs::create_dir(&folders.v3).unwrap();
    fs::create_dir(at("hub")).unwrap();
    let yaml = format!("self_monitor: false\ndata_dir: '{}'\n{yaml}", at("hub").display());
    fs::write(folders.v3.join("hub.yaml"), yaml).unwrap();
    let database = at("hub").join("hub.db");
    if !statements.is_empty() {
        made(&database, statements);
    }
    Machine3 { folders, database, _folder: folder }
}

impl Machine3 {
    fn hub(&self) -> HubConfig {
        ConfigFile::read(&self.folders.config_file()).unwrap().config().hub.clone()
    }

    fn change(&self, change: impl FnOnce(&mut HubConfig)) {
        ConfigFile::update(&self.folders.config_file(), |config| {
            change(&mut config.hub);
            Ok::<_, ConfigProblem>(())
        })
        .unwrap();
    }

    /// The first thing that was not taken.
    fn not_taken(&self) -> NotTaken {
        report(&self.folders.import_report_file()).unwrap().unwrap().not_taken.remove(0)
    }

    /// What was not taken of the database: each key with its reason.
    fn refused(&self) -> Vec<(String, Option<String>, NotTakenReason)> {
        let report = report(&self.folders.import_report_file()).unwrap().unwrap();
        let of_database = report.not_taken.into_iter().filter(|one| one.file == V3File::Database);
        of_database.map(|one| (one.key, one.monitor, one.reason)).collect()
    }
}

const THREE: &str =
    "INSERT INTO servers (name, ip, port, enabled) VALUES ('render', '192.168.1.50', 5680, 1),
    ('mac', ' mini.local ', 5681, 0), ('six', '[fd00::7]', 5999, 1);";

fn agents(hub: &HubConfig) -> Vec<(&str, &str, bool)> {
    hub.agents.iter().map(|agent| (agent.name.as_str(), agent.url.as_str(), agent.enabled)).collect()
}

#[test]
fn a_hub_comes_along_whole() {
    let yaml = "polling_token: of-yaml\nopenclaw_enabled: true\nopenclaw_token: s3cret\n";
    let machine = machine(
        yaml,
        &format!(
            "{THREE} INSERT INTO config VALUES ('polling_token', 'of-database');
             INSERT INTO delivery_outbox (server_name, payload_json, kind, next_attempt_at, created_at)
             VALUES ('render', '{{}}', 'event', '', '');"
        ),
    );
    let begun = begin(&machine.folders, Starter::App).unwrap();
    assert_eq!(begun.imported.unwrap().database, DatabaseState::Pending);
    assert_eq!((agents(&machine.hub()), machine.hub().polling_token.as_str()), (vec![], "of-yaml"));

    let completed = complete(&machine.folders).unwrap().unwrap();
    let hub = machine.hub();
    assert_eq!(
        agents(&hub),
        [
            ("render", "http://192.168.1.50:5680", true),
            ("mac", "http://mini.local:5681", false),
            ("six", "http://[fd00::7]:5999", true)
        ]
    );
    assert_eq!((hub.polling_token.as_str(), hub.webhook.token.as_str()), ("of-database", "s3cret"));
    assert_eq!((completed.database, completed.seen), (DatabaseState::Read, false));
    assert_eq!(
        machine.refused(),
        [("delivery_outbox".to_owned(), None, NotTakenReason::Undelivered { number: 1 })]
    );
    let written = completed.lines().join("\n");
    assert!(written.contains("taken over: hub.db: servers (render)"), "{written}");
    assert!(!written.contains("of-database") && !written.contains("s3cret"), "{written}");
    assert!(complete(&machine.folders).unwrap().is_none(), "once");
}

#[test]
fn what_the_window_of_v3_has_set_wins_over_its_file() {
    let on = "openclaw_enabled: true\nopenclaw_token: claw\n";
    let off = machine(on, "INSERT INTO config VALUES ('openclaw_enabled', '0');");
    begin(&off.folders, Starter::App).unwrap();
    assert_eq!(off.hub().webhook.token, "claw");
    complete(&off.folders).unwrap();
    assert_eq!(off.hub().webhook, WebhookConfig::default());
    let on = machine("", "INSERT INTO config VALUES ('openclaw_enabled', '1'), ('openclaw_token', 'new');");
    begin(&on.folders, Starter::App).unwrap();
    complete(&on.folders).unwrap();
    let webhook = on.hub().webhook;
    assert_eq!((webhook.url.as_str(), webhook.token.as_str()), ("http://127.0.0.1:18789/hooks/wake", "new"));
}

#[test]
fn what_was_set_since_stays_and_doing_it_again_changes_nothing() {
    let statements = format!("{THREE} INSERT INTO config VALUES ('polling_token', 'of-database');");
    let machine = machine("polling_token: of-yaml\n", &statements);
    begin(&machine.folders, Starter::App).unwrap();
    machine.change(|hub| {
        hub.polling_token = "mine".into();
        let agent = |name: &str, url: &str| HubAgent {
            name: name.into(),
            url: url.into(),
            token: "own".into(),
            enabled: false,
        };
        hub.agents = vec![agent("my render", "http://192.168.1.50:5680"), agent("mac", "http://other")];
    });
    let before = fs::read(machine.folders.import_report_file()).unwrap();
    complete(&machine.folders).unwrap().unwrap();
    let hub = machine.hub();
    assert_eq!(hub.polling_token, "mine");
    assert_eq!(
        agents(&hub),
        [
            ("my render", "http://192.168.1.50:5680", false),
            ("mac", "http://other", false),
            ("mac (2)", "http://mini.local:5681", false),
            ("six", "http://[fd00::7]:5999", true)
        ]
    );
    let render = Some("render".to_owned());
    assert_eq!(
        machine.refused(),
        [
            ("servers".to_owned(), render, NotTakenReason::AddressTwice),
            ("polling_token".to_owned(), None, NotTakenReason::SetSince)
        ]
    );
    // As after an end between the two files.
    fs::write(machine.folders.import_report_file(), before).unwrap();
    complete(&machine.folders).unwrap().unwrap();
    assert_eq!(machine.hub().agents.len(), 4);
}

#[test]
fn machines_that_cannot_be_polled_are_named() {
    let machine = machine(
        "",
        "INSERT INTO servers (name, ip, port) VALUES (' ', '10.0.0.1', 5680), ('port', '10.0.0.1', 70000),
             ('path', '10.0.0.1/x', 5680), ('user', 'me@10.0.0.1', 5680), ('space', 'a b', 5680),
             ('good', 'a.b', 5680);",
    );
    begin(&machine.folders, Starter::App).unwrap();
    complete(&machine.folders).unwrap().unwrap();
    assert_eq!(agents(&machine.hub()), [("good", "http://a.b:5680", true)]);
    let names: Vec<_> = machine.refused().into_iter().map(|(_, name, _)| name.unwrap_or_default()).collect();
    assert_eq!(names, ["", "port", "path", "user", "space"]);
}

#[test]
fn nothing_about_a_database_stops_a_start() {
    let broken = machine("", THREE);
    fs::write(&broken.database, "no database, but a text that is long enough to be looked at").unwrap();
    let _ = fs::remove_file(broken.database.with_file_name("hub.db-wal"));
    begin(&broken.folders, Starter::App).unwrap();
    complete(&broken.folders).unwrap().unwrap();
    assert!(matches!(broken.refused()[0].2, NotTakenReason::BadDatabase { .. }), "{:?}", broken.refused());

    assert!(broken.not_taken().is_lost, "it comes first, and is never left out");
    assert!(complete(&broken.folders).unwrap().is_none(), "the same again is no news");

    // A person has put it right.
    fs::remove_file(&broken.database).unwrap();
    made(&broken.database, THREE);
    let completed = complete(&broken.folders).unwrap().unwrap();
    assert_eq!((completed.database, completed.seen), (DatabaseState::Read, false));
    assert_eq!((broken.hub().agents.len(), broken.refused().len()), (3, 0));
    assert!(complete(&broken.folders).unwrap().is_none());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let closed = machine("", THREE);
        fs::set_permissions(&closed.database, fs::Permissions::from_mode(0o000)).unwrap();
        // Root reads everything.
        if fs::File::open(&closed.database).is_err() {
            begin(&closed.folders, Starter::App).unwrap();
            complete(&closed.folders).unwrap().unwrap();
            let denied = NotTakenReason::BadDatabase { message: "permission denied".to_owned() };
            assert_eq!(closed.not_taken().reason, denied);
        }
    }

    let gone = machine("", THREE);
    begin(&gone.folders, Starter::App).unwrap();
    fs::remove_file(&gone.database).unwrap();
    complete(&gone.folders).unwrap().unwrap();
    assert_eq!(gone.refused()[0].2, NotTakenReason::NoDatabase);

    let none = machine("", "");
    assert_eq!(begin(&none.folders, Starter::App).unwrap().imported.unwrap().database, DatabaseState::None);
    assert!(complete(&none.folders).unwrap().is_none());
}

/// V3 first kept it beside `hub.yaml`, and refused to start on an empty one elsewhere.
#[test]
fn the_older_place_counts_if_the_newer_has_no_machines() {
    let machine = machine("", ";");
    made(&machine.folders.v3.join("hub.db"), THREE);
    begin(&machine.folders, Starter::App).unwrap();
    complete(&machine.folders).unwrap().unwrap();
    assert_eq!(machine.hub().agents.len(), 3);
}

/// V3's hub runs with files of its own; its words name them.
#[cfg(unix)]
fn runs_with(machine: &Machine3, words: &str) {
    let hub = elsewhere::tests::hub_with(words);
    assert!(elsewhere::note_files_of(&[hub], &machine.folders.state()).unwrap());
}

#[cfg(unix)]
#[test]
fn a_database_that_only_the_command_line_names_comes_along_too() {
    let machine = machine("", "");
    let database = machine.folders.v3.join("my.sqlite");
    made(&database, THREE);
    begin(&machine.folders, Starter::Backend).unwrap();
    assert_eq!(complete(&machine.folders).unwrap(), None, "nobody knows of it");
    runs_with(&machine, &format!("--db {} run", database.display()));
    let report = complete(&machine.folders).unwrap().unwrap();
    assert_eq!((report.database, report.not_taken), (DatabaseState::Read, vec![]));
    assert_eq!(agents(&machine.hub()).len(), 3);
    // Once: what is removed stays removed, also if V3 is replaced again.
    machine.change(|hub| hub.agents.clear());
    runs_with(&machine, &format!("--db {} run", database.display()));
    assert_eq!(complete(&machine.folders).unwrap(), None);
    assert!(machine.hub().agents.is_empty());
}

#[cfg(unix)]
#[test]
fn a_hub_whose_files_are_all_elsewhere_comes_along_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let folders = Folders { config: at("config"), data: at("data"), v3: at("none") };
    begin(&folders, Starter::Backend).unwrap();
    fs::create_dir(at("data3")).unwrap();
    fs::write(at("data3").join("status.md"), "x").unwrap();
    made(&at("data3").join("hub.db"), THREE);
    let yaml = format!(
        "machine: box\nbind_port: 5691\npolling_token: poll-1\napi_token: api-1\npoll_interval: 7\nself_monitor: false\n\
         openclaw_enabled: true\nopenclaw_token: claw\ndata_dir: '{}'\nodd: 1\n",
        at("data3").display()
    );
    fs::write(at("my.yaml"), yaml).unwrap();
    let machine = Machine3 { folders, database: at("data3").join("hub.db"), _folder: folder };
    machine.change(|hub| hub.poll_seconds = 9);
    runs_with(
        &machine,
        &format!("--config={} run", machine.folders.config.with_file_name("my.yaml").display()),
    );
    let report = complete(&machine.folders).unwrap().unwrap();
    let hub = machine.hub();
    assert_eq!(agents(&hub).len(), 3);
    assert_eq!(
        (hub.machine.as_str(), hub.token.as_str(), hub.polling_token.as_str()),
        ("box", "api-1", "poll-1")
    );
    assert_eq!((hub.webhook.token.as_str(), hub.status_md.is_empty(), hub.poll_seconds), ("claw", false, 9));
    assert_eq!(hub.api, HubConfig::default().api, "its ports are those of this launch");
    let refused: Vec<_> = report.not_taken.iter().map(|one| (one.key.as_str(), &one.reason)).collect();
    assert_eq!(refused, [("poll_interval", &NotTakenReason::SetSince), ("odd", &NotTakenReason::UnknownKey)]);
    assert_eq!((report.files.as_slice(), report.seen), (&[V3File::Hub][..], false));
    assert_eq!(complete(&machine.folders).unwrap(), None, "it was dealt with");
}

#[cfg(unix)]
#[test]
fn a_database_that_is_elsewhere_and_damaged_is_tried_again() {
    let machine = machine("", "");
    let database = machine.folders.v3.join("my.sqlite");
    fs::write(&database, "no database").unwrap();
    begin(&machine.folders, Starter::Backend).unwrap();
    runs_with(&machine, &format!("--db {} run", database.display()));
    assert_eq!(complete(&machine.folders).unwrap().unwrap().database, DatabaseState::Failed);
    assert_eq!(complete(&machine.folders).unwrap(), None, "it is no news");
    fs::remove_file(&database).unwrap();
    made(&database, THREE);
    assert_eq!(complete(&machine.folders).unwrap().unwrap().database, DatabaseState::Read);
    assert_eq!(agents(&machine.hub()).len(), 3);
}

/// SQLite repeats what it was asked; people need to know only what is missing.
#[test]
fn a_database_of_another_form_is_named_with_what_it_lacks() {
    let machine = machine("", "");
    let connection = rusqlite::Connection::open(&machine.database).unwrap();
    connection.execute_batch("CREATE TABLE servers (id INTEGER, name TEXT, ip TEXT, port INTEGER);").unwrap();
    drop(connection);
    begin(&machine.folders, Starter::Backend).unwrap();
    complete(&machine.folders).unwrap();
    let message = "no such column: enabled".to_owned();
    assert_eq!(machine.not_taken().reason, NotTakenReason::BadDatabase { message });
}
