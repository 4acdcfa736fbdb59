//! A listening socket that the parent has passed to this process under a number.
#![expect(unsafe_code, reason = "a number becomes a descriptor only by saying so")]

use std::io;
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::{socket_acceptconn, socket_reuseport};

/// The first number that a parent may pass something under: those below are the standard streams.
pub const FIRST_PASSED: i32 = 3;

/// Takes over the listening TCP socket that the parent has passed under this number. Called once for each number, before
/// this process listens anywhere itself. What this process starts does not inherit it.
///
/// # Errors
/// If the number is one of a standard stream, if nothing is open under it, or if that is not a listening socket or shares its
/// port with others (SO_REUSEPORT): it is closed then.
pub fn passed_listener(descriptor: i32) -> io::Result<TcpListener> {
    if descriptor < FIRST_PASSED {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is used for one system call, which fails with EBADF if nothing is open under this number.
    let number = unsafe { BorrowedFd::borrow_raw(descriptor) };
    fcntl_setfd(number, FdFlags::CLOEXEC)?;
    // SAFETY: something is open under this number, and the parent has passed it to be owned here: nothing else in this
    // process uses a number that it did not get from the system itself.
    let owned = unsafe { OwnedFd::from_raw_fd(descriptor) };
    if !socket_acceptconn(&owned)? || socket_reuseport(&owned)? {
        return Err(io::Error::other("it does not listen, or not alone"));
    }
    let listener = TcpListener::from(owned);
    // That it has an address says that it is of TCP over IP, which the standard library reads.
    listener.local_addr()?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::IntoRawFd as _;

    use super::*;

    #[test]
    fn a_listener_is_taken_and_nothing_else() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let taken = passed_listener(listener.into_raw_fd()).unwrap();
        assert_eq!(taken.local_addr().unwrap(), address);
        let flags = rustix::io::fcntl_getfd(&taken).unwrap();
        assert!(flags.contains(FdFlags::CLOEXEC), "no child has it");

        let datagrams = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let file = tempfile::tempfile().unwrap();
        let shared = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        shared.set_reuse_port(true).unwrap();
        let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
        shared.bind(&any.into()).unwrap();
        shared.listen(1).unwrap();
        let local = tempfile::tempdir().unwrap();
        let local = std::os::unix::net::UnixListener::bind(local.path().join("s")).unwrap();
        let connection = std::net::TcpStream::connect(address).unwrap();
        for other in [
            datagrams.into_raw_fd(),
            file.into_raw_fd(),
            shared.into_raw_fd(),
            local.into_raw_fd(),
            connection.into_raw_fd(),
            -1,
            0,
            i32::MAX,
        ] {
            assert!(passed_listener(other).is_err(), "{other}");
        }
    }
}
