//! Real sockets, over a real Unix stream.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use port_takeover::sys::{MOST_PASSED, Native, PassedSocket, receive_with, send_with};
use port_takeover::{Claim, Found, NotWanted, WantedPort, claim_passed, claim_the_rest, find_passed};
use rustix::io::{FdFlags, fcntl_getfd};
use socket2::{Domain, SockRef, Socket, Type};

/// Descriptors are counted: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/dev/fd").unwrap().count()
}

fn wanted(address: SocketAddr) -> WantedPort {
    WantedPort::new("network", &address.ip().to_string(), address.port().into()).unwrap()
}

fn listener() -> (TcpListener, WantedPort) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = wanted(listener.local_addr().unwrap());
    (listener, port)
}

/// Sends them over a new stream, closes them here, and receives them.
fn passed(sockets: Vec<OwnedFd>) -> Vec<PassedSocket> {
    let (give, take) = UnixStream::pair().unwrap();
    let descriptors: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    send_with(&give, b"\n", &descriptors).unwrap();
    drop(sockets);
    let mut byte = [0; 8];
    let received = receive_with(&take, &mut byte, false).unwrap();
    assert_eq!((received.bytes, byte[0]), (1, b'\n'));
    received.sockets
}

#[test]
fn a_listener_is_passed_with_its_queue_and_its_line() {
    let _alone = alone();
    let (listener, port) = listener();
    let mut client = TcpStream::connect(port.socket_address()).unwrap();
    client.write_all(b"hello").unwrap();
    let before = open_descriptors();
    let Found { all: claims, refused, .. } =
        claim_passed(&Native::new(), passed(vec![listener.into()]), std::slice::from_ref(&port));
    assert!(refused.is_empty());
    let claims = claim_the_rest(std::slice::from_ref(&port), claims).unwrap();
    let [Claim { name, listener }] = claims.as_slice() else { panic!("{claims:?}") };
    assert_eq!(name, "network");
    assert!(fcntl_getfd(listener).unwrap().contains(FdFlags::CLOEXEC), "nobody inherits it");
    assert!(SockRef::from(listener).nonblocking().unwrap(), "it never blocks");
    assert_eq!(open_descriptors(), before, "one for one");
    let (mut accepted, _) = listener.accept().unwrap();
    let mut text = [0; 5];
    accepted.set_nonblocking(false).unwrap();
    io::Read::read_exact(&mut accepted, &mut text).unwrap();
    assert_eq!(&text, b"hello", "who connected before it was passed is served");
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn ten_adversaries_are_refused_and_nothing_is_left_of_them() {
    let _alone = alone();
    let (_kept, port) = listener();
    let v6: SocketAddr = "[::]:0".parse().unwrap();
    let mut adversaries: Vec<(&str, Vec<OwnedFd>, WantedPort, Option<NotWanted>)> = Vec::new();
    let mut add =
        |name, sockets, port: &WantedPort, why| adversaries.push((name, sockets, port.clone(), why));

    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let of_datagrams = wanted(datagrams.local_addr().unwrap());
    add("UDP", vec![datagrams.into()], &of_datagrams, Some(NotWanted::NotTcp));

    let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    bound.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    let of_bound = wanted(bound.local_addr().unwrap().as_socket().unwrap());
    add("not listening", vec![bound.into()], &of_bound, Some(NotWanted::NotListening));
    let connection = TcpStream::connect(port.socket_address()).unwrap();
    let of_connection = wanted(connection.local_addr().unwrap());
    add("a connection", vec![connection.into()], &of_connection, Some(NotWanted::NotListening));

    add("another port", vec![listener().0.into()], &port, Some(NotWanted::Elsewhere));

    let elsewhere = TcpListener::bind("127.0.0.2:0");
    if let Ok(elsewhere) = elsewhere {
        let number = elsewhere.local_addr().unwrap().port();
        let of_elsewhere = wanted(SocketAddr::from(([127, 0, 0, 1], number)));
        add("another address", vec![elsewhere.into()], &of_elsewhere, Some(NotWanted::Elsewhere));
    }

    // Only bound, so that no network is listened on; an address that is not a wildcard takes one family in any case.
    let one = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    if one.set_only_v6(true).and_then(|()| one.bind(&v6.into())).is_ok() {
        let of_one = wanted(one.local_addr().unwrap().as_socket().unwrap());
        add("v6only the other way", vec![one.into()], &of_one, Some(NotWanted::OtherFamilies));
    }

    let shared = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    shared.set_reuse_port(true).unwrap();
    shared.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    shared.listen(1).unwrap();
    let of_shared = wanted(shared.local_addr().unwrap().as_socket().unwrap());
    add("SO_REUSEPORT", vec![shared.into()], &of_shared, Some(NotWanted::SharesPort));

    // Only the superuser can make one; the fake lies about it for everybody else.
    let (others, of_others) = listener();
    if std::os::unix::fs::fchown(&others, Some(65_534), None).is_ok() {
        add("another user's", vec![others.into()], &of_others, Some(NotWanted::OtherUser));
    }

    let (pipe, other_end) = io::pipe().unwrap();
    add("a pipe", vec![pipe.into(), other_end.into()], &port, None);
    let (local, other_end) = UnixStream::pair().unwrap();
    add("local sockets", vec![local.into(), other_end.into()], &port, Some(NotWanted::NotTcp));

    add("none", Vec::new(), &port, None);
    assert!(adversaries.len() >= 8);
    for (name, sockets, port, expected) in adversaries {
        let count = sockets.len();
        let before = open_descriptors();
        let found = claim_passed(&Native::new(), passed(sockets), &[port]);
        assert!(found.all.is_empty() && !found.is_whole(), "{name}");
        assert_eq!(found.refused.len(), count, "{name}: each is named: {}", found.why_not());
        let whys: Vec<_> = found.refused.iter().map(|refused| &refused.why).collect();
        match &expected {
            Some(expected) => assert!(whys.iter().all(|why| *why == expected), "{name}: {whys:?}"),
            None => {
                assert!(whys.iter().all(|why| matches!(why, NotWanted::Unreadable(_))), "{name}: {whys:?}")
            }
        }
        assert_eq!(open_descriptors(), before - count, "{name}: nothing is left");
    }
}

#[test]
fn too_many_are_cut_and_closed() {
    let _alone = alone();
    let (listener, port) = listener();
    // More than are sent in good faith: the system's own call, in steps.
    let (give, take) = UnixStream::pair().unwrap();
    let others: Vec<OwnedFd> = (0..60).map(|_| OwnedFd::from(listener.try_clone().unwrap())).collect();
    let too_many: Vec<BorrowedFd<'_>> = others.iter().map(AsFd::as_fd).collect();
    assert!(send_with(&give, b"x", &too_many).is_err());
    let before = open_descriptors();
    send_unbounded(&give, &too_many);
    let received = receive_with(&take, &mut [0; 1], false).unwrap();
    assert_eq!((received.sockets.len(), received.surplus), (MOST_PASSED, 60 - MOST_PASSED));
    assert_eq!(open_descriptors(), before + MOST_PASSED);
    let found = find_passed(&Native::new(), received.sockets, &[port]);
    assert!(found.is_whole());
    assert_eq!(found.refused.len(), MOST_PASSED - 1, "one of them is wanted");
    drop(found);
    assert_eq!(open_descriptors(), before);
}

fn send_unbounded(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(60))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    sendmsg(stream, &[io::IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
}

#[test]
fn sockets_come_with_their_own_bytes_and_with_none_before_them() {
    let _alone = alone();
    let (give, take) = UnixStream::pair().unwrap();
    let (listener, _) = listener();
    send_with(&give, b"first\n", &[]).unwrap();
    send_with(&give, b"second\n", &[listener.as_fd()]).unwrap();
    send_with(&give, b"third\n", &[listener.as_fd(), listener.as_fd()]).unwrap();
    drop(give);
    let (mut text, mut groups) = (Vec::new(), Vec::new());
    loop {
        let mut bytes = [0; 64];
        let received = receive_with(&take, &mut bytes, true).unwrap();
        if received.bytes == 0 {
            break;
        }
        text.extend_from_slice(&bytes[..received.bytes]);
        if !received.sockets.is_empty() {
            groups.push((text.len(), received.sockets.len()));
        }
    }
    assert_eq!(text, b"first\nsecond\nthird\n");
    assert_eq!(
        groups.iter().map(|(_, count)| *count).collect::<Vec<_>>(),
        [1, 2],
        "never two groups in one read"
    );
    assert!(groups[0].0 >= "first\ns".len() && groups[0].0 <= "first\nsecond\n".len(), "{groups:?}");
}

#[test]
fn what_is_on_its_way_when_nobody_takes_it_is_closed() {
    let _alone = alone();
    let (listener, port) = listener();
    let (give, take) = UnixStream::pair().unwrap();
    send_with(&give, b"x", &[listener.as_fd()]).unwrap();
    drop(listener);
    assert!(TcpListener::bind(port.socket_address()).is_err(), "it listens on its way");
    drop((give, take));
    TcpListener::bind(port.socket_address()).unwrap();
}

#[test]
fn a_stream_that_has_ended_takes_nothing() {
    let _alone = alone();
    let (listener, _) = listener();
    let (give, take) = UnixStream::pair().unwrap();
    assert_eq!(receive_with(&take, &mut [0; 1], false).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(take);
    assert_eq!(send_with(&give, b"x", &[listener.as_fd()]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}
