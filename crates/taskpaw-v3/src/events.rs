//! What TaskPaw V3 has left of its events: the last number, its stream, and what only its memory held.
//!
//! V3 keeps one counter beside `agent.yaml` and its events in memory. A successor that counts from the start looks to V3's hubs
//! as if it had nothing to say.

mod ask;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use durable_file::{Links, open_plain, replace_file};
use port_takeover::sys::Native;
use port_takeover::{Incumbent, Pid, WantedPort};
use serde_json::{Map, Value, json};
use taskpaw_contract::Role;
use taskpaw_contract::identity::Generation;
use taskpaw_contract::ipc::{AgentEvent, EventLevel, is_hex_id};

pub use ask::{AskError, LIMIT, ask};

use crate::found;

/// The name of the wanted port for hubs.
const NETWORK: &str = "network";
/// V3 has two ports; a process that listens on more is not asked everywhere.
const MOST_ADDRESSES: usize = 4;
/// V3's counter.
const COUNTER: &str = "agent.state.json";
/// The second one that V3 3.9 keeps, in case the first one is lost.
const HIGH_WATER: &str = "agent.state.highwater.json";
/// What V3's memory held, in the state folder of this version.
const MEMORY: &str = "v3-events.json";
/// One of those that cannot be read.
const DAMAGED: &str = "v3-events.damaged.json";
/// The most events that V3 keeps.
const MOST_EVENTS: usize = 10_000;
/// Longer than any answer of V3: 10,000 events of a kilobyte and a half.
const MOST_BYTES: usize = 16 << 20;
/// No counter gets there by counting, and programs that calculate in floating point still tell each number from the
/// next: 2^53.
const GREATEST: u64 = 1 << 53;

/// Where V3's numbers are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// The last number that may have been given; 0 if V3 has never counted here.
    pub used_up: u64,
    /// The counter's stream, if it was 3.9.
    pub stream: Option<Stream>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

/// A row of numbers, as V3 3.9 tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The agent that it belongs to.
    pub server_id: String,
    /// 32 hex digits.
    pub stream_id: String,
}

/// Reads V3's counters in its folder; of two, the greater one counts. Nothing is written there.
#[must_use]
pub fn counter(folder: &Path) -> Counter {
    let mut counter = Counter::default();
    for name in [COUNTER, HIGH_WATER] {
        let path = folder.join(name);
        let Some(found) = found::read(&path) else { continue };
        let read = found.map_err(|reason| reason.to_string()).and_then(|bytes| parse_counter(&bytes));
        match read {
            Ok((next, stream)) => {
                counter.used_up = counter.used_up.max(next - 1);
                counter.stream = counter.stream.or(stream);
            }
            Err(reason) => counter.problems.push(format!("{} cannot be used: {reason}", path.display())),
        }
    }
    counter
}

fn parse_counter(bytes: &[u8]) -> Result<(u64, Option<Stream>), String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let next = value.get("next_event_id").and_then(Value::as_u64);
    let next = next.filter(|next| (1..=GREATEST).contains(next));
    let next = next.ok_or_else(|| "it has no next_event_id that could be one".to_owned())?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let stream = text("server_id").zip(text("stream_id")).filter(|(_, stream_id)| is_hex_id(stream_id));
    Ok((next, stream.map(|(server_id, stream_id)| Stream { server_id, stream_id })))
}

