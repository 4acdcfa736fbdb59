//! What an agent says of itself on the local network (mDNS, RFC 6762 and 6763), and how a hub understands it. Plain
//! data on both sides: the sockets are in `agent/announce.rs` and `hub/browse.rs`.

use std::net::{IpAddr, SocketAddr};

use taskpaw_contract::config::refusal;
use taskpaw_contract::version;

/// The kind of service that agents are.
pub(crate) const SERVICE: &str = "_taskpaw._tcp.local.";

const MACHINE: &str = "machine";
const SERVER_ID: &str = "server_id";
const VERSION: &str = "version";
/// A label of DNS holds so many bytes (RFC 1035).
const LABEL_BYTES: usize = 63;
/// A text of DNS holds 255 bytes with its key; that of a person's machine is shorter.
const TEXT_BYTES: usize = 200;

/// An agent that other machines can reach: who it is and where it answers. Never a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// What people call the machine.
    pub(crate) machine: String,
    /// What tells it from all others.
    pub(crate) server_id: String,
    /// The agent's version.
    pub(crate) version: String,
    /// Where hubs poll it.
    pub(crate) address: SocketAddr,
}

/// A service as it was found, before anything of it is believed.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The agent's port.
    pub(crate) port: u16,
    /// The agent's addresses, in any order.
    pub(crate) addresses: Vec<IpAddr>,
    /// What it says of itself.
    pub(crate) texts: Vec<(String, String)>,
}

impl Announcement {
    /// What an agent that listens here has to announce: nothing if only this machine can reach it.
    pub(crate) fn of(address: SocketAddr, machine: &str, server_id: &str) -> Option<Self> {
        let (machine, server_id, version) = (machine.to_owned(), server_id.to_owned(), version().to_owned());
        is_reachable(address.ip()).then_some(Self { machine, server_id, version, address })
    }

    /// What is believed of a service: nothing if a hub could not poll it. Anybody on the network can write these
    /// texts, and a person reads them.
    pub(crate) fn read(found: &Found) -> Option<Self> {
        // A machine that can be reached by both is polled by the older protocol, which more routers let through.
        let reachable = found.addresses.iter().copied().filter(|address| is_reachable(*address));
        let address = SocketAddr::new(reachable.min()?, found.port);
        if found.port == 0 {
            return None;
        }
        let text = |wanted: &str| {
            let text = found.texts.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted));
            text.map(|(_, value)| cleaned(value)).unwrap_or_default()
        };
        let machine = Some(text(MACHINE)).filter(|name| !name.is_empty());
        Some(Self {
            machine: machine.unwrap_or_else(|| address.ip().to_string()),
            server_id: text(SERVER_ID),
            version: text(VERSION),
            address,
        })
    }

    /// Where it answers, as a hub is configured.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it says of itself.
    pub(crate) fn texts(&self) -> [(&'static str, String); 3] {
        let text = |text: &str| cut(text, TEXT_BYTES).to_owned();
        [(MACHINE, text(&self.machine)), (SERVER_ID, text(&self.server_id)), (VERSION, text(&self.version))]
    }

    /// The name that the agent announces itself under.
    pub(crate) fn instance(&self) -> String {
        cut(&self.machine, LABEL_BYTES).to_owned()
    }

    /// The name that its address has. Not the machine's own: somebody else answers for that.
    pub(crate) fn host(&self) -> String {
        let id: String = self.server_id.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
        format!("{}.local.", cut(&format!("taskpaw-{}", id.to_ascii_lowercase()), LABEL_BYTES))
    }
}

/// Whether another machine in a household or an office can reach it, and without being told over which of its cards:
/// an IPv6 address that is only valid on one link is of no use in a configuration.
fn is_reachable(address: IpAddr) -> bool {
    let is_of_one_link = matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let is_private = |host| refusal(host, false, true).is_none();
    // What gives the machines of a cloud their secrets is not an agent.
    let is_metadata = address == IpAddr::from([169, 254, 169, 254]);
    !address.is_loopback()
        && !is_of_one_link
        && !is_metadata
        && address.to_string().parse().is_ok_and(is_private)
}

/// A text of a stranger: one line, nothing that turns or hides letters, not long.
fn cleaned(text: &str) -> String {
    let seen = redaction::only_seen(text);
    let text: String = seen.chars().filter(|letter| !letter.is_control()).take(100).collect();
    text.trim().to_owned()
}

/// The beginning of a text that has at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str], texts: &[(&str, &str)]) -> Found {
        let texts = texts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Found { port: 5680, addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(), texts }
    }

    #[test]
    fn only_an_agent_that_others_can_reach_is_announced() {
        for (address, expected) in [
            ("127.0.0.1:5680", false),
            ("[::1]:5680", false),
            ("0.0.0.0:5680", false),
            ("8.8.8.8:5680", false),
            ("[fe80::1]:5680", false),
            ("192.168.1.5:5680", true),
            ("[fd00::1]:5680", true),
        ] {
            assert_eq!(Announcement::of(address.parse().unwrap(), "m", "s").is_some(), expected, "{address}");
        }
    }

    #[test]
    fn what_one_side_says_the_other_side_understands() {
        let address = "10.0.0.7:5680".parse().unwrap();
        let said = Announcement::of(address, "Büro – NAS", "6f9d").unwrap();
        let texts = said.texts().map(|(key, value)| (key.to_ascii_uppercase(), value)).into();
        let found = Found { port: 5680, addresses: vec![address.ip()], texts };
        assert_eq!(Announcement::read(&found), Some(said.clone()));
        assert_eq!((said.instance().as_str(), said.host().as_str()), ("Büro – NAS", "taskpaw-6f9d.local."));
    }

    #[test]
    fn names_of_any_length_fit_into_dns() {
        let said =
            Announcement::of("10.0.0.7:1".parse().unwrap(), &"é".repeat(300), &"-Id".repeat(99)).unwrap();
        assert_eq!(said.instance().len(), 62);
        assert!(said.texts().iter().all(|(key, value)| key.len() + value.len() < 255));
        assert!(said.host().len() <= 63 + ".local.".len() && said.host().starts_with("taskpaw-idid"));
    }

    #[test]
    fn what_a_stranger_says_is_believed_only_so_far() {
        let read = |found: &Found| Announcement::read(found);
        assert_eq!(read(&found(&[], &[])), None);
        assert_eq!(read(&found(&["127.0.0.1", "8.8.8.8", "fe80::1", "169.254.169.254"], &[])), None);
        assert_eq!(read(&Found { port: 0, ..found(&["10.0.0.1"], &[]) }), None);
        let both =
            read(&found(&["fd00::1", "8.8.8.8", "10.0.0.1"], &[("machine", " a\u{202e}b\nc\0 ")])).unwrap();
        assert_eq!((both.url().as_str(), both.machine.as_str()), ("http://10.0.0.1:5680", "abc"));
        let nameless =
            read(&found(&["fd00::1"], &[("machine", "\u{200b}"), ("version", &"9".repeat(999))])).unwrap();
        assert_eq!(
            (nameless.url().as_str(), nameless.machine.as_str()),
            ("http://[fd00::1]:5680", "fd00::1")
        );
        assert_eq!(nameless.version.len(), 100);
    }
}
