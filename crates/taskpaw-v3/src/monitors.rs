//! The monitors of V3's agent: those of a kind that is here too, with the settings that mean the same.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::yaml::Node;
use super::{ImportReport, NotTakenReason, V3File, command};
use taskpaw_contract::config::MonitorConfig;

/// Every kind of monitor with its settings, as the backend has them; a test of the backend compares the two.
pub const KINDS: &[(&str, &[&str])] = &[
    (ITSELF, &["cpu_alert_pct", "mem_alert_pct", "disk_alert_pct", "poll_interval"]),
    ("process", &["pattern", "search_cmdline", "failures", "poll_interval"]),
    ("task", &["pattern", "search_cmdline", "settle_seconds", "poll_interval"]),
    ("tcp_check", &["host", "port", "timeout", "failures", "poll_interval"]),
    (
        "http_check",
        &["url", "expected_status", "method", "verify_certificate", "timeout", "failures", "poll_interval"],
    ),
    ("folder", &["path", "extensions", "ignored_extensions", "stable_seconds", "poll_interval"]),
    (
        "log_pattern",
        &[
            "path",
            "progress_pattern",
            "done_pattern",
            "error_pattern",
            "calm_seconds",
            "from_start",
            "poll_interval",
        ],
    ),
    (
        "state_file",
        &[
            "path",
            "state_field",
            "ts_field",
            "busy_states",
            "waiting_states",
            "idle_states",
            "error_states",
            "busy_alert_seconds",
            "stale_seconds",
            "missing_is_idle",
            "poll_interval",
        ],
    ),
    (
        "heartbeat",
        &["path", "due_field", "grace_seconds", "status_field", "hibernating_states", "poll_interval"],
    ),
    ("custom_cmd", &["command", "folder", "timeout", "failures", "poll_interval"]),
];

/// The machine itself: always on, under the name of its kind.
const ITSELF: &str = "host_metrics";
/// The name of the agent itself, which no monitor can have.
const AGENT: &str = "taskpaw";
/// How long a name may be, as in the app.
const LONGEST_NAME: u32 = 100;
/// Far more than anybody watches.
const MOST_MONITORS: usize = 500;

/// Whether a text can be the name of something.
pub(super) fn is_name(text: &str, most: u32) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most as usize && !text.chars().any(char::is_control)
}

/// Takes what is good from the list of monitors.
pub(super) fn take(node: &Node, report: &mut ImportReport) -> Vec<MonitorConfig> {
    let Node::List(entries) = node else {
        report.refused(V3File::Agent, "monitors", None, NotTakenReason::NotAList);
        return Vec::new();
    };
    let mut names = BTreeSet::new();
    let mut monitors = Vec::new();
    for (place, entry) in entries.iter().enumerate().take(MOST_MONITORS) {
        let mut reader = Entry { key: format!("monitors[{place}]"), name: None, report };
        if let Err((part, reason)) = reader.take(entry, &mut names).map(|monitor| monitors.push(monitor)) {
            reader.refused(part, reason);
        }
    }
    if entries.len() > MOST_MONITORS {
        let key = format!("monitors[{MOST_MONITORS}]");
        report.refused(V3File::Agent, key, None, NotTakenReason::TooMuch);
    }
    monitors
}

/// Why there is no monitor: the part of the entry, and the reason.
type Refusal = (&'static str, NotTakenReason);

struct Entry<'a> {
    key: String,
    name: Option<String>,
    report: &'a mut ImportReport,
}

