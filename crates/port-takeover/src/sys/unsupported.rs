//! A system that nobody has taught this library yet: it compiles, and says so.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Asked, Others, ReuseAllowed, Seen};
use crate::error::{EndError, LookError, ReuseError};
use crate::port::WantedPort;
use crate::process::{Pid, Process};

/// There is none.
#[derive(Debug)]
pub(super) enum Handle {}

pub(super) fn holders(_wanted: &[WantedPort]) -> Result<Seen, LookError> {
    Err(LookError::Unsupported)
}

pub(super) fn not_listening(_ports: &BTreeSet<u16>) -> Result<Option<Others>, LookError> {
    Ok(None)
}

pub(super) fn describe(_pid: Pid) -> Option<Process> {
    None
}

pub(super) fn raw_answers(_ports: &BTreeSet<u16>) -> Result<Vec<(String, Vec<u8>)>, LookError> {
    Err(LookError::Unsupported)
}

pub(super) fn started_at(_pid: Pid) -> Option<u64> {
    None
}

pub(super) fn open(_pid: Pid) -> Result<Option<Handle>, EndError> {
    Err(EndError::Unsupported)
}

pub(super) fn wait_any(_handles: &[&Handle], _timeout: Duration) -> Result<Vec<bool>, EndError> {
    Err(EndError::Unsupported)
}

pub(super) fn listens_on(_pid: Pid) -> Vec<SocketAddr> {
    Vec::new()
}

pub(super) fn start_time_now() -> Option<u64> {
    None
}

pub(super) fn started_at_unix_ms(_started_at: u64) -> Option<u64> {
    None
}

/// Not looked for here yet: none is named.
pub(super) fn descendants(_of: Pid) -> Vec<Process> {
    Vec::new()
}

pub(super) fn allow_reuse(handle: &Handle, _ports: &BTreeSet<u16>) -> Result<ReuseAllowed, ReuseError> {
    match *handle {}
}

pub(super) fn ask(handle: &Handle) -> Result<Asked, EndError> {
    match *handle {}
}

pub(super) fn kill(handle: &Handle) -> Result<(), EndError> {
    match *handle {}
}
