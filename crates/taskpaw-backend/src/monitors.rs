//! What a monitor is, and the table of all kinds. One more kind is one more file and its line in [`KINDS`].

mod host_metrics;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use taskpaw_contract::config::MonitorConfig;
use taskpaw_contract::ipc::{EventLevel, MonitorState};

/// Every kind of monitor.
pub(crate) const KINDS: &[Kind] = &[host_metrics::KIND];

/// A kind of monitor.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its name in the configuration and in the status.
    pub(crate) type_id: &'static str,
    /// Whether every agent has one, under the name of its kind, without any configuration.
    pub(crate) always_on: bool,
    /// Makes a monitor. Here a configuration is checked, and nothing is looked at yet.
    pub(crate) build: fn(&Setup) -> Result<Box<dyn Monitor>, BadSetup>,
}

/// What a monitor is made from.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// What its kind needs to know.
    #[expect(dead_code, reason = "host_metrics, the only kind so far, needs no configuration")]
    pub(crate) config: Map<String, Value>,
    /// A folder on the disk that matters: TaskPaw's own data.
    pub(crate) data_folder: PathBuf,
}

/// Why a monitor cannot be made: a configuration that its kind cannot work with, or a system that does not let it
/// look.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadSetup(pub(crate) String);

/// Something that is looked at again and again.
pub(crate) trait Monitor: Send {
    /// Looks once. It runs on a thread of its own and may block, panic and hang: no other monitor notices.
    fn check(&mut self) -> Check;
}

/// What a look has found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// How it is.
    pub(crate) state: MonitorState,
    /// The same in words.
    pub(crate) detail: String,
    /// Its numbers.
    pub(crate) metrics: Map<String, Value>,
    /// What happened since the last look.
    pub(crate) notices: Vec<Notice>,
    /// When to look again.
    pub(crate) again_in: Duration,
}

/// Something that happened, before it becomes an event with a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    /// How much it matters.
    pub(crate) level: EventLevel,
    /// A short form.
    pub(crate) title: String,
    /// What happened.
    pub(crate) message: String,
    /// What belongs to it.
    pub(crate) data: Option<Value>,
}

/// The kind of this name.
pub(crate) fn kind(type_id: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.type_id == type_id)
}

/// What an agent watches without being told to, as if it were configured.
pub(crate) fn always_on() -> impl Iterator<Item = MonitorConfig> {
    KINDS.iter().filter(|kind| kind.always_on).map(|kind| MonitorConfig {
        type_id: kind.type_id.to_owned(),
        name: kind.type_id.to_owned(),
        enabled: true,
        config: Map::new(),
    })
}
