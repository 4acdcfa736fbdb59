//! How every agent is, as far as the hub knows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use taskpaw_contract::config::HubAgent;
use taskpaw_contract::ipc::{AgentStatus, EventCursor, FleetAgent, MissedEvents, PollErrorCode};

use super::store::Remembered;
use super::whole::Said;

/// The most bytes of statuses in one answer: with everything else it stays below 2 MB.
const STATUSES_BYTES: usize = 1_300_000;
/// The longest word for a state of any version.
const LONGEST_STATE: usize = 32;

/// Every configured agent, in configured order.
#[derive(Default)]
pub(super) struct Fleet(Mutex<State>);

#[derive(Default)]
struct State {
    agents: Vec<Known>,
    last_id: u64,
}

/// An agent that was configured once. Another configuration of it is another one: what a poll of the earlier one
/// still finds is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AgentId(u64);

#[derive(Clone)]
struct Known {
    id: AgentId,
    config: HubAgent,
    online: bool,
    last_seen: Option<Age>,
    installed_anew: Option<Age>,
    /// The first and the last number that are missing.
    skipped: Option<(u64, u64, Age)>,
    error: Option<(PollErrorCode, String)>,
    /// What is wrong with its events, if nothing else is.
    events_error: Option<(PollErrorCode, String)>,
    status: Option<Arc<AgentStatus>>,
    /// How long its status is as JSON.
    status_bytes: usize,
    /// Its status as JSON.
    said: Said,
    /// The `server_id` that it was the first to have here.
    identity: String,
    /// What the history has of it: whether it was online, and the state of each monitor.
    noted: Option<(bool, String)>,
    /// How many polls in a row it has missed.
    missed: u32,
    /// Whether it was told that it is offline, and not yet that it is back.
    is_told_offline: bool,
}

/// An age that grows on the hub's own monotonic clock: the clocks of two machines are never compared.
#[derive(Clone, Copy)]
struct Age {
    then: Duration,
    since: Instant,
}

impl Age {
    fn of(then: Duration) -> Self {
        Self { then, since: Instant::now() }
    }

    fn seconds(self) -> f64 {
        (self.then + self.since.elapsed()).as_secs_f64()
    }
}

/// What a change of the configuration means for the polls.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reconciled {
    /// The agents that are no longer polled.
    pub(super) ended: Vec<AgentId>,
    /// The agents that are to be polled.
    pub(super) started: Vec<(AgentId, HubAgent)>,
    /// The names that are no longer configured.
    pub(super) forgotten: Vec<String>,
}

/// What a poll has changed.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// The agent as it is now, if it is another than before.
    pub(super) agent: Option<FleetAgent>,
    /// For the history: whether it is online and the state of each monitor, if that is another than before.
    pub(super) state: Option<(bool, String)>,
    /// What people are told, if it went away or came back.
    pub(super) presence: Option<Presence>,
}

/// That a machine went away, or came back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Presence {
    /// What it calls itself; its configured name if it never said so.
    pub(super) machine: String,
    /// Why it is away; nothing if it is back.
    pub(super) away: Option<PollErrorCode>,
    /// Seconds since it answered last; nothing if it never did.
    pub(super) silent_seconds: Option<f64>,
}

impl Fleet {
    /// Takes over a configuration. What is known of an agent whose address stays the same stays.
    pub(super) fn reconcile(&self, agents: &[HubAgent]) -> Reconciled {
        let mut state = self.lock();
        let mut before = std::mem::take(&mut state.agents);
        let mut reconciled = Reconciled::default();
        for config in agents {
            // By its name, or by its address if it is called otherwise now.
            let same_name = before.iter().position(|known| known.config.name == config.name);
            let known = same_name
                .or_else(|| {
                    let is_it = |known: &Known| {
                        known.config.url == config.url
                            && agents.iter().all(|other| other.name != known.config.name)
                    };
                    before.iter().position(is_it)
                })
                .map(|place| before.remove(place));
            let unchanged = known.as_ref().is_some_and(|known| known.config == *config);
            if let Some(known) = known.clone().filter(|_| unchanged) {
                state.agents.push(known);
                continue;
            }
            state.last_id += 1;
            let id = AgentId(state.last_id);
            if config.enabled {
                reconciled.started.push((id, config.clone()));
            }
            if let Some(known) = &known {
                reconciled.ended.push(known.id);
                if known.config.name != config.name {
                    reconciled.forgotten.push(known.config.name.clone());
                }
            }
            state.agents.push(match known.filter(|known| known.config.url == config.url) {
                Some(known) => Known {
                    id,
                    config: config.clone(),
                    online: known.online && config.enabled,
                    error: None,
                    events_error: None,
                    noted: None,
                    ..known
                },
                None => Known::new(id, config.clone()),
            });
        }
        for gone in before {
            reconciled.ended.push(gone.id);
            reconciled.forgotten.push(gone.config.name);
        }
        reconciled
    }

