//! Runs the monitors: each looks on a thread of its own, and none can stop another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use taskpaw_contract::config::{AgentConfig, MonitorConfig};
use taskpaw_contract::ipc::{EventLevel, MonitorState};
use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::board::Board;
use super::events::Emitter;
use crate::monitors::{self, Check, Kind, Monitor, Notice, Setup};

/// A look that takes longer is reported as hanging.
const LOOK_LIMIT: Duration = Duration::from_secs(30);
/// How long a monitor that has panicked rests.
const REST: Duration = Duration::from_secs(30);
/// How long readiness waits for the first numbers.
const FIRST_LOOK_WAIT: Duration = Duration::from_millis(500);

/// Starts every monitor, and returns when those that are always on have looked once.
pub(super) async fn start(config: &AgentConfig, data_folder: &Path, board: &Arc<Board>, emitter: &Emitter) {
    let mut first_looks = Vec::new();
    for monitor in monitors::always_on() {
        first_looks.extend(add(&monitor, data_folder, board, emitter));
    }
    for monitor in &config.monitors {
        add(monitor, data_folder, board, emitter);
    }
    let all = async {
        for look in first_looks {
            // A monitor that panicked never says that it has looked.
            let _ = look.await;
        }
    };
    if timeout(FIRST_LOOK_WAIT, all).await.is_err() {
        tracing::warn!("the first look at this machine takes long; the agent is ready without it");
    }
}

/// Adds one monitor; the receiver is told after its first look.
fn add(
    config: &MonitorConfig,
    data_folder: &Path,
    board: &Arc<Board>,
    emitter: &Emitter,
) -> Option<oneshot::Receiver<()>> {
    let MonitorConfig { type_id, name, enabled, config } = config;
    let refuse = |reason: &str| {
        tracing::error!("monitor {name}: {reason}");
        board.add(name, type_id, MonitorState::Error, reason);
    };
    let Some(kind) = monitors::kind(type_id) else {
        refuse(&format!("this version knows no monitor of type {type_id}"));
        return None;
    };
    if !enabled {
        board.add(name, type_id, MonitorState::Stopped, "switched off");
        return None;
    }
    let setup = Setup { config: config.clone(), data_folder: data_folder.to_owned() };
    let monitor = match (kind.build)(&setup) {
        Ok(monitor) => monitor,
        Err(bad) => {
            refuse(&bad.to_string());
            return None;
        }
    };
    board.add(name, type_id, MonitorState::Unknown, "not looked yet");
    let (has_looked, looked) = oneshot::channel();
    let watch = Watch { name: name.clone(), kind, setup, board: board.clone(), emitter: emitter.clone() };
    tokio::spawn(watch.run(monitor, has_looked));
    Some(looked)
}

/// One monitor that runs.
struct Watch {
    name: String,
    kind: &'static Kind,
    setup: Setup,
    board: Arc<Board>,
    emitter: Emitter,
}

impl Watch {
    async fn run(self, mut monitor: Box<dyn Monitor>, has_looked: oneshot::Sender<()>) {
        let mut has_looked = Some(has_looked);
        let mut is_broken = false;
        loop {
            let pause = match self.look(monitor).await {
                Ok((healthy, check)) => {
                    monitor = healthy;
                    if is_broken {
                        is_broken = false;
                        self.emit(EventLevel::Done, "The monitor works again".to_owned());
                    }
                    self.accept(check)
                }
                Err(error) => {
                    let reason = format!("the monitor has failed: {}", reason_of(error));
                    if !is_broken {
                        is_broken = true;
                        self.emit(EventLevel::Alert, reason.clone());
                    }
                    self.board.broken(&self.name, &reason);
                    match (self.kind.build)(&self.setup) {
                        Ok(fresh) => monitor = fresh,
                        Err(bad) => return tracing::error!("monitor {}: {bad}", self.name),
                    }
                    REST
                }
            };
            if let Some(sender) = has_looked.take() {
                // Readiness may have stopped waiting.
                let _ = sender.send(());
            }
            sleep(pause).await;
        }
    }

    /// One look. One that hangs is reported, and waited for: a second one beside it would hang too.
    async fn look(&self, mut monitor: Box<dyn Monitor>) -> Result<(Box<dyn Monitor>, Check), JoinError> {
        let mut look = spawn_blocking(move || {
            let check = monitor.check();
            (monitor, check)
        });
        match timeout(LOOK_LIMIT, &mut look).await {
            Ok(looked) => looked,
            Err(_) => {
                let reason = format!("the monitor has not finished its look in {} s", LOOK_LIMIT.as_secs());
                self.emit(EventLevel::Alert, reason.clone());
                self.board.broken(&self.name, &reason);
                look.await
            }
        }
    }

    fn accept(&self, mut check: Check) -> Duration {
        for notice in check.notices.drain(..) {
            self.emitter.emit(&self.name, notice);
        }
        let pause = check.again_in;
        self.board.found(&self.name, check);
        pause
    }

    fn emit(&self, level: EventLevel, message: String) {
        let title = self.name.clone();
        self.emitter.emit(&self.name, Notice { level, title, message, data: None });
    }
}

fn reason_of(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was called off".to_owned() };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it has panicked").to_owned()
}
