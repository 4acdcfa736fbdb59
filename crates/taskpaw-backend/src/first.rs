//! The first process of a container must collect processes that have lost their parent, and a program that is made for something else does not:
//! every command of a monitor that leaves something behind would leave a zombie, until no process can be started any more.

use std::io;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use taskpaw_contract::signals;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// What a shell says of a program that a signal has ended: so much more than the signal's number.
const ENDED_BY_A_SIGNAL: i32 = 128;

/// Whether this is the first process of a machine or a container.
pub(crate) fn is_first() -> bool {
    std::process::id() == 1
}

/// Whether the first process is this program's own, which has started this one.
pub(crate) fn is_own(pid: u32) -> bool {
    let exe = |of: &str| std::fs::read_link(format!("/proc/{of}/exe")).ok();
    pid == 1
        && rustix::process::getppid() == Some(Pid::INIT)
        && exe("self").is_some_and(|own| exe("1") == Some(own))
}

/// Does what the command line says in a process of its own. This one passes on what it is asked, collects everybody who ends, and ends
/// as that one does.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let failed = Failure::system("the first process cannot start the one that works");
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Err(failed(error)),
    };
    runtime.block_on(collect()).map_err(failed)
}

async fn collect() -> io::Result<ExitCode> {
    // Before anybody is started: what is not listened for is lost.
    let mut child_ended = signal(SignalKind::child())?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (mut quit, mut hangup) = (signal(SignalKind::quit())?, None);
    if signals::ends_with_its_terminal() {
        hangup = Some(signal(SignalKind::hangup())?);
    }
    let worker = Command::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).spawn()?;
    let worker = Pid::from_child(&worker);
    loop {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let asked = tokio::select! {
            _ = child_ended.recv() => {
                if let Some(code) = collected(worker) {
                    return Ok(code);
                }
                continue;
            }
            _ = terminate.recv() => Signal::TERM,
            _ = interrupt.recv() => Signal::INT,
            _ = quit.recv() => Signal::QUIT,
            _ = hung_up => Signal::HUP,
        };
        // It may have ended just now: then that is heard next. Nobody else can have its number before it was collected here.
        let _has_ended = kill_process(worker, asked);
    }
}

/// Collects everybody who has ended; says how the one that works has, if it is among them.
fn collected(worker: Pid) -> Option<ExitCode> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == worker {
            code = Some(code_of(status));
        }
    }
    code
}

fn code_of(status: WaitStatus) -> ExitCode {
    let signal = || status.terminating_signal().map(|signal| ENDED_BY_A_SIGNAL.saturating_add(signal));
    let code = status.exit_status().or_else(signal);
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
