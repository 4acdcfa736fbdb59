//! How long no answer comes during an upgrade, and what becomes of the requests that are under way.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::clients::{Became, Clients, Request};
use super::thief::{Thief, holders};
use super::times::{first_after, said_after};
use super::within;
use super::world::{SETTLED_WITHIN, World, parent};
use crate::process::{runs, send};

/// How many answers of the old version come before it is replaced.
const ANSWERS_BEFORE: usize = 200;

/// One upgrade under load.
#[derive(Debug)]
pub struct Upgrade {
    /// The version that was replaced.
    pub from: &'static str,
    /// The version that replaced it.
    pub to: &'static str,
    /// From the last answer of the old version to the first answer of the new one.
    pub gap: Duration,
    /// From the start of the new host to the last answer of the old version.
    pub until_last: Duration,
    /// Requests that were sent before the old backend was asked to stop, and not answered by then.
    pub under_way: usize,
    /// Those of them that were never answered: on fresh connections, and on kept ones.
    pub under_way_lost: [usize; 2],
    /// Requests that were sent after it on a connection that then ended without an answer: when each was sent and when its
    /// connection ended, counted from the last answer of the old version, in milliseconds, and whether that had been kept.
    pub cut_later: Vec<(Option<f64>, f64, bool)>,
    /// Connections that were refused.
    pub refused: usize,
    /// The longest time from a request to its answer.
    pub slowest: Duration,
    /// How often somebody else tried to take the port meanwhile, and how often that one got it.
    pub stolen: (usize, usize),
    /// Where the time went, counted from the last answer of the old version, in milliseconds.
    pub steps: Vec<(&'static str, Option<f64>)>,
}

/// A successor that did not come to serve, under load.
#[derive(Debug)]
pub struct Return {
    /// The step at which its backend ended.
    pub at: &'static str,
    /// Connections that were refused.
    pub refused: usize,
    /// Connections that ended without an answer to what was sent on them: when that was sent and when the connection ended, in
    /// milliseconds from the launch, and whether it had been kept.
    pub cut: Vec<(Option<f64>, f64, bool)>,
    /// Requests without an answer for 20 s.
    pub unanswered: usize,
    /// The longest time from a request to its answer.
    pub slowest: Duration,
    /// How often somebody else tried to take the port meanwhile, and how often that one got it.
    pub stolen: (usize, usize),
    /// Where the time went, counted from the start of the successor, in milliseconds.
    pub steps: Vec<(&'static str, Option<f64>)>,
}

/// Starts the other version over the one that runs, with a backend that ends at a step; the one that runs serves again.
///
/// # Errors
/// What did not happen in time.
pub async fn fails(
    world: &mut World,
    clients: u64,
    failing: &Path,
    at: &'static str,
) -> Result<Return, String> {
    let old = world.gets_well(None).await?;
    let to = world.other(old.version);
    is_at_rest(old.host).await;
    let clients = Clients::ask(world.home.network, clients, Duration::ZERO);
    let enough = async |answers| {
        let enough =
            within(SETTLED_WITHIN, async || (clients.answered_by(old.version) >= answers).then_some(()));
        enough.await.ok_or_else(|| format!("{} does not answer", old.version))
    };
    enough(ANSWERS_BEFORE).await?;
    let thief = Thief::wants(world.home.network);
    let launched = SystemTime::now();
    let successor = world.start_failing(to, failing, at).process.pid();
    let kept = within(SETTLED_WITHIN, async || world.kept().map(|_| ())).await;
    kept.ok_or_else(|| format!("the one that fails at {at:?} does not say that {} goes on", old.version))?;
    enough(clients.answered_by(old.version) + ANSWERS_BEFORE).await?;
    let requests = clients.requests();
    drop(clients);
    let stolen = thief.stops();
    let host = world.hosts.iter_mut().find(|host| host.process.pid() == successor);
    let host = host.expect("it was started here");
    host.process.signal(libc::SIGTERM);
    if host.process.ended(SETTLED_WITHIN).await.is_none() {
        return Err(format!("the host that was told to end at {at:?} does not end"));
    }
    world.hosts.retain(|host| host.process.pid() != successor);
    let now = world.gets_well(Some(old.version)).await?;
    let logs = world.home.path().join("data/logs");
    if now != old {
        let says = |log| said_after(&logs.join(log), launched).join("\n");
        let logs = ["taskpaw.log", "agent.log"].map(says).join("\n\n");
        return Err(format!("it is not the same process that serves again: {old:?}, {now:?}\n{logs}"));
    }
    let says = |log: &str, text: &str| {
        first_after(&logs.join(log), text, launched).map(|moment| milliseconds(launched, moment))
    };
    let slow = |it: &Request| {
        it.answered_by()
            .and(it.sent)
            .filter(|sent| *sent >= launched)
            .map(|sent| (it.ended.duration_since(sent), sent))
    };
    let slow = requests.iter().filter_map(slow).max_by_key(|(took, _)| took.clone().unwrap_or_default());
    let steps = vec![
        ("old host is asked", says("taskpaw.log", "another TaskPaw was started")),
        ("old backend is asked", says("agent.log", "stopping because of")),
        ("old backend has stood down", says("taskpaw.log", "to=StoodDown")),
        ("new backend goes on", says("taskpaw.log", "to=GoingOn")),
        ("new host has failed", says("taskpaw.log", "input=Failed")),
        ("new backend has gone", says("taskpaw.log", "input=SuccessorBackendsGone")),
        ("old host serves", says("taskpaw.log", "to=Serving")),
        ("the slowest request is sent", slow.map(|(_, sent)| milliseconds(launched, sent))),
    ];
    has_a_command(now.backend).await?;
    only_has_it(world, now.backend)?;
    let became =
        |wanted: Became| requests.iter().filter(|it| it.ended >= launched && it.became == wanted).count();
    Ok(Return {
        at,
        refused: became(Became::Refused),
        cut: {
            let cut = requests.iter().filter(|it| it.ended >= launched && it.became == Became::Cut);
            let from_launch = |moment| milliseconds(launched, moment);
            cut.map(|it| (it.sent.map(from_launch), from_launch(it.ended), it.kept)).collect()
        },
        unanswered: became(Became::Late),
        slowest: slowest(&requests),
        stolen,
        steps,
    })
}

/// What hangs while another version is started over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hung {
    /// The backend: it answers nobody, and does not stand down.
    Backend,
    /// The host: its backend serves.
    Host,
}

/// The replacement of one that hangs.
#[derive(Debug)]
pub struct OfHung {
    /// What hung.
    pub what: Hung,
    /// From the start of the new host, or the last answer before the other one's first if that is later, to that first answer.
    pub dark: Duration,
    /// From the start of the new host to its backend's first answer.
    pub took: Duration,
    /// Connections that were refused.
    pub refused: usize,
    /// Connections that ended without an answer.
    pub cut: usize,
    /// Requests without an answer for 20 s.
    pub unanswered: usize,
}

/// Starts the other version over one that hangs, under `clients` clients.
///
/// # Errors
/// What did not happen in time.
pub async fn replace_hung(world: &mut World, clients: u64, what: Hung) -> Result<OfHung, String> {
    let old = world.gets_well(None).await?;
    let to = world.other(old.version);
    let clients = Clients::ask(world.home.network, clients, Duration::ZERO);
    let enough = async |version: &str, answers| {
        let enough = within(SETTLED_WITHIN, async || (clients.answered_by(version) >= answers).then_some(()));
        enough.await.ok_or_else(|| format!("{version} does not answer"))
    };
    enough(old.version, ANSWERS_BEFORE).await?;
    send(if what == Hung::Backend { old.backend } else { old.host }, libc::SIGSTOP);
    let launched = SystemTime::now();
    world.start(to);
    enough(to, ANSWERS_BEFORE).await?;
    let requests = clients.requests();
    drop(clients);
    let old_ended = world.hosts.iter_mut().find(|host| host.process.pid() == old.host);
    let ended = old_ended.expect("it was started here").process.ended(SETTLED_WITHIN).await;
    if ended.is_none() && what == Hung::Backend {
        return Err("the old host does not end".to_owned());
    }
    world.hosts.retain(|host| host.process.pid() != old.host);
    let new = world.gets_well(Some(to)).await?;
    only_has_it(world, new.backend)?;
    let answers = |version: &'static str| {
        requests.iter().filter(move |it| it.answered_by() == Some(version)).map(|it| it.ended)
    };
    let first = answers(to).min().ok_or("the new version never answered")?;
    let last = answers(old.version).max().unwrap_or(launched).max(launched);
    let became =
        |wanted: Became| requests.iter().filter(|it| it.ended >= launched && it.became == wanted).count();
    Ok(OfHung {
        what,
        dark: first.duration_since(last).unwrap_or_default(),
        took: first.duration_since(launched).unwrap_or_default(),
        refused: became(Became::Refused),
        cut: became(Became::Cut),
        unanswered: became(Became::Late),
    })
}

