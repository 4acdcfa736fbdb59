//! What was taken over from TaskPaw V3 and what was not, for a person to read. No value of the files is in it: keys,
//! names of monitors, and reasons.

mod reason;

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Role;
pub use reason::{NotTakenReason, instead};

/// The most entries of each list that are kept; a file can have many more keys.
const MOST_ENTRIES: usize = 200;
/// How long a key or a name in the report may be.
const LONGEST_WORD: usize = 100;
/// Stands for a key or a name that has a token in it.
const HIDDEN: &str = "(hidden)";
/// Keys of V3 that are not secret, whatever a token is.
const KNOWN_KEYS: &[&str] = &[
    "api_token",
    "polling_token",
    "openclaw_url",
    "openclaw_token",
    "openclaw_enabled",
    "servers",
    "delivery_outbox",
];
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
    /// The database could not be read, as the report says; the hub tries again each time it starts.
    Failed,
    /// The database was read.
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
    /// Whether nothing came of the whole monitor, machine or file; else it is one setting that is missing.
    #[serde(default)]
    pub is_lost: bool,
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

    /// Adds a monitor, a machine or a whole file of which nothing was taken over, and why.
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
        // What is taken has a key that this version knows.
        self.taken.iter_mut().flat_map(|taken| &mut taken.monitor).for_each(tidy);
        for NotTaken { key, monitor, reason, .. } in &mut self.not_taken {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                tidy(key);
            }
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
        lines.extend(self.not_taken.iter().map(|NotTaken { file, key, monitor, reason, .. }| {
            let instead = match reason {
                NotTakenReason::UnknownMonitor { type_id } => instead(type_id),
                _ => None,
            };
            let instead = instead.map_or_else(String::new, |instead| format!("; {instead}"));
            format!("not taken over: {}: {reason}{instead}", place(*file, key, monitor.as_deref()))
        }));
        lines.extend(self.taken.iter().map(|Taken { file, key, monitor }| {
            format!("taken over: {}", place(*file, key, monitor.as_deref()))
        }));
        match self.database {
            DatabaseState::None | DatabaseState::Read => {}
            DatabaseState::Pending => {
                lines.push(
                    "the machines of the hub, in hub.db, are taken over when the hub starts".to_owned(),
                );
            }
            DatabaseState::Failed => lines.push("hub.db is tried again when the hub starts".to_owned()),
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
