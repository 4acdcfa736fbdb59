//! What a role watches, and what of it is not as it should be.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The most troubles of a role that are listed; all are counted.
pub const MOST_TROUBLES: usize = 50;

/// What a role that is ready watches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Watched {
    /// How many things: each monitor is one, and each machine that is silent.
    pub total: u32,
    /// How many of them are not as they should be.
    pub broken: u32,
    /// What is not as it should be, the worst first: [`MOST_TROUBLES`] at most.
    pub troubles: Vec<Trouble>,
}

impl Watched {
    /// What is counted and listed of so many things. The worst come first, those of one kind in the order in which they are.
    #[must_use]
    pub fn of(total: usize, mut troubles: Vec<Trouble>) -> Self {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let broken = number(troubles.len());
        troubles.sort_by_key(|trouble| trouble.state);
        troubles.truncate(MOST_TROUBLES);
        Self { total: number(total), broken, troubles }
    }

    /// The same, where what was not all right before keeps its beginning: the ages in an answer grow old with it, and seem to
    /// begin later each time they are counted again. What was all right in between is not in `before`.
    #[must_use]
    pub fn after(mut self, before: Option<&Self>) -> Self {
        for trouble in &mut self.troubles {
            let is_it = |known: &&Trouble| {
                (&known.machine, &known.monitor, known.state)
                    == (&trouble.machine, &trouble.monitor, trouble.state)
            };
            let known = before.into_iter().flat_map(|before| &before.troubles).find(is_it);
            trouble.since = match (trouble.since, known.and_then(|known| known.since)) {
                (Some(now), Some(then)) => Some(now.min(then)),
                (now, then) => now.or(then),
            };
        }
        self
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Trouble {
    /// The machine that it is on, as the hub calls it; nothing for this one.
    pub machine: Option<String>,
    /// The monitor; nothing if the machine itself is silent.
    pub monitor: Option<String>,
    /// How the thing is.
    pub state: TroubleState,
    /// Since when, in ms since 1970 on this machine's clock; nothing if that is not known.
    #[ts(type = "number | null")]
    pub since: Option<u64>,
}

/// How something is that is not as it should be, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TroubleState {
    /// A machine does not answer.
    Offline,
    /// The monitor is broken.
    Error,
    /// The monitor works, but not well.
    Degraded,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(monitor: &str, state: TroubleState, since: u64) -> Trouble {
        Trouble { machine: None, monitor: Some(monitor.to_owned()), state, since: Some(since) }
    }

    #[test]
    fn the_worst_come_first_and_all_are_counted() {
        let many = (0..80).map(|number| trouble(&number.to_string(), TroubleState::Degraded, 1));
        let watched = Watched::of(90, many.chain([trouble("worst", TroubleState::Error, 1)]).collect());
        assert_eq!((watched.total, watched.broken, watched.troubles.len()), (90, 81, MOST_TROUBLES));
        assert_eq!(watched.troubles[0].monitor.as_deref(), Some("worst"));
    }

    #[test]
    fn a_trouble_keeps_its_beginning_until_it_begins_again() {
        let at = |since| Watched::of(1, vec![trouble("a", TroubleState::Error, since)]);
        let begun = |now: u64| at(now).after(Some(&at(100_000))).troubles[0].since;
        assert_eq!((begun(100_900), begun(160_000)), (Some(100_000), Some(100_000)), "the answer is older");
        assert_eq!(begun(99_000), Some(99_000), "it is known better");
        let well = Watched::of(1, Vec::new());
        let again = at(160_000).after(Some(&well.after(Some(&at(100_000)))));
        assert_eq!(again.troubles[0].since, Some(160_000));
    }
}
