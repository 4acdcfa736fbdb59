//! Every way in which a successor can be broken that is tried, and what must become of each.

use serde_json::json;

/// What is wrong with a successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Its backend's program is not there.
    Missing,
    /// Its backend's program is this, with this mode.
    File(&'static [u8], u32),
    /// The real backend, with something that goes wrong at a step (`tests/helpers/failing.rs`), once or always.
    Step {
        /// The step.
        at: &'static str,
        /// What goes wrong.
        how: &'static str,
        /// Whether only the first one fails.
        once: bool,
    },
    /// Something is wrong with what both versions find.
    Found(Found),
    /// A program with each schema one higher, that fails at a step.
    Later {
        /// The step; nothing goes wrong by itself without one.
        at: Option<&'static str>,
        /// Whether only the first one fails.
        once: bool,
    },
}

/// What both versions find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// `config.json` is no JSON.
    ConfigurationBroken,
    /// `config.json` has the schema of a later version.
    ConfigurationTooNew,
    /// The events' journal has the schema of a later version.
    JournalTooNew,
    /// What the hubs have has the schema of a later version.
    MemoryTooNew,
    /// The hub's database has the schema of a later version.
    DatabaseTooNew,
    /// A line of the events' journal is nothing that can be understood.
    JournalDamaged,
    /// A folder lies in the place of the events' journal.
    JournalUnreadable,
    /// Somebody else locks the state once the old backend has let go of it, until the successor has failed.
    Locked,
    /// The disk of the data folder is full.
    DiskFull,
    /// Somebody else tries to take the port all the time; it is never without a listener.
    PortTaken,
}

/// What must become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody is asked, nobody is refused: the old version never stops.
    NeverAsked,
    /// The old version serves again.
    ServesAgain,
    /// The new version has the place, and serves.
    Follows,
    /// Either version serves: it is not for this trial to say which one.
    Either,
}

/// A kind of broken successor.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// As the table calls it.
    pub name: &'static str,
    /// What is wrong.
    pub wrong: Wrong,
    /// What must become of it.
    pub outcome: Outcome,
    /// Whether its failure is that it says nothing until its time is over.
    pub hangs: bool,
    /// A part of what the windows say of it, in English and in Chinese. Where no configuration can be read, the language is the
    /// system's, and here that is English.
    pub said: (&'static str, &'static str),
}

const ENDED: (&str, &str) = ("It ended with", "结束。下面最后几行日志");
const LATE: (&str, &str) = ("It had 10 s", "已等待 10 秒");
const ODD: (&str, &str) = ("The installation may be damaged", "安装可能已损坏");
const NOT_STARTED: (&str, &str) = ("did not start. A security program", "未能启动。可能被安全软件拦截");
const TOO_NEW: (&str, &str) = ("Install the newer TaskPaw again", "请重新安装较新的 TaskPaw");
const DAMAGED: (&str, &str) = ("TaskPaw leaves the file as it is", "TaskPaw 不会改动该文件");
/// Who follows says nothing of it.
const NOTHING: (&str, &str) = ("", "");

const fn kind(
    name: &'static str,
    wrong: Wrong,
    outcome: Outcome,
    said: (&'static str, &'static str),
) -> Kind {
    Kind { name, wrong, outcome, hangs: false, said }
}

const fn step(
    name: &'static str,
    at: &'static str,
    how: &'static str,
    said: (&'static str, &'static str),
) -> Kind {
    let outcome = match at.as_bytes() {
        b"prepared" | b"go_on" | b"before_ready" | b"ready" | b"live" => Outcome::ServesAgain,
        _ => Outcome::NeverAsked,
    };
    kind(name, Wrong::Step { at, how, once: false }, outcome, said)
}

const fn hangs(name: &'static str, at: &'static str) -> Kind {
    Kind { hangs: true, ..step(name, at, "hangs", LATE) }
}

const fn found(
    name: &'static str,
    found: Found,
    outcome: Outcome,
    said: (&'static str, &'static str),
) -> Kind {
    kind(name, Wrong::Found(found), outcome, said)
}

