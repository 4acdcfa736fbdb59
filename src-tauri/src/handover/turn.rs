//! Who is on the way to the place: one host at a time, which others can ask and have shown.
//!
//! A starting host holds the lock `next`, and listens on a socket of its own, until it has the place or ends. Others that
//! start ask there: the same version has its window shown, another one waits for its turn. The turn only keeps an order:
//! who has the place is asked of the place alone, so that one that hangs on its way is passed by.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{Listener, Stream};

use super::line::{read_line, write_line};
use super::place::Lock;
use super::protocol::{Answer, Ask, PROTOCOL, Want, Will};
use super::socket::Socket;

/// What a host is on its way for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The host wants to run.
    Run,
    /// The host ends the one that runs, and those that wait.
    Quit,
}

/// What to do after the host on the way was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterAsk {
    /// The other host does what this one was started for, or all are being ended: there is nothing left to do.
    Done,
    /// The other host goes first.
    Wait,
    /// The other host does not answer: this one goes on without a turn.
    PassBy,
}

/// How long the host on the way may be unheard.
pub(super) const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// Decides after an ask. `unheard_for` says since when nobody was heard; nothing if the answer was understood.
pub(super) fn after_ask(answer: Option<Will>, unheard_for: Duration) -> AfterAsk {
    match answer {
        Some(Will::Show | Will::Quit) => AfterAsk::Done,
        Some(Will::Stay | Will::HandOver | Will::StandDown) => AfterAsk::Wait,
        None if unheard_for < HEARD_WITHIN => AfterAsk::Wait,
        None => AfterAsk::PassBy,
    }
}

/// What a host that is on its way does when it is asked.
fn answered_on_the_way(ask: &Ask, own: &str, purpose: Purpose, has_window: bool) -> Will {
    match (purpose, ask.want) {
        (Purpose::Quit, _) | (_, Want::Quit) => Will::Quit,
        (Purpose::Run, _) if ask.version == own && has_window => Will::Show,
        (Purpose::Run, _) => Will::Stay,
    }
}

/// How long a turn waits at its end for the one that hears others. It ends at once; where it does not, the next in turn is
/// not heard, and passed by.
const DEAF_WITHIN: Duration = Duration::from_secs(1);

/// The right to be on the way. Its drop gives it to the next, and takes [`DEAF_WITHIN`] at most.
#[derive(Debug)]
pub(crate) struct Turn {
    lock: Lock,
    /// Where others are heard, and what breaks off when nobody hears them any more.
    listening: Option<(Socket, mpsc::Receiver<()>)>,
    hearing: Arc<Hearing>,
    asked: Option<mpsc::Receiver<Will>>,
}

/// What others hear depends on this.
#[derive(Debug)]
struct Hearing {
    version: &'static str,
    purpose: Purpose,
    /// Whether there is a window to show.
    has_window: AtomicBool,
    is_over: AtomicBool,
}

