//! Runs the monitors: each looks on a thread of its own, and none can stop another.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskpaw_contract::config::{AgentConfig, MonitorConfig};
use taskpaw_contract::ipc::{EventLevel, MonitorState};
use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::board::Board;
use super::events::Emitter;
use super::throttle::Throttle;
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
    let watch = Watch {
        name: name.clone(),
        kind,
        setup,
        board: board.clone(),
        emitter: emitter.clone(),
        throttle: Throttle::new(Instant::now()),
        is_failing: false,
        look_limit: LOOK_LIMIT,
        rest: REST,
    };
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
    throttle: Throttle,
    is_failing: bool,
    look_limit: Duration,
    rest: Duration,
}

impl Watch {
    async fn run(mut self, mut monitor: Box<dyn Monitor>, has_looked: oneshot::Sender<()>) {
        let mut has_looked = Some(has_looked);
        loop {
            let pause = match self.look(monitor).await {
                Ok((healthy, check)) => {
                    monitor = healthy;
                    self.accept(check)
                }
                Err(error) => {
                    self.fail(&format!("the monitor has failed: {}", reason_of(error)));
                    match (self.kind.build)(&self.setup) {
                        Ok(fresh) => monitor = fresh,
                        Err(bad) => return self.fail(&bad.to_string()),
                    }
                    self.rest
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
    async fn look(&mut self, mut monitor: Box<dyn Monitor>) -> Result<(Box<dyn Monitor>, Check), JoinError> {
        let mut look = spawn_blocking(move || {
            let check = monitor.check();
            (monitor, check)
        });
        if let Ok(looked) = timeout(self.look_limit, &mut look).await {
            return looked;
        }
        self.fail(&format!("the monitor has not finished its look in {} s", self.look_limit.as_secs()));
        look.await
    }

    /// A look has ended well; says when the next one is.
    fn accept(&mut self, mut check: Check) -> Duration {
        if std::mem::take(&mut self.is_failing) {
            self.emit(self.about_itself(EventLevel::Done, "the monitor works again"));
        }
        for notice in check.notices.drain(..) {
            self.emit(notice);
        }
        if let Some(folded) = self.throttle.folded(Instant::now()) {
            let message = format!("{folded} more events within a minute were left out");
            self.emitter.emit(&self.name, self.about_itself(EventLevel::Warn, &message));
        }
        let pause = check.again_in;
        self.board.found(&self.name, check);
        pause
    }

    /// The monitor itself is broken. It is said once, until it works again.
    fn fail(&mut self, reason: &str) {
        self.board.broken(&self.name, reason);
        if !std::mem::replace(&mut self.is_failing, true) {
            self.emit(self.about_itself(EventLevel::Alert, reason));
        }
    }

    fn emit(&mut self, notice: Notice) {
        if self.throttle.admits_one() {
            self.emitter.emit(&self.name, notice);
        }
    }

    fn about_itself(&self, level: EventLevel, message: &str) -> Notice {
        Notice { level, title: self.name.clone(), message: message.to_owned(), data: None }
    }
}

fn reason_of(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was called off".to_owned() };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it has panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use serde_json::{Map, Value};

    use super::super::events::EventQueue;
    use super::*;
    use crate::monitors::BadSetup;

    struct Faulty;

    static LOOKS: AtomicU32 = AtomicU32::new(0);

    impl Monitor for Faulty {
        fn check(&mut self) -> Check {
            match LOOKS.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("broken wire"),
                1 => thread::sleep(Duration::from_millis(200)),
                _ => {}
            }
            let again_in = Duration::from_millis(10);
            Check {
                state: MonitorState::Ok,
                detail: "d".into(),
                metrics: Map::new(),
                notices: vec![],
                again_in,
            }
        }
    }

    fn build(_: &Setup) -> Result<Box<dyn Monitor>, BadSetup> {
        Ok(Box::new(Faulty))
    }

    const FAULTY: Kind = Kind { type_id: "faulty", always_on: false, build };

    async fn until(board: &Board, words: &str) -> Value {
        let shown = async {
            loop {
                let status = board.snapshot().remove("f").unwrap();
                if status["detail"].as_str().unwrap().contains(words) {
                    return status;
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(5), shown).await.expect(words)
    }

    #[test]
    fn a_monitor_that_panics_or_hangs_is_shown_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let queue = EventQueue::open(&folder.path().join("events"), "m".into()).unwrap();
        let board = Arc::new(Board::default());
        board.add("f", "faulty", MonitorState::Unknown, "");
        let watch = Watch {
            name: "f".into(),
            kind: &FAULTY,
            setup: Setup { config: Map::new(), data_folder: folder.path().to_owned() },
            board: board.clone(),
            emitter: queue.emitter(),
            throttle: Throttle::new(Instant::now()),
            is_failing: false,
            look_limit: Duration::from_millis(50),
            rest: Duration::from_millis(100),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::spawn(watch.run(Box::new(Faulty), oneshot::channel().0));
            assert_eq!(until(&board, "broken wire").await["state"], "error");
            assert_eq!(until(&board, "has not finished").await["state"], "error");
            while board.snapshot()["f"]["state"] != "ok" {
                sleep(Duration::from_millis(2)).await;
            }
        });
        runtime.shutdown_background();
        queue.flush();
        let levels: Vec<_> = queue.fetch(None).into_iter().map(|event| event.level).collect();
        assert_eq!(levels, [Some(EventLevel::Alert), Some(EventLevel::Done)], "said once, until it is well");
    }
}
