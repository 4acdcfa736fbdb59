//! The host: its greeting and the steps that it asks for on stdin, and what it is told on stdout.

use std::io::{self, BufRead, Read, Write as _};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;

use taskpaw_contract::sidecar::{
    HELLO_WITHIN, HOST_ON_STDIN, HOST_VARIABLE, Hello, LONGEST_LINE, Line, PROTOCOL, Step, StepError,
};
use tokio::sync::mpsc;

pub(crate) use way::{Passed, give};

mod way;

/// The most steps that wait for their turn; beyond that stdin is not read further.
const MOST_WAITING: usize = 16;
/// The most invalid lines that are answered; a host that writes more does not read the answers either.
const MOST_BROKEN: usize = 64;

/// A host that does not keep to the protocol.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    /// Another word in the environment.
    #[error(
        "{HOST_VARIABLE} is {0:?}; a host sets it to \"{HOST_ON_STDIN}\", and without a host it is unset"
    )]
    UnknownHost(String),
    /// No line in time.
    #[error("the host wrote no first line on stdin within {} s", HELLO_WITHIN.as_secs())]
    Silent,
    /// Stdin ended or failed.
    #[error("the host closed stdin before its first line was complete")]
    Closed,
    /// The line is longer than any that a host writes.
    #[error("the host's first line on stdin is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// The line is not what a host writes.
    #[error("the host's first line on stdin is no greeting: {0}")]
    Broken(String),
    /// No thread for stdin.
    #[error("stdin cannot be read: {0}")]
    Thread(#[source] io::Error),
}

/// A host that has greeted.
pub(crate) struct Host {
    /// The host's greeting.
    pub(crate) hello: Hello,
    /// What it asks for; ends when the host is gone.
    pub(crate) steps: mpsc::Receiver<Result<Step, StepError>>,
    /// The sockets that have come with that.
    pub(crate) passed: Passed,
}

/// Waits for the greeting, if a host started this process.
pub(crate) fn greeting() -> Result<Option<Host>, HelloError> {
    let host = std::env::var_os(HOST_VARIABLE).unwrap_or_default();
    if host.is_empty() {
        return Ok(None);
    }
    if host != HOST_ON_STDIN {
        return Err(HelloError::UnknownHost(host.to_string_lossy().into_owned()));
    }
    let (greeted, greeting) = sync_channel(1);
    let (asked, steps) = mpsc::channel(MOST_WAITING);
    let passed = Passed::default();
    let arriving = passed.clone();
    // A thread of its own: a read of stdin cannot be called off, and it must not keep the process alive.
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut stdin = way::stdin(arriving);
            let hello = read_greeting(&mut stdin);
            let hears_steps = hello.as_ref().is_ok_and(|hello| hello.taskpaw_host >= PROTOCOL);
            let is_greeted = hello.is_ok();
            if greeted.send(hello).is_err() || !is_greeted {
                return;
            }
            if hears_steps {
                hear(&mut stdin, &asked);
            }
            // A stdin that cannot be read has ended too. The end of this thread tells it.
            let _ended = io::copy(&mut stdin, &mut io::sink());
        })
        .map_err(HelloError::Thread)?;
    match greeting.recv_timeout(HELLO_WITHIN) {
        Ok(hello) => hello.map(|hello| Some(Host { hello, steps, passed })),
        Err(RecvTimeoutError::Timeout) => Err(HelloError::Silent),
        Err(RecvTimeoutError::Disconnected) => Err(HelloError::Closed),
    }
}

fn read_greeting(stdin: &mut impl BufRead) -> Result<Hello, HelloError> {
    let mut line = Vec::new();
    stdin.take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|_| HelloError::Closed)?;
    if line.last() != Some(&b'\n') {
        return Err(if is_full(&line) { HelloError::TooLong } else { HelloError::Closed });
    }
    let broken = |reason: &str| HelloError::Broken(reason.to_owned());
    // serde's reason could repeat a part of the line, and the line has a secret in it.
    let hello: Hello =
        serde_json::from_slice(&line).map_err(|_| broken("it is not the JSON object that was agreed"))?;
    if !(1..=PROTOCOL).contains(&hello.taskpaw_host) {
        return Err(HelloError::Broken(format!("this version knows taskpaw_host 1 to {PROTOCOL}")));
    }
    if hello.control_token.is_empty() {
        return Err(broken("control_token is empty"));
    }
    Ok(hello)
}

