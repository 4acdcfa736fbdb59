//! Databases as V3 makes them, and others.

use std::collections::BTreeMap;
use std::time::Instant;

use rusqlite::params;

use super::*;

/// The tables of V3's store that are read, as it makes them.
const TABLES: &str = "
    CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, ip TEXT NOT NULL,
        port INTEGER NOT NULL DEFAULT 5680, enabled INTEGER NOT NULL DEFAULT 1);
    CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT);
    CREATE TABLE delivery_outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, server_name TEXT NOT NULL,
        payload_json TEXT NOT NULL, kind TEXT NOT NULL, delivery_state TEXT NOT NULL DEFAULT 'pending',
        attempts INTEGER NOT NULL DEFAULT 0, last_error TEXT, next_attempt_at TEXT NOT NULL,
        created_at TEXT NOT NULL, dead_letter_alerted INTEGER NOT NULL DEFAULT 0, dedupe_key TEXT);
";

/// A database of V3's hub, written by these statements. It is closed as by a hub that was killed: all of it is still
/// in its log.
pub(in super::super) fn made(path: &Path, statements: &str) {
    let connection = Connection::open(path).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    connection.execute_batch(TABLES).unwrap();
    connection.execute_batch(statements).unwrap();
}

/// Every file of a folder with what stands in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

const FULL: &str = "
    INSERT INTO servers (name, ip, port, enabled) VALUES ('render', '192.168.1.50', 5680, 1),
        ('mac', 'mini.local', 5681, 0);
    INSERT INTO config VALUES ('polling_token', 'secret-poll'), ('openclaw_enabled', '1'), ('other', 'x'),
        ('last_event_ids', '{\"1\": 502}');
    INSERT INTO delivery_outbox (server_name, payload_json, kind, delivery_state, next_attempt_at, created_at)
        VALUES ('render', '{}', 'event', 'pending', '', ''), ('render', '{}', 'event', 'failed', '', ''),
               ('render', '{}', 'event', 'dead_letter', '', '');
";

#[test]
fn a_database_is_read_with_its_log_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    // What means something in a URI is a part of the name here. Windows has no names with a question mark.
    let name = if cfg!(windows) { "a b%20#.db" } else { "a b%20?#.db" };
    let path = folder.path().join(name);
    made(&path, FULL);
    let _ = fs::remove_file(beside(&path, "-shm"));
    let before = files(folder.path());
    assert!(before.contains_key(&format!("{name}-wal")), "{:?}", before.keys());
    let with_log = read(&path).unwrap();
    assert_eq!(files(folder.path()), before);
    let machine = |name: &str, ip: &str, port, is_enabled| Machine {
        name: Some(name.into()),
        ip: Some(ip.into()),
        port: Some(port),
        is_enabled,
    };
    assert_eq!(
        with_log,
        Database {
            machines: vec![
                machine("render", "192.168.1.50", 5680, true),
                machine("mac", "mini.local", 5681, false)
            ],
            more: 0,
            polling_token: Some("secret-poll".into()),
            openclaw_enabled: Some("1".into()),
            openclaw_token: None,
            undelivered: 2,
        }
    );
    // As after a hub that has ended by itself.
    drop(Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let before = files(folder.path());
    assert_eq!(read(&path).unwrap(), with_log);
    assert_eq!(files(folder.path()), before);
    assert!(!format!("{with_log:?}").contains("secret"));
}

#[test]
fn wrong_types_and_huge_texts_are_nothing_and_many_machines_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    made(&path, "");
    let mut connection = Connection::open(&path).unwrap();
    let huge = "x".repeat(20 << 20);
    connection
        .execute("INSERT INTO servers (name, ip, port, enabled) VALUES (?1, x'00ff', 'many', 'yes')", [&huge])
        .unwrap();
    connection
        .execute("INSERT INTO config VALUES ('polling_token', ?1), ('openclaw_token', x'00')", [&huge])
        .unwrap();
    let transaction = connection.transaction().unwrap();
    for number in 0..10_000 {
        transaction
            .execute("INSERT INTO servers (name, ip) VALUES (?1, '10.0.0.1')", params![format!("m{number}")])
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(connection);
    let found = read(&path).unwrap();
    assert_eq!((found.machines.len(), found.more), (1_000, 9_001));
    assert_eq!(found.machines[0], Machine { name: None, ip: None, port: None, is_enabled: false });
    assert_eq!((found.polling_token, found.openclaw_token), (None, None));
}

