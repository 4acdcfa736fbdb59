//! TCP sockets, from `/proc/net/tcp` and `tcp6`: the fallback where netlink is not allowed.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::TcpSocket;
use crate::error::LookError;

const TCP_LISTEN: &str = "0A";

/// Which rows of a table are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Listening,
    NotListening,
}

/// The rows of both tables. A socket that is bound and neither listens nor is connected is in none.
pub(super) fn sockets(rows: Rows) -> Result<Vec<TcpSocket>, LookError> {
    let mut sockets = parse(&fs::read_to_string("/proc/net/tcp").map_err(LookError::Sockets)?, rows)?;
    match fs::read_to_string("/proc/net/tcp6") {
        Ok(table) => sockets.extend(parse(&table, rows)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {} // IPv6 is switched off.
        Err(error) => return Err(LookError::Sockets(error)),
    }
    Ok(sockets)
}

/// Reads a table (man 5 proc). It does not say whether an IPv6 socket refuses IPv4; it is then taken to
/// accept it, which can only refuse a start, never end a process.
pub(super) fn parse(table: &str, rows: Rows) -> Result<Vec<TcpSocket>, LookError> {
    let row = |line: &str| -> Option<Option<TcpSocket>> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
        if (*state == TCP_LISTEN) != (rows == Rows::Listening) {
            return Some(None);
        }
        let (address, port) = local.split_once(':')?;
        Some(Some(TcpSocket {
            address: hex_address(address)?,
            port: u16::from_str_radix(port, 16).ok()?,
            v6only: false,
            inode: inode.parse().ok()?,
        }))
    };
    table
        .lines()
        .skip(1)
        .filter_map(|line| row(line).ok_or(LookError::Malformed("a line of /proc/net/tcp")).transpose())
        .collect()
}

/// An address is printed as 32-bit words in the machine's own byte order.
fn hex_address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => word(0).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes))),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1631 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41234 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1631 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 41235 1 0000000000000000 20 4 30 10 -1
";
    const TABLE6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1632 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000 100 0 0 10 0
";

    #[cfg(target_endian = "little")]
    #[test]
    fn only_listening_rows_are_taken() {
        let rows = parse(TABLE, Rows::Listening).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].address.to_string(), rows[0].port, rows[0].inode),
            ("127.0.0.1".into(), 5681, 41234)
        );
        let others = parse(TABLE, Rows::NotListening).unwrap();
        assert_eq!((others.len(), others[0].inode), (1, 41235));
        let rows = parse(TABLE6, Rows::Listening).unwrap();
        assert_eq!((rows[0].address.to_string(), rows[0].port, rows[0].inode), ("::1".into(), 5682, 777));
    }

    #[test]
    fn a_damaged_table_is_an_error() {
        assert!(parse("header\n 0: 0100007F:1631 00000000:0000\n", Rows::Listening).is_err());
        assert!(parse("header\n 0: zz:1631 0:0 0A 0:0 0:0 0 0 0 1\n", Rows::Listening).is_err());
    }
}
