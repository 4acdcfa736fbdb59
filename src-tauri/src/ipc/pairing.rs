//! A machine in a hub by one line: written on the one, read on the other.

use std::net::SocketAddr;

use port_takeover::Host;
use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, Endpoint, HubAgent, refusal};
use taskpaw_contract::ipc::{
    AgentChange, AgentDraft, AgentProbe, Apply, ErrorCode, IpcError, Paired, PortDraft,
};
use taskpaw_contract::pairing::{PairingLine, PairingRefusal};

use super::{ports, roles_data};
use crate::app::App;
use crate::random;
use crate::settings::machine_name;

/// Lets hubs reach the agent: with a token, on an address of the network.
pub(super) async fn let_hubs_in(app: &App, address: Option<String>) -> Result<Apply, IpcError> {
    let address = match address {
        Some(address) => address,
        None => best_address(own_addresses()?).ok_or_else(no_network)?,
    };
    let config = app.settings().read()?;
    if config.agent.token.is_empty() {
        let made = random::token().map_err(|message| IpcError::new(ErrorCode::Internal, message))?;
        app.change_config(|config| {
            if config.agent.token.is_empty() {
                config.agent.token = made;
            }
        })?;
    }
    let endpoint = Endpoint { host: address, port: config.agent.network.port };
    let draft = [PortDraft { role: Role::Agent, name: "network".to_owned(), endpoint }];
    ports::apply(app, &draft, true).await
}

/// The line of this machine.
pub(super) fn line(app: &App) -> Result<String, IpcError> {
    line_of(&app.settings().read()?).map(|line| line.written())
}

fn line_of(config: &Config) -> Result<PairingLine, IpcError> {
    let Endpoint { host, port } = &config.agent.network;
    let host = host.parse::<Host>().ok().filter(|host| !host.is_loopback());
    let port = u16::try_from(*port).ok();
    let (Some(host), Some(port)) = (host, port) else {
        let message = "no other machine can reach this one: let hubs reach it first";
        return Err(IpcError::new(ErrorCode::BadRequest, message));
    };
    let name = machine_name(config);
    let name = if name.is_empty() { host.bind_address().to_string() } else { name };
    Ok(PairingLine {
        address: SocketAddr::new(host.bind_address(), port),
        token: config.agent.token.clone(),
        name,
    })
}

/// Adds the machine of a line to the fleet, if it answers.
pub(super) async fn pair(app: &App, text: &str) -> Result<Paired, IpcError> {
    let line = PairingLine::read(text).map_err(refused)?;
    let (url, token) = (line.url(), line.token.clone());
    let probe = AgentProbe { url: url.clone(), token: Some(token.clone()), name: None };
    let test = roles_data::test_agent(app, probe).await?;
    let agents = app.settings().read_file()?.hub.agents;
    let known = known(&agents, &url, test.known_as.as_deref());
    let was_known = known.is_some();
    let name = known.unwrap_or_else(|| free_name(&agents, &line.name));
    let is_added = test.error.is_none();
    if is_added && was_known {
        let change = AgentChange { url: Some(url.clone()), token: Some(token), ..AgentChange::default() };
        roles_data::change_agent(app, &name, change).await?;
    } else if is_added {
        let agent = AgentDraft { name: name.clone(), url: url.clone(), token, enabled: true };
        roles_data::add_agent(app, agent).await?;
    }
    Ok(Paired { name, url, test, is_added, was_known })
}

fn refused(why: PairingRefusal) -> IpcError {
    IpcError {
        code: ErrorCode::BadPairingLine,
        message: why.to_string(),
        detail: serde_json::to_value(why).unwrap_or_default(),
    }
}

fn no_network() -> IpcError {
    let message = "this machine has no address in a network of its own; connect it to one, then try again";
    IpcError::new(ErrorCode::NoNetwork, message)
}

/// The machine that is in the fleet already: at this address, or under another one.
fn known(agents: &[HubAgent], url: &str, known_as: Option<&str>) -> Option<String> {
    let at = |agent: &&HubAgent| agent.url.trim().trim_end_matches('/').eq_ignore_ascii_case(url);
    let found = agents.iter().find(at).map(|agent| agent.name.clone());
    found.or_else(|| known_as.map(str::to_owned))
}

/// A name that no machine of the fleet has yet.
fn free_name(agents: &[HubAgent], wanted: &str) -> String {
    let wanted = wanted.trim();
    let is_free = |name: &String| agents.iter().all(|agent| agent.name != *name);
    let numbered = |number: usize| match number {
        1 => wanted.to_owned(),
        number => format!("{wanted} {number}"),
    };
    (1..=agents.len() + 1).map(numbered).find(is_free).unwrap_or_else(|| wanted.to_owned())
}

/// An address of this machine.
struct OwnAddress {
    interface: String,
    address: String,
}

