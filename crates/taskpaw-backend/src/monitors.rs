//! What a monitor is, and the table of all kinds. One more kind is one more file and its line in [`KINDS`].

mod comfyui;
mod custom_cmd;
#[cfg(test)]
mod day;
mod dev_activity;
mod folder;
mod gpu;
mod health;
mod heartbeat;
mod host_metrics;
mod http_check;
mod json_file;
mod lines;
mod log_pattern;
mod memory;
mod process;
mod processes;
mod program;
mod refused;
mod state_file;
mod tail;
mod task;
mod tcp_check;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "fuzzing")]
use serde_json::json;
use serde_json::{Map, Value};
use taskpaw_contract::config::MonitorConfig;
use taskpaw_contract::ipc::{EventKind, EventLevel, FieldFault, FieldProblem, MonitorState, MonitorType};

use form::{Field, Values};
use health::{Health, Turn};
pub(crate) use memory::{Memory, Subject, Told};
pub(crate) use processes::Processes;
pub(crate) use program::Leash;
pub(crate) use taskpaw_forms as form;

/// Every kind of monitor.
pub(crate) const KINDS: &[Kind] = &[
    host_metrics::KIND,
    process::KIND,
    task::KIND,
    tcp_check::KIND,
    http_check::KIND,
    folder::KIND,
    log_pattern::KIND,
    state_file::KIND,
    heartbeat::KIND,
    custom_cmd::KIND,
    comfyui::KIND,
    dev_activity::KIND,
];

/// A look that takes longer is reported as hanging, unless its monitor says that it may.
pub(crate) const LOOK_LIMIT: Duration = Duration::from_secs(30);

/// A monitor, or why there is none.
pub(crate) type Made = Result<Box<dyn Monitor>, BadSetup>;

/// A kind of monitor.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its name in the configuration and in the status.
    pub(crate) type_id: &'static str,
    /// What people call it.
    pub(crate) title: &'static str,
    /// What it watches.
    pub(crate) about: &'static str,
    /// Whether every agent has one, under the name of its kind, without any configuration.
    pub(crate) always_on: bool,
    /// Its settings.
    pub(crate) fields: &'static [Field],
    /// Makes a monitor. Here settings are checked further, and nothing is looked at yet.
    pub(crate) build: fn(&Values, &Setup) -> Made,
}

impl Kind {
    /// Checks a configuration and makes a monitor from it.
    pub(crate) fn make(&self, config: &Map<String, Value>, setup: &Setup) -> Made {
        let values = form::check(self.fields, config).map_err(BadSetup::Fields)?;
        (self.build)(&values, setup)
    }

    /// What a window needs to offer it.
    pub(crate) fn described(&self) -> MonitorType {
        MonitorType {
            type_id: self.type_id.to_owned(),
            title: self.title.to_owned(),
            description: self.about.to_owned(),
            always_on: self.always_on,
            schema: form::schema(self.title, self.about, self.fields),
        }
    }
}

/// What a monitor is made from besides its settings.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// What people call it.
    pub(crate) name: String,
    /// A folder on the disk that matters: TaskPaw's own data.
    pub(crate) data_folder: PathBuf,
    /// The processes of this machine, for all monitors.
    pub(crate) processes: Arc<Processes>,
    /// What holds the programs that it starts.
    pub(crate) leash: Leash,
}

/// Why a monitor cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSetup {
    /// Settings that its kind cannot work with.
    #[error("{}", all_of(.0))]
    Fields(Vec<FieldProblem>),
    /// A system that does not let it look.
    #[error("{0}")]
    System(String),
}

impl BadSetup {
    /// One setting is wrong.
    fn field(key: &str, fault: FieldFault, message: impl Into<String>) -> Self {
        Self::Fields(vec![FieldProblem::new(format!("config.{key}"), fault, message)])
    }
}

impl From<FieldProblem> for BadSetup {
    fn from(problem: FieldProblem) -> Self {
        Self::Fields(vec![problem])
    }
}

