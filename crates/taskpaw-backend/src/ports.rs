//! Getting the ports of a role.

mod held;

use std::ops::ControlFlow;
use std::path::Path;

use port_takeover::sys::Native;
#[cfg(target_os = "linux")]
use port_takeover::sys::passed_listener;
use port_takeover::{
    AddressReuse, BindOutcome, Claim, ClaimError, Decision, Incumbent, Journal, Limits, PortOutlook,
    PortState, Record, TakeoverEvent, WantedPort, bind_outcome, claim_the_rest, take_over_keeping,
};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::identity;
use taskpaw_contract::sidecar::{Hello, PassedListener};
use taskpaw_contract::{Role, version};
use taskpaw_v3::{EndedWithV3, events};

use crate::failure::Failure;

/// What a takeover leaves for the claim.
#[derive(Debug, Default)]
pub(crate) struct TakenOver {
    /// Ports that are held already: they could not be bound.
    pub(crate) kept: Vec<Claim>,
    /// The names of those that still linger.
    pub(crate) lingering: Vec<String>,
    /// The names of those that somebody has, with a sentence that says who.
    pub(crate) held: Vec<(String, String)>,
}

impl TakenOver {
    /// What the host has done. A listener that is none is not taken, and its port is bound as any other.
    pub(crate) fn by_host(hello: &Hello) -> Self {
        let taken = hello.listeners.iter().filter_map(|PassedListener { name, descriptor }| {
            match passed_listener(*descriptor) {
                Ok(listener) => Some(Claim { name: name.clone(), listener }),
                Err(error) => {
                    tracing::warn!(%error, port = name, "what the host has passed is no listener");
                    None
                }
            }
        });
        Self { kept: taken.collect(), ..Self::default() }
    }
}

/// Elsewhere none is passed.
#[cfg(not(target_os = "linux"))]
fn passed_listener(_descriptor: i32) -> std::io::Result<std::net::TcpListener> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Ends stale backends that hold the role's ports, by the same rules as the app. Blocks.
///
/// Used without a host: under one, the host has done it. Whatever is in the way is only told here; the claim
/// that follows fails then, with the port's name. The token and the state folder are for what only the memory of a V3
/// agent holds.
pub(crate) fn take_over_ports(
    role: Role,
    wanted: &[WantedPort],
    journal: &Journal,
    token: &str,
    state_folder: &Path,
) -> TakenOver {
    let mut announced = None;
    let mut ended_with_v3 = EndedWithV3::default();
    let tell = |event: TakeoverEvent<'_>| {
        match event {
            TakeoverEvent::Verified(incumbents) => {
                name_what_v3_works_at(incumbents, &mut ended_with_v3);
                take_events_along(incumbents, token, state_folder, &mut ended_with_v3);
                note_files(incumbents, state_folder);
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
    let system = Native::of(identity::installation(state_folder));
    let (rules, limits) = (identity::rules(), Limits::default());
    let (report, kept) = match take_over_keeping(&system, &rules, &role.into(), wanted, limits, tell) {
        Ok((report, kept)) => (Ok(report), kept),
        Err(error) => (Err(error), Vec::new()),
    };
    let record = match &report {
        Ok(report) if report.first.decision == Decision::Start => None,
        Ok(report) => Some(Record::of(report, version(), unix_ms())),
        Err(error) => Some(Record::of_failed_look(error, &role.into(), wanted, version(), unix_ms())),
    };
    let record = record.map(|mut record| {
        ended_with_v3.note(&mut record);
        record
    });
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
            let ports = report.last.ports;
            let held =
                ports.iter().filter_map(|port| Some((port.wanted.name.clone(), held::sentence(port)?)));
            let held = held.collect();
            let still_lingers = ports.into_iter().filter(|port| port.state == PortState::Lingering);
            TakenOver { kept, held, lingering: still_lingers.map(|port| port.wanted.name).collect() }
        }
        Err(error) => {
            tracing::warn!(%error, "who holds the ports cannot be found out");
            TakenOver::default()
        }
    }
}

/// What only the memory of a V3 agent holds ends with it.
fn take_events_along(
    incumbents: &[Incumbent],
    token: &str,
    state_folder: &Path,
    ended_with_v3: &mut EndedWithV3,
) {
    match events::take_along_from(incumbents, token, state_folder) {
        None | Some((_, Ok(0))) => {}
        Some((_, Ok(taken))) => {
            tracing::info!("{taken} events that TaskPaw 3 had not sent yet are taken along");
        }
        Some((pid, Err(error))) => {
            tracing::warn!("events that TaskPaw 3 had not sent yet end with it: {error}");
            ended_with_v3.lose(pid, error.to_string());
        }
    }
}

/// Where a hub of V3 has its files may be known only as long as it runs.
fn note_files(incumbents: &[Incumbent], state_folder: &Path) {
    match taskpaw_v3::note_files_of(incumbents, state_folder) {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!("the hub of TaskPaw 3 says where its files are: they are taken over from there")
        }
        Err(error) => tracing::warn!("where the hub of TaskPaw 3 has its files cannot be noted: {error}"),
    }
}

/// A window would ask first; here it is only written down.
fn name_what_v3_works_at(incumbents: &[Incumbent], ended_with_v3: &mut EndedWithV3) {
    for it in incumbents {
        let children = ended_with_v3.look(it, incumbents);
        let children: Vec<String> = children.iter().map(|it| format!("{} ({})", it.name, it.pid)).collect();
        if !children.is_empty() {
            let pid = it.process.pid;
            tracing::warn!(%pid, ?children, "TaskPaw 3 still works at something and is ended; its processes may go on");
        }
    }
}

/// Claims every wanted port, or none.
pub(crate) fn claim_ports(wanted: &[WantedPort], taken_over: TakenOver) -> Result<Vec<Claim>, Failure> {
    let TakenOver { kept, lingering, held } = taken_over;
    claim_the_rest(wanted, kept).map_err(|error: ClaimError| {
        let in_use = bind_outcome(&error.cause) == Some(BindOutcome::InUse);
        if in_use && lingering.contains(&error.port.name) {
            Failure::StillLingers(error)
        } else if let Some((_, who)) = held.into_iter().find(|(name, _)| in_use && *name == error.port.name) {
            Failure::Held { error, who }
        } else {
            error.into()
        }
    })
}
