//! What a notification says in Chinese. In English an event has words of its own.

use serde_json::Value;
use taskpaw_contract::ipc::{AgentEvent, EventKind, PollErrorCode};
use taskpaw_words::{Spoken, Word, duration, event, metric, monitor_type, native, poll_error};

const CHINESE: Spoken = Spoken::SimplifiedChinese;

/// Title and body of the notification that stands for all that are too many.
pub(super) fn more(spoken: Spoken) -> (String, String) {
    (native::MORE_EVENTS.of(spoken).to_owned(), native::MORE_EVENTS_TEXT.of(spoken).to_owned())
}

/// What a click on a notification opens, where a desktop says it.
pub(super) fn open(spoken: Spoken) -> &'static str {
    native::OPEN.of(spoken)
}

/// Title and body of a test notification, which only shows whether they arrive.
pub(super) fn trial(spoken: Spoken) -> (String, String) {
    (native::TRIAL.of(spoken).to_owned(), native::TRIAL_TEXT.of(spoken).to_owned())
}

/// Title and body of an event that says its kind, in the words of the window. What those do not say, such as a reason,
/// the event says itself.
pub(super) fn chinese(told: &AgentEvent) -> Option<(String, String)> {
    let data = told.data.as_ref()?;
    let kind = serde_json::from_value(data.get("kind")?.clone()).ok()?;
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| data.get(key).and_then(Value::as_f64).unwrap_or_default();
    let word =
        |key: &str| if text(key).is_empty() { event::NO_FILE.of(CHINESE) } else { text(key) }.to_owned();
    let measured = match text("metric") {
        "cpu" => metric::CPU.of(CHINESE),
        "memory" => metric::MEMORY.of(CHINESE),
        "disk" => metric::DISK.of(CHINESE),
        other => other,
    };
    let name = match told.monitor.as_str() {
        "host_metrics" => monitor_type::HOST_METRICS.of(CHINESE),
        // What a hub says of a machine names that.
        _ if !text("agent").is_empty() => text("agent"),
        monitor => monitor,
    };
    let filled = [
        ("metric", measured.to_owned()),
        ("percent", format!("{:.0}", number("percent"))),
        ("duration", lasting(number("seconds") as u64)),
        ("status", number("exit_status").to_string()),
        ("size", size(number("bytes"))),
        ("word", word("to")),
        ("from", word("from")),
        ("to", word("to")),
        ("file", text("file").to_owned()),
        ("program", text("program").to_owned()),
        ("tools", text("tools").to_owned()),
        ("name", name.to_owned()),
    ];
    let cause = data.get("cause").and_then(|cause| serde_json::from_value(cause.clone()).ok());
    let filled: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (*name, &**value)).collect();
    let said = |word: Word| word.filled(CHINESE, &filled);
    Some((said(title(kind, cause)), body(kind, cause).map_or_else(|| told.message.clone(), said)))
}

fn title(kind: EventKind, cause: Option<PollErrorCode>) -> Word {
    match kind {
        EventKind::Started => event::STARTED,
        EventKind::Down => event::DOWN,
        EventKind::Up => event::UP,
        EventKind::ErrorLine => event::ERROR_LINE,
        EventKind::Calm => event::CALM,
        EventKind::WorkDone => event::WORK_DONE,
        EventKind::Unreadable => event::UNREADABLE,
        EventKind::FileComplete => event::FILE_COMPLETE,
        EventKind::WordChanged => event::WORD_CHANGED,
        EventKind::BusyTooLong => event::BUSY_TOO_LONG,
        EventKind::Stale => event::STALE,
        EventKind::Fresh => event::FRESH,
        EventKind::High => event::HIGH,
        EventKind::Normal => event::NORMAL,
        EventKind::TaskDone => event::TASK_DONE,
        EventKind::TaskFailed => event::TASK_FAILED,
        EventKind::Stuck => event::STUCK,
        EventKind::Unstuck => event::UNSTUCK,
        EventKind::AssistantBusy => event::ASSISTANT_BUSY,
        EventKind::AssistantWaits => event::ASSISTANT_WAITS,
        EventKind::AssistantIdle => event::ASSISTANT_IDLE,
        EventKind::MonitorFailed => event::MONITOR_FAILED,
        EventKind::LeftOut => event::LEFT_OUT,
        EventKind::Readable => event::READABLE,
        EventKind::MonitorWorks => event::MONITOR_WORKS,
        EventKind::MachineOffline => match cause {
            Some(PollErrorCode::Unauthorized) => event::MACHINE_REFUSES,
            Some(PollErrorCode::Status | PollErrorCode::NoAgent) => event::MACHINE_ANSWERS_BADLY,
            Some(PollErrorCode::TooOld) => event::MACHINE_TOO_OLD,
            _ => event::MACHINE_OFFLINE,
        },
        EventKind::MachineOnline => event::MACHINE_ONLINE,
    }
}

