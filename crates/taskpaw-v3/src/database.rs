//! The database of V3's hub: machines, tokens, and how much it has not delivered. It is only ever read: nothing is
//! written into its folder, not even what SQLite itself would write there, and no lock of it is taken. A hub that still runs
//! may write meanwhile: then it is read again.

use std::ffi::CStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// The most machines that are taken over; far more than anybody polls.
const MOST_MACHINES: u32 = 1_000;
/// A text that is longer is neither a name nor an address; in bytes.
const LONGEST_TEXT: u32 = 512;
/// A token that is longer is none; in bytes.
const LONGEST_TOKEN: u32 = 4_096;
/// How long the database is read at most. The hub waits for it when it starts.
const LIMIT: Duration = Duration::from_secs(5);

/// How often the database is read again because it was written meanwhile. A hub of V3 writes once a minute, and when a person changes
/// something.
const ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);
/// A file that was written so shortly before could be written again within what its time of change can tell: the kernel's
/// clock for files moves every 10 ms at most.
const JUST_WRITTEN: Duration = Duration::from_millis(50);

/// The part of SQLite that opens files without locking them, and makes none beside them: it must not be in the way of a hub
/// that still runs.
const WITHOUT_LOCKS: &CStr = if cfg!(windows) { c"win32-none" } else { c"unix-none" };

/// What stands in the database.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Database {
    /// The machines, in the order in which they were added.
    pub(super) machines: Vec<Machine>,
    /// How many more there are.
    pub(super) more: u32,
    /// What was set in V3's window; it wins over the file.
    pub(super) polling_token: Option<String>,
    /// `1` if OpenClaw was told.
    pub(super) openclaw_enabled: Option<String>,
    /// What it was shown.
    pub(super) openclaw_token: Option<String>,
    /// Notifications that wait for it.
    pub(super) undelivered: u32,
}

/// A machine that V3's hub polled. What is of another type, or too long, is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) name: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) port: Option<i64>,
    pub(super) is_enabled: bool,
}

/// Without the tokens.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("machines", &self.machines.len())
            .field("more", &self.more)
            .field("undelivered", &self.undelivered)
            .finish_non_exhaustive()
    }
}

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    /// The database is not an ordinary file, or the system does not let it be read.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// SQLite says so.
    #[error("{}", said(.0))]
    Sqlite(#[from] rusqlite::Error),
    /// The database belongs to another program.
    #[error("it has no table of machines")]
    Foreign,
    /// The database is being written all the time.
    #[error("it is being written")]
    Written,
}

/// What SQLite says, without what it was asked.
fn said(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// Reads a database as it was at one moment.
pub(super) fn read(path: &Path) -> Result<Database, DatabaseError> {
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no ordinary file").into());
    }
    // SQLite would only say that it cannot open it.
    drop(fs::File::open(path).map_err(|error| std::io::Error::from(error.kind()))?);
    for _ in 0..ATTEMPTS {
        let before = Moment::of(path);
        if !before.is_just_written() {
            let found = read_once(path);
            if Moment::of(path) == before {
                return found;
            }
        }
        thread::sleep(BETWEEN_ATTEMPTS);
    }
    Err(DatabaseError::Written)
}

/// When its files were changed last, and how long they are: the process that writes meanwhile changes that.
#[derive(PartialEq, Eq)]
struct Moment([Option<(SystemTime, u64)>; 3]);

impl Moment {
    fn of(path: &Path) -> Self {
        let of = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            Some((found.modified().unwrap_or(SystemTime::UNIX_EPOCH), found.len()))
        };
        Self([of(path), of(&beside(path, "-wal")), of(&beside(path, "-journal"))])
    }

    fn is_just_written(&self) -> bool {
        let is_new = |at: SystemTime| at.elapsed().is_ok_and(|ago| ago < JUST_WRITTEN);
        self.0.iter().flatten().any(|(at, _)| is_new(*at))
    }
}