impl Turn {
    /// Begins to listen, for a host that has the lock.
    pub(super) fn begin(
        lock: Lock,
        socket: io::Result<Socket>,
        version: &'static str,
        purpose: Purpose,
    ) -> Self {
        let (tell, asked) = mpsc::channel();
        let (has_window, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        let hearing = Arc::new(Hearing { version, purpose, has_window, is_over });
        let heard_by = Arc::clone(&hearing);
        let listening = socket.and_then(|socket| {
            let listener = socket.listen()?;
            let (hears, ended) = mpsc::channel();
            thread::Builder::new().name("on the way".to_owned()).spawn(move || {
                hear(&listener, &heard_by, &tell);
                drop(listener);
                drop::<mpsc::Sender<()>>(hears);
            })?;
            Ok((socket, ended))
        });
        let listening =
            listening.inspect_err(|error| tracing::warn!(%error, "others that start cannot be heard")).ok();
        Self { lock, listening, hearing, asked: Some(asked) }
    }

    /// What others are promised from now on: a window that is shown, or an end. It ends with the turn. Given once.
    pub(super) fn asked(&mut self) -> Option<mpsc::Receiver<Will>> {
        self.hearing.has_window.store(true, Ordering::SeqCst);
        self.asked.take()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.hearing.is_over.store(true, Ordering::SeqCst);
        if let Some((socket, ended)) = self.listening.take() {
            // It waits for somebody to connect, and a system may keep that one waiting in its turn.
            let (has_ended, until_ended) = mpsc::channel::<()>();
            let woken = thread::Builder::new().name("end of the way".to_owned()).spawn(move || {
                let _connected = socket.connect();
                let _it_has_ended = until_ended.recv();
            });
            if woken.is_err() || ended.recv_timeout(DEAF_WITHIN) == Err(RecvTimeoutError::Timeout) {
                tracing::warn!("others that start are still heard after the end of the turn");
            }
            drop(has_ended);
        }
        self.lock.taken().lend();
    }
}

fn hear(listener: &Listener, hearing: &Arc<Hearing>, tell: &mpsc::Sender<Will>) {
    for stream in listener.incoming() {
        if hearing.is_over.load(Ordering::SeqCst) {
            return;
        }
        match stream {
            Ok(stream) => {
                let (hearing, tell) = (Arc::clone(hearing), tell.clone());
                // One that is slow to ask must not keep others waiting.
                thread::spawn(move || answer(stream, &hearing, &tell));
            }
            Err(error) => tracing::warn!(%error, "a starting TaskPaw could not be heard"),
        }
    }
}

fn answer(mut stream: Stream, hearing: &Hearing, tell: &mpsc::Sender<Will>) {
    let ask: Ask = match read_line(&mut stream) {
        Ok(ask) => ask,
        Err(error) => return tracing::debug!(%error, "somebody asked nothing that is understood"),
    };
    let has_window = hearing.has_window.load(Ordering::SeqCst);
    let will = answered_on_the_way(&ask, hearing.version, hearing.purpose, has_window);
    let (version, pid) = (hearing.version.to_owned(), std::process::id());
    let window = serde_json::Value::Null;
    let answer = Answer { taskpaw_instance: 1, version, pid, will, protocol: PROTOCOL, window };
    if let Err(error) = write_line(&mut stream, &answer) {
        tracing::debug!(%error, "who asked is gone");
    }
    let _nobody_listens_yet_or_any_more = tell.send(will);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_version_is_shown_another_one_waits_and_an_end_is_an_end_for_all() {
        let answer =
            |version, want, purpose| answered_on_the_way(&Ask::of(version, want), "4.1.0", purpose, true);
        assert_eq!(answer("4.1.0", Want::Show, Purpose::Run), Will::Show);
        assert_eq!(answer("4.2.0", Want::Show, Purpose::Run), Will::Stay);
        for version in ["4.1.0", "4.2.0"] {
            assert_eq!(answer(version, Want::Quit, Purpose::Run), Will::Quit);
            assert_eq!(answer(version, Want::Show, Purpose::Quit), Will::Quit);
        }
    }

    #[test]
    fn one_that_has_no_window_yet_promises_none() {
        let ask = Ask::of("4.1.0", Want::Show);
        assert_eq!(answered_on_the_way(&ask, "4.1.0", Purpose::Run, false), Will::Stay);
    }

    #[test]
    fn who_is_on_the_way_and_is_not_heard_is_passed_by() {
        assert_eq!(after_ask(Some(Will::Show), Duration::ZERO), AfterAsk::Done);
        assert_eq!(after_ask(Some(Will::Quit), Duration::ZERO), AfterAsk::Done);
        assert_eq!(after_ask(Some(Will::Stay), HEARD_WITHIN), AfterAsk::Wait);
        assert_eq!(after_ask(None, Duration::from_secs(9)), AfterAsk::Wait);
        assert_eq!(after_ask(None, HEARD_WITHIN), AfterAsk::PassBy);
    }
}
