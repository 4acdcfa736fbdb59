//! Upgrades under load and with faults, usable from a test and from a program.

pub mod clients;
pub mod cycle;
pub mod faults;
pub mod gap;
pub mod random;
pub mod stranger;
pub mod times;
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

/// Waits for something that may not come: then it is nothing.
pub(crate) async fn within<T>(time: Duration, look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    tokio::time::timeout(time, until_some("it comes", time * 2, look)).await.ok()
}
