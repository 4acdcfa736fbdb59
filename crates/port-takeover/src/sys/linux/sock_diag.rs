//! TCP sockets, from netlink's `sock_diag` (man 7 sock_diag): one question for each family, answered in some 30 µs
//! whatever the number of processes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::TcpSocket;
use crate::error::LookError;

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const INET_DIAG_SKV6ONLY: u16 = 11;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
// net/tcp_states.h
const TCP_LISTEN: u32 = 10;
/// Bound, and neither listening nor connected. Kernels before 6.8 do not show it, and ignore that it is asked for.
const TCP_BOUND_INACTIVE: u32 = 13;
const LISTENING: u32 = 1 << TCP_LISTEN;
/// From TCP_ESTABLISHED (1) on, all but the listeners.
const NOT_LISTENING: u32 = ((1 << (TCP_BOUND_INACTIVE + 1)) - 2) & !LISTENING;

const HEADER: usize = 16;
const MESSAGE: usize = 72;
const REQUEST: usize = HEADER + 56;

/// An answer comes at once; a kernel that does not answer must not block the start.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// A dump that the kernel calls inconsistent, because sockets came and went, is asked for again.
const DUMP_ATTEMPTS: u32 = 5;

/// Every TCP socket in LISTEN of this network namespace.
pub(super) fn listening() -> Result<Vec<TcpSocket>, LookError> {
    whole(LISTENING, 0)
}

/// Every TCP socket of this network namespace that has a port and does not listen, whatever else it does.
pub(super) fn not_listening(port: u16) -> Result<Vec<TcpSocket>, LookError> {
    whole(NOT_LISTENING, port)
}

/// The sockets in any of these states, on one port or (0) on any.
fn whole(states: u32, port: u16) -> Result<Vec<TcpSocket>, LookError> {
    let mut sockets = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let from = sockets.len();
            match dump(&request(family, states, port), &mut sockets)? {
                Consistency::Whole => break,
                Consistency::Interrupted if attempt < DUMP_ATTEMPTS => sockets.truncate(from),
                Consistency::Interrupted => {
                    return Err(LookError::Malformed("it kept changing while it was read"));
                }
            }
        }
    }
    Ok(sockets)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consistency {
    Whole,
    Interrupted,
}

fn dump(request: &[u8; REQUEST], into: &mut Vec<TcpSocket>) -> Result<Consistency, LookError> {
    let sockets = |error: rustix::io::Errno| LookError::Sockets(io::Error::from(error));
    let netlink: OwnedFd = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .map_err(sockets)?;
    set_socket_timeout(&netlink, Timeout::Recv, Some(ANSWER_TIMEOUT)).map_err(sockets)?;
    send(&netlink, request, SendFlags::empty()).map_err(sockets)?;

    // The kernel fills at most 32 KiB at a time.
    let mut buffer = vec![0; 64 * 1024];
    let mut consistency = Consistency::Whole;
    loop {
        let (length, _) = recv(&netlink, &mut buffer[..], RecvFlags::empty()).map_err(sockets)?;
        let part = parse(buffer.get(..length).unwrap_or_default())?;
        into.extend(part.sockets);
        if part.interrupted {
            consistency = Consistency::Interrupted;
        }
        if part.done {
            return Ok(consistency);
        }
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`: all TCP sockets of a family in these states, on one port or (0) on any.
fn request(family: u8, states: u32, port: u16) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &(REQUEST as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    put(HEADER, &[family, IPPROTO_TCP]);
    put(HEADER + 4, &states.to_ne_bytes());
    put(HEADER + 8, &port.to_be_bytes());
    bytes
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    sockets: Vec<TcpSocket>,
    interrupted: bool,
    done: bool,
}

/// Reads one datagram of the answer.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Part, LookError> {
    let truncated = LookError::Malformed("it is truncated");
    let mut part = Part::default();
    while !bytes.is_empty() {
        let length = u32_at(bytes, 0).ok_or(LookError::Malformed("it is truncated"))? as usize;
        let kind = u16_at(bytes, 4).ok_or(LookError::Malformed("it is truncated"))?;
        let flags = u16_at(bytes, 6).ok_or(LookError::Malformed("it is truncated"))?;
        let Some(body) = bytes.get(HEADER..length) else { return Err(truncated) };
        part.interrupted |= flags & NLM_F_DUMP_INTR != 0;
        match kind {
            NLMSG_DONE => {
                part.done = true;
                return Ok(part);
            }
            NLMSG_ERROR => {
                let code = u32_at(body, 0).ok_or(truncated)?.cast_signed();
                return Err(LookError::Sockets(io::Error::from_raw_os_error(code.saturating_neg())));
            }
            SOCK_DIAG_BY_FAMILY => part.sockets.push(socket(body)?),
            _ => {}
        }
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    Ok(part)
}

/// `struct inet_diag_msg` and its attributes.
fn socket(body: &[u8]) -> Result<TcpSocket, LookError> {
    let message: &[u8; MESSAGE] = body.first_chunk().ok_or(LookError::Malformed("an entry is too short"))?;
    let port = u16::from_be_bytes([message[4], message[5]]);
    let address = match (message[0], message[8..24].first_chunk::<4>(), message[8..24].first_chunk::<16>()) {
        (AF_INET, Some(&v4), _) => IpAddr::V4(Ipv4Addr::from(v4)),
        (AF_INET6, _, Some(&v6)) => IpAddr::V6(Ipv6Addr::from(v6)),
        _ => return Err(LookError::Malformed("an entry is of another family")),
    };
    let inode = u32_at(message, 68).ok_or(LookError::Malformed("an entry is too short"))?;
    Ok(TcpSocket { address, port, v6only: v6only(&body[MESSAGE..])?, inode: inode.into() })
}

fn v6only(mut attributes: &[u8]) -> Result<bool, LookError> {
    while attributes.len() >= 4 {
        let broken = LookError::Malformed("an attribute is truncated");
        let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) else {
            return Err(broken);
        };
        let Some(value) = attributes.get(4..length.into()) else { return Err(broken) };
        if kind == INET_DIAG_SKV6ONLY {
            return Ok(value.first() == Some(&1));
        }
        attributes = attributes.get(aligned(length.into())..).unwrap_or_default();
    }
    Ok(false)
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&chunk| u16::from_ne_bytes(chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&chunk| u32::from_ne_bytes(chunk))
}
