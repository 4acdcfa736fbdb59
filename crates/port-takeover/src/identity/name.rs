//! Names of rules, as they stand in journals.

use std::fmt;

#[cfg(feature = "serde")]
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most bytes that the name of a rule has.
const MOST: usize = 23;

/// The rule that decided whose process a holder is: the form by which it is ours, or why it is not.
///
/// The names stand in journals, so they do not change. The library has the constants of this type; an application gives its own
/// rules names with [`RuleName::new`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
pub struct RuleName {
    bytes: [u8; MOST],
    length: u8,
}

impl RuleName {
    /// Ours: a program of its own, by the base name of its executable.
    pub const PROGRAM: Self = Self::new("program");
    /// Ours: a program of its own, by the path of its executable.
    pub const PATH: Self = Self::new("path");
    /// Ours: by its program and what it was asked to run.
    pub const ARGUMENTS: Self = Self::new("arguments");
    /// Not ours: no rule names it.
    pub const NO_RULE: Self = Self::new("no_rule");
    /// Not ours to end: the process that asks.
    pub const ITSELF: Self = Self::new("self");
    /// Not ours to end: another user runs it, or who runs it cannot be read.
    pub const OTHER_USER: Self = Self::new("other_user");
    /// Not ours to end: it plays another role.
    pub const OTHER_ROLE: Self = Self::new("other_role");
    /// Not ours to end: it keeps its state in another folder.
    pub const OTHER_INSTALLATION: Self = Self::new("other_installation");
    /// Not known: nothing could be read of it.
    pub const UNSEEN: Self = Self::new("unseen");

    /// The name of a rule: at most 23 bytes. What is longer is cut between two characters.
    #[must_use]
    pub const fn new(name: &str) -> Self {
        let text = name.as_bytes();
        let mut length = if text.len() > MOST { MOST } else { text.len() };
        while !name.is_char_boundary(length) {
            length -= 1;
        }
        let mut bytes = [0; MOST];
        let mut at = 0;
        while at < length {
            bytes[at] = text[at];
            at += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is at most 23")]
        let length = length as u8;
        Self { bytes, length }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl Serialize for RuleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> Deserialize<'de> for RuleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_it_was_made_of_or_its_beginning() {
        for (name, kept) in [
            ("", ""),
            ("program", "program"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("123456789012345678901234", "12345678901234567890123"),
            ("1234567890123456789012é", "1234567890123456789012"),
        ] {
            assert_eq!(RuleName::new(name).as_str(), kept);
        }
        assert_ne!(RuleName::new("a"), RuleName::new("a\0"));
    }

    #[cfg(feature = "journal")]
    #[test]
    fn a_name_is_stored_as_text() {
        let stored = serde_json::to_string(&RuleName::new("mine")).unwrap();
        assert_eq!(stored, "\"mine\"");
        assert_eq!(serde_json::from_str::<RuleName>(&stored).unwrap(), RuleName::new("mine"));
    }
}
