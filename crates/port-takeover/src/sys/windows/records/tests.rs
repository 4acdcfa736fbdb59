//! The parsers against bytes that are built as `tcpmib.h` and `ntdef.h` lay them out.

use std::mem::{offset_of, size_of};

use super::*;

/// `MIB_TCPROW_OWNER_MODULE` and `MIB_TCP6ROW_OWNER_MODULE`.
mod c {
    #[repr(C)]
    pub(super) struct TcpRow {
        pub(super) state: u32,
        pub(super) local_address: u32,
        pub(super) local_port: u32,
        pub(super) remote_address: u32,
        pub(super) remote_port: u32,
        pub(super) owning_pid: u32,
        pub(super) create_timestamp: i64,
        pub(super) owning_module_info: [u64; 16],
    }
    #[repr(C)]
    pub(super) struct Tcp6Row {
        pub(super) local_address: [u8; 16],
        pub(super) local_scope: u32,
        pub(super) local_port: u32,
        pub(super) remote_address: [u8; 16],
        pub(super) remote_scope: u32,
        pub(super) remote_port: u32,
        pub(super) state: u32,
        pub(super) owning_pid: u32,
        pub(super) create_timestamp: i64,
        pub(super) owning_module_info: [u64; 16],
    }
    #[repr(C)]
    pub(super) struct Table<Row> {
        pub(super) count: u32,
        pub(super) rows: [Row; 1],
    }
}

#[test]
fn offsets_are_those_of_the_c_structures() {
    assert_eq!(IPV4.size, size_of::<c::TcpRow>());
    assert_eq!(IPV4.state, offset_of!(c::TcpRow, state));
    assert_eq!(IPV4.address, offset_of!(c::TcpRow, local_address));
    assert_eq!(IPV4.port, offset_of!(c::TcpRow, local_port));
    assert_eq!(IPV4.owner, offset_of!(c::TcpRow, owning_pid));
    assert_eq!(IPV4.created_at, offset_of!(c::TcpRow, create_timestamp));
    assert_eq!(FIRST_ROW, offset_of!(c::Table<c::TcpRow>, rows));

    assert_eq!(IPV6.size, size_of::<c::Tcp6Row>());
    assert_eq!(IPV6.state, offset_of!(c::Tcp6Row, state));
    assert_eq!(IPV6.address, offset_of!(c::Tcp6Row, local_address));
    assert_eq!(IPV6.port, offset_of!(c::Tcp6Row, local_port));
    assert_eq!(IPV6.owner, offset_of!(c::Tcp6Row, owning_pid));
    assert_eq!(IPV6.created_at, offset_of!(c::Tcp6Row, create_timestamp));
    assert_eq!(FIRST_ROW, offset_of!(c::Table<c::Tcp6Row>, rows));
}

fn row(layout: &Layout, state: u32, address: &[u8], port: u16, owner: u32, created_at: u64) -> Vec<u8> {
    // What is not set is filled, so that a wrong offset shows: the upper half of the port too.
    let mut bytes = vec![0xa5; layout.size];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(layout.state, &state.to_le_bytes());
    put(layout.address, address);
    put(layout.port, &port.to_be_bytes());
    put(layout.owner, &owner.to_le_bytes());
    put(layout.created_at, &created_at.to_le_bytes());
    bytes
}

