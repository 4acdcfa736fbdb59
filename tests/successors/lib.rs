//! Broken successors of every kind over a version that works, and hosts that are killed in a handover: what it costs
//! those who ask.

pub mod first_protocol;
pub mod killed;
pub mod kinds;
pub mod machine;
pub mod round;

use std::path::Path;
use std::time::Duration;

use crate::disk::SmallDisk;
use crate::programs::Programs;
use kinds::{Found, Kind, Outcome, Wrong};
use machine::Machine;
use round::{Limits, Load, Measured, programs_of, round};

/// The windows are read in the first rounds, in turns.
const LANGUAGES: [&str; 2] = ["en", "zh-CN"];

/// All rounds of one kind under one load.
#[derive(Debug, Default)]
pub struct Row {
    /// How many rounds were good.
    pub good: usize,
    /// What was measured in each round.
    pub rounds: Vec<Measured>,
    /// How many different events the hub had at the end.
    pub events: usize,
    /// What was not as it must be, with the number of its round.
    pub wrong: Vec<String>,
}

impl Row {
    /// The greatest of a number.
    pub fn most(&self, of: impl Fn(&Measured) -> usize) -> usize {
        self.rounds.iter().map(of).max().unwrap_or_default()
    }

    /// The longest of a time.
    pub fn longest(&self, of: impl Fn(&Measured) -> Option<Duration>) -> Option<Duration> {
        self.rounds.iter().filter_map(of).max()
    }

    fn add(&mut self, number: usize, measured: Measured) {
        self.good += usize::from(measured.wrong.is_empty());
        self.wrong.extend(measured.wrong.iter().map(|wrong| format!("round {}: {wrong}", number + 1)));
        if !measured.evidence.is_empty() {
            self.wrong.push(format!("round {}: the logs:\n{}", number + 1, measured.evidence));
        }
        self.rounds.push(measured);
    }
}

/// Tries one kind under one load. `later` are the programs of a version with each schema one higher.
pub async fn trial(kind: &Kind, load: Load, rounds: usize, later: Option<&Path>) -> Option<Row> {
    let programs = programs_of(kind, later)?;
    let failing = std::env::current_exe().expect("its own path").with_file_name("failing");
    let mut row = Row::default();
    let mut machine: Option<Machine> = None;
    for number in 0..rounds {
        let mut here = match machine.take() {
            Some(machine) => machine,
            None => {
                let made = match kind.wrong {
                    Wrong::Found(Found::DiskFull) => {
                        let home = crate::home::Home::unconfigured();
                        let disk = SmallDisk::at(&home.path().join("data"), "size=16m")?;
                        Machine::start_in(home, &["agent"], Some(disk)).await
                    }
                    _ => Machine::start(roles(kind)).await,
                };
                match made {
                    Ok(machine) => machine,
                    Err(why) => {
                        row.wrong.push(format!("round {}: the machine: {why}", number + 1));
                        continue;
                    }
                }
            }
        };
        here.install(kind, &programs, &failing);
        let is_read = kind.outcome == Outcome::NeverAsked || kind.outcome == Outcome::ServesAgain;
        let language = LANGUAGES.get(number).copied().filter(|language| {
            is_read && !kind.said.0.is_empty() && (*language == "en" || !kind.said.1.is_empty())
        });
        let measured = round(&mut here, kind, load, language, &Limits::QUIET).await;
        let is_over = !measured.wrong.is_empty() || !here.is_old().await;
        row.add(number, measured);
        // What works on is used again; after anything else the next round begins on a new machine.
        let is_last = number + 1 == rounds;
        if is_over || is_last {
            end(&mut here, kind, &mut row, number).await;
            drop(here);
        } else {
            machine = Some(here);
        }
    }
    Some(row)
}

/// Tries kinds once, idle, one after the other over the same older version, for as long as that one works on: what was not as it
/// must be. `failing` is the program that goes wrong at a step. Windows are not read.
pub async fn once(kinds: impl Iterator<Item = &Kind>, failing: &Path) -> Vec<String> {
    let programs = Programs::newer();
    let mut wrong = Vec::new();
    let mut machine: Option<Machine> = None;
    for kind in kinds {
        let mut here = match machine.take() {
            Some(machine) => machine,
            None => match Machine::start(roles(kind)).await {
                Ok(machine) => machine,
                Err(why) => {
                    wrong.push(format!("{}: the machine: {why}", kind.name));
                    continue;
                }
            },
        };
        here.install(kind, &programs, failing);
        let measured = round(&mut here, kind, Load::Idle, None, &Limits::BUSY).await;
        wrong.extend(measured.wrong.iter().map(|wrong| format!("{}: {wrong}", kind.name)));
        if !measured.evidence.is_empty() {
            wrong.push(format!("{}: the logs:\n{}", kind.name, measured.evidence));
        }
        // What was found broken stays so, and whoever follows is another version.
        let works_on = measured.wrong.is_empty() && kind.leaves_all_as_it_was();
        machine = works_on.then_some(here);
    }
    if let Some(mut machine) = machine
        && let Err(why) = machine.events_are_whole().await
    {
        wrong.push(format!("events: {why}"));
    }
    wrong
}

/// The roles that a kind needs.
fn roles(kind: &Kind) -> &'static [&'static str] {
    match kind.wrong {
        Wrong::Found(Found::DatabaseTooNew) | Wrong::Later { .. } => &["agent", "hub"],
        _ => &["agent"],
    }
}

/// The events of a machine are counted at its end.
async fn end(machine: &mut Machine, kind: &Kind, row: &mut Row, number: usize) {
    // Where the journal was put aside, or the disk is full, there is nothing to count by.
    if matches!(kind.wrong, Wrong::Found(_)) {
        return;
    }
    match machine.events_are_whole().await {
        Ok(events) => row.events += events,
        Err(why) => {
            row.good -= usize::from(row.rounds.last().is_some_and(|last| last.wrong.is_empty()));
            row.wrong.push(format!("until round {}: events: {why}", number + 1));
        }
    }
}
