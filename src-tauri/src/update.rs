//! An installed update replaces the files under the running app: noticed, told, and started when the person
//! wants it.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use taskpaw_contract::ipc::{ErrorCode, Event, IpcError};
use taskpaw_contract::version;

use crate::board::Board;

/// Between two looks at the app's own file: one call of the system each.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a program may take to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(5);

/// The app's own program, as it was started.
#[derive(Debug, Clone)]
pub(crate) struct OwnProgram(Option<PathBuf>);

/// A program that cannot run ends within this time; longer than that nobody is kept waiting for it.
const FAILS_WITHIN: Duration = Duration::from_secs(1);

impl OwnProgram {
    /// Looked up at the start: once the file is replaced, the system may name it by what was deleted.
    pub(crate) fn find() -> Self {
        Self(std::env::current_exe().inspect_err(|error| tracing::warn!(%error, "no update is noticed")).ok())
    }

    /// Tells the window whenever another version lies where this one was started from. The time of the file
    /// only says when to ask; the file's own answer counts.
    pub(crate) async fn watch(self, board: Arc<Board>) {
        let Some(path) = self.0 else { return };
        let mut seen = Trace::of(&path);
        let mut told: Option<String> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = Trace::of(&path);
            if now == seen {
                continue;
            }
            let Some(found) = version_of(&path).await else { continue }; // half installed: ask again
            seen = now;
            let other = (found != version()).then_some(found);
            if other != told {
                board.publish(Event::UpdateInstalled { version: other.clone() });
                told = other;
            }
        }
    }

    /// Starts the program that lies there now. It takes over from this one as any start does; until it asks,
    /// this one goes on.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(&self) -> Result<(), IpcError> {
        let failed = |reason: String| {
            let message = format!("the new version cannot be started: {reason}. Start TaskPaw yourself");
            IpcError::new(ErrorCode::Internal, message)
        };
        let path = self.0.as_ref().ok_or_else(|| failed("where it lies is not known".to_owned()))?;
        let mut command = std::process::Command::new(path);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It outlives this app: a signal to this app's group must not reach it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        // Should it end before this app does, it must not stay a zombie.
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || ended.send(child.wait()));
        // One that cannot run at all, as without a library, does not ask for this app's place.
        match end.recv_timeout(FAILS_WITHIN) {
            Ok(Ok(status)) if !status.success() => Err(failed(format!("it ended at once with {status}"))),
            _ => Ok(()),
        }
    }
}

/// What changes when a file is replaced.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    length: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Trace {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { length: found.len(), modified: found.modified().ok(), inode: inode(&found) })
    }
}

#[cfg(unix)]
fn inode(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn inode(_found: &Metadata) -> u64 {
    0
}

/// What a program answers to `--version`: `taskpaw 4.1.0`.
async fn version_of(path: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let ran = tokio::time::timeout(VERSION_WITHIN, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(ran.stdout).ok()?;
    let version = text.trim().strip_prefix("taskpaw ")?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '+');
    (ran.status.success() && version.len() <= 32 && version.chars().all(plain)).then(|| version.to_owned())
}
