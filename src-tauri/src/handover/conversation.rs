//! What two hosts say to each other in a handover, once the incumbent has answered that it hands over: lines of JSON in
//! both directions, until one of them leaves.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError, mpsc as blocking};
use std::thread;

use interprocess::local_socket::Stream;
use port_takeover::ProcessIdentity;
use port_takeover::sys::PassedSocket;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::RoleFailure;
use tokio::sync::mpsc;

use super::line::{LONGEST_LINE, write_line};

/// How many lines wait to be heard; beyond that the other host waits.
const MOST_WAITING: usize = 16;
/// The most lines in one handover: a sign of life each second, for ten times as long as one may take.
const MOST_LINES: usize = 1_000;

/// A backend, as the host says that has started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamedBackend {
    /// The backend's role.
    pub(crate) role: Role,
    /// The backend's process: id, exact start time, executable.
    pub(crate) process: ProcessIdentity,
}

/// What the successor says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "taskpaw_handover", rename_all = "snake_case")]
pub(crate) enum SuccessorLine {
    /// The successor's backends claim ports and state now.
    GoingOn {
        /// Which backends these are.
        backends: Vec<NamedBackend>,
    },
    /// The successor is still at work.
    SignOfLife,
    /// The successor cannot use the listening sockets of some roles, which are to be released. The answer is *stood down*, once
    /// more.
    NotTaken {
        /// Which roles these are.
        roles: Vec<Role>,
    },
    /// The successor's backends serve.
    Confirmed,
    /// A backend of it does not serve.
    Failed {
        /// Which role it is, and what went wrong, if that is known.
        because: Option<RoleFailure>,
    },
    /// The successor has the place.
    Taken,
    /// A person has ended both.
    Quit,
    /// The successor says nothing more.
    Leaving,
    /// A line of a later version.
    #[serde(other)]
    Unknown,
}

/// What the incumbent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "taskpaw_handover", rename_all = "snake_case")]
pub(crate) enum IncumbentLine {
    /// A backend has stood down and keeps its listening sockets; copies of them come with this line.
    Listeners {
        /// The backend.
        backend: NamedBackend,
    },
    /// The incumbent's backends have stood down: they hold no state, and no port whose listening socket was not passed.
    StoodDown {
        /// The roles that served.
        served: Vec<Role>,
    },
    /// The incumbent does not hand over now.
    Refused,
    /// The place is free for the successor.
    Yours,
    /// The incumbent serves again.
    TooLate,
    /// A person has ended both.
    Quit,
    /// The incumbent says nothing more.
    Leaving,
    /// A line of a later version.
    #[serde(other)]
    Unknown,
}

/// A line that is the last one.
pub(crate) trait Farewell {
    /// What is said before the connection ends.
    const FAREWELL: Self;
    /// Whether nothing follows.
    fn is_last(&self) -> bool;
    /// Whether sockets come with it.
    fn carries_sockets(&self) -> bool;
}

/// Gets the sockets that go with a line, when it is written.
pub(crate) type Collect = Box<dyn FnOnce() -> Vec<PassedSocket> + Send>;

/// Takes the sockets that have come with a line, when it is read: this process keeps none of them.
pub(crate) type Take<Heard> = Box<dyn FnMut(&Heard, Vec<PassedSocket>) + Send>;

/// The conversation, as the successor has it.
pub(crate) type WithIncumbent = Conversation<SuccessorLine, IncumbentLine>;

/// The conversation, as the incumbent has it.
pub(crate) type WithSuccessor = Conversation<IncumbentLine, SuccessorLine>;

/// How many groups of sockets wait for their lines: one for each role.
#[cfg(unix)]
const MOST_GROUPS: usize = Role::ALL.len();

impl Farewell for SuccessorLine {
    const FAREWELL: Self = Self::Leaving;

    fn is_last(&self) -> bool {
        *self == Self::Leaving
    }

    fn carries_sockets(&self) -> bool {
        false
    }
}

impl Farewell for IncumbentLine {
    const FAREWELL: Self = Self::Leaving;

    fn is_last(&self) -> bool {
        *self == Self::Leaving
    }

    fn carries_sockets(&self) -> bool {
        matches!(self, Self::Listeners { .. })
    }
}

/// A line to be said.
struct Outgoing<Said> {
    line: Said,
    /// What goes with it.
    sockets: Option<Collect>,
}

