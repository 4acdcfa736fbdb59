//! Claiming ports: bind and listen so that the port can be had again at once when this process has ended,
//! and so that nobody else can listen on it as long as it lives.

use crate::error::ClaimError;
use crate::port::{Claim, WantedPort};
use crate::sys::bind;

/// Connections that the kernel completes before they are accepted. The kernel cuts it at its own limit.
const BACKLOG: i32 = 1024;

/// Claims all ports of a role, or none.
///
/// # Errors
/// [`ClaimError`] for the first port that cannot be had; those before it are released.
pub fn claim_all(wanted: &[WantedPort]) -> Result<Vec<Claim>, ClaimError> {
    claim_the_rest(wanted, Vec::new())
}

/// Claims all ports of a role, or none, of which some are held already: those whose listeners
/// [`take_over_keeping`](crate::take_over_keeping) has kept, or that were passed to this process.
///
/// # Errors
/// [`ClaimError`] for the first port that cannot be had; all are released then.
pub fn claim_the_rest(wanted: &[WantedPort], mut held: Vec<Claim>) -> Result<Vec<Claim>, ClaimError> {
    // All are bound before any is served: a client never meets half a role.
    let mut bound = Vec::with_capacity(wanted.len());
    for port in wanted {
        let failed = |cause| ClaimError { port: port.clone(), cause };
        let socket = match held.iter().position(|claim| claim.name == port.name && claim.is_for(port)) {
            Some(at) => held.swap_remove(at).listener.into(),
            None => bind(port).map_err(failed)?,
        };
        bound.push((port, socket));
    }
    bound
        .into_iter()
        .map(|(port, socket)| {
            // On one that listens already this sets the length of its queue.
            socket.listen(BACKLOG).map_err(|cause| ClaimError { port: port.clone(), cause })?;
            // Answers go out at once; and Wine shows who owns a listener only once it has an option.
            #[cfg(windows)]
            socket.set_tcp_nodelay(true).map_err(|cause| ClaimError { port: port.clone(), cause })?;
            Ok(Claim { name: port.name.clone(), listener: socket.into() })
        })
        .collect()
}
