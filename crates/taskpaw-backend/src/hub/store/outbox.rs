//! What the webhook, and ntfy, have not been told yet: a table for each.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::config::WebhookEvents;
use taskpaw_contract::ipc::{AgentEvent, AlertTarget, EventLevel, FleetEvent, WebhookStatus};

use super::read::{EVENT, event};

/// What cannot be delivered for so long is kept aside.
const GIVE_UP_MS: u64 = 24 * 60 * 60 * 1000;
/// The wait after the first failure; it doubles with each one.
const FIRST_WAIT_MS: u64 = 5_000;
/// No longer: all that follows of the same agent waits as well.
const LONGEST_WAIT_MS: u64 = 5 * 60 * 1000;
/// How many times an event that the other side refuses is sent to it.
const MOST_REFUSALS: u32 = 3;

/// Nothing waits.
pub(super) const NOTHING: WebhookStatus =
    WebhookStatus { waiting: 0, kept_aside: 0, error: None, outcome: None };

/// An event for the webhook.
#[derive(Debug)]
pub(in super::super) struct Delivery {
    /// The event.
    pub(in super::super) event: FleetEvent,
}

/// How a delivery has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    /// The other side has it.
    Delivered,
    /// The target has not received the event, which is sent again later.
    Failed,
    /// The target refuses this very event, which does not keep others waiting for long.
    Refused,
}

/// The table of a target.
const fn table(target: AlertTarget) -> &'static str {
    match target {
        AlertTarget::Webhook => "outbox",
        AlertTarget::Ntfy => "ntfy_outbox",
    }
}

/// Whether a target is told of an event.
pub(super) fn is_wanted(wanted: WebhookEvents, event: &AgentEvent) -> bool {
    match wanted {
        WebhookEvents::Alerts => matches!(event.level, Some(EventLevel::Alert | EventLevel::Done)),
        WebhookEvents::All => true,
    }
}

pub(super) fn add(
    transaction: &Transaction<'_>,
    target: AlertTarget,
    number: u64,
    now: u64,
) -> rusqlite::Result<()> {
    let table = table(target);
    transaction
        .prepare_cached(&format!("INSERT INTO {table} (number, since_ms, next_ms) VALUES (?1, ?2, ?2)"))?
        .execute(params![number, now])?;
    Ok(())
}

/// What is to be told now, in the order in which it came: what follows an event of the same agent that could not be told waits for it.
/// Beside it, when there may be more.
pub(super) fn due(
    connection: &Connection,
    target: AlertTarget,
    most: usize,
) -> rusqlite::Result<(Vec<Delivery>, Option<u64>)> {
    let (now, table) = (unix_ms(), table(target));
    let due = connection
        .prepare_cached(&format!(
            "SELECT {EVENT} FROM {table} JOIN events ON events.number = {table}.number
             WHERE aside = 0 AND (next_ms <= ?1 OR next_ms > ?2)
             AND NOT EXISTS (
                 SELECT 1 FROM {table} AS earlier JOIN events AS of_it ON of_it.number = earlier.number
                 WHERE earlier.aside = 0 AND earlier.number < {table}.number AND of_it.agent = events.agent
                 AND earlier.next_ms > ?1 AND earlier.next_ms <= ?2)
             ORDER BY {table}.number LIMIT {most}"
        ))?
        // No wait is longer: the clock was set back since.
        .query_map([now, now.saturating_add(LONGEST_WAIT_MS)], |row| {
            Ok(Delivery { event: event(row, now)? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    // What is due and not among these waits for an earlier one of its agent.
    let since = if due.is_empty() { now } else { 0 };
    let next: Option<u64> = connection
        .prepare_cached(&format!("SELECT min(next_ms) FROM {table} WHERE aside = 0 AND next_ms >= ?1"))?
        .query_row([since], |row| row.get(0))?;
    Ok((due, next.map(|next| next.saturating_sub(now).min(LONGEST_WAIT_MS))))
}

pub(super) fn count(connection: &Connection, target: AlertTarget) -> rusqlite::Result<WebhookStatus> {
    let table = table(target);
    // Until it goes live the database has the form in which it was found, and 4.0.0 knew no ntfy.
    let is_there = connection
        .prepare_cached("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1")?
        .query_row([table], |row| row.get::<_, u32>(0))?;
    if is_there == 0 {
        return Ok(NOTHING);
    }
    let count = |aside: bool| {
        connection
            .prepare_cached(&format!("SELECT count(*) FROM {table} WHERE aside = ?1"))?
            .query_row([aside], |row| row.get(0))
    };
    Ok(WebhookStatus { waiting: count(false)?, kept_aside: count(true)?, error: None, outcome: None })
}

pub(super) fn note(
    transaction: &Transaction<'_>,
    target: AlertTarget,
    number: u64,
    outcome: Outcome,
    now: u64,
) -> rusqlite::Result<()> {
    let table = table(target);
    let row: Option<(u64, u32)> = transaction
        .prepare_cached(&format!("SELECT since_ms, attempts FROM {table} WHERE number = ?1"))?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((since, attempts)) = row else { return Ok(()) };
    if outcome == Outcome::Delivered {
        transaction.execute(&format!("DELETE FROM {table} WHERE number = ?1"), [number])?;
        return Ok(());
    }
    let wait = FIRST_WAIT_MS.saturating_mul(1 << attempts.min(20)).min(LONGEST_WAIT_MS);
    let is_hopeless = now.saturating_sub(since) >= GIVE_UP_MS
        || (outcome == Outcome::Refused && attempts + 1 >= MOST_REFUSALS);
    if is_hopeless {
        tracing::error!(
            "event {number} of the hub's history could not be delivered ({target:?}) and is kept aside"
        );
    }
    transaction
        .prepare_cached(&format!(
            "UPDATE {table} SET attempts = attempts + 1, next_ms = ?2, aside = ?3 WHERE number = ?1"
        ))?
        .execute(params![number, now + wait, is_hopeless])?;
    Ok(())
}
