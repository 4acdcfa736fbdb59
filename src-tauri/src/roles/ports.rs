//! The ports of a role as the window shows them: looked at, with who has them and another number where that helps.

use std::collections::BTreeSet;
use std::path::Path;

use port_takeover::sys::{Native, System as _};
use port_takeover::{
    HolderKind, LookError, Pid, PortOutlook, PortState, PortVerdict, Verdict, WantedPort, decide,
    next_free_port,
};
use taskpaw_contract::config::{Config, Endpoint};
use taskpaw_contract::identity;
use taskpaw_contract::ipc::{HolderView, PortView};
use taskpaw_contract::{PortStatus, Role};

use super::holder;

/// Looks at the ports of a configuration without changing anything. It may be one that is being typed: a port that nobody
/// can want as it is written is `invalid`, and not looked at. `child` is the role's own running backend, which is not stale.
///
/// # Errors
/// Why they cannot be looked at.
pub(crate) fn look(
    config: &Config,
    state_folder: &Path,
    role: Role,
    child: Option<u32>,
) -> Result<Vec<PortView>, String> {
    look_beside(config, state_folder, role, child, None)
}

/// As [`look`], while another backend that has stood down still has the same listening sockets: the one that they came from.
/// Ports that the child has, alone or beside that one, are in use by the app.
///
/// # Errors
/// Why they cannot be looked at.
pub(super) fn look_beside(
    config: &Config,
    state_folder: &Path,
    role: Role,
    child: Option<u32>,
    beside: Option<u32>,
) -> Result<Vec<PortView>, String> {
    let wanted: Vec<WantedPort> = config
        .endpoints(role)
        .into_iter()
        .filter_map(|(name, endpoint)| endpoint.wanted(name).ok())
        .collect();
    crate::blocking::here();
    let system = Native::of(identity::installation(state_folder));
    let snapshot = system.look(&role.into(), &wanted).map_err(|error| error.to_string())?;
    let verdict = decide(&snapshot, &identity::rules());
    let mut ports = views(config, role, &verdict, child);
    if let (Some(_), Some(beside)) = (child, beside) {
        for port in &mut ports {
            let holders = || port.holders.iter().map(|holder| Some(holder.pid));
            let has_child = holders().any(|pid| pid == child);
            port.in_use_by_app = has_child && holders().all(|pid| pid == child || pid == Some(beside));
            if port.in_use_by_app {
                port.outlook = Some(PortOutlook::Starts);
            }
        }
    }
    suggest(role, config, &mut ports);
    Ok(ports)
}

/// The ports of a role that the child serves on listening sockets that were passed: only it is looked at. Clients wait
/// meanwhile, and a look at who else may have these sockets would have to go through every process; the other app's backend has
/// them, and they were checked when they came.
pub(super) fn look_at_child(config: &Config, role: Role, child: Option<u32>) -> Vec<PortView> {
    let child = child.and_then(Pid::new);
    let listens = child.map(|child| Native::new().listens_on(child)).unwrap_or_default();
    let process = child.and_then(|child| Native::new().describe(child));
    let holder = |port| child.map(|child| holder::view(child, process.as_ref(), Some(role), true, port));
    let view = |(name, endpoint): (&str, &Endpoint)| {
        let wanted = endpoint.wanted(name);
        let is_served = wanted.is_ok_and(|wanted| listens.contains(&wanted.socket_address()));
        let state = if is_served { PortState::OwnStale } else { PortState::Free };
        PortView {
            name: name.to_owned(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            state: Some(state.into()),
            outlook: Some(PortOutlook::Starts),
            in_use_by_app: is_served,
            holders: holder(endpoint.port).into_iter().filter(|_| is_served).collect(),
            suggestion: None,
        }
    };
    config.endpoints(role).into_iter().map(view).collect()
}

/// Whether somebody serves a port of a role: listens there, and keeps the role's state. A backend of ours that has stood down
/// may listen, and keeps none. `own` is not asked about. What cannot be seen counts as somebody.
pub(crate) fn is_served(config: &Config, state_folder: &Path, role: Role, own: Option<u32>) -> bool {
    let Ok(wanted) = config.wanted_ports(role) else { return true };
    let system = Native::of(identity::installation(state_folder));
    let Ok(snapshot) = system.look(&role.into(), &wanted) else { return true };
    let holds_nothing = snapshot.state.as_ref().is_some_and(|state| {
        state.held == Some(false) || state.holder.as_ref().is_some_and(|it| Some(it.pid.get()) == own)
    });
    let is_another = |pid: &Pid| Some(pid.get()) != own;
    let others = |verdict: &Verdict| {
        verdict.ports.iter().any(|port| {
            port.state == PortState::UnknownHolder
                || port.holders.iter().any(|holder| is_another(&holder.pid))
        })
    };
    others(&decide(&snapshot, &identity::rules())) && !holds_nothing
}

/// Adds the next free number to every port that cannot be had because of its number.
pub(super) fn suggest(role: Role, config: &Config, ports: &mut [PortView]) {
    let mut avoid = config.port_numbers();
    for port in ports.iter_mut().filter(|port| !port.in_use_by_app && wants_another_number(port)) {
        let Ok(wanted) = WantedPort::new(&*port.name, &port.host, port.port) else { continue };
        match next_free(role, &wanted, &avoid) {
            Ok(found) => {
                avoid.extend(found);
                port.suggestion = found;
            }
            Err(error) => tracing::warn!(%error, "no free port can be suggested"),
        }
    }
}

/// The next number after a wanted one that is free and not among `avoid`.
///
/// # Errors
/// Why it cannot be found out.
pub(crate) fn next_free(
    role: Role,
    wanted: &WantedPort,
    avoid: &BTreeSet<u16>,
) -> Result<Option<u16>, LookError> {
    crate::blocking::here();
    next_free_port(&Native::new(), &identity::rules(), &role.into(), wanted, avoid)
}

/// Also one that is held by a backend of ours that is left alone.
fn wants_another_number(port: &PortView) -> bool {
    let Some(PortStatus::Judged(state)) = port.state else { return false };
    let is_left_alone = state == PortState::OwnStale && port.outlook == Some(PortOutlook::Refuses);
    is_left_alone || state.wants_another_number()
}

/// Every port of a role as it is configured, with what was judged of it.
pub(super) fn views(config: &Config, role: Role, verdict: &Verdict, child: Option<u32>) -> Vec<PortView> {
    let view = |(name, endpoint): (&str, &Endpoint)| {
        view(name, endpoint, verdict.ports.iter().find(|port| port.wanted.name == name), child)
    };
    config.endpoints(role).into_iter().map(view).collect()
}

fn view(name: &str, endpoint: &Endpoint, judged: Option<&PortVerdict>, child: Option<u32>) -> PortView {
    let status = judged.map_or(PortStatus::Invalid, |port| port.state.into());
    let holders: Vec<HolderView> = judged
        .iter()
        .flat_map(|port| &port.holders)
        .map(|it| {
            let role = it.role.as_ref().and_then(|role| role.as_str().parse().ok());
            holder::view(it.pid, it.process.as_ref(), role, it.kind == HolderKind::Own, endpoint.port)
        })
        .collect();
    let in_use_by_app =
        child.is_some() && !holders.is_empty() && holders.iter().all(|holder| Some(holder.pid) == child);
    PortView {
        name: name.to_owned(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        state: Some(status),
        outlook: Some(if in_use_by_app { PortOutlook::Starts } else { status.outlook() }),
        in_use_by_app,
        holders,
        suggestion: None,
    }
}