/// As [`read`], of a file that nobody writes to.
pub(super) fn read_once(path: &Path) -> Result<Database, DatabaseError> {
    let connection = open(path)?;
    let interrupt = connection.get_interrupt_handle();
    let (done, is_done) = mpsc::channel::<()>();
    let watch = thread::Builder::new().name("v3-database".to_owned()).spawn(move || {
        if is_done.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            interrupt.interrupt();
        }
    })?;
    let found = look(&connection);
    drop(done);
    // It only waits, and its end is not news.
    let _ = watch.join();
    found
}

/// Opens it so that nothing is written: as one that never changes; or, if a part of it is still in its log, with the
/// index of the log in memory, where SQLite otherwise makes a file for it.
fn open(path: &Path) -> Result<Connection, DatabaseError> {
    let log = beside(path, "-wal");
    let has_log = fs::metadata(&log).is_ok_and(|log| log.is_file() && log.len() > 0);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if has_log {
        Connection::open_with_flags_and_vfs(format!("{}?mode=ro", uri(path)), flags, WITHOUT_LOCKS)?
    } else {
        Connection::open_with_flags(format!("{}?mode=ro&immutable=1", uri(path)), flags)?
    };
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = 1; PRAGMA cache_size = -2048;",
    )?;
    Ok(connection)
}

fn look(connection: &Connection) -> Result<Database, DatabaseError> {
    // A view could be anything.
    let has = |table: &str| -> rusqlite::Result<bool> {
        connection
            .prepare("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1")?
            .query_row([table], |row| row.get::<_, i64>(0))
            .map(|count| count == 1)
    };
    if !has("servers")? {
        return Err(DatabaseError::Foreign);
    }
    let all: i64 = connection.query_row("SELECT count(*) FROM servers", [], |row| row.get(0))?;
    let text = |column: &str| {
        format!(
            "CASE WHEN typeof({column}) = 'text' AND octet_length({column}) <= {LONGEST_TEXT} THEN {column} END"
        )
    };
    let machines = connection
        .prepare(&format!(
            "SELECT {}, {}, CASE WHEN typeof(port) = 'integer' THEN port END,
                    typeof(enabled) = 'integer' AND enabled <> 0
             FROM servers ORDER BY id LIMIT {MOST_MACHINES}",
            text("name"),
            text("ip")
        ))?
        .query_map([], |row| {
            Ok(Machine { name: row.get(0)?, ip: row.get(1)?, port: row.get(2)?, is_enabled: row.get(3)? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut database =
        Database { more: saturated(all).saturating_sub(MOST_MACHINES), machines, ..Database::default() };
    if has("config")? {
        let mut settings = connection.prepare(&format!(
            "SELECT key, value FROM config WHERE key IN ('polling_token', 'openclaw_enabled', 'openclaw_token')
             AND typeof(value) = 'text' AND octet_length(value) <= {LONGEST_TOKEN}"
        ))?;
        let mut rows = settings.query([])?;
        while let Some(row) = rows.next()? {
            let value: String = row.get(1)?;
            let into = match row.get_ref(0)?.as_str().unwrap_or_default() {
                "polling_token" => &mut database.polling_token,
                "openclaw_enabled" => &mut database.openclaw_enabled,
                _ => &mut database.openclaw_token,
            };
            *into = Some(value);
        }
    }
    if has("delivery_outbox")? {
        let waiting = "SELECT count(*) FROM delivery_outbox WHERE delivery_state IN ('pending', 'failed')";
        database.undelivered = saturated(connection.query_row(waiting, [], |row| row.get(0))?);
    }
    Ok(database)
}

fn saturated(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// The path as SQLite's URI: every byte that could mean something else is written as a number.
fn uri(path: &Path) -> String {
    let is_windows = cfg!(windows);
    let mut uri = "file:".to_owned();
    if is_windows {
        uri.push('/');
    }
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if is_windows => uri.push('/'),
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(byte)),
            b':' if is_windows => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
#[path = "database/tests.rs"]
pub(super) mod tests;
