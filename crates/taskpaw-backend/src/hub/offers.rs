//! Agents on the local network that could be added: what was found while somebody looked. Nothing is ever added here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use taskpaw_contract::ipc::{AgentOffer, FleetAgent};

use crate::discovery::Announcement;

/// So long after the last question the network is not listened to any more: the app asks every five seconds while its
/// page is open.
const INTEREST: Duration = Duration::from_secs(20);
/// A household has fewer; a machine that announces more wants to fill this hub's memory.
const MOST: usize = 100;
/// The most agents that are offered at one address: a machine has one agent, or a few behind ports of their own.
const MOST_AT_ONE: usize = 5;

/// What was found, and until when anybody wants to know.
#[derive(Debug, Default)]
pub(super) struct Offers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By the name of the service.
    found: BTreeMap<String, (u64, Announcement)>,
    /// The number of the next one that is found.
    next: u64,
    wanted_until: Option<Instant>,
    is_looking: bool,
}

impl Offers {
    /// Somebody wants to know. Says whether nobody looks yet, so that the caller must.
    pub(super) fn ask(&self, now: Instant) -> bool {
        let mut state = self.lock();
        state.wanted_until = Some(now + INTEREST);
        !std::mem::replace(&mut state.is_looking, true)
    }

    /// Whether the search shall go on; if not, what was found is forgotten, since nobody hears when it goes.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let is_wanted = state.wanted_until.is_some_and(|until| now < until);
        if !is_wanted {
            *state = State::default();
        }
        is_wanted
    }

    /// The search could not go on; the next question starts over.
    pub(super) fn ended(&self) {
        *self.lock() = State::default();
    }

    /// A service says this of itself now; nothing: it cannot be polled.
    pub(super) fn found(&self, name: String, announcement: Option<Announcement>) {
        let mut state = self.lock();
        match announcement {
            None => drop(state.found.remove(&name)),
            Some(announcement) => state.add(name, announcement),
        }
    }

    /// What can be offered to a hub that has these agents.
    pub(super) fn beside(&self, agents: &[FleetAgent]) -> Vec<AgentOffer> {
        offers(self.lock().found.values().map(|(_, found)| found), agents)
    }

    /// Nothing panics while it holds the lock; if it did, what was found is still the best there is.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// An address that has too many loses its oldest; where all are too many, the oldest goes: who announced first cannot
    /// hide who comes later.
    fn add(&mut self, name: String, announcement: Announcement) {
        let ip = announcement.address.ip();
        let number = self.next;
        self.next += 1;
        let number = self.found.get(&name).map_or(number, |(number, _)| *number);
        self.found.insert(name, (number, announcement));
        let at_one = |(_, found): &&(u64, Announcement)| found.address.ip() == ip;
        let is_too_many = self.found.values().filter(at_one).count() > MOST_AT_ONE;
        if is_too_many || self.found.len() > MOST {
            let among = self.found.iter().filter(|(_, found)| !is_too_many || at_one(found));
            let oldest = among.min_by_key(|(_, (number, _))| *number).map(|(name, _)| name.clone());
            oldest.map(|name| self.found.remove(&name));
        }
    }
}