/// Passes on what the host asks for, until it is gone or has written too much that is nothing.
fn hear(stdin: &mut impl BufRead, asked: &mpsc::Sender<Result<Step, StepError>>) {
    let mut broken = 0;
    while let Some(step) = read_step(stdin) {
        broken += usize::from(step.is_err());
        if broken > MOST_BROKEN {
            return tracing::error!(
                "the host writes what is none of the protocol: it is not listened to any more"
            );
        }
        if asked.blocking_send(step).is_err() {
            return;
        }
    }
}

/// The next line; nothing at the end. One that is too long is read to its end and is none.
fn read_step(stdin: &mut impl BufRead) -> Option<Result<Step, StepError>> {
    let mut line = Vec::new();
    stdin.take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
    if line.last() == Some(&b'\n') {
        return Some(Step::parse(&line));
    }
    if !is_full(&line) {
        return None;
    }
    stdin.skip_until(b'\n').ok()?;
    Some(Err(StepError::Broken))
}

fn is_full(line: &[u8]) -> bool {
    u64::try_from(line.len()).is_ok_and(|length| length == LONGEST_LINE)
}

/// Whatever comes in the place of a greeting and of the steps after it, and however long it is.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(mut stdin: &[u8]) {
    if let Ok(hello) = read_greeting(&mut stdin) {
        assert!((1..=PROTOCOL).contains(&hello.taskpaw_host) && !hello.control_token.is_empty(), "{hello:?}");
        while read_step(&mut stdin).is_some() {}
    }
}

/// Tells the host something, on stdout. If nobody reads it, the end of stdin will say so too.
pub(crate) fn write_line(line: &Line) {
    let write = || -> io::Result<()> {
        let text = line.text()? + "\n";
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    };
    if let Err(error) = write() {
        tracing::error!("the host cannot be told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Hello, HelloError> {
        read_greeting(&mut text.as_bytes())
    }

    #[test]
    fn a_greeting_is_one_whole_line() {
        let good = r#"{"taskpaw_host":1,"host_version":"4.0.0","control_token":"t","config_dir":"/c"}"#;
        assert_eq!(read(&format!("{good}\nmore")).unwrap().control_token, "t");
        assert!(read(&format!("{}\n", good.replace("\":1", "\":2"))).unwrap().is_stepwise());
        assert!(matches!(read(good), Err(HelloError::Closed)), "no line end");
        assert!(matches!(read(""), Err(HelloError::Closed)));
        assert!(matches!(read(&" ".repeat(70_000)), Err(HelloError::TooLong)));
        for text in [
            "\n",
            "hello\n",
            "{}\n",
            r#"{"taskpaw_host":0,"host_version":"4.0.0","control_token":"t","config_dir":"/c"}"#,
            r#"{"taskpaw_host":3,"host_version":"4.0.0","control_token":"t","config_dir":"/c"}"#,
            r#"{"taskpaw_host":1,"host_version":"4.0.0","control_token":"","config_dir":"/c"}"#,
        ] {
            assert!(matches!(read(&format!("{text}\n")), Err(HelloError::Broken(_))), "{text}");
        }
    }

    #[test]
    fn a_broken_greeting_does_not_give_its_token_away() {
        let text = r#"{"taskpaw_host":"secret","control_token":"secret"}"#;
        assert!(!read(&format!("{text}\n")).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_line_that_is_too_long_is_one_broken_step_and_the_next_one_counts() {
        let text =
            format!("{}\n{{\"taskpaw_step\":\"live\"}}\n{{\"taskpaw_step\":\"stand", "x".repeat(70_000));
        let mut stdin = text.as_bytes();
        assert_eq!(read_step(&mut stdin), Some(Err(StepError::Broken)));
        assert_eq!(read_step(&mut stdin), Some(Ok(Step::Live)));
        assert_eq!(read_step(&mut stdin), None, "the host was ended while it wrote");
    }

    #[test]
    fn whoever_writes_nothing_but_nonsense_is_not_heard_for_ever() {
        let (asked, mut steps) = mpsc::channel(1000);
        let mut stdin = io::Cursor::new("nonsense\n".repeat(1000));
        hear(&mut stdin, &asked);
        drop(asked);
        let heard = std::iter::from_fn(|| steps.blocking_recv()).count();
        assert_eq!(heard, MOST_BROKEN);
    }
}
