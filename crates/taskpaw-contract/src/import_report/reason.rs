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
    /// The path does not lead to an ordinary file.
    #[error("it is no ordinary file")]
    NotAFile,
    /// The file is larger than any configuration.
    #[error("it is larger than {most} bytes")]
    TooLarge {
        /// The largest size that is read.
        most: u32,
    },
    /// The file is not UTF-8.
    #[error("it is no text in UTF-8")]
    NotUtf8,
    /// The file is not YAML.
    #[error("it is no valid YAML: line {line}, column {column}")]
    Syntax {
        /// The line, from 1.
        line: u32,
        /// The column, from 1.
        column: u32,
    },
    /// The file is nested too deeply, or its anchors expand to too much.
    #[error("it is nested too deeply, or its anchors stand for too much")]
    TooMuch,
    /// The file has no keys.
    #[error("it has no settings")]
    NoSettings,
    /// Only the first document of a file counts.
    #[error("only the first document of a file counts")]
    MoreDocuments,
    /// The key stands in the file twice, and the last one counts.
    #[error("the key is there twice; the last one counts")]
    Twice,
    /// This version has no such setting.
    #[error("this version has no such setting")]
    UnknownKey,
    /// The setting belongs to the other role.
    #[error("it is a setting of the other role")]
    OtherRole,
    /// `agent.yaml` has said it already.
    #[error("agent.yaml says it already")]
    SaidAlready,
    /// The value has a tag that asks for more than a plain value.
    #[error("it has a tag, which is not followed")]
    Tagged,
    /// The value is not text.
    #[error("it is no text")]
    NotText,
    /// The value is not a whole number.
    #[error("it is no whole number")]
    NotWhole,
    /// The value of a monitor's switch is neither true nor false.
    #[error("it is neither true nor false; the monitor is switched off")]
    NotAFlag,
    /// The value is neither true nor false.
    #[error("it is neither true nor false")]
    NotYesOrNo,
    /// The value is not a number.
    #[error("it is no number")]
    NotANumber,
    /// The number is out of range, and the nearest possible one is used.
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
    /// The path is not absolute.
    #[error("it is no whole path, from the root on; V3 took it from the folder that it was started in")]
    NotAWholePath,
    /// The form of its kind refuses it.
    #[error("the form of this monitor refuses it")]
    Refused,
    /// The value is not the address of a web server.
    #[error("it is no address of a web server")]
    NotAUrl,
    /// The value is not a list.
    #[error("it is no list")]
    NotAList,
    /// The value is not a mapping.
    #[error("it is no mapping of keys to values")]
    NotAMap,
    /// The number is out of range.
    #[error("it is not between {least} and {most}")]
    OutOfRange {
        /// The least that is possible.
        least: u32,
        /// The most that is possible.
        most: u32,
    },
    /// The value is not an address.
    #[error("it is no address")]
    NotAnAddress,
    /// The value would open this machine too far.
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
        /// How many entries there are.
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
        /// How many events there are.
        number: u32,
    },
    /// The name is empty, too long, or contains line breaks.
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
    /// The value is required and is missing.
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
