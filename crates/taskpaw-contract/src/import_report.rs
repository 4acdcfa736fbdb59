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
    /// What is known of V3's database, which the hub reads at its first start.
    #[serde(default)]
    pub database: DatabaseState,
    /// Whether everything that can come along was dealt with; 4.0.0 left a part of it behind.
    #[serde(default)]
    pub is_whole: bool,
}

/// What is known of the database of V3's hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseState {
    /// There is none to read.
    #[default]
    None,
    /// The hub reads it when it starts.
    Pending,
    /// It was read.
    Read,
}

/// What an earlier version has left behind of TaskPaw V3, for a person to decide about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftBehind {
    /// The folder of V3's files.
    pub folder: String,
    /// What it is.
    pub kinds: Vec<LeftBehindKind>,
}

/// Something of V3's hub that this version can go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LeftBehindKind {
    /// The machines that it polled, and the token that it showed them.
    Machines,
    /// Whom it told of events.
    Webhook,
    /// The file that it wrote for other programs.
    StatusFile,
}

/// A file of V3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub enum V3File {
    /// The agent's.
    #[serde(rename = "agent.yaml")]
    Agent,
    /// The hub's.
    #[serde(rename = "hub.yaml")]
    Hub,
    /// The hub's database.
    #[serde(rename = "hub.db")]
    Database,
    /// The folder that the files are in.
    #[serde(rename = "folder")]
    Folder,
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
    /// Whether nothing came of the whole monitor; else it is one setting that is missing.
    #[serde(default)]
    pub is_lost: bool,
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
    /// It is neither true nor false.
    #[error("it is neither true nor false")]
    NotYesOrNo,
    /// It is no number.
    #[error("it is no number")]
    NotANumber,
    /// It is a number out of range, and the nearest one that is possible is used.
    #[error("it is not between {least} and {most}; the nearest of them is used")]
    Nearest {
        /// The least that is possible.
        least: String,
        /// The most that is possible.
        most: String,
    },
    /// A search pattern that only V3 can follow.
    #[error("this version cannot follow the pattern; write it in another way")]
    BadPattern,
    /// It is no whole path.
    #[error("it is no whole path, from the root on; V3 took it from the folder that it was started in")]
    NotAWholePath,
    /// The form of its kind refuses it.
    #[error("the form of this monitor refuses it")]
    Refused,
    /// It is no address of a web server.
    #[error("it is no address of a web server")]
    NotAUrl,
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
    /// A header cannot carry it, and without one the port would be open.
    #[error("a header cannot carry it, so a new token was made; show it to the hubs that poll this machine")]
    TokenReplaced,
    /// This user may not look into the folder.
    #[error("this user may not look into it; TaskPaw 3 probably belongs to another user")]
    FolderClosed,
    /// V3's hub watched its own machine; here an agent does.
    #[error("run `taskpaw-backend agent` as well, to watch this machine too")]
    WatchItself,
    /// There is no database.
    #[error("it is not there, so no machines are known")]
    NoDatabase,
    /// The database cannot be read.
    #[error("it cannot be read as a database of TaskPaw 3: {message}")]
    BadDatabase {
        /// What the database says.
        message: String,
    },
    /// There are more machines than a hub takes over.
    #[error("{number} more than a hub takes over")]
    TooMany {
        /// How many.
        number: u32,
    },
    /// Another machine of the hub has this address.
    #[error("a machine with this address is there already")]
    AddressTwice,
    /// Something else was set since.
    #[error("something else was set since, and stays")]
    SetSince,
    /// Notifications that V3 has not delivered.
    #[error("TaskPaw 3 has not delivered {number} notifications; they stay in its database")]
    Undelivered {
        /// How many.
        number: u32,
    },
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

/// What watches the same as a kind of monitor that only V3 has.
#[must_use]
pub fn instead(type_id: &str) -> Option<&'static str> {
    Some(match type_id {
        "comfyui" => "use http_check for whether it answers, and log_pattern for its log",
        "lada" | "jasna" => "start it yourself, and use task for its end and log_pattern for its progress",
        "avsubs" => "use task for its end, and folder for the subtitles that it writes",
        "dev_activity" => "use state_file, one for each tool",
        "jellyfin" => "use http_check with its address and /health",
        _ => return None,
    })
}

impl ImportReport {
    /// A report that says nothing yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            at: 0,
            folder: String::new(),
            files: Vec::new(),
            roles: Vec::new(),
            taken: Vec::new(),
            not_taken: Vec::new(),
            left_out: 0,
            seen: false,
            database: DatabaseState::None,
            is_whole: true,
        }
    }

    /// Adds something that was taken over.
    pub fn took(&mut self, file: V3File, key: impl Into<String>, monitor: Option<&str>) {
        self.taken.push(Taken { file, key: key.into(), monitor: monitor.map(str::to_owned) });
    }

    /// Adds something that was not taken over, and why.
    pub fn refused(
        &mut self,
        file: V3File,
        key: impl Into<String>,
        monitor: Option<&str>,
        reason: NotTakenReason,
    ) {
        let monitor = monitor.map(str::to_owned);
        self.not_taken.push(NotTaken { file, key: key.into(), monitor, reason, is_lost: false });
    }

    /// Adds a monitor of which nothing was taken over, and why.
    pub fn lost(
        &mut self,
        file: V3File,
        key: impl Into<String>,
        monitor: Option<&str>,
        reason: NotTakenReason,
    ) {
        self.refused(file, key, monitor, reason);
        if let Some(last) = self.not_taken.last_mut() {
            last.is_lost = true;
        }
    }

    /// Keys and names are whatever stands in the files: no token, no line break, and not too long. What is lost comes
    /// first, and of too much the end is left out.
    pub fn tidy(&mut self, tokens: &[String]) {
        self.not_taken.sort_by_key(|refused| !refused.is_lost);
        let too_many =
            self.taken.len().saturating_sub(MOST_ENTRIES) + self.not_taken.len().saturating_sub(MOST_ENTRIES);
        self.left_out = self.left_out.saturating_add(u32::try_from(too_many).unwrap_or(u32::MAX));
        self.taken.truncate(MOST_ENTRIES);
        self.not_taken.truncate(MOST_ENTRIES);
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
        let mut lines = vec![match files.is_empty() {
            true => format!("TaskPaw 3 may have been here, in {}", self.folder),
            false => format!(
                "TaskPaw 3 was here: {} in {}; switched on: {}",
                files.join(" and "),
                self.folder,
                roles.join(" and ")
            ),
        }];
        lines.extend(self.taken.iter().map(|Taken { file, key, monitor }| {
            format!("taken over: {}", place(*file, key, monitor.as_deref()))
        }));
        lines.extend(self.not_taken.iter().map(|NotTaken { file, key, monitor, reason, .. }| {
            let instead = match reason {
                NotTakenReason::UnknownMonitor { type_id } => instead(type_id),
                _ => None,
            };
            let instead = instead.map_or_else(String::new, |instead| format!("; {instead}"));
            format!("not taken over: {}: {reason}{instead}", place(*file, key, monitor.as_deref()))
        }));
        if self.database == DatabaseState::Pending {
            lines.push("the machines of the hub, in hub.db, are taken over when the hub starts".to_owned());
        }
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
            Self::Database => "hub.db",
            Self::Folder => "the folder",
        })
    }
}
