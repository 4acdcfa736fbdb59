//! The parsers against bytes that are built as `bsd/sys/proc_info.h` lays them out.

use std::mem::{offset_of, size_of};

use super::*;

/// The C structures, as far as they are read.
mod c {
    #[repr(C)]
    pub(super) struct Fileinfo {
        pub(super) openflags: u32,
        pub(super) status: u32,
        pub(super) offset: i64,
        pub(super) kind: i32,
        pub(super) guardflags: u32,
    }
    #[repr(C)]
    pub(super) struct VinfoStat {
        pub(super) dev: u32,
        pub(super) mode: u16,
        pub(super) nlink: u16,
        pub(super) ino: u64,
        pub(super) uid: u32,
        pub(super) gid: u32,
        pub(super) times: [i64; 8],
        pub(super) size: i64,
        pub(super) blocks: i64,
        pub(super) blksize: i32,
        pub(super) flags: u32,
        pub(super) generation: u32,
        pub(super) rdev: u32,
        pub(super) qspare: [i64; 2],
    }
    #[repr(C)]
    pub(super) struct SockbufInfo {
        pub(super) counts: [u32; 5],
        pub(super) flags: i16,
        pub(super) timeo: i16,
    }
    #[repr(C)]
    pub(super) struct InSockinfo {
        pub(super) fport: i32,
        pub(super) lport: i32,
        pub(super) gencnt: u64,
        pub(super) flags: u32,
        pub(super) flow: u32,
        pub(super) vflag: u8,
        pub(super) ip_ttl: u8,
        pub(super) rfu_1: u32,
        pub(super) faddr: [u32; 4],
        pub(super) laddr: [u32; 4],
        pub(super) v4_tos: u8,
        pub(super) v6: (u32, u32, u32),
    }
    #[repr(C)]
    pub(super) struct TcpSockinfo {
        pub(super) ini: InSockinfo,
        pub(super) state: i32,
        pub(super) timer: [i32; 4],
        pub(super) mss: i32,
        pub(super) flags: u32,
        pub(super) rfu_1: u32,
        pub(super) tp: u64,
    }
    #[repr(C)]
    pub(super) struct UnSockinfo {
        pub(super) conn: [u64; 2],
        pub(super) addresses: [[u8; 255]; 2],
    }
    #[repr(C)]
    pub(super) union Proto {
        pub(super) tcp: std::mem::ManuallyDrop<TcpSockinfo>,
        pub(super) un: std::mem::ManuallyDrop<UnSockinfo>,
    }
    #[repr(C)]
    pub(super) struct SocketInfo {
        pub(super) stat: VinfoStat,
        pub(super) so: u64,
        pub(super) pcb: u64,
        pub(super) kind_of_socket: [i32; 3],
        pub(super) shorts: [i16; 8],
        pub(super) oobmark: u32,
        pub(super) buffers: [SockbufInfo; 2],
        pub(super) kind: i32,
        pub(super) rfu_1: u32,
        pub(super) proto: Proto,
    }
    #[repr(C)]
    pub(super) struct SocketFdinfo {
        pub(super) pfi: Fileinfo,
        pub(super) psi: SocketInfo,
    }
}

#[test]
fn offsets_are_those_of_the_c_structures() {
    let socket = offset_of!(c::SocketFdinfo, psi);
    let tcp = socket + offset_of!(c::SocketInfo, proto);
    let internet = tcp + offset_of!(c::TcpSockinfo, ini);
    assert_eq!(SOCKET_FDINFO, size_of::<c::SocketFdinfo>());
    assert_eq!(SOI_SO, socket + offset_of!(c::SocketInfo, so));
    assert_eq!(SOI_KIND, socket + offset_of!(c::SocketInfo, kind));
    assert_eq!(INSI_LPORT, internet + offset_of!(c::InSockinfo, lport));
    assert_eq!(INSI_VFLAG, internet + offset_of!(c::InSockinfo, vflag));
    assert_eq!(INSI_LADDR, internet + offset_of!(c::InSockinfo, laddr));
    assert_eq!(TCPSI_STATE, tcp + offset_of!(c::TcpSockinfo, state));
}

fn socket(kind: u32, state: u32, families: u8, address: [u8; 16], port: u16) -> Vec<u8> {
    // What is not set is filled, so that a wrong offset shows.
    let mut bytes = vec![0xa5; SOCKET_FDINFO];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(SOI_SO, &77_u64.to_ne_bytes());
    put(SOI_KIND, &kind.to_ne_bytes());
    put(TCPSI_STATE, &state.to_ne_bytes());
    put(INSI_VFLAG, &[families]);
    put(INSI_LPORT, &port.to_be_bytes());
    put(INSI_LADDR, &address);
    bytes
}

fn v4(address: [u8; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&address);
    bytes
}

