//! Whether what hosts have done is something that the model lets them do.

use std::collections::HashSet;
use std::fmt;

use stateright::Model as _;

use super::{Action, Handover, Heard, Side, World};

/// How many worlds may lie between two steps; a step that is not found among them is refused.
const MOST_WORLDS: usize = 3_000_000;

/// What a host heard, and what became of it: in the words of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which host it was: the first one ran before the others were started.
    pub host: usize,
    /// What it heard.
    pub input: String,
    /// How far the host was.
    pub from: String,
    /// How far the host is.
    pub to: String,
}

/// A step that no order of events leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The step's index in the trace.
    pub at: usize,
    /// The step.
    pub step: Step,
    /// How many worlds were possible before it.
    pub worlds: usize,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { host, input, from, to } = &self.step;
        let (number, worlds) = (self.at + 1, self.worlds);
        write!(
            f,
            "step {number}, host {host}: {input} leads from {from} to {to}; none of {worlds} worlds allows it"
        )
    }
}

impl Step {
    /// Reads the line of a log; nothing if it is about something else, or if the host stayed as it was.
    #[must_use]
    pub fn of_line(host: usize, line: &str) -> Option<Self> {
        let (_, rest) = line.split_once(" handover input=")?;
        let (input, rest) = rest.split_once(" from=")?;
        let (from, to) = rest.split_once(" to=")?;
        let (input, from, to) = (input.to_owned(), from.to_owned(), to.trim_end().to_owned());
        (from != to).then_some(Self { host, input, from, to })
    }
}

impl Handover {
    /// Whether hosts can take these steps in this order, whatever happens between them: what they do, what their backends
    /// do, and as many faults as this model has.
    ///
    /// # Errors
    /// The first step that they cannot take.
    pub fn accepts(&self, trace: &[Step]) -> Result<(), Refusal> {
        let mut worlds: HashSet<World> = self.init_states().into_iter().collect();
        for (at, step) in trace.iter().enumerate() {
            let before = worlds.len();
            worlds = self.after(worlds, step);
            if worlds.is_empty() {
                return Err(Refusal { at, step: step.clone(), worlds: before });
            }
        }
        Ok(())
    }

    /// The worlds in which a step has just been taken.
    fn after(&self, from: HashSet<World>, step: &Step) -> HashSet<World> {
        let mut seen = HashSet::new();
        let mut found = HashSet::new();
        let mut open: Vec<World> = from.into_iter().collect();
        let mut actions = Vec::new();
        while let Some(world) = open.pop() {
            actions.clear();
            self.actions(&world, &mut actions);
            for &action in &actions {
                let Some(next) = self.next_state(&world, action) else { continue };
                match self.seen_in(&world, action) {
                    Some(taken) if taken == *step => drop(found.insert(next)),
                    Some(_) => {}
                    None if seen.len() < MOST_WORLDS && seen.insert(next.clone()) => open.push(next),
                    None => {}
                }
            }
        }
        found
    }

