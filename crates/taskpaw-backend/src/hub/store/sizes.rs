//! How much of the history is of which agent, so that no one takes the place of the others.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, params};

use super::order::Order;

/// What an event takes on the disk besides its texts: its numbers, and what finds it.
const EVENT: u64 = 256;
/// What a note about a state takes on the disk besides its texts.
const STATE: u64 = 96;
/// How many rows are removed at once.
const AT_ONCE: u64 = 2_000;

/// Bytes by the name of the agent.
#[derive(Debug, Default)]
pub(super) struct Sizes(HashMap<String, u64>);

impl Sizes {
    /// As they are; a history that cannot be read has none.
    pub(super) fn of(connection: &Connection) -> Self {
        let sql = format!(
            "SELECT agent, sum(bytes) FROM (
                 SELECT agent, {EVENT} + 2 * octet_length(machine_key) + octet_length(server_id) + octet_length(time)
                     + octet_length(machine) + octet_length(monitor) + octet_length(message)
                     + ifnull(octet_length(title), 0) + ifnull(octet_length(data), 0) AS bytes FROM events
                 UNION ALL SELECT agent, {STATE} + octet_length(monitors) FROM states
             ) GROUP BY agent"
        );
        let read = || -> rusqlite::Result<HashMap<String, u64>> {
            connection.prepare(&sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        Self(read().unwrap_or_else(|error| {
            tracing::warn!("how large the hub's history is cannot be read: {error}");
            HashMap::new()
        }))
    }

    /// With what was written. An event that was there already is counted too, until they are read again.
    pub(super) fn add(&mut self, order: &Order) {
        let (agent, bytes) = match order {
            Order::Keep { source, .. } | Order::KeepOwn { source, .. } => {
                let events = match order {
                    Order::Keep { events, .. } => events.as_slice(),
                    Order::KeepOwn { event, .. } => std::slice::from_ref(event),
                    _ => &[],
                };
                let of = |event: &taskpaw_contract::ipc::AgentEvent| {
                    let texts = [&event.time, &event.machine, &event.monitor, &event.message];
                    let data = event.data.as_ref().map_or(0, |data| data.to_string().len());
                    let long = texts.iter().map(|text| text.len()).sum::<usize>()
                        + event.title.as_ref().map_or(0, String::len)
                        + data
                        + 3 * source.server_id.len();
                    EVENT + long as u64
                };
                (&source.agent, events.iter().map(of).sum())
            }
            Order::State { agent, monitors, .. } => (agent, STATE + monitors.len() as u64),
            _ => return,
        };
        *self.0.entry(agent.clone()).or_default() += bytes;
    }

    /// All together.
    pub(super) fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// Who has the most.
    pub(super) fn largest(&self) -> Option<String> {
        self.0.iter().max_by_key(|(_, bytes)| **bytes).map(|(agent, _)| agent.clone())
    }
}

/// Removes the oldest events and states of an agent, and says how many.
pub(super) fn remove_oldest(transaction: &Transaction<'_>, agent: &str) -> rusqlite::Result<usize> {
    let of = |table: &str, order: &str| {
        transaction.execute(
            &format!(
                "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE agent = ?1 ORDER BY {order} LIMIT ?2)"
            ),
            params![agent, AT_ONCE],
        )
    };
    Ok(of("events", "number")? + of("states", "at_ms")?)
}

/// Removes everything that an agent ever sent, also under a name that it had before.
pub(super) fn erase(transaction: &Transaction<'_>, agent: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM agents WHERE name = ?1", [agent])?;
    transaction.execute(
        "DELETE FROM events WHERE agent = ?1 OR (
             machine_key IN (SELECT DISTINCT machine_key FROM events WHERE agent = ?1)
             AND agent NOT IN (SELECT name FROM agents))",
        [agent],
    )?;
    transaction.execute("DELETE FROM states WHERE agent = ?1", [agent])?;
    Ok(())
}
