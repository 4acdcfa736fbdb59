//! A fake that tells one lie about a socket, or cannot do one thing.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;

use port_takeover::{NotWanted, Passing, SocketFacts, WantedPort, claim_passed, find_passed};

/// A socket, as the fake says that it is. How many are open is counted.
struct Fake {
    facts: Result<SocketFacts, &'static str>,
    open: Rc<Cell<usize>>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

#[derive(Default)]
struct System {
    open: Rc<Cell<usize>>,
    /// So many sockets can be adopted.
    adopts: Cell<usize>,
}

impl System {
    fn socket(&self, facts: Result<SocketFacts, &'static str>) -> Fake {
        self.open.set(self.open.get() + 1);
        Fake { facts, open: Rc::clone(&self.open) }
    }
}

impl Passing for System {
    type Socket = Fake;

    fn facts(&self, socket: &Fake) -> io::Result<SocketFacts> {
        socket.facts.clone().map_err(io::Error::other)
    }

    fn adopt(&self, _socket: Fake) -> io::Result<TcpListener> {
        let left = self.adopts.get().checked_sub(1).ok_or_else(|| io::Error::other("no more"))?;
        self.adopts.set(left);
        TcpListener::bind("127.0.0.1:0")
    }
}

fn wanted(name: &str, host: &str, port: u16) -> WantedPort {
    WantedPort::new(name, host, port.into()).unwrap()
}

fn good(address: &str) -> SocketFacts {
    let address: SocketAddr = address.parse().unwrap();
    let v6only = address.is_ipv6() && !address.ip().is_unspecified();
    let (is_tcp, listens, shares_port, same_user) = (true, true, false, true);
    SocketFacts { is_tcp, listens, address: Some(address), v6only, shares_port, same_user }
}

#[test]
fn just_what_is_wanted_is_taken_in_any_order() {
    let system = System::default();
    let ports = [wanted("network", "::", 5680), wanted("control", "localhost", 5681), wanted("x", "::1", 7)];
    let passed = ["127.0.0.1:5681", "[::1]:7", "[::]:5680"].map(|address| system.socket(Ok(good(address))));
    let found = find_passed(&system, passed.into(), &ports);
    assert!(found.is_whole() && found.refused.is_empty(), "{}", found.why_not());
    let addresses = found.all.iter().map(|socket| socket.facts.clone().unwrap().address.unwrap());
    assert_eq!(addresses.collect::<Vec<_>>(), ports.map(|port| port.socket_address()));
}

#[test]
fn one_lie_about_one_of_them_and_none_is_taken() {
    type Lie = (fn(&mut SocketFacts), NotWanted);
    let lies: [Lie; 10] = [
        (|it| it.is_tcp = false, NotWanted::NotTcp),
        (|it| it.address = None, NotWanted::NotTcp),
        (|it| it.listens = false, NotWanted::NotListening),
        (|it| it.shares_port = true, NotWanted::SharesPort),
        (|it| it.same_user = false, NotWanted::OtherUser),
        (|it| it.address = Some("[::1]:5681".parse().unwrap()), NotWanted::Elsewhere),
        (|it| it.address = Some("[::2]:5680".parse().unwrap()), NotWanted::Elsewhere),
        (|it| it.address = Some("[::]:5680".parse().unwrap()), NotWanted::Elsewhere),
        (|it| it.address = Some("127.0.0.1:5681".parse().unwrap()), NotWanted::Elsewhere),
        (|it| it.v6only = false, NotWanted::OtherFamilies),
    ];
    let ports = [wanted("control", "127.0.0.1", 5681), wanted("network", "::1", 5680)];
    for (lie, expected) in lies {
        let system = System::default();
        let mut told = good("[::1]:5680");
        lie(&mut told);
        let passed = vec![system.socket(Ok(good("127.0.0.1:5681"))), system.socket(Ok(told.clone()))];
        let found = find_passed(&system, passed, &ports);
        assert_eq!(found.refused.len(), 1, "{told:?}");
        assert_eq!(found.refused[0].why, expected, "{told:?}");
        assert_eq!((found.missing.as_slice(), found.all.len()), (&["network".to_owned()][..], 0), "{told:?}");
        assert_eq!(system.open.get(), 0, "nothing is left of the good one either: {told:?}");
        assert!(found.why_not().ends_with("not passed: network"), "{}", found.why_not());
    }
}

#[test]
fn a_wildcard_takes_both_families_or_is_another_socket() {
    let system = System::default();
    let told = SocketFacts { v6only: true, ..good("[::]:5680") };
    let found = find_passed(&system, vec![system.socket(Ok(told))], &[wanted("network", "::", 5680)]);
    assert_eq!(found.refused[0].why, NotWanted::OtherFamilies);
    // It means nothing for IPv4.
    let told = SocketFacts { v6only: true, ..good("0.0.0.0:5680") };
    let found = find_passed(&system, vec![system.socket(Ok(told))], &[wanted("network", "0.0.0.0", 5680)]);
    assert!(found.is_whole());
}

#[test]
fn what_comes_twice_is_taken_once_and_what_cannot_be_read_not_at_all() {
    let system = System::default();
    let passed = vec![
        system.socket(Err("it is a pipe")),
        system.socket(Ok(good("127.0.0.1:5680"))),
        system.socket(Ok(good("127.0.0.1:5680"))),
    ];
    let found = find_passed(&system, passed, &[wanted("network", "127.0.0.1", 5680)]);
    assert!(found.is_whole());
    let reasons = found.refused.iter().map(|refused| refused.why.clone()).collect::<Vec<_>>();
    assert_eq!(reasons, [NotWanted::Unreadable("it is a pipe".into()), NotWanted::Elsewhere]);
    assert_eq!(system.open.get(), 1);
}

#[test]
fn one_that_cannot_be_adopted_means_none() {
    let system = System { adopts: Cell::new(1), ..System::default() };
    let ports = [wanted("control", "127.0.0.1", 5681), wanted("network", "127.0.0.1", 5680)];
    let passed = ["127.0.0.1:5680", "127.0.0.1:5681"].map(|address| system.socket(Ok(good(address))));
    let found = claim_passed(&system, passed.into(), &ports);
    assert!(!found.is_whole() && found.all.is_empty());
    assert_eq!(found.refused[0].why, NotWanted::Unusable("no more".into()));
    assert_eq!(system.open.get(), 0);
}
