//! What the records of Windows mean, from their bytes alone: pure, and tested on every system.
//!
//! The offsets are those of `tcpmib.h` and `ntdef.h`; the tests compare them with the C structures. Windows is
//! little-endian on all its architectures.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::LookError;

/// A row of a table of listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The process that made the socket. It may have ended: a socket lives as long as a child has inherited it.
    pub(super) owner: u32,
    /// When the socket was bound, in 100 ns since 1601; 0 if that is not known.
    created_at: u64,
}

impl Row {
    /// Whether a process that started at this time can have made the socket. One that is younger got the id
    /// of the owner after that had ended.
    pub(super) fn can_be_of(&self, started_at: u64) -> bool {
        self.created_at == 0 || started_at <= self.created_at.saturating_add(CLOCKS_DIFFER)
    }
}

/// The two times may come from two clocks: a process gets a precise one, and nothing says that a socket does not get that of
/// the last tick, up to 15.6 ms before; and the clock may be set between them. 2 s, in 100 ns. Whose a process is decide its
/// executable, its arguments and its user afterwards.
const CLOCKS_DIFFER: u64 = 20_000_000;

/// Where the rows of one family have what.
struct Layout {
    size: usize,
    state: usize,
    address: usize,
    port: usize,
    owner: usize,
    created_at: usize,
}

/// `MIB_TCPROW_OWNER_MODULE`
const IPV4: Layout = Layout { size: 160, state: 0, address: 4, port: 8, owner: 20, created_at: 24 };
/// `MIB_TCP6ROW_OWNER_MODULE`
const IPV6: Layout = Layout { size: 192, state: 48, address: 0, port: 20, owner: 52, created_at: 56 };
/// Before the first row is their number, and a gap: a row holds 64-bit numbers and is aligned to them.
const FIRST_ROW: usize = 8;
/// `MIB_TCP_STATE_LISTEN`
const STATE_LISTEN: u32 = 2;

/// The listeners of a `MIB_TCPTABLE_OWNER_MODULE`.
pub(super) fn ipv4_listeners(table: &[u8]) -> Result<Vec<Row>, LookError> {
    listeners(table, &IPV4, |row, at| Some(IpAddr::V4(Ipv4Addr::from(chunk_at::<4>(row, at)?))))
}

/// The listeners of a `MIB_TCP6TABLE_OWNER_MODULE`. It does not say whether one refuses IPv4.
pub(super) fn ipv6_listeners(table: &[u8]) -> Result<Vec<Row>, LookError> {
    listeners(table, &IPV6, |row, at| Some(IpAddr::V6(Ipv6Addr::from(chunk_at::<16>(row, at)?))))
}

/// The table with those rows alone that are of these ports: what a table says of others is nobody's business.
pub(super) fn of_ports(table: &[u8], is_ipv6: bool, ports: &BTreeSet<u16>) -> Option<Vec<u8>> {
    let layout = if is_ipv6 { &IPV6 } else { &IPV4 };
    let count = usize::try_from(u32_at(table, 0)?).ok()?;
    let rows = table.get(FIRST_ROW..).unwrap_or_default();
    let rows = rows.get(..count.checked_mul(layout.size)?)?.chunks_exact(layout.size);
    let is_wanted = |row: &&[u8]| {
        chunk_at(row, layout.port).is_some_and(|port| ports.contains(&u16::from_be_bytes(port)))
    };
    let rows: Vec<&[u8]> = rows.filter(is_wanted).collect();
    let head = [u32::try_from(rows.len()).ok()?.to_le_bytes(), [0; 4]].concat();
    Some([head, rows.concat()].concat())
}

fn listeners(
    table: &[u8],
    layout: &Layout,
    address: impl Fn(&[u8], usize) -> Option<IpAddr>,
) -> Result<Vec<Row>, LookError> {
    let truncated = || LookError::Malformed("it is truncated");
    let count = usize::try_from(u32_at(table, 0).ok_or_else(truncated)?).map_err(|_| truncated())?;
    // An empty table may be shorter than the gap.
    let rows = table.get(FIRST_ROW..).unwrap_or_default();
    let rows = rows.get(..count.checked_mul(layout.size).ok_or_else(truncated)?).ok_or_else(truncated)?;
    let row = |row: &[u8]| {
        if u32_at(row, layout.state)? != STATE_LISTEN {
            return Some(None);
        }
        Some(Some(Row {
            address: address(row, layout.address)?,
            // A `DWORD` whose low 16 bits are the port in network byte order; the others may be anything.
            port: u16::from_be_bytes(chunk_at(row, layout.port)?),
            owner: u32_at(row, layout.owner)?,
            created_at: u64::from_le_bytes(chunk_at(row, layout.created_at)?),
        }))
    };
    rows.chunks_exact(layout.size).filter_map(|bytes| row(bytes).ok_or_else(truncated).transpose()).collect()
}

/// The text of a `UNICODE_STRING` that lies at the beginning of `bytes`, with its characters behind it, as
/// `ProcessCommandLineInformation` gives it. `base` is the address of `bytes`, which the string's own address
/// is relative to.
pub(super) fn unicode_string(bytes: &[u8], base: usize) -> Option<String> {
    let (length, address) = unicode_string_parts(bytes)?;
    if length == 0 {
        return Some(String::new());
    }
    let from = address.checked_sub(base)?;
    let (units, _half) = bytes.get(from..from.checked_add(length)?)?.as_chunks::<2>();
    let units: Vec<u16> = units.iter().copied().map(u16::from_le_bytes).collect();
    Some(String::from_utf16_lossy(&units))
}

/// The length in bytes of the text of a `UNICODE_STRING`, and its address.
pub(super) fn unicode_string_parts(bytes: &[u8]) -> Option<(usize, usize)> {
    // In between are the room and, on 64 bits, a gap.
    let length = u16::from_le_bytes(chunk_at(bytes, 0)?);
    Some((length.into(), usize::from_le_bytes(chunk_at(bytes, size_of::<usize>())?)))
}

/// A security identifier as it is written, such as `S-1-5-21-1-2-3-1001` (MS-DTYP 2.4.2).
pub(super) fn sid_text(sid: &[u8]) -> Option<String> {
    let &[revision, count, authority @ ..] = sid.first_chunk::<8>()?;
    let mut wide = [0; 8];
    wide[2..].copy_from_slice(&authority);
    let mut text = format!("S-{revision}-{}", u64::from_be_bytes(wide));
    for at in 0..usize::from(count) {
        text.push_str(&format!("-{}", u32_at(sid, 8 + 4 * at)?));
    }
    Some(text)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    chunk_at(bytes, at).map(u32::from_le_bytes)
}

fn chunk_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
#[path = "records/tests.rs"]
mod tests;