/// What the title does not say; nothing where only the event's own words say it.
fn body(kind: EventKind, cause: Option<PollErrorCode>) -> Option<Word> {
    Some(match kind {
        EventKind::Readable => event::READABLE_TEXT,
        EventKind::FileComplete => event::FILE_COMPLETE_TEXT,
        EventKind::WordChanged => event::WORD_CHANGED_TEXT,
        EventKind::BusyTooLong => event::BUSY_TOO_LONG_TEXT,
        EventKind::Stale => event::STALE_TEXT,
        EventKind::Fresh => event::FRESH_TEXT,
        EventKind::High => event::HIGH_TEXT,
        EventKind::Normal => event::NORMAL_TEXT,
        EventKind::TaskDone => event::TASK_DONE_TEXT,
        EventKind::TaskFailed => event::TASK_FAILED_TEXT,
        EventKind::Unstuck => event::UNSTUCK_TEXT,
        EventKind::AssistantBusy => event::ASSISTANT_BUSY_TEXT,
        EventKind::AssistantWaits => event::ASSISTANT_WAITS_TEXT,
        EventKind::AssistantIdle => event::ASSISTANT_IDLE_TEXT,
        EventKind::MonitorWorks => Word::EMPTY,
        EventKind::MachineOffline => match cause {
            Some(PollErrorCode::Unauthorized) => poll_error::UNAUTHORIZED,
            Some(PollErrorCode::Status) => poll_error::STATUS,
            Some(PollErrorCode::NoAgent) => poll_error::NO_AGENT,
            Some(PollErrorCode::TooOld) => poll_error::TOO_OLD,
            Some(PollErrorCode::NotAllowed) => poll_error::NOT_ALLOWED,
            Some(PollErrorCode::Timeout) => poll_error::TIMEOUT,
            _ => poll_error::UNREACHABLE,
        },
        EventKind::MachineOnline => event::MACHINE_ONLINE_TEXT,
        // The level of the first and the last is one that nobody is notified of.
        EventKind::Started
        | EventKind::Down
        | EventKind::Up
        | EventKind::ErrorLine
        | EventKind::Calm
        | EventKind::WorkDone
        | EventKind::Stuck
        | EventKind::Unreadable
        | EventKind::MonitorFailed
        | EventKind::LeftOut => return None,
    })
}

/// How long something took, as the window writes it.
fn lasting(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let (word, values) = match (hours / 24, hours, minutes) {
        (0, 0, 0) => (duration::S, [("value", seconds), ("", 0)]),
        (0, 0, _) => (duration::MINUTES, [("minutes", minutes), ("", 0)]),
        (0, _, _) => (duration::HOURS_MINUTES, [("hours", hours), ("minutes", minutes % 60)]),
        (days, _, _) => (duration::DAYS_HOURS, [("days", days), ("hours", hours % 24)]),
    };
    let values = values.map(|(name, value)| (name, value.to_string()));
    word.filled(CHINESE, &values.each_ref().map(|(name, value)| (*name, &**value)))
}

/// How large something is, as the window writes it.
fn size(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut amount, mut unit) = (bytes, 0);
    while amount >= 1000.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && amount < 100.0);
    format!("{amount:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(monitor: &str, data: Value) -> Option<(String, String)> {
        let event = json!({ "id": 1, "time": "", "machine": "m", "monitor": monitor,
                            "message": "as the agent says", "data": data });
        chinese(&serde_json::from_value(event).unwrap())
    }

    #[test]
    fn an_event_that_says_its_kind_has_a_title_and_a_body() {
        for (monitor, data, title, body) in [
            ("Film", json!({ "kind": "down" }), "Film 出现故障", "as the agent says"),
            ("Film", json!({ "kind": "monitor_works" }), "已恢复监测 Film", ""),
            ("Film", json!({ "kind": "stuck" }), "Film 停住了", "as the agent says"),
            (
                "Code",
                json!({ "kind": "assistant_waits", "tools": "Claude Code" }),
                "Code：编程助手在等您",
                "Claude Code",
            ),
            (
                "Film",
                json!({ "kind": "word_changed", "from": "running", "to": "" }),
                "Film：没有文件",
                "running → 没有文件",
            ),
            (
                "Film",
                json!({ "kind": "file_complete", "file": "a.mp4", "bytes": 125_952 }),
                "Film：a.mp4",
                "a.mp4 已写入完成（123 KiB）",
            ),
            (
                "host_metrics",
                json!({ "kind": "high", "metric": "memory", "percent": 96.8 }),
                "内存占用过高",
                "内存连续多次检查都达到 97%",
            ),
            (
                "Film",
                json!({ "kind": "task_failed", "program": "ffmpeg", "seconds": 3_725, "exit_status": 2 }),
                "Film 失败",
                "ffmpeg 运行 1 小时 2 分钟后失败，退出状态 2",
            ),
        ] {
            assert_eq!(said(monitor, data).unwrap(), (title.to_owned(), body.to_owned()));
        }
        for unsaid in [Value::Null, json!({}), json!({ "kind": "of another version" }), json!({ "kind": 7 })]
        {
            assert_eq!(said("Film", unsaid), None);
        }
    }

    #[test]
    fn numbers_are_written_as_in_the_window() {
        assert_eq!(
            [0, 59, 60, 3_599, 3_600, 86_399, 90_000].map(lasting),
            ["0 秒", "59 秒", "1 分钟", "59 分钟", "1 小时 0 分钟", "23 小时 59 分钟", "1 天 1 小时"]
        );
        assert_eq!(
            [0.0, 999.0, 1000.0, 125_952.0, 33_393_000_000.0].map(size),
            ["0 B", "999 B", "1.0 KiB", "123 KiB", "31.1 GiB"]
        );
    }
}
