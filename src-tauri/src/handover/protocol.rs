//! What a starting host asks the running one: one line of JSON each way.

use std::convert::Infallible;
use std::io::{self, BufReader};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use port_takeover::Pid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conversation::{Conversation, IncumbentLine, SharedStream, Take, WithIncumbent};
use super::foreground;
use super::line::{read_from, read_line, write_line};
use super::peer::peer;
use super::socket::Socket;

/// What a host speaks that can hand over and serve again. That of 4.0.0 speaks 1, and does not say so.
pub(super) const PROTOCOL: u32 = 2;

/// What a starting host asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    /// The version of this line: 1.
    pub(crate) taskpaw_instance: u32,
    /// The version that was started.
    pub(crate) version: String,
    /// What the person wants.
    pub(crate) want: Want,
    /// What it speaks.
    #[serde(default = "first_protocol", skip_serializing_if = "is_first_protocol")]
    pub(crate) protocol: u32,
}

/// What the person wants who started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Want {
    /// The window of the running TaskPaw, if it is the version that was started; nothing changes if it is not.
    Show,
    /// TaskPaw, in the version that was started.
    Run,
    /// That the running TaskPaw hands over, and goes on if this one does not come to serve. Asked only of a host that speaks
    /// protocol 2.
    Succeed,
    /// That the running TaskPaw ends.
    Quit,
}

/// What the running host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The version of this line: 1.
    pub(crate) taskpaw_instance: u32,
    /// The version of the running host.
    pub(crate) version: String,
    /// The process id of the running host.
    pub(crate) pid: u32,
    /// What it does now.
    pub(crate) will: Will,
    /// What it speaks.
    #[serde(default = "first_protocol", skip_serializing_if = "is_first_protocol")]
    pub(crate) protocol: u32,
    /// How its window looks, so that the next one can look the same. Versions before 4.1.0 do not say it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) window: Value,
}

/// What the running host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Will {
    /// The running host shows its window: the starting one may end.
    Show,
    /// The running host goes on as before: it is another version, and was not asked to hand over.
    Stay,
    /// The running host stops its backends and ends, and the starting one takes its place.
    HandOver,
    /// The running host's backends stand down; the rest is said on the same connection.
    StandDown,
    /// The running host stops its backends and ends.
    Quit,
}

fn first_protocol() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like that")]
fn is_first_protocol(protocol: &u32) -> bool {
    *protocol == 1
}

impl Ask {
    /// What a host asks of this protocol.
    pub(super) fn of(version: &str, want: Want) -> Self {
        Self { taskpaw_instance: 1, version: version.to_owned(), want, protocol: PROTOCOL }
    }

    /// What a running host of a version does when it is asked this. One that is ending has no window to show:
    /// a host that is started then takes its place. `is_let_in` says that a person wants the version that asks.
    pub(crate) fn answered_by(&self, running: &str, is_ending: bool, is_let_in: bool) -> Will {
        match self.want {
            Want::Quit => Will::Quit,
            _ if self.version == running && !is_ending => Will::Show,
            Want::Show => Will::Stay,
            Want::Run | Want::Succeed if is_ending => Will::HandOver,
            Want::Succeed => Will::StandDown,
            Want::Run if is_let_in => Will::HandOver,
            // It could not give the place back, and nobody knows whether it can serve. Told this it ends by itself.
            Want::Run if self.protocol < PROTOCOL => Will::Show,
            // It does not know yet that this host can serve again: it hears it now.
            Want::Run => Will::Stay,
        }
    }

    /// Whether this is another version that cannot hand over and serve again, and that was told to end by being shown a
    /// window: a person is to hear of it.
    pub(crate) fn is_sent_away(&self, running: &str, will: Will) -> bool {
        will == Will::Show && self.version != running
    }
}

/// How an ask came out.
#[derive(Debug)]
pub(super) struct Asking {
    /// What was answered.
    pub(super) heard: Answering,
    /// Who accepted the connection, by the word of the system; nothing if nobody did.
    pub(super) peer: Option<Pid>,
}

/// What was answered.
#[derive(Debug)]
pub(super) enum Answering {
    /// The running host answered. Nothing is ever received: the receiver ends when the host has closed the connection: one
    /// that hands over closes it when it has given up its place.
    Answered(Answer, mpsc::Receiver<Infallible>),
    /// Nobody listens: it is just starting, or just ending.
    NobodyThere,
    /// Somebody listens and does not answer in time.
    Silent,
    /// Somebody listens, and answers what is not understood, or nothing at all.
    Strange,
}

/// How far an ask has come.
enum Progress {
    Connected(Option<Pid>),
    NotConnected,
    Answered(io::Result<Answer>),
}

