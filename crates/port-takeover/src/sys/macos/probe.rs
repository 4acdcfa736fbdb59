//! Whether somebody listens whom libproc does not show: other users' sockets are invisible to it, so the port
//! is asked itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::address::{Host, blocks};
use crate::port::WantedPort;
use crate::snapshot::Listener;

/// A connect to this machine is accepted or refused at once. Only a listener whose queue is full, or a packet
/// filter, gives no answer: the trial bind then decides.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// Listeners without a holder, for those wanted ports that answer although nobody was seen to hold them.
pub(super) fn unseen(wanted: &[WantedPort], seen: &[Listener]) -> Vec<Listener> {
    let mut found = Vec::new();
    for (host, port) in wanted.iter().map(|wanted| (wanted.host, wanted.port.get())) {
        // The answer of a listener that was seen says nothing about others.
        let is_seen = seen.iter().any(|listener| {
            listener.port == port && listener.host().is_some_and(|held| blocks(held, listener.v6only, host))
        });
        if is_seen {
            continue;
        }
        if let Some(address) = ways_to(host).into_iter().find(|&ip| answers(SocketAddr::new(ip, port))) {
            found.push(Listener { address: address.to_string(), port, pids: Vec::new(), v6only: false });
        }
    }
    found
}

/// The addresses at which a listener that blocks this host can be met. For a wildcard these are the loopbacks
/// of the families that it takes; a listener on a single other address of this machine is not met there.
fn ways_to(host: Host) -> Vec<IpAddr> {
    match host.bind_address() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST.into()],
        IpAddr::V6(ip) if ip.is_unspecified() => vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()],
        ip => vec![ip],
    }
}

fn answers(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) else { return false };
    let (Ok(own), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return true };
    if own == peer {
        // Nobody listens: the system happened to pick this very port for our end, and the connect met itself.
        // It is reset, so that it does not keep the port in TIME_WAIT.
        let _best_effort = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn wanted(host: &str, port: u16) -> WantedPort {
        WantedPort::new("network", host, port.into()).unwrap()
    }

    fn addresses(found: &[Listener]) -> Vec<&str> {
        found.iter().map(|listener| listener.address.as_str()).collect()
    }

    #[test]
    fn a_listener_that_nobody_was_seen_to_hold_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
            let found = unseen(&[wanted(host, port)], &[]);
            assert_eq!(addresses(&found), ["127.0.0.1"], "{host}");
            assert!(found[0].pids.is_empty());
        }
        drop(listener);
        assert!(unseen(&[wanted("127.0.0.1", port)], &[]).is_empty());
    }

    #[test]
    fn the_answer_of_a_seen_listener_says_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = |address: &str| Listener { address: address.into(), port, pids: Vec::new(), v6only: true };
        assert!(unseen(&[wanted("127.0.0.1", port)], &[seen("0.0.0.0")]).is_empty());
        // One that is not in the way hides nothing.
        assert_eq!(unseen(&[wanted("127.0.0.1", port)], &[seen("::1")]).len(), 1);
    }

    #[test]
    fn a_wildcard_is_met_at_the_loopbacks() {
        let ways =
            |host: &str| ways_to(host.parse().unwrap()).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(ways("0.0.0.0"), ["127.0.0.1"]);
        assert_eq!(ways("::"), ["::1", "127.0.0.1"]);
        assert_eq!(ways("192.168.1.5"), ["192.168.1.5"]);
        assert_eq!(ways("localhost"), ["127.0.0.1"]);
    }
}
