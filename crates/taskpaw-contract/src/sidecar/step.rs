//! What a host asks of a sidecar after the greeting: one line of JSON for each step.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PortName;
use crate::config::ConfigHash;

/// How long a line of this protocol is at most, in either direction, in bytes. The longest is a greeting with a long path.
pub const LONGEST_LINE: u64 = 64 * 1024;
/// As much of an unknown step as is repeated in the answer, in letters.
const LONGEST_NAME: usize = 40;

/// A step that the host asks for. Keys that a version does not know are not a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "taskpaw_step", rename_all = "snake_case")]
pub enum Step {
    /// Claim the ports, open the state, and serve.
    GoOn(GoOn),
    /// The host has the place: bring files to a new form, and act outside.
    Live,
    /// Go back to *prepared*. The listening sockets are kept, and nobody is accepted.
    StandDown,
    /// Let the listening sockets go, once stood down.
    CloseListeners,
    /// Give copies of the listening sockets to the host, over stdin, and keep them, once stood down.
    PassListeners,
    /// Listening sockets of a predecessor come with this line: they are served in place of ports that are bound.
    TakeListeners,
}

/// The names of all steps.
const NAMES: [&str; 6] =
    ["go_on", "live", "stand_down", "close_listeners", "pass_listeners", "take_listeners"];

/// With what a sidecar goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoOn {
    /// What `taskpaw_prepared` said. A sidecar that reads other bytes now prepares itself again, and says so. Nothing:
    /// whatever is read counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<ConfigHash>,
    /// The role's ports for this launch, as in the greeting; nothing: as the greeting said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<PortName>>,
}

/// A line from the host that is not a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// One of a later version, perhaps.
    #[error("{0:?} is no step that this version knows")]
    Unknown(String),
    /// No line of this protocol.
    #[error("it is no line of the protocol")]
    Broken,
}

impl Step {
    /// Reads a line.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn parse(line: &[u8]) -> Result<Self, StepError> {
        let value: Value = serde_json::from_slice(line).map_err(|_| StepError::Broken)?;
        let name = value.get("taskpaw_step").and_then(Value::as_str).ok_or(StepError::Broken)?;
        if !NAMES.contains(&name) {
            return Err(StepError::Unknown(name.chars().take(LONGEST_NAME).collect()));
        }
        serde_json::from_value(value).map_err(|_| StepError::Broken)
    }

    /// The name that the step has in a line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::GoOn(_) => "go_on",
            Self::Live => "live",
            Self::StandDown => "stand_down",
            Self::CloseListeners => "close_listeners",
            Self::PassListeners => "pass_listeners",
            Self::TakeListeners => "take_listeners",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_step_is_one_line_and_unknown_keys_are_no_fault() {
        let hash = ConfigHash::of(Some(b"{}"));
        let port = PortName { name: "api".into(), host: "127.0.0.1".into(), port: 1 };
        let go_on = GoOn { config_hash: Some(hash), ports: Some(vec![port]) };
        for step in [
            Step::GoOn(go_on),
            Step::GoOn(GoOn::default()),
            Step::Live,
            Step::StandDown,
            Step::CloseListeners,
            Step::PassListeners,
            Step::TakeListeners,
        ] {
            let line = serde_json::to_string(&step).unwrap();
            assert!(line.contains(&format!("\"{}\"", step.name())), "{line}");
            assert_eq!(Step::parse(line.as_bytes()), Ok(step.clone()));
            let later = line.replacen('{', "{\"of_a_later_version\":[1],", 1);
            assert_eq!(Step::parse(later.as_bytes()), Ok(step));
        }
    }

    #[test]
    fn whatever_else_comes_is_told_apart() {
        assert_eq!(Step::parse(br#"{"taskpaw_step":"dance"}"#), Err(StepError::Unknown("dance".into())));
        for line in
            ["", "go_on", "[]", "{}", r#"{"taskpaw_step":1}"#, r#"{"taskpaw_step":"go_on","config_hash":1}"#]
        {
            assert_eq!(Step::parse(line.as_bytes()), Err(StepError::Broken), "{line}");
        }
        let long = format!(r#"{{"taskpaw_step":"{}"}}"#, "x".repeat(1000));
        assert!(matches!(Step::parse(long.as_bytes()), Err(StepError::Unknown(name)) if name.len() == 40));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in any::<Vec<u8>>()) {
            let _read = Step::parse(&line);
        }
    }
}
