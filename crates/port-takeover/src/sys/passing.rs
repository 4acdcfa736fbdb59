//! Sockets over a Unix stream (SCM_RIGHTS): Linux and macOS. Each goes with some bytes, and comes with the read that gets the
//! first of them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::net::sockopt::{ipv6_v6only, set_socket_reuseaddr, socket_reuseport, socket_type};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketType, getsockname, recvmsg, sendmsg,
};
use rustix::process::geteuid;

use super::os;
use crate::passing::{Passing, SocketFacts};
use crate::sys::Native;

/// The most sockets that are passed at once: a role has two ports, and nobody needs more than a few.
pub const MOST_PASSED: usize = 8;
/// As many as a system lets anybody send at once (Linux: `SCM_MAX_FD`, 253; macOS: what a cluster of 2 KiB holds). With less
/// room than that, macOS would leave descriptors open that nobody knows of.
const MOST_SENT: usize = 512;

/// A socket that came from another process: not looked at yet, closed by its drop, inherited by nobody.
#[derive(Debug)]
pub struct PassedSocket(OwnedFd);

impl AsFd for PassedSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<TcpListener> for PassedSocket {
    fn from(listener: TcpListener) -> Self {
        Self(listener.into())
    }
}

/// What one read has got.
#[derive(Debug)]
pub struct Received {
    /// How many bytes were read; 0 at the end of the stream.
    pub bytes: usize,
    /// What came with them, at most [`MOST_PASSED`].
    pub sockets: Vec<PassedSocket>,
    /// How many more sockets came, which are closed.
    pub surplus: usize,
}

/// Writes bytes to a Unix stream with sockets, which stay open here. A reader gets both at once, or neither. Never waits.
///
/// # Errors
/// What the system says; also if not all bytes could be written, after which the stream is of no use any more.
pub fn send_with(stream: impl AsFd, bytes: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    if sockets.len() > MOST_PASSED {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_PASSED))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let written = loop {
        match sendmsg(&stream, &[IoSlice::new(bytes)], &mut control, send_flags()) {
            Err(Errno::INTR) => {}
            written => break written?,
        }
    };
    if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Reads from a Unix stream, and takes the sockets that come with the bytes. No other read of that stream may happen: it
/// would drop them without a word. Waits if told so; else it is [`io::ErrorKind::WouldBlock`] if there is nothing. With what is
/// no socket, such as a pipe, nothing can come but bytes; that read waits as long as it likes.
///
/// # Errors
/// What the system says.
pub fn receive_with(stream: impl AsFd, into: &mut [u8], waits: bool) -> io::Result<Received> {
    let (bytes, descriptors) = loop {
        match receive_once(stream.as_fd(), into, waits) {
            Err(Errno::INTR) => {}
            Err(Errno::NOTSOCK) => break (rustix::io::read(&stream, &mut *into)?, Vec::new()),
            got => break got?,
        }
    };
    let surplus = descriptors.len().saturating_sub(MOST_PASSED);
    let sockets = descriptors.into_iter().take(MOST_PASSED).map(PassedSocket).collect();
    Ok(Received { bytes, sockets, surplus })
}

fn drained(control: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(of_message) = message {
            descriptors.extend(of_message);
        }
    }
    descriptors
}

#[cfg(target_os = "linux")]
fn send_flags() -> SendFlags {
    SendFlags::DONTWAIT | SendFlags::NOSIGNAL
}

/// The standard library has a program ignore SIGPIPE.
#[cfg(target_os = "macos")]
fn send_flags() -> SendFlags {
    SendFlags::DONTWAIT
}

#[cfg(target_os = "linux")]
fn receive_once(
    stream: BorrowedFd<'_>,
    into: &mut [u8],
    waits: bool,
) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SENT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let waiting = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    let flags = waiting | RecvFlags::CMSG_CLOEXEC;
    let got = recvmsg(stream, &mut [IoSliceMut::new(into)], &mut control, flags)?;
    Ok((got.bytes, drained(&mut control)))
}

/// macOS cannot receive a descriptor that is closed on exec from its first moment: nothing may be started between the two
/// calls, see [`while_none_is_received`].
#[cfg(target_os = "macos")]
fn receive_once(
    stream: BorrowedFd<'_>,
    into: &mut [u8],
    waits: bool,
) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::{FdFlags, fcntl_setfd};

    loop {
        if waits {
            poll(&mut [PollFd::new(&stream, PollFlags::IN)], None)?;
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SENT))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let _nothing_is_started = one_at_a_time();
        match recvmsg(stream, &mut [IoSliceMut::new(into)], &mut control, RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN) if waits => {}
            got => {
                let (bytes, descriptors) = (got?.bytes, drained(&mut control));
                for descriptor in &descriptors {
                    fcntl_setfd(descriptor, FdFlags::CLOEXEC)?;
                }
                return Ok((bytes, descriptors));
            }
        }
    }
}

/// Starts a program, or does something else that must not happen while descriptors are received: on macOS a program that is
/// started in that moment would inherit them.
pub fn while_none_is_received<T>(start: impl FnOnce() -> T) -> T {
    let _nothing_is_received = one_at_a_time();
    start()
}

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Passing for Native {
    type Socket = PassedSocket;

    fn facts(&self, socket: &PassedSocket) -> io::Result<SocketFacts> {
        os::socket_facts(socket.as_fd())
    }

    fn adopt(&self, socket: PassedSocket) -> io::Result<TcpListener> {
        set_socket_reuseaddr(&socket, true)?;
        let listener = TcpListener::from(socket.0);
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

/// What every system is asked in the same way.
pub(super) fn common_facts(socket: BorrowedFd<'_>) -> io::Result<SocketFacts> {
    let address = getsockname(socket)?.try_into().ok();
    let is_stream = socket_type(socket)? == SocketType::STREAM;
    let v6only = match address {
        Some(SocketAddr::V6(_)) => ipv6_v6only(socket)?,
        _ => false,
    };
    Ok(SocketFacts {
        is_tcp: is_stream && address.is_some(),
        listens: false,
        address,
        v6only,
        shares_port: socket_reuseport(socket)?,
        same_user: fstat(socket)?.st_uid == geteuid().as_raw(),
    })
}
