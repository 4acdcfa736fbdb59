//! Runs one monitor: it looks on a thread of its own, and cannot stop another one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{EventKind, EventLevel};
use tokio::select;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::board::Board;
use super::events::Emitter;
use super::throttle::{Folded, Throttle};
use crate::monitors::{Check, Kind, Memory, Monitor, Notice, Setup, Subject, Told};

/// How long a monitor that has panicked rests.
const REST: Duration = Duration::from_secs(30);
/// How often it is asked what it remembers.
const REMEMBER_EVERY: Duration = Duration::from_secs(2);

/// What others want of a monitor that runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    /// The monitor is to report what it remembers, and to end.
    pub(super) ending: Arc<Notify>,
    /// The monitor is to look at once.
    pub(super) now: Arc<Notify>,
}

/// One monitor that runs.
pub(super) struct Watch {
    name: String,
    kind: &'static Kind,
    setup: Setup,
    config: Map<String, Value>,
    board: Arc<Board>,
    emitter: Emitter,
    throttle: Throttle,
    is_failing: bool,
    rest: Duration,
    /// What is remembered, with what was told since the monitor said it.
    memory: Memory,
    remembered_at: Option<Instant>,
}

impl Watch {
    /// A monitor that was made from this.
    pub(super) fn new(
        kind: &'static Kind,
        setup: Setup,
        config: Map<String, Value>,
        board: Arc<Board>,
        emitter: Emitter,
    ) -> Self {
        let (name, throttle) = (setup.name.clone(), Throttle::default());
        let memory = Memory { of: Some(Subject::new(kind.type_id, &config)), ..Memory::default() };
        Self {
            name,
            kind,
            setup,
            config,
            board,
            emitter,
            throttle,
            is_failing: false,
            rest: REST,
            memory,
            remembered_at: None,
        }
    }

    /// Goes on from what is remembered of it.
    pub(super) fn recall(&mut self, memory: Option<Memory>) {
        let Some(memory) = memory else { return };
        self.is_failing = memory.is_failing;
        if let Some((count, last)) = memory.left_out.clone() {
            self.throttle.resume(count, last, Instant::now());
        }
        self.memory = Memory { of: self.memory.of.take(), ..memory };
    }

