//! A host on its way to the place.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use port_takeover::sys::Native;
use port_takeover::{HowEnded, Limits, Pid, end_process};

use super::address::Address;
use super::conversation::{IncumbentLine, Take};
use super::decision::{Heard, Next, Patience, may_be_ended};
use super::incumbent::{Host, Incumbent, listen};
use super::place::Lock;
use super::protocol::{
    Answer, Answering, Ask, Asking, PROTOCOL, Succession, Want, Will, ask, ask_to_succeed,
};
use super::record::Record;
use super::replaced::Replaced;
use super::turn::{AfterAsk, Purpose, Turn, after_ask};
use crate::appearance::Appearance;

/// How long the running host may take to answer before there is a window to wait in.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_millis(300);
/// How long the same version may take until it has a window, before another one is opened to wait in.
const WINDOW_WITHIN: Duration = Duration::from_secs(3);
/// How long it may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to stop its backends and end, once it has answered: they have five seconds each and
/// are stopped together.
const END_WITHIN: Duration = Duration::from_secs(12);
/// How long a host may take to leave after it has given up its place: it ends itself for certain after three seconds.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at the lock: no system has an event for it that could be bounded.
const STEP: Duration = Duration::from_millis(10);
/// Between two asks of a host that answers what is not understood.
const STRANGE_STEP: Duration = Duration::from_millis(250);
/// Within this time a host that waits for its turn asks again: it does every 50 ms.
const WAITING_ASKS_WITHIN: Duration = Duration::from_millis(200);

/// What became of a start.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// This host is the incumbent.
    Placed(Incumbent),
    /// The running host does what was asked; this one may end.
    Done,
    /// The running host can hand over and serve again: it is to be asked for that.
    CanServeAgain,
}

/// What a start comes to at the first look.
#[derive(Debug)]
pub(crate) enum FirstLook {
    /// All of it.
    Over(Outcome),
    /// Another host has the place and is another version, or does not answer at once: [`Successor::finish`] asks for it.
    Waits(Successor),
}

/// Why this host cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandoverError {
    /// The folder cannot be used.
    #[error(
        "{} cannot be used: {source}. Give yourself permission to write there, or set TASKPAW_DATA_DIR to a \
         folder that you can write to", path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another TaskPaw runs and can neither be asked nor be identified for certain.
    #[error(
        "another TaskPaw is running and does not answer, and it cannot be ended safely: {0}. End it yourself \
         (its processes are called taskpaw), then start this one again"
    )]
    Stuck(String),
}

/// A host on its way to the place.
#[derive(Debug)]
pub(crate) struct Successor {
    address: Address,
    lock: Lock,
    version: &'static str,
    host: Host,
    /// How the window of the host looks that has the place, if that was told.
    before: Option<Appearance>,
    /// Whether that host has said that it has no window.
    has_no_window: bool,
    /// The lock of the host on the way.
    next: Lock,
    /// While this host is on the way.
    turn: Mutex<Option<Turn>>,
}

/// Whether it is this host's turn to be on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InTurn {
    /// It is this host's turn; or the host on the way does not answer, and is passed by.
    Yes,
    /// There is nothing left to do: the same version is on the way and shows its window, or all are being ended.
    Over,
    /// Another host goes first.
    Not {
        /// The version of the host on the way, if it said so.
        version: Option<String>,
    },
}

impl Successor {
    /// Prepares the way to the place; nobody is asked yet.
    ///
    /// `host` is what this host answers by, once it is the incumbent.
    ///
    /// # Errors
    /// [`HandoverError::Folder`].
    pub(crate) fn prepare(
        data_folder: &Path,
        version: &'static str,
        host: Host,
    ) -> Result<Self, HandoverError> {
        let open = || {
            let address = Address::prepare(data_folder)?;
            let lock = Lock::open(&address.lock())?;
            let next = Lock::open(&address.next_lock())?;
            Ok(Self {
                address,
                lock,
                version,
                host,
                before: None,
                has_no_window: false,
                next,
                turn: Mutex::default(),
            })
        };
        open().map_err(|source| HandoverError::Folder { path: data_folder.to_owned(), source })
    }

