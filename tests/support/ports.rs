//! Ports for a test.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};

use socket2::{Domain, Socket, Type};

/// Below the range from which the system gives ports to clients (32768 and up), so that no connection of
/// another test takes one between the choice and the use.
const FROM: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Ports that are free now, also for a program that binds without `SO_REUSEADDR`, and that no other test
/// chooses as long as this one runs.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static CHOICE: Mutex<Choice> = Mutex::new(Choice { steps: 0, reservations: Vec::new() });
    let mut choice = CHOICE.lock().unwrap_or_else(PoisonError::into_inner);
    std::array::from_fn(|_| choice.next())
}

struct Choice {
    steps: u16,
    /// Who holds the UDP port of the same number has chosen the TCP port. The system lets go of it with the
    /// process, however that ends.
    reservations: Vec<UdpSocket>,
}

impl Choice {
    fn next(&mut self) -> u16 {
        // Each process begins at another place. It always fits, since it is below COUNT.
        let begin = u16::try_from(std::process::id().wrapping_mul(37) % u32::from(COUNT)).unwrap_or_default();
        loop {
            let port = FROM + (begin + self.steps) % COUNT;
            self.steps = (self.steps + 1) % COUNT;
            if let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))
                && is_free(port)
            {
                self.reservations.push(reservation);
                return port;
            }
        }
    }
}

/// Whether the port can be bound at every address, with what lingers of earlier connections in the way.
fn is_free(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into();
    Socket::new(Domain::IPV4, Type::STREAM, None).is_ok_and(|socket| socket.bind(&address).is_ok())
}
