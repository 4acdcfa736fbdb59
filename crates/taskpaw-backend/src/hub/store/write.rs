//! The thread that writes the history.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{AgentEvent, AlertTarget, FleetEvent};
use tokio::sync::oneshot;

use super::order::Order;
use super::outbox;
use super::read::level_word;
use super::sizes::{self, Sizes};
use super::{Keeping, Source, StoreError, Stored};

/// How often what is too old is removed.
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);
/// When it is looked at first: the clock of a machine that was just started may not have been set yet.
const FIRST_PRUNE: Duration = Duration::from_secs(5 * 60);
/// How far a clock may be set back without a doubt about it.
const CLOCK_SLACK_MS: u64 = 60 * 1000;
/// How long a machine may have slept, in which a steady clock may stand still.
const LONGEST_SLEEP_MS: u64 = 3 * 24 * 60 * 60 * 1000;
/// The most orders in one transaction: nobody waits long for the others.
const MOST_TOGETHER: usize = 512;

/// How many times the oldest are removed before other orders are heard again.
const MOST_ROUNDS: usize = 64;

/// What is said when the transaction has ended.
enum Answer {
    Stored(oneshot::Sender<Result<Stored, StoreError>>, Stored),
    Noted(oneshot::Sender<Result<(), StoreError>>),
    Nobody,
}

/// The writer.
pub(super) struct Writer {
    connection: Connection,
    keeping: Keeping,
    /// The hub's own clock; another one in tests.
    pub(super) now: fn() -> u64,
    is_failing: bool,
    /// How many bytes there are of each agent.
    sizes: Sizes,
}

impl Writer {
    pub(super) fn new(connection: Connection, keeping: Keeping) -> Self {
        let sizes = Sizes::of(&connection);
        Self { connection, keeping, now: unix_ms, is_failing: false, sizes }
    }