/// The connection between two hosts during a handover. Its drop says farewell.
#[derive(Debug)]
pub(crate) struct Conversation<Said: Serialize + Farewell + Send + 'static, Heard> {
    say: blocking::Sender<Outgoing<Said>>,
    heard: mpsc::Receiver<Heard>,
}

impl<Said, Heard> Conversation<Said, Heard>
where
    Said: Serialize + Farewell + Send + 'static,
    Heard: DeserializeOwned + Farewell + Send + 'static,
{
    /// A conversation on a connection. `read` is what was read of it already, and how the rest is; `take` gets the sockets that
    /// come with lines.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub(super) fn on(
        stream: Arc<Stream>,
        read: BufReader<SharedStream>,
        take: Take<Heard>,
    ) -> io::Result<Self> {
        let (say, to_say) = blocking::channel::<Outgoing<Said>>();
        let (tell, heard) = mpsc::channel(MOST_WAITING);
        thread::Builder::new()
            .name("handover says".to_owned())
            .spawn(move || write_lines(&stream, &to_say))?;
        let arrived = Arc::clone(&read.get_ref().arrived);
        thread::Builder::new()
            .name("handover hears".to_owned())
            .spawn(move || read_lines(read, &arrived, take, &tell))?;
        Ok(Self { say, heard })
    }

    /// Says something. Never waits: a host that does not read is noticed by what it does not answer.
    pub(crate) fn say(&self, line: Said) {
        let _connection_has_ended = self.say.send(Outgoing { line, sockets: None });
    }

    /// Says something with sockets, which are got in the moment in which they are given away.
    pub(crate) fn say_with(&self, line: Said, sockets: Collect) {
        let _connection_has_ended = self.say.send(Outgoing { line, sockets: Some(sockets) });
    }

    /// The next line; nothing once the other host has left, or breaks the protocol.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }
}

/// What is heard next in a conversation; where there is none, nothing ever is.
pub(super) async fn hear_if_any<Said, Heard>(
    conversation: Option<&mut Conversation<Said, Heard>>,
) -> Option<Heard>
where
    Said: Serialize + Farewell + Send + 'static,
    Heard: DeserializeOwned + Farewell + Send + 'static,
{
    match conversation {
        Some(conversation) => conversation.hear().await,
        None => std::future::pending().await,
    }
}

/// Sockets that have come, in the groups in which they were sent, and wait for the ends of their lines.
type Arrived = Arc<Mutex<VecDeque<Vec<PassedSocket>>>>;

/// A connection that both directions share.
#[derive(Debug, Clone)]
pub(super) struct SharedStream {
    stream: Arc<Stream>,
    arrived: Arrived,
}

impl SharedStream {
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self { stream, arrived: Arrived::default() }
    }
}

impl Read for SharedStream {
    /// Sockets come with the bytes of their line, and would be lost by an ordinary read.
    #[cfg(unix)]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        use std::os::fd::AsFd as _;

        let Stream::UdSocket(stream) = &*self.stream;
        let received = port_takeover::sys::receive_with(stream.as_fd(), into, true)?;
        if !received.sockets.is_empty() {
            let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            if arrived.len() < MOST_GROUPS {
                arrived.push_back(received.sockets);
            }
        }
        Ok(received.bytes)
    }

    #[cfg(not(unix))]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self.stream).read(into)
    }
}

/// Writes a line with sockets, in one call: this process has them as long as that lasts.
#[cfg(unix)]
fn write_with(stream: &Stream, line: &impl Serialize, sockets: Vec<PassedSocket>) -> io::Result<()> {
    use std::os::fd::{AsFd as _, BorrowedFd};

    let Stream::UdSocket(stream) = stream;
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    let descriptors: Vec<BorrowedFd<'_>> = sockets.iter().map(|socket| socket.as_fd()).collect();
    port_takeover::sys::send_with(stream.as_fd(), &bytes, &descriptors)
}

/// No socket is passed here.
#[cfg(not(unix))]
fn write_with(mut stream: &Stream, line: &impl Serialize, _sockets: Vec<PassedSocket>) -> io::Result<()> {
    write_line(&mut stream, line)
}

/// Writes what is to be said. The side that says nothing more says farewell: the other direction keeps the connection open.
fn write_lines<Said: Serialize + Farewell>(stream: &Stream, to_say: &blocking::Receiver<Outgoing<Said>>) {
    let mut stream = stream;
    for Outgoing { line, sockets } in to_say {
        let written = match sockets {
            Some(collect) => write_with(stream, &line, collect()),
            None => write_line(&mut stream, &line),
        };
        if let Err(error) = written {
            return tracing::debug!(%error, "the other TaskPaw is gone");
        }
    }
    if let Err(error) = write_line(&mut stream, &Said::FAREWELL) {
        tracing::debug!(%error, "the other TaskPaw is gone");
    }
}

