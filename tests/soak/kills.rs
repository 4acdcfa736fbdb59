//! A host is killed at a random moment of its launch: no backend is left of it, and the next launch is well.

use std::time::{Duration, Instant};

use super::random::Random;
use super::within;
use super::world::World;
use crate::programs::CURRENT;

/// The moments of a launch, in milliseconds after the start; by then it is ready on most machines.
const MOMENTS: u64 = 800;
/// How long a backend may outlive its host.
const GONE_WITHIN: Duration = Duration::from_secs(3);

/// A launch that is killed, and what is started after it.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Whether another version runs already.
    over_another: bool,
    killed_after: Duration,
    /// Whether the next launch comes before the killed one's backends are gone.
    at_once: bool,
    /// Whether it is of the other version.
    other_version: bool,
}

impl Plan {
    fn draw(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        Self {
            over_another: random.flip(),
            killed_after: random.milliseconds(MOMENTS),
            at_once: random.flip(),
            other_version: random.flip(),
        }
    }
}

/// For counting.
pub fn kind(seed: u64) -> &'static str {
    match Plan::draw(seed) {
        Plan { over_another: false, at_once: false, .. } => "alone, next launch later",
        Plan { over_another: false, at_once: true, .. } => "alone, next launch at once",
        Plan { over_another: true, at_once: false, .. } => "over another version, next launch later",
        Plan { over_another: true, at_once: true, .. } => "over another version, next launch at once",
    }
}

/// Starts a host, kills it, and starts another one, which is left running.
///
/// # Errors
/// What was left behind, or what is wrong with the launch after it.
pub async fn kill(world: &mut World, seed: u64) -> Result<Duration, String> {
    let plan = Plan::draw(seed);
    let mut version = CURRENT;
    if plan.over_another {
        if world.hosts.is_empty() {
            world.start(version);
        }
        version = world.other(world.gets_well(None).await?.version);
    } else {
        world.quit().await?;
    }
    let next = if plan.other_version { world.other(version) } else { version };

    let launched = Instant::now();
    world.start(version);
    tokio::time::sleep(plan.killed_after.saturating_sub(launched.elapsed())).await;
    let host = world.hosts.last_mut().expect("it was started");
    host.may_be_ended = true;
    host.process.signal(libc::SIGKILL);
    let killed = Instant::now();
    if plan.at_once {
        world.start(next);
    }
    nothing_is_left(world).await.map_err(|why| format!("{plan:?}: {why}"))?;
    let gone_after = killed.elapsed();
    if !plan.at_once {
        world.start(next);
    }

    let well = world.gets_well(Some(next)).await.map_err(|why| format!("{plan:?}: {why}"))?;
    world.window_is_ready(well.host).await?;
    world.others_ended_well(well.host).await?;
    world.nobody_was_forced()?;
    world.strangers_are_unharmed()?;
    Ok(gone_after)
}

/// Whatever a host started is gone soon after it, also what was just about to become a backend.
async fn nothing_is_left(world: &mut World) -> Result<(), String> {
    let mut left = Vec::new();
    let gone = within(GONE_WITHIN, async || {
        left = world.orphans();
        left.is_empty().then_some(())
    });
    if gone.await.is_some() {
        return Ok(());
    }
    Err(format!("left {GONE_WITHIN:?} after the kill: {left:?}"))
}