    /// Takes over what an earlier launch has known.
    pub(super) fn remember(&self, all: Vec<Remembered>) {
        let mut state = self.lock();
        let mut has_identity = BTreeSet::new();
        for Remembered { name, url, seen_ms_ago, anew_ms_ago, status } in all {
            let is_it = |known: &&mut Known| known.config.name == name && known.config.url == url;
            if let Some(known) = state.agents.iter_mut().find(is_it) {
                known.last_seen = Some(Age::of(Duration::from_millis(seen_ms_ago)));
                known.installed_anew = anew_ms_ago.map(|ago| Age::of(Duration::from_millis(ago)));
                let identity = status.as_ref().map(|status| status.server_id.clone()).unwrap_or_default();
                let is_claimed = has_identity.contains(&identity);
                if !is_claimed && !identity.is_empty() {
                    has_identity.insert(identity.clone());
                    known.identity = identity;
                }
                known.status_bytes = status.as_ref().map_or(0, bytes_of);
                (known.status, known.said) = (status.map(Arc::new), Said::default());
            }
        }
    }

    /// Takes over of which agents people were told that they are offline.
    pub(super) fn remember_offline(&self, names: &BTreeSet<String>) {
        for known in &mut self.lock().agents {
            known.is_told_offline = names.contains(&known.config.name);
        }
    }

    /// The agent has answered, with so many bytes, of which this was too much. Says also whether its events are to be kept
    /// apart: another one was the first to say that it is the machine that this one says that it is.
    pub(super) fn answered(
        &self,
        id: AgentId,
        status: AgentStatus,
        bytes: usize,
        too_much: Option<String>,
    ) -> (Changed, bool) {
        let other = {
            let state = self.lock();
            let is_other = |known: &&Known| {
                known.id != id && !known.identity.is_empty() && known.identity == status.server_id
            };
            state.agents.iter().find(is_other).map(|known| known.config.name.clone())
        };
        let is_apart = other.is_some();
        let error = too_much.or_else(|| {
            Some(format!("it says that it is the same machine as {}; its events are kept apart", other?))
        });
        let mut presence = None;
        let mut changed = self.change(id, |agent| {
            agent.missed = 0;
            if std::mem::take(&mut agent.is_told_offline) {
                presence = Some(agent.presence(None));
            }
            if !agent.online {
                tracing::info!("{} is online", agent.config.name);
            }
            let before = agent.status.as_ref().map_or("", |status| &status.server_id);
            let is_other = !before.is_empty() && before != status.server_id;
            if is_other || has_another_stream(agent.status.as_deref(), &status) {
                agent.installed_anew = Some(Age::of(Duration::ZERO));
            }
            agent.identity = if is_apart { String::new() } else { status.server_id.clone() };
            let error = error.map(|reason| (PollErrorCode::TooMuch, reason));
            if let Some((_, reason)) = error.as_ref().filter(|_| agent.error != error) {
                tracing::warn!("{}: {reason}", agent.config.name);
            }
            (agent.online, agent.error, agent.status_bytes) = (true, error, bytes);
            (agent.last_seen, agent.status) = (Some(Age::of(Duration::ZERO)), Some(Arc::new(status)));
            agent.said = Said::default();
        });
        changed.presence = presence;
        (changed, is_apart)
    }

    /// The agent has not answered. What it said last stays. After so many times in a row, people are told.
    pub(super) fn missed(
        &self,
        id: AgentId,
        code: PollErrorCode,
        reason: String,
        told_after: u32,
    ) -> Changed {
        let mut presence = None;
        let changed = self.change(id, |agent| {
            agent.missed = agent.missed.saturating_add(1);
            if agent.missed >= told_after && !agent.is_told_offline {
                agent.is_told_offline = true;
                presence = Some(agent.presence(Some(code)));
            }
            if agent.online || agent.error.is_none() {
                tracing::warn!("{} is offline: {reason}", agent.config.name);
            }
            (agent.online, agent.error) = (false, Some((code, reason)));
        });
        Changed { presence, ..changed }
    }

