//! What was taken over from TaskPaw V3 and what was not, for a person to read. No value of the files is in it: keys,
//! names of monitors, and reasons.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Role;
use crate::config::ExposureReason;

/// So many entries of each list are kept; a file can have many more keys.
const MOST_ENTRIES: usize = 200;
/// How long a key or a name in the report may be.
const LONGEST_WORD: usize = 100;
/// Stands for a key or a name that has a token in it.
const HIDDEN: &str = "(hidden)";
/// Shorter tokens are parts of everything, and protect nothing.
const SHORTEST_TOKEN: usize = 4;

/// What the first start took over from TaskPaw V3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ImportReport {
    /// When that was: milliseconds since 1970, UTC.
    #[ts(type = "number")]
    pub at: u64,
    /// The folder of the files.
    pub folder: String,
    /// The files that were there.
    pub files: Vec<V3File>,
    /// The roles that were switched on for them.
    pub roles: Vec<Role>,
    /// What is in `config.json` now.
    pub taken: Vec<Taken>,
    /// What is not, and why.
    pub not_taken: Vec<NotTaken>,
    /// How many entries were too many for this report.
    pub left_out: u32,
    /// Whether the person has seen it.
    pub seen: bool,
}

/// A configuration file of V3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub enum V3File {
    /// The agent's.
    #[serde(rename = "agent.yaml")]
    Agent,
    /// The hub's.
    #[serde(rename = "hub.yaml")]
    Hub,
}

/// Something that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Taken {
    /// Where it stood.
    pub file: V3File,
    /// The path of its key.
    pub key: String,
    /// The name of the monitor that it is.
    pub monitor: Option<String>,
}

/// Something that was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NotTaken {
    /// Where it stood.
    pub file: V3File,
    /// The path of its key; empty: the file as a whole.
    pub key: String,
    /// The name of the monitor that it belongs to.
    pub monitor: Option<String>,
    /// Why.
    pub reason: NotTakenReason,
}

/// Why something was not taken over. None of these repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NotTakenReason {
    /// The system does not let it be read.
    #[error("it cannot be read: {message}")]
    Unreadable {
        /// What the system says.
        message: String,
    },
    /// It is no ordinary file.
    #[error("it is no ordinary file")]
    NotAFile,
    /// It is larger than any configuration.
    #[error("it is larger than {most} bytes")]
    TooLarge {
        /// The largest size that is read.
        most: u32,
    },
    /// It is not in UTF-8.
    #[error("it is no text in UTF-8")]
    NotUtf8,
    /// It is no YAML.
    #[error("it is no valid YAML: line {line}, column {column}")]
    Syntax {
        /// The line, from 1.
        line: u32,
        /// The column, from 1.
        column: u32,
    },
    /// It is nested too deeply, or its anchors make it too much.
    #[error("it is nested too deeply, or its anchors stand for too much")]
    TooMuch,
    /// It has no keys.
    #[error("it has no settings")]
    NoSettings,
    /// Only the first document of a file counts.
    #[error("only the first document of a file counts")]
    MoreDocuments,
    /// The same key stands there again, and the last one counts.
    #[error("the key is there twice; the last one counts")]
    Twice,
    /// This version has no such setting.
    #[error("this version has no such setting")]
    UnknownKey,
    /// It is a setting of the other role.
    #[error("it is a setting of the other role")]
    OtherRole,
    /// `agent.yaml` has said it already.
    #[error("agent.yaml says it already")]
    SaidAlready,
    /// It has a tag that asks for more than a plain value.
    #[error("it has a tag, which is not followed")]
    Tagged,
    /// It is no text.
    #[error("it is no text")]
    NotText,
    /// It is no whole number.
    #[error("it is no whole number")]
    NotWhole,
    /// It is neither true nor false.
    #[error("it is neither true nor false; the monitor is switched off")]
    NotAFlag,
    /// It is no list.
    #[error("it is no list")]
    NotAList,
    /// It is no mapping.
    #[error("it is no mapping of keys to values")]
    NotAMap,
    /// It is a number out of range.
    #[error("it is not between {least} and {most}")]
    OutOfRange {
        /// The least that is possible.
        least: u32,
        /// The most that is possible.
        most: u32,
    },
    /// It is no address.
    #[error("it is no address")]
    NotAnAddress,
    /// It would open this machine too far.
    #[error("it {reason}")]
    Exposure {
        /// Why it is refused.
        reason: ExposureReason,
    },
    /// Another port has the same number.
    #[error("another port has the same number")]
    PortTwice,
    /// A header cannot carry it.
    #[error("a token is made of ASCII letters, digits and signs, without spaces")]
    BadToken,
    /// It is empty, too long, or has line breaks.
    #[error("it is empty, longer than {most} letters, or has line breaks")]
    BadName {
        /// The most letters that it may have.
        most: u32,
    },
    /// Another monitor has this name.
    #[error("another monitor has this name")]
    NameTwice,
    /// The machine itself is always watched.
    #[error("the machine itself is always watched")]
    AlwaysOn,
    /// It is left out and must not be.
    #[error("it is missing")]
    Missing,
    /// This version has no such kind of monitor.
    #[error("this version has no monitor of type {type_id}")]
    UnknownMonitor {
        /// The kind.
        type_id: String,
    },
    /// A command that is not whole, such as one with an open quote.
    #[error("the command cannot be taken apart into a program and its arguments")]
    BadCommand,
}