    /// The step of a host that an action is; nothing if no host hears anything that changes it.
    fn seen_in(&self, world: &World, action: Action) -> Option<Step> {
        let (host, heard) = self.heard_in(world, action)?;
        let side = match (action, world.hosts[host].side) {
            (Action::WatchedPlace(_), Side::Waiting) => Side::Successor(handover::Successor::Preparing),
            (_, side) => side,
        };
        let told = |input: &dyn fmt::Debug, from: &dyn fmt::Debug, to: &dyn fmt::Debug| Step {
            host,
            input: format!("{input:?}"),
            from: format!("{from:?}"),
            to: format!("{to:?}"),
        };
        let step = match (side, heard) {
            (Side::Incumbent(side), Heard::Incumbent(input)) => told(&input, &side, &side.handle(input).0),
            (Side::Successor(side), Heard::Successor(input)) => told(&input, &side, &side.handle(input).0),
            _ => return None,
        };
        (step.from != step.to).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Broken;
    use super::*;

    /// As a log tells it: who, what it heard, how far it was and is. What changes nothing is not a step.
    fn trace(lines: &[(usize, &str)]) -> Vec<Step> {
        let line =
            |text: &str| format!("2026-11-27T10:00:00.000000Z  INFO taskpaw::handover: handover {text}\n");
        lines.iter().filter_map(|(host, text)| Step::of_line(*host, &line(text))).collect()
    }

    const SOUND: [(usize, &str); 11] = [
        (1, "input=Prepared from=Preparing to=Asking"),
        (0, "input=Asked from=Serving to=StandingDown"),
        (0, "input=BackendsStoodDown from=StandingDown to=StoodDown"),
        (1, "input=StoodDown from=Asking to=GoingOn"),
        (0, "input=GoingOn from=StoodDown to=StoodDown"),
        (1, "input=Ready from=GoingOn to=Confirmed"),
        (0, "input=Confirmed from=StoodDown to=Yielded"),
        (1, "input=Yours from=Confirmed to=Offered"),
        (1, "input=PlaceTaken(true) from=Offered to=GoingLive"),
        (1, "input=Live from=GoingLive to=Running"),
        (0, "input=Taken from=Yielded to=Ended"),
    ];

    const NOT_LIVE: [(usize, &str); 4] = [
        (1, "input=BackendFailed from=GoingLive to=Failed(NotLive)"),
        (0, "input=Failed from=Yielded to=TakingBack"),
        (0, "input=PlaceTaken(true) from=TakingBack to=Returning"),
        (0, "input=SuccessorBackendsGone from=Returning to=Serving"),
    ];

    const FAILED: [(usize, &str); 7] = [
        (1, "input=Prepared from=Preparing to=Asking"),
        (0, "input=Asked from=Serving to=StandingDown"),
        (0, "input=BackendsStoodDown from=StandingDown to=StoodDown"),
        (1, "input=StoodDown from=Asking to=GoingOn"),
        (1, "input=BackendFailed from=GoingOn to=Failed(NotReady)"),
        (0, "input=Failed from=StoodDown to=Returning"),
        (0, "input=SuccessorBackendsGone from=Returning to=Serving"),
    ];

    fn sound() -> Handover {
        Handover { faults: 0, ..Handover::default() }
    }

    #[test]
    fn a_handover_and_a_return_are_accepted() {
        sound().accepts(&trace(&SOUND)).unwrap();
        Handover { broken: Broken::FailsGoingOn, ..sound() }.accepts(&trace(&FAILED)).unwrap();
        let not_live = [&SOUND[..9], &NOT_LIVE].concat();
        Handover { broken: Broken::FailsGoingLive, ..sound() }.accepts(&trace(&not_live)).unwrap();
    }

    #[test]
    fn what_cannot_have_happened_is_refused() {
        let refused = |model: Handover, lines: &[(usize, &str)]| model.accepts(&trace(lines)).unwrap_err().at;
        // A sound backend does not fail by itself.
        assert_eq!(refused(sound(), &FAILED), 4);
        // One that asks without being prepared, and one that takes the place before it was offered.
        assert_eq!(refused(sound(), &SOUND[1..]), 0);
        let mut early = SOUND.to_vec();
        early.swap(6, 7);
        assert_eq!(refused(sound(), &early), 5);
        // An incumbent that serves again although its successor has the place.
        let mut both = SOUND.to_vec();
        both[10] = (0, "input=SuccessorBackendsGone from=Returning to=Serving");
        assert_eq!(refused(sound(), &both), 9);
        // One that is given up before its successor is live.
        let mut early = SOUND.to_vec();
        early.swap(9, 10);
        assert_eq!(refused(sound(), &early), 8);
        // Both have the place.
        let mut both = SOUND[..6].to_vec();
        both.push((0, "input=TimedOut from=StoodDown to=Returning"));
        both.push((1, "input=PlaceTaken(true) from=Offered to=GoingLive"));
        assert_eq!(refused(Handover { faults: 2, ..sound() }, &both), 6);
    }

    #[test]
    fn a_line_about_something_else_and_one_that_changes_nothing_are_no_steps() {
        assert_eq!(trace(&[(0, "input=SignOfLife from=StoodDown to=StoodDown"), (0, "begins")]), []);
    }
}
