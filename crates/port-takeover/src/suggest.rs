//! The next free number, for a person whose port is taken.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use crate::decision::{PortState, decide};
use crate::error::LookError;
use crate::identity::IdentityRules;
use crate::port::WantedPort;
use crate::role::Role;
use crate::sys::System;

/// How many numbers are looked at together.
const BATCH: usize = 16;
/// How many numbers are tried before it is given up.
const TRIED: usize = 512;

/// The next number after the wanted one that is free on the same host and not among `avoid`. After 65535 it
/// goes on at 1024: the numbers below are privileged on some systems.
///
/// `None` if no number of the next few hundred is free, or the host is not an address of this machine.
///
/// # Errors
/// [`LookError`] if it cannot be found out.
pub fn next_free_port<S: System>(
    system: &S,
    rules: &IdentityRules,
    role: &Role,
    wanted: &WantedPort,
    avoid: &BTreeSet<u16>,
) -> Result<Option<u16>, LookError> {
    let from = wanted.port.get().max(1023);
    let numbers: Vec<NonZeroU16> = (from..=u16::MAX)
        .skip(1)
        .chain(1024..=from)
        .filter(|number| !avoid.contains(number))
        .filter_map(NonZeroU16::new)
        .take(TRIED)
        .collect();
    for batch in numbers.chunks(BATCH) {
        let candidates: Vec<WantedPort> = batch
            .iter()
            .map(|&port| WantedPort { name: port.to_string(), host: wanted.host, port })
            .collect();
        let verdict = decide(&system.look(role, &candidates)?, rules);
        let free = verdict.ports.iter().zip(batch).find(|(port, _)| port.state == PortState::Free);
        if let Some((_, &number)) = free {
            return Ok(Some(number.get()));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::sys::Native;

    fn next(host: &str, port: i64, avoid: &[u16]) -> Option<u16> {
        let rules = IdentityRules::new(Role::new("agent"));
        let wanted = WantedPort::new("network", host, port).unwrap();
        next_free_port(&Native::new(), &rules, &Role::new("agent"), &wanted, &avoid.iter().copied().collect())
            .unwrap()
    }

    #[test]
    fn a_held_number_is_passed_over() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = held.local_addr().unwrap().port();
        let found = next("127.0.0.1", i64::from(number) - 1, &[]).unwrap();
        assert_ne!(found, number);
        assert_ne!(next("127.0.0.1", i64::from(number) - 1, &[found]), Some(found));
    }

    #[test]
    fn the_last_number_and_a_foreign_address_have_an_answer() {
        assert!(next("127.0.0.1", 65_535, &[]).is_some_and(|number| number >= 1024));
        assert_eq!(next("192.0.2.1", 5680, &[]), None, "no address of this machine");
    }
}
