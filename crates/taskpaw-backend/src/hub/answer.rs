//! What an agent answers, read into types and bounded while it is read: what is over a bound is cut or left out, and counted.

mod bounded;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use taskpaw_contract::ipc::{AgentEvent, AgentStatus, EventCursor, EventLevel};

use bounded::{Budget, Leaf, Said, Text, cut_to};

/// The largest status that is read, in bytes, and how much of one is kept: an agent with a hundred monitors has some ten.
pub(super) const STATUS_BYTES: usize = 256 * 1024;
const KEPT_STATUS_BYTES: usize = 64 * 1024;
/// The most monitors of an agent that are kept, and the most values of all of them together.
const MOST_MONITORS: usize = 200;
const MOST_VALUES: usize = 4_000;
/// So deep the values of a monitor or an event may be: those of a card of a machine are in a list of groups.
const DEEPEST: usize = 5;
/// The longest name: of a machine, a monitor, an identity.
const NAME: usize = 128;
/// The longest version: one that is released has some six letters.
const VERSION: usize = 32;
/// The longest text of an event, and the most that belongs to it; with its names it stays below 16 KiB.
const MESSAGE: usize = 4 * 1024;
const TITLE: usize = 512;
const TIME: usize = 64;
const DATA_BYTES: usize = 8 * 1024;
const DATA_VALUES: usize = 200;
/// The most events, and bytes of them, that are taken from one answer; the rest comes once these are acknowledged.
pub(super) const MOST_EVENTS: usize = 1_000;
const EVENT_BYTES: usize = 1024 * 1024;

/// What was over a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// Monitors that were left out.
    pub(super) monitors: u64,
    /// Texts that were cut, and values that were left out.
    pub(super) values: u64,
    /// Events without a number.
    pub(super) numberless: u64,
}

impl Cut {
    fn of(budget: &Budget) -> Self {
        Self { values: budget.cut.get(), ..Self::default() }
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            monitors: self.monitors + other.monitors,
            values: self.values + other.values,
            numberless: self.numberless + other.numberless,
        }
    }

    /// In words; nothing if all was kept.
    pub(super) fn said(self) -> Option<String> {
        let parts = [
            (self.monitors, "monitors left out"),
            (self.values, "values cut or left out"),
            (self.numberless, "events without a number left out"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        if parts.is_empty() {
            None
        } else {
            Some(format!("it sends more than a hub takes: {}", parts.join(", ")))
        }
    }
}

/// A status, as far as it is kept; nothing if it has no monitors.
pub(super) fn status(body: &[u8]) -> serde_json::Result<Option<(AgentStatus, Cut)>> {
    let read = whole(body, StatusSeed)?;
    Ok(read.monitors.map(|monitors| {
        let [machine, server_id, os] = read.names;
        let status = AgentStatus {
            machine,
            server_id,
            os,
            version: read.version,
            monitors,
            event_cursor: read.cursor,
            event_refusals: Vec::new(),
            names_in_use_twice: Vec::new(),
        };
        (status, read.cut)
    }))
}

/// A version, as `/ping` says it; nothing if it does not.
pub(super) fn version(body: &[u8]) -> serde_json::Result<Option<String>> {
    let budget = Budget::new(NAME, 16);
    let answer = whole(body, Leaf { budget: &budget, depth: 1 })?;
    Ok(answer.and_then(|answer| answer.get("version")?.as_str().map(str::to_owned)))
}

/// The events of an answer.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The events that are taken, in the order in which they were told.
    pub(super) events: Vec<AgentEvent>,
    /// The smallest number of those that are not taken.
    pub(super) left_from: Option<u64>,
    /// The greatest number of all.
    pub(super) greatest: u64,
    /// Where their numbers are.
    pub(super) cursor: Option<EventCursor>,
    /// How much of the answer is kept, in bytes.
    pub(super) bytes: usize,
    pub(super) cut: Cut,
}

impl Told {
    /// Up to where the agent may forget once what is taken is stored; nothing if it may forget nothing of this.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        let greatest = self.events.iter().map(|event| event.id).max()?;
        let ack = self.left_from.map_or(greatest, |left| greatest.min(left.saturating_sub(1)));
        (ack > 0).then_some(ack)
    }
}

