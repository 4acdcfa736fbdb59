//! The machine sleeps at a random moment of an update: hosts and backends stand still for longer than any limit of a handover,
//! and go on in some order. Nobody is taken for one that hangs, and the update comes to its end.

use std::time::{Duration, Instant};

use super::random::Random;
use super::world::World;
use crate::process::send;
use crate::programs::CURRENT;

/// The moments of an update, in milliseconds after the start; by then it is done on most machines.
const MOMENTS: u64 = 800;
/// Longer than any limit for a step of a handover: 10 s to be prepared, 5 s for everything else.
const ASLEEP: Duration = Duration::from_secs(12);

/// When the machine sleeps.
#[derive(Debug, Clone, Copy)]
struct Plan {
    asleep_after: Duration,
    /// Whether the host that was started last wakes first.
    newest_first: bool,
}

impl Plan {
    fn draw(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        Self { asleep_after: random.milliseconds(MOMENTS), newest_first: random.flip() }
    }
}

/// For counting.
pub fn kind(seed: u64) -> &'static str {
    if Plan::draw(seed).newest_first { "the newer one wakes first" } else { "the older one wakes first" }
}

/// Updates, and lets everything stand still in the middle of it. Gives how long it took after the sleep.
///
/// # Errors
/// What is wrong afterwards.
pub async fn sleep(world: &mut World, seed: u64) -> Result<Duration, String> {
    let plan = Plan::draw(seed);
    if world.hosts.is_empty() {
        world.start(CURRENT);
    }
    let newer = world.other(world.gets_well(None).await?.version);
    let launched = Instant::now();
    world.start(newer);
    tokio::time::sleep(plan.asleep_after.saturating_sub(launched.elapsed())).await;

    let mut asleep = stop_all(world);
    tokio::time::sleep(ASLEEP).await;
    if plan.newest_first {
        asleep.reverse();
    }
    let woken = Instant::now();
    asleep.into_iter().for_each(|pid| send(pid, libc::SIGCONT));

    let well = world.gets_well(Some(newer)).await.map_err(|why| format!("{plan:?}: {why}"))?;
    let took = woken.elapsed();
    world.window_is_ready(well.host).await?;
    world.others_ended_well(well.host).await.map_err(|why| format!("{plan:?}: {why}"))?;
    world.nobody_was_forced()?;
    world.strangers_are_unharmed()?;
    Ok(took)
}

/// Stops every host and backend, also one that another has just started. In the order of their ids.
fn stop_all(world: &World) -> Vec<u32> {
    let mut stopped: Vec<u32> = Vec::new();
    loop {
        let all = world.running_hosts().into_iter().chain(world.running_backends());
        let new: Vec<u32> = all.map(|(pid, _)| pid).filter(|pid| !stopped.contains(pid)).collect();
        if new.is_empty() {
            stopped.sort_unstable();
            return stopped;
        }
        new.iter().for_each(|pid| send(*pid, libc::SIGSTOP));
        stopped.extend(new);
    }
}
