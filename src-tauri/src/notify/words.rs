//! What a notification says in Chinese. In English an event has words of its own.

use serde_json::Value;
use taskpaw_contract::ipc::{AgentEvent, EventKind, PollErrorCode};

/// Title and body of the one that stands for all that are too many.
pub(super) fn more(in_chinese: bool) -> (String, String) {
    let (title, body) = if in_chinese {
        ("还有更多事件", "请打开 TaskPaw，在“事件”页查看。")
    } else {
        ("More events have come", "Open TaskPaw and look at Events.")
    };
    (title.to_owned(), body.to_owned())
}

/// Title and body of one that only shows whether they arrive.
pub(super) fn trial(in_chinese: bool) -> (String, String) {
    let (title, body) = if in_chinese {
        ("测试通知", "TaskPaw 会这样告诉您：有警报，或工作已完成。")
    } else {
        ("Test notification", "This is how TaskPaw tells you about alerts and finished work.")
    };
    (title.to_owned(), body.to_owned())
}

/// Title and body of an event that says its kind, in the words of the window. What those do not say, such as a reason,
/// the event says itself.
pub(super) fn chinese(event: &AgentEvent) -> Option<(String, String)> {
    let data = event.data.as_ref()?;
    let kind = serde_json::from_value(data.get("kind")?.clone()).ok()?;
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| data.get(key).and_then(Value::as_f64).unwrap_or_default();
    let word = |key: &str| if text(key).is_empty() { "没有文件" } else { text(key) }.to_owned();
    let metric = match text("metric") {
        "cpu" => "处理器",
        "memory" => "内存",
        "disk" => "磁盘",
        other => other,
    };
    let name = match event.monitor.as_str() {
        "host_metrics" => "系统资源",
        // What a hub says of a machine names that.
        _ if !text("agent").is_empty() => text("agent"),
        monitor => monitor,
    };
    let filled = [
        ("metric", metric.to_owned()),
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
    let fill = |sentence: &str| {
        filled.iter().fold(sentence.to_owned(), |sentence, (what, value)| {
            sentence.replace(&format!("{{{{{what}}}}}"), value)
        })
    };
    Some((fill(title(kind, cause)), body(kind, cause).map_or_else(|| event.message.clone(), fill)))
}

fn title(kind: EventKind, cause: Option<PollErrorCode>) -> &'static str {
    match kind {
        EventKind::Started => "监测端已启动",
        EventKind::Down => "{{name}} 出现故障",
        EventKind::Up => "{{name}} 已恢复正常",
        EventKind::ErrorLine => "{{name}} 报告了错误",
        EventKind::Calm => "{{name}} 不再报告错误",
        EventKind::WorkDone => "{{name}} 已完成",
        EventKind::Unreadable => "无法监测 {{name}}",
        EventKind::Readable | EventKind::MonitorWorks => "已恢复监测 {{name}}",
        EventKind::FileComplete => "{{name}}：{{file}}",
        EventKind::WordChanged => "{{name}}：{{word}}",
        EventKind::BusyTooLong => "{{name}} 忙碌时间过长",
        EventKind::Stale => "{{name}} 太久没有更新",
        EventKind::Fresh => "{{name}} 已重新更新",
        EventKind::High => "{{metric}}占用过高",
        EventKind::Normal => "{{metric}}已恢复正常",
        EventKind::TaskDone => "{{name}} 已结束",
        EventKind::TaskFailed => "{{name}} 失败",
        EventKind::Stuck => "{{name}} 停住了",
        EventKind::Unstuck => "{{name}} 已继续进行",
        EventKind::AssistantBusy => "{{name}}：编程助手在工作",
        EventKind::AssistantWaits => "{{name}}：编程助手在等您",
        EventKind::AssistantIdle => "{{name}}：编程助手空闲了",
        EventKind::MonitorFailed => "{{name}} 暂时无法监测",
        EventKind::LeftOut => "{{name}}：略去了部分事件",
        EventKind::MachineOffline => match cause {
            Some(PollErrorCode::Unauthorized) => "{{name}} 不接受令牌",
            Some(PollErrorCode::Status | PollErrorCode::NoAgent) => "{{name}} 应答异常",
            _ => "{{name}} 已离线",
        },
        EventKind::MachineOnline => "{{name}} 已恢复在线",
    }
}

