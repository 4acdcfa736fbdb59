//! The sockets in LISTEN, from the tables of `GetExtendedTcpTable`, one for each family.

use std::collections::BTreeSet;
use std::io;
use std::mem::size_of_val;

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_NOT_SUPPORTED, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{GetExtendedTcpTable, TCP_TABLE_OWNER_MODULE_LISTENER};
use windows_sys::Win32::Networking::WinSock::{ADDRESS_FAMILY, AF_INET, AF_INET6};

use super::bytes_of;
use super::records::{self, Row};
use crate::error::LookError;

/// How often a table that grew between the question for its size and its copy is asked for again.
const TABLE_ATTEMPTS: u32 = 5;

/// Every TCP socket in LISTEN.
pub(super) fn listening() -> Result<Vec<Row>, LookError> {
    let mut rows = records::ipv4_listeners(bytes_of(&table(AF_INET)?))?;
    rows.extend(records::ipv6_listeners(bytes_of(&table(AF_INET6)?))?);
    Ok(rows)
}

/// What Windows answers for these ports, in its own bytes.
pub(super) fn recorded(ports: &BTreeSet<u16>) -> Result<Vec<(String, Vec<u8>)>, LookError> {
    let mut answers = Vec::new();
    for (family, name) in [(AF_INET, "AF_INET"), (AF_INET6, "AF_INET6")] {
        let rows = records::of_ports(bytes_of(&table(family)?), family == AF_INET6, ports);
        let rows = rows.ok_or(LookError::Malformed("it is truncated"))?;
        answers.push((format!("GetExtendedTcpTable {name}"), rows));
    }
    Ok(answers)
}

/// The table of a family, as Windows writes it, in words: its rows are aligned to them.
fn table(family: ADDRESS_FAMILY) -> Result<Vec<u64>, LookError> {
    // A table without rows, which is what a family that is switched off has.
    let mut words = vec![0_u64; 1];
    for _ in 0..TABLE_ATTEMPTS {
        let mut size = u32::try_from(size_of_val(words.as_slice()))
            .map_err(|_| LookError::Malformed("it is larger than any table can be"))?;
        let (buffer, class) = (words.as_mut_ptr().cast(), TCP_TABLE_OWNER_MODULE_LISTENER);
        // SAFETY: `buffer` has `size` bytes that may be written.
        let error = unsafe { GetExtendedTcpTable(buffer, &raw mut size, 0, family.into(), class, 0) };
        match error {
            NO_ERROR => return Ok(words),
            ERROR_NOT_SUPPORTED if family == AF_INET6 => return Ok(vec![0]),
            ERROR_INSUFFICIENT_BUFFER => {
                // A few rows more than are said to be there: sockets come all the time.
                words = vec![0; size as usize / 8 + 256];
            }
            error => return Err(LookError::Sockets(io::Error::from_raw_os_error(error.cast_signed()))),
        }
    }
    Err(LookError::Malformed("it kept growing while it was read"))
}