/// Reads lines until the last one, or one that is none of the protocol.
fn read_lines<Heard: DeserializeOwned + Farewell>(
    mut from: BufReader<impl Read>,
    arrived: &Mutex<VecDeque<Vec<PassedSocket>>>,
    mut take: Take<Heard>,
    tell: &mpsc::Sender<Heard>,
) {
    for _ in 0..MOST_LINES {
        let mut line = String::new();
        match (&mut from).take(LONGEST_LINE).read_line(&mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return tracing::debug!(%error, "the other TaskPaw is gone"),
        }
        match serde_json::from_str::<Heard>(&line) {
            Ok(line) if line.is_last() => return,
            Ok(line) => {
                if line.carries_sockets() {
                    let sockets = arrived.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    take(&line, sockets.unwrap_or_default());
                }
                if tell.blocking_send(line).is_err() {
                    return;
                }
            }
            Err(error) => {
                return tracing::warn!(%error, "the other TaskPaw says what is none of the protocol");
            }
        }
    }
    tracing::warn!("the other TaskPaw does not stop talking");
}

#[cfg(test)]
impl<Said, Heard> Conversation<Said, Heard>
where
    Said: Serialize + Farewell + Send + 'static,
    Heard: Serialize + Farewell + Send + 'static,
{
    /// Both ends of a conversation, without a system between them.
    pub(super) fn pair() -> (Self, Conversation<Heard, Said>) {
        let (say, to_say) = blocking::channel::<Outgoing<Said>>();
        let (say_back, to_say_back) = blocking::channel::<Outgoing<Heard>>();
        let (tell, heard) = mpsc::channel(MOST_WAITING);
        let (tell_back, heard_back) = mpsc::channel(MOST_WAITING);
        thread::spawn(move || to_say.iter().try_for_each(|said| tell_back.blocking_send(said.line)));
        thread::spawn(move || to_say_back.iter().try_for_each(|said| tell.blocking_send(said.line)));
        (Self { say, heard }, Conversation { say: say_back, heard: heard_back })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &[u8]) -> Vec<IncumbentLine> {
        let (tell, mut told) = mpsc::channel(MOST_WAITING);
        let text = text.to_vec();
        let take: Take<IncumbentLine> = Box::new(|_, sockets| assert!(sockets.is_empty()));
        let reading =
            thread::spawn(move || read_lines(BufReader::new(&text[..]), &Mutex::default(), take, &tell));
        let mut lines = Vec::new();
        while let Some(line) = told.blocking_recv() {
            lines.push(line);
        }
        reading.join().unwrap();
        lines
    }

    fn text(lines: &[IncumbentLine]) -> Vec<u8> {
        let mut text = Vec::new();
        for line in lines {
            write_line(&mut text, line).unwrap();
        }
        text
    }

    #[test]
    fn lines_come_as_they_were_said_until_the_last() {
        let said = [
            IncumbentLine::StoodDown { served: vec![Role::Agent, Role::Hub] },
            IncumbentLine::Yours,
            IncumbentLine::Leaving,
            IncumbentLine::TooLate,
        ];
        assert_eq!(heard(&text(&said)), &said[..2]);
    }

    #[test]
    fn a_line_of_a_later_version_is_no_fault_and_nonsense_ends_it() {
        let later =
            b"{\"taskpaw_handover\":\"dances\",\"how\":[1]}\n{\"taskpaw_handover\":\"yours\",\"more\":1}\n";
        assert_eq!(heard(later), [IncumbentLine::Unknown, IncumbentLine::Yours]);
        for broken in [&b"yours\n"[..], b"[]\n", b"{}\n", b"\xff\n", b"{\"taskpaw_handover\":7}\n"] {
            assert_eq!(heard(&[broken, &text(&[IncumbentLine::Yours])].concat()), [], "{broken:?}");
        }
    }

    #[test]
    fn who_says_too_much_is_heard_no_more() {
        let endless = vec![b' '; 1 << 20];
        assert_eq!(heard(&endless), []);
        let many = text(&vec![IncumbentLine::Refused; MOST_LINES + 5]);
        assert_eq!(heard(&many).len(), MOST_LINES);
    }
}