/// What the title does not say; nothing where only the event's own words do.
fn body(kind: EventKind, cause: Option<PollErrorCode>) -> Option<&'static str> {
    Some(match kind {
        EventKind::Readable => "现在又可以读取了。",
        EventKind::FileComplete => "{{file}} 已写入完成（{{size}}）",
        EventKind::WordChanged => "{{from}} → {{to}}",
        EventKind::BusyTooLong => "已忙碌 {{duration}}，没有变化",
        EventKind::Stale => "上次写入是 {{duration}}前",
        EventKind::Fresh => "文件又有写入了。",
        EventKind::High => "{{metric}}连续多次检查都达到 {{percent}}%",
        EventKind::Normal => "{{metric}}回落到 {{percent}}%",
        EventKind::Unstuck => "任务又在运行。",
        EventKind::AssistantBusy | EventKind::AssistantWaits => "{{tools}}",
        EventKind::AssistantIdle => "没有编程助手在工作了。",
        EventKind::TaskDone => "{{program}} 运行 {{duration}}后结束",
        EventKind::TaskFailed => "{{program}} 运行 {{duration}}后失败，退出状态 {{status}}",
        EventKind::MonitorWorks => "",
        EventKind::MachineOffline => match cause {
            Some(PollErrorCode::Unauthorized) => "它不接受此令牌。请填写那台机器“设置”页中的令牌。",
            Some(PollErrorCode::Status) => "它返回了错误，请在那台机器的“诊断”页查看日志。",
            Some(PollErrorCode::NoAgent) => "应答的不是监测端，请检查地址和端口。",
            Some(PollErrorCode::Timeout) => "它未能及时应答，可能已关机，或被防火墙拦截。",
            _ => "无法连接它。请确认那台机器上的 TaskPaw 正在运行，并已在“设置”页允许其他机器访问监测端。",
        },
        EventKind::MachineOnline => "它又有应答了。",
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
    match (hours / 24, hours, minutes) {
        (0, 0, 0) => format!("{seconds} 秒"),
        (0, 0, _) => format!("{minutes} 分钟"),
        (0, _, _) => format!("{hours} 小时 {} 分钟", minutes % 60),
        (days, _, _) => format!("{days} 天 {} 小时", hours % 24),
    }
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

    const WINDOW: &str = include_str!("../../../ui/src/locales/zh-CN.ts");

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

    /// One thing has one name.
    #[test]
    fn the_window_says_it_in_the_same_words() {
        let (_, events) = WINDOW.split_once("  event: {").unwrap();
        let (events, _) = events.split_once("\n  },").unwrap();
        let kind = |key: &str| serde_json::from_value::<EventKind>(json!(key)).ok();
        let (mut titles, mut bodies) = (0, 0);
        for (key, text) in events.lines().filter_map(|line| line.trim().split_once(": \"")) {
            let text = text.strip_suffix("\",").unwrap();
            if let Some(kind) = kind(key) {
                assert_eq!(title(kind, None), text, "{kind:?}");
                titles += 1;
            } else if let Some(kind) = key.strip_suffix("_text").and_then(kind)
                && let Some(body) = body(kind, None)
            {
                assert_eq!(body, text, "{kind:?}");
                bodies += 1;
            }
        }
        assert_eq!((titles, bodies), (27, 15));
        for cause in ["unauthorized", "status", "no_agent", "timeout", "unreachable"] {
            let cause = serde_json::from_value(json!(cause)).ok();
            let kind = EventKind::MachineOffline;
            assert!(WINDOW.contains(&format!("\"{}\"", title(kind, cause))), "{cause:?}");
            assert!(WINDOW.contains(&format!("\"{}\"", body(kind, cause).unwrap())), "{cause:?}");
        }
        for word in ["系统资源", "处理器", "内存", "磁盘", "没有文件"] {
            assert!(WINDOW.contains(&format!("\"{word}\"")), "{word}");
        }
    }
}
