//! When something that is looked at again and again counts as down, and when that is said: once on the way down,
//! once on the way up.

use serde_json::{Value, json};
use taskpaw_contract::ipc::EventKind;

use super::Memory;

/// What was told about something last.
#[derive(Debug)]
pub(crate) struct Health {
    /// How many bad looks in a row count as down.
    needed: u32,
    bad_in_a_row: u32,
    is_down: bool,
}

/// A change that is worth an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The monitored thing was well, or not looked at yet, and is down.
    Down,
    /// The monitored thing was down and is well.
    Up,
}

impl Health {
    /// Nothing is known yet, which counts as well: only what was bad before can become well again.
    pub(crate) fn new(needed: u32) -> Self {
        Self { needed: needed.max(1), bad_in_a_row: 0, is_down: false }
    }

    /// Goes on after a restart from what was told of it last.
    pub(crate) fn recall(&mut self, is_down: bool) {
        self.is_down = is_down;
    }

    /// The same for what is told by two events alone.
    pub(crate) fn recall_turns(&mut self, memory: &Memory) {
        self.recall(memory.stands("down", EventKind::Down, EventKind::Up));
    }

    /// What [`Health::recall_turns`] needs.
    #[expect(clippy::unnecessary_wraps, reason = "as a monitor says it")]
    pub(crate) fn memory(&self) -> Option<Value> {
        Some(json!({ "down": self.is_down }))
    }

    /// Notes a look.
    pub(crate) fn note(&mut self, is_well: bool) -> Option<Turn> {
        if is_well {
            self.bad_in_a_row = 0;
            return std::mem::take(&mut self.is_down).then_some(Turn::Up);
        }
        self.bad_in_a_row = self.bad_in_a_row.saturating_add(1);
        let is_new = self.bad_in_a_row >= self.needed && !self.is_down;
        self.is_down |= is_new;
        is_new.then_some(Turn::Down)
    }

    /// Whether it counts as down.
    pub(crate) fn is_down(&self) -> bool {
        self.is_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(needed: u32, looks: &str) -> String {
        let mut health = Health::new(needed);
        looks
            .chars()
            .map(|look| match health.note(look == '+') {
                Some(Turn::Down) => 'v',
                Some(Turn::Up) => '^',
                None => '.',
            })
            .collect()
    }

    #[test]
    fn each_change_is_told_once() {
        assert_eq!(turns(1, "++--+-+"), "..v.^v^");
        assert_eq!(turns(1, "--+"), "v.^", "what is down from the start is told too");
        assert_eq!(turns(3, "--+---+-+"), ".....v^..");
    }
}