    /// Writes until nobody can order any more.
    pub(super) fn run(mut self, received: &Receiver<Order>) {
        let mut clocks = (Instant::now(), (self.now)());
        let mut next_prune = clocks.0 + FIRST_PRUNE;
        loop {
            match received.recv_timeout(next_prune.saturating_duration_since(Instant::now())) {
                Ok(first) => {
                    let waiting = received.try_iter().take(MOST_TOGETHER - 1);
                    self.write(std::iter::once(first).chain(waiting).collect());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= next_prune {
                let before = std::mem::replace(&mut clocks, (Instant::now(), (self.now)()));
                if is_trusted(clocks.0 - before.0, before.1, clocks.1) {
                    self.prune();
                } else {
                    tracing::warn!("the clock was set: nothing is removed from the hub's history this time");
                }
                next_prune = clocks.0 + PRUNE_EVERY;
            }
        }
    }

    /// All orders in one transaction.
    pub(super) fn write(&mut self, orders: Vec<Order>) {
        // Only what is acknowledged to somebody must survive a loss of power; the rest survives a crash anyway.
        let must_last = orders
            .iter()
            .any(|order| !matches!(order, Order::Seen { .. } | Order::State { .. } | Order::Forget { .. }));
        let result = self.try_write(&orders, must_last);
        let has_failed = result.is_err();
        let erases = !has_failed && orders.iter().any(|order| matches!(order, Order::Erase { .. }));
        if !has_failed {
            for order in &orders {
                self.sizes.add(order);
            }
        }
        if erases {
            self.shrink();
        }
        match result {
            Ok(stored) => {
                for answer in orders.into_iter().zip(stored).map(|(order, stored)| answer(order, stored)) {
                    match answer {
                        // A caller that has gone away asks again in the next poll.
                        Answer::Stored(sender, stored) => drop(sender.send(Ok(stored))),
                        Answer::Noted(sender) => drop(sender.send(Ok(()))),
                        Answer::Nobody => {}
                    }
                }
            }
            Err(error) => {
                if !self.is_failing {
                    tracing::error!("the hub's history cannot be written: {error}");
                }
                for order in orders {
                    match answer(order, Stored::default()) {
                        Answer::Stored(sender, _) => drop(sender.send(Err(error.clone()))),
                        Answer::Noted(sender) => drop(sender.send(Err(error.clone()))),
                        Answer::Nobody => {}
                    }
                }
            }
        }
        if self.is_failing && !has_failed {
            tracing::info!("the hub's history can be written again");
        }
        self.is_failing = has_failed;
        if self.sizes.all() > self.keeping.most_bytes {
            self.make_room();
        }
    }

    /// What was removed goes from the disk too, and the file becomes as small as what it holds.
    fn shrink(&mut self) {
        let shrunk = self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
        if let Err(error) = shrunk {
            tracing::warn!("the hub's history has less in it and stays as large as it was: {error}");
        }
        self.sizes = Sizes::of(&self.connection);
    }

    /// Removes the oldest of the agent that has the most, until there is room again for some time.
    fn make_room(&mut self) {
        let enough = self.keeping.most_bytes / 8 * 7;
        let mut removed = 0;
        let made = (|| -> rusqlite::Result<()> {
            for _ in 0..MOST_ROUNDS {
                if self.sizes.all() <= enough {
                    break;
                }
                let Some(agent) = self.sizes.largest() else { break };
                let transaction = self.connection.transaction()?;
                let gone = sizes::remove_oldest(&transaction, &agent)?;
                transaction.commit()?;
                if gone == 0 {
                    break;
                }
                removed += gone;
                self.sizes = Sizes::of(&self.connection);
            }
            Ok(())
        })();
        match made {
            Ok(()) => tracing::warn!(
                "the hub's history is full: the {removed} oldest entries of who has the most were removed"
            ),
            Err(error) => tracing::error!("the hub's history is full, and nothing can be removed: {error}"),
        }
    }

    fn try_write(&mut self, orders: &[Order], must_last: bool) -> Result<Vec<Stored>, StoreError> {
        self.connection.pragma_update(None, "synchronous", if must_last { "FULL" } else { "NORMAL" })?;
        let now = (self.now)();
        let transaction = self.connection.transaction()?;
        let mut all = Vec::with_capacity(orders.len());
        for order in orders {
            let mut stored = Stored::default();
            match order {
                Order::Keep { source, events, .. } => {
                    stored = keep(&transaction, source, events, now, self.keeping)?;
                }
                Order::KeepOwn { source, event, .. } => {
                    let event = AgentEvent { id: next_own(&transaction, source)?, ..event.clone() };
                    stored = keep(&transaction, source, &[event], now, self.keeping)?;
                }
                Order::Seen { source, status } => seen(&transaction, source, status, now)?,
                Order::State { agent, online, monitors } => {
                    transaction
                        .prepare_cached("INSERT INTO states VALUES (?1, ?2, ?3, ?4)")?
                        .execute(params![now, agent, online, monitors])?;
                }
                Order::Forget { agent } => {
                    transaction.execute("DELETE FROM agents WHERE name = ?1", [agent])?;
                }
                Order::Erase { agent, .. } => sizes::erase(&transaction, agent)?,
                Order::Delivered { target, number, outcome, .. } => {
                    outbox::note(&transaction, *target, *number, *outcome, now)?
                }
            }
            all.push(stored);
        }
        transaction.commit()?;
        Ok(all)
    }

    /// Removes what is too old.
    pub(super) fn prune(&mut self) {
        let now = (self.now)();
        let (events, states) =
            (now.saturating_sub(self.keeping.event_ms), now.saturating_sub(self.keeping.status_ms));
        let pruned = (|| -> rusqlite::Result<usize> {
            let transaction = self.connection.transaction()?;
            let removed = transaction.execute("DELETE FROM events WHERE received_ms < ?1", [events])?
                + transaction.execute("DELETE FROM states WHERE at_ms < ?1", [states])?
                + transaction.execute("UPDATE agents SET anew_ms = NULL WHERE anew_ms < ?1", [events])?;
            transaction.commit()?;
            Ok(removed)
        })();
        match pruned {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!("{removed} old entries were removed from the hub's history");
                self.sizes = Sizes::of(&self.connection);
            }
            Err(error) => tracing::warn!("old entries stay in the hub's history: {error}"),
        }
    }
}

/// Whether the clock on the wall went on as a steady one did, but for a sleep of the machine: by a clock that is wrong
/// for a moment, as before it is set at a start, a whole history would be too old.
fn is_trusted(steady: Duration, from_ms: u64, to_ms: u64) -> bool {
    let steady = u64::try_from(steady.as_millis()).unwrap_or(u64::MAX);
    let least = from_ms.saturating_add(steady).saturating_sub(CLOCK_SLACK_MS);
    let most = from_ms.saturating_add(steady).saturating_add(LONGEST_SLEEP_MS);
    (least..=most).contains(&to_ms)
}

fn answer(order: Order, stored: Stored) -> Answer {
    match order {
        Order::Keep { stored: sender, .. } | Order::KeepOwn { stored: sender, .. } => {
            Answer::Stored(sender, stored)
        }
        Order::Delivered { noted, .. } | Order::Erase { noted, .. } => Answer::Noted(noted),
        Order::Seen { .. } | Order::State { .. } | Order::Forget { .. } => Answer::Nobody,
    }
}

/// The hub's own events of an agent have numbers without holes.
fn next_own(transaction: &Transaction<'_>, source: &Source) -> rusqlite::Result<u64> {
    transaction
        .prepare_cached("SELECT ifnull(max(id), 0) + 1 FROM events WHERE machine_key = ?1")?
        .query_row([source.key()], |row| row.get(0))
}

fn keep(
    transaction: &Transaction<'_>,
    source: &Source,
    events: &[AgentEvent],
    now: u64,
    keeping: Keeping,
) -> Result<Stored, StoreError> {
    let mut stored = Stored::default();
    let mut holes = 0;
    let mut last = transaction
        .prepare_cached("SELECT id FROM events WHERE machine_key = ?1 ORDER BY number DESC LIMIT 1")?
        .query_row([source.key()], |row| row.get::<_, u64>(0))
        .optional()?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO events
         (machine_key, id, time, received_ms, agent, server_id, machine, monitor, message, level, title, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for event in events {
        let data = event.data.as_ref().map(ToString::to_string);
        let level = event.level.map(level_word);
        let is_fresh = 0 < insert.execute(params![
            source.key(),
            event.id,
            event.time,
            now,
            source.agent,
            source.server_id,
            event.machine,
            event.monitor,
            event.message,
            level,
            event.title,
            data,
        ])?;
        if !is_fresh {
            continue;
        }
        let number = u64::try_from(transaction.last_insert_rowid()).unwrap_or_default();
        if last.is_some_and(|last| event.id <= last) {
            stored.installed_anew = true;
        } else if let Some(last) = last.filter(|last| event.id - last > 1) {
            stored.skipped = Some((last + 1, event.id - 1));
            holes += 1;
        }
        last = Some(event.id);
        for (target, wanted) in [(AlertTarget::Webhook, keeping.webhook), (AlertTarget::Ntfy, keeping.ntfy)] {
            if wanted.is_some_and(|wanted| outbox::is_wanted(wanted, event)) {
                outbox::add(transaction, target, number, now)?;
            }
        }
        stored.fresh.push(FleetEvent {
            number,
            agent: source.agent.clone(),
            server_id: source.server_id.clone(),
            age_seconds: 0.0,
            event: event.clone(),
        });
    }
    if let Some((first, last)) = stored.skipped {
        let others = if holes > 1 { format!(", and {} holes before", holes - 1) } else { String::new() };
        tracing::warn!("events {first} to {last} of {} were never told{others}", source.agent);
    }
    if stored.installed_anew {
        tracing::warn!("{} counts its events from the start again: it was installed anew", source.agent);
        transaction.execute("UPDATE agents SET anew_ms = ?2 WHERE name = ?1", params![source.agent, now])?;
    }
    Ok(stored)
}

fn seen(transaction: &Transaction<'_>, source: &Source, status: &str, now: u64) -> rusqlite::Result<()> {
    let before: Option<(String, String)> = transaction
        .prepare_cached("SELECT url, machine_key FROM agents WHERE name = ?1")?
        .query_row([&source.agent], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let is_anew = before.is_some_and(|(url, key)| url == source.url && key != *source.key());
    if is_anew {
        tracing::warn!("{} has another server_id than before: it was installed anew", source.agent);
    }
    transaction
        .prepare_cached(
            "INSERT INTO agents (name, url, machine_key, seen_ms, anew_ms, status) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET url = ?2, machine_key = ?3, seen_ms = ?4, status = ?6,
                 anew_ms = CASE WHEN ?5 IS NOT NULL THEN ?5 WHEN url = ?2 THEN anew_ms END",
        )?
        .execute(params![source.agent, source.url, source.key(), now, is_anew.then_some(now), status])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_not_trusted_and_a_sleep_changes_nothing() {
        const HOUR_MS: u64 = 60 * 60 * 1000;
        const DAY_MS: u64 = 24 * HOUR_MS;
        let hour = Duration::from_millis(HOUR_MS);
        let now = 1_700_000_000_000;
        for to in [now + HOUR_MS, now + HOUR_MS - 1_000, now + 9 * HOUR_MS] {
            assert!(is_trusted(hour, now, to), "{to}");
        }
        for to in [now, now - 40 * DAY_MS, now + 40 * DAY_MS] {
            assert!(!is_trusted(hour, now, to), "{to}");
        }
    }
}
