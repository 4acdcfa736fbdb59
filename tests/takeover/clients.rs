//! Ports that nobody listens on and that still cannot be had, and connections that are not holders.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use port_takeover::claim_the_rest;
use socket2::SockRef;
use support::free_ports;
use support::wait::LONG;

use crate::holder::{Holder, Plan};
use crate::taker::{Takeover, Way};

/// How long a port that does not become free is waited for.
const SHORT: Duration = Duration::from_millis(300);

/// Connections that the holder has accepted.
fn clients(port: u16) -> Vec<TcpStream> {
    let connect = |_| {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
        client.read_exact(&mut [0]).expect("it was accepted");
        client
    };
    (0..3).map(connect).collect()
}

/// Ends connections so that neither side keeps anything of them.
fn reset(clients: Vec<TcpStream>) {
    for client in clients {
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }
}

fn backend_with_clients(port: u16, option: &str) -> (Holder, Vec<TcpStream>) {
    let backend = Plan::agent().word(option).word("--keep-clients").listens(port).start();
    (backend, clients(port))
}

#[tokio::test]
async fn live_clients_of_a_listener_with_so_reuseaddr() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let (mut backend, clients) = backend_with_clients(port, "");
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
        drop(clients);
    }
}

#[tokio::test]
async fn live_clients_of_a_listener_without_so_reuseaddr() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let (mut backend, clients) = backend_with_clients(port, "--no-reuse-address");
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
        drop(clients);
    }
}

#[tokio::test]
async fn live_clients_where_the_sockets_may_not_be_changed() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let (mut backend, clients) = backend_with_clients(port, "--no-reuse-address");
        let told = Takeover::of_ports(&[port]).wait(SHORT).where_sockets_may_not_be_changed().by(way);
        assert_eq!((told.status, told.decision.as_str()), (4, "reclaim"), "{told:?}");
        assert_eq!(told.states_after, ["lingering"], "{told:?}");
        assert_eq!(told.ended, [(backend.pid(), "graceful".to_owned())]);
        assert_eq!(told.reuse_refused, [backend.pid()], "it is said why");
        backend.stopped_by_itself().await;
        reset(clients);
    }
}

#[tokio::test]
async fn a_port_that_lingers_until_its_clients_go() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let (mut backend, clients) = backend_with_clients(port, "--no-reuse-address");
        let takeover = Takeover::of_ports(&[port]).wait(LONG).where_sockets_may_not_be_changed();
        let told = takeover.by_then(way, move || reset(clients));
        told.is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
    }
}

/// A backend that never set SO_REUSEADDR, and whose clients of the last minute it has closed first: as V3's, which its hub
/// polls once a minute.
fn polled_backend(port: u16) -> Holder {
    let backend = Plan::agent().word("--no-reuse-address").word("--close-clients").listens(port).start();
    for mut client in clients(port) {
        client.read_to_end(&mut Vec::new()).expect("the server closes");
    }
    backend
}

#[tokio::test]
async fn connections_that_ended_before_keep_the_port_from_who_binds_anew() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut backend = polled_backend(port);
        let told = Takeover::of_ports(&[port]).wait(SHORT).by(way);
        assert_eq!((told.status, told.decision.as_str()), (4, "reclaim"), "{told:?}");
        assert_eq!(told.states_after, ["lingering"], "{told:?}");
        backend.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn connections_that_ended_before_do_not_matter_to_who_keeps_the_listener() {
    let [network, control] = free_ports();
    let mut backend = polled_backend(network);
    let wanted = Takeover::of_ports(&[network, control]);
    let (told, kept) = wanted.keeping();
    told.is_reclaimed(&[backend.pid()], "graceful");
    backend.stopped_by_itself().await;
    assert_eq!(kept.len(), 1, "the other port is bound anew");
    // Nobody is refused meanwhile: who connects now is served later.
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, network)).expect("a place in the queue");
    let claims = claim_the_rest(wanted.wanted(), kept).expect("all ports");
    assert_eq!(claims.iter().map(|claim| claim.name.as_str()).collect::<Vec<_>>(), ["port0", "port1"]);
    claims[0].listener.set_nonblocking(false).expect("the mode of its old owner");
    let (mut served, _) = claims[0].listener.accept().expect("the client");
    served.write_all(b"x").expect("an answer");
    client.read_exact(&mut [0]).expect("it is answered");
    reset(vec![served, client]);
}

#[tokio::test]
async fn a_listener_that_is_not_just_the_wanted_one_is_not_kept() {
    let [port] = free_ports();
    let mut backend = Plan::agent().word("--no-reuse-address").listens_at(("0.0.0.0", port)).start();
    let (told, kept) = Takeover::of_ports(&[port]).keeping();
    told.is_reclaimed(&[backend.pid()], "graceful");
    assert!(kept.is_empty(), "it would open this machine to others");
    backend.stopped_by_itself().await;
}

/// Leaves connections behind that nobody has any more; they go when the clients are reset.
async fn leave_half_closed(port: u16) -> Vec<TcpStream> {
    let mut server = Plan::foreign().word("--no-reuse-address").word("--close-clients").listens(port).start();
    let clients = clients(port);
    for client in &clients {
        let mut client = client.try_clone().expect("a second descriptor");
        client.read_to_end(&mut Vec::new()).expect("the server closes first");
    }
    server.end().await;
    clients
}