/// The events of an answer, not more than so many; nothing if they are no list.
pub(super) fn events(body: &[u8], most: usize) -> serde_json::Result<Option<Told>> {
    whole(body, AnswerSeed { most })
}

/// A status that was kept by an earlier launch, or by a version that had no bounds.
pub(super) fn remembered(text: &str) -> Option<AgentStatus> {
    if text.len() > STATUS_BYTES {
        return None;
    }
    status(text.as_bytes()).ok().flatten().map(|(status, _)| status)
}

fn whole<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

struct ReadStatus {
    names: [String; 3],
    version: Option<String>,
    cursor: Option<EventCursor>,
    monitors: Option<Map<String, Value>>,
    cut: Cut,
}

struct StatusSeed;

impl<'de> DeserializeSeed<'de> for StatusSeed {
    type Value = ReadStatus;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ReadStatus, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for StatusSeed {
    type Value = ReadStatus;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a status")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadStatus, A::Error> {
        let budget = Budget::new(KEPT_STATUS_BYTES, MOST_VALUES);
        let mut read = ReadStatus {
            names: <[String; 3]>::default(),
            version: None,
            cursor: None,
            monitors: None,
            cut: Cut::default(),
        };
        while let Some(key) = map.next_key_seed(Text { budget: &Budget::new(NAME, 1), most: NAME })? {
            match key.as_deref() {
                Some("machine") => {
                    read.names[0] =
                        map.next_value_seed(Text { budget: &budget, most: NAME })?.unwrap_or_default()
                }
                Some("server_id") => {
                    read.names[1] =
                        map.next_value_seed(Text { budget: &budget, most: NAME })?.unwrap_or_default()
                }
                Some("os") => {
                    read.names[2] =
                        map.next_value_seed(Text { budget: &budget, most: NAME })?.unwrap_or_default()
                }
                Some("version") => {
                    let said = map.next_value_seed(Text { budget: &budget, most: VERSION })?;
                    read.version = said.filter(|version| !version.is_empty());
                }
                Some("event_cursor") => read.cursor = cursor(map.next_value_seed(cursor_seed(&budget))?),
                Some("monitors") => {
                    let (monitors, left_out) = map.next_value_seed(MonitorsSeed { budget: &budget })?;
                    read.monitors = monitors;
                    read.cut.monitors += left_out;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        read.cut = read.cut.and(Cut::of(&budget));
        Ok(read)
    }
}

fn cursor_seed(budget: &Budget) -> Leaf<'_> {
    Leaf { budget, depth: 1 }
}

/// Where an agent says that its numbers are; nothing if it does not, or not as agreed.
fn cursor(value: Option<Value>) -> Option<EventCursor> {
    let cursor: EventCursor = serde_json::from_value(value?).ok()?;
    cursor.is_sound().then_some(cursor)
}

/// The monitors by their names, and how many were left out; nothing if they are not a group.
struct MonitorsSeed<'a> {
    budget: &'a Budget,
}

impl<'de> DeserializeSeed<'de> for MonitorsSeed<'_> {
    type Value = (Option<Map<String, Value>>, u64);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MonitorsSeed<'_> {
    type Value = (Option<Map<String, Value>>, u64);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("monitors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut monitors, mut left_out) = (Map::new(), 0);
        loop {
            if monitors.len() >= MOST_MONITORS || self.budget.is_spent() {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    left_out += 1;
                }
                return Ok((Some(monitors), left_out));
            }
            let Some(name) = map.next_key_seed(Text { budget: self.budget, most: NAME })? else { break };
            let monitor = map.next_value_seed(Leaf { budget: self.budget, depth: DEEPEST })?;
            match name.zip(monitor) {
                Some((name, monitor)) => drop(monitors.insert(name, monitor)),
                None => left_out += 1,
            }
        }
        Ok((Some(monitors), left_out))
    }

    bounded::nothing_of_others!((None, 0));
}

