//! Every way in which serving ends.

use std::fmt;
use std::io;
#[cfg(windows)]
use std::thread;

use tokio::sync::watch;

/// The wish to stop serving. Every copy can express it and wait for it; it is never taken back: to serve again begins
/// with another one.
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
    /// The host wants this backend to stand down: it may serve again.
    StandDown,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "a signal",
            Self::HostGone => "the end of stdin",
            Self::ControlCall => "the control call",
            Self::StandDown => "the host's order to stand down",
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

    /// Why it is wanted, if it is.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        *self.0.borrow()
    }

    /// Whether somebody wants it.
    pub(crate) fn is_requested(&self) -> bool {
        self.reason().is_some()
    }

    /// Waits for the wish.
    pub(crate) async fn requested(&self) {
        // It cannot fail: this copy keeps the channel open.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
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

/// At a log off the host ends its backends in order; one that Windows ends before it would be a crash for it, and be started
/// again in a session that ends.
#[cfg(windows)]
pub(crate) fn end_after_the_host() {
    if let Err(error) = port_takeover::sys::end_after_others() {
        tracing::warn!("at a log off this backend may end before its host: {error}");
    }
}

/// Elsewhere nobody ends a backend before its host does.
#[cfg(unix)]
pub(crate) fn end_after_the_host() {}

/// A program that was started by one that had blocked signals has them blocked, too: it could not be asked to stop.
#[cfg(unix)]
pub(crate) fn hear_all_signals() {
    let _stays_as_it_is = nix::sys::signal::SigSet::empty().thread_set_mask();
}

/// Listens for the system's ways to ask for a stop.
#[cfg(unix)]
pub(crate) fn listen_for_signals(stop: &Stop) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    // A parent that ignores the end of its children had this one inherit that: how a command ended could not be read.
    let _only_not_ignored = signal(SignalKind::child())?;
    // A file that may not grow any more (`ulimit -f`) is an error of the write then, and not the end. Not ignored: commands would inherit that.
    let _no_end = signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // A terminal that is closed; asked before anything listens.
    let mut hangup = if taskpaw_contract::signals::ends_with_its_terminal() {
        Some(signal(SignalKind::hangup())?)
    } else {
        None
    };
    let stop = stop.clone();
    tokio::spawn(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hung_up => {}
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
