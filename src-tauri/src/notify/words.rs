//! What a notification says in Chinese. In English an event has words of its own.

use serde_json::Value;
use taskpaw_contract::ipc::{AgentEvent, EventKind};

/// The title of an event that says its kind: in the words of the window.
pub(super) fn chinese(event: &AgentEvent) -> Option<String> {
    let data = event.data.as_ref()?;
    let kind = serde_json::from_value(data.get("kind")?.clone()).ok()?;
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = if event.monitor == "host_metrics" { "系统资源" } else { &event.monitor };
    let metric = match text("metric") {
        "cpu" => "处理器",
        "memory" => "内存",
        "disk" => "磁盘",
        other => other,
    };
    let word = if text("to").is_empty() { "没有文件" } else { text("to") };
    let filled = [("metric", metric), ("word", word), ("file", text("file")), ("name", name)];
    Some(filled.iter().fold(sentence(kind).to_owned(), |sentence, (what, value)| {
        sentence.replace(&format!("{{{{{what}}}}}"), value)
    }))
}

fn sentence(kind: EventKind) -> &'static str {
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
        EventKind::MonitorFailed => "{{name}} 暂时无法监测",
        EventKind::LeftOut => "{{name}}：略去了部分事件",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WINDOW: &str = include_str!("../../../ui/src/locales/zh-CN.ts");

    fn said(monitor: &str, data: Value) -> Option<String> {
        let event =
            json!({ "id": 1, "time": "", "machine": "m", "monitor": monitor, "message": "", "data": data });
        chinese(&serde_json::from_value(event).unwrap())
    }

    #[test]
    fn an_event_that_says_its_kind_has_a_title() {
        assert_eq!(said("Film", json!({ "kind": "down" })).unwrap(), "Film 出现故障");
        assert_eq!(said("Film", json!({ "kind": "word_changed", "to": "" })).unwrap(), "Film：没有文件");
        assert_eq!(said("Film", json!({ "kind": "file_complete", "file": "a.mp4" })).unwrap(), "Film：a.mp4");
        let high = json!({ "kind": "high", "metric": "memory", "percent": 97 });
        assert_eq!(said("host_metrics", high).unwrap(), "内存占用过高");
        for unsaid in [Value::Null, json!({}), json!({ "kind": "of another version" }), json!({ "kind": 7 })]
        {
            assert_eq!(said("Film", unsaid), None);
        }
    }

    /// One thing has one name.
    #[test]
    fn the_window_says_it_in_the_same_words() {
        let (_, events) = WINDOW.split_once("  event: {").unwrap();
        let (events, _) = events.split_once("\n  },").unwrap();
        let titles = events.lines().filter_map(|line| line.trim().split_once(": \""));
        let kinds: Vec<(EventKind, &str)> = titles
            .filter_map(|(key, text)| {
                Some((serde_json::from_value(json!(key)).ok()?, text.strip_suffix("\",")?))
            })
            .collect();
        assert_eq!(kinds.len(), 20);
        for (kind, title) in kinds {
            assert_eq!(sentence(kind), title, "{kind:?}");
        }
        for word in ["系统资源", "处理器", "内存", "磁盘", "没有文件"] {
            assert!(WINDOW.contains(&format!("\"{word}\"")), "{word}");
        }
    }
}