/// Writes a file of yesterday: what was just written is waited for.
fn write_long_ago(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    fs::File::options().write(true).open(path).unwrap().set_modified(yesterday).unwrap();
}

#[test]
fn what_is_no_database_of_v3_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(matches!(read(&at("none")), Err(DatabaseError::File(_))));
    assert!(matches!(read(folder.path()), Err(DatabaseError::File(_))));
    fs::write(at("empty"), "").unwrap();
    assert!(matches!(read(&at("empty")), Err(DatabaseError::Foreign)));
    fs::write(at("text"), "this is no database at all, but a text of some length").unwrap();
    assert!(matches!(read(&at("text")), Err(DatabaseError::Sqlite(_))));
    Connection::open(at("foreign")).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(read(&at("foreign")), Err(DatabaseError::Foreign)));
    let view = "CREATE VIEW servers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n";
    Connection::open(at("view")).unwrap().execute_batch(view).unwrap();
    assert!(matches!(read(&at("view")), Err(DatabaseError::Foreign)), "it would never end");
    Connection::open(at("columns")).unwrap().execute_batch("CREATE TABLE servers (y)").unwrap();
    assert!(matches!(read(&at("columns")), Err(DatabaseError::Sqlite(_))));
    made(&at("cut"), FULL);
    drop(Connection::open(at("cut")).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let whole = fs::read(at("cut")).unwrap();
    let _ = fs::remove_file(at("cut-wal"));
    // Whatever is broken in it: it is read or refused, and nothing panics.
    for at_byte in (0..whole.len()).step_by(97) {
        let mut broken = whole.clone();
        broken[at_byte] ^= 0xff;
        write_long_ago(&at("cut"), &broken);
        let _ = read(&at("cut"));
    }
    write_long_ago(&at("cut"), &whole[..whole.len() / 2]);
    let _ = read(&at("cut"));
}

#[test]
fn a_hub_that_still_writes_is_not_disturbed_and_never_read_by_halves() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    made(&path, "INSERT INTO servers (name, ip) VALUES ('0', '0'), ('other', '0')");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let hub = scope.spawn(|| {
            let mut connection = Connection::open(&path).unwrap();
            connection.pragma_update(None, "wal_autocheckpoint", 3).unwrap();
            let mut round = 0_i64;
            while !is_over.load(Ordering::Relaxed) {
                round += 1;
                // As V3 does it: some writes one after the other, then a pause.
                for _ in 0..40 {
                    let both = connection.transaction().unwrap();
                    both.execute("UPDATE servers SET ip = ?1", [round]).unwrap();
                    both.commit().unwrap();
                }
                thread::sleep(Duration::from_millis(80));
            }
            round
        });
        for _ in 0..4 {
            match read(&path) {
                Ok(found) => {
                    assert_eq!(found.machines.len(), 2);
                    assert_eq!(found.machines[0].ip, found.machines[1].ip, "of one moment");
                }
                Err(error) => assert!(matches!(error, DatabaseError::Written), "{error}"),
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(hub.join().unwrap() > 0);
    });
    assert!(read(&path).is_ok());
}

#[test]
fn one_that_is_written_all_the_time_is_refused() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    made(&path, FULL);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let connection = Connection::open(&path).unwrap();
            connection.pragma_update(None, "synchronous", "OFF").unwrap();
            while !is_over.load(Ordering::Relaxed) {
                connection.execute("UPDATE servers SET port = port % 60000 + 1", []).unwrap();
            }
        });
        // On a busy machine the writer may pause, and what is read meanwhile is as of one moment.
        let began = Instant::now();
        let mut found = read(&path);
        while found.is_ok() && began.elapsed() < Duration::from_secs(20) {
            found = read(&path);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(matches!(found, Err(DatabaseError::Written)), "{found:?}");
    });
}