fn table(rows: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = u32::try_from(rows.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend([0xa5; 4]);
    bytes.extend(rows.concat());
    bytes
}

/// When process 4321 bound its socket.
const BOUND: u64 = 133_900_000_000_000_000;

fn ipv4_table() -> Vec<u8> {
    table(&[
        row(&IPV4, STATE_LISTEN, &[127, 0, 0, 1], 5680, 4321, BOUND),
        row(&IPV4, 5, &[127, 0, 0, 1], 5680, 99, BOUND),
        row(&IPV4, STATE_LISTEN, &[0, 0, 0, 0], 135, 4, 0),
    ])
}

#[test]
fn what_is_recorded_of_a_table_says_the_same_of_its_ports_and_nothing_of_others() {
    let table = ipv4_table();
    let recorded = of_ports(&table, false, &BTreeSet::from([5680])).unwrap();
    let all = ipv4_listeners(&table).unwrap();
    let wanted: Vec<Row> = all.into_iter().filter(|row| row.port == 5680).collect();
    assert_eq!(ipv4_listeners(&recorded).unwrap(), wanted);
    assert!(recorded.len() < table.len());
    assert_eq!(of_ports(&table[..table.len() - 1], false, &BTreeSet::from([5680])), None, "it is cut off");
}

#[test]
fn listeners_are_read() {
    let rows = ipv4_listeners(&ipv4_table()).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.address.to_string(), row.port, row.owner)).collect();
    assert_eq!(seen, [("127.0.0.1".to_owned(), 5680, 4321), ("0.0.0.0".to_owned(), 135, 4)]);

    let local = Ipv6Addr::LOCALHOST.octets();
    let rows = ipv6_listeners(&table(&[row(&IPV6, STATE_LISTEN, &local, 5680, 4321, BOUND)])).unwrap();
    assert_eq!((rows[0].address.to_string(), rows[0].port, rows[0].owner), ("::1".into(), 5680, 4321));
    assert_eq!(rows[0].created_at, BOUND);
}

#[test]
fn a_process_younger_than_the_socket_did_not_make_it() {
    let rows = ipv4_listeners(&ipv4_table()).unwrap();
    assert!(rows[0].can_be_of(BOUND - 1));
    assert!(rows[0].can_be_of(BOUND));
    // Two clocks, of which one may be behind.
    assert!(rows[0].can_be_of(BOUND + 1));
    assert!(rows[0].can_be_of(BOUND + 20_000_000));
    assert!(!rows[0].can_be_of(BOUND + 30_000_000));
    // A row without a time contradicts nobody.
    assert!(rows[1].can_be_of(BOUND));
}

#[test]
fn a_truncated_table_is_an_error() {
    let whole = ipv4_table();
    for length in 0..whole.len() {
        assert!(ipv4_listeners(&whole[..length]).is_err(), "{length} bytes");
        assert!(ipv6_listeners(&whole[..length]).is_err(), "{length} bytes");
    }
    assert!(ipv4_listeners(&u32::MAX.to_le_bytes()).is_err());
    assert_eq!(ipv4_listeners(&[0; 4]).unwrap(), []);
    // The room that was given may be larger than the table.
    let mut longer = whole;
    longer.extend([0; 1000]);
    assert_eq!(ipv4_listeners(&longer).unwrap().len(), 2);
}

const BASE: usize = 0x7f00_0000;
const HEADER: usize = 2 * size_of::<usize>();

fn string(text: &str, length: u16, address: usize) -> Vec<u8> {
    let mut bytes = vec![0xa5; HEADER];
    bytes[..2].copy_from_slice(&length.to_le_bytes());
    bytes[size_of::<usize>()..].copy_from_slice(&address.to_le_bytes());
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

#[test]
fn a_string_is_read_from_behind_its_header() {
    let bytes = string("b agentX", 14, BASE + HEADER);
    assert_eq!(unicode_string(&bytes, BASE).unwrap(), "b agent");
    for length in 0..bytes.len() - 2 {
        assert_eq!(unicode_string(&bytes[..length], BASE), None, "{length} bytes");
    }
    assert_eq!(unicode_string(&string("", 0, 0), BASE).unwrap(), "");
}

#[test]
fn a_string_that_lies_elsewhere_is_not_followed() {
    for address in [0, BASE - 1, BASE + HEADER + 2, BASE + 1_000_000, usize::MAX] {
        assert_eq!(unicode_string(&string("agent", 10, address), BASE), None, "{address:#x}");
    }
}

#[test]
fn a_sid_is_written_as_windows_writes_it() {
    let mut sid = vec![1, 2, 0, 0, 0, 0, 0, 5];
    sid.extend([32_u32, 544].iter().flat_map(|part| part.to_le_bytes()));
    assert_eq!(sid_text(&sid).unwrap(), "S-1-5-32-544");
    for length in 0..sid.len() {
        assert_eq!(sid_text(&sid[..length]), None, "{length} bytes");
    }
}
