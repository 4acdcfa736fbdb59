//! A host is killed at a random moment of a handover between two versions that work.

use std::time::{Duration, Instant, SystemTime};

use super::round::{Limits, Load, Measured, answers, clients, seen_by};
use crate::process::runs;
use crate::soak::random::Random;
use crate::soak::times::first_after;
use crate::soak::within;
use crate::soak::world::World;

/// How long it may take until somebody serves for good.
const WELL_WITHIN: Duration = Duration::from_secs(30);

/// Which of the two hosts is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The one that runs.
    Old,
    /// The one that was started.
    New,
}

/// How long a handover takes here in which nobody is killed: from the start of the new host to the end of the old one.
///
/// # Errors
/// If one of them does not come to its end.
pub async fn length(world: &mut World) -> Result<Duration, String> {
    if world.hosts.is_empty() {
        world.start(crate::programs::CURRENT);
    }
    let old = world.gets_well(None).await?;
    let begun = Instant::now();
    let new = world.other(old.version);
    world.start(new);
    within(WELL_WITHIN, async || (!runs(old.host)).then_some(())).await.ok_or("the old host does not end")?;
    let took = begun.elapsed();
    world.gets_well(Some(new)).await?;
    world.hosts.retain_mut(|host| host.process.is_alive());
    Ok(took)
}

/// Starts the other version over the one that runs and kills one of the two at a moment of a handover of this length; nothing
/// if there were not two any more.
///
/// # Errors
/// If nobody ran before.
pub async fn kill(
    world: &mut World,
    seed: u64,
    victim: Victim,
    load: Load,
    length: Duration,
) -> Result<Option<Measured>, String> {
    let random = &mut Random::new(seed);
    if world.hosts.is_empty() {
        world.start(crate::programs::CURRENT);
    }
    let old = world.gets_well(None).await.map_err(|why| format!("before: {why}"))?;
    let clients = clients(load, world.home.network);
    let enough = within(WELL_WITHIN, async || (clients.answered_by(old.version) >= 50).then_some(())).await;
    enough.ok_or("the old version does not answer")?;
    let launched = SystemTime::now();
    let started = Instant::now();
    let new = world.other(old.version);
    world.start(new);
    let moment = random.milliseconds(u64::try_from(length.as_millis()).unwrap_or(1_000).max(1));
    tokio::time::sleep(moment.saturating_sub(started.elapsed())).await;
    let log = world.home.path().join("data/logs/taskpaw.log");
    let has_place = first_after(&log, "to=Running", launched).is_some();
    if !runs(old.host) || has_place {
        drop(clients);
        world.gets_well(None).await?;
        return Ok(None);
    }
    let new_host = world.hosts.last().map(|host| host.process.pid()).unwrap_or_default();
    let killed = if victim == Victim::Old { old.host } else { new_host };
    let host =
        world.hosts.iter_mut().find(|host| host.process.pid() == killed).ok_or("it was not started here")?;
    host.may_be_ended = true;
    host.process.signal(libc::SIGKILL);
    let killed_at = SystemTime::now();
    let mut wrong = Vec::new();
    if let Err(why) = world.gets_well(None).await {
        wrong.push(format!("killed after {} ms: nobody serves: {why}", moment.as_millis()));
    }
    let requests = clients.requests();
    drop(clients);
    let seen = seen_by(&requests, launched);
    let (answers, dark) = (answers(&requests), seen.dark);
    // A backend that lives a little longer than its host answers meanwhile: what counts is the darkness after it.
    let back = answers
        .windows(2)
        .filter(|pair| pair[1] >= killed_at)
        .filter_map(|pair| pair[1].duration_since(pair[0].max(killed_at)).ok())
        .max();
    if dark > Limits::QUIET.dark {
        wrong.push(format!("killed after {} ms: dark for {} ms", moment.as_millis(), dark.as_millis()));
    }
    if back.is_none_or(|back| back > Limits::QUIET.back) {
        wrong.push(format!("killed after {} ms: back after {back:?}", moment.as_millis()));
    }
    if seen.unanswered > 0 {
        wrong.push(format!("{} unanswered", seen.unanswered));
    }
    if let Err(why) = world.strangers_are_unharmed() {
        wrong.push(why);
    }
    world.hosts.retain_mut(|host| host.process.is_alive());
    Ok(Some(Measured { back, wrong, ..seen }))
}
