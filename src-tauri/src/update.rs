//! An installed update replaces the files under the running app: noticed, told, and started when the person
//! wants it.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use taskpaw_contract::ipc::{ErrorCode, Event, IpcError};
use taskpaw_contract::version::{version, version_in};
use taskpaw_updates::installation::Installation;

use crate::board::Board;

/// Between two looks at the app's own file: one call of the system each.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A file whose version cannot be read is read again after twice as many looks each time, but after so many at most:
/// ten minutes.
const MOST_LOOKS: u32 = 120;
/// A program that cannot run ends within this time; longer than that nobody is kept waiting for it.
const FAILS_WITHIN: Duration = Duration::from_secs(1);

/// The app's own program, as it was started.
#[derive(Debug, Clone)]
pub(crate) struct OwnProgram(Option<PathBuf>);

impl OwnProgram {
    /// Looked up at the start: once the file is replaced, the system may name it by what was deleted.
    pub(crate) fn find() -> Self {
        let exe = std::env::current_exe().inspect_err(|error| tracing::warn!(%error, "no update is noticed"));
        Self(exe.ok().map(as_it_was_started))
    }

    /// A program elsewhere.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(Some(path))
    }

    /// Where it lies: the link by which it was started, if that leads to it.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Tells the window whenever another version lies where this one was started from. The file says which: it is read,
    /// and not run, since what was downloaded may not be allowed to run yet.
    pub(crate) async fn watch(self, board: Arc<Board>) {
        let Some(path) = self.0 else { return };
        let mut attention = Attention::on(Trace::of(&path));
        let mut told: Option<String> = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if !attention.is_due(Trace::of(&path)) {
                continue;
            }
            let file = path.clone();
            let read = crate::blocking::spawn_blocking(move || version_in(&file)).await;
            let Some(found) = read.ok().and_then(Result::ok).flatten() else {
                attention.understood_nothing();
                continue;
            };
            attention.understood();
            let other = (found != version()).then_some(found);
            if other != told {
                board.publish(Event::UpdateInstalled { version: other.clone() });
                told = other;
            }
        }
    }

    /// The other version that lies where this one was started from, if one does. Blocks: it reads the program. Only macOS
    /// brings a click on a program to the app that runs.
    #[cfg(any(target_os = "macos", test))]
    pub(crate) fn replaced_by(&self) -> Option<String> {
        version_in(self.path()?).ok().flatten().filter(|found| found != version())
    }

    /// Starts the program if it is this version still. Blocks for a moment.
    ///
    /// # Errors
    /// If it is not, or cannot be started.
    pub(crate) fn start_version(&self, version: &str) -> Result<(), IpcError> {
        let found = self.path().and_then(|path| version_in(path).ok().flatten());
        if found.as_deref() != Some(version) {
            let message = format!(
                "TaskPaw {version} does not lie there any more; quit this one, then start the other one"
            );
            return Err(IpcError::new(ErrorCode::Unsupported, message));
        }
        self.start()
    }

    /// Starts the program that lies there now. It takes over from this one as any start does; until it asks,
    /// this one goes on.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(&self) -> Result<(), IpcError> {
        let failed = |reason: String| {
            let message = format!("the other version cannot be started: {reason}. Start TaskPaw yourself");
            IpcError::new(ErrorCode::Internal, message)
        };
        let path = self.path().ok_or_else(|| failed("where it lies is not known".to_owned()))?;
        let bundle = if cfg!(target_os = "macos") { bundle_of(path) } else { None };
        let mut command = bundle.map_or_else(|| Command::new(path), opening);
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

/// The link by which a program was started, where one was: moving it to the next version installs an update.
fn as_it_was_started(exe: PathBuf) -> PathBuf {
    if !cfg!(unix) {
        return exe;
    }
    let named = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&folders).map(|folder| folder.join(&named));
    let candidates: Vec<PathBuf> = match named.components().count() {
        0 => Vec::new(),
        1 => in_path.collect(),
        _ => std::path::absolute(&named).into_iter().collect(),
    };
    // One on trial is started by its own path, and is where the link will lead.
    let beside_others = || Installation::of(&exe).map(|installation| installation.program());
    link_to(&exe, candidates).or_else(beside_others).unwrap_or(exe)
}

/// The first of the paths that exists, if it is a link to the program.
fn link_to(exe: &Path, candidates: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let first = candidates.into_iter().find(|path| path.is_absolute() && path.exists())?;
    let leads_to = |path: &Path| path.canonicalize().ok();
    (first != exe && leads_to(&first).is_some() && leads_to(&first) == leads_to(exe)).then_some(first)
}

