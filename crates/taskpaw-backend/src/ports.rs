//! Getting the ports of a role.

use std::ops::ControlFlow;
use std::path::Path;

use port_takeover::sys::Native;
use port_takeover::{
    AddressReuse, BindOutcome, Claim, ClaimError, Decision, Incumbent, Journal, Limits, PortOutlook,
    PortState, Record, TakeoverEvent, WantedPort, bind_outcome, claim_all, take_over,
};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::identity::{self, Generation};
use taskpaw_contract::{Role, version};
use taskpaw_v3::events;

use crate::failure::Failure;

/// Ends stale backends that hold the role's ports, by the same rules as the app. Blocks.
///
/// Used without a host: under one, the host has done it. Whatever is in the way is only told here; the claim
/// that follows fails then, with the port's name. Gives the names of the ports that still linger. The token and the state
/// folder are for what only the memory of a V3 agent holds.
pub(crate) fn take_over_ports(
    role: Role,
    wanted: &[WantedPort],
    journal: &Journal,
    token: &str,
    state_folder: &Path,
) -> Vec<String> {
    let mut announced = None;
    let tell = |event: TakeoverEvent<'_>| {
        match event {
            TakeoverEvent::Verified(incumbents) => {
                name_what_v3_works_at(incumbents);
                take_events_along(incumbents, token, state_folder);
            }
            TakeoverEvent::Asked(pid) => tracing::info!(%pid, "a stale backend is asked to stop"),
            TakeoverEvent::Forcing(pid) => {
                tracing::warn!(%pid, "a stale backend does not stop and is killed")
            }
            TakeoverEvent::Reuse(pid, AddressReuse::Refused(why)) => {
                tracing::warn!(%pid, %why, "its ports may not be free for a minute after its end");
            }
            TakeoverEvent::Lingering { left } => {
                // Once in ten seconds is enough for a log.
                let tens = left.as_secs() / 10;
                if announced.replace(tens) != Some(tens) {
                    let seconds_left = left.as_secs();
                    tracing::info!(
                        seconds_left,
                        "waiting for the system to release a port that nobody has any more"
                    );
                }
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
            let cannot_be_had = |state: PortState| state.outlook() != PortOutlook::Starts;
            for port in report.last.ports.iter().filter(|port| cannot_be_had(port.state)) {
                let holders: Vec<u32> = port.holders.iter().map(|holder| holder.pid.get()).collect();
                tracing::warn!(port = port.wanted.name, state = ?port.state, ?holders, "a port cannot be had");
            }
            let still_lingers =
                report.last.ports.into_iter().filter(|port| port.state == PortState::Lingering);
            still_lingers.map(|port| port.wanted.name).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "who holds the ports cannot be found out");
            Vec::new()
        }
    }
}

/// What only the memory of a V3 agent holds ends with it.
fn take_events_along(incumbents: &[Incumbent], token: &str, state_folder: &Path) {
    match events::take_along_from(incumbents, token, state_folder) {
        None | Some(Ok(0)) => {}
        Some(Ok(taken)) => tracing::info!("{taken} events that TaskPaw 3 had not sent yet are taken along"),
        Some(Err(error)) => {
            tracing::warn!("events that TaskPaw 3 had not sent yet end with it: {error}");
        }
    }
}

/// A window would ask first; here it is only written down.
fn name_what_v3_works_at(incumbents: &[Incumbent]) {
    for it in incumbents.iter().filter(|it| Generation::of(&it.process, it.rule) == Generation::V3) {
        let children = Native::new().descendants(it.process.pid);
        let children: Vec<String> = children.iter().map(|it| format!("{} ({})", it.name, it.pid)).collect();
        if !children.is_empty() {
            let pid = it.process.pid;
            tracing::warn!(%pid, ?children, "TaskPaw 3 still works at something and is ended; its processes may go on");
        }
    }
}

/// Claims every wanted port, or none. `lingering` names those of which it is known why they are refused.
pub(crate) fn claim_ports(wanted: &[WantedPort], lingering: &[String]) -> Result<Vec<Claim>, Failure> {
    claim_all(wanted).map_err(|error: ClaimError| {
        let in_use = bind_outcome(&error.source) == Some(BindOutcome::InUse);
        if in_use && lingering.contains(&error.port.name) {
            Failure::StillLingers(error)
        } else {
            error.into()
        }
    })
}