    /// Notes that an agent's events were asked for, and what is wrong with them.
    pub(super) fn events_fetched(&self, id: AgentId, problem: Option<(PollErrorCode, String)>) -> Changed {
        self.change(id, |agent| {
            if let Some((_, reason)) = problem.as_ref().filter(|_| agent.events_error != problem) {
                tracing::warn!("the events of {}: {reason}", agent.config.name);
            }
            agent.events_error = problem;
        })
    }

    /// The agent was reinstalled.
    pub(super) fn installed_anew(&self, id: AgentId) -> Changed {
        self.change(id, |agent| agent.installed_anew = Some(Age::of(Duration::ZERO)))
    }

    /// The agent's events go on after a hole.
    pub(super) fn skipped(&self, id: AgentId, first: u64, last: u64) -> Changed {
        self.change(id, |agent| agent.skipped = Some((first, last, Age::of(Duration::ZERO))))
    }

    /// All of them, in configured order. If they say more than an answer can hold, those that say the most are shown without
    /// what they say.
    pub(super) fn agents(&self) -> Vec<FleetAgent> {
        self.lock().shown()
    }

    /// The same, and for each what it said last, as JSON.
    pub(super) fn agents_and_said(&self) -> (Vec<FleetAgent>, Vec<Said>) {
        let state = self.lock();
        (state.shown(), state.agents.iter().map(|known| Arc::clone(&known.said)).collect())
    }

    /// The configured agent of this name.
    pub(super) fn agent(&self, name: &str) -> Option<FleetAgent> {
        self.lock().agents.iter().find(|known| known.config.name == name).map(Known::shown)
    }

    /// The token of its own that a configured agent is shown.
    pub(super) fn token_of(&self, name: &str) -> Option<String> {
        let state = self.lock();
        state.agents.iter().find(|known| known.config.name == name).map(|known| known.config.token.clone())
    }

    /// The name of an agent with this identity.
    pub(super) fn name_of(&self, server_id: &str) -> Option<String> {
        let has_it =
            |known: &&Known| known.status.as_ref().is_some_and(|status| status.server_id == server_id);
        self.lock().agents.iter().find(has_it).map(|known| known.config.name.clone())
    }

    fn change(&self, id: AgentId, change: impl FnOnce(&mut Known)) -> Changed {
        let mut state = self.lock();
        let Some(agent) = state.agents.iter_mut().find(|known| known.id == id) else {
            return Changed::default();
        };
        let look = |agent: &Known| {
            let skipped = agent.skipped.map(|(first, last, _)| (first, last));
            let errors = (agent.error.clone(), agent.events_error.clone());
            (agent.online, errors, agent.status.clone(), agent.installed_anew.is_some(), skipped)
        };
        let before = look(agent);
        change(agent);
        let after = look(agent);
        let noted = Some((agent.online, states(agent.status.as_deref())));
        let is_noted = agent.noted == noted;
        agent.noted.clone_from(&noted);
        Changed {
            agent: (before != after).then(|| agent.shown()),
            state: if is_noted { None } else { noted },
            presence: None,
        }
    }

    /// Nothing panics while it holds the lock; if it did, what is known is still the best there is.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shown(&self) -> Vec<FleetAgent> {
        let mut bytes: usize = self.agents.iter().map(|known| known.status_bytes).sum();
        let mut largest: Vec<usize> = (0..self.agents.len()).collect();
        largest.sort_by_key(|place| self.agents[*place].status_bytes);
        let mut shown: Vec<FleetAgent> = self.agents.iter().map(Known::shown).collect();
        while let Some(place) = largest.pop().filter(|_| bytes > STATUSES_BYTES) {
            bytes -= self.agents[place].status_bytes;
            shown[place].status = None;
            shown[place].error_code = Some(PollErrorCode::TooMuch);
            shown[place].error = Some(
                "what it says is left out: together with the others it is more than an answer can hold"
                    .to_owned(),
            );
        }
        shown
    }
}