    /// Takes a place that is free, or has a running host of the same version show its window. Takes no longer than
    /// a person notices: what needs the end of another host is left to [`Self::finish`], which can be watched in a
    /// window.
    ///
    /// # Errors
    /// [`HandoverError`] if the lock cannot be tried.
    pub(crate) fn first_look(mut self) -> Result<FirstLook, HandoverError> {
        let began = Instant::now();
        loop {
            match self.in_turn(began, FIRST_ANSWER_WITHIN)? {
                InTurn::Yes => break,
                InTurn::Over => return Ok(FirstLook::Over(Outcome::Done)),
                // The host that goes first may be on its way to an app of this version, which is all that is wanted.
                InTurn::Not { .. } if self.is_shown()? => return Ok(FirstLook::Over(Outcome::Done)),
                // Another version may take long, and is waited for in a window.
                InTurn::Not { version: Some(version) } if version != self.version => {
                    return Ok(FirstLook::Waits(self));
                }
                InTurn::Not { version } => {
                    // The same version shows its window as soon as it has one.
                    let within = if version.is_some() { WINDOW_WITHIN } else { FIRST_ANSWER_WITHIN };
                    if began.elapsed() > within {
                        return Ok(FirstLook::Waits(self));
                    }
                    std::thread::sleep(STEP);
                }
            }
        }
        if self.is_free()? {
            return Ok(FirstLook::Over(Outcome::Placed(self.incumbent(None))));
        }
        Ok(match self.ask(Want::Show, FIRST_ANSWER_WITHIN)?.heard {
            Answering::Answered(Answer { will: Will::Show, .. }, _) => FirstLook::Over(Outcome::Done),
            Answering::Answered(answer, _) => {
                self.has_no_window = answer.protocol >= PROTOCOL && answer.window.is_null();
                self.before = Appearance::told(answer.window);
                FirstLook::Waits(self)
            }
            _ => FirstLook::Waits(self),
        })
    }

    /// Whether an app of this version has the place, and shows its window.
    fn is_shown(&self) -> Result<bool, HandoverError> {
        let heard = self.ask(Want::Show, FIRST_ANSWER_WITHIN)?.heard;
        Ok(matches!(heard, Answering::Answered(Answer { will: Will::Show, .. }, _)))
    }

    /// Whether it is this host's turn to be on the way, by the lock and by what its holder answers within that time. One
    /// that was last heard long ago is passed by: only the order is lost. Blocks; bounded.
    ///
    /// # Errors
    /// [`HandoverError`] if the lock cannot be tried.
    pub(crate) fn in_turn(&self, heard: Instant, within: Duration) -> Result<InTurn, HandoverError> {
        if self.has_turn(Purpose::Run)? {
            return Ok(InTurn::Yes);
        }
        let name = self.address.next_socket().map_err(|error| self.unusable(error))?;
        let answer = match ask(name, &Ask::of(self.version, Want::Show), within).heard {
            Answering::Answered(answer, _) => Some(answer),
            Answering::NobodyThere | Answering::Silent | Answering::Strange => None,
        };
        let will = answer.as_ref().map(|answer| answer.will);
        Ok(match after_ask(will, heard.elapsed()) {
            AfterAsk::Done => InTurn::Over,
            AfterAsk::PassBy => InTurn::Yes,
            AfterAsk::Wait => InTurn::Not { version: answer.map(|answer| answer.version) },
        })
    }