/// All of them.
pub const ALL: [Kind; 47] = [
    kind("program missing", Wrong::Missing, Outcome::NeverAsked, ("is missing. The installation", "缺少")),
    kind(
        "program not executable",
        Wrong::File(b"#!/bin/sh\nexit 0\n", 0o644),
        Outcome::NeverAsked,
        NOT_STARTED,
    ),
    kind("program is a text", Wrong::File(b"this is no program", 0o755), Outcome::NeverAsked, NOT_STARTED),
    kind("library missing (127)", Wrong::File(b"#!/bin/sh\nexit 127\n", 0o755), Outcome::NeverAsked, ENDED),
    kind("ends well without a word", Wrong::File(b"#!/bin/sh\nexit 0\n", 0o755), Outcome::NeverAsked, ENDED),
    kind("echoes what it is told", Wrong::File(b"#!/bin/sh\nexec cat\n", 0o755), Outcome::NeverAsked, ODD),
    kind(
        "floods its output without a line end",
        Wrong::File(b"#!/bin/sh\nexec tr '\\0' x </dev/zero\n", 0o755),
        Outcome::NeverAsked,
        ODD,
    ),
    Kind {
        hangs: true,
        ..kind(
            "closes its output and stays",
            Wrong::File(b"#!/bin/sh\nexec >&- 2>&-\nexec sleep 60\n", 0o755),
            Outcome::NeverAsked,
            LATE,
        )
    },
    step("crashes at once", "start", "crashes", ENDED),
    step("crashes after the greeting", "greeting", "crashes", ENDED),
    step("crashes before prepared", "before_prepared", "crashes", ENDED),
    step("crashes after prepared", "prepared", "crashes", ENDED),
    step("crashes after go on", "go_on", "crashes", ENDED),
    step("crashes before ready", "before_ready", "crashes", ENDED),
    step("crashes after ready", "ready", "crashes", ENDED),
    step("crashes when live", "live", "crashes", ENDED),
    hangs("hangs at once", "start"),
    hangs("hangs after the greeting", "greeting"),
    hangs("hangs before prepared", "before_prepared"),
    hangs("hangs after prepared", "prepared"),
    hangs("hangs after go on", "go_on"),
    hangs("hangs before ready", "before_ready"),
    Kind {
        hangs: true,
        ..step("hangs before ready, with signs of life for ever", "before_ready", "hangs_with_signs", LATE)
    },
    hangs("hangs after ready", "ready"),
    hangs("hangs when live", "live"),
    step("garbage at once", "greeting", "garbage", ODD),
    step("garbage in place of prepared", "before_prepared", "garbage", ODD),
    step("garbage after go on", "go_on", "garbage", ODD),
    step("garbage in place of ready", "before_ready", "garbage", ODD),
    step("another version", "before_prepared", "version", ("its backend is 3.9.9", "后台程序版本为 3.9.9")),
    step(
        "refuses the configuration",
        "before_prepared",
        "config_invalid",
        ("Correct the configuration", "请更正配置"),
    ),
    step(
        "may not read the state",
        "before_prepared",
        "state_denied",
        ("the right to read and write", "数据文件夹的读写权限"),
    ),
    step("says at the last moment that the state is too new", "go_on", "state_too_new", TOO_NEW),
    found(
        "config.json is no JSON",
        Found::ConfigurationBroken,
        Outcome::NeverAsked,
        ("is not valid JSON", ""),
    ),
    found(
        "config.json too new",
        Found::ConfigurationTooNew,
        Outcome::NeverAsked,
        ("a newer TaskPaw wrote it", ""),
    ),
    found("journal too new", Found::JournalTooNew, Outcome::NeverAsked, TOO_NEW),
    found("hubs' memory too new", Found::MemoryTooNew, Outcome::NeverAsked, TOO_NEW),
    found("hub.db too new", Found::DatabaseTooNew, Outcome::NeverAsked, TOO_NEW),
    found("journal damaged", Found::JournalDamaged, Outcome::NeverAsked, DAMAGED),
    found("journal is a folder", Found::JournalUnreadable, Outcome::NeverAsked, NOTHING),
    found(
        "state locked by a stranger",
        Found::Locked,
        Outcome::ServesAgain,
        ("Two backends must not write", "两个后台程序不能同时写入"),
    ),
    found("disk full", Found::DiskFull, Outcome::Either, NOTHING),
    found("a stranger tries to take the port", Found::PortTaken, Outcome::Follows, NOTHING),
    kind(
        "schemas one higher, crashes before ready",
        Wrong::Later { at: Some("before_ready"), once: false },
        Outcome::ServesAgain,
        ENDED,
    ),
    kind(
        "schemas one higher, crashes after ready",
        Wrong::Later { at: Some("ready"), once: false },
        Outcome::ServesAgain,
        ENDED,
    ),
    kind(
        "schemas one higher, crashes when live",
        Wrong::Later { at: Some("live"), once: false },
        Outcome::ServesAgain,
        ENDED,
    ),
    kind(
        "schemas one higher, killed after 500 events of which a hub has half",
        Wrong::Later { at: None, once: false },
        Outcome::Follows,
        NOTHING,
    ),
];

impl Kind {
    /// Whether the older version works on afterwards, with all that both have found.
    pub(super) fn leaves_all_as_it_was(&self) -> bool {
        let is_restored = match self.wrong {
            Wrong::Found(found) => {
                matches!(found, Found::ConfigurationBroken | Found::ConfigurationTooNew | Found::Locked)
            }
            _ => true,
        };
        is_restored && matches!(self.outcome, Outcome::NeverAsked | Outcome::ServesAgain)
    }
}

impl Wrong {
    /// What `failing` is told, beside its own program.
    pub(super) fn failure(self, role: &str) -> Option<String> {
        let (at, how, once) = match self {
            Self::Step { at, how, once } => (at, how, once),
            Self::Later { at: Some(at), once } => (at, "crashes", once),
            _ => return None,
        };
        Some(json!({ "at": at, "how": how, "once": once, "role": role }).to_string())
    }
}
