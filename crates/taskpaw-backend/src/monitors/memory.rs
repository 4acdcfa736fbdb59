//! What a monitor remembers across restarts of the agent: what it found last, and what was told since.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{AgentEvent, EventKind};

/// How many events are kept for one monitor until it next reports what it remembers, which it does within seconds.
const MOST_TOLD: usize = 256;
/// Settings that say how something is watched, and not what: after a change of them a monitor goes on.
const MANNERS: &[&str] = &[
    "poll_interval",
    "timeout",
    "failures",
    "stable_seconds",
    "settle_seconds",
    "calm_seconds",
    "grace_seconds",
    "busy_alert_seconds",
    "stale_seconds",
    "cpu_alert_pct",
    "mem_alert_pct",
    "disk_alert_pct",
    "alerts",
    "stall_confirm",
    "idle_confirm",
    "stuck_checks",
    "freshness_seconds",
    "window_seconds",
];

/// What is remembered of one monitor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// What watches; nothing where only events are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<Subject>,
    /// An agent that remembers nothing has run since: only what was told counts, and what stands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_outdated: bool,
    /// Whether it was reported that the monitor itself has failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_failing: bool,
    /// How many events were not told, and what the last of them said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left_out: Option<(u32, String)>,
    /// What the monitor itself wants to know.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) found: Value,
    /// What was told after that, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) told: Vec<Told>,
}

/// What is watched: the memory of something else is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// The kind of monitor.
    pub(crate) type_id: String,
    /// Stands for its settings.
    pub(crate) settings: String,
}

impl Subject {
    /// Of a monitor with these settings.
    pub(crate) fn new(type_id: &str, config: &Map<String, Value>) -> Self {
        let mut settings: Vec<_> =
            config.iter().filter(|(key, _)| !MANNERS.contains(&key.as_str())).collect();
        settings.sort_by_key(|(key, _)| key.as_str());
        let text = serde_json::to_string(&settings).unwrap_or_default();
        Self { type_id: type_id.to_owned(), settings: format!("{:016x}", fingerprint(text.as_bytes())) }
    }
}

/// An event that was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// What happened.
    pub(crate) kind: EventKind,
    /// What belongs to it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) data: Value,
    /// What the monitor noted with it, for itself alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<Value>,
}

impl Told {
    /// As it stands in the journal; nothing for one that no monitor of this version has told.
    pub(crate) fn of(event: &AgentEvent, note: Option<Value>) -> Option<Self> {
        let data = event.data.clone().unwrap_or_default();
        let kind = EventKind::deserialize(data.get("kind")?).ok()?;
        Some(Self { kind, data, note })
    }
}

impl Memory {
    /// An event was told.
    pub(crate) fn add(&mut self, told: Told) {
        match told.kind {
            EventKind::MonitorFailed => self.is_failing = true,
            EventKind::MonitorWorks => self.is_failing = false,
            EventKind::LeftOut => self.left_out = None,
            _ => {
                let too_many = (self.told.len() + 1).saturating_sub(MOST_TOLD);
                self.told.drain(..too_many);
                self.told.push(told);
            }
        }
    }

    /// What the monitor had found, if that is still how things were when its watch ended.
    pub(crate) fn found(&self) -> Option<&Value> {
        (!self.found.is_null() && !self.is_outdated).then_some(&self.found)
    }

    /// The monitor's last note: with an event, or what it had found.
    pub(crate) fn last_note(&self) -> Option<&Value> {
        if self.is_outdated {
            return None;
        }
        self.told.iter().rev().find_map(|told| told.note.as_ref()).or(self.found())
    }

    /// Whether something was told that was not taken back: by the last of these events or, without one, by what was found.
    pub(crate) fn stands(&self, key: &str, begins: EventKind, ends: EventKind) -> bool {
        let last = self.told.iter().rev().find(|told| told.kind == begins || told.kind == ends);
        match last {
            Some(told) => told.kind == begins,
            None => self.found.get(key).and_then(Value::as_bool).unwrap_or_default(),
        }
    }
}

/// A moment on both clocks: the wall's lives through a restart, the steady one cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since {
    /// On the steady clock.
    pub(crate) at: Instant,
    /// In milliseconds since 1970.
    pub(crate) unix_ms: u64,
}

impl Since {
    /// This moment.
    pub(crate) fn now(at: Instant) -> Self {
        Self { at, unix_ms: unix_ms() }
    }

    /// As it was remembered. What lies in the future began now.
    pub(crate) fn remembered(value: &Value) -> Option<Self> {
        let (now, wall) = (Instant::now(), unix_ms());
        let then = value.as_u64()?.min(wall);
        let at = now.checked_sub(Duration::from_millis(wall - then)).unwrap_or(now);
        Some(Self { at, unix_ms: then })
    }
}

/// Stands for bytes, the same in every version (FNV-1a).
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: EventKind) -> Told {
        Told { kind, data: Value::Null, note: None }
    }

    #[test]
    fn what_was_told_counts_more_than_what_was_found_before() {
        let mut memory = Memory { found: json!({ "down": true }), ..Memory::default() };
        let is_down = |memory: &Memory| memory.stands("down", EventKind::Down, EventKind::Up);
        assert!(is_down(&memory));
        memory.add(told(EventKind::Up));
        memory.add(told(EventKind::FileComplete));
        assert!(!is_down(&memory));
        memory.add(told(EventKind::MonitorFailed));
        assert!(memory.is_failing);
        for _ in 0..2 * MOST_TOLD {
            memory.add(told(EventKind::Down));
        }
        assert_eq!((is_down(&memory), memory.told.len()), (true, MOST_TOLD));
    }

    #[test]
    fn another_subject_is_another_memory_and_another_manner_is_not() {
        let of = |config: Value| Subject::new("tcp_check", config.as_object().unwrap());
        let first = of(json!({ "host": "a", "port": 1, "poll_interval": 5 }));
        assert_eq!(first, of(json!({ "port": 1, "poll_interval": 9, "host": "a" })));
        assert_ne!(first, of(json!({ "port": 2, "host": "a" })));
        assert_ne!(first, Subject::new("http_check", json!({ "host": "a", "port": 1 }).as_object().unwrap()));
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_version() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