    /// Takes the turn, if nobody has it.
    fn has_turn(&self, purpose: Purpose) -> Result<bool, HandoverError> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.is_none() {
            if !self.next.try_take().map_err(|error| self.unusable(error))? {
                return Ok(false);
            }
            let socket = self.address.next_socket();
            *turn = Some(Turn::begin(self.next.clone(), socket, self.version, purpose));
        }
        Ok(true)
    }

    /// What others that start are promised, while this host is on the way: that its window is shown, or that it ends.
    pub(crate) fn asked_on_the_way(&self) -> Option<mpsc::Receiver<Will>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(Turn::asked)
    }

    /// This host is on the way no more: it is the next one's turn.
    pub(crate) fn end_turn(&self) {
        drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Ends every host: first the host on the way, then the incumbent, and the hosts that wait for their turn. Blocks; bounded.
    ///
    /// # Errors
    /// [`HandoverError`] if the incumbent can neither be asked nor be ended safely.
    pub(crate) fn quit_all(&self) -> Result<(), HandoverError> {
        let began = Instant::now();
        while !self.has_turn(Purpose::Quit)? && began.elapsed() < END_WITHIN {
            let name = self.address.next_socket().map_err(|error| self.unusable(error))?;
            match ask(name, &Ask::of(self.version, Want::Quit), ANSWER_WITHIN).heard {
                Answering::Answered(answer, _) if answer.pid != std::process::id() => {
                    wait_for_end(answer.pid, None);
                }
                _ => std::thread::sleep(STEP),
            }
        }
        let has_turn_since = Instant::now();
        self.finish(Want::Quit)?;
        // Who waits for its turn asks who has it, and hears that all end.
        std::thread::sleep(WAITING_ASKS_WITHIN.saturating_sub(has_turn_since.elapsed()));
        Ok(())
    }

    /// Becomes the incumbent, or has the running host do what is wanted. Blocks; bounded.
    ///
    /// # Errors
    /// [`HandoverError`] if neither is possible. It can be tried again.
    pub(crate) fn finish(&self, want: Want) -> Result<Outcome, HandoverError> {
        let started = Instant::now();
        let mut patience = Patience::default();
        let mut replaced: Option<Replaced> = None;
        while !self.is_free()? {
            let asked_at = started.elapsed();
            let record = Record::read(&self.address.record());
            let Asking { heard, peer } = self.ask(want, ANSWER_WITHIN)?;
            let is_same = record == Record::read(&self.address.record());
            let heard_now = match &heard {
                Answering::Answered(answer, _) => Heard::Answered(answer.will),
                Answering::NobodyThere => Heard::Nobody,
                Answering::Silent => Heard::Nothing,
                Answering::Strange => Heard::Strange,
            };
            match patience.next(heard_now, asked_at, started.elapsed(), is_same) {
                Next::Done => return Ok(Outcome::Done),
                Next::AskToSucceed => return Ok(Outcome::CanServeAgain),
                Next::GiveUp if heard_now == Heard::Strange => {
                    let reason = "it answers, but not so that this version understands it";
                    return Err(HandoverError::Stuck(reason.to_owned()));
                }
                Next::GiveUp => {
                    return Err(HandoverError::Stuck("its place is taken again and again".to_owned()));
                }
                Next::AskAgain => {}
                Next::AskLater => {
                    std::thread::sleep(if heard_now == Heard::Strange { STRANGE_STEP } else { STEP });
                }
                Next::EndByForce => {
                    let (record, ended) = end_by_force(record.as_ref(), peer)?;
                    replaced.get_or_insert(Replaced {
                        version: Some(record.version.clone()),
                        pid: record.process.pid.get(),
                        forced: ended == HowEnded::Forced,
                        took: started.elapsed() - asked_at,
                        ports: Vec::new(),
                    });
                    patience.begin_anew();
                }
                Next::AwaitRelease => {
                    let Answering::Answered(answer, released) = heard else { continue };
                    let record = record.filter(|record| record.process.pid.get() == answer.pid);
                    let waited = self.wait_for_release(answer.pid, record.as_ref(), &released)?;
                    if want == Want::Quit {
                        // Who asks for the end wants the files free, not only the place.
                        wait_for_end(answer.pid, record.as_ref());
                    }
                    let forced = waited == Waited::InVain;
                    if forced {
                        end_by_force(record.as_ref(), peer)?;
                    }
                    let took = started.elapsed() - asked_at;
                    replaced.get_or_insert(Replaced {
                        version: Some(answer.version),
                        pid: answer.pid,
                        forced,
                        took,
                        ports: Vec::new(),
                    });
                    if waited == Waited::ForTheLock {
                        break;
                    }
                }
            }
        }
        if want == Want::Quit {
            return Ok(Outcome::Done); // Nobody runs, or nobody does any more.
        }
        Ok(Outcome::Placed(self.incumbent(replaced)))
    }

    /// Whether the host that has the place speaks of handing over and serving again. One that says nothing, or something
    /// strange, is not known to.
    ///
    /// # Errors
    /// [`HandoverError`] if its socket has no name.
    pub(crate) fn is_heard_to_hand_over(&self) -> Result<bool, HandoverError> {
        Ok(match self.ask(Want::Show, ANSWER_WITHIN)?.heard {
            Answering::Answered(answer, _) => answer.protocol >= PROTOCOL && answer.will != Will::Show,
            Answering::NobodyThere | Answering::Silent | Answering::Strange => false,
        })
    }

    /// Asks the incumbent to hand over, and to go on if this host does not come to serve. Blocks; bounded.
    /// `take` gets the sockets that it passes.
    pub(crate) fn ask_to_succeed(&self, take: Take<IncumbentLine>) -> Option<Succession> {
        let asks = Ask::of(self.version, Want::Succeed);
        ask_to_succeed(self.address.socket().ok()?, &asks, ANSWER_WITHIN, take)
    }

    /// Takes the place, if nobody has it.
    pub(crate) fn take_place(&self) -> bool {
        self.is_free().unwrap_or_else(|error| {
            tracing::warn!(%error, "the place cannot be taken");
            false
        })
    }

    /// Gives the place back.
    pub(crate) fn release_place(&self) {
        self.lock.taken().lend();
    }

    /// Ends the host by force that was asked to hand over, if it is proved who it is. Blocks; bounded.
    pub(crate) fn end_by_force(&self, peer: Option<Pid>) -> bool {
        let record = Record::read(&self.address.record());
        end_by_force(record.as_ref(), peer)
            .inspect_err(|error| tracing::error!(%error, "the running TaskPaw hangs in a handover"))
            .is_ok()
    }

    /// This host has taken the place of another one: it is the incumbent from now on.
    pub(crate) fn placed(&self, replaced: Option<Replaced>) -> Incumbent {
        self.incumbent(replaced)
    }

    /// How the window of the host looks that has the place, if that was told.
    pub(crate) fn before(&self) -> Option<&Appearance> {
        self.before.as_ref()
    }

    /// Has the window of the host shown that has the place, whatever its version is. One that does not say who it is cannot
    /// be asked.
    pub(crate) fn show_other(&self) {
        let Some((version, _)) = self.held_by() else { return };
        let shown =
            self.address.socket().map(|name| ask(name, &Ask::of(&version, Want::Show), ANSWER_WITHIN));
        tracing::info!(version, ?shown, "the running TaskPaw is kept");
    }

    /// Whether the host that has the place has said that it has no window either.
    pub(crate) fn follows_one_without_window(&self) -> bool {
        self.has_no_window
    }

    /// Who has the place now, as far as it is recorded.
    pub(crate) fn held_by(&self) -> Option<(String, u32)> {
        Record::read(&self.address.record()).map(|record| (record.version, record.process.pid.get()))
    }

    fn ask(&self, want: Want, within: Duration) -> Result<Asking, HandoverError> {
        let asks = Ask::of(self.version, want);
        Ok(ask(self.address.socket().map_err(|error| self.unusable(error))?, &asks, within))
    }

    /// Takes the place, if nobody has it.
    fn is_free(&self) -> Result<bool, HandoverError> {
        self.lock.try_take().map_err(|error| self.unusable(error))
    }

    /// Waits until the host with this id has given up its place, and takes it.
    fn wait_for_release(
        &self,
        pid: u32,
        record: Option<&Record>,
        released: &mpsc::Receiver<Infallible>,
    ) -> Result<Waited, HandoverError> {
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline {
            // Looked at first: a host that is gone has given the lock back.
            let gone = is_gone(pid, record);
            if self.is_free()? {
                return Ok(Waited::ForTheLock);
            }
            if gone {
                return Ok(Waited::ForAnother);
            }
            if released.recv_timeout(STEP) == Err(RecvTimeoutError::Disconnected) {
                if self.is_free()? {
                    return Ok(Waited::ForTheLock);
                }
                std::thread::sleep(STEP);
            }
        }
        Ok(Waited::InVain)
    }

    /// This host has the lock: it listens, and says who it is.
    fn incumbent(&self, replaced: Option<Replaced>) -> Incumbent {
        let (version, path) = (self.version, self.address.record());
        let record = move || {
            let own =
                Record::own(version).ok_or_else(|| io::Error::other("this process cannot be described"));
            if let Err(error) = own.and_then(|record| record.write(&path)) {
                tracing::warn!(%error, "who runs cannot be recorded");
            }
        };
        let name = self.address.socket();
        let listening = name.and_then(|name| listen(name, version, self.host.clone(), record));
        let asked = listening.unwrap_or_else(|error| {
            // As in `listen`.
            tracing::warn!(%error, "starting TaskPaws cannot be heard");
            mpsc::channel().1
        });
        Incumbent { asked, replaced, place: self.lock.taken() }
    }

    fn unusable(&self, source: io::Error) -> HandoverError {
        HandoverError::Folder { path: self.address.lock(), source }
    }
}

