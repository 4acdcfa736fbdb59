//! What a refused bind means beside the listeners that were seen.

use crate::decision::in_the_way;
use crate::port::WantedPort;
use crate::snapshot::{BindOutcome, Listener};

/// Windows answers the same to a number that it keeps back and to one that is held exclusively: where somebody listens in its way,
/// it is held. One who listens on the number elsewhere holds nothing.
pub(super) fn outcome(refused: BindOutcome, port: &WantedPort, listeners: &[Listener]) -> BindOutcome {
    let is_in_the_way = |listener: &Listener| in_the_way(listener.host(), listener.v6only, port.host);
    let mut on_it = listeners.iter().filter(|listener| listener.port == port.port.get());
    if refused == BindOutcome::Reserved && on_it.any(is_in_the_way) { BindOutcome::InUse } else { refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_kept_back_is_held_only_if_somebody_listens_in_its_way() {
        let wanted = WantedPort::new("network", "127.0.0.1", 5680).unwrap();
        let listener = |address: &str, port| Listener {
            address: address.to_owned(),
            port,
            pids: Vec::new(),
            v6only: address == "::1",
        };
        for (address, port, then) in [
            ("127.0.0.1", 5680, BindOutcome::InUse),
            ("0.0.0.0", 5680, BindOutcome::InUse),
            ("::1", 5680, BindOutcome::Reserved),
            ("127.0.0.1", 5681, BindOutcome::Reserved),
        ] {
            let listeners = [listener(address, port)];
            assert_eq!(outcome(BindOutcome::Reserved, &wanted, &listeners), then, "{address}:{port}");
            assert_eq!(outcome(BindOutcome::Ok, &wanted, &listeners), BindOutcome::Ok);
        }
    }
}
