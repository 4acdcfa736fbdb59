//! Ports as people write them, and what is said of one that nobody can want as it is written.
//!
//! The takeover knows only ports that can be wanted. What is being typed into a form, and what stands in a snapshot that
//! somebody sent, may be none: that is found out here, where it enters.

use port_takeover::{Decision, IdentityRules, PortOutlook, PortState, Snapshot, Verdict, WantedPort, decide};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use ts_rs::TS;

use crate::sidecar::PortName;

/// The state of a port as a person reads it: what was judged of it, or `invalid` if nobody can want it as it is written,
/// because its host is not an address, or its number out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, TS)]
#[ts(type = "PortState | \"invalid\"")]
pub enum PortStatus {
    /// The port was looked at.
    Judged(PortState),
    /// The port cannot even be looked at.
    Invalid,
}

/// How [`PortStatus::Invalid`] is written, beside the states that are judged.
const INVALID: &str = "invalid";

impl PortStatus {
    /// What it means for the start of the role.
    #[must_use]
    pub fn outlook(self) -> PortOutlook {
        match self {
            Self::Judged(state) => state.outlook(),
            Self::Invalid => PortOutlook::Refuses,
        }
    }
}

impl From<PortState> for PortStatus {
    fn from(state: PortState) -> Self {
        Self::Judged(state)
    }
}

impl Serialize for PortStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Judged(state) => state.serialize(serializer),
            Self::Invalid => serializer.serialize_str(INVALID),
        }
    }
}

impl<'de> Deserialize<'de> for PortStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Value::deserialize(deserializer)?;
        if text == INVALID {
            return Ok(Self::Invalid);
        }
        PortState::deserialize(text).map(Self::Judged).map_err(serde::de::Error::custom)
    }
}

/// A snapshot as it was recorded: the ports that can be wanted, and those that cannot.
#[derive(Debug)]
pub struct Recorded {
    /// What was seen, with the ports that can be wanted.
    pub snapshot: Snapshot,
    /// The others, each with its place among all.
    pub invalid: Vec<(usize, PortName)>,
}

impl Recorded {
    /// Reads a recorded snapshot.
    ///
    /// # Errors
    /// If it is not a snapshot of a form that this version knows.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let invalid = serde_json::from_slice(bytes).map(|mut whole: Value| (take_invalid(&mut whole), whole));
        match invalid {
            Ok((invalid, whole)) if !invalid.is_empty() => {
                Ok(Self { snapshot: serde_json::from_value(whole)?, invalid })
            }
            // Read again, so that an error names its place.
            _ => Ok(Self { snapshot: serde_json::from_slice(bytes)?, invalid: Vec::new() }),
        }
    }

    /// What is decided on it: a port that nobody can want refuses all of them, as one that cannot be had.
    #[must_use]
    pub fn decide(&self, rules: &IdentityRules) -> Verdict {
        let mut verdict = decide(&self.snapshot, rules);
        if !self.invalid.is_empty() {
            verdict.decision = Decision::Refuse;
            verdict.terminate.clear();
        }
        verdict
    }
}

/// Takes those wanted ports out of a snapshot that have the right form and cannot be wanted.
fn take_invalid(snapshot: &mut Value) -> Vec<(usize, PortName)> {
    let Some(wanted) = snapshot.get_mut("wanted").and_then(Value::as_array_mut) else { return Vec::new() };
    let mut invalid = Vec::new();
    let mut at = 0;
    wanted.retain(|port| {
        let written = PortName::deserialize(port).ok();
        let cannot_be_wanted = |it: &PortName| WantedPort::new(&*it.name, &it.host, it.port).is_err();
        let taken = written.filter(cannot_be_wanted);
        let stays = taken.is_none();
        invalid.extend(taken.map(|port| (at, port)));
        at += 1;
        stays
    });
    invalid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_as_one_word() {
        for (status, word) in [(PortStatus::Invalid, "invalid"), (PortState::OwnStale.into(), "own_stale")] {
            assert_eq!(serde_json::to_value(status).unwrap(), word);
            assert_eq!(serde_json::from_value::<PortStatus>(word.into()).unwrap(), status);
        }
        assert!(serde_json::from_value::<PortStatus>("who knows".into()).is_err());
    }

    #[test]
    fn what_cannot_be_wanted_keeps_its_place_and_refuses_the_rest() {
        let read = |wanted: &str| {
            Recorded::read(
                format!(r#"{{"schema":1,"role":"agent","self_pid":1,"wanted":[{wanted}]}}"#).as_bytes(),
            )
        };
        let port = |name: &str, host: &str, number: i64| {
            format!(r#"{{"name":"{name}","host":"{host}","port":{number}}}"#)
        };
        let all = [port("a", "my pc", 5680), port("b", "", 5681), port("c", "::1", 0), port("d", "::1", -1)];
        let recorded = read(&all.join(",")).unwrap();
        let places: Vec<_> = recorded.invalid.iter().map(|(at, port)| (*at, port.name.as_str())).collect();
        assert_eq!(places, [(0, "a"), (2, "c"), (3, "d")]);
        let verdict = recorded.decide(&crate::identity::rules());
        assert_eq!((verdict.decision, verdict.ports.len()), (Decision::Refuse, 1));
        assert_eq!(verdict.ports[0].state, PortState::Free);
        // Another form is not a port at all.
        assert!(read(r#"{"name":"a","host":"::1","port":"5680"}"#).is_err());
    }
}
