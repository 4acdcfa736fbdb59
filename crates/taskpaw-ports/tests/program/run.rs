//! Running the program with folders of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A person's folders, which are gone when the test is over.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

/// What a call printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.path().join("config.json"), text).unwrap();
    }

    /// The program, with this home and without what the environment says of colours.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskpaw-ports"));
        command
            .args(arguments)
            .env("TASKPAW_CONFIG_DIR", self.path())
            .env("TASKPAW_DATA_DIR", self.path().join("data"))
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("CLICOLOR")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(&self.command(arguments).output().unwrap())
    }

    /// Runs it with a text on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _it_may_not_read = child.stdin.take().unwrap().write_all(input.as_bytes());
        self.ran(&child.wait_with_output().unwrap())
    }

    /// The output, with what differs from run to run and from system to system made stable.
    fn ran(&self, output: &Output) -> Ran {
        let stable = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .unwrap()
                .replace(&self.path().display().to_string(), "[home]")
                .replace('\\', "/")
                .replace("taskpaw-ports.exe", "taskpaw-ports")
        };
        Ran {
            stdout: stable(&output.stdout),
            stderr: stable(&output.stderr),
            status: output.status.code().unwrap(),
        }
    }
}

impl Ran {
    /// Everything that a person sees.
    pub(crate) fn seen(&self) -> String {
        format!("{}{}exit status {}\n", self.stdout, self.stderr, self.status)
    }
}
