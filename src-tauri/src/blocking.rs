//! Work that may wait: for a disk, a lock, another process. It never runs on the threads that answer the window: the main one, as
//! soon as its event loop runs, and those of the runtime. A development build says in its log where the configuration is read or a port
//! looked at on one of these ([`here`]); tests look for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tauri::async_runtime::{JoinHandle, block_on};

/// What the runtime calls its threads, of both kinds.
const OF_THE_RUNTIME: &str = "tokio-rt-worker";
/// What the system calls the first thread of a program.
const MAIN: &str = "main";

/// The threads of the runtime that nobody else needs just now.
static MAY_WAIT: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

fn threads_that_may_wait() -> MutexGuard<'static, Vec<ThreadId>> {
    MAY_WAIT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the event loop runs.
static MAIN_ANSWERS: AtomicBool = AtomicBool::new(false);

/// From now on the main thread answers the window.
pub(crate) fn main_answers() {
    MAIN_ANSWERS.store(true, Ordering::Relaxed);
}

/// Whether this thread may wait: nobody else needs it.
fn may_wait() -> bool {
    match thread::current().name() {
        Some(OF_THE_RUNTIME) => threads_that_may_wait().contains(&thread::current().id()),
        Some(MAIN) => !MAIN_ANSWERS.load(Ordering::Relaxed),
        _ => true,
    }
}

/// What follows may wait. A development build says if it is on a thread that must not.
#[track_caller]
pub(crate) fn here() {
    if cfg!(debug_assertions) && !may_wait() {
        let place = std::panic::Location::caller();
        tracing::error!(%place, thread = thread::current().name(), "a thread that answers the window waits");
    }
}

/// Does what may wait on a thread of the runtime that nobody else needs meanwhile.
pub(crate) fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tauri::async_runtime::spawn_blocking(move || {
        threads_that_may_wait().push(thread::current().id());
        // The thread may do other work afterwards, also after a panic.
        let _afterwards = Afterwards;
        work()
    })
}

struct Afterwards;

impl Drop for Afterwards {
    fn drop(&mut self) {
        let this = thread::current().id();
        threads_that_may_wait().retain(|thread| *thread != this);
    }
}

/// Runs on a thread of its own what waits for others most of the time, and sometimes for a disk.
pub(crate) fn spawn_alone(name: &str, work: impl Future<Output = ()> + Send + 'static) {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || block_on(work));
    if let Err(error) = spawned {
        tracing::error!(%error, name, "it cannot be done: the system has no thread for it");
    }
}

/// What comes out in time, of what may wait; nothing if it takes longer, and then nobody hears what comes of it.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = mpsc::channel();
    let spawned = thread::Builder::new().name("in time".to_owned()).spawn(move || {
        let _nobody_waits_any_more = tell.send(work());
    });
    spawned.ok()?;
    told.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    fn runtime_of_one_thread() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    /// The name is that of a crate: if it changes, nobody would notice who waits where.
    #[test]
    fn the_threads_of_the_runtime_are_known_and_only_what_is_set_apart_may_wait_on_them() {
        let runtime = runtime_of_one_thread();
        let on_a_worker = runtime.block_on(async { tokio::spawn(async { may_wait() }).await.unwrap() });
        assert!(!on_a_worker);
        let apart = block_on(async { spawn_blocking(may_wait).await.unwrap() });
        assert!(apart);
        let panicked = block_on(async { spawn_blocking(|| panic!("on purpose")).await });
        assert!(panicked.is_err());
        // Whichever thread it is that was used before.
        let afterwards = block_on(async {
            let looks: Vec<_> = (0..4).map(|_| tauri::async_runtime::spawn_blocking(may_wait)).collect();
            let mut any = false;
            for look in looks {
                any |= look.await.unwrap();
            }
            any
        });
        assert!(!afterwards);
        assert!(may_wait(), "this thread is a test's own");
    }

    #[test]
    fn many_that_wait_keep_nobody_from_being_answered() {
        // More than there are processors, so that the runtime has no thread left if they waited on its own.
        let waiting = thread::available_parallelism().map_or(8, |it| it.get() * 2);
        let all = Arc::new(Barrier::new(waiting + 1));
        let blocked: Vec<_> = (0..waiting)
            .map(|_| {
                let all = Arc::clone(&all);
                tauri::async_runtime::spawn(async move { spawn_blocking(move || all.wait()).await.is_ok() })
            })
            .collect();
        let answered = block_on(async {
            tauri::async_runtime::spawn(async { spawn_blocking(|| 7).await.unwrap() }).await
        });
        assert_eq!(answered.unwrap(), 7, "while they all wait");
        all.wait();
        for waited in blocked {
            assert!(block_on(waited).unwrap());
        }
    }

    #[test]
    fn what_does_not_come_in_time_is_not_waited_for() {
        let (keep, kept) = mpsc::channel::<()>();
        assert_eq!(within(Duration::from_millis(1), move || kept.recv().is_ok()), None);
        drop(keep);
        assert_eq!(within(Duration::from_secs(60), || 7), Some(7));
    }
}
