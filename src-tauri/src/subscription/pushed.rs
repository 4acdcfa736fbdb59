//! What is sent to the window: only what it shows, and what changes together, together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use taskpaw_contract::Role;
use taskpaw_contract::ipc::{AgentEvent, DataKind, FleetAgent, FleetEvent, MonitorStatus, RoleData};
use tokio::time::Instant;

use super::ToWindow;
use crate::app::App;

/// What changes within this time is sent at once: less than a person notices, and one picture instead of many.
const TOGETHER: Duration = Duration::from_millis(100);
/// How many events wait to be sent; beyond that the window is told to ask for them.
const MOST_EVENTS: usize = 200;

/// What waits to be sent about one role.
pub(super) struct Batch {
    role: Role,
    wanted: BTreeSet<DataKind>,
    due: Option<Instant>,
    has_missed: bool,
    whole: Option<RoleData>,
    monitors: BTreeMap<String, MonitorStatus>,
    machines: BTreeMap<String, FleetAgent>,
    agent_events: Vec<AgentEvent>,
    fleet_events: Vec<FleetEvent>,
}

impl Batch {
    /// Nothing yet, of a role of which this is shown.
    pub(super) fn new(role: Role, wanted: BTreeSet<DataKind>) -> Self {
        Self {
            role,
            wanted,
            due: None,
            has_missed: false,
            whole: None,
            monitors: BTreeMap::new(),
            machines: BTreeMap::new(),
            agent_events: Vec::new(),
            fleet_events: Vec::new(),
        }
    }

    /// From now on this is shown. Of events that were not shown until now, nothing was sent.
    pub(super) fn follow(&mut self, wanted: BTreeSet<DataKind>) {
        let has_followed = self.wants_events();
        self.wanted = wanted;
        if !has_followed {
            self.begin();
        }
    }

    /// Whether the window shows what the role watches.
    pub(super) fn wants_status(&self) -> bool {
        self.wanted.contains(&DataKind::status_of(self.role))
    }

    fn wants_events(&self) -> bool {
        self.wanted.contains(&DataKind::events_of(self.role))
    }

    /// When what waits is sent; nothing if nothing waits.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Events may have been told that were not heard.
    pub(super) fn begin(&mut self) {
        if self.wants_events() {
            self.has_missed = true;
            self.wait();
        }
    }

    /// All that the role watches, which is sent at once: somebody looks at an empty page.
    pub(super) fn whole(&mut self, all: impl FnOnce() -> RoleData) {
        if self.wants_status() {
            self.whole = Some(all());
            self.monitors.clear();
            self.machines.clear();
            self.due = Some(Instant::now());
        }
    }

    pub(super) fn monitor(&mut self, name: &str, monitor: &MonitorStatus) {
        if self.wants_status() {
            self.monitors.insert(name.to_owned(), monitor.clone());
            self.wait();
        }
    }

    pub(super) fn machine(&mut self, agent: &FleetAgent) {
        if self.wants_status() {
            self.machines.insert(agent.name.clone(), agent.clone());
            self.wait();
        }
    }

    pub(super) fn agent_event(&mut self, event: &AgentEvent) {
        if self.wants_events() {
            self.has_missed |= !push(&mut self.agent_events, event);
            self.wait();
        }
    }

    pub(super) fn fleet_event(&mut self, event: &FleetEvent) {
        if self.wants_events() {
            self.has_missed |= !push(&mut self.fleet_events, event);
            self.wait();
        }
    }

    fn wait(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + TOGETHER);
    }

    /// All that waits, in the order in which it is to be taken: the whole first, then what is newer.
    pub(super) fn take(&mut self) -> Vec<RoleData> {
        let empty = Self::new(self.role, std::mem::take(&mut self.wanted));
        let full = std::mem::replace(self, empty);
        let mut data: Vec<RoleData> = full.whole.into_iter().collect();
        if !full.monitors.is_empty() {
            data.push(RoleData::Monitors { monitors: full.monitors });
        }
        if !full.machines.is_empty() {
            data.push(RoleData::Machines { agents: full.machines.into_values().collect() });
        }
        if !full.agent_events.is_empty() {
            data.push(RoleData::AgentEvents { events: full.agent_events });
        }
        if !full.fleet_events.is_empty() {
            data.push(RoleData::FleetEvents { events: full.fleet_events });
        }
        if full.has_missed {
            data.push(RoleData::EventsMissed { role: full.role });
        }
        data
    }
}

