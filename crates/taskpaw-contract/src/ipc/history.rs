//! What an agent keeps of a week: the numbers of its monitors, and how each was.

use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

use super::fleet::PollErrorCode;
use super::status::MonitorState;

/// How far back a history goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HistoryRange {
    /// 24 hours, minute by minute.
    Day,
    /// Seven days, by ten minutes.
    Week,
}

impl HistoryRange {
    /// The word for it in a query.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

/// `GET /history` of an agent. All times are on its own clock, which `now` tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct History {
    /// When it was answered, in ms since 1970.
    #[ts(type = "number")]
    pub now: u64,
    /// When the first place of each row begins.
    #[ts(type = "number")]
    pub from: u64,
    /// How long each place is.
    pub step_seconds: u32,
    /// The one that was asked for; else all of which something is kept, by their names.
    pub monitors: Vec<MonitorHistory>,
}

/// What is kept of one monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorHistory {
    /// The monitor's name.
    pub name: String,
    /// The monitor's states in order, each with the time at which it began; the newest 2,000 at most. What came before the
    /// first one is not known.
    pub states: Vec<StateSince>,
    /// The monitor's numbers. Where all monitors were asked for, only the machine's own has some.
    pub series: Vec<MetricSeries>,
}

/// Since when a state was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StateSince {
    /// In ms since 1970.
    #[ts(type = "number")]
    pub at: u64,
    /// The state; nothing while nobody watched.
    #[serde(deserialize_with = "known_state")]
    pub state: Option<MonitorState>,
}

/// A word that only a later version knows is no reason to show nothing.
fn known_state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MonitorState>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(word.map(|word| serde_json::from_value(word.into()).unwrap_or(MonitorState::Unknown)))
}

/// One number over the time, with a place for each step; nothing where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricSeries {
    /// The key that the number has in a status.
    pub key: String,
    /// The means.
    pub mean: Vec<Option<f64>>,
    /// The lowest mean of a minute in each place; empty where a place is a minute.
    pub low: Vec<Option<f64>>,
    /// The highest one.
    pub high: Vec<Option<f64>>,
}

/// What is known of how a machine of the fleet was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HistoryAnswer {
    /// What its agent keeps.
    History {
        /// The history that was asked for.
        history: History,
    },
    /// The agent's version keeps no history.
    TooOld,
    /// The agent could not be asked.
    Failed {
        /// Why.
        code: PollErrorCode,
        /// The reason in words.
        message: String,
    },
}