/// Each found agent once, without those that the hub has already: at this address, or as this machine under another
/// one.
fn offers<'a>(found: impl Iterator<Item = &'a Announcement>, agents: &[FleetAgent]) -> Vec<AgentOffer> {
    let is_known = |announcement: &Announcement| {
        let url = announcement.url();
        agents.iter().any(|agent| {
            let is_machine = |id: &str| !id.is_empty() && id == announcement.server_id;
            agent.url.trim_end_matches('/').eq_ignore_ascii_case(&url)
                || agent.status.as_ref().is_some_and(|status| is_machine(&status.server_id))
        })
    };
    let offer = |announcement: &Announcement| AgentOffer {
        machine: announcement.machine.clone(),
        url: announcement.url(),
        version: announcement.version.clone(),
    };
    let mut offers: Vec<AgentOffer> = found.filter(|one| !is_known(one)).map(offer).collect();
    offers.sort_by(|a, b| (&a.machine, &a.url).cmp(&(&b.machine, &b.url)));
    offers.dedup_by(|a, b| a.url == b.url);
    offers
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Map;
    use taskpaw_contract::ipc::AgentStatus;

    use super::*;

    fn found(machine: &str, address: &str) -> Announcement {
        Announcement::of(address.parse().unwrap(), machine, &format!("id-of-{machine}")).unwrap()
    }

    fn agent(url: &str, server_id: Option<&str>) -> FleetAgent {
        let status = server_id.map(|id| {
            let (machine, server_id, os) = ("m".into(), id.into(), "o".into());
            Arc::new(AgentStatus {
                machine,
                server_id,
                os,
                version: None,
                monitors: Map::new(),
                event_cursor: None,
                event_refusals: Vec::new(),
                names_in_use_twice: Vec::new(),
            })
        });
        FleetAgent {
            name: "n".into(),
            url: url.into(),
            enabled: true,
            has_token: false,
            online: false,
            last_seen_seconds: None,
            error: None,
            error_code: None,
            installed_anew_seconds: None,
            missed_events: None,
            status,
        }
    }

    fn machines(offers: &[AgentOffer]) -> Vec<&str> {
        offers.iter().map(|offer| offer.machine.as_str()).collect()
    }

    #[test]
    fn what_the_hub_has_already_is_not_offered() {
        let all = [found("c", "10.0.0.3:1"), found("a", "10.0.0.1:1"), found("b", "10.0.0.2:1")];
        let of = |agents: &[FleetAgent]| offers(all.iter(), agents);
        assert_eq!(machines(&of(&[])), ["a", "b", "c"]);
        assert_eq!(machines(&of(&[agent("http://10.0.0.1:1/", None)])), ["b", "c"]);
        assert_eq!(machines(&of(&[agent("http://nas.lan:1", Some("id-of-b"))])), ["a", "c"]);
        assert_eq!(of(&[])[0].url, "http://10.0.0.1:1");
        // A machine without an identity is not every machine without one.
        let nameless = [Announcement { server_id: String::new(), ..found("x", "10.0.0.9:1") }];
        assert_eq!(offers(nameless.iter(), &[agent("http://other", Some(""))]).len(), 1);
    }

    #[test]
    fn one_looks_while_anybody_asks_and_then_everything_is_forgotten() {
        let (offers, start) = (Offers::default(), Instant::now());
        assert!(!offers.is_wanted(start));
        assert!(offers.ask(start), "the first one has to look");
        assert!(!offers.ask(start + Duration::from_secs(15)), "somebody does");
        offers.found("a".into(), Some(found("a", "10.0.0.1:1")));
        assert!(offers.is_wanted(start + Duration::from_secs(34)));
        assert_eq!(offers.beside(&[]).len(), 1);
        assert!(!offers.is_wanted(start + Duration::from_secs(35)));
        assert!(offers.beside(&[]).is_empty());
        assert!(offers.ask(start + Duration::from_secs(40)), "it begins anew");
    }

    #[test]
    fn one_that_goes_or_moves_is_not_offered_where_it_was() {
        let offers = Offers::default();
        offers.found("a".into(), Some(found("a", "10.0.0.1:1")));
        offers.found("a".into(), Some(found("a", "10.0.0.2:1")));
        assert_eq!(offers.beside(&[])[0].url, "http://10.0.0.2:1");
        offers.found("a".into(), None);
        assert!(offers.beside(&[]).is_empty());
        (0..1_000)
            .for_each(|n| offers.found(format!("{n}"), Some(found("a", &format!("10.0.0.1:{}", n + 1)))));
        assert_eq!(offers.beside(&[]).len(), MOST_AT_ONE, "one address");
        let far = |n: u32| format!("10.1.{}.{}:5680", n / 250, n % 250 + 1);
        (0..500).for_each(|n| offers.found(format!("far {n}"), Some(found("f", &far(n)))));
        offers.found("late".into(), Some(found("late", "10.2.0.1:5680")));
        let left = offers.beside(&[]);
        assert!(
            left.len() == MOST && machines(&left).contains(&"late"),
            "nobody is hidden by who came first"
        );
    }
}
