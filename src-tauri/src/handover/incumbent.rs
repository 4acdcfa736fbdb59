//! The app that runs: it hears what starting hosts ask, from the moment it has the place.

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{Listener, Stream};
use port_takeover::sys::{Native, System as _};
use taskpaw_contract::version::{Stamp, stamp_of};

use super::conversation::{Conversation, SharedStream, WithSuccessor};
use super::decision::is_host_program;
use super::invitation::Invitation;
use super::line::{read_line, write_line};
use super::peer::peer;
use super::place::{Place, Waiting};
use super::protocol::{Answer, Ask, PROTOCOL, Will};
use super::replaced::Replaced;
use super::socket::Socket;
use crate::appearance::SharedAppearance;
use crate::lifecycle::{Handover, Lifecycle};

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

/// What of this host its answers depend on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    /// One that is on its way out shows its window to nobody: a host that starts then takes over.
    pub(crate) lifecycle: Lifecycle,
    /// The window, as the next one is to look.
    pub(crate) appearance: SharedAppearance,
    /// Whom a person has let in that could not give the place back.
    pub(crate) invitation: Invitation,
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
    /// The rest of a handover in which the backends stand down.
    pub(crate) yielding: Option<Yielding>,
    /// Another version that was sent away, since it could not give the place back.
    pub(crate) sent_away: Option<SentAway>,
}

/// Another version that was started and sent away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentAway {
    /// Which one.
    pub(crate) version: String,
    /// The program of that version, if the process that asked is proved to run it.
    pub(crate) program: Option<PathBuf>,
}

/// A handover in which the backends stand down has begun.
#[derive(Debug)]
pub(crate) struct Yielding {
    /// What is said to the successor, and heard of it.
    pub(crate) conversation: WithSuccessor,
    /// While it is held, the app takes no order but its end.
    pub(crate) handover: Handover,
}

/// How long a change of ports may take until it is over, so that the backends can stand down.
const PORT_CHANGE_WITHIN: Duration = Duration::from_secs(4);

/// How long the host before may keep the name (Windows): until its end, which comes three seconds after it has given up
/// its place at the latest.
const NAME_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries to get the name: nothing says when it is free.
const NAME_STEP: Duration = Duration::from_millis(20);

/// Listens from now on. What is asked before the app is there to do it waits in the channel. `record` is called
/// first, and not waited for: it writes to a disk. A host that asks meanwhile waits for it.
pub(super) fn listen(
    socket: Socket,
    version: &'static str,
    host: Host,
    record: impl FnOnce() + Send + 'static,
) -> io::Result<mpsc::Receiver<Asked>> {
    let first = socket.listen();
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("incumbent".to_owned()).spawn(move || {
        record();
        let listener = match first.or_else(|error| listen_once_free(&socket, error)) {
            Ok(listener) => listener,
            // Not to be heard is no reason not to run: the lock still keeps others out.
            Err(error) => return tracing::warn!(%error, "starting TaskPaws cannot be heard"),
        };
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => {
                    let (tell, host) = (tell.clone(), host.clone());
                    // One that is slow to ask must not keep others waiting.
                    thread::spawn(move || answer(stream, version, &host, &tell));
                }
                Err(error) => tracing::warn!(%error, "a starting TaskPaw could not be heard"),
            }
        }
    })?;
    Ok(told)
}

/// On Windows a pipe cannot be overwritten: its name is free once the host before has ended.
fn listen_once_free(socket: &Socket, mut error: io::Error) -> io::Result<Listener> {
    let began = Instant::now();
    while cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied && began.elapsed() < NAME_WITHIN {
        thread::sleep(NAME_STEP);
        match socket.listen() {
            Ok(listener) => return Ok(listener),
            Err(again) => error = again,
        }
    }
    Err(error)
}

fn answer(mut stream: Stream, version: &'static str, host: &Host, tell: &mpsc::Sender<Asked>) {
    let ask: Ask = match read_line(&mut stream) {
        Ok(ask) => ask,
        Err(error) => return tracing::debug!(%error, "somebody asked nothing that is understood"),
    };
    let is_let_in = host.invitation.is_for(&ask.version, Instant::now());
    let mut will = ask.answered_by(version, host.lifecycle.is_leaving(), is_let_in);
    let mut handover = None;
    match will {
        // From here on nobody is told that this host will show its window. In a handover both hosts end by what is said there.
        Will::HandOver | Will::Quit if !host.lifecycle.is_handing_over() => host.lifecycle.leave(),
        Will::HandOver => will = if ask.protocol < PROTOCOL { Will::Show } else { Will::Stay },
        Will::StandDown => {
            handover = begin_handover(&host.lifecycle);
            if handover.is_none() {
                will = Will::Stay;
            }
        }
        _ => {}
    }
    // Before it is answered: then it ends.
    let sent_away = ask
        .is_sent_away(version, will)
        .then(|| SentAway { version: ask.version.clone(), program: program_at(&stream, &ask.version) });
    let window = host.appearance.now().and_then(|shown| serde_json::to_value(shown).ok()).unwrap_or_default();
    let pid = std::process::id();
    let (taskpaw_instance, version) = (1, version.to_owned());
    let answer = Answer { taskpaw_instance, version, pid, will, protocol: PROTOCOL, window };
    let stream = Arc::new(stream);
    if let Err(error) = write_line(&mut &*stream, &answer) {
        tracing::debug!(%error, "who asked is gone");
    }
    tracing::info!(asked = ask.version, ?will, "another TaskPaw was started");
    let yielding = handover.and_then(|handover| {
        let read = BufReader::new(SharedStream::new(Arc::clone(&stream)));
        // No sockets come from a successor.
        match Conversation::on(Arc::clone(&stream), read, Box::new(|_, _| {})) {
            Ok(conversation) => Some(Yielding { conversation, handover }),
            Err(error) => {
                tracing::error!(%error, "the other TaskPaw cannot be spoken to");
                None
            }
        }
    });
    if will == Will::Stay || (will == Will::StandDown && yielding.is_none()) {
        return;
    }
    let _app_is_ending = tell.send(Asked { ask, will, waiting: Waiting::on(stream), yielding, sent_away });
}

/// The program of the process at the other end, if it is a TaskPaw of that version.
fn program_at(stream: &Stream, version: &str) -> Option<PathBuf> {
    let process = Native::new().describe(peer(stream)?)?;
    let is_version = stamp_of(&process) == Stamp::Version(version.to_owned());
    let program = PathBuf::from(process.exe?);
    (is_version && is_host_program(&program.display().to_string())).then_some(program)
}

/// Begins a handover. A change of ports is finished first, or undone.
fn begin_handover(lifecycle: &Lifecycle) -> Option<Handover> {
    let began = Instant::now();
    loop {
        let handover = lifecycle.begin_handover();
        if handover.is_some() || !lifecycle.is_changing_ports() || began.elapsed() > PORT_CHANGE_WITHIN {
            return handover;
        }
        thread::sleep(NAME_STEP);
    }
}
