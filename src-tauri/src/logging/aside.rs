//! What a log is written to: standard error may be a pipe that nobody reads, and the folder of a file a disk that does not
//! answer. Each is written on a thread of its own, and what cannot be written is dropped.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// How many lines, and bytes of them, wait for a reader, or for the disk.
const LINES: usize = 4096;
const BYTES: usize = 4 << 20;
/// How long a last word is waited for.
const SAID_WITHIN: Duration = Duration::from_secs(1);
/// How long a process that ends waits for its last lines: it may have to end in time.
const FINISHED_WITHIN: Duration = Duration::from_millis(250);

/// Everything that is written aside in this process.
static ALL: Mutex<Vec<Aside>> = Mutex::new(Vec::new());

/// What waits to be written.
enum Job {
    Write(Vec<u8>),
    /// Everything before was written.
    Tell(SyncSender<()>),
}

/// Something that is written aside. Its clones are the same one.
#[derive(Clone)]
pub(crate) struct Aside {
    jobs: SyncSender<Job>,
    /// How many bytes wait.
    waiting: Arc<AtomicUsize>,
}

impl Aside {
    /// Standard error of this process.
    pub(super) fn stderr() -> Self {
        static SHARED: OnceLock<Aside> = OnceLock::new();
        SHARED.get_or_init(|| Self::over("stderr", io::stderr())).clone()
    }

    /// Whatever can be written, on a thread of this name, for as long as the process runs.
    pub(crate) fn over(name: &str, mut to: impl Write + Send + 'static) -> Self {
        let (jobs, todo) = sync_channel(LINES);
        let aside = Self { jobs, waiting: Arc::default() };
        let waiting = Arc::clone(&aside.waiting);
        // Where no thread can be had nothing is said there.
        let _without = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            for job in todo {
                match job {
                    Job::Write(bytes) => {
                        let _nobody_hears_it = to.write_all(&bytes);
                        waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
                    }
                    Job::Tell(written) => {
                        let _no_longer_waited_for = written.try_send(());
                    }
                }
            }
        });
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(aside.clone());
        aside
    }

    /// Has this written, if not too much waits. Never waits itself.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let is_too_much = self.waiting.fetch_add(bytes.len(), Ordering::Relaxed) > BYTES;
        if is_too_much || self.jobs.try_send(Job::Write(bytes.to_vec())).is_err() {
            self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
        }
    }

    /// Hears when everything was written; nothing if nobody hears of anything any more.
    fn written(&self) -> Option<Receiver<()>> {
        let (tell, written) = sync_channel(1);
        self.jobs.try_send(Job::Tell(tell)).ok().map(|()| written)
    }

    /// Waits until everything was written; not for long.
    pub(crate) fn wait(&self) {
        if let Some(written) = self.written() {
            let _in_time_or_not = written.recv_timeout(SAID_WITHIN);
        }
    }
}

/// Writes a line, and waits until it is written where somebody reads it: the process may end right after it.
pub(crate) fn say(line: &str) {
    let stderr = Aside::stderr();
    stderr.write(format!("{line}\n").as_bytes());
    stderr.wait();
}

/// The process is about to end: waits until everything was written; not for long where something is stuck.
pub(crate) fn finish() {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let until = Instant::now() + FINISHED_WITHIN;
    let all: Vec<_> = all.iter().filter_map(Aside::written).collect();
    for written in all {
        let _in_time_or_not = written.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// One line of the log.
pub(crate) struct Line<'a>(&'a Aside);

impl<'a> MakeWriter<'a> for Aside {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&redaction::clean_bytes(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes nothing until it is told to.
    struct Blocked(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ended_with_the_test = self.0.recv();
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Takes nothing ever.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn one_that_nobody_reads_holds_nobody_up_and_says_what_it_can_when_somebody_does() {
        let ((release, blocked), said) = (channel(), Arc::default());
        let stderr = Aside::over("test", Blocked(blocked, Arc::clone(&said)));
        let began = Instant::now();
        for number in 0..10_000 {
            writeln!(stderr.make_writer(), "{number}").unwrap();
        }
        // Whatever is written next waits until `release` is gone: to come this far is the proof that nobody was held up.
        stderr.wait();
        assert!(stderr.waiting.load(Ordering::Relaxed) <= BYTES + 8, "memory is bounded");
        drop(release);
        let heard = || String::from_utf8(said.lock().unwrap().clone()).unwrap();
        while !heard().contains("900\n") && began.elapsed() < SAID_WITHIN * 60 {
            std::thread::yield_now();
        }
        assert!(heard().starts_with("0\n1\n2\n"), "the first ones are kept");
    }

    #[test]
    fn one_that_cannot_be_written_is_no_error() {
        let stderr = Aside::over("test", Full);
        writeln!(stderr.make_writer(), "lost").unwrap();
        stderr.wait();
        writeln!(stderr.make_writer(), "lost too").unwrap();
    }
}
