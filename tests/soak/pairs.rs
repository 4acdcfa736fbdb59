//! Two starts at the same moment: exactly one of them is left, with one backend for each role and a window.

use std::time::{Duration, Instant};

use super::within;
use super::world::{SETTLED_WITHIN, World};
use crate::programs::{CURRENT, NEWER};

/// What is started, in turns.
const KINDS: [(&str, [&str; 2]); 4] = [
    ("two of the older version", [CURRENT, CURRENT]),
    ("the older version, then the newer", [CURRENT, NEWER]),
    ("two of the newer version", [NEWER, NEWER]),
    ("the newer version, then the older", [NEWER, CURRENT]),
];

/// For counting.
pub fn kind(number: u64) -> &'static str {
    KINDS[which(number)].0
}

/// Starts two on a machine on which nothing runs, and has what is left of them end.
///
/// # Errors
/// What is wrong with what is left.
pub async fn pair(world: &mut World, number: u64) -> Result<Duration, String> {
    let begun = Instant::now();
    for version in KINDS[which(number)].1 {
        world.start(version);
    }
    let one_is_left = within(SETTLED_WITHIN, async || {
        let alive = world.hosts.iter_mut().map(|host| usize::from(host.process.is_alive())).sum::<usize>();
        (alive < 2).then_some(())
    });
    if one_is_left.await.is_none() {
        return Err("both are still there".to_owned());
    }
    let well = world.gets_well(None).await?;
    world.window_is_ready(well.host).await?;
    let took = begun.elapsed();
    world.others_ended_well(well.host).await?;
    world.nobody_was_forced()?;
    world.strangers_are_unharmed()?;
    if world.is_well().await? != well {
        return Err("it is another one a moment later".to_owned());
    }
    world.quit().await?;
    Ok(took)
}

fn which(number: u64) -> usize {
    usize::try_from(number % KINDS.len() as u64).expect("an index")
}