/// All problems in one line.
fn all_of(problems: &[FieldProblem]) -> String {
    let one = |FieldProblem { field, message, .. }: &FieldProblem| format!("{field}: {message}");
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Something that is looked at again and again.
pub(crate) trait Monitor: Send {
    /// Looks once. It runs on a thread of its own and may block, panic and hang: no other monitor notices.
    fn check(&mut self) -> Check;

    /// A look that takes longer hangs.
    fn look_limit(&self) -> Duration {
        LOOK_LIMIT
    }

    /// What it needs to go on after a restart, bounded in size; nothing if that is what it said last.
    fn memory(&mut self) -> Option<Value>;

    /// Goes on from what was remembered, before its first look.
    fn recall(&mut self, memory: &Memory);
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
    /// What happened, for other languages.
    pub(crate) kind: EventKind,
    /// How much it matters.
    pub(crate) level: EventLevel,
    /// A short form.
    pub(crate) title: String,
    /// What happened.
    pub(crate) message: String,
    /// What belongs to it: an object, if there is anything.
    pub(crate) data: Option<Value>,
    /// What the monitor has to know after a restart once this was told, for itself alone.
    pub(crate) note: Option<Value>,
}

/// What a look comes to for something that is either well or not: `found` says in words which and why.
fn two_states(name: &str, health: &mut Health, found: Result<String, String>, again_in: Duration) -> Check {
    let turn = health.note(found.is_ok());
    let state = match (&found, health.is_down()) {
        (Ok(_), _) => MonitorState::Ok,
        (Err(_), true) => MonitorState::Error,
        (Err(_), false) => MonitorState::Degraded,
    };
    let detail = found.unwrap_or_else(|why| why);
    let notice = turn.map(|turn| {
        let (kind, level, title) = match turn {
            Turn::Down => (EventKind::Down, EventLevel::Alert, format!("{name} is down")),
            Turn::Up => (EventKind::Up, EventLevel::Done, format!("{name} is well again")),
        };
        Notice { kind, level, title, message: detail.clone(), data: None, note: None }
    });
    Check { state, detail, metrics: Map::new(), notices: notice.into_iter().collect(), again_in }
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

/// What the fuzz targets reach.
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    pub(crate) use super::comfyui::fuzz as comfyui;
    pub(crate) use super::dev_activity::fuzz as dev_activity;
    pub(crate) use super::fuzz_recall as recall;
    pub(crate) use super::fuzz_settings as settings;
    pub(crate) use super::gpu::fuzz as nvidia_smi;
    pub(crate) use super::heartbeat::fuzz as heartbeat;
    pub(crate) use super::log_pattern::fuzz as log;
    pub(crate) use super::state_file::fuzz as state_file;
}

/// The defaults of a kind that watches a file.
#[cfg(feature = "fuzzing")]
fn fuzzed_values(kind: &Kind) -> Result<Values, Vec<FieldProblem>> {
    let path = std::env::temp_dir().join("it").to_string_lossy().into_owned();
    form::check(kind.fields, &[("path".to_owned(), Value::from(path))].into_iter().collect())
}

/// Whatever is remembered, each kind goes on from it, and remembers something.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_recall(memory: &Memory) {
    let setup = fuzzed_setup();
    let config = json!({
        "path": std::env::temp_dir().join("taskpaw-no-such-file"),
        "pattern": "taskpaw-no-such-program",
        "port": 1,
        "url": "http://127.0.0.1:1",
        "command": ["taskpaw-no-such-program"],
    });
    let Value::Object(config) = config else { return };
    // What starts no program and connects to nobody.
    for kind in ["folder", "log_pattern", "state_file", "heartbeat", "task"].into_iter().filter_map(kind) {
        if let Ok(mut monitor) = kind.make(&config, &setup) {
            monitor.recall(memory);
            let _what_it_found = monitor.check();
            let _what_it_remembers = monitor.memory();
        }
    }
}

