//! Getting the ports of a role.

use std::ops::ControlFlow;

use port_takeover::sys::Native;
use port_takeover::{
    Claim, ClaimError, Decision, Journal, Limits, Record, TakeoverEvent, WantedPort, claim_all, take_over,
};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::{Role, identity, version};

/// Ends stale backends that hold the role's ports, by the same rules as the app. Blocks.
///
/// Used without a host: under one, the host has done it. Whatever is in the way is only told here; the claim
/// that follows fails then, with the port's name.
pub(crate) fn take_over_ports(role: Role, wanted: &[WantedPort], journal: &Journal) {
    let tell = |event: TakeoverEvent<'_>| {
        match event {
            TakeoverEvent::Asked(pid) => tracing::info!(%pid, "a stale backend is asked to stop"),
            TakeoverEvent::Forcing(pid) => {
                tracing::warn!(%pid, "a stale backend does not stop and is killed")
            }
            _ => {}
        }
        ControlFlow::Continue(())
    };
    let report = take_over(&Native::new(), &identity::rules(), &role.into(), wanted, Limits::default(), tell);
    let record = match &report {
        Ok(report) if report.first.decision == Decision::Start => None,
        Ok(report) => Some(Record::of(report, version(), unix_ms())),
        Err(error) => Some(Record::of_failed_look(error, &role.into(), wanted, version(), unix_ms())),
    };
    if let Some(error) = record.and_then(|record| journal.append(&record).err()) {
        tracing::warn!(%error, "the takeover could not be written to the journal");
    }
    match report {
        Ok(report) => {
            if let Some(doubt) = report.doubt {
                tracing::warn!(%doubt, "the takeover was called off");
            }
            for port in report.last.ports.iter().filter(|port| port.state.refuses()) {
                let holders: Vec<u32> = port.holders.iter().map(|holder| holder.pid.get()).collect();
                tracing::warn!(port = port.wanted.name, state = ?port.state, ?holders, "a port cannot be had");
            }
        }
        Err(error) => tracing::warn!(%error, "who holds the ports cannot be found out"),
    }
}

/// Claims every wanted port, or none.
pub(crate) fn claim_ports(wanted: &[WantedPort]) -> Result<Vec<Claim>, ClaimError> {
    claim_all(wanted)
}