impl Entry<'_> {
    fn refused(&mut self, part: &str, reason: NotTakenReason) {
        let key = format!("{}{part}", self.key);
        self.report.refused(V3File::Agent, key, self.name.as_deref(), reason);
    }

    fn take(&mut self, entry: &Node, names: &mut BTreeSet<String>) -> Result<MonitorConfig, Refusal> {
        let pairs = match entry {
            Node::Map(pairs) => pairs,
            Node::Tagged => return Err(("", NotTakenReason::Tagged)),
            _ => return Err(("", NotTakenReason::NotAMap)),
        };
        let settings = match at(pairs, "config") {
            None => &[][..],
            Some(Node::Map(settings)) => settings,
            Some(Node::Tagged) => return Err((".config", NotTakenReason::Tagged)),
            Some(_) => return Err((".config", NotTakenReason::NotAMap)),
        };
        // V3 looked into the settings first.
        let name =
            at(settings, "name").or_else(|| at(pairs, "name")).ok_or((".name", NotTakenReason::Missing))?;
        let name = name.text().ok_or((".name", NotTakenReason::NotText))?.trim();
        if !is_name(name, LONGEST_NAME) || name == AGENT {
            return Err((".name", NotTakenReason::BadName { most: LONGEST_NAME }));
        }
        // With its name it is found again, whatever else is wrong.
        self.name = Some(name.to_owned());
        let type_id = at(pairs, "type_id").ok_or((".type_id", NotTakenReason::Missing))?;
        let type_id = type_id.text().ok_or((".type_id", NotTakenReason::NotText))?;
        let Some((type_id, known)) = KINDS.iter().find(|(known, _)| *known == type_id) else {
            return Err((".type_id", NotTakenReason::UnknownMonitor { type_id: type_id.to_owned() }));
        };
        let name = if *type_id == ITSELF { ITSELF } else { name };
        if names.contains(name) || (name == ITSELF && *type_id != ITSELF) {
            return Err((".name", NotTakenReason::NameTwice));
        }
        let config = self.settings(type_id, known, settings)?;
        names.insert(name.to_owned());
        let enabled = self.enabled(pairs, type_id);
        for (key, _) in pairs {
            if !["type_id", "name", "enabled", "config"].contains(&key.as_str()) {
                self.refused(&format!(".{key}"), NotTakenReason::UnknownKey);
            }
        }
        self.report.took(V3File::Agent, self.key.clone(), self.name.as_deref());
        Ok(MonitorConfig { type_id: (*type_id).to_owned(), name: name.to_owned(), enabled, config })
    }

    fn enabled(&mut self, pairs: &[(String, Node)], type_id: &str) -> bool {
        let Some(node) = at(pairs, "enabled") else { return true };
        let flag = node.flag();
        if flag.is_none() {
            self.refused(".enabled", NotTakenReason::NotAFlag);
        }
        // What is not clear does not run, a command least of all.
        let enabled = flag.unwrap_or(false);
        if type_id == ITSELF && !enabled {
            self.refused(".enabled", NotTakenReason::AlwaysOn);
            return true;
        }
        enabled
    }

    fn settings(
        &mut self,
        type_id: &str,
        known: &[&str],
        pairs: &[(String, Node)],
    ) -> Result<Map<String, Value>, Refusal> {
        let mut settings = Map::new();
        for (key, node) in pairs.iter().filter(|(key, node)| key != "name" && !node.is_nothing()) {
            if !known.contains(&key.as_str()) {
                self.refused(&format!(".config.{key}"), NotTakenReason::UnknownKey);
                continue;
            }
            let value = match (type_id, key.as_str(), node) {
                ("custom_cmd", "command", Node::Scalar { text, .. }) => {
                    let words = command::split(text, !cfg!(windows));
                    words.ok_or((".config.command", NotTakenReason::BadCommand))?.into()
                }
                _ => match node.json() {
                    Some(value) => value,
                    None => {
                        self.refused(&format!(".config.{key}"), NotTakenReason::Tagged);
                        continue;
                    }
                },
            };
            settings.insert(key.clone(), value);
        }
        Ok(settings)
    }
}

/// What a key says; of two that are the same the last one counts.
fn at<'a>(pairs: &'a [(String, Node)], key: &str) -> Option<&'a Node> {
    let (_, node) = pairs.iter().rev().find(|(known, _)| known == key)?;
    (!node.is_nothing()).then_some(node)
}