struct AnswerSeed {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for AnswerSeed {
    type Value = Option<Told>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Told>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AnswerSeed {
    type Value = Option<Told>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("events")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Told>, A::Error> {
        let budget = Budget::new(NAME * 8, 64);
        let (mut told, mut where_they_are) = (None, None);
        while let Some(key) = map.next_key_seed(Text { budget: &Budget::new(NAME, 1), most: NAME })? {
            match key.as_deref() {
                Some("events") => told = map.next_value_seed(EventsSeed { most: self.most })?,
                Some("event_cursor") => where_they_are = cursor(map.next_value_seed(cursor_seed(&budget))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(told.map(|told| Told { cursor: where_they_are, ..told }))
    }
}

struct EventsSeed {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for EventsSeed {
    type Value = Option<Told>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Told>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EventsSeed {
    type Value = Option<Told>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Told>, A::Error> {
        let mut told = Told::default();
        loop {
            let is_taken = told.events.len() < self.most.min(MOST_EVENTS) && told.bytes < EVENT_BYTES;
            let Some(read) = list.next_element_seed(EventSeed { is_taken })? else { break };
            told.cut.values += read.cut;
            // The database's numbers end where those of an `i64` do; an agent would count for ages to get there.
            let Some(id) = read.event.as_ref().map(|event| event.id).filter(|id| i64::try_from(*id).is_ok())
            else {
                told.cut.numberless += 1;
                continue;
            };
            told.greatest = told.greatest.max(id);
            match read.event.filter(|_| is_taken) {
                Some(event) => {
                    told.bytes += read.bytes;
                    told.events.push(event);
                }
                None => told.left_from = Some(told.left_from.map_or(id, |left| left.min(id))),
            }
        }
        Ok(Some(told))
    }

    bounded::nothing_of_others!(None, but_lists);
}

#[derive(Default)]
struct ReadEvent {
    /// Without a number there is none.
    event: Option<AgentEvent>,
    bytes: usize,
    cut: u64,
}

/// One event, or only its number.
struct EventSeed {
    is_taken: bool,
}

impl<'de> DeserializeSeed<'de> for EventSeed {
    type Value = ReadEvent;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ReadEvent, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EventSeed {
    type Value = ReadEvent;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadEvent, A::Error> {
        let texts = Budget::new(MESSAGE + TITLE + TIME + 8 * NAME, 64);
        let of_data = Budget::new(DATA_BYTES, DATA_VALUES);
        let (mut id, mut level, mut data) = (None, None, None);
        let [mut time, mut machine, mut monitor, mut message, mut title] = <[Option<String>; 5]>::default();
        // A name must be read whatever was said before.
        while let Some(key) = map.next_key_seed(Text { budget: &Budget::new(NAME, 1), most: NAME })? {
            let place = match key.as_deref().filter(|key| self.is_taken || *key == "id") {
                Some("id") => {
                    id = map.next_value_seed(Said { budget: &texts, most: NAME })?.and_then(|id| id.as_u64());
                    continue;
                }
                Some("level") => {
                    let word = map.next_value_seed(Said { budget: &texts, most: NAME })?;
                    level = word.and_then(|word| serde_json::from_value::<EventLevel>(word).ok());
                    continue;
                }
                Some("data") => {
                    data = map.next_value_seed(Leaf { budget: &of_data, depth: DEEPEST })?;
                    continue;
                }
                Some("time") => (&mut time, TIME),
                Some("machine") => (&mut machine, NAME),
                Some("monitor") => (&mut monitor, NAME),
                Some("message") => (&mut message, MESSAGE),
                Some("title") => (&mut title, TITLE),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // V3 may have said it with a number.
            let said = match map.next_value_seed(Said { budget: &texts, most: place.1 })? {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text),
                Some(other) => Some(other.to_string()),
            };
            *place.0 = said.map(|text| cut_to(text, place.1, &texts));
        }
        let event = id.map(|id| AgentEvent {
            id,
            time: time.unwrap_or_default(),
            machine: machine.unwrap_or_default(),
            monitor: monitor.unwrap_or_default(),
            message: message.unwrap_or_default(),
            level,
            title,
            data: data.filter(|data| !data.is_null()),
        });
        let bytes = texts.spent() + of_data.spent();
        Ok(ReadEvent {
            event,
            bytes,
            cut: if self.is_taken { texts.cut.get() + of_data.cut.get() } else { 0 },
        })
    }

    bounded::nothing_of_others!(ReadEvent::default());
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
