//! What two hosts say to each other in a handover, once the incumbent has answered that it hands over: lines of JSON in
//! both directions, until one of them leaves.

use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::{Arc, mpsc as blocking};
use std::thread;

use interprocess::local_socket::Stream;
use port_takeover::ProcessIdentity;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use taskpaw_contract::Role;
use taskpaw_contract::ipc::RoleFailure;
use tokio::sync::mpsc;

use super::protocol::{LONGEST_LINE, write_line};

/// So many lines wait to be heard; then the other host waits.
const MOST_WAITING: usize = 16;
/// So many lines belong to one handover at most: a sign of life each second, for ten times as long as one may take.
const MOST_LINES: usize = 1_000;

/// A backend, as the host says that has started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamedBackend {
    /// Its role.
    pub(crate) role: Role,
    /// Its process: id, exact start time, executable.
    pub(crate) process: ProcessIdentity,
}

/// What the successor says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "taskpaw_handover", rename_all = "snake_case")]
pub(crate) enum SuccessorLine {
    /// These backends of it claim ports and state now.
    GoingOn {
        /// They.
        backends: Vec<NamedBackend>,
    },
    /// It is still at work.
    SignOfLife,
    /// Its backends serve.
    Confirmed,
    /// A backend of it does not serve.
    Failed {
        /// Which role it is, and what went wrong, if that is known.
        because: Option<RoleFailure>,
    },
    /// It has the place.
    Taken,
    /// A person has ended both.
    Quit,
    /// It says nothing more.
    Leaving,
    /// A line of a later version.
    #[serde(other)]
    Unknown,
}

/// What the incumbent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "taskpaw_handover", rename_all = "snake_case")]
pub(crate) enum IncumbentLine {
    /// Its backends have stood down: they hold no state and no port.
    StoodDown {
        /// The roles that served.
        served: Vec<Role>,
    },
    /// It does not hand over now.
    Refused,
    /// The place is free for the successor.
    Yours,
    /// It serves again.
    TooLate,
    /// A person has ended both.
    Quit,
    /// It says nothing more.
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
}

impl Farewell for SuccessorLine {
    const FAREWELL: Self = Self::Leaving;

    fn is_last(&self) -> bool {
        *self == Self::Leaving
    }
}

impl Farewell for IncumbentLine {
    const FAREWELL: Self = Self::Leaving;

    fn is_last(&self) -> bool {
        *self == Self::Leaving
    }
}

/// The connection between two hosts during a handover. Its drop says farewell.
#[derive(Debug)]
pub(crate) struct Conversation<Said: Serialize + Farewell + Send + 'static, Heard> {
    say: blocking::Sender<Said>,
    heard: mpsc::Receiver<Heard>,
}

impl<Said, Heard> Conversation<Said, Heard>
where
    Said: Serialize + Farewell + Send + 'static,
    Heard: DeserializeOwned + Farewell + Send + 'static,
{
    /// A conversation on a connection. `read` is what was read of it already, and how the rest is.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub(super) fn on(stream: Arc<Stream>, read: BufReader<SharedStream>) -> io::Result<Self> {
        let (say, to_say) = blocking::channel::<Said>();
        let (tell, heard) = mpsc::channel(MOST_WAITING);
        thread::Builder::new()
            .name("handover says".to_owned())
            .spawn(move || write_lines(&stream, &to_say))?;
        thread::Builder::new().name("handover hears".to_owned()).spawn(move || read_lines(read, &tell))?;
        Ok(Self { say, heard })
    }

    /// Says something. Never waits: a host that does not read is noticed by what it does not answer.
    pub(crate) fn say(&self, line: Said) {
        let _connection_has_ended = self.say.send(line);
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

/// A connection that both directions share.
#[derive(Debug, Clone)]
pub(super) struct SharedStream(pub(super) Arc<Stream>);

impl Read for SharedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(into)
    }
}

/// Writes what is to be said. Whoever says nothing more says farewell: the other direction keeps the connection open.
fn write_lines<Said: Serialize + Farewell>(stream: &Stream, to_say: &blocking::Receiver<Said>) {
    let mut stream = stream;
    for line in to_say {
        if let Err(error) = write_line(&mut stream, &line) {
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
        let (say, to_say) = blocking::channel::<Said>();
        let (say_back, to_say_back) = blocking::channel::<Heard>();
        let (tell, heard) = mpsc::channel(MOST_WAITING);
        let (tell_back, heard_back) = mpsc::channel(MOST_WAITING);
        thread::spawn(move || to_say.iter().try_for_each(|line| tell_back.blocking_send(line)));
        thread::spawn(move || to_say_back.iter().try_for_each(|line| tell.blocking_send(line)));
        (Self { say, heard }, Conversation { say: say_back, heard: heard_back })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &[u8]) -> Vec<IncumbentLine> {
        let (tell, mut told) = mpsc::channel(MOST_WAITING);
        let text = text.to_vec();
        let reading = thread::spawn(move || read_lines(BufReader::new(&text[..]), &tell));
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
