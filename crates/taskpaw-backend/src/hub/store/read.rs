//! Reading the history.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row, params_from_iter};
use serde_json::Value;
use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{AgentEvent, AgentStatus, EventLevel, FleetEvent};

use super::super::answer::{self, STATUS_BYTES};

/// Which events are asked for. What is left out allows every one.
#[derive(Debug, Default)]
pub(in super::super) struct Filter {
    /// The agent: its configured name, its machine's name or its `server_id`.
    pub(in super::super) server: Option<String>,
    /// The level.
    pub(in super::super) level: Option<EventLevel>,
}

/// What an earlier launch has known of an agent.
#[derive(Debug)]
pub(in super::super) struct Remembered {
    /// The agent's configured name.
    pub(in super::super) name: String,
    /// The agent's address then.
    pub(in super::super) url: String,
    /// How long ago it answered.
    pub(in super::super) seen_ms_ago: u64,
    /// How long ago it was noticed that it had been reinstalled.
    pub(in super::super) anew_ms_ago: Option<u64>,
    /// What it answered.
    pub(in super::super) status: Option<AgentStatus>,
}

/// The columns of an event, as [`event`] reads them. A version without bounds may have written longer ones.
pub(super) const EVENT: &str = "events.number, agent, substr(server_id, 1, 128), received_ms, id, substr(time, 1, 64), \
                                substr(machine, 1, 128), substr(monitor, 1, 128), substr(message, 1, 4096), level, \
                                substr(title, 1, 512), CASE WHEN length(data) <= 16384 THEN data END";
/// The most bytes of events in one answer: as JSON they stay below 2 MB.
const ANSWER_BYTES: usize = 1_500_000;

pub(super) fn last(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<Vec<FleetEvent>> {
    let mut sql = format!("SELECT {EVENT} FROM events");
    let mut values = Vec::new();
    if let Some(level) = filter.level {
        values.push(level_word(level).to_owned());
        sql += " WHERE level = ?1";
    }
    if let Some(server) = &filter.server {
        values.push(server.clone());
        let joint = if values.len() == 1 { "WHERE" } else { "AND" };
        sql += &format!(" {joint} ?{} IN (agent, server_id, machine)", values.len());
    }
    sql += &format!(" ORDER BY number DESC LIMIT {limit}");
    let now = unix_ms();
    let mut statement = connection.prepare_cached(&sql)?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for row in statement.query_map(params_from_iter(values), |row| event(row, now))? {
        let row = row?;
        bytes += bytes_of(&row);
        if bytes > ANSWER_BYTES {
            break;
        }
        rows.push(row);
    }
    rows.reverse();
    Ok(rows)
}

/// As JSON.
fn bytes_of(event: &FleetEvent) -> usize {
    serde_json::to_vec(event).map_or(0, |text| text.len() + 1)
}

pub(super) fn event(row: &Row<'_>, now: u64) -> rusqlite::Result<FleetEvent> {
    let level: Option<String> = row.get(9)?;
    let data: Option<String> = row.get(11)?;
    Ok(FleetEvent {
        number: row.get(0)?,
        agent: row.get(1)?,
        server_id: row.get(2)?,
        age_seconds: seconds(now.saturating_sub(row.get(3)?)),
        event: AgentEvent {
            id: row.get(4)?,
            time: row.get(5)?,
            machine: row.get(6)?,
            monitor: row.get(7)?,
            message: row.get(8)?,
            level: level.and_then(|word| serde_json::from_value(word.into()).ok()),
            title: row.get(10)?,
            data: data.and_then(|text| serde_json::from_str(&text).ok()),
        },
    })
}

pub(super) fn remembered(connection: &Connection) -> rusqlite::Result<Vec<Remembered>> {
    let now = unix_ms();
    connection
        .prepare(&format!(
            "SELECT name, url, seen_ms, anew_ms, CASE WHEN length(status) <= {STATUS_BYTES} THEN status END FROM agents"
        ))?
        .query_map([], |row| {
            let status: Option<String> = row.get(4)?;
            Ok(Remembered {
                name: row.get(0)?,
                url: row.get(1)?,
                seen_ms_ago: now.saturating_sub(row.get(2)?),
                anew_ms_ago: row.get::<_, Option<u64>>(3)?.map(|anew| now.saturating_sub(anew)),
                status: status.and_then(|status| answer::remembered(&status)),
            })
        })?
        .collect()
}

/// The agents of which this hub told last that they are offline.
pub(super) fn told_offline(connection: &Connection, hub_id: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut told = BTreeSet::new();
    // Of a group with a maximum, SQLite gives the row that has it.
    let mut statement = connection
        .prepare("SELECT agent, data, max(number) FROM events WHERE server_id = ?1 GROUP BY agent")?;
    for row in statement.query_map([hub_id], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))? {
        let (agent, data): (String, _) = row?;
        let data: Option<Value> = data.and_then(|text| serde_json::from_str(&text).ok());
        if data.is_some_and(|data| data["kind"] == "machine_offline") {
            told.insert(agent);
        }
    }
    Ok(told)
}

/// As it is on the wire.
pub(super) fn level_word(level: EventLevel) -> &'static str {
    match level {
        EventLevel::Info => "info",
        EventLevel::Warn => "warn",
        EventLevel::Alert => "alert",
        EventLevel::Done => "done",
    }
}

#[expect(clippy::cast_precision_loss, reason = "an age of thousands of years may be some milliseconds off")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