/// How a wait for the end of a host came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// The lock was free and is taken now.
    ForTheLock,
    /// The host is gone, and another one was quicker to take the lock.
    ForAnother,
    /// The other host is still there.
    InVain,
}

/// Waits until the host with this id is gone, after it has given up its place.
fn wait_for_end(pid: u32, record: Option<&Record>) {
    let deadline = Instant::now() + LEAVE_WITHIN;
    while Instant::now() < deadline && !is_gone(pid, record) {
        std::thread::sleep(STEP);
    }
}

fn is_gone(pid: u32, record: Option<&Record>) -> bool {
    let found = Pid::new(pid).and_then(|pid| Native::new().started_at(pid));
    found.is_none() || record.is_some_and(|record| record.process.started_at != found)
}

/// Ends the host of a record by force, if it is proved who it is: by the connection, by the record, by its program, and,
/// through a handle, by its start time.
fn end_by_force(record: Option<&Record>, peer: Option<Pid>) -> Result<(&Record, HowEnded), HandoverError> {
    let own_program = std::env::current_exe().ok().map(|path| path.display().to_string());
    let record = may_be_ended(record, peer, own_program.as_deref())
        .map_err(|doubt| HandoverError::Stuck(doubt.to_string()))?;
    tracing::warn!(pid = %record.process.pid, version = record.version, "the running TaskPaw does not answer");
    let (how, _) = end_process(&Native::new(), &record.process, Limits::default())
        .map_err(|doubt| HandoverError::Stuck(doubt.to_string()))?;
    Ok((record, how))
}