impl Known {
    fn new(id: AgentId, config: HubAgent) -> Self {
        Self {
            id,
            config,
            online: false,
            last_seen: None,
            installed_anew: None,
            skipped: None,
            error: None,
            events_error: None,
            status: None,
            status_bytes: 0,
            said: Said::default(),
            identity: String::new(),
            noted: None,
            missed: 0,
            is_told_offline: false,
        }
    }

    fn presence(&self, away: Option<PollErrorCode>) -> Presence {
        let said = self.status.as_ref().map(|status| status.machine.clone());
        Presence {
            machine: said.filter(|machine| !machine.is_empty()).unwrap_or_else(|| self.config.name.clone()),
            away,
            silent_seconds: self.last_seen.map(Age::seconds),
        }
    }

    fn shown(&self) -> FleetAgent {
        let error = self.error.as_ref().or(self.events_error.as_ref().filter(|_| self.online));
        FleetAgent {
            name: self.config.name.clone(),
            url: self.config.url.clone(),
            enabled: self.config.enabled,
            has_token: !self.config.token.is_empty(),
            online: self.online,
            last_seen_seconds: self.last_seen.map(Age::seconds),
            error: error.map(|(_, reason)| reason.clone()),
            error_code: error.map(|(code, _)| *code),
            installed_anew_seconds: self.installed_anew.map(Age::seconds),
            missed_events: self.skipped.map(|(first, last, since)| MissedEvents {
                first,
                last,
                seconds: since.seconds(),
            }),
            status: self.status.clone(),
        }
    }
}

/// Whether an agent counts its events in another row than before.
fn has_another_stream(before: Option<&AgentStatus>, now: &AgentStatus) -> bool {
    let stream = |status: &AgentStatus| {
        status.event_cursor.as_ref().map(|EventCursor { stream_id, .. }| stream_id.clone())
    };
    before.and_then(stream).zip(stream(now)).is_some_and(|(before, now)| before != now)
}

fn bytes_of(status: &AgentStatus) -> usize {
    serde_json::to_string(status).map_or(0, |text| text.len())
}

