//! What the answers of libproc and sysctl mean, from their bytes alone: pure, and tested on every system.
//!
//! The offsets are those of `bsd/sys/proc_info.h` in XNU, which has kept them since Mac OS X 10.5; the tests
//! compare them with the C structures. Both architectures of macOS are little-endian.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::process::Pid;

/// `sizeof(struct socket_fdinfo)`.
pub(super) const SOCKET_FDINFO: usize = 792;
/// `sizeof(struct proc_fdinfo)`.
pub(super) const FDINFO: usize = 8;

/// `PROX_FDTYPE_SOCKET`
const FDTYPE_SOCKET: u32 = 2;
/// `SOCKINFO_TCP`
const KIND_TCP: u32 = 2;
/// `TSI_S_LISTEN`
const STATE_LISTEN: u32 = 1;
/// `INI_IPV4`, `INI_IPV6`
const IPV4: u8 = 0x1;
const IPV6: u8 = 0x2;

// Offsets in `struct socket_fdinfo`.
const SOI_SO: usize = 160;
const SOI_KIND: usize = 256;
const INSI_LPORT: usize = 268;
const INSI_VFLAG: usize = 288;
const INSI_LADDR: usize = 312;
const TCPSI_STATE: usize = 344;
/// In the union of both families an IPv4 address is the last of four words (`struct in4in6_addr`).
const I46A_ADDR4: usize = 12;

/// A TCP socket that has a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TcpSocket {
    /// What stands for the socket itself: the same for every process that inherited it.
    pub(super) socket: u64,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) v6only: bool,
    /// Whether it is in LISTEN.
    pub(super) listens: bool,
}

/// The ids of `proc_listpids`: a list of `int`, in which 0 is the kernel.
pub(super) fn pids(bytes: &[u8]) -> impl Iterator<Item = Pid> {
    let (ids, _incomplete) = bytes.as_chunks::<4>();
    ids.iter().filter_map(|id| Pid::new(u32::try_from(i32::from_ne_bytes(*id)).ok()?))
}

/// The numbers of those descriptors that are sockets, from the list of `struct proc_fdinfo` that
/// `PROC_PIDLISTFDS` gives.
pub(super) fn sockets(bytes: &[u8]) -> impl Iterator<Item = i32> {
    let (descriptors, _incomplete) = bytes.as_chunks::<FDINFO>();
    descriptors.iter().filter_map(|descriptor| {
        (u32_at(descriptor, 4)? == FDTYPE_SOCKET).then(|| u32_at(descriptor, 0).map(u32::cast_signed))?
    })
}

/// The TCP socket that a `struct socket_fdinfo` describes; `None` for every other socket, and for an answer
/// that is not whole.
pub(super) fn tcp_socket(bytes: &[u8]) -> Option<TcpSocket> {
    let info: &[u8; SOCKET_FDINFO] = bytes.try_into().ok()?;
    if u32_at(info, SOI_KIND)? != KIND_TCP {
        return None;
    }
    let listens = u32_at(info, TCPSI_STATE)? == STATE_LISTEN;
    // An `int` that holds an `in_port_t` in network byte order, so it is its first two bytes.
    let port = u16::from_be_bytes(chunk_at(info, INSI_LPORT)?);
    let families = *info.get(INSI_VFLAG)?;
    // A socket of both families is an IPv6 one that takes IPv4 too, and its address is the IPv6 one. One that
    // was bound to an IPv4-mapped address carries IPv4 alone.
    let address = if families & IPV6 != 0 {
        IpAddr::V6(without_scope(chunk_at(info, INSI_LADDR)?))
    } else if families & IPV4 != 0 {
        IpAddr::V4(Ipv4Addr::from(chunk_at::<4>(info, INSI_LADDR + I46A_ADDR4)?))
    } else {
        return None;
    };
    let v6only = families & (IPV4 | IPV6) == IPV6;
    let socket = u64::from_ne_bytes(chunk_at(info, SOI_SO)?);
    Some(TcpSocket { socket, address, port, v6only, listens })
}

/// The kernel keeps the interface of a link-local address in its second word, which is not part of it
/// (`in6_embedscope`).
fn without_scope(mut octets: [u8; 16]) -> Ipv6Addr {
    if Ipv6Addr::from(octets).is_unicast_link_local() {
        [octets[2], octets[3]] = [0, 0];
    }
    Ipv6Addr::from(octets)
}

/// The arguments, the program first, from what `KERN_PROCARGS2` gives: their number, the path that was
/// executed, zeros up to an aligned place, the arguments and the environment, each with a final zero.
///
/// `None` if it ends before the last argument does. An empty first argument cannot be told from the zeros
/// before it; no way to start a program from a shell or a launcher gives one.
pub(super) fn arguments(bytes: &[u8]) -> Option<Vec<String>> {
    let count = usize::try_from(u32_at(bytes, 0)?.cast_signed()).ok()?;
    let mut strings = bytes.get(4..)?.split(|&byte| byte == 0);
    strings.next()?;
    let mut strings = strings.skip_while(|text| text.is_empty());
    // What follows the last zero is not a whole string; `split` gives it nevertheless, so one more is asked for.
    let mut arguments = Vec::new();
    for _ in 0..count {
        arguments.push(String::from_utf8_lossy(strings.next()?).into_owned());
    }
    strings.next().map(|_| arguments)
}

/// The name of a process, from `pbi_name` and `pbi_comm`. Both are cut, the first at 31 bytes and the second
/// at 15. One that may be cut gives way to the shorter one, whose length shows that it is.
pub(super) fn process_name(name: &[u8; 32], comm: &[u8; 16]) -> String {
    let (long, short) = (until_zero(name), until_zero(comm));
    let chosen = if long.is_empty() || long.len() >= name.len() - 1 { short } else { long };
    String::from_utf8_lossy(chosen).into_owned()
}

/// Microseconds since 1970; `None` for times that no process can have started at.
pub(super) fn start_time(seconds: u64, microseconds: u64) -> Option<u64> {
    seconds.checked_mul(1_000_000)?.checked_add(microseconds).filter(|&time| time != 0)
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    chunk_at(bytes, at).map(u32::from_ne_bytes)
}

fn chunk_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
#[path = "parse/tests.rs"]
mod tests;
