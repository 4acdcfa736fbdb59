//! The form of the hub's database: opening it, and bringing an older one to this version's form.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::signs::{Advance, Telling};
use crate::state::{StateError, make_private, open_if_there};

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

/// What ntfy has not been told yet. It is not a step: 4.0.0 goes on with a database that has it, and what it removes goes here too.
const NTFY_OUTBOX: &str = "
    CREATE TABLE IF NOT EXISTS ntfy_outbox (
        number INTEGER PRIMARY KEY REFERENCES events (number) ON DELETE CASCADE,
        since_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next_ms INTEGER NOT NULL,
        aside INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS ntfy_outbox_due ON ntfy_outbox (aside, next_ms);
";

/// The first bytes of every database, and where its `user_version` stands (SQLite's file format, section 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const HEADER: usize = 100;
/// How many instructions of the database count as one step forward: some tens of microseconds.
const STEP: i32 = 10_000;
/// How long a look waits for the process that writes.
const LOOK_WITHIN: Duration = Duration::from_secs(1);

/// Looks whether this version can use the database, which another hub may write. Nothing is changed.
pub(in super::super) fn can_use(path: &Path) -> Result<(), StateError> {
    let Some(file) = open_if_there(path).map_err(StateError::at(path))? else { return Ok(()) };
    // What has been written last may stand beside the file. If nothing does, not even SQLite is asked: to open a database
    // makes files beside it.
    let schema = if has_log(path) {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let looked = Connection::open_with_flags(path, flags).and_then(|connection| {
            connection.busy_timeout(LOOK_WITHIN)?;
            connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
        });
        looked.map_err(|error| StateError::database(path, &error))?.into()
    } else {
        let mut header = Vec::with_capacity(HEADER);
        file.take(HEADER as u64).read_to_end(&mut header).map_err(StateError::at(path))?;
        schema_in(&header).ok_or_else(|| StateError::Database {
            path: path.to_owned(),
            reason: "file is not a database".to_owned(),
        })?
    };
    refuse_newer(path, schema)
}

fn has_log(path: &Path) -> bool {
    let mut log = path.file_name().unwrap_or_default().to_owned();
    log.push("-wal");
    fs::metadata(path.with_file_name(log)).is_ok_and(|found| found.len() > 0)
}

/// The schema in the first bytes of a database. One that was just made is empty.
fn schema_in(header: &[u8]) -> Option<u64> {
    if header.is_empty() {
        return Some(0);
    }
    let version = header.get(USER_VERSION_AT..USER_VERSION_AT + 4)?.try_into().ok()?;
    (header.len() == HEADER && header.starts_with(MAGIC)).then(|| u32::from_be_bytes(version).into())
}

fn refuse_newer(path: &Path, schema: u64) -> Result<(), StateError> {
    let known = STEPS.len() as u64;
    if schema > known {
        return Err(StateError::TooNew { path: path.to_owned(), schema, known });
    }
    Ok(())
}

/// The database, open for writing. Until [`Opened::in_this_form`] one of an older version is as it was.
#[derive(Debug)]
pub(super) struct Opened {
    connection: Connection,
    path: PathBuf,
    schema: u64,
    telling: Telling,
}

/// Opens the database for writing; one that is not there is made. An older one is copied, and whether it can be brought to
/// the form of this version is tried, in a transaction that is rolled back.
pub(super) fn open(path: &Path, telling: Telling) -> Result<Opened, StateError> {
    let failed = |error: rusqlite::Error| StateError::database(path, &error);
    // SQLite would make it readable as the umask says.
    make_private(path).map_err(StateError::at(path))?;
    let mut connection = Connection::open(path).map_err(failed)?;
    let mut schema = prepare(&connection).map_err(failed)?;
    refuse_newer(path, schema)?;
    if schema == 0 {
        migrate(&mut connection, schema).map_err(failed)?;
        schema = STEPS.len() as u64;
    } else if schema < STEPS.len() as u64 {
        let _under_way = telling.signs_of_life(advance_of(&mut connection).map_err(failed)?);
        migrated(&mut connection, schema).and_then(Transaction::rollback).map_err(failed)?;
        keep_copy(&connection, path, schema)?;
    }
    Ok(Opened { connection, path: path.to_owned(), schema, telling })
}

impl Opened {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an older version wrote it.
    pub(super) fn is_older(&self) -> bool {
        self.schema < STEPS.len() as u64
    }

    /// Brings it to the form of this version.
    pub(super) fn in_this_form(mut self) -> Result<Connection, StateError> {
        if self.is_older() {
            let failed = |error: rusqlite::Error| StateError::database(&self.path, &error);
            let _under_way = self.telling.signs_of_life(advance_of(&mut self.connection).map_err(failed)?);
            migrate(&mut self.connection, self.schema).map_err(failed)?;
        }
        self.connection
            .execute_batch(NTFY_OUTBOX)
            .map_err(|error| StateError::database(&self.path, &error))?;
        Ok(self.connection)
    }
}

/// How far whatever is done with a connection is, from now on.
fn advance_of(connection: &mut Connection) -> rusqlite::Result<Advance> {
    let advance = Advance::default();
    let stepping = advance.clone();
    connection.progress_handler(
        STEP,
        Some(move || {
            stepping.step();
            false
        }),
    )?;
    Ok(advance)
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
    migrated(connection, schema)?.commit()
}

/// The database in the form of this version, not for good yet.
fn migrated(connection: &mut Connection, schema: u64) -> rusqlite::Result<Transaction<'_>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    for step in STEPS.iter().skip(usize::try_from(schema).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len())?;
    Ok(transaction)
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
    tracing::info!("{} was written by an older version; a copy of it is {}", path.display(), copy.display());
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
        let opened = open(&path, Telling::Nobody).unwrap();
        let schema_of = |connection: &Connection| -> u32 {
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        assert!(opened.is_older());
        assert_eq!(schema_of(&open_reader(&path).unwrap()), 1, "nothing has changed yet");
        let connection = opened.in_this_form().unwrap();
        assert_eq!((count(&connection, "agents"), count(&connection, "outbox")), (1, 0));
        let copy = Connection::open(copy_of(&path, 1)).unwrap();
        assert_eq!(count(&copy, "agents"), 1);
        assert!(copy.prepare("SELECT * FROM outbox").is_err(), "the copy has the old form");
        // Windows removes no file that is open.
        drop((connection, copy));
        // The second launch has nothing to migrate.
        fs::remove_file(copy_of(&path, 1)).unwrap();
        open(&path, Telling::Nobody).unwrap();
        assert!(!copy_of(&path, 1).exists());
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        made_with(&path, 1);
        // The step cannot make a table that is there.
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE outbox (x)").unwrap();
        assert!(matches!(open(&path, Telling::Nobody), Err(StateError::Database { .. })));
        let connection = Connection::open(&path).unwrap();
        let schema: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!((schema, count(&connection, "agents")), (1, 1));
        assert!(!copy_of(&path, 1).exists());
    }

    #[test]
    fn a_look_sees_the_schema_with_and_without_a_log_and_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        assert!(can_use(&path).is_ok(), "none is there yet");
        drop(open(&path, Telling::Nobody).unwrap());
        let files = || fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files(), 1);
        assert!(can_use(&path).is_ok());
        assert_eq!(files(), 1);
        // The new number stands in the log alone as long as somebody has the database open.
        let writer = open(&path, Telling::Nobody).unwrap().in_this_form().unwrap();
        writer.pragma_update(None, "user_version", 3).unwrap();
        assert!(has_log(&path));
        assert!(matches!(can_use(&path), Err(StateError::TooNew { schema: 3, known: 2, .. })));
        drop(writer);
        assert!(!has_log(&path));
        assert!(matches!(can_use(&path), Err(StateError::TooNew { schema: 3, known: 2, .. })));
        assert_eq!(files(), 1);
    }

    #[test]
    fn a_newer_database_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        made_with(&path, 2);
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(open(&path, Telling::Nobody), Err(StateError::TooNew { schema: 3, known: 2, .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_file_that_is_no_database_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        fs::write(&path, "hello, this is no database at all").unwrap();
        assert!(matches!(can_use(&path), Err(StateError::Database { .. })));
        assert!(matches!(open(&path, Telling::Nobody), Err(StateError::Database { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello, this is no database at all");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let connection = open(&path, Telling::Nobody).unwrap().in_this_form().unwrap();
        connection.execute("INSERT INTO agents VALUES ('a', 'u', 'k', 1, NULL, '{}')", []).unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
        }
    }
}
