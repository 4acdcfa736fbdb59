//! Why something of TaskPaw V3 was not taken over, and what there is instead.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::config::ExposureReason;

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
    #[error("notifications that TaskPaw 3 has not delivered, {number} of them, stay in its database")]
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
        "lada" | "jasna" => "start it yourself, and use task for its end and log_pattern for its progress",
        "avsubs" => "use task for its end, and folder for the subtitles that it writes",
        "jellyfin" => "use http_check with its address and /health",
        _ => return None,
    })
}