fn own_addresses() -> Result<Vec<OwnAddress>, IpcError> {
    let found = if_addrs::get_if_addrs().map_err(|error| {
        IpcError::new(ErrorCode::Internal, format!("the addresses of this machine cannot be read: {error}"))
    })?;
    let own = found.into_iter().filter(|found| !found.is_loopback() && !found.is_link_local());
    Ok(own.map(|found| OwnAddress { address: found.ip().to_string(), interface: found.name }).collect())
}

/// The address that most likely is that of the household's or the office's network: of a card rather than of a tunnel, and
/// never of a network that is inside of this machine.
fn best_address(own: Vec<OwnAddress>) -> Option<String> {
    let usable = own.into_iter().filter(|own| {
        own.address.parse::<Host>().is_ok_and(|host| refusal(host, false, true).is_none())
            && !is_inside(&own.interface)
    });
    usable.min_by_key(|own| (is_tunnel(&own.interface), own.address.contains(':'))).map(|own| own.address)
}

/// What container engines and virtual machines call their networks.
const INSIDE: &[&str] = &[
    "docker",
    "br-",
    "veth",
    "virbr",
    "vmnet",
    "vboxnet",
    "lxc",
    "lxd",
    "cni",
    "podman",
    "flannel",
    "cali",
    "vethernet",
    "bridge",
    "wsl",
];
/// What tunnels call theirs.
const TUNNELS: &[&str] = &["tailscale", "wg", "zt", "tun", "tap", "utun", "ppp", "nordlynx", "wireguard"];

fn is_inside(interface: &str) -> bool {
    begins_with(interface, INSIDE)
}

fn is_tunnel(interface: &str) -> bool {
    begins_with(interface, TUNNELS)
}

fn begins_with(interface: &str, known: &[&str]) -> bool {
    let interface = interface.to_ascii_lowercase();
    known.iter().any(|known| interface.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(list: &[(&str, &str)]) -> Vec<OwnAddress> {
        let own = |&(interface, address): &(&str, &str)| OwnAddress {
            interface: interface.to_owned(),
            address: address.to_owned(),
        };
        list.iter().map(own).collect()
    }

    #[test]
    fn the_address_of_the_network_is_chosen_and_none_inside_of_the_machine() {
        let best = |list: &[(&str, &str)]| best_address(own(list));
        let all = [
            ("docker0", "172.17.0.1"),
            ("tailscale0", "100.101.1.2"),
            ("enp3s0", "fd00::5"),
            ("wlp2s0", "192.168.1.5"),
            ("enp4s0", "203.0.113.7"),
        ];
        assert_eq!(best(&all).as_deref(), Some("192.168.1.5"));
        assert_eq!(best(&all[..3]).as_deref(), Some("fd00::5"));
        assert_eq!(best(&all[..2]).as_deref(), Some("100.101.1.2"));
        assert_eq!(best(&all[..1]), None, "nobody else is in a network of containers");
        assert_eq!(best(&all[4..]), None, "the whole internet is no household");
        assert_eq!(
            best(&[("vEthernet (WSL)", "172.28.1.1"), ("Ethernet", "10.0.0.4")]).as_deref(),
            Some("10.0.0.4")
        );
    }

    #[test]
    fn a_machine_that_nobody_reaches_has_no_line() {
        let mut config = Config::default();
        assert_eq!(line_of(&config).unwrap_err().code, ErrorCode::BadRequest);
        config.agent.network.host = "192.168.1.5".to_owned();
        config.agent.token = "0123456789abcdef".to_owned();
        config.agent.machine = "Render 01".to_owned();
        let line = line_of(&config).unwrap();
        assert_eq!((line.url().as_str(), line.name.as_str()), ("http://192.168.1.5:5680", "Render 01"));
        assert_eq!(PairingLine::read(&line.written()), Ok(line));
    }

    #[test]
    fn a_machine_that_is_there_is_not_added_twice_and_a_name_is_free() {
        let agent = |name: &str, url: &str| HubAgent {
            name: name.to_owned(),
            url: url.to_owned(),
            token: String::new(),
            enabled: true,
        };
        let agents = [agent("a", "http://10.0.0.1:5680/"), agent("a 2", "http://10.0.0.2:5680")];
        assert_eq!(known(&agents, "http://10.0.0.1:5680", None).as_deref(), Some("a"));
        assert_eq!(known(&agents, "http://10.0.0.9:5680", Some("a 2")).as_deref(), Some("a 2"));
        assert_eq!(known(&agents, "http://10.0.0.9:5680", None), None);
        assert_eq!((free_name(&agents, "b"), free_name(&agents, "a")), ("b".to_owned(), "a 3".to_owned()));
    }

    #[test]
    fn the_window_is_told_why_a_line_is_refused_by_a_code() {
        let error = refused(PairingRefusal::Newer);
        assert_eq!((error.code, error.detail), (ErrorCode::BadPairingLine, "newer".into()));
    }
}
