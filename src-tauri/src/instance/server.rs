//! The primary's ear: it hears what starting hosts ask, from the moment it has the lock.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{Listener, ListenerOptions, Name, Stream};

use super::protocol::{Answer, Ask, Will, read_line, write_line};

/// Something that was asked and answered, and is to be done.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What was asked.
    pub(crate) ask: Ask,
    /// What was answered.
    pub(crate) will: Will,
    /// Who asked, and waits for what was answered to be done.
    pub(crate) waiting: Waiting,
}

/// A starting host that waits: its connection, which ends with this.
#[derive(Debug)]
pub(crate) struct Waiting(#[expect(dead_code, reason = "only its drop counts")] Stream);

/// Listens from now on. What is asked before the app is there to do it waits in the channel. `record` is called
/// first, and not waited for: it writes to a disk. Whoever asks meanwhile waits for it.
pub(super) fn listen(
    name: Name<'static>,
    version: &'static str,
    ending: Arc<AtomicBool>,
    record: impl FnOnce() + Send + 'static,
) -> io::Result<mpsc::Receiver<Asked>> {
    // Whoever listened there before has lost the lock: what it left is overwritten.
    let listener: Listener = ListenerOptions::new().name(name).try_overwrite(true).create_sync()?;
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("instance".to_owned()).spawn(move || {
        record();
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => {
                    let (tell, ending) = (tell.clone(), Arc::clone(&ending));
                    // One that is slow to ask must not keep others waiting.
                    thread::spawn(move || answer(stream, version, &ending, &tell));
                }
                Err(error) => tracing::warn!(%error, "a starting TaskPaw could not be heard"),
            }
        }
    })?;
    Ok(told)
}

fn answer(mut stream: Stream, version: &'static str, ending: &AtomicBool, tell: &mpsc::Sender<Asked>) {
    let ask: Ask = match read_line(&mut stream) {
        Ok(ask) => ask,
        Err(error) => return tracing::debug!(%error, "somebody asked nothing that is understood"),
    };
    let will = ask.answered_by(version, ending.load(Ordering::SeqCst));
    if matches!(will, Will::HandOver | Will::Quit) {
        // From here on nobody is told that this host will show its window.
        ending.store(true, Ordering::SeqCst);
    }
    let answer = Answer { taskpaw_instance: 1, version: version.to_owned(), pid: std::process::id(), will };
    if let Err(error) = write_line(&mut stream, &answer) {
        tracing::debug!(%error, "who asked is gone");
    }
    tracing::info!(asked = ask.version, ?will, "another TaskPaw was started");
    if will != Will::Stay {
        let _app_is_ending = tell.send(Asked { ask, will, waiting: Waiting(stream) });
    }
}
