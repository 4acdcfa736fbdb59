//! `custom_cmd`: a command whose exit status says whether something is well.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::ipc::FieldFault;

use super::form::{self, Values, shortened};
use super::health::Health;
use super::program::{Ended, Leash, Running};
use super::{BadSetup, Check, Kind, Made, Memory, Monitor, Setup, refused, two_states};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "custom_cmd",
    title: "Command",
    about: "A command of your own; exit status 0 says that all is well.",
    always_on: false,
    fields: form::CUSTOM_CMD,
    build,
};

/// How much of the last output is shown.
const SHOWN: usize = 200;

fn build(values: &Values, setup: &Setup) -> Made {
    let folder = Some(values.path("folder")).filter(|folder| !folder.as_os_str().is_empty());
    if folder.as_ref().is_some_and(|folder| !folder.is_absolute()) {
        return Err(BadSetup::field(
            "folder",
            FieldFault::NotAPath,
            "write the whole path, from the root on",
        ));
    }
    Ok(Box::new(CustomCmd {
        name: setup.name.clone(),
        argv: values.texts("command"),
        folder,
        leash: setup.leash.clone(),
        limit: values.seconds("timeout"),
        every: values.seconds("poll_interval"),
        health: Health::new(values.count("failures")),
        stuck: None,
    }))
}

struct CustomCmd {
    name: String,
    argv: Vec<String>,
    folder: Option<PathBuf>,
    leash: Leash,
    limit: Duration,
    every: Duration,
    health: Health,
    /// One that took too long and could not be ended.
    stuck: Option<Running>,
}

impl Monitor for CustomCmd {
    fn check(&mut self) -> Check {
        let ended = self.run();
        let status = ended.as_ref().ok().and_then(|ended| ended.status);
        let took = ended.as_ref().ok().map(|ended| milliseconds(ended.took));
        let found = match ended {
            Err(error) => {
                let program = self.argv.first().map_or("", String::as_str);
                Err(format!("it cannot be run: {}", refused::program(&error, program)))
            }
            Ok(ended) => self.judge(&ended),
        };
        let mut check = two_states(&self.name, &mut self.health, found, self.every);
        check.metrics.insert("exit_status".to_owned(), json!(status.and_then(|status| status.code())));
        check.metrics.insert("duration_ms".to_owned(), json!(took));
        check
    }

    fn look_limit(&self) -> Duration {
        self.limit + super::LOOK_LIMIT
    }

    fn memory(&mut self) -> Option<Value> {
        self.health.memory()
    }

    fn recall(&mut self, memory: &Memory) {
        self.health.recall_turns(memory);
    }
}

impl CustomCmd {
    /// One that waits for a disk which does not answer cannot even be killed: another one would wait beside it.
    fn run(&mut self) -> io::Result<Ended> {
        if self.stuck.as_mut().is_some_and(|stuck| !stuck.is_gone()) {
            return Err(io::Error::other("the one before was ended, and the system still holds it"));
        }
        self.stuck = None;
        let mut running = Running::start(&self.argv, self.folder.as_deref(), self.limit, &self.leash)?;
        let ended = running.wait()?;
        if !running.is_gone() {
            self.stuck = Some(running);
        }
        Ok(ended)
    }

    fn judge(&self, ended: &Ended) -> Result<String, String> {
        let last = ended.said.lines().map(str::trim).rfind(|line| !line.is_empty());
        let last = last.map(|line| shortened(line, SHOWN));
        let with_words =
            |how: &str| last.as_ref().map_or_else(|| how.to_owned(), |last| format!("{how}: {last}"));
        match ended.status {
            None => {
                Err(with_words(&format!("it took longer than {} s and was ended", self.limit.as_secs_f64())))
            }
            Some(status) if status.success() => Ok(with_words("exit status 0")),
            Some(status) => Err(with_words(&status.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitors::tests::problem;

    #[cfg(unix)]
    #[test]
    fn the_exit_status_decides() {
        use taskpaw_contract::ipc::{EventLevel, MonitorState};

        use crate::monitors::tests::{levels, made};

        let folder = tempfile::tempdir().unwrap();
        let script = "test -f well && echo fine && exit 0; echo broken; exit 3";
        let settings = json!({ "command": ["sh", "-c", script], "folder": folder.path() });
        let mut monitor = made(&KIND, settings);
        let failed = monitor.check();
        assert_eq!((failed.state, levels(&failed)), (MonitorState::Error, vec![EventLevel::Alert]));
        assert_eq!(
            (failed.detail.as_str(), &failed.metrics["exit_status"]),
            ("exit status: 3: broken", &json!(3))
        );
        std::fs::write(folder.path().join("well"), "").unwrap();
        let well = monitor.check();
        assert_eq!((well.detail.as_str(), levels(&well)), ("exit status 0: fine", vec![EventLevel::Done]));

        let slow = made(&KIND, json!({ "command": ["sleep", "600"], "timeout": 0.2 })).check();
        assert!(slow.detail.contains("longer than 0.2 s"), "{}", slow.detail);
        let none = made(&KIND, json!({ "command": ["/no/such/program"] })).check();
        assert!(none.detail.contains("cannot be run"), "{}", none.detail);
        // No shell reads it.
        let echo = made(&KIND, json!({ "command": ["echo", "$HOME; exit 1"] })).check();
        assert_eq!(echo.detail, "exit status 0: $HOME; exit 1");
    }

    #[test]
    fn a_command_is_a_list() {
        assert_eq!(problem(&KIND, json!({ "command": [] })), "config.command");
        assert_eq!(problem(&KIND, json!({ "command": "ls -l" })), "config.command");
        assert_eq!(problem(&KIND, json!({ "command": ["ls", ""] })), "config.command[1]");
        assert_eq!(problem(&KIND, json!({ "command": ["ls"], "folder": "x" })), "config.folder");
    }
}
