//! Listening to the local network for agents, by mDNS. There is a socket for it only while somebody looks at the
//! offers: nothing is sent into a network, and no firewall asks, on behalf of a person who does not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mdns_sd::{Error, IfKind, RecvTimeoutError, ResolvedService, ServiceDaemon, ServiceEvent};
use tokio::task::spawn_blocking;

use super::Shared;
use super::offers::Offers;
use crate::discovery::{Announcement, Found, SERVICE};
use crate::lifecycle::Stop;

/// How often it is looked whether anybody still wants to know.
const ROUND: Duration = Duration::from_millis(250);

impl Shared {
    /// Somebody looks at the fleet: agents on the network are of interest for a while.
    pub(super) fn look_around(self: &Arc<Self>) {
        if !self.discovers || !self.is_live() || !self.offers.ask(Instant::now()) {
            return;
        }
        let shared = self.clone();
        spawn_blocking(move || {
            if let Err(error) = look(&shared.offers, &shared.stop) {
                tracing::warn!("agents on the network cannot be looked for: {error}");
                shared.offers.ended();
            }
        });
    }
}

fn look(offers: &Offers, stop: &Stop) -> mdns_sd::Result<()> {
    let daemon = ServiceDaemon::new()?;
    // An agent that only its own machine can reach does not announce itself.
    daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
    let events = daemon.browse(SERVICE)?;
    while !stop.is_requested() && offers.is_wanted(Instant::now()) {
        match events.recv_timeout(ROUND) {
            Ok(ServiceEvent::ServiceResolved(service)) => {
                offers.found(service.fullname.clone(), Announcement::read(&found(&service)));
            }
            Ok(ServiceEvent::ServiceRemoved(_, name)) => offers.found(name, None),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {}
            Err(ended @ RecvTimeoutError::Disconnected) => return Err(Error::Msg(ended.to_string())),
        }
    }
    // Its thread ends by itself.
    let _ = daemon.shutdown();
    Ok(())
}

fn found(service: &ResolvedService) -> Found {
    let text = |text: &mdns_sd::TxtProperty| (text.key().to_owned(), text.val_str().to_owned());
    Found {
        port: service.port,
        addresses: service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr).collect(),
        texts: service.txt_properties.iter().map(text).collect(),
    }
}
