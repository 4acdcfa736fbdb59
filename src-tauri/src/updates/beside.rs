//! A small program of the installed version that stays beside one on trial: it starts it, sees how it fares, and brings its own version
//! back if that one does not come to stay. It has no window, and needs nothing of the new version to work.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use port_takeover::Pid;
use port_takeover::sys::{Handle, Native, System as _};
use taskpaw_contract::ipc::UpdateFailureReason as Reason;
use taskpaw_updates::Version;
use taskpaw_updates::feed::released;
use taskpaw_updates::installation::Installation;
use taskpaw_updates::owner::succeeds;
use taskpaw_updates::record::{Record, Stamp};
use taskpaw_updates::trial::{OfTrial, Seen, Verdict, minute, verdict};

/// Its option on the command line, which is for no person.
pub(crate) const OPTION: &str = "stay-beside";
/// The one with which it starts the version before that one, which is told so by no person either.
const GOES_BACK: &str = "goes-back";
/// A program says its version within some ten milliseconds; a machine that starts many things at once needs longer.
const SAYS_ITS_VERSION_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at what is remembered of the version on trial. Its end is heard of in the moment in which it ends.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So long the version on trial may take to give its place to the one before it, or to end when it is asked to.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// Starts a version on trial, and stays beside it until it has come to stay, or is replaced again.
pub(crate) fn stay(version: &str) -> ExitCode {
    let own = std::env::current_exe().and_then(|program| program.canonicalize());
    let installation = own.ok().and_then(|program| Installation::of(&program));
    let (Some(installation), Ok(version)) = (installation, released(version)) else {
        tracing::error!(version, "there is no such version beside this one");
        return ExitCode::FAILURE;
    };
    let mut stays = Stays { installation, version, program: None, handle: None, placed: None };
    stays.run().unwrap_or_else(|error| {
        tracing::error!(%error, "the version on trial cannot be watched");
        ExitCode::FAILURE
    })
}

struct Stays {
    installation: Installation,
    version: Version,
    /// The host of the version on trial, once it was started.
    program: Option<Child>,
    /// By which its end is heard of.
    handle: Option<Handle>,
    /// When it was seen to have the place.
    placed: Option<Instant>,
}

impl Stays {
    fn run(&mut self) -> io::Result<ExitCode> {
        let began = Instant::now();
        if let Err(why) = self.start() {
            tracing::error!(why, version = %self.version, "the new version cannot be started");
            self.go_back(Some((Reason::NotStarted, Some(why.as_str()))))?;
            return Ok(ExitCode::FAILURE);
        }
        let mut remembered: Option<(Stamp, Record)> = None;
        loop {
            self.await_something();
            let ended = self.program.as_mut().map(Child::try_wait).transpose()?.flatten();
            // It is read only if it is another one: this may go on for an hour.
            let stamp = Stamp::of(self.installation.folder())?;
            let record = match &remembered {
                Some((same, record)) if *same == stamp => record,
                _ => &remembered.insert((stamp, Record::read(self.installation.folder())?)).1,
            };
            if record.trial.as_ref().is_some_and(|trial| trial.placed_at.is_some()) {
                self.placed.get_or_insert_with(Instant::now);
            }
            let seen = Seen {
                runs: ended.is_none(),
                trial: OfTrial::of(record, &self.version),
                started: began.elapsed(),
                placed: self.placed.map(|placed| placed.elapsed()),
            };
            match verdict(&seen, minute()) {
                Verdict::Wait => {}
                Verdict::Done => return Ok(ExitCode::SUCCESS),
                Verdict::GoBack(reason) => {
                    tracing::error!(?seen, version = %self.version, "the new version does not come to stay");
                    let detail = ended.map(|status| status.to_string());
                    self.go_back(reason.map(|reason| (reason, detail.as_deref())))?;
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
    }

    /// Waits until the version on trial ends, or it is time to look what is remembered of it.
    fn await_something(&self) {
        let waited = self.handle.as_ref().map(|program| Native::new().wait_any(&[program], LOOK_EVERY));
        // A system without handles, or one that refuses: its end is looked for.
        if !matches!(waited, Some(Ok(_))) {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Starts the version on trial, if it can run at all. The pointer is not moved.
    fn start(&mut self) -> Result<(), String> {
        let program = self.installation.program_of(&self.version);
        if !self.installation.has(&self.version) {
            return Err("it does not lie there any more".to_owned());
        }
        let mut says_its_version = Command::new(&program);
        says_its_version.arg("--version");
        match succeeds(says_its_version, SAYS_ITS_VERSION_WITHIN) {
            Ok(true) => {}
            Ok(false) => return Err("its program ends at once".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        let program = start(&program).map_err(|error| error.to_string())?;
        self.handle = Pid::new(program.id()).and_then(|pid| Native::new().open(pid).ok().flatten());
        self.program = Some(program);
        Ok(())
    }

    /// Remembers the failure, and has the version before it serve again: it is started, and takes the place as any start does, or shows
    /// its window where it never gave it up.
    fn go_back(&mut self, failure: Option<(Reason, Option<&str>)>) -> io::Result<()> {
        if self.installation.pointed_at().as_ref() == Some(&self.version) {
            // It is the installed one by now, and what the next start starts: nobody may end it.
            tracing::warn!(version = %self.version, "it is installed already, and stays");
            return Ok(());
        }
        if let Some((reason, detail)) = failure {
            Record::change(self.installation.folder(), |record| record.fail(reason, detail))?;
        }
        if self.placed.is_none() {
            self.end_program();
        }
        let mut previous = start_again(&self.installation)?;
        // One that only shows the window of the app that runs ends at once.
        let _no_zombie = previous.try_wait();
        self.await_the_end();
        self.end_program();
        Ok(())
    }

    fn await_the_end(&mut self) {
        let began = Instant::now();
        while began.elapsed() < ENDS_WITHIN {
            match self.program.as_mut().map(Child::try_wait) {
                Some(Ok(None)) => std::thread::sleep(LOOK_EVERY),
                _ => return,
            }
        }
    }

    /// Ends the host of the version on trial, which is this program's own child: asked first, and then made to.
    fn end_program(&mut self) {
        let Some(mut program) = self.program.take() else { return };
        if !matches!(program.try_wait(), Ok(None)) {
            return;
        }
        ask_to_end(&program);
        self.program = Some(program);
        self.await_the_end();
        if let Some(Err(error)) = self.program.take().map(|mut program| program.kill().and(program.wait())) {
            tracing::error!(%error, "the version that failed does not end");
        }
    }
}

/// Starts a program that outlives this one, and whose signals are its own.
fn start(program: &Path) -> io::Result<Child> {
    detached(Command::new(program)).spawn()
}

/// Starts the installed version in the place of one on trial that does not work.
pub(super) fn start_again(installation: &Installation) -> io::Result<Child> {
    let mut command = Command::new(installation.program());
    command.arg(format!("--{GOES_BACK}"));
    detached(command).spawn()
}

/// Starts what stays beside a version on trial: the program of this version, wherever links lead.
pub(super) fn begin(version: &Version) -> io::Result<Child> {
    let own: PathBuf = std::env::current_exe()?.canonicalize()?;
    let mut command = Command::new(own);
    command.arg(format!("--{OPTION}")).arg(version.to_string());
    detached(command).spawn()
}

fn detached(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

#[cfg(unix)]
fn ask_to_end(program: &Child) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    if let Ok(pid) = i32::try_from(program.id()) {
        let _it_may_have_ended = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// Versions lie side by side on Linux alone.
#[cfg(not(unix))]
fn ask_to_end(_program: &Child) {}
