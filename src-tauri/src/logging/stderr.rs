//! Standard error, which may be a pipe that nobody reads: it is written on a thread of its own, and what cannot be written
//! is dropped.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// So many lines wait for whoever reads them.
const LINES: usize = 512;
/// How long a last word is waited for.
const SAID_WITHIN: Duration = Duration::from_secs(1);

/// What is to be written.
enum Job {
    Write(Vec<u8>),
    /// Everything before was written.
    Tell(SyncSender<()>),
}

/// Standard error. Its clones are the same one.
#[derive(Clone)]
pub(super) struct Stderr(SyncSender<Job>);

impl Stderr {
    /// The one of this process.
    pub(super) fn shared() -> Self {
        static SHARED: OnceLock<Stderr> = OnceLock::new();
        SHARED.get_or_init(|| Self::over(io::stderr())).clone()
    }

    fn over(mut to: impl Write + Send + 'static) -> Self {
        let (jobs, todo) = sync_channel(LINES);
        // Where no thread can be had nothing is said there; the file has it.
        let _without = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || {
            for job in todo {
                match job {
                    Job::Write(bytes) => {
                        let _nobody_hears_it = to.write_all(&bytes);
                    }
                    Job::Tell(written) => {
                        let _no_longer_waited_for = written.try_send(());
                    }
                }
            }
        });
        Self(jobs)
    }

    fn write(&self, bytes: &[u8]) {
        let _dropped_where_nobody_reads = self.0.try_send(Job::Write(bytes.to_vec()));
    }

    /// Waits until everything was written; not for long.
    fn wait(&self) {
        let (tell, written) = sync_channel(1);
        if self.0.try_send(Job::Tell(tell)).is_ok() {
            let _in_time_or_not = written.recv_timeout(SAID_WITHIN);
        }
    }
}

/// Says a line, and waits until it is said where somebody hears it: the process may end right after it.
pub(crate) fn say(line: &str) {
    let stderr = Stderr::shared();
    stderr.write(format!("{line}\n").as_bytes());
    stderr.wait();
}

/// One line of the log.
pub(super) struct Line<'a>(&'a Stderr);

impl<'a> MakeWriter<'a> for Stderr {
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
    use std::sync::mpsc::{Receiver, channel};
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

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
        let stderr = Stderr::over(Blocked(blocked, Arc::clone(&said)));
        let began = Instant::now();
        for number in 0..10_000 {
            writeln!(stderr.make_writer(), "{number}").unwrap();
        }
        stderr.wait();
        assert!(began.elapsed() < SAID_WITHIN * 3, "{:?}", began.elapsed());
        drop(release);
        let heard = || String::from_utf8(said.lock().unwrap().clone()).unwrap();
        while !heard().contains("400\n") && began.elapsed() < SAID_WITHIN * 20 {
            std::thread::yield_now();
        }
        assert!(heard().starts_with("0\n1\n2\n"), "the first ones are kept");
    }

    #[test]
    fn one_that_cannot_be_written_is_no_error() {
        let stderr = Stderr::over(Full);
        writeln!(stderr.make_writer(), "lost").unwrap();
        stderr.wait();
        writeln!(stderr.make_writer(), "lost too").unwrap();
    }
}