    /// Looks again and again, until it is to end; the sender tells of the first look.
    pub(super) async fn run(
        mut self,
        mut monitor: Box<dyn Monitor>,
        has_looked: oneshot::Sender<()>,
        Wishes { ending, now }: Wishes,
    ) {
        let mut has_looked = Some(has_looked);
        loop {
            let looked = select! {
                biased;
                // What a look that is called off has found was not told: it is not remembered either.
                () = ending.notified() => return,
                looked = self.look(monitor) => looked,
            };
            let pause = match looked {
                Ok((healthy, check)) => {
                    monitor = healthy;
                    let pause = self.accept(check);
                    if self.remembered_at.is_none_or(|at| at.elapsed() >= REMEMBER_EVERY) {
                        self.remember(&mut *monitor);
                    }
                    pause
                }
                Err(error) => {
                    self.fail(&format!("the monitor has failed: {}", reason_of(error)));
                    match self.kind.make(&self.config, &self.setup) {
                        Ok(fresh) => monitor = fresh,
                        Err(bad) => return self.fail(&bad.to_string()),
                    }
                    monitor.recall(&self.memory);
                    self.rest
                }
            };
            if let Some(sender) = has_looked.take() {
                // Readiness may have stopped waiting.
                let _ = sender.send(());
            }
            select! {
                biased;
                () = ending.notified() => return self.remember(&mut *monitor),
                () = now.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Says what is remembered, if it is anything else than before.
    fn remember(&mut self, monitor: &mut dyn Monitor) {
        self.remembered_at = Some(Instant::now());
        let left_out = self.throttle.left_out();
        let known = &mut self.memory;
        let mut is_new = (known.is_failing, &known.left_out) != (self.is_failing, &left_out);
        (known.is_failing, known.left_out) = (self.is_failing, left_out);
        if let Some(found) = monitor.memory() {
            is_new |= known.is_outdated || !known.told.is_empty() || known.found != found;
            (known.is_outdated, known.found) = (false, found);
            known.told.clear();
        }
        if is_new {
            self.emitter.remember(&self.name, known.clone());
        }
    }

    /// One look. One that hangs is reported, and waited for: a second one beside it would hang too.
    async fn look(&mut self, mut monitor: Box<dyn Monitor>) -> Result<(Box<dyn Monitor>, Check), JoinError> {
        let limit = monitor.look_limit();
        let mut look = spawn_blocking(move || {
            let check = monitor.check();
            (monitor, check)
        });
        if let Ok(looked) = timeout(limit, &mut look).await {
            return looked;
        }
        self.fail(&format!("the monitor has not finished its look in {} s", limit.as_secs()));
        look.await
    }

    /// A look has ended well; says when the next one is.
    fn accept(&mut self, mut check: Check) -> Duration {
        let notices = std::mem::take(&mut check.notices);
        let pause = check.again_in;
        // The state before its events: anyone who hears of one and looks sees what it is about.
        self.board.found(&self.name, check);
        if std::mem::take(&mut self.is_failing) {
            self.emit(self.about_itself(
                EventKind::MonitorWorks,
                EventLevel::Done,
                "the monitor works again",
            ));
        }
        for notice in notices {
            self.emit(notice);
        }
        if let Some(Folded { count, last }) = self.throttle.folded(Instant::now()) {
            let message = format!("{count} more events within a minute were left out; the last one: {last}");
            let left_out = self.about_itself(EventKind::LeftOut, EventLevel::Warn, &message);
            self.emitter.emit(&self.name, Notice { data: Some(json!({ "count": count })), ..left_out });
            self.board.dropped(&self.name, 0);
        }
        pause
    }

    /// The monitor itself is broken. It is said once, until it works again.
    fn fail(&mut self, reason: &str) {
        self.board.broken(&self.name, reason);
        if !std::mem::replace(&mut self.is_failing, true) {
            self.emit(self.about_itself(EventKind::MonitorFailed, EventLevel::Alert, reason));
        }
    }

    fn emit(&mut self, notice: Notice) {
        let Notice { kind, data, note, .. } = notice.clone();
        self.memory.add(Told { kind, data: data.unwrap_or_default(), note });
        if self.throttle.admits(&notice.message, Instant::now()) {
            self.emitter.emit(&self.name, notice);
        } else {
            self.board.dropped(&self.name, self.throttle.dropped());
        }
    }

    fn about_itself(&self, kind: EventKind, level: EventLevel, message: &str) -> Notice {
        Notice { kind, level, title: self.name.clone(), message: message.to_owned(), data: None, note: None }
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

    use taskpaw_contract::ipc::MonitorState;
    use tokio::sync::broadcast;

    use super::super::events::{EventQueue, Place};
    use super::super::recorder::Recorder;
    use super::*;
    use crate::monitors::Leash;

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

        fn look_limit(&self) -> Duration {
            Duration::from_millis(50)
        }

        fn memory(&mut self) -> Option<Value> {
            None
        }

        fn recall(&mut self, _memory: &Memory) {}
    }

    const FAULTY: Kind = Kind {
        type_id: "faulty",
        title: "t",
        about: "a",
        always_on: false,
        fields: &[],
        build: |_, _| Ok(Box::new(Faulty)),
    };

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
        let news = broadcast::channel(16).0;
        let queue = EventQueue::open(Place::in_folder(folder.path()), "m".into(), news.clone()).unwrap();
        let recorder = Arc::new(Recorder::new(folder.path().join("history")));
        let board = Arc::new(Board::new(news, recorder));
        board.add("f", "faulty", MonitorState::Unknown, "");
        let setup = Setup {
            name: "f".into(),
            data_folder: folder.path().to_owned(),
            processes: Arc::default(),
            leash: Leash::default(),
        };
        let mut watch = Watch::new(&FAULTY, setup, Map::new(), board.clone(), queue.emitter());
        watch.rest = Duration::from_millis(100);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::spawn(watch.run(Box::new(Faulty), oneshot::channel().0, Wishes::default()));
            assert_eq!(until(&board, "broken wire").await["state"], "error");
            assert_eq!(until(&board, "has not finished").await["state"], "error");
            while board.snapshot()["f"]["state"] != "ok" {
                sleep(Duration::from_millis(2)).await;
            }
        });
        runtime.shutdown_background();
        queue.flush();
        let levels: Vec<_> = queue.recent(100, None).into_iter().map(|event| event.level).collect();
        assert_eq!(levels, [Some(EventLevel::Alert), Some(EventLevel::Done)], "said once, until it is well");
    }
}
