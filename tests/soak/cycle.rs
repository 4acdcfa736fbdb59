//! One cycle: another version is started over the one that runs, something goes wrong, and all gets well.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::clients::{Became, Clients};
use super::faults::{Condition, Launch, Plan};
use super::stranger::Stranger;
use super::trace::Trace;
use super::within;
use super::world::{Host, SETTLED_WITHIN, Well, World};
use crate::process::{running, send};
use crate::programs::Programs;

/// Between an answer and the next request of a client.
const PAUSE: Duration = Duration::from_millis(2);
/// The end of each log that is shown with a failure.
const LINES: usize = 25;

/// A cycle that ended well.
#[derive(Debug)]
pub struct Done {
    /// From its begin to its end.
    pub took: Duration,
    /// Requests that were answered.
    pub answered: usize,
    /// Steps of the hosts, each of which the model allows.
    pub steps: usize,
}

/// A cycle that did not.
#[derive(Debug)]
pub struct Failed {
    /// What is wrong.
    pub why: String,
    /// What the logs say.
    pub evidence: String,
}

/// Runs a cycle.
///
/// # Errors
/// What is wrong at its end.
pub async fn run(world: &mut World, plan: &Plan) -> Result<Done, Failed> {
    let begun = Instant::now();
    let clients = Clients::ask(world.home.network, plan.clients, PAUSE);
    match upgrade(world, plan).await {
        Ok(steps) => {
            let requests = clients.requests();
            let answered = requests.iter().filter(|it| matches!(it.became, Became::Answered(_))).count();
            Ok(Done { took: begun.elapsed(), answered, steps })
        }
        Err(why) => Err(Failed { why, evidence: evidence(world) }),
    }
}

async fn upgrade(world: &mut World, plan: &Plan) -> Result<usize, String> {
    let old = before(world).await?;
    let mut trace = Trace::begin(world, old.host);
    let new = world.other(old.version);
    let snatcher = match plan.launch {
        Launch::Snatched { control: true, .. } => Some(Stranger::who_wants(world.home.control).await),
        Launch::Snatched { .. } => Some(Stranger::who_wants(world.home.network).await),
        _ => None,
    };
    let mut wanted = Some(new);
    // Those that come before the launch, then the launch, then those that come after it.
    for (condition, _) in plan.conditions.iter().filter(|(_, when)| when.is_zero()) {
        apply(world, *condition, old);
    }
    let mut conditions: Vec<_> = plan.conditions.iter().filter(|(_, when)| !when.is_zero()).collect();
    conditions.sort_by_key(|(_, when)| *when);
    let launched = Instant::now();
    world.start(new);
    if let Launch::Both { old: again, apart } = plan.launch {
        tokio::time::sleep(apart).await;
        world.start(if again { old.version } else { new });
        // Which of two that start at the same moment is the last one is not for this test to say.
        wanted = (!again).then_some(new);
    }
    for (condition, when) in conditions {
        tokio::time::sleep(when.saturating_sub(launched.elapsed())).await;
        apply(world, *condition, old);
    }
    if let Launch::KilledThen { after, old: again } = plan.launch {
        tokio::time::sleep(after.saturating_sub(launched.elapsed())).await;
        let killed = world.hosts.last_mut().expect("it was started");
        kill(killed);
        let version = if again { old.version } else { new };
        world.start(version);
        wanted = Some(version);
    }
    if let (Some(stranger), Launch::Snatched { held, .. }) = (snatcher, plan.launch) {
        let got_it = within(SETTLED_WITHIN, async || {
            let is_over = world.is_well().await.is_ok_and(|well| well.version == new);
            (stranger.holds() || is_over).then(|| stranger.holds())
        });
        if got_it.await == Some(true) {
            tokio::time::sleep(held).await;
        }
        stranger.release().await?;
        // A stranger that was quicker than the new version has it fail, and the old one serves again.
        let settled = within(SETTLED_WITHIN, async || {
            let is_over = world.is_well().await.is_ok_and(|well| well.version == new);
            (is_over || world.kept().is_some()).then_some(())
        });
        let _said_below = settled.await;
        if let Some(kept) = world.kept() {
            kept.process.signal(libc::SIGTERM);
            wanted = Some(old.version);
        }
    }
    let well = world.gets_well(wanted).await?;
    world.strangers_are_unharmed()?;
    if !plan.has(Condition::HostHung) {
        // Only a host that hangs is ended by another one; what the old one did in its launch is of another cycle.
        world.nobody_was_forced_but_by(Some(old.host))?;
    }
    trace.note(world);
    world.others_ended_well(well.host).await?;
    trace.is_allowed(plan.faults())
}

/// What runs at the begin of a cycle: whatever the last one left, or the first version.
async fn before(world: &mut World) -> Result<Well, String> {
    if world.hosts.is_empty() {
        world.start(Programs::current().version);
    }
    world.gets_well(None).await.map_err(|why| format!("before the cycle: {why}"))
}

/// Does something to what runs, if it still runs.
fn apply(world: &mut World, condition: Condition, old: Well) {
    let record = world.home.path().join("data/instance/host.json");
    let programs =
        if old.version == Programs::current().version { Programs::current() } else { Programs::newer() };
    let to_backend = |world: &World, signal| {
        if running(&programs.backend(), world.home.path()).contains(&old.backend) {
            send(old.backend, signal);
        }
    };
    match condition {
        Condition::BackendKilled => to_backend(world, libc::SIGKILL),
        Condition::BackendStopped => to_backend(world, libc::SIGSTOP),
        Condition::RecordGarbled => std::fs::write(record, "{\"schema\":1,\"process\"").expect("the record"),
        Condition::RecordRemoved => std::fs::remove_file(record).expect("the record"),
        Condition::HostHung => {
            // Without a record that names it nobody can prove who it is, and it must be left alone.
            let names =
                std::fs::read(record).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
            if names.is_some_and(|record| record["process"]["pid"] == old.host) {
                let host = host(world, old.host);
                host.may_be_ended = true;
                if host.process.is_alive() {
                    host.process.signal(libc::SIGSTOP);
                }
            }
        }
        Condition::HostKilled => kill(host(world, old.host)),
    }
}

fn host(world: &mut World, pid: u32) -> &mut Host {
    world.hosts.iter_mut().find(|host| host.process.pid() == pid).expect("it was started here")
}

fn kill(host: &mut Host) {
    host.may_be_ended = true;
    if host.process.is_alive() {
        host.process.signal(libc::SIGKILL);
    }
}

/// The ends of the logs.
pub(super) fn evidence(world: &World) -> String {
    let logs = world.hosts.iter().map(|host| {
        let name = format!("host {} ({})", host.process.pid(), host.version);
        (name, host.log.clone())
    });
    let backend = ("backends".to_owned(), world.home.path().join("data/logs/agent.log"));
    let shown = logs.chain([backend]).map(|(name, file)| {
        let text = std::fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join("\n      ");
        format!("    {name}:\n      {last}")
    });
    shown.collect::<Vec<_>>().join("\n")
}