#[test]
fn addresses_are_read_by_family() {
    let any = Ipv6Addr::UNSPECIFIED.octets();
    let mut link_local = "fe80::1".parse::<Ipv6Addr>().unwrap().octets();
    link_local[3] = 4; // en0, say
    for (families, bytes, address, v6only) in [
        (IPV4, v4([127, 0, 0, 1]), "127.0.0.1", false),
        (IPV4, v4([0, 0, 0, 0]), "0.0.0.0", false),
        (IPV6 | IPV4, any, "::", false),
        (IPV6, any, "::", true),
        (IPV6, Ipv6Addr::LOCALHOST.octets(), "::1", true),
        (IPV6, link_local, "fe80::1", true),
    ] {
        let seen = tcp_socket(&socket(KIND_TCP, STATE_LISTEN, families, bytes, 5680)).unwrap();
        assert_eq!((seen.address.to_string().as_str(), seen.v6only), (address, v6only));
        assert_eq!((seen.port, seen.socket), (5680, 77));
    }
}

#[test]
fn only_tcp_counts_and_only_one_state_listens() {
    let of = |kind, state, families| tcp_socket(&socket(kind, state, families, v4([127, 0, 0, 1]), 5680));
    for state in 0..12 {
        assert_eq!(of(KIND_TCP, state, IPV4).unwrap().listens, state == STATE_LISTEN, "state {state}");
    }
    for kind in [0, 1, 3, 4, 5, 6, 7] {
        assert_eq!(of(kind, STATE_LISTEN, IPV4), None, "kind {kind}");
    }
    assert_eq!(of(KIND_TCP, STATE_LISTEN, 0), None);
}

#[test]
fn an_answer_that_is_not_whole_is_no_answer() {
    let whole = socket(KIND_TCP, STATE_LISTEN, IPV4, v4([127, 0, 0, 1]), 5680);
    for length in 0..whole.len() {
        assert_eq!(tcp_socket(&whole[..length]), None);
    }
    let mut longer = whole;
    longer.push(0);
    assert_eq!(tcp_socket(&longer), None);
}

#[test]
fn lists_leave_out_what_is_cut() {
    let list: Vec<u8> = [412_i32, 0, -1, 7].iter().flat_map(|id| id.to_ne_bytes()).collect();
    let seen = |bytes| pids(bytes).map(Pid::get).collect::<Vec<_>>();
    assert_eq!(seen(&list), [412, 7]);
    assert_eq!(seen(&list[..15]), [412]);

    let list: Vec<u8> = [3_u32, 2, 4, 1, 5, 2].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let seen = |bytes| sockets(bytes).collect::<Vec<_>>();
    assert_eq!(seen(&list), [3, 5]);
    for length in 0..list.len() {
        assert!(seen(&list[..length]).len() <= 1);
    }
}

/// As `KERN_PROCARGS2` gives it for a program that was started as `backend "" agent`.
fn procargs(count: i32) -> Vec<u8> {
    let mut bytes = count.to_ne_bytes().to_vec();
    bytes.extend_from_slice(b"/Applications/App.app/Contents/MacOS/backend\0\0\0\0");
    bytes.extend_from_slice(b"backend\0\0agent\0HOME=/Users/u\0PATH=/bin\0");
    bytes
}

#[test]
fn arguments_end_where_the_environment_begins() {
    assert_eq!(arguments(&procargs(3)).unwrap(), ["backend", "", "agent"]);
    assert_eq!(arguments(&procargs(0)).unwrap(), [""; 0]);
    assert_eq!(arguments(&procargs(-1)), None);
    assert_eq!(arguments(&procargs(i32::MAX)), None);
}

#[test]
fn cut_arguments_are_no_arguments() {
    let whole = procargs(3);
    let environment = whole.len() - b"HOME=/Users/u\0PATH=/bin\0".len();
    for length in 0..environment {
        assert_eq!(arguments(&whole[..length]), None, "{length} bytes");
    }
    // Without its environment: as for a program that the system protects.
    assert!(arguments(&whole[..environment]).is_some());
    let mut not_utf8 = 1_i32.to_ne_bytes().to_vec();
    not_utf8.extend_from_slice(b"/b\0\xff\0");
    assert_eq!(arguments(&not_utf8).unwrap(), ["\u{fffd}"]);
}

#[test]
fn a_name_that_may_be_cut_gives_way_to_one_that_shows_it() {
    fn field<const N: usize>(text: &str) -> [u8; N] {
        let mut field = [0; N];
        field[..text.len()].copy_from_slice(text.as_bytes());
        field
    }
    let name = |long: &str, short: &str| process_name(&field(long), &field(short));
    assert_eq!(name("backend-of-some-length", "backend-of-some"), "backend-of-some-length");
    assert_eq!(name("", "zsh"), "zsh");
    assert_eq!(name("backend-of-quite-some-length-wh", "backend-of-quit"), "backend-of-quit");
}

#[test]
fn a_start_time_is_exact_or_missing() {
    assert_eq!(start_time(1_700_000_000, 123_456), Some(1_700_000_000_123_456));
    assert_eq!(start_time(0, 0), None);
    assert_eq!(start_time(u64::MAX, 0), None);
}
