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
        title: "Send alerts",
        about: "If off, the numbers are shown but never raise an alert.",
        shape: Shape::Flag(true),
    },
    Field {
        key: "disk_path",
        title: "Disk",
        about: "The full path of any folder on the disk to watch. Leave empty for the disk with TaskPaw's data.",
        shape: Shape::Text(Some("")),
    },
    every(2.0),
];

const fn threshold(key: &'static str, title: &'static str, default: f64) -> Field {
    Field {
        key,
        title,
        about: "Alert when three checks in a row are above this percentage. 0 means never.",
        shape: Shape::Number { default: Some(default), least: 0.0, most: 100.0 },
    }
}

/// What `process` asks for.
pub const PROCESS: &[Field] = &[PATTERN, SEARCH_COMMAND, FAILURES, every(10.0)];

/// Which processes are meant.
const PATTERN: Field = Field {
    key: "pattern",
    title: "Name or command line",
    about: "A regular expression, not case-sensitive. A plain word matches anywhere.",
    shape: Shape::Pattern(None),
};

/// Whether the arguments count.
const SEARCH_COMMAND: Field = Field {
    key: "search_cmdline",
    title: "Search command lines too",
    about: "If off, only program names are searched.",
    shape: Shape::Flag(true),
};

/// What `task` asks for.
pub const TASK: &[Field] = &[
    PATTERN,
    SEARCH_COMMAND,
    Field {
        key: "settle_seconds",
        title: "Pause between parts",
        about: "The task is not finished if its next process starts within this many seconds.",
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
    timeout(5.0, "Seconds to wait for a connection before the check fails."),
    FAILURES,
    every(30.0),
];

/// What `http_check` asks for.
pub const HTTP_CHECK: &[Field] = &[
    Field { key: "url", title: "URL", about: "Starts with http:// or https://.", shape: Shape::Text(None) },
    Field {
        key: "expected_status",
        title: "Expected status",
        about: "Numbers and ranges, such as 200-299, 401. Redirects are not followed; they count as answers.",
        shape: Shape::Text(Some("200-399")),
    },
    Field {
        key: "method",
        title: "Method",
        about: "HEAD asks for the headers only. Some servers do not support it.",
        shape: Shape::Choice(&["GET", "HEAD"]),
    },
    Field {
        key: "verify_certificate",
        title: "Check the certificate",
        about: "Turn this off only for your own server with a self-signed certificate.",
        shape: Shape::Flag(true),
    },
    timeout(10.0, "Seconds to wait for an answer before the check fails."),
    FAILURES,
    every(60.0),
];

/// What `folder` asks for.
pub const FOLDER: &[Field] = &[
    Field {
        key: "path",
        title: "Folder",
        about: "The full path. Subfolders are not included.",
        shape: Shape::Path,
    },
    Field {
        key: "extensions",
        title: "Only these extensions",
        about: "For example mp4 or zip. Leave empty for all files.",
        shape: Shape::Texts { default: &[], least: 0 },
    },
    Field {
        key: "ignored_extensions",
        title: "Not these extensions",
        about: "Extensions that programs use for unfinished files and change once they are done.",
        shape: Shape::Texts {
            default: &["part", "crdownload", "download", "tmp", "temp", "!qb", "aria2"],
            least: 0,
        },
    },
    Field {
        key: "stable_seconds",
        title: "Complete after",
        about: "A file is complete once its size has not changed for this many seconds.",
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
    Field { key: "path", title: "File", about: "The full path. The log may be rotated.", shape: Shape::Path },
    Field {
        key: "progress_pattern",
        title: "Progress",
        about: "A regular expression whose first group is the percentage. Leave empty for none.",
        shape: Shape::Pattern(Some(PERCENT)),
    },
    Field {
        key: "done_pattern",
        title: "Finished",
        about: "A regular expression for the line that says the work is finished. Leave empty to use 100%.",
        shape: Shape::Pattern(Some("")),
    },
    Field {
        key: "error_pattern",
        title: "Error",
        about: "A regular expression for lines that need your attention. Leave empty for none.",
        shape: Shape::Pattern(Some("")),
    },
    Field {
        key: "calm_seconds",
        title: "Well again after",
        about: "Seconds without another error line.",
        shape: Shape::Number { default: Some(300.0), least: 1.0, most: 86_400.0 },
    },
    Field {
        key: "from_start",
        title: "Include existing lines",
        about: "If off, only lines added from now on count.",
        shape: Shape::Flag(false),
    },
    every(2.0),
];

/// What `state_file` asks for.
pub const STATE_FILE: &[Field] = &[
    Field { key: "path", title: "File", about: "The full path.", shape: Shape::Path },
    Field {
        key: "state_field",
        title: "Key of the state",
        about: "The key with the state. job.state means the key state inside job.",
        shape: Shape::Text(Some("state")),
    },
    Field {
        key: "ts_field",
        title: "Key of the time",
        about: "The key with the time of writing, in ISO 8601 or seconds since 1970. Without it, the file's \
                    modification time is used.",
        shape: Shape::Text(Some("ts")),
    },
    words("busy_states", "Words that mean busy", &["busy", "running", "working"]),
    words("waiting_states", "Words that mean waiting", &["waiting", "blocked"]),
    words("idle_states", "Words that mean idle", &["idle", "done", "finished", "ok"]),
    words("error_states", "Words that mean failed", &["error", "failed"]),
    limit(
        "busy_alert_seconds",
        "Busy for too long",
        "Alert after being busy for this many seconds. 0 means never.",
    ),
    limit(
        "stale_seconds",
        "Stale after",
        "Alert when the file has not been written for this many seconds. 0 means never.",
    ),
    Field {
        key: "missing_is_idle",
        title: "No file means idle",
        about: "If on, a missing file means the program has not started yet. If off, it raises an alert.",
        shape: Shape::Flag(true),
    },
    every(5.0),
];

const fn words(key: &'static str, title: &'static str, default: &'static [&'static str]) -> Field {
    let about = "Not case-sensitive.";
    Field { key, title, about, shape: Shape::Texts { default, least: 0 } }
}

const fn limit(key: &'static str, title: &'static str, about: &'static str) -> Field {
    let shape = Shape::Number { default: Some(0.0), least: 0.0, most: 31_536_000.0 };
    Field { key, title, about, shape }
}

/// What `heartbeat` asks for.
pub const HEARTBEAT: &[Field] = &[
    Field { key: "path", title: "File", about: "The full path.", shape: Shape::Path },
    Field {
        key: "due_field",
        title: "Key of the due time",
        about: "The key with the time of the next write, in ISO 8601 or seconds since 1970. Without it, the \
                    file's age is used.",
        shape: Shape::Text(Some("next_check_due_utc")),
    },
    Field {
        key: "grace_seconds",
        title: "Grace",
        about: "Seconds past the due time, or of age, after which the file is stale.",
        shape: Shape::Number { default: Some(300.0), least: 0.0, most: 31_536_000.0 },
    },
    Field {
        key: "status_field",
        title: "Key of the status",
        about: "The key that may say the program is paused.",
        shape: Shape::Text(Some("status")),
    },
    Field {
        key: "hibernating_states",
        title: "Words that mean paused",
        about: "With one of these statuses, the file is never stale.",
        shape: Shape::Texts { default: &["hibernating", "sleeping", "paused"], least: 0 },
    },
    every(10.0),
];

/// What `custom_cmd` asks for.
pub const CUSTOM_CMD: &[Field] = &[
    Field {
        key: "command",
        title: "Program and arguments",
        about: "The program, then one argument per line. No shell is involved.",
        shape: Shape::Texts { default: &[], least: 1 },
    },
    Field {
        key: "folder",
        title: "Folder",
        about: "The full path of the folder to run it in. Leave empty for TaskPaw's own.",
        shape: Shape::Text(Some("")),
    },
    timeout(30.0, "Seconds until the command and everything it has started are ended."),
    FAILURES,
    every(60.0),
];

/// What `comfyui` asks for.
pub const COMFYUI: &[Field] = &[
    Field {
        key: "host",
        title: "Host",
        about: "The name or address of the machine that runs ComfyUI.",
        shape: Shape::Host("127.0.0.1"),
    },
    Field {
        key: "port",
        title: "Port",
        about: "The number, 1 to 65535.",
        shape: Shape::Whole { default: Some(8188), least: 1, most: 65_535 },
    },
    looks("idle_confirm", "Checks until finished", "Checks in a row that must find the queue empty.", 2, 1),
    looks(
        "stall_confirm",
        "Checks until stalled",
        "Checks in a row that must find prompts waiting and none running.",
        3,
        1,
    ),
    looks(
        "stuck_checks",
        "Checks until stuck",
        "Alert when this many checks in a row find the same prompt running. 0 means never.",
        0,
        0,
    ),
    Field {
        key: "comfyui_log_path",
        title: "Log file",
        about: "The full path, if ComfyUI runs on this machine. It tells why something has stopped. Leave empty for none.",
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
        about: "Their names, as they appear in the names of their files.",
        shape: Shape::Texts { default: &["claude", "codex", "kimi", "vscode"], least: 1 },
    },
    Field {
        key: "state_dir",
        title: "Folder",
        about: "Where taskpaw-backend activity writes agent-activity-NAME.json.",
        shape: Shape::Text(Some("~/.taskpaw")),
    },
    Field {
        key: "freshness_seconds",
        title: "Counts for",
        about: "Seconds for which a written activity counts.",
        shape: Shape::Number { default: Some(300.0), least: 0.1, most: 31_536_000.0 },
    },
    Field {
        key: "window_seconds",
        title: "Share of the time",
        about: "Seconds over which the busy share is measured.",
        shape: Shape::Number { default: Some(1_800.0), least: 60.0, most: 86_400.0 },
    },
    Field {
        key: "process_patterns",
        title: "Their programs",
        about: "NAME=PATTERN: a regular expression for an assistant's processes, instead of the built-in one.",
        shape: Shape::Texts { default: &[], least: 0 },
    },
    every(10.0),
];
