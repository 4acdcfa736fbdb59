//! Ports that nobody listens on and that still cannot be had, and connections that are no holders.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;
use support::free_ports;
use support::wait::LONG;

use crate::holder::{Holder, Plan};
use crate::taker::{Takeover, Way};

/// So long is waited for a port that does not become free.
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
        let told = Takeover::of_ports(&[port]).wait(SHORT).by(way);
        assert_eq!((told.status, told.decision.as_str()), (4, "reclaim"), "{told:?}");
        assert_eq!(told.states_after, ["lingering"], "{told:?}");
        assert_eq!(told.ended, [(backend.pid(), "graceful".to_owned())]);
        backend.stopped_by_itself().await;
        reset(clients);
    }
}

#[tokio::test]
async fn a_port_that_lingers_until_its_clients_go() {
    for way in Way::BOTH {
        let [port] = free_ports();
        let (mut backend, clients) = backend_with_clients(port, "--no-reuse-address");
        let told = Takeover::of_ports(&[port]).wait(LONG).by_then(way, move || reset(clients));
        told.is_reclaimed(&[backend.pid()], "graceful");
        backend.stopped_by_itself().await;
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

#[tokio::test]
async fn bound_but_not_listening() {
    for way in Way::BOTH {
        for plan in [Plan::foreign, Plan::agent] {
            let [port] = free_ports();
            let holder = bound(plan().word("--no-reuse-address"), port).start();
            Takeover::of_ports(&[port]).wait(SHORT).by(way).is_lingering();
            holder.is_untouched().await;
            let end = || holder.signal(libc::SIGKILL);
            let told = Takeover::of_ports(&[port]).wait(LONG).by_then(way, end);
            assert_eq!((told.status, told.decision.as_str()), (0, "wait"), "it went by itself: {told:?}");
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
        // One of them even runs our own program: it does not listen, so it is no holder.
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
            let (client, connection, port) = client_at(Plan::agent().word("--no-reuse-address"), local);
            Takeover::of_ports(&[port]).wait(SHORT).by(way).is_lingering();
            client.is_untouched().await;
            let end = || {
                reset(vec![connection]);
                client.signal(libc::SIGKILL);
            };
            let told = Takeover::of_ports(&[port]).wait(LONG).by_then(way, end);
            assert_eq!((told.status, told.decision.as_str()), (0, "wait"), "it went by itself: {told:?}");
        }
    }
}
