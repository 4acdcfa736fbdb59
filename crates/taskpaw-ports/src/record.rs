//! What a system answers, as a case of the specification's examples: with the bytes that it was read from, and without names.

use std::collections::BTreeMap;

use port_takeover::{Decision, Pid, Process, Snapshot, decide};
use serde::Serialize;
use taskpaw_contract::{PortStatus, identity};

/// A case as in `tests/vectors/decisions.json`, and what it was read from.
#[derive(Debug, Serialize)]
pub(crate) struct Vector {
    case: String,
    snapshot: Snapshot,
    decision: Decision,
    terminate: Vec<Pid>,
    states: BTreeMap<String, PortStatus>,
    raw: Vec<RawAnswer>,
}

/// An answer of the system.
#[derive(Debug, Serialize)]
struct RawAnswer {
    call: String,
    hex: String,
}

/// Without its names something else would be decided: it cannot be given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "what is decided here depends on names that would be left out, so nothing is written; `taskpaw-ports snapshot` shows all of it"
)]
pub(crate) struct NotNameless;

impl Vector {
    /// Of a look, and what the system answered.
    ///
    /// # Errors
    /// [`NotNameless`].
    pub(crate) fn of(seen: &Snapshot, raw: Vec<(String, Vec<u8>)>) -> Result<Self, NotNameless> {
        let snapshot = without_names(seen);
        let verdict = decide(&snapshot, &identity::rules());
        let with_names = decide(seen, &identity::rules());
        if (verdict.decision, &verdict.terminate) != (with_names.decision, &with_names.terminate) {
            return Err(NotNameless);
        }
        let states =
            verdict.ports.iter().map(|port| (port.wanted.name.clone(), PortStatus::from(port.state)));
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            case: format!(
                "recorded on {} {} by {}",
                std::env::consts::OS,
                std::env::consts::ARCH,
                taskpaw_contract::version()
            ),
            decision: verdict.decision,
            terminate: verdict.terminate.clone(),
            states: states.collect(),
            raw: raw.into_iter().map(|(call, bytes)| RawAnswer { call, hex: hex(bytes) }).collect(),
            snapshot,
        })
    }
}

fn without_names(seen: &Snapshot) -> Snapshot {
    let mut snapshot = seen.clone();
    let mut names = Names::default();
    for process in &mut snapshot.processes {
        names.leave_out(process);
    }
    if let Some(holder) = snapshot.state.as_mut().and_then(|state| state.holder.as_mut()) {
        holder.exe = holder.exe.as_deref().map(|exe| names.text(exe));
    }
    snapshot
}

/// Words that say what a program is, and nothing of a person or a machine. All of them together decide whose a process is.
const KEPT: [&str; 27] = [
    "agent",
    "hub",
    "taskpaw",
    "taskpaw-ports",
    "taskpaw_v3",
    "packaging",
    "backend_main",
    "bootstrap",
    "__main__",
    "python",
    "pythonw",
    "py",
    "pyc",
    "exe",
    "app",
    "run",
    "config-dir",
    "usr",
    "bin",
    "lib",
    "local",
    "program",
    "files",
    "applications",
    "contents",
    "macos",
    "deleted",
];
/// Each name gets another one, the same each time.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn leave_out(&mut self, process: &mut Process) {
        process.name = self.text(&process.name);
        process.exe = process.exe.as_deref().map(|exe| self.text(exe));
        process.argv = process.argv.iter().map(|argument| self.text(argument)).collect();
        process.cwd = process.cwd.as_deref().map(|folder| self.text(folder));
        process.user = process.user.as_deref().map(|user| self.text(user));
    }

    /// Replaces each word of a text that is not known, and leaves what is between them.
    fn text(&mut self, text: &str) -> String {
        let mut written = String::new();
        let mut word = String::new();
        for letter in text.chars().map(Some).chain([None]) {
            match letter {
                Some(letter) if letter.is_alphanumeric() || "_-".contains(letter) || !letter.is_ascii() => {
                    word.push(letter);
                }
                between => {
                    written += &self.word(&std::mem::take(&mut word));
                    written.extend(between);
                }
            }
        }
        written
    }

    fn word(&mut self, word: &str) -> String {
        let lower = word.to_lowercase();
        let bare = lower.trim_start_matches('-');
        // A drive, an option of one letter, the version of a Python: nobody is known by it.
        let version = bare.strip_prefix("python").unwrap_or(bare);
        let is_short = version.chars().count() <= 1 || version.chars().all(|it| it.is_ascii_digit());
        if is_short || KEPT.contains(&bare) || bare.starts_with(identity::BACKEND_PROGRAM) {
            return word.to_owned();
        }
        let number = self.0.len() + 1;
        let name = self.0.entry(bare.to_owned()).or_insert_with(|| format!("name{number}"));
        let dashes = word.len() - word.trim_start_matches('-').len();
        format!("{}{name}", &word[..dashes])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use taskpaw_contract::Recorded;

    use super::*;

    fn examples() -> Vec<Value> {
        let text = include_str!("../../taskpaw-contract/tests/vectors/decisions.json");
        let all: Value = serde_json::from_str(text).unwrap();
        all["cases"].as_array().unwrap().clone()
    }

    #[test]
    fn every_example_is_decided_alike_without_its_names() {
        for example in examples() {
            let recorded = Recorded::read(example["snapshot"].to_string().as_bytes()).unwrap();
            if !recorded.invalid.is_empty() {
                continue;
            }
            let vector = Vector::of(&recorded.snapshot, vec![("call".into(), vec![0, 255])]).unwrap();
            let written = serde_json::to_value(&vector).unwrap();
            for key in ["decision", "terminate", "states"] {
                assert_eq!(written[key], example[key], "{key} of {}", example["case"]);
            }
            assert_eq!(written["raw"], json!([{ "call": "call", "hex": "00ff" }]));
            let again = Recorded::read(written["snapshot"].to_string().as_bytes()).unwrap();
            assert_eq!(again.decide(&identity::rules()).decision, vector.decision, "{}", example["case"]);
        }
    }

    #[test]
    fn nobody_is_known_by_what_is_left() {
        let mut names = Names::default();
        let said = [
            r"C:\Users\Anna Müller\AppData\Local\TaskPaw\taskpaw-backend.exe",
            "/home/anna/venv/bin/python3.11",
            "--token=s3cret",
            "OFFICE\\anna",
            "nginx: master",
        ]
        .map(|text| names.text(text));
        assert_eq!(
            said[0],
            r"C:\name1\name2 name3\name4\local\TaskPaw\taskpaw-backend.exe".replace("local", "Local")
        );
        assert_eq!(said[1], "/name5/name2/name6/bin/python3.11");
        for secret in ["anna", "müller", "s3cret", "office", "nginx"] {
            assert!(said.iter().all(|text| !text.to_lowercase().contains(secret)), "{secret}: {said:?}");
        }
    }
}