/// Keeps one more, if there is a place for it; says whether there was.
fn push<T: Clone>(waiting: &mut Vec<T>, one: &T) -> bool {
    let has_place = waiting.len() < MOST_EVENTS;
    if has_place {
        waiting.push(one.clone());
    }
    has_place
}

/// Sends the lines of a role's log that come while the window shows them.
pub(super) async fn follow_log(app: Arc<App>, role: Role, to_window: ToWindow) {
    let Some(log) = app.log(role) else { return };
    let (mut wanted, mut written) = (app.wanted().listen(), log.written());
    let mut sent = 0;
    loop {
        let is_wanted = wanted.borrow_and_update().contains(&DataKind::log_of(role));
        if !is_wanted {
            // The window that shows the log next asks for what was written until then.
            sent = *written.borrow_and_update();
        }
        let event = tokio::select! {
            Ok(()) = wanted.changed() => None,
            Ok(()) = written.changed(), if is_wanted => Some(()),
            else => return,
        };
        if event.is_none() {
            continue;
        }
        tokio::time::sleep(TOGETHER).await;
        let last = *written.borrow_and_update();
        let lines = log.lines_after(sent);
        sent = last;
        if !lines.is_empty() {
            to_window(&[RoleData::Log { role, lines }]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn monitor(state: &str) -> MonitorStatus {
        let monitor =
            json!({ "type_id": "task", "state": state, "detail": "", "metrics": {}, "last_update": null });
        serde_json::from_value(monitor).unwrap()
    }

    fn event(id: u64) -> AgentEvent {
        let event = json!({ "id": id, "time": "", "machine": "m", "monitor": "w", "message": "x" });
        serde_json::from_value(event).unwrap()
    }

    fn whole() -> RoleData {
        let status = json!({ "machine": "m", "server_id": "s", "os": "linux", "monitors": {} });
        RoleData::Agent { status: serde_json::from_value(status).unwrap() }
    }

    fn batch(wanted: &[DataKind]) -> Batch {
        Batch::new(Role::Agent, wanted.iter().copied().collect())
    }

    #[test]
    fn what_nobody_sees_is_not_sent() {
        let mut batch = batch(&[DataKind::Fleet, DataKind::FleetEvents, DataKind::AgentLog]);
        batch.begin();
        batch.whole(whole);
        batch.monitor("a", &monitor("ok"));
        batch.agent_event(&event(1));
        assert_eq!((batch.due(), batch.take()), (None, Vec::new()));
    }

    #[test]
    fn events_that_are_shown_again_are_to_be_asked_for() {
        let mut batch = batch(&[DataKind::AgentEvents]);
        batch.follow(BTreeSet::from([DataKind::AgentEvents, DataKind::Agent]));
        assert_eq!(batch.take(), [], "none was missed");
        batch.follow(BTreeSet::new());
        assert_eq!(batch.take(), []);
        batch.follow(BTreeSet::from([DataKind::AgentEvents]));
        assert_eq!(batch.take(), [RoleData::EventsMissed { role: Role::Agent }]);
    }

    #[test]
    fn the_whole_comes_before_what_is_newer_and_of_one_thing_the_last_counts() {
        let mut batch = batch(&[DataKind::Agent, DataKind::AgentEvents]);
        batch.monitor("old", &monitor("ok"));
        batch.whole(whole);
        batch.monitor("a", &monitor("ok"));
        batch.monitor("a", &monitor("error"));
        batch.agent_event(&event(1));
        assert!(batch.due().is_some_and(|due| due <= Instant::now()), "somebody waits for the whole");
        let sent = batch.take();
        let newer = BTreeMap::from([("a".to_owned(), monitor("error"))]);
        assert_eq!(
            sent,
            [
                whole(),
                RoleData::Monitors { monitors: newer },
                RoleData::AgentEvents { events: vec![event(1)] }
            ]
        );
        assert_eq!(batch.due(), None);
        batch.monitor("a", &monitor("ok"));
        assert_eq!(batch.take().len(), 1, "it is still wanted");
    }

    #[test]
    fn of_a_storm_the_window_is_told_to_ask() {
        let mut batch = batch(&[DataKind::AgentEvents]);
        for id in 0..=MOST_EVENTS as u64 {
            batch.agent_event(&event(id));
        }
        let sent = batch.take();
        let [RoleData::AgentEvents { events }, RoleData::EventsMissed { role: Role::Agent }] = &sent[..]
        else {
            panic!("{sent:?}")
        };
        assert_eq!(events.len(), MOST_EVENTS);
    }
}
