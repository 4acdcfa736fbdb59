//! The way to a sidecar: its stdin. On Linux and macOS it is one end of a pair of Unix streams that only the two of them have, so
//! that listening sockets can go over it in both directions, beside the lines.

use std::io;

use port_takeover::sys::PassedSocket;
use process_wrap::tokio::ChildWrapper;

#[cfg(not(unix))]
pub(super) use of_others::Lines;
#[cfg(not(unix))]
pub(crate) use of_others::Way;
#[cfg(unix)]
pub(super) use of_unix::Lines;
#[cfg(unix)]
pub(crate) use of_unix::Way;

#[cfg(unix)]
mod of_unix {
    use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::process::Stdio;
    use std::sync::Arc;

    use port_takeover::sys::{receive_with, send_with};

    use super::{ChildWrapper, PassedSocket, io};

    /// What lines are written to.
    pub(in crate::roles) type Lines = tokio::net::UnixStream;

    /// This host's end.
    #[derive(Debug, Clone)]
    pub(crate) struct Way(Arc<UnixStream>);

    impl Way {
        /// Makes the way that a command is going to have as its stdin.
        pub(in crate::roles) fn open(command: &mut tokio::process::Command) -> io::Result<Self> {
            let (ours, its) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            command.stdin(Stdio::from(OwnedFd::from(its)));
            Ok(Self(Arc::new(ours)))
        }

        /// What lines are written to. Within a runtime.
        pub(in crate::roles) fn lines(&self, _child: &mut dyn ChildWrapper) -> Option<Lines> {
            self.0.try_clone().and_then(Lines::from_std).ok()
        }

        /// Gives sockets to the sidecar with a line, and has them no more. Never waits.
        pub(crate) fn give(&self, line: &[u8], sockets: Vec<PassedSocket>) -> io::Result<()> {
            let descriptors: Vec<BorrowedFd<'_>> = sockets.iter().map(|socket| socket.as_fd()).collect();
            send_with(&*self.0, line, &descriptors)
        }

        /// Takes the sockets that the sidecar has given last. Never waits.
        pub(crate) fn take(&self) -> Vec<PassedSocket> {
            let mut last = Vec::new();
            while let Ok(received) = receive_with(&*self.0, &mut [0; 64], false) {
                if received.bytes == 0 {
                    break;
                }
                if !received.sockets.is_empty() {
                    last = received.sockets;
                }
            }
            last
        }
    }
}

#[cfg(not(unix))]
mod of_others {
    use std::process::Stdio;

    use super::{ChildWrapper, PassedSocket, io};

    /// What lines are written to.
    pub(in crate::roles) type Lines = tokio::process::ChildStdin;

    /// No socket goes over it.
    #[derive(Debug, Clone)]
    pub(crate) struct Way(());

    impl Way {
        /// Makes the way that a command is going to have as its stdin.
        #[expect(clippy::unnecessary_wraps, reason = "as on the systems where it can fail")]
        pub(in crate::roles) fn open(command: &mut tokio::process::Command) -> io::Result<Self> {
            command.stdin(Stdio::piped());
            Ok(Self(()))
        }

        /// What lines are written to.
        #[expect(clippy::unused_self, reason = "as on the systems where it is needed")]
        pub(in crate::roles) fn lines(&self, child: &mut dyn ChildWrapper) -> Option<Lines> {
            child.stdin().take()
        }

        /// There is nothing to give here.
        #[expect(clippy::unused_self, reason = "as on the systems where it is needed")]
        pub(crate) fn give(&self, _line: &[u8], _sockets: Vec<PassedSocket>) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Nothing is ever given here.
        #[expect(clippy::unused_self, reason = "as on the systems where it is needed")]
        pub(crate) fn take(&self) -> Vec<PassedSocket> {
            Vec::new()
        }
    }
}
