//! The app that runs: it hears what starting hosts ask, from the moment it has the place.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{Listener, ListenerOptions, Name, Stream};

use super::place::Place;
use super::protocol::{Answer, Ask, Will, read_line, write_line};
use super::successor::Replaced;
use crate::lifecycle::Lifecycle;

/// This host has the place: it is the app that runs.
#[derive(Debug)]
pub(crate) struct Incumbent {
    /// What starting hosts ask from now on.
    pub(crate) asked: mpsc::Receiver<Asked>,
    /// The host whose place this one took.
    pub(crate) replaced: Option<Replaced>,
    /// While it is held, no other host runs.
    pub(crate) place: Place,
}

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

/// How long the host before may keep the name (Windows): until its end, which comes three seconds after it has given up
/// its place at the latest.
const NAME_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries to get the name: nothing says when it is free.
const NAME_STEP: Duration = Duration::from_millis(20);

/// Listens from now on. What is asked before the app is there to do it waits in the channel. `record` is called
/// first, and not waited for: it writes to a disk. Whoever asks meanwhile waits for it.
pub(super) fn listen(
    name: Name<'static>,
    version: &'static str,
    lifecycle: Lifecycle,
    record: impl FnOnce() + Send + 'static,
) -> io::Result<mpsc::Receiver<Asked>> {
    let first = open(&name);
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("instance".to_owned()).spawn(move || {
        record();
        let listener = match first.or_else(|error| open_once_free(&name, error)) {
            Ok(listener) => listener,
            // Not to be heard is no reason not to run: the lock still keeps others out.
            Err(error) => return tracing::warn!(%error, "starting TaskPaws cannot be heard"),
        };
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => {
                    let (tell, lifecycle) = (tell.clone(), lifecycle.clone());
                    // One that is slow to ask must not keep others waiting.
                    thread::spawn(move || answer(stream, version, &lifecycle, &tell));
                }
                Err(error) => tracing::warn!(%error, "a starting TaskPaw could not be heard"),
            }
        }
    })?;
    Ok(told)
}

/// Whoever listened there before has lost the lock: what it left is overwritten.
fn open(name: &Name<'static>) -> io::Result<Listener> {
    ListenerOptions::new().name(name.borrow()).try_overwrite(true).create_sync()
}

/// On Windows a pipe cannot be overwritten: its name is free once the host before has ended.
fn open_once_free(name: &Name<'static>, mut error: io::Error) -> io::Result<Listener> {
    let began = Instant::now();
    while cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied && began.elapsed() < NAME_WITHIN {
        thread::sleep(NAME_STEP);
        match open(name) {
            Ok(listener) => return Ok(listener),
            Err(again) => error = again,
        }
    }
    Err(error)
}

fn answer(mut stream: Stream, version: &'static str, lifecycle: &Lifecycle, tell: &mpsc::Sender<Asked>) {
    let ask: Ask = match read_line(&mut stream) {
        Ok(ask) => ask,
        Err(error) => return tracing::debug!(%error, "somebody asked nothing that is understood"),
    };
    let will = ask.answered_by(version, lifecycle.is_leaving());
    if matches!(will, Will::HandOver | Will::Quit) {
        // From here on nobody is told that this host will show its window.
        lifecycle.leave();
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
