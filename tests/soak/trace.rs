//! What the hosts of a cycle have done, by their own logs, held against the model of a handover: each step must be one that
//! it allows.

use std::path::PathBuf;

use handover_model::{Broken, Handover, Step};

use super::world::{Host, World};

/// The hosts of a cycle, and where in its log each begins.
#[derive(Debug)]
pub struct Trace {
    hosts: Vec<Logged>,
}

#[derive(Debug)]
struct Logged {
    pid: u32,
    log: PathBuf,
    from: usize,
}

impl Trace {
    /// Begins with the host that has the place.
    pub fn begin(world: &World, incumbent: u32) -> Self {
        let mut hosts: Vec<Logged> = world.hosts.iter().map(|host| Logged::now(host, true)).collect();
        hosts.sort_by_key(|host| host.pid != incumbent);
        Self { hosts }
    }

    /// Notes the hosts that have been started since.
    pub fn note(&mut self, world: &World) {
        let is_new = |host: &&Host| self.hosts.iter().all(|known| known.pid != host.process.pid());
        let new: Vec<Logged> =
            world.hosts.iter().filter(is_new).map(|host| Logged::now(host, false)).collect();
        self.hosts.extend(new);
    }

    /// Whether the model allows what they did, with so many faults. Gives how many steps that were.
    ///
    /// # Errors
    /// The step that it does not allow, and all of them.
    pub fn is_allowed(&self, faults: u8) -> Result<usize, String> {
        let mut lines: Vec<(String, usize)> = Vec::new();
        for (number, host) in self.hosts.iter().enumerate() {
            let text = std::fs::read(&host.log).unwrap_or_default();
            let text = String::from_utf8_lossy(text.get(host.from..).unwrap_or_default()).into_owned();
            lines.extend(
                text.lines()
                    .filter(|line| Step::of_line(0, line).is_some())
                    .map(|line| (line.to_owned(), number)),
            );
        }
        // Each begins with its time, to the microsecond.
        lines.sort();
        let steps: Vec<Step> = lines.iter().filter_map(|(line, host)| Step::of_line(*host, line)).collect();
        for part in parts(&steps) {
            is_allowed(&part, faults).map_err(|why| {
                let told: Vec<String> =
                    lines.iter().map(|(line, host)| format!("      host {host}: {line}")).collect();
                format!("the model does not allow what they did: {why}\n{}", told.join("\n"))
            })?;
        }
        Ok(steps.len())
    }
}

impl Logged {
    fn now(host: &Host, from_now: bool) -> Self {
        let written = std::fs::metadata(&host.log).map_or(0, |log| log.len());
        let from = if from_now { usize::try_from(written).unwrap_or_default() } else { 0 };
        Self { pid: host.process.pid(), log: host.log.clone(), from }
    }
}

/// A host that found the place free takes it without a word, and is what others then follow: another handover begins.
fn parts(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut begun = 0;
    let mut all = Vec::new();
    let mut first = 0;
    for (at, step) in steps.iter().enumerate() {
        let is_known = step.host == first || steps[begun..at].iter().any(|before| before.host == step.host);
        if step.from == "Serving" && !is_known {
            let last =
                steps[begun..at].iter().rposition(|before| before.host == first).map_or(0, |last| last + 1);
            all.push(numbered(&steps[begun..begun + last], first));
            (begun, first) = (begun + last, step.host);
        }
    }
    all.push(numbered(&steps[begun..], first));
    all
}

/// The steps with the numbers of hosts as the model has them: the incumbent is the first.
fn numbered(steps: &[Step], first: usize) -> Vec<Step> {
    let mut known = vec![first];
    let number = |step: &Step| {
        let at = known.iter().position(|host| *host == step.host).unwrap_or_else(|| {
            known.push(step.host);
            known.len() - 1
        });
        Step { host: at, ..step.clone() }
    };
    steps.iter().map(number).collect()
}