/// Asks the running host, and waits for its answer at most `within`.
pub(super) fn ask(socket: Socket, ask: &Ask, within: Duration) -> Asking {
    let (tell, told) = mpsc::channel();
    let (open, closed) = mpsc::channel::<Infallible>();
    let ask = ask.clone();
    // Not every system can bound a read of its local sockets: a thread that hangs is left behind.
    thread::spawn(move || {
        let _lives_as_long_as_the_connection = open;
        let Ok(mut stream) = socket.connect() else { return drop(tell.send(Progress::NotConnected)) };
        let running = peer(&stream);
        // It may be about to show its window; one that does not needs no leave.
        let _a_person_started_this = foreground::pass_on(running);
        let _somebody_waits = tell.send(Progress::Connected(running));
        let answer = write_line(&mut stream, &ask).and_then(|()| read_line::<Answer>(&mut stream));
        let gives_up_its_place =
            answer.as_ref().is_ok_and(|it| matches!(it.will, Will::HandOver | Will::Quit));
        let somebody_waits = tell.send(Progress::Answered(answer)).is_ok();
        if somebody_waits && gives_up_its_place {
            let _closed_or_broken = io::copy(&mut stream, &mut io::sink());
        }
    });
    let deadline = Instant::now() + within;
    let mut peer = None;
    loop {
        let heard = match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Progress::Connected(found)) => {
                peer = found;
                continue;
            }
            Ok(Progress::Answered(Ok(answer))) => Answering::Answered(answer, closed),
            Ok(Progress::NotConnected) => Answering::NobodyThere,
            // It may have ended in the middle, or be of a version that does not know what it is asked: the next attempt
            // tells. It is alive, and no reason to end anybody.
            Ok(Progress::Answered(Err(error))) => {
                tracing::warn!(%error, "the running TaskPaw answers what is not understood");
                Answering::Strange
            }
            Err(_) => Answering::Silent,
        };
        return Asking { heard, peer };
    }
}

/// What became of an ask to hand over.
#[derive(Debug)]
pub(crate) struct Succession {
    /// What the incumbent answered.
    pub(crate) answer: Answer,
    /// Who it is, by the word of the system.
    pub(crate) peer: Option<Pid>,
    /// What is said from now on, if it hands over.
    pub(crate) conversation: Option<WithIncumbent>,
}

/// Asks the running host to hand over, and waits for its answer at most `within`; nothing if there is none. `take` gets the
/// sockets that it passes.
pub(super) fn ask_to_succeed(
    socket: Socket,
    ask: &Ask,
    within: Duration,
    take: Take<IncumbentLine>,
) -> Option<Succession> {
    let (tell, told) = mpsc::channel();
    let ask = ask.clone();
    // As in `ask`: a thread that hangs is left behind.
    thread::spawn(move || {
        let asked = || {
            let stream = Arc::new(socket.connect()?);
            write_line(&mut &*stream, &ask)?;
            let mut reader = BufReader::new(SharedStream::new(Arc::clone(&stream)));
            let answer: Answer = read_from(&mut reader)?;
            let peer = peer(&stream);
            let hands_over = answer.will == Will::StandDown;
            let conversation = hands_over.then(|| Conversation::on(stream, reader, take)).transpose()?;
            Ok::<_, io::Error>(Succession { answer, peer, conversation })
        };
        let _somebody_waits = tell.send(asked());
    });
    match told.recv_timeout(within).ok()? {
        Ok(succession) => Some(succession),
        Err(error) => {
            tracing::warn!(%error, "the running TaskPaw cannot be asked to hand over");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_version_shows_its_window() {
        let answer =
            |version: &str, want, is_ending| Ask::of(version, want).answered_by("4.1.0", is_ending, false);
        assert_eq!(answer("4.1.0", Want::Run, false), Will::Show);
        assert_eq!(answer("4.1.0", Want::Run, true), Will::HandOver, "one that is ending");
        assert_eq!(answer("4.1.0", Want::Show, false), Will::Show);
        assert_eq!(answer("4.1.0", Want::Show, true), Will::Stay);
        assert_eq!(answer("4.2.0", Want::Show, false), Will::Stay);
        assert_eq!(answer("4.0.1", Want::Quit, false), Will::Quit);
        for other in ["4.2.0", "4.0.1"] {
            assert_eq!(answer(other, Want::Succeed, false), Will::StandDown, "{other}");
            assert_eq!(answer(other, Want::Succeed, true), Will::HandOver, "{other}");
            assert_eq!(
                answer(other, Want::Run, false),
                Will::Stay,
                "{other} hears that this one can serve again"
            );
            assert_eq!(answer(other, Want::Run, true), Will::HandOver, "{other}");
        }
    }

    #[test]
    fn one_that_cannot_serve_again_is_sent_away_unless_a_person_wants_it() {
        let ask: Ask = read_line(&br#"{"taskpaw_instance":1,"version":"4.0.0","want":"run"}"#[..]).unwrap();
        let sent = ask.answered_by("4.1.0", false, false);
        assert_eq!(sent, Will::Show);
        assert!(ask.is_sent_away("4.1.0", sent));
        assert!(!ask.is_sent_away("4.0.0", sent), "the same version is shown");
        assert_eq!(ask.answered_by("4.1.0", false, true), Will::HandOver);
        assert_eq!(ask.answered_by("4.1.0", true, false), Will::HandOver, "one that is ending");
        let show = Ask { want: Want::Show, ..ask };
        assert_eq!(show.answered_by("4.1.0", false, false), Will::Stay);
    }

    #[test]
    fn an_answer_of_4_0_0_is_understood_and_it_understands_ours() {
        let told = br#"{"taskpaw_instance":1,"version":"4.0.0","pid":7,"will":"stay"}"#;
        let answer: Answer = read_line(&told[..]).unwrap();
        assert_eq!((answer.will, &answer.window), (Will::Stay, &Value::Null));
        let mut ours = Vec::new();
        write_line(&mut ours, &answer).unwrap();
        assert_eq!(ours.trim_ascii_end(), told);
    }
}
