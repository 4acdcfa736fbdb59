//! The monitors of V3's agent: those of a kind that is here too, each checked by its own form before it counts as taken.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use taskpaw_contract::config::MonitorConfig;
use taskpaw_forms::{FORMS, Field, Shape};

use super::values::{Fit, fitting};
use super::yaml::Node;
use super::{ImportReport, NotTakenReason, V3File, command};

/// The machine itself: always on, under the name of its kind.
const ITSELF: &str = "host_metrics";
/// Its setting that says whether anything is told of it.
const ALERTS: &str = "alerts";
/// The name of the agent itself, which no monitor can have.
const AGENT: &str = "taskpaw";
/// How long a name may be, as in the app.
const LONGEST_NAME: u32 = 100;
/// Far more than anybody watches.
const MOST_MONITORS: usize = 500;

/// Settings of V3 that say nothing about what is watched, and have no meaning here.
const WITHOUT_MEANING: &[&str] =
    &["name", "max_line_bytes", "max_events_per_minute", "category_label", "timeout"];
/// Settings that this version does not have, as V3's own app wrote them: so nobody has chosen them.
const NOT_CHOSEN: &[(&str, &str)] = &[("cpu_sustained_cycles", "3"), ("collect_gpu", "true")];
/// What V3 did where a file says nothing, if this version does something else (its `BaseMonitorConfig`).
const V3_DEFAULTS: &[(&str, &str, u32)] = &[
    (ITSELF, "poll_interval", 10),
    ("tcp_check", "poll_interval", 10),
    ("tcp_check", "timeout", 30),
    ("folder", "poll_interval", 10),
    ("state_file", "poll_interval", 10),
    ("custom_cmd", "poll_interval", 10),
];

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
            let (key, name) = (format!("{}{part}", reader.key), reader.name.take());
            report.lost(V3File::Agent, key, name.as_deref(), reason);
        }
    }
    if entries.len() > MOST_MONITORS {
        let key = format!("monitors[{MOST_MONITORS}]");
        report.lost(V3File::Agent, key, None, NotTakenReason::TooMuch);
    }
    monitors
}

/// V3 watched the machine itself unless it was told not to: here it is watched, and nothing is told of it.
pub(super) fn tell_nothing_of_the_machine(monitors: &mut Vec<MonitorConfig>) {
    let quiet = |config: &mut Map<String, Value>| config.insert(ALERTS.to_owned(), json!(false));
    if let Some(itself) = monitors.iter_mut().find(|monitor| monitor.type_id == ITSELF) {
        quiet(&mut itself.config);
        return;
    }
    let mut config = Map::new();
    quiet(&mut config);
    monitors.push(MonitorConfig { type_id: ITSELF.into(), name: ITSELF.into(), enabled: true, config });
}

/// Why there is no monitor: the part of the entry, and the reason.
type Refusal = (String, NotTakenReason);