#[cfg(feature = "fuzzing")]
fn fuzzed_setup() -> Setup {
    Setup {
        name: "it".to_owned(),
        data_folder: std::env::temp_dir(),
        processes: Arc::default(),
        leash: Leash::default(),
    }
}

/// Whatever stands in `config` of a monitor: it is made or refused with the field.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_settings(bytes: &[u8]) {
    let Ok(config) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    let setup = fuzzed_setup();
    for kind in KINDS {
        if let Err(BadSetup::Fields(problems)) = kind.make(&config, &setup) {
            assert!(!problems.is_empty(), "{} is refused without a reason", kind.type_id);
            assert!(problems.iter().all(|problem| problem.field.starts_with("config.")), "{problems:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the tests of every kind make a monitor with.
    pub(super) fn setup() -> Setup {
        Setup {
            name: "it".into(),
            data_folder: std::env::temp_dir(),
            processes: Arc::default(),
            leash: Leash::default(),
        }
    }

    /// A monitor with these settings.
    pub(super) fn made(kind: &Kind, config: Value) -> Box<dyn Monitor> {
        kind.make(config.as_object().unwrap(), &setup()).unwrap_or_else(|bad| panic!("{bad}"))
    }

    /// The field that these settings are refused for.
    pub(super) fn problem(kind: &Kind, config: Value) -> String {
        match kind.make(config.as_object().unwrap(), &setup()) {
            Err(BadSetup::Fields(problems)) => problems[0].field.clone(),
            Err(bad) => panic!("{bad}"),
            Ok(_) => panic!("{config} is accepted"),
        }
    }

    /// Looks until it is found, which it is soon.
    pub(super) fn looked(monitor: &mut dyn Monitor, mut is_it: impl FnMut(&Check) -> bool) -> Check {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            let check = monitor.check();
            if is_it(&check) {
                return check;
            }
            assert!(std::time::Instant::now() < deadline, "not in time: {check:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The levels of what has happened.
    pub(super) fn levels(check: &Check) -> Vec<EventLevel> {
        check.notices.iter().map(|notice| notice.level).collect()
    }

    #[test]
    fn every_kind_has_a_schema_that_its_own_defaults_satisfy() {
        for kind in KINDS {
            let MonitorType { type_id, title, description, schema, .. } = kind.described();
            assert!(!title.is_empty() && description.ends_with('.'), "{type_id}");
            let fields = schema["properties"].as_object().unwrap();
            assert!(fields.contains_key("poll_interval"), "{type_id}");
            for (key, field) in fields {
                let about = field["description"].as_str().unwrap();
                assert!(
                    !field["title"].as_str().unwrap().is_empty() && about.ends_with('.'),
                    "{type_id}.{key}"
                );
                let is_needed = schema["required"].as_array().unwrap().contains(&key.as_str().into());
                assert_eq!(field.get("default").is_none(), is_needed, "{type_id}.{key}");
            }
            let defaults: Map<String, Value> = fields
                .iter()
                .filter_map(|(key, field)| Some((key.clone(), field.get("default")?.clone())))
                .collect();
            let needed = schema["required"].as_array().unwrap().len();
            let missing = form::check(kind.fields, &defaults).map_or_else(|problems| problems.len(), |_| 0);
            assert_eq!(missing, needed, "{type_id}");
        }
        let mut ids: Vec<_> = KINDS.iter().map(|kind| kind.type_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), KINDS.len(), "each id once");
    }

    /// The import of V3's monitors is checked by the same forms, in the host as well.
    #[test]
    fn every_kind_has_its_form_and_every_form_its_kind() {
        let here: Vec<(&str, Vec<&str>)> =
            KINDS.iter().map(|kind| (kind.type_id, keys(kind.fields))).collect();
        let there: Vec<(&str, Vec<&str>)> =
            form::FORMS.iter().map(|(type_id, fields)| (*type_id, keys(fields))).collect();
        assert_eq!(there, here);
    }

    fn keys(fields: &[Field]) -> Vec<&'static str> {
        fields.iter().map(|field| field.key).collect()
    }
}
