//! The form of the hub's database: opening it, and bringing an older one to this version's form.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::state::{StateError, make_private};

/// Each step leads from one schema to the next; the number of steps is the schema of this version.
const STEPS: [&str; 2] = [HISTORY, OUTBOX];

/// 1: events, and what is known of each agent.
const HISTORY: &str = "
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        -- What tells the numbers of one machine from those of another.
        machine_key TEXT NOT NULL,
        -- The agent's own number.
        id INTEGER NOT NULL,
        time TEXT NOT NULL,
        received_ms INTEGER NOT NULL,
        agent TEXT NOT NULL,
        server_id TEXT NOT NULL,
        machine TEXT NOT NULL,
        monitor TEXT NOT NULL,
        message TEXT NOT NULL,
        level TEXT,
        title TEXT,
        data TEXT
    );
    -- The same number with another time is another event, of a machine that was installed anew.
    CREATE UNIQUE INDEX events_once ON events (machine_key, id, time);
    CREATE INDEX events_by_machine ON events (machine_key, number);
    CREATE INDEX events_by_age ON events (received_ms);
    CREATE INDEX events_by_level ON events (level, number);
    CREATE TABLE agents (
        name TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        machine_key TEXT NOT NULL,
        seen_ms INTEGER NOT NULL,
        anew_ms INTEGER,
        status TEXT NOT NULL
    ) WITHOUT ROWID;
    -- One row for each change, not for each poll: how an agent and its monitors were from then on.
    CREATE TABLE states (
        at_ms INTEGER NOT NULL,
        agent TEXT NOT NULL,
        online INTEGER NOT NULL,
        monitors TEXT NOT NULL
    );
    CREATE INDEX states_by_age ON states (at_ms);
    CREATE INDEX states_by_agent ON states (agent, at_ms);
";

/// 2: what the webhook has not been told yet.
const OUTBOX: &str = "
    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY REFERENCES events (number) ON DELETE CASCADE,
        since_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next_ms INTEGER NOT NULL,
        -- 1: it could not be delivered for a day.
        aside INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX outbox_due ON outbox (aside, next_ms);
";

/// Opens the database for writing, in the form of this version. An older one is copied before it is changed.
pub(super) fn open(path: &Path) -> Result<Connection, StateError> {
    let failed = |error: rusqlite::Error| StateError::database(path, &error);
    // SQLite would make it readable as the umask says.
    make_private(path).map_err(StateError::at(path))?;
    let mut connection = Connection::open(path).map_err(failed)?;
    let schema = prepare(&connection).map_err(failed)?;
    let known = STEPS.len() as u64;
    if schema > known {
        return Err(StateError::TooNew { path: path.to_owned(), schema, known });
    }
    if schema < known {
        if schema > 0 {
            keep_copy(&connection, path, schema)?;
        }
        migrate(&mut connection, schema).map_err(failed)?;
    }
    Ok(connection)
}

/// Another connection, which only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StateError> {
    let opened =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .and_then(|connection| {
                connection.execute_batch("PRAGMA cache_size = -256; PRAGMA busy_timeout = 5000;")?;
                Ok(connection)
            });
    opened.map_err(|error| StateError::database(path, &error))
}

/// The settings of every launch; gives back the schema.
fn prepare(connection: &Connection) -> rusqlite::Result<u64> {
    // Looked at before anything is changed: a newer version's file is left as it is.
    let schema: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if u64::from(schema) <= STEPS.len() as u64 {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;
             PRAGMA cache_size = -512; PRAGMA journal_size_limit = 4194304;",
        )?;
    }
    Ok(schema.into())
}

fn migrate(connection: &mut Connection, schema: u64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    for step in STEPS.iter().skip(usize::try_from(schema).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len())?;
    transaction.commit()
}

/// Keeps the database as it was, beside it.
fn keep_copy(connection: &Connection, path: &Path, schema: u64) -> Result<(), StateError> {
    let copy = copy_of(path, schema);
    // One that is there is of an earlier attempt that did not come to its end.
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(StateError::at(&copy)(error));
        }
        _ => {}
    }
    make_private(&copy).map_err(StateError::at(&copy))?;
    let name = copy.to_string_lossy();
    connection
        .execute("VACUUM INTO ?1", [name.as_ref()])
        .map_err(|error| StateError::database(&copy, &error))?;
    tracing::info!(
        "{} is brought to this version's form; a copy of it is {}",
        path.display(),
        copy.display()
    );
    Ok(())
}

fn copy_of(path: &Path, schema: u64) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".schema-{schema}"));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(connection: &Connection, table: &str) -> u64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    fn made_with(path: &Path, schema: u32) {
        let connection = Connection::open(path).unwrap();
        for step in &STEPS[..schema as usize] {
            connection.execute_batch(step).unwrap();
        }
        connection.pragma_update(None, "user_version", schema).unwrap();
        connection.execute("INSERT INTO agents VALUES ('a', 'u', 'k', 1, NULL, '{}')", []).unwrap();
    }

    #[test]
    fn an_older_database_is_copied_and_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        made_with(&path, 1);
        let connection = open(&path).unwrap();
        assert_eq!((count(&connection, "agents"), count(&connection, "outbox")), (1, 0));
        let copy = Connection::open(copy_of(&path, 1)).unwrap();
        assert_eq!(count(&copy, "agents"), 1);
        assert!(copy.prepare("SELECT * FROM outbox").is_err(), "the copy has the old form");
        // Windows removes no file that is open.
        drop((connection, copy));
        // The second launch has nothing to migrate.
        fs::remove_file(copy_of(&path, 1)).unwrap();
        open(&path).unwrap();
        assert!(!copy_of(&path, 1).exists());
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        made_with(&path, 1);
        // The step cannot make a table that is there.
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE outbox (x)").unwrap();
        assert!(matches!(open(&path), Err(StateError::Database { .. })));
        let connection = Connection::open(&path).unwrap();
        let schema: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!((schema, count(&connection, "agents")), (1, 1));
        assert!(copy_of(&path, 1).exists());
    }

    #[test]
    fn a_newer_database_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        made_with(&path, 2);
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(open(&path), Err(StateError::TooNew { schema: 3, known: 2, .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_file_that_is_no_database_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        fs::write(&path, "hello, this is no database at all").unwrap();
        assert!(matches!(open(&path), Err(StateError::Database { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello, this is no database at all");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let connection = open(&path).unwrap();
        connection.execute("INSERT INTO agents VALUES ('a', 'u', 'k', 1, NULL, '{}')", []).unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
        }
    }
}
