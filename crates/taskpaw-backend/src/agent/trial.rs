//! One look as a monitor would look, for a person who is about to add it: nothing of it is kept, and nobody is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taskpaw_contract::config::MonitorConfig;
use taskpaw_contract::ipc::{FieldProblem, MonitorState, MonitorStatus};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::board::Board;
use super::recorder::Recorder;
use crate::http::ApiError;
use crate::monitors::{self, BadSetup, Setup};

/// The app waits five seconds for an answer.
const WITHIN: Duration = Duration::from_secs(4);

/// The trials of monitors: one look at a time, so that nobody has a machine full of them.
pub(super) struct Trials {
    turn: Arc<Semaphore>,
    within: Duration,
}

impl Default for Trials {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), within: WITHIN }
    }
}

impl Trials {
    /// What the monitor would say now. A look that takes longer than a person waits says that, and is called off.
    pub(super) async fn look(&self, wanted: &MonitorConfig, setup: Setup) -> Result<MonitorStatus, ApiError> {
        let MonitorConfig { type_id, config, .. } = wanted;
        let refused = |field: &str, message: String| {
            ApiError::InvalidFields(vec![FieldProblem::in_words(field, message)])
        };
        let Some(kind) = monitors::kind(type_id) else {
            return Err(refused("type_id", format!("this version knows no monitor of type {type_id}")));
        };
        let mut config = config.clone();
        // What a log says already is all that a single look can find.
        if kind.fields.iter().any(|field| field.key == "from_start") {
            config.insert("from_start".to_owned(), Value::Bool(true));
        }
        let mut monitor = match kind.make(&config, &setup) {
            Ok(monitor) => monitor,
            Err(BadSetup::Fields(fields)) => return Err(ApiError::InvalidFields(fields)),
            Err(BadSetup::System(reason)) => return Err(refused("type_id", reason)),
        };
        let board = Board::new(broadcast::channel(1).0, Arc::new(Recorder::new(PathBuf::new())));
        board.add(&setup.name, type_id, MonitorState::Unknown, "it has not finished its look in this time");
        let (turn, leash) = (Arc::clone(&self.turn), setup.leash.clone());
        let looking = async move {
            // It is given back by the look itself, also by one that hangs.
            let permit = turn.acquire_owned().await;
            spawn_blocking(move || {
                let check = monitor.check();
                drop(permit);
                check
            })
            .await
        };
        match timeout(self.within, looking).await {
            Ok(Ok(check)) => board.found(&setup.name, check),
            Ok(Err(_panicked)) => return Err(ApiError::Internal),
            Err(_too_long) => {}
        }
        leash.cut();
        let mut found = None;
        board.each(|_, status| found = Some(status.clone()));
        found.ok_or(ApiError::Internal)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn setup() -> Setup {
        Setup {
            name: "trial".into(),
            data_folder: std::env::temp_dir(),
            processes: Arc::default(),
            leash: monitors::Leash::default(),
        }
    }

    fn wanted(type_id: &str, config: Value) -> MonitorConfig {
        serde_json::from_value(json!({ "type_id": type_id, "name": "", "config": config })).unwrap()
    }

    #[tokio::test]
    async fn a_look_says_what_the_monitor_would_say_and_needs_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("render.log");
        std::fs::write(&log, "Progress: 10 %\nProgress: 48 %\n").unwrap();
        let config = json!({ "path": log, "progress_pattern": r"Progress: (\d+)" });
        let found = Trials::default().look(&wanted("log_pattern", config), setup()).await.unwrap();
        assert_eq!((found.state, &found.metrics["progress_percent"]), (MonitorState::Running, &json!(48.0)));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_field_is_said_at_it() {
        let refused = Trials::default().look(&wanted("log_pattern", json!({})), setup()).await.unwrap_err();
        assert!(matches!(&refused, ApiError::InvalidFields(fields) if fields[0].field == "config.path"));
        let refused = Trials::default().look(&wanted("nothing", json!({})), setup()).await.unwrap_err();
        assert!(matches!(&refused, ApiError::InvalidFields(fields) if fields[0].field == "type_id"));
    }

    #[tokio::test]
    async fn a_look_that_takes_long_is_called_off_and_says_so() {
        let trials = Trials { within: Duration::from_millis(50), ..Trials::default() };
        let command = if cfg!(windows) { vec!["ping", "-n", "30", "127.0.0.1"] } else { vec!["sleep", "30"] };
        let wanted = wanted("custom_cmd", json!({ "command": command }));
        let look = trials.look(&wanted, setup());
        let found = timeout(Duration::from_secs(20), look).await.unwrap().unwrap();
        assert_eq!((found.state, found.last_update), (MonitorState::Unknown, None));
    }
}
