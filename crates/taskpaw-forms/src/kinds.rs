//! The settings of each kind of monitor, in the order in which a form shows them.

use super::{FAILURES, Field, Shape, every, timeout};

/// Every kind of monitor with its settings.
pub const FORMS: &[(&str, &[Field])] = &[
    ("host_metrics", HOST_METRICS),
    ("process", PROCESS),
    ("task", TASK),
    ("tcp_check", TCP_CHECK),
    ("http_check", HTTP_CHECK),
    ("folder", FOLDER),
    ("log_pattern", LOG_PATTERN),
    ("state_file", STATE_FILE),
    ("heartbeat", HEARTBEAT),
    ("custom_cmd", CUSTOM_CMD),
    ("comfyui", COMFYUI),
    ("dev_activity", DEV_ACTIVITY),
];

/// What `host_metrics` asks for.
pub const HOST_METRICS: &[Field] = &[
    // A machine that works has a busy processor: that is not an alert unless somebody wants it.
    threshold("cpu_alert_pct", "Processor alert", 0.0),
    threshold("mem_alert_pct", "Memory alert", 95.0),
    threshold("disk_alert_pct", "Disk alert", 95.0),
    Field {
        key: "alerts",
        title: "Tell of it",
        about: "Otherwise the numbers are only shown.",
        shape: Shape::Flag(true),
    },
    Field {
        key: "disk_path",
        title: "Disk",
        about: "The whole path of a folder on the disk that is watched; empty: the one with TaskPaw's data.",
        shape: Shape::Text(Some("")),
    },
    every(2.0),
];

const fn threshold(key: &'static str, title: &'static str, default: f64) -> Field {
    Field {
        key,
        title,
        about: "Alert above so many per cent, three checks in a row. 0: never.",
        shape: Shape::Number { default: Some(default), least: 0.0, most: 100.0 },
    }
}

/// What `process` asks for.
pub const PROCESS: &[Field] = &[PATTERN, SEARCH_COMMAND, FAILURES, every(10.0)];

/// Which processes are meant.
const PATTERN: Field = Field {
    key: "pattern",
    title: "Name or command line",
    about: "A regular expression; upper and lower case count the same. A plain word finds itself anywhere.",
    shape: Shape::Pattern(None),
};

/// Whether the arguments count.
const SEARCH_COMMAND: Field = Field {
    key: "search_cmdline",
    title: "Search command lines too",
    about: "Otherwise only the names of programs count.",
    shape: Shape::Flag(true),
};

/// What `task` asks for.
pub const TASK: &[Field] = &[
    PATTERN,
    SEARCH_COMMAND,
    Field {
        key: "settle_seconds",
        title: "Pause between parts",
        about: "A task whose next process follows within so many seconds has not finished yet.",
        shape: Shape::Number { default: Some(0.0), least: 0.0, most: 86_400.0 },
    },
    every(5.0),
];

/// What `tcp_check` asks for.
pub const TCP_CHECK: &[Field] = &[
    Field { key: "host", title: "Host", about: "A name or an address.", shape: Shape::Host("127.0.0.1") },
    Field {
        key: "port",
        title: "Port",
        about: "The number, 1 to 65535.",
        shape: Shape::Whole { default: None, least: 1, most: 65_535 },
    },
    timeout(5.0, "Seconds until a connection that is not accepted counts as failed."),
    FAILURES,
    every(30.0),
];

/// What `http_check` asks for.
pub const HTTP_CHECK: &[Field] = &[
    Field {
        key: "url",
        title: "URL",
        about: "It begins with http:// or https://.",
        shape: Shape::Text(None),
    },
    Field {
        key: "expected_status",
        title: "Expected status",
        about: "Numbers and ranges, such as 200-299, 401. A redirect is an answer too; it is not followed.",
        shape: Shape::Text(Some("200-399")),
    },
    Field {
        key: "method",
        title: "Method",
        about: "HEAD asks for the answer without its content; some servers do not know it.",
        shape: Shape::Choice(&["GET", "HEAD"]),
    },
    Field {
        key: "verify_certificate",
        title: "Check the certificate",
        about: "Switch it off only for a server of your own with a certificate that it made itself.",
        shape: Shape::Flag(true),
    },
    timeout(10.0, "Seconds until an answer that has not come counts as failed."),
    FAILURES,
    every(60.0),
];

