//! Ports for a test.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the system gives ports to clients (32768 and up), so that no connection of
/// another test takes one between the choice and the use.
const FROM: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Ports that are free on loopback now, and that no other test chooses: each test process begins at another
/// place.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // It always fits, since it is below COUNT.
    let begin = u16::try_from(std::process::id().wrapping_mul(37) % u32::from(COUNT)).unwrap_or_default();
    std::array::from_fn(|_| {
        loop {
            let step = NEXT.fetch_add(1, Ordering::SeqCst);
            let port = FROM + (begin + step) % COUNT;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}