/// What only V3's memory holds cannot be taken along; it is lost with V3, as it was at every end of it.
#[derive(Debug, thiserror::Error)]
pub enum TakeAlongError {
    /// The agent of V3 did not hand its events over.
    #[error(transparent)]
    Asked(#[from] AskError),
    /// The events cannot be kept.
    #[error("it cannot be kept: {0}")]
    Kept(#[from] io::Error),
}

/// Takes along what only the memory of a V3 agent holds, if one of these is it; to be called when they are verified, and
/// before any is asked to stop. It is asked on the port for hubs if that is wanted, else wherever it listens: that port may
/// have been changed since. Says which one it is; nothing if there is no such one.
pub fn take_along_from(
    incumbents: &[Incumbent],
    token: &str,
    state_folder: &Path,
) -> Option<(Pid, Result<usize, TakeAlongError>)> {
    let is_agent = |incumbent: &&Incumbent| {
        incumbent.role.as_str() == Role::Agent.as_str()
            && Generation::of(&incumbent.process, incumbent.rule) == Generation::V3
    };
    let mut agents: Vec<&Incumbent> = incumbents.iter().filter(is_agent).collect();
    agents.sort_by_key(|agent| network_port(agent).is_none());
    let agent = agents.first()?;
    let pid = agent.process.pid;
    let addresses = match network_port(agent) {
        Some(port) => vec![port.socket_address()],
        None => Native::new().listens_on(pid),
    };
    Some((pid, take_along_from_any(&addresses, token, state_folder)))
}

fn network_port(agent: &Incumbent) -> Option<&WantedPort> {
    agent.ports.iter().find(|port| port.name == NETWORK)
}

/// Asks on one address after the other, until one gives events.
fn take_along_from_any(
    addresses: &[SocketAddr],
    token: &str,
    state_folder: &Path,
) -> Result<usize, TakeAlongError> {
    let mut first_error = None;
    for address in addresses.iter().take(MOST_ADDRESSES) {
        match take_along(*address, token, state_folder) {
            // One that hangs does so on every port.
            Err(TakeAlongError::Asked(error)) if !matches!(error, AskError::Timeout) => {
                first_error.get_or_insert(error);
            }
            other => return other,
        }
    }
    Err(first_error.unwrap_or(AskError::NoPort).into())
}

/// Asks a V3 agent that is about to be ended for what only its memory holds, and keeps it for the agent that follows.
/// Says how many events that are. It takes at most [`LIMIT`], and the time of a write.
///
/// # Errors
/// Why they cannot be taken along.
pub fn take_along(at: SocketAddr, token: &str, state_folder: &Path) -> Result<usize, TakeAlongError> {
    let address = match at.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    let events = ask(SocketAddr::new(address, at.port()), token)?;
    if events.is_empty() {
        return Ok(0);
    }
    // What an earlier takeover has kept and no agent has taken yet.
    let mut all = match kept(state_folder) {
        // It is out of the way, and what V3 has told now is not lost for it.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Vec::new(),
        all => all?,
    };
    all.retain(|old| events.iter().all(|event| event.id != old.id));
    all.extend(events.iter().cloned());
    keep(state_folder, &all)?;
    Ok(events.len())
}

/// Keeps what V3's memory held, for the agent that follows it. Durable when this returns without an error.
///
/// # Errors
/// What the system says.
pub fn keep(state_folder: &Path, events: &[AgentEvent]) -> io::Result<()> {
    replace_file(&state_folder.join(MEMORY), &serde_json::to_vec(&json!({ "schema": 1, "events": events }))?)
}

/// What [`keep`] has kept; nothing if there is none.
///
/// # Errors
/// What the system says, or that it is not such a file.
pub fn kept(state_folder: &Path) -> io::Result<Vec<AgentEvent>> {
    use std::io::Read as _;

    let mut bytes = Vec::new();
    match open_plain(&state_folder.join(MEMORY), Links::Refuse) {
        Ok(file) => file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    parse_events(&bytes).ok_or_else(|| {
        // The people who help may still find something in it.
        let aside = fs::rename(state_folder.join(MEMORY), state_folder.join(DAMAGED));
        let place = if aside.is_ok() { format!(", and is kept as {DAMAGED}") } else { String::new() };
        io::Error::new(io::ErrorKind::InvalidData, format!("{MEMORY} is no list of events{place}"))
    })
}

/// The kept events are in the journal now.
///
/// # Errors
/// What the system says.
pub fn forget(state_folder: &Path) -> io::Result<()> {
    match fs::remove_file(state_folder.join(MEMORY)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The events of an answer, or of a file; nothing if it is none. What is too much is left out at the beginning, as V3
/// does.
fn parse_events(bytes: &[u8]) -> Option<Vec<AgentEvent>> {
    if bytes.len() > MOST_BYTES {
        return None;
    }
    // Its depth is bounded by the parser.
    let Value::Object(mut answer) = serde_json::from_slice(bytes).ok()? else { return None };
    let Some(Value::Array(events)) = answer.remove("events") else { return None };
    let mut events: Vec<AgentEvent> = events.into_iter().filter_map(event).collect();
    events.retain(|event| (1..=GREATEST).contains(&event.id));
    events.drain(..events.len().saturating_sub(MOST_EVENTS));
    Some(events)
}

/// An event of an agent of any version, as far as it can be understood; without a number it is none.
#[must_use]
pub fn event(value: Value) -> Option<AgentEvent> {
    let Value::Object(mut fields) = value else { return None };
    // The database's numbers end where those of an `i64` do; an agent would count for ages to get there.
    let id = fields.get("id").and_then(Value::as_u64).filter(|id| i64::try_from(*id).is_ok())?;
    let level = fields.remove("level").and_then(|level| serde_json::from_value::<EventLevel>(level).ok());
    let data = fields.remove("data").filter(|data| !data.is_null());
    Some(AgentEvent {
        id,
        time: text(&mut fields, "time").unwrap_or_default(),
        machine: text(&mut fields, "machine").unwrap_or_default(),
        monitor: text(&mut fields, "monitor").unwrap_or_default(),
        message: text(&mut fields, "message").unwrap_or_default(),
        level,
        title: text(&mut fields, "title"),
        data,
    })
}

fn text(fields: &mut Map<String, Value>, key: &str) -> Option<String> {
    match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        None | Some(Value::Null) => None,
        Some(other) => Some(other.to_string()),
    }
}

/// Whatever V3 has left or answers, it is understood or refused.
#[cfg(feature = "fuzzing")]
pub fn fuzz(bytes: &[u8]) {
    if let Ok((next, _)) = parse_counter(bytes) {
        assert!((1..=GREATEST).contains(&next));
    }
    let events = parse_events(bytes).unwrap_or_default();
    assert!(events.len() <= MOST_EVENTS && events.iter().all(|event| event.id <= GREATEST));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn the_greater_counter_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(counter(folder.path()), Counter::default());
        write(folder.path(), COUNTER, r#"{"next_event_id": 503}"#);
        assert_eq!(counter(folder.path()), Counter { used_up: 502, ..Counter::default() });
        let stream_id = "0123456789abcdef".repeat(2);
        let of_3_9 = json!({ "version": 2, "server_id": "s", "stream_id": stream_id,
                             "lineage_origin": "new_pairing", "next_event_id": 600 });
        write(folder.path(), HIGH_WATER, &of_3_9.to_string());
        let found = counter(folder.path());
        assert_eq!((found.used_up, found.problems.len()), (599, 0));
        assert_eq!(found.stream, Some(Stream { server_id: "s".into(), stream_id }));
    }

    #[test]
    fn what_is_no_counter_is_said_and_the_other_one_counts() {
        for broken in [
            "",
            "[]",
            "{}",
            r#"{"next_event_id": 0}"#,
            r#"{"next_event_id": -1}"#,
            r#"{"next_event_id": "7"}"#,
            r#"{"next_event_id": 1e400}"#,
            r#"{"next_event_id": 9223372036854775808}"#,
        ] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), COUNTER, broken);
            write(folder.path(), HIGH_WATER, r#"{"next_event_id": 8, "stream_id": "X", "server_id": "s"}"#);
            let found = counter(folder.path());
            assert_eq!((found.used_up, found.stream, found.problems.len()), (7, None, 1), "{broken}");
        }
    }

    #[test]
    fn what_is_kept_is_read_again_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(kept(folder.path()).unwrap().is_empty());
        let told =
            event(json!({ "id": 7, "time": "t", "message": "m", "level": "alert", "data": { "a": 1 } }));
        let told = told.unwrap();
        keep(folder.path(), std::slice::from_ref(&told)).unwrap();
        assert_eq!(kept(folder.path()).unwrap(), [told]);
        forget(folder.path()).unwrap();
        forget(folder.path()).unwrap();
        assert!(kept(folder.path()).unwrap().is_empty());
        write(folder.path(), MEMORY, "[1]");
        assert!(kept(folder.path()).unwrap_err().to_string().contains(DAMAGED));
        assert!(kept(folder.path()).unwrap().is_empty(), "it is in nobody's way any more");
        assert_eq!(fs::read_to_string(folder.path().join(DAMAGED)).unwrap(), "[1]");
    }

    #[test]
    fn an_event_of_an_older_version_is_understood() {
        let old = json!({ "id": 3, "time": "t", "machine": "m", "monitor": "x", "message": "done",
                          "level": "critical", "extra": 1, "title": null });
        let event = event(old).unwrap();
        assert_eq!((event.id, event.level, event.title), (3, None, None));
        assert_eq!(event.message, "done");
    }

    #[test]
    fn only_a_number_makes_an_event() {
        for broken in [
            json!({ "message": "m" }),
            json!({ "id": "3" }),
            json!({ "id": -3 }),
            json!({ "id": u64::MAX }),
            json!(3),
        ] {
            assert!(event(broken).is_none());
        }
        assert_eq!(event(json!({ "id": 3 })).unwrap().message, "");
    }
}
