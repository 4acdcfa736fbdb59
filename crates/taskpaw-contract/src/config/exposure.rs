//! The exposure guard: how far a configuration may open this machine. One place for app and backend.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use port_takeover::Host;

use super::{Config, ConfigProblem, ExposureReason};
use crate::Role;

/// Refuses a wildcard, a public address, an address off loopback without a token, and a control port off
/// loopback. Expects hosts that parse.
///
/// # Errors
/// [`ConfigProblem::Exposure`] for the first endpoint that is refused.
pub fn check_exposure(config: &Config) -> Result<(), ConfigProblem> {
    for role in Role::ALL {
        let token = match role {
            Role::Agent => &config.agent.token,
            Role::Hub => &config.hub.token,
        };
        for (name, endpoint) in config.endpoints(role) {
            let Ok(host) = endpoint.host.parse::<Host>() else { continue };
            if let Some(reason) = refusal(host, name == "control", !token.is_empty()) {
                return Err(ConfigProblem::Exposure {
                    key: format!("{role}.{name}.host"),
                    address: endpoint.host.clone(),
                    reason,
                });
            }
        }
    }
    Ok(())
}

/// Why one address is refused for a port; nothing if it is not.
#[must_use]
pub fn refusal(host: Host, is_control: bool, has_token: bool) -> Option<ExposureReason> {
    if host.is_loopback() {
        return None;
    }
    Some(if is_control {
        ExposureReason::ControlOffLoopback
    } else if host.is_wildcard() {
        ExposureReason::Wildcard
    } else if !is_private(host.bind_address()) {
        ExposureReason::Public
    } else if !has_token {
        ExposureReason::NoToken
    } else {
        return None;
    })
}

/// Addresses of a household or an office: private use (RFC 1918, RFC 4193), link-local (RFC 3927, RFC 4291),
/// and the shared range that carriers and overlay networks use (RFC 6598).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || is_shared(ip),
        IpAddr::V6(ip) => is_unique_local(ip) || ip.is_unicast_link_local(),
    }
}

fn is_shared(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && (64..128).contains(&second)
}

fn is_unique_local(ip: Ipv6Addr) -> bool {
    ip.octets()[0] & 0xfe == 0xfc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_open_without_a_token() {
        use ExposureReason::{ControlOffLoopback, NoToken, Public, Wildcard};
        for (host, control, token, expected) in [
            ("127.0.0.1", false, false, None),
            ("127.9.9.9", false, false, None),
            ("::1", true, false, None),
            ("localhost", true, false, None),
            ("192.168.1.5", false, true, None),
            ("100.64.0.1", false, true, None),
            ("fd00::1", false, true, None),
            ("192.168.1.5", false, false, Some(NoToken)),
            ("192.168.1.5", true, true, Some(ControlOffLoopback)),
            ("0.0.0.0", true, true, Some(ControlOffLoopback)),
            ("0.0.0.0", false, true, Some(Wildcard)),
            ("", false, true, Some(Wildcard)),
            ("::", false, true, Some(Wildcard)),
            ("8.8.8.8", false, true, Some(Public)),
            ("100.128.0.1", false, true, Some(Public)),
            ("2001:4860::1", false, true, Some(Public)),
        ] {
            let host: Host = host.parse().unwrap();
            assert_eq!(refusal(host, control, token), expected, "{host} control={control} token={token}");
        }
    }
}
