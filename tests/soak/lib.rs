//! Upgrades under load and with faults, starts at the same moment and killed launches: usable from a test and from
//! a program.

pub mod clients;
pub mod cycle;
pub mod faults;
pub mod gap;
pub mod kills;
pub mod misbehaving;
pub mod pairs;
pub mod random;
pub mod sleeps;
pub mod stranger;
pub mod thief;
pub mod times;
pub mod trace;
pub mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::wait::until_some;
use cycle::Failed;
use faults::{Kind, Plan};
use world::World;

/// What became of many cycles.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Good and failed cycles of each fault.
    pub counts: BTreeMap<Kind, [usize; 2]>,
    /// Requests that were answered while it went on.
    pub answered: usize,
    /// Steps of the hosts, each of which the model allows.
    pub steps: usize,
    /// What failed, ready to be printed.
    pub failures: Vec<String>,
}

/// Runs a cycle for each seed. What failed is told at once, and the next cycle begins in a new home.
pub async fn soak(seeds: impl Iterator<Item = u64>, tell: impl Fn(&str)) -> Outcome {
    let mut outcome = Outcome::default();
    let mut world: Option<World> = None;
    for (number, seed) in seeds.enumerate() {
        let mut here = match world.take() {
            Some(world) => world,
            None => World::new().await,
        };
        let plan = Plan::draw(seed);
        let run = cycle::run(&mut here, &plan).await;
        let counts = outcome.counts.entry(plan.kind).or_default();
        match run {
            Ok(done) => {
                counts[0] += 1;
                outcome.answered += done.answered;
                outcome.steps += done.steps;
                tell(&format!(
                    "{:>4}  seed {seed}  good in {:>5.1} s, {} answers  {plan}",
                    number + 1,
                    done.took.as_secs_f64(),
                    done.answered
                ));
                world = Some(here);
            }
            Err(Failed { why, evidence }) => {
                counts[1] += 1;
                let failure = format!("seed {seed}: {plan}\n  {why}\n{evidence}");
                tell(&format!("{:>4}  FAILED  {failure}", number + 1));
                outcome.failures.push(failure);
                drop(here);
            }
        }
    }
    if let Some(left) = world.map(World::end) {
        outcome.failures.extend(left.await.err().map(|why| format!("at the end: {why}")));
    }
    outcome
}

/// What became of many rounds of one thing.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Good and failed rounds of each kind.
    pub counts: BTreeMap<&'static str, [usize; 2]>,
    /// What each good round measured.
    pub took: Vec<Duration>,
    /// What failed, ready to be printed.
    pub failures: Vec<String>,
}

/// Runs a round for each number. What failed is told at once, and the next round begins in a new home.
pub async fn rounds(
    roles: &'static [&'static str],
    numbers: impl Iterator<Item = u64>,
    kind: impl Fn(u64) -> &'static str,
    run: impl AsyncFn(&mut World, u64) -> Result<Duration, String>,
    tell: impl Fn(&str),
) -> Rounds {
    let mut done = Rounds::default();
    let mut world: Option<World> = None;
    for number in numbers {
        let mut here = match world.take() {
            Some(world) => world,
            None => World::of(roles).await,
        };
        let counts = done.counts.entry(kind(number)).or_default();
        match run(&mut here, number).await {
            Ok(took) => {
                counts[0] += 1;
                done.took.push(took);
                tell(&format!("{number:>4}  good, {:>5.0} ms  {}", took.as_secs_f64() * 1e3, kind(number)));
                world = Some(here);
            }
            Err(why) => {
                counts[1] += 1;
                let evidence = cycle::evidence(&here);
                let failure = format!("{number}: {}\n  {why}\n{evidence}", kind(number));
                tell(&format!("FAILED  {failure}"));
                done.failures.push(failure);
            }
        }
    }
    if let Some(left) = world.map(World::end) {
        done.failures.extend(left.await.err().map(|why| format!("at the end: {why}")));
    }
    done
}

/// Waits for something that may not come: then it is nothing.
pub(crate) async fn within<T>(time: Duration, look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    tokio::time::timeout(time, until_some("it comes", time * 2, look)).await.ok()
}