impl ImportReport {
    /// Adds something that was taken over.
    pub fn took(&mut self, file: V3File, key: impl Into<String>, monitor: Option<&str>) {
        let taken = Taken { file, key: key.into(), monitor: monitor.map(str::to_owned) };
        if self.taken.len() < MOST_ENTRIES {
            self.taken.push(taken);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds something that was not taken over, and why.
    pub fn refused(
        &mut self,
        file: V3File,
        key: impl Into<String>,
        monitor: Option<&str>,
        reason: NotTakenReason,
    ) {
        let refused = NotTaken { file, key: key.into(), monitor: monitor.map(str::to_owned), reason };
        if self.not_taken.len() < MOST_ENTRIES {
            self.not_taken.push(refused);
        } else {
            self.left_out += 1;
        }
    }

    /// Keys and names are whatever stands in the files: no token, no line break, and not too long.
    pub fn tidy(&mut self, tokens: &[String]) {
        let has_token = |word: &str| {
            tokens.iter().any(|token| token.len() >= SHORTEST_TOKEN && word.contains(token.as_str()))
        };
        let tidy = |word: &mut String| {
            if has_token(word) {
                HIDDEN.clone_into(word);
            } else if word.chars().count() > LONGEST_WORD || word.chars().any(char::is_control) {
                *word = word.chars().filter(|letter| !letter.is_control()).take(LONGEST_WORD).collect();
            }
        };
        for Taken { key, monitor, .. } in &mut self.taken {
            tidy(key);
            monitor.iter_mut().for_each(tidy);
        }
        for NotTaken { key, monitor, reason, .. } in &mut self.not_taken {
            tidy(key);
            monitor.iter_mut().for_each(tidy);
            if let NotTakenReason::UnknownMonitor { type_id } = reason {
                tidy(type_id);
            }
        }
    }

    /// The whole report, a line for each entry.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let files: Vec<String> = self.files.iter().map(ToString::to_string).collect();
        let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        let mut lines = vec![format!(
            "TaskPaw 3 was here: {} in {}; switched on: {}",
            files.join(" and "),
            self.folder,
            roles.join(" and ")
        )];
        lines.extend(self.taken.iter().map(|Taken { file, key, monitor }| {
            format!("taken over: {}", place(*file, key, monitor.as_deref()))
        }));
        lines.extend(self.not_taken.iter().map(|NotTaken { file, key, monitor, reason }| {
            format!("not taken over: {}: {reason}", place(*file, key, monitor.as_deref()))
        }));
        if self.left_out > 0 {
            lines.push(format!("and {} more", self.left_out));
        }
        lines
    }
}

fn place(file: V3File, key: &str, monitor: Option<&str>) -> String {
    let key = if key.is_empty() { String::new() } else { format!(": {key}") };
    let monitor = monitor.map_or_else(String::new, |name| format!(" ({name})"));
    format!("{file}{key}{monitor}")
}

impl fmt::Display for V3File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent.yaml",
            Self::Hub => "hub.yaml",
        })
    }
}