fn refusal(part: &str, reason: NotTakenReason) -> Refusal {
    (part.to_owned(), reason)
}

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
            Node::Tagged => return Err(refusal("", NotTakenReason::Tagged)),
            _ => return Err(refusal("", NotTakenReason::NotAMap)),
        };
        let settings = match at(pairs, "config") {
            None => &[][..],
            Some(Node::Map(settings)) => settings,
            Some(Node::Tagged) => return Err(refusal(".config", NotTakenReason::Tagged)),
            Some(_) => return Err(refusal(".config", NotTakenReason::NotAMap)),
        };
        // V3 looked into the settings first.
        let name = at(settings, "name")
            .or_else(|| at(pairs, "name"))
            .ok_or_else(|| refusal(".name", NotTakenReason::Missing))?;
        let name = name.text().ok_or_else(|| refusal(".name", NotTakenReason::NotText))?.trim();
        if !is_name(name, LONGEST_NAME) || [AGENT, ".", ".."].contains(&name) {
            return Err(refusal(".name", NotTakenReason::BadName { most: LONGEST_NAME }));
        }
        // With its name it is found again, whatever else is wrong.
        self.name = Some(name.to_owned());
        let type_id = at(pairs, "type_id").ok_or_else(|| refusal(".type_id", NotTakenReason::Missing))?;
        let type_id = type_id.text().ok_or_else(|| refusal(".type_id", NotTakenReason::NotText))?;
        let Some((type_id, fields)) = FORMS.iter().find(|(known, _)| *known == type_id) else {
            return Err(refusal(".type_id", NotTakenReason::UnknownMonitor { type_id: type_id.to_owned() }));
        };
        let name = if *type_id == ITSELF { ITSELF } else { name };
        if names.contains(name) || (name == ITSELF && *type_id != ITSELF) {
            return Err(refusal(".name", NotTakenReason::NameTwice));
        }
        let mut config = self.settings(type_id, fields, settings)?;
        names.insert(name.to_owned());
        let mut enabled = self.enabled(pairs);
        // The machine itself is always watched, and what V3 told nothing of is not told of here.
        if *type_id == ITSELF && !std::mem::replace(&mut enabled, true) {
            config.insert(ALERTS.to_owned(), json!(false));
        }
        for (key, _) in pairs {
            if !["type_id", "name", "enabled", "config"].contains(&key.as_str()) {
                self.refused(&format!(".{key}"), NotTakenReason::UnknownKey);
            }
        }
        self.report.took(V3File::Agent, self.key.clone(), self.name.as_deref());
        Ok(MonitorConfig { type_id: (*type_id).to_owned(), name: name.to_owned(), enabled, config })
    }

    fn enabled(&mut self, pairs: &[(String, Node)]) -> bool {
        let Some(node) = at(pairs, "enabled") else { return true };
        let flag = node.flag();
        if flag.is_none() {
            self.refused(".enabled", NotTakenReason::NotAFlag);
        }
        // What is not clear does not run, a command least of all.
        flag.unwrap_or(false)
    }

    fn settings(
        &mut self,
        type_id: &str,
        fields: &[Field],
        pairs: &[(String, Node)],
    ) -> Result<Map<String, Value>, Refusal> {
        let mut settings = Map::new();
        for (key, node) in pairs.iter().filter(|(_, node)| !node.is_nothing()) {
            let part = format!(".config.{key}");
            let Some(field) = fields.iter().find(|field| field.key == key) else {
                let is_chosen =
                    !NOT_CHOSEN.iter().any(|(known, value)| known == key && node.text() == Some(value));
                if is_chosen && !WITHOUT_MEANING.contains(&key.as_str()) {
                    self.refused(&part, NotTakenReason::UnknownKey);
                }
                continue;
            };
            let value = match (type_id, key.as_str(), node) {
                ("custom_cmd", "command", Node::Scalar { text, .. }) => {
                    let words = command::split(text, !cfg!(windows));
                    words.ok_or((part, NotTakenReason::BadCommand))?.into()
                }
                ("dev_activity", "process_patterns", Node::Map(patterns)) => {
                    let line = |(tool, pattern): &(String, Node)| {
                        pattern.text().map(|pattern| format!("{tool}={pattern}"))
                    };
                    let lines = patterns.iter().map(line).collect::<Option<Vec<_>>>();
                    lines.ok_or((part, NotTakenReason::NotText))?.into()
                }
                _ => {
                    let Fit { value, changed } =
                        fitting(&field.shape, node).map_err(|why| (part.clone(), why))?;
                    if let Some(changed) = changed {
                        self.refused(&part, changed);
                    }
                    value
                }
            };
            settings.insert(key.clone(), value);
        }
        go_on_as_before(type_id, fields, &mut settings);
        match taskpaw_forms::check(fields, &settings) {
            Ok(_) => Ok(settings),
            Err(problems) => {
                let bad = |field: &&Field| {
                    let key = format!("config.{}", field.key);
                    problems.iter().any(|problem| problem.field.starts_with(&key))
                };
                let field = fields.iter().find(bad);
                let key = field.map_or("", |field| field.key);
                Err((
                    format!(".config.{key}"),
                    field.map_or(NotTakenReason::Refused, |field| why(field, &settings)),
                ))
            }
        }
    }
}

/// What V3 did without being told, so that a monitor goes on as it was.
fn go_on_as_before(type_id: &str, fields: &[Field], settings: &mut Map<String, Value>) {
    for (_, key, value) in V3_DEFAULTS.iter().filter(|(kind, ..)| *kind == type_id) {
        settings.entry(*key).or_insert_with(|| json!(value));
    }
    // Files that are not finished yet are left out here. A person who watches for just those had them told.
    let lowered =
        |value: &Value| value.as_str().map(|text| text.trim_start_matches(['*', '.']).to_lowercase());
    let ignored = fields.iter().find(|field| field.key == "ignored_extensions");
    let only = settings.get("extensions").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Shape::Texts { default, .. }) = ignored.map(|field| &field.shape)
        && only.iter().filter_map(lowered).any(|only| default.contains(&only.as_str()))
    {
        settings.insert("ignored_extensions".to_owned(), json!([]));
    }
}

/// Why a form refuses a setting.
fn why(field: &Field, settings: &Map<String, Value>) -> NotTakenReason {
    let is_empty = match settings.get(field.key) {
        None => true,
        Some(value) => value.as_str().is_some_and(|text| text.trim().is_empty()) || *value == json!([]),
    };
    match field.shape {
        _ if is_empty => NotTakenReason::Missing,
        Shape::Pattern(_) => NotTakenReason::BadPattern,
        Shape::Path => NotTakenReason::NotAWholePath,
        Shape::Host(_) => NotTakenReason::NotAnAddress,
        _ => NotTakenReason::Refused,
    }
}

/// What a key says; of two that are the same the last one counts.
fn at<'a>(pairs: &'a [(String, Node)], key: &str) -> Option<&'a Node> {
    let (_, node) = pairs.iter().rev().find(|(known, _)| known == key)?;
    (!node.is_nothing()).then_some(node)
}