/// Whether the model allows these steps. In it hosts take turns (the lock `next`), which real ones do not do yet: several may
/// ask. One that was never let go on has done nothing that others could see, and is left out then.
fn is_allowed(steps: &[Step], faults: u8) -> Result<(), String> {
    is_allowed_as_it_is(steps, faults).or_else(|why| {
        let rest = without_those_who_only_asked(steps);
        if rest.len() == steps.len() { Err(why) } else { is_allowed_as_it_is(&rest, faults) }
    })
}

/// The steps without those of hosts that were never let go on, where others were on their way too.
fn without_those_who_only_asked(steps: &[Step]) -> Vec<Step> {
    let only_asked = |host: usize| {
        steps.iter().filter(|step| step.host == host).all(|step| {
            ["Preparing", "Asking"].contains(&step.from.as_str())
                && (step.to == "Asking" || step.to == "Ended" || step.to.starts_with("Failed("))
        })
    };
    let successors = steps.iter().map(|step| step.host).max().unwrap_or_default();
    let rest = steps.iter().filter(|step| step.host == 0 || successors < 2 || !only_asked(step.host));
    numbered(&rest.cloned().collect::<Vec<_>>(), 0)
}

/// Whether the model allows these steps, whatever is wrong with the successor.
fn is_allowed_as_it_is(steps: &[Step], faults: u8) -> Result<(), String> {
    let hosts = steps.iter().map(|step| step.host + 1).max().unwrap_or_default().max(2);
    let quits = u8::from(steps.iter().any(|step| step.input == "Quit"));
    let mut furthest = None;
    for broken in [
        Broken::Not,
        Broken::FailsGoingOn,
        Broken::CannotPrepare,
        Broken::HangsGoingOn,
        Broken::FailsGoingLive,
        Broken::HangsGoingLive,
    ] {
        match (Handover { hosts, broken, faults, quits, ..Handover::default() }).accepts(steps) {
            Ok(()) => return Ok(()),
            Err(refusal) if furthest.as_ref().is_none_or(|(at, _)| *at < refusal.at) => {
                furthest = Some((refusal.at, refusal.to_string()));
            }
            Err(_) => {}
        }
    }
    Err(furthest.map_or_else(String::new, |(_, why)| why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(host: usize, input: &str, from: &str, to: &str) -> Step {
        Step { host, input: input.into(), from: from.into(), to: to.into() }
    }

    #[test]
    fn who_found_the_place_free_begins_another_handover() {
        let steps = [
            step(0, "Asked", "Serving", "StandingDown"),
            step(2, "Prepared", "Preparing", "Asking"),
            step(1, "Asked", "Serving", "StandingDown"),
        ];
        let parts = parts(&steps);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], [steps[0].clone()]);
        assert_eq!(parts[1].iter().map(|step| step.host).collect::<Vec<_>>(), [1, 0]);
        assert!(is_allowed(&parts[1], 0).is_ok());
        assert!(is_allowed(&steps, 0).is_err(), "as one, it is none");
    }

    #[test]
    fn who_only_asked_is_left_out_and_who_went_on_is_not() {
        let first = [
            step(1, "Prepared", "Preparing", "Asking"),
            step(0, "Asked", "Serving", "StandingDown"),
            step(2, "Prepared", "Preparing", "Asking"),
            step(0, "BackendsStoodDown", "StandingDown", "StoodDown"),
            step(1, "StoodDown", "Asking", "GoingOn"),
        ];
        assert!(is_allowed(&first, 0).is_ok());
        let mut both = first.to_vec();
        both.push(step(2, "StoodDown", "Asking", "GoingOn"));
        assert!(is_allowed(&both, 0).is_err(), "two that go on at once");
        let mut alone = first[..2].to_vec();
        alone.push(step(0, "Failed", "StandingDown", "Returning"));
        assert!(is_allowed(&alone, 0).is_err());
    }
}