/// The state of each monitor, as JSON. What is longer than any state is none.
fn states(status: Option<&AgentStatus>) -> String {
    let monitors = status.into_iter().flat_map(|status| &status.monitors);
    let state = |monitor: &Value| match monitor.get("state") {
        Some(Value::String(word)) if word.len() <= LONGEST_STATE => Value::String(word.clone()),
        _ => Value::Null,
    };
    Value::Object(monitors.map(|(name, monitor)| (name.clone(), state(monitor))).collect::<Map<_, _>>())
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(name: &str, url: &str) -> HubAgent {
        HubAgent { name: name.into(), url: url.into(), token: String::new(), enabled: true }
    }

    fn status(state: &str) -> AgentStatus {
        let monitors = json!({ "x": { "state": state, "metrics": { "n": 1 } } });
        let Value::Object(monitors) = monitors else { panic!() };
        AgentStatus {
            machine: "m".into(),
            server_id: "s".into(),
            os: "o".into(),
            version: None,
            monitors,
            event_cursor: None,
            event_refusals: Vec::new(),
            names_in_use_twice: Vec::new(),
        }
    }

    fn answered(fleet: &Fleet, id: AgentId, status: AgentStatus) -> Changed {
        let bytes = bytes_of(&status);
        fleet.answered(id, status, bytes, None).0
    }

    fn fleet(agents: &[HubAgent]) -> (Fleet, Vec<AgentId>) {
        let fleet = Fleet::default();
        let started = fleet.reconcile(agents).started;
        (fleet, started.into_iter().map(|(id, _)| id).collect())
    }

    #[test]
    fn an_agent_that_goes_away_keeps_its_last_status() {
        let (fleet, ids) = fleet(&[HubAgent { token: "secret".into(), ..agent("a", "u") }]);
        let shown = || fleet.agents().remove(0);
        assert_eq!((shown().online, shown().last_seen_seconds, shown().has_token), (false, None, true));
        answered(&fleet, ids[0], status("ok"));
        assert!(shown().online && shown().last_seen_seconds.is_some());
        fleet.missed(ids[0], PollErrorCode::Timeout, "gone".into(), 2);
        assert_eq!((shown().online, shown().error.as_deref()), (false, Some("gone")));
        assert_eq!(shown().status.as_deref(), Some(&status("ok")));
        assert_eq!(shown().error_code, Some(PollErrorCode::Timeout));
        assert!(!serde_json::to_string(&fleet.agents()).unwrap().contains("secret"));
    }

    #[test]
    fn a_change_is_told_once() {
        let (fleet, ids) = fleet(&[agent("a", "u")]);
        let first = answered(&fleet, ids[0], status("ok"));
        assert_eq!(first.state, Some((true, r#"{"x":"ok"}"#.to_owned())));
        assert!(first.agent.is_some());
        let second = answered(&fleet, ids[0], status("ok"));
        assert!(second.agent.is_none() && second.state.is_none());
        assert_eq!(answered(&fleet, ids[0], status("error")).state.unwrap().1, r#"{"x":"error"}"#);
        assert!(!fleet.missed(ids[0], PollErrorCode::Timeout, "r".into(), 2).state.unwrap().0);
        assert!(fleet.missed(ids[0], PollErrorCode::Timeout, "r".into(), 2).agent.is_none());
    }

    #[test]
    fn a_machine_that_goes_away_is_told_once_and_that_it_is_back_once() {
        let (fleet, ids) = fleet(&[agent("a", "u")]);
        let misses = |code| fleet.missed(ids[0], code, "r".into(), 2).presence;
        let away = |code| Some(Presence { machine: "m".into(), away: Some(code), silent_seconds: None });
        let without_age = |presence: Option<Presence>| {
            presence.map(|presence| Presence { silent_seconds: None, ..presence })
        };
        assert_eq!(answered(&fleet, ids[0], status("ok")).presence, None, "it was never away");
        assert_eq!(misses(PollErrorCode::Timeout), None, "once is nothing");
        assert_eq!(without_age(misses(PollErrorCode::Unreachable)), away(PollErrorCode::Unreachable));
        assert_eq!(misses(PollErrorCode::Unreachable), None);
        assert_eq!(misses(PollErrorCode::Unauthorized), None, "for another reason it is away all the same");
        let back = answered(&fleet, ids[0], status("ok")).presence.unwrap();
        assert_eq!((back.away, back.silent_seconds.is_some()), (None, true));
        assert_eq!(answered(&fleet, ids[0], status("ok")).presence, None);

        // Another launch tells what is new, and no old news.
        fleet.remember_offline(&BTreeSet::from(["a".to_owned()]));
        assert_eq!((misses(PollErrorCode::Timeout), misses(PollErrorCode::Timeout)), (None, None));
        assert!(answered(&fleet, ids[0], status("ok")).presence.is_some());
        // One that is polled with another configuration goes on as it was.
        fleet.remember_offline(&BTreeSet::from(["a".to_owned()]));
        let renamed = fleet.reconcile(&[agent("b", "u")]);
        assert!(answered(&fleet, renamed.started[0].0, status("ok")).presence.is_some());
    }

    #[test]
    fn a_poll_of_an_earlier_configuration_changes_nothing() {
        let (fleet, ids) = fleet(&[agent("a", "u"), agent("b", "v")]);
        answered(&fleet, ids[0], status("ok"));
        assert_eq!(fleet.reconcile(&[agent("a", "u"), agent("b", "v")]), Reconciled::default());

        let moved = fleet.reconcile(&[agent("b", "v"), agent("a", "elsewhere")]);
        assert_eq!((moved.ended, moved.started.len(), moved.forgotten.len()), (vec![ids[0]], 1, 0));
        assert_eq!(fleet.agents()[1].status, None, "another address is another machine");
        assert!(answered(&fleet, ids[0], status("ok")).agent.is_none());
        assert_eq!(fleet.agents()[1].status, None);

        let gone = fleet.reconcile(&[agent("b", "v")]);
        assert_eq!((gone.ended.len(), gone.started.len(), gone.forgotten), (1, 0, vec!["a".to_owned()]));
    }

    #[test]
    fn an_agent_keeps_what_is_known_of_it_when_it_is_renamed_or_switched_off() {
        let (fleet, ids) = fleet(&[agent("a", "u")]);
        answered(&fleet, ids[0], status("ok"));
        let renamed = fleet.reconcile(&[agent("z", "u")]);
        assert_eq!((renamed.started.len(), renamed.forgotten), (1, vec!["a".to_owned()]));
        let shown = fleet.agents().remove(0);
        assert_eq!((shown.name.as_str(), shown.status.as_deref()), ("z", Some(&status("ok"))));
        let off = fleet.reconcile(&[HubAgent { enabled: false, ..agent("z", "u") }]);
        assert_eq!((off.ended.len(), off.started.len(), off.forgotten.len()), (1, 0, 0));
        assert!(!fleet.agents()[0].online && fleet.agents()[0].status.is_some());
        assert_eq!(fleet.name_of("s").as_deref(), Some("z"));
    }

    #[test]
    fn another_identity_is_a_new_installation() {
        let (fleet, ids) = fleet(&[agent("a", "u")]);
        answered(&fleet, ids[0], status("ok"));
        assert_eq!(fleet.agents()[0].installed_anew_seconds, None);
        let changed = answered(&fleet, ids[0], AgentStatus { server_id: "new".into(), ..status("ok") });
        assert!(changed.agent.is_some_and(|agent| agent.installed_anew_seconds.is_some()));
    }

    #[test]
    fn an_earlier_launch_is_remembered_for_the_same_address() {
        let (fleet, _) = fleet(&[agent("a", "u"), agent("b", "other")]);
        let remembered = |name: &str| Remembered {
            name: name.into(),
            url: "u".into(),
            seen_ms_ago: 5_000,
            anew_ms_ago: Some(7_000),
            status: Some(status("ok")),
        };
        fleet.remember(vec![remembered("a"), remembered("b"), remembered("c")]);
        let [a, b] = <[FleetAgent; 2]>::try_from(fleet.agents()).unwrap();
        assert!(a.last_seen_seconds.is_some_and(|age| (5.0..60.0).contains(&age)));
        assert!(a.installed_anew_seconds.is_some_and(|age| age >= 7.0) && !a.online);
        assert_eq!((b.last_seen_seconds, b.status), (None, None));
    }

    #[test]
    fn who_says_that_it_is_another_machine_is_kept_apart() {
        let (fleet, ids) = fleet(&[agent("good", "u"), agent("liar", "v")]);
        assert!(!fleet.answered(ids[0], status("ok"), 1, None).1);
        for _ in 0..2 {
            assert!(fleet.answered(ids[1], status("ok"), 1, None).1);
            assert!(!fleet.answered(ids[0], status("ok"), 1, None).1);
        }
        let [good, liar] = <[FleetAgent; 2]>::try_from(fleet.agents()).unwrap();
        assert_eq!((good.error, liar.error_code), (None, Some(PollErrorCode::TooMuch)));
        assert!(liar.error.unwrap().contains("good"));
    }

    #[test]
    fn all_together_fit_into_an_answer_and_the_largest_go_first() {
        let all: Vec<HubAgent> =
            (0..100).map(|number| agent(&number.to_string(), &format!("u{number}"))).collect();
        let (fleet, ids) = fleet(&all);
        for (number, id) in ids.iter().enumerate() {
            let long = AgentStatus {
                server_id: number.to_string(),
                os: "x".repeat(if number < 50 { 60_000 } else { 5_000 }),
                ..status("ok")
            };
            answered(&fleet, *id, long);
        }
        let shown = fleet.agents();
        assert!(serde_json::to_string(&shown).unwrap().len() < 2_000_000);
        assert!(shown[50..].iter().all(|agent| agent.status.is_some() && agent.error.is_none()));
        assert!(shown.iter().any(|agent| agent.error_code == Some(PollErrorCode::TooMuch)));
    }

    #[test]
    fn what_is_wrong_with_the_events_is_said_once_and_ends() {
        let (fleet, ids) = fleet(&[agent("a", "u")]);
        answered(&fleet, ids[0], status("ok"));
        let problem = || Some((PollErrorCode::TooMuch, "too many".to_owned()));
        assert!(fleet.events_fetched(ids[0], problem()).agent.is_some());
        assert!(answered(&fleet, ids[0], status("ok")).agent.is_none_or(|agent| agent.error.is_some()));
        assert!(fleet.events_fetched(ids[0], problem()).agent.is_none());
        assert!(fleet.events_fetched(ids[0], None).agent.is_some_and(|agent| agent.error.is_none()));
    }
}
