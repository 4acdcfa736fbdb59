//! Telling the local network that an agent is here, by mDNS. An agent that only this machine can reach tells nobody,
//! and opens no socket for it.

use std::time::Duration;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

use crate::discovery::{Announcement, SERVICE};

/// How often the library looks whether the network has changed, in seconds: a cable that is plugged in again.
const LOOK_AT_NETWORK: u32 = 30;
/// How long the end waits until the network was told.
const FAREWELL: Duration = Duration::from_millis(300);

/// An announcement that stands until [`Announcer::end`].
pub(crate) struct Announcer(Option<ServiceDaemon>);

impl Announcer {
    /// Announces this, if there is anything to announce. That it cannot is no reason not to run.
    pub(crate) fn start(announcement: Option<&Announcement>) -> Self {
        let Some(announcement) = announcement else { return Self(None) };
        match announce(announcement) {
            Ok(daemon) => Self(Some(daemon)),
            Err(error) => {
                tracing::warn!("hubs on the network cannot be told of this agent: {error}");
                Self(None)
            }
        }
    }

    /// Says that the agent goes.
    pub(crate) fn end(self) {
        let Some(farewell) = self.0.and_then(|daemon| daemon.shutdown().ok()) else { return };
        // If it takes longer, those who have heard of the agent forget it by themselves.
        let _ = farewell.recv_timeout(FAREWELL);
    }
}

fn announce(announcement: &Announcement) -> mdns_sd::Result<ServiceDaemon> {
    let (address, texts) = (announcement.address, announcement.texts());
    let (name, host) = (announcement.instance(), announcement.host());
    let service = ServiceInfo::new(SERVICE, &name, &host, address.ip(), address.port(), &texts[..])?;
    let daemon = ServiceDaemon::new()?;
    // Only where the agent can be reached: other networks are not told that it exists.
    daemon.disable_interface(IfKind::All)?;
    daemon.enable_interface(IfKind::Addr(address.ip()))?;
    daemon.set_ip_check_interval(LOOK_AT_NETWORK)?;
    daemon.register(service)?;
    tracing::info!("hubs on the network are told of this agent at {}", announcement.url());
    Ok(daemon)
}