/// Whether nobody has a listening socket of a backend but itself, each once: no host, no child of one, no command of a monitor.
fn only_has_it(world: &World, backend: u32) -> Result<(), String> {
    let ports = [world.home.network, world.home.control];
    let held = holders(&ports);
    if held.iter().all(|it| it.pid == backend && it.descriptors == ports.len()) && !held.is_empty() {
        return Ok(());
    }
    Err(format!("the backend {backend} has not each of its listening sockets once, and alone: {held:?}"))
}

/// Waits until a command of a monitor runs: it is the backend's child, and must have none of its sockets.
async fn has_a_command(backend: u32) -> Result<(), String> {
    let runs = within(SETTLED_WITHIN, async || {
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.into_iter().any(|pid| parent(pid) == Some(backend)).then_some(())
    });
    runs.await.ok_or_else(|| format!("the backend {backend} runs no command of its monitor"))
}

fn slowest(requests: &[Request]) -> Duration {
    requests
        .iter()
        .filter(|it| it.answered_by().is_some())
        .filter_map(|it| it.ended.duration_since(it.sent?).ok())
        .max()
        .unwrap_or_default()
}

/// A machine whose agent has a monitor with a command that runs all the time.
pub async fn world() -> World {
    let world = World::new().await;
    let monitor = json!({ "type_id": "custom_cmd", "name": "long",
        "config": { "command": ["sleep", "600"], "timeout": 600, "poll_interval": 1 } });
    world.home.configure(&json!({ "roles": ["agent"], "agent": { "monitors": [monitor] } }));
    world
}