/// The bundle of macOS that a program is in: of `/Applications/TaskPaw.app/Contents/MacOS/taskpaw` it is
/// `/Applications/TaskPaw.app`.
fn bundle_of(program: &Path) -> Option<&Path> {
    let folder = program.parent().filter(|folder| folder.ends_with("Contents/MacOS"))?;
    let bundle = folder.parent()?.parent()?;
    bundle.extension().is_some_and(|it| it.eq_ignore_ascii_case("app")).then_some(bundle)
}

/// Has macOS start another process of a bundle, as if a person had: it is let through by Gatekeeper, comes to the front, and
/// answers for itself.
fn opening(bundle: &Path) -> Command {
    let mut command = Command::new("/usr/bin/open");
    command.arg("-n").arg(bundle);
    command
}

/// When a file is worth reading: when it was replaced, and then less and less often until it is understood.
#[derive(Debug)]
struct Attention {
    seen: Option<Trace>,
    /// How often it was not understood since it was replaced; nothing once it was.
    failures: Option<u32>,
    /// Looks that are left out before the next attempt.
    left_out: u32,
}

impl Attention {
    /// The file is understood as it is.
    fn on(seen: Option<Trace>) -> Self {
        Self { seen, failures: None, left_out: 0 }
    }

    /// Whether the file is to be read, as it is now. One that is not there is waited for.
    fn is_due(&mut self, now: Option<Trace>) -> bool {
        if now != self.seen {
            (self.seen, self.failures, self.left_out) = (now, Some(0), 0);
        }
        let is_due = self.seen.is_some() && self.failures.is_some() && self.left_out == 0;
        self.left_out = self.left_out.saturating_sub(1);
        is_due
    }

    fn understood(&mut self) {
        self.failures = None;
    }

    /// The program at the path was not understood: it may be half installed.
    fn understood_nothing(&mut self) {
        let failures = self.failures.unwrap_or_default().saturating_add(1);
        self.failures = Some(failures);
        self.left_out = 1_u32.checked_shl(failures - 1).unwrap_or(MOST_LOOKS).min(MOST_LOOKS) - 1;
    }
}

/// What changes when a file is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(length: u64) -> Option<Trace> {
        Some(Trace { length, modified: None, inode: 1 })
    }

    #[test]
    fn a_file_is_read_when_it_was_replaced_and_only_once_if_it_is_understood() {
        let mut attention = Attention::on(trace(1));
        assert!(!attention.is_due(trace(1)));
        assert!(!attention.is_due(None), "half installed");
        assert!(attention.is_due(trace(2)));
        attention.understood();
        assert!((0..100).all(|_| !attention.is_due(trace(2))));
        assert!(attention.is_due(trace(1)), "the old one again");
    }

    #[test]
    fn a_file_that_is_not_understood_is_read_less_and_less_often() {
        let mut attention = Attention::on(trace(1));
        let mut read_at = Vec::new();
        for look in 0..400 {
            if attention.is_due(trace(2)) {
                read_at.push(look);
                attention.understood_nothing();
            }
        }
        assert_eq!(read_at, [0, 1, 3, 7, 15, 31, 63, 127, 247, 367]);
        assert!(attention.is_due(trace(3)), "another file is looked into at once");
    }

    #[test]
    fn the_version_is_read_from_a_file_that_cannot_run() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("taskpaw");
        std::fs::write(&copy, std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
        let program = OwnProgram(Some(copy.clone()));
        assert_eq!(version_in(&copy).unwrap().as_deref(), Some(version()));
        assert_eq!(program.replaced_by(), None, "it is this very version");
        std::fs::write(&copy, "#!/bin/sh\necho taskpaw 9.9.9\n").unwrap();
        assert_eq!(version_in(&copy).unwrap(), None, "it is not asked");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_by_which_it_was_started_is_where_the_next_version_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("taskpaw-1"), "").unwrap();
        std::fs::write(at("other"), "").unwrap();
        std::os::unix::fs::symlink(at("taskpaw-1"), at("taskpaw")).unwrap();
        assert_eq!(link_to(&at("taskpaw-1"), [at("missing"), at("taskpaw")]), Some(at("taskpaw")));
        assert_eq!(link_to(&at("taskpaw-1"), [at("other"), at("taskpaw")]), None);
        assert_eq!(link_to(&at("taskpaw-1"), [at("taskpaw-1")]), None);
        assert_eq!(link_to(&at("taskpaw-1"), []), None);
    }

    #[test]
    fn a_bundle_is_opened_and_a_bare_program_is_run() {
        let program = Path::new("/Applications/TaskPaw.app/Contents/MacOS/taskpaw");
        assert_eq!(bundle_of(program), Some(Path::new("/Applications/TaskPaw.app")));
        let command = opening(bundle_of(program).unwrap());
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["-n", "/Applications/TaskPaw.app"]);
        for bare in ["/usr/local/bin/taskpaw", "/x/Contents/MacOS/taskpaw", "/taskpaw"] {
            assert_eq!(bundle_of(Path::new(bare)), None, "{bare}");
        }
    }
}
