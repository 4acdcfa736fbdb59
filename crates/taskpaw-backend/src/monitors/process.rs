//! `process`: whether a service runs, known by its name or command line.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::MonitorState;

use super::form::{self, Pattern, Values};
use super::health::Health;
use super::processes::{Found, Processes, hidden};
use super::{Check, Kind, Made, Memory, Monitor, Setup, two_states};

/// This kind's line in the table.
pub(super) const KIND: Kind = Kind {
    type_id: "process",
    title: "Process",
    about: "Whether a program that should always run does.",
    always_on: false,
    fields: form::PROCESS,
    build,
};

fn build(values: &Values, setup: &Setup) -> Made {
    Ok(Box::new(Service {
        name: setup.name.clone(),
        processes: setup.processes.clone(),
        pattern: values.needed_pattern("pattern")?,
        in_command: values.flag("search_cmdline"),
        every: values.seconds("poll_interval"),
        health: Health::new(values.count("failures")),
    }))
}

struct Service {
    name: String,
    processes: Arc<Processes>,
    pattern: Pattern,
    in_command: bool,
    every: Duration,
    health: Health,
}

impl Monitor for Service {
    fn check(&mut self) -> Check {
        match self.processes.matching(&self.pattern, self.in_command) {
            Ok(found) => self.judge(found, unix_ms() / 1_000),
            // It says nothing about the service.
            Err(why) => Check {
                state: MonitorState::Error,
                detail: why,
                metrics: Map::new(),
                notices: Vec::new(),
                again_in: self.every,
            },
        }
    }

    fn memory(&mut self) -> Option<Value> {
        self.health.memory()
    }

    fn recall(&mut self, memory: &Memory) {
        self.health.recall_turns(memory);
    }
}

impl Service {
    fn judge(&mut self, found: Vec<Found>, now: u64) -> Check {
        let alive: Vec<Found> = found.into_iter().filter(|one| one.ended.is_none()).collect();
        let said = match alive.as_slice() {
            [] => Err(format!("no process matches {}{}", self.pattern, hidden().unwrap_or_default())),
            [one] => Ok(format!("{} runs (pid {})", one.name, one.pid)),
            [one, ..] => Ok(format!("{} processes run, such as {} (pid {})", alive.len(), one.name, one.pid)),
        };
        let mut check = two_states(&self.name, &mut self.health, said, self.every);
        let oldest = alive.iter().map(|one| now.saturating_sub(one.started_at)).max();
        for (key, value) in [
            ("processes", json!(alive.len())),
            ("memory_bytes", json!(alive.iter().map(|one| one.memory).sum::<u64>())),
            ("running_seconds", json!(oldest)),
        ] {
            check.metrics.insert(key.to_owned(), value);
        }
        check
    }
}

#[cfg(test)]
pub(super) mod tests {
    #[cfg(unix)]
    use std::process::{Child, Command, Stdio};

    #[cfg(unix)]
    use taskpaw_contract::ipc::EventLevel;

    use super::*;
    #[cfg(unix)]
    use crate::monitors::tests::{levels, looked};
    use crate::monitors::tests::{made, problem};

    /// A real process that ends with its input; anyone who looks for the word finds it in the command line.
    #[cfg(unix)]
    pub(in crate::monitors) fn started(word: &str, exit: i32) -> Child {
        let script = format!("read line; : {word}; exit {exit}");
        Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn a_service_is_there_goes_and_comes_back() {
        let word = format!("taskpaw-service-{}", std::process::id());
        let mut service = started(&word, 0);
        let mut monitor = made(&KIND, json!({ "pattern": word.to_uppercase() }));
        let there = monitor.check();
        assert_eq!(
            (there.state, &there.metrics["processes"]),
            (MonitorState::Ok, &json!(1)),
            "{}",
            there.detail
        );
        assert!(there.metrics["memory_bytes"].as_u64().unwrap() > 0);
        service.kill().unwrap();
        // A process that has ended does not run, whether or not its parent has noticed.
        let gone = looked(&mut *monitor, |check| check.state == MonitorState::Error);
        assert_eq!(levels(&gone), [EventLevel::Alert]);
        service.wait().unwrap();
        assert!(levels(&monitor.check()).is_empty());
        let mut service = started(&word, 0);
        let back = looked(&mut *monitor, |check| check.state == MonitorState::Ok);
        assert_eq!(levels(&back), [EventLevel::Done]);
        service.kill().unwrap();
        service.wait().unwrap();
    }

    #[test]
    fn only_the_name_counts_where_that_was_chosen() {
        let never = json!({ "pattern": "this-text-is-in-no-name-at-all", "search_cmdline": false });
        assert_eq!(made(&KIND, never).check().state, MonitorState::Error);
        assert_eq!(problem(&KIND, json!({ "pattern": "(" })), "config.pattern");
        assert_eq!(problem(&KIND, json!({})), "config.pattern");
    }
}