/// Starts the other version over the one that runs, under `clients` clients.
///
/// # Errors
/// What did not happen in time.
pub async fn upgrade(world: &mut World, clients: u64) -> Result<Upgrade, String> {
    let old = world.gets_well(None).await?;
    let to = world.other(old.version);
    is_at_rest(old.host).await;
    let clients = Clients::ask(world.home.network, clients, Duration::ZERO);
    let enough = async |version: &str, answers| {
        let enough = within(SETTLED_WITHIN, async || (clients.answered_by(version) >= answers).then_some(()));
        enough.await.ok_or_else(|| format!("{version} does not answer"))
    };
    enough(old.version, ANSWERS_BEFORE).await?;
    let thief = Thief::wants(world.home.network);
    let launched = SystemTime::now();
    world.start(to);
    enough(to, ANSWERS_BEFORE).await?;
    let requests = clients.requests();
    drop(clients);
    let stolen = thief.stops();
    let new = world.gets_well(Some(to)).await?;
    world.strangers_are_unharmed()?;
    let old_ended = world.hosts.iter_mut().find(|host| host.process.pid() == old.host);
    let status = old_ended.expect("it was started here").process.ended(Duration::from_secs(5)).await;
    if status != Some(0) {
        return Err(format!("the old host ended with {status:?}"));
    }
    world.hosts.retain(|host| host.process.pid() != old.host && runs(host.process.pid()));

    has_a_command(new.backend).await?;
    only_has_it(world, new.backend)?;

    let answers = |version: &'static str| {
        requests.iter().filter(move |it| it.answered_by() == Some(version)).map(|it| it.ended)
    };
    let last = answers(old.version).max().ok_or("the old version never answered")?;
    let first = answers(to).min().ok_or("the new version never answered")?;
    let logs = world.home.path().join("data/logs");
    let (host, backend) = (logs.join("taskpaw.log"), logs.join("agent.log"));
    let asked = first_after(&backend, "stopping because of", launched);
    let asked_at = asked.ok_or("the old backend does not say when it was asked to stop")?;
    let was_under_way = |it: &&Request| it.sent.is_some_and(|sent| sent <= asked_at) && it.ended >= asked_at;
    let is_lost = |it: &&Request| matches!(it.became, Became::Cut | Became::Late);
    let is_later = |it: &&Request| it.sent.is_none_or(|sent| sent > asked_at) && it.ended >= launched;
    let from_last = |moment: Option<SystemTime>| moment.map(|moment| milliseconds(last, moment));
    let ready = format!("the agent {to} is ready");
    let host_says = |text: &str| from_last(first_after(&host, text, launched));
    let backend_says = |text: &str| from_last(first_after(&backend, text, launched));
    let steps = vec![
        ("new host starts", from_last(Some(launched))),
        ("old host is asked", host_says("another TaskPaw was started")),
        ("old backend is asked", from_last(asked)),
        ("old backend has stood down", host_says("to=StoodDown")),
        ("new backend goes on", host_says("to=GoingOn")),
        ("new backend is ready", backend_says(&ready)),
        ("new host confirms", host_says("to=Confirmed")),
        ("old host gives the place back", host_says("to=Yielded")),
        ("new host has the place", host_says("PlaceTaken(true)")),
        ("first answer", from_last(Some(first))),
        ("old host is told that it is taken", host_says("input=Taken")),
        ("old backend has ended", backend_says("the agent has stopped")),
    ];
    Ok(Upgrade {
        from: old.version,
        to,
        gap: first.duration_since(last).unwrap_or_default(),
        until_last: last.duration_since(launched).unwrap_or_default(),
        under_way: requests.iter().filter(was_under_way).count(),
        under_way_lost: [false, true].map(|kept| {
            requests.iter().filter(was_under_way).filter(is_lost).filter(|it| it.kept == kept).count()
        }),
        cut_later: {
            let lost = requests.iter().filter(is_later).filter(is_lost);
            lost.map(|it| (from_last(it.sent), milliseconds(last, it.ended), it.kept)).collect()
        },
        refused: requests.iter().filter(|it| it.became == Became::Refused && it.ended >= launched).count(),
        slowest: slowest(&requests),
        stolen,
        steps,
    })
}

/// Waits until a host has done what a launch brings with it: it uses no processor for a while.
async fn is_at_rest(host: u32) {
    let used = || {
        let stat = std::fs::read_to_string(format!("/proc/{host}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>()
    };
    let (mut last, mut since) = (used(), SystemTime::now());
    let rest = within(Duration::from_secs(10), async || {
        let now = used();
        if now != last {
            (last, since) = (now, SystemTime::now());
        }
        since.elapsed().is_ok_and(|quiet| quiet > Duration::from_millis(200)).then_some(())
    });
    // One that never rests is measured as it is.
    let _rests = rest.await;
}

fn milliseconds(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(after) => after.as_secs_f64() * 1e3,
        Err(before) => -before.duration().as_secs_f64() * 1e3,
    }
}

/// The value below which a share of all values lies, by the nearest rank.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among some dozens of values"
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=50).rev().map(f64::from).collect();
        assert_eq!((percentile(&values, 0.5), percentile(&values, 0.95)), (25.0, 48.0));
        assert!(percentile(&[], 0.5).is_nan());
    }
}