/// What `folder` asks for.
pub const FOLDER: &[Field] = &[
    Field {
        key: "path",
        title: "Folder",
        about: "Its whole path. Folders in it are not looked into.",
        shape: Shape::Path,
    },
    Field {
        key: "extensions",
        title: "Only these extensions",
        about: "Such as mp4 or zip; none: every file.",
        shape: Shape::Texts { default: &[], least: 0 },
    },
    Field {
        key: "ignored_extensions",
        title: "Not these extensions",
        about: "What programs call a file that is not finished; the finished one has another name.",
        shape: Shape::Texts {
            default: &["part", "crdownload", "download", "tmp", "temp", "!qb", "aria2"],
            least: 0,
        },
    },
    Field {
        key: "stable_seconds",
        title: "Complete after",
        about: "A file is complete when its size has not changed for so many seconds.",
        shape: Shape::Number { default: Some(30.0), least: 0.0, most: 86_400.0 },
    },
    every(5.0),
];

/// A percentage as people and programs write it: with a point or a comma, a space of any kind, a wide sign. What is a part of
/// a longer number is none.
pub const PERCENT: &str = r"(?:^|[^\d.,])(\d{1,3}(?:[.,]\d+)?)[\s\x{a0}\x{2009}\x{202f}]?[%％]";
/// What [`PERCENT`] was up to 4.0.0; a form has kept it where nobody has changed it.
pub const FORMER_PERCENT: &str = r"(\d{1,3}(?:\.\d+)?)\s?%";

/// What `log_pattern` asks for.
pub const LOG_PATTERN: &[Field] = &[
    Field {
        key: "path",
        title: "File",
        about: "Its whole path. It may be renamed and begun anew.",
        shape: Shape::Path,
    },
    Field {
        key: "progress_pattern",
        title: "Progress",
        about: "A regular expression; what its first parentheses find is the percentage. Empty: none.",
        shape: Shape::Pattern(Some(PERCENT)),
    },
    Field {
        key: "done_pattern",
        title: "Finished",
        about: "A regular expression for the line that says that work is finished. Empty: 100 per cent says so.",
        shape: Shape::Pattern(Some("")),
    },
    Field {
        key: "error_pattern",
        title: "Error",
        about: "A regular expression for lines that call for you. Empty: none.",
        shape: Shape::Pattern(Some("")),
    },
    Field {
        key: "calm_seconds",
        title: "Well again after",
        about: "So many seconds without another error line.",
        shape: Shape::Number { default: Some(300.0), least: 1.0, most: 86_400.0 },
    },
    Field {
        key: "from_start",
        title: "Read what is there already",
        about: "Otherwise only what is added from now on counts.",
        shape: Shape::Flag(false),
    },
    every(2.0),
];

/// What `state_file` asks for.
pub const STATE_FILE: &[Field] = &[
    Field { key: "path", title: "File", about: "Its whole path.", shape: Shape::Path },
    Field {
        key: "state_field",
        title: "Key of the state",
        about: "Where the word is; job.state is the key state inside of job.",
        shape: Shape::Text(Some("state")),
    },
    Field {
        key: "ts_field",
        title: "Key of the time",
        about: "Where the file says when it was written: ISO 8601, or seconds since 1970. Without it the file's own \
                    time counts.",
        shape: Shape::Text(Some("ts")),
    },
    words("busy_states", "Words that mean busy", &["busy", "running", "working"]),
    words("waiting_states", "Words that mean waiting", &["waiting", "blocked"]),
    words("idle_states", "Words that mean idle", &["idle", "done", "finished", "ok"]),
    words("error_states", "Words that mean failed", &["error", "failed"]),
    limit(
        "busy_alert_seconds",
        "Busy for too long",
        "So many seconds of busy in a row are an alert; 0: never.",
    ),
    limit(
        "stale_seconds",
        "Stale after",
        "A file that was not written for so many seconds is an alert; 0: never.",
    ),
    Field {
        key: "missing_is_idle",
        title: "No file means idle",
        about: "The program has not been started yet. Otherwise it is an alert.",
        shape: Shape::Flag(true),
    },
    every(5.0),
];

const fn words(key: &'static str, title: &'static str, default: &'static [&'static str]) -> Field {
    let about = "Upper and lower case count the same.";
    Field { key, title, about, shape: Shape::Texts { default, least: 0 } }
}

const fn limit(key: &'static str, title: &'static str, about: &'static str) -> Field {
    let shape = Shape::Number { default: Some(0.0), least: 0.0, most: 31_536_000.0 };
    Field { key, title, about, shape }
}

