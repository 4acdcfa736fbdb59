//! What begins and ends a launch: the host's first line on stdin, and every way to be asked to stop.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use taskpaw_contract::sidecar::{HELLO_WITHIN, HOST_ON_STDIN, HOST_VARIABLE, Hello};
use tokio::sync::watch;

/// How long that line may be.
const HELLO_BYTES: u64 = 64 * 1024;

/// The wish to stop. Whoever has a copy can utter it and wait for it; it is never taken back.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Sender<Option<StopReason>>);

/// Who wants the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// SIGTERM, SIGINT, or their like on Windows.
    Signal,
    /// Stdin has ended: the host is gone, or closed it to stop this backend.
    HostGone,
    /// The control call.
    ControlCall,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "a signal",
            Self::HostGone => "the end of stdin",
            Self::ControlCall => "the control call",
        })
    }
}

impl Stop {
    /// Nobody wants it yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Utters the wish. The first reason counts.
    pub(crate) fn request(&self, reason: StopReason) {
        let first = self.0.send_if_modified(|wish| {
            let first = wish.is_none();
            wish.get_or_insert(reason);
            first
        });
        if first {
            tracing::info!("stopping because of {reason}");
        }
    }

    /// Whether somebody wants it.
    pub(crate) fn is_requested(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits for the wish.
    pub(crate) async fn requested(&self) {
        // It cannot fail: this copy keeps the channel open.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

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
    #[error("the host's first line on stdin is longer than {HELLO_BYTES} bytes")]
    TooLong,
    /// The line is not what a host writes.
    #[error("the host's first line on stdin is no greeting: {0}")]
    Broken(String),
    /// No thread for stdin.
    #[error("stdin cannot be read: {0}")]
    Thread(#[source] io::Error),
}

/// The host's greeting, if a host started this process. From then on the end of stdin is a wish to stop.
pub(crate) fn greeting(stop: &Stop) -> Result<Option<Hello>, HelloError> {
    let host = std::env::var_os(HOST_VARIABLE).unwrap_or_default();
    if host.is_empty() {
        return Ok(None);
    }
    if host != HOST_ON_STDIN {
        return Err(HelloError::UnknownHost(host.to_string_lossy().into_owned()));
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let stop = stop.clone();
    // A thread of its own: a read of stdin cannot be called off, and it must not keep the process alive.
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut stdin = io::stdin().lock();
            let greeted = read_greeting(&mut stdin);
            let is_greeted = greeted.is_ok();
            if sender.send(greeted).is_ok() && is_greeted {
                // A stdin that cannot be read has ended too.
                let _ = io::copy(&mut stdin, &mut io::sink());
                stop.request(StopReason::HostGone);
            }
        })
        .map_err(HelloError::Thread)?;
    match receiver.recv_timeout(HELLO_WITHIN) {
        Ok(greeted) => greeted.map(Some),
        Err(RecvTimeoutError::Timeout) => Err(HelloError::Silent),
        Err(RecvTimeoutError::Disconnected) => Err(HelloError::Closed),
    }
}

fn read_greeting(stdin: &mut impl BufRead) -> Result<Hello, HelloError> {
    let mut line = Vec::new();
    stdin.take(HELLO_BYTES).read_until(b'\n', &mut line).map_err(|_| HelloError::Closed)?;
    if line.last() != Some(&b'\n') {
        let is_full = u64::try_from(line.len()).is_ok_and(|length| length == HELLO_BYTES);
        return Err(if is_full { HelloError::TooLong } else { HelloError::Closed });
    }
    let broken = |reason: &str| HelloError::Broken(reason.to_owned());
    // serde's reason could repeat a part of the line, and the line has a secret in it.
    let hello: Hello =
        serde_json::from_slice(&line).map_err(|_| broken("it is not the JSON object that was agreed"))?;
    if hello.taskpaw_host != 1 {
        return Err(broken("this version knows taskpaw_host 1"));
    }
    if hello.control_token.is_empty() {
        return Err(broken("control_token is empty"));
    }
    Ok(hello)
}

/// Whatever comes in the place of a greeting, and however long it is.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(mut stdin: &[u8]) {
    if let Ok(hello) = read_greeting(&mut stdin) {
        assert!(hello.taskpaw_host == 1 && !hello.control_token.is_empty(), "{hello:?}");
    }
}

/// Makes room for every connection that a role may have: macOS gives a program 256 descriptors, and the two ports
/// of an agent take up to 512 clients.
#[cfg(unix)]
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    const WANTED: u64 = 1024;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < WANTED) {
        limit.current = Some(limit.maximum.map_or(WANTED, |most| most.min(WANTED)));
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!("the number of open files stays small: {error}");
        }
    }
}

/// Windows has no such limit.
#[cfg(windows)]
pub(crate) fn raise_descriptor_limit() {}

/// Listens for the system's ways to ask for a stop.
#[cfg(unix)]
pub(crate) fn listen_for_signals(stop: &Stop) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.request(StopReason::Signal);
    });
    Ok(())
}

/// Listens for the system's ways to ask for a stop.
#[cfg(windows)]
pub(crate) fn listen_for_signals(stop: &Stop) -> io::Result<()> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

    listen_for_takeover(stop);
    let (mut c, mut broke) = (ctrl_c()?, ctrl_break()?);
    let (mut closed, mut shutdown) = (ctrl_close()?, ctrl_shutdown()?);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = c.recv() => {}
            _ = broke.recv() => {}
            _ = closed.recv() => {}
            _ = shutdown.recv() => {}
        }
        stop.request(StopReason::Signal);
    });
    Ok(())
}

/// Listens for the event that a takeover sets: no signal reaches a program without a window. A backend that cannot have
/// one works all the same, and is killed when another version takes over.
#[cfg(windows)]
fn listen_for_takeover(stop: &Stop) {
    let stop = stop.clone();
    let listening = port_takeover::sys::StopEvent::create().and_then(|event| {
        thread::Builder::new().name("stop event".to_owned()).spawn(move || match event.wait(None) {
            Ok(_) => stop.request(StopReason::Signal),
            Err(error) => tracing::warn!("a takeover cannot ask any more, only kill: {error}"),
        })
    });
    if let Err(error) = listening {
        tracing::warn!("a takeover cannot ask, only kill: {error}");
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
        assert!(matches!(read(good), Err(HelloError::Closed)), "no line end");
        assert!(matches!(read(""), Err(HelloError::Closed)));
        assert!(matches!(read(&" ".repeat(70_000)), Err(HelloError::TooLong)));
        for text in [
            "\n",
            "hello\n",
            "{}\n",
            r#"{"taskpaw_host":2,"host_version":"4.0.0","control_token":"t","config_dir":"/c"}"#,
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
}