#[tokio::test]
async fn a_lingering_port_beside_a_working_backend() {
    for way in Way::BOTH {
        let [network, control] = free_ports();
        let left = leave_half_closed(network).await;
        let mut backend = Plan::agent().listens(control).start();
        let takeover = Takeover::of_ports(&[network, control]);
        let told = takeover.clone().wait(SHORT).by(way);
        assert_eq!((told.status, told.decision.as_str()), (3, "wait"), "{told:?}");
        assert_eq!(told.states, ["lingering", "own_stale"], "{told:?}");
        assert!(told.ended.is_empty(), "{told:?}");
        backend.is_untouched().await;

        let told = takeover.wait(LONG).by_then(way, move || reset(left));
        assert_eq!((told.status, told.decision.as_str()), (0, "wait"), "{told:?}");
        assert_eq!(told.ended, [(backend.pid(), "graceful".to_owned())], "{told:?}");
        backend.stopped_by_itself().await;
    }
}

#[tokio::test]
async fn an_occupied_port_beside_a_working_backend() {
    for way in Way::BOTH {
        let [network, control] = free_ports();
        let foreign = bound(Plan::foreign().word("--no-reuse-address"), network).start();
        let backend = Plan::agent().listens(control).start();
        let told = Takeover::of_ports(&[network, control]).by(way);
        told.is_refused("occupied");
        assert_eq!(told.states, ["occupied", "own_stale"], "{told:?}");
        foreign.is_untouched().await;
        backend.is_untouched().await;
    }
}

/// Leaves connections in TIME_WAIT behind, and nothing else.
async fn leave_time_wait(port: u16, option: &str) {
    let mut server = Plan::foreign().word(option).word("--close-clients").listens(port).start();
    for mut client in clients(port) {
        // The server closes first, so that TIME_WAIT is on its side.
        client.read_to_end(&mut Vec::new()).expect("the server closes");
    }
    server.end().await;
}

#[tokio::test]
async fn time_wait_alone() {
    for way in Way::BOTH {
        let [port] = free_ports();
        leave_time_wait(port, "--no-reuse-address").await;
        Takeover::of_ports(&[port]).wait(SHORT).by(way).is_lingering();
    }
}

#[tokio::test]
async fn time_wait_of_a_socket_with_so_reuseaddr() {
    for way in Way::BOTH {
        let [port] = free_ports();
        leave_time_wait(port, "").await;
        Takeover::of_ports(&[port]).by(way).is_free();
    }
}

fn bound(plan: Plan, port: u16) -> Plan {
    plan.word("--bind").word(format!("127.0.0.1:{port}"))
}

/// Whether the kernel shows a socket that is bound and nothing else (6.8).
fn shows_bound_sockets() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's release");
    let mut numbers = release.split(['.', '-']).map_while(|part| part.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(8))
}

#[tokio::test]
async fn bound_but_not_listening() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let holder = bound(Plan::foreign().word("--no-reuse-address"), port).start();
        let told = Takeover::of_ports(&[port]).wait(LONG).by(way);
        told.is_refused("occupied");
        let named = shows_bound_sockets().then_some((holder.pid(), false));
        assert_eq!(told.holders, named.into_iter().collect::<Vec<_>>(), "{told:?}");
        holder.is_untouched().await;
    }
}

#[tokio::test]
async fn ours_is_bound_but_does_not_listen() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let mut holder = bound(Plan::agent().word("--no-reuse-address"), port).start();
        let told = Takeover::of_ports(&[port]).by(way);
        if shows_bound_sockets() {
            told.is_reclaimed(&[holder.pid()], "graceful");
            holder.stopped_by_itself().await;
        } else {
            told.is_refused("occupied");
            holder.is_untouched().await;
        }
    }
}

#[tokio::test]
async fn bound_but_not_listening_with_so_reuseaddr() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let holder = bound(Plan::foreign(), port).start();
        Takeover::of_ports(&[port]).by(way).is_free();
        holder.is_untouched().await;
    }
}

/// A server of the test, and a client of it whose own port is `local`.
fn client_at(plan: Plan, local: u16) -> (Holder, TcpStream, u16) {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a server");
    let port = server.local_addr().expect("its address").port();
    let client = plan.client(local, port).start();
    let (connection, peer) = server.accept().expect("the client");
    (client, connection, peer.port())
}

#[tokio::test]
async fn a_client_whose_local_port_is_ours() {
    for way in Way::BOTH {
        // One of them even runs our own program: it does not listen, so it is not a holder.
        for plan in [Plan::foreign, Plan::agent] {
            let [local] = free_ports();
            let (client, _connection, port) = client_at(plan(), local);
            assert_eq!(port, local);
            Takeover::of_ports(&[port]).by(way).is_free();
            client.is_untouched().await;
        }
    }
}

#[tokio::test]
async fn a_client_whose_local_port_is_ours_without_so_reuseaddr() {
    for way in Way::BOTH {
        // 0: the system chooses the port, as for every browser.
        for local in [free_ports::<1>()[0], 0] {
            let (client, _connection, port) = client_at(Plan::foreign().word("--no-reuse-address"), local);
            let told = Takeover::of_ports(&[port]).wait(LONG).by(way);
            told.is_refused("occupied");
            assert_eq!(told.holders, [(client.pid(), false)], "{told:?}");
            client.is_untouched().await;
        }
        let [local] = free_ports();
        let (mut ours, connection, port) = client_at(Plan::agent().word("--no-reuse-address"), local);
        // It closes first, as any process that is ended.
        Takeover::of_ports(&[port]).by(way).is_reclaimed(&[ours.pid()], "graceful");
        ours.stopped_by_itself().await;
        drop(connection);
    }
}