/// What `heartbeat` asks for.
pub const HEARTBEAT: &[Field] = &[
    Field { key: "path", title: "File", about: "Its whole path.", shape: Shape::Path },
    Field {
        key: "due_field",
        title: "Key of the due time",
        about: "Where the file says when it will be written next: ISO 8601, or seconds since 1970. A file without \
                    it is judged by its age.",
        shape: Shape::Text(Some("next_check_due_utc")),
    },
    Field {
        key: "grace_seconds",
        title: "Grace",
        about: "So many seconds after its due time, or of age, the file is stale.",
        shape: Shape::Number { default: Some(300.0), least: 0.0, most: 31_536_000.0 },
    },
    Field {
        key: "status_field",
        title: "Key of the status",
        about: "Where the file may say that its program rests.",
        shape: Shape::Text(Some("status")),
    },
    Field {
        key: "hibernating_states",
        title: "Words that mean paused",
        about: "With one of these as its status the file is never stale.",
        shape: Shape::Texts { default: &["hibernating", "sleeping", "paused"], least: 0 },
    },
    every(10.0),
];

/// What `custom_cmd` asks for.
pub const CUSTOM_CMD: &[Field] = &[
    Field {
        key: "command",
        title: "Program and arguments",
        about: "The program, then each argument by itself. No shell reads it.",
        shape: Shape::Texts { default: &[], least: 1 },
    },
    Field {
        key: "folder",
        title: "Folder",
        about: "The whole path of the folder that it runs in; empty: TaskPaw's own.",
        shape: Shape::Text(Some("")),
    },
    timeout(30.0, "Seconds until it is ended, together with what it has started."),
    FAILURES,
    every(60.0),
];

/// What `comfyui` asks for.
pub const COMFYUI: &[Field] = &[
    Field {
        key: "host",
        title: "Host",
        about: "The name or the address of the machine that ComfyUI runs on.",
        shape: Shape::Host("127.0.0.1"),
    },
    Field {
        key: "port",
        title: "Port",
        about: "The number, 1 to 65535.",
        shape: Shape::Whole { default: Some(8188), least: 1, most: 65_535 },
    },
    looks("idle_confirm", "Checks until finished", "The queue is empty in so many checks in a row.", 2, 1),
    looks(
        "stall_confirm",
        "Checks until stalled",
        "Prompts wait and none runs, in so many checks in a row.",
        3,
        1,
    ),
    looks(
        "stuck_checks",
        "Checks until stuck",
        "The same prompt runs in so many checks in a row; 0: never an alert.",
        0,
        0,
    ),
    Field {
        key: "comfyui_log_path",
        title: "Log file",
        about: "Its whole path, where ComfyUI runs on this machine: it says why something does not go on. Empty: none.",
        shape: Shape::Text(Some("")),
    },
    every(10.0),
];

const fn looks(
    key: &'static str,
    title: &'static str,
    about: &'static str,
    default: u64,
    least: u64,
) -> Field {
    Field { key, title, about, shape: Shape::Whole { default: Some(default), least, most: 1_000_000 } }
}

/// What `dev_activity` asks for.
pub const DEV_ACTIVITY: &[Field] = &[
    Field {
        key: "tools",
        title: "Assistants",
        about: "Their names, as in the names of their files.",
        shape: Shape::Texts { default: &["claude", "codex", "kimi", "vscode"], least: 1 },
    },
    Field {
        key: "state_dir",
        title: "Folder",
        about: "Where taskpaw-backend activity writes what they do: agent-activity-NAME.json.",
        shape: Shape::Text(Some("~/.taskpaw")),
    },
    Field {
        key: "freshness_seconds",
        title: "Counts for",
        about: "What an assistant does counts for so many seconds after it was written.",
        shape: Shape::Number { default: Some(300.0), least: 0.1, most: 31_536_000.0 },
    },
    Field {
        key: "window_seconds",
        title: "Share of the time",
        about: "The share in which one was busy is that of so many seconds.",
        shape: Shape::Number { default: Some(1_800.0), least: 60.0, most: 86_400.0 },
    },
    Field {
        key: "process_patterns",
        title: "Their programs",
        about: "NAME=PATTERN: a regular expression for the processes of an assistant, in place of the one that is known.",
        shape: Shape::Texts { default: &[], least: 0 },
    },
    every(10.0),
];
