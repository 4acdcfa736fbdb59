//! A program together with what it starts: a process group, or a job of Windows. They end together.

use std::io;
use std::process::{Command, ExitStatus};

/// A program that runs, and what it has started.
#[derive(Debug)]
pub(super) struct Group(Inner);

#[cfg(unix)]
type Inner = std::process::Child;
#[cfg(windows)]
type Inner = Box<dyn process_wrap::std::ChildWrapper>;

impl Group {
    /// The pid of the program. On Unix it is the number of its group too.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// How the program has ended, if it has; from then on its pid may be another's.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }
}

#[cfg(unix)]
impl Group {
    /// In a group of its own: a signal for the agent is not one for it.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;

        command.process_group(0);
        command.spawn().map(Self)
    }

    /// Whether the program has ended. Its parent does not take note of that yet, so that its pid and its group stay its own.
    pub(super) fn has_ended(&mut self) -> io::Result<bool> {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.0)), look)?.is_some())
    }

    /// Ends all of it. The group keeps its number while one of its processes lives, and the first one's pid until it is waited for.
    pub(super) fn end(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};

        // It may be gone, with everything that it has started.
        let _gone_already = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ended_already = self.0.kill();
    }
}

#[cfg(windows)]
impl Group {
    /// In a job of its own, and without a console's window.
    pub(super) fn start(command: Command) -> io::Result<Self> {
        use process_wrap::std::{CommandWrap, CreationFlags, JobObject};
        use windows::Win32::System::Threading::CREATE_NO_WINDOW;

        let mut command = CommandWrap::from(command);
        // The job sets flags of its own in place of the command's.
        command.wrap(CreationFlags(CREATE_NO_WINDOW));
        command.wrap(JobObject);
        command.spawn().map(Self)
    }

    /// Whether the program has ended.
    pub(super) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.try_wait()?.is_some())
    }

    /// Ends all of it, also what outlived the program.
    pub(super) fn end(&mut self) {
        let _gone_already = self.0.start_kill();
    }
}
