//! JSON of any form, with as much of it as a budget allows: the rest is read over and never kept.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What each value costs besides its text.
const VALUE_BYTES: usize = 8;
/// The longest text of a value, and of a key.
const TEXT: usize = 4 * 1024;
const KEY: usize = 128;

/// How much may still be kept.
#[derive(Debug)]
pub(super) struct Budget {
    all: usize,
    bytes: Cell<usize>,
    values: Cell<usize>,
    /// What was cut or left out.
    pub(super) cut: Cell<u64>,
}

impl Budget {
    pub(super) fn new(bytes: usize, values: usize) -> Self {
        Self { all: bytes, bytes: Cell::new(bytes), values: Cell::new(values), cut: Cell::new(0) }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.bytes.get() == 0 || self.values.get() == 0
    }

    pub(super) fn spent(&self) -> usize {
        self.all - self.bytes.get()
    }

    fn has_cut(&self) {
        self.cut.set(self.cut.get() + 1);
    }

    /// Takes so many bytes; says whether there were as many.
    fn take(&self, bytes: usize) -> bool {
        let left = self.bytes.get();
        self.bytes.set(left.saturating_sub(bytes));
        bytes <= left
    }

    /// Takes one value; says whether there was room for one.
    fn take_value(&self) -> bool {
        let left = self.values.get();
        self.values.set(left.saturating_sub(1));
        left > 0 && self.take(VALUE_BYTES)
    }

    /// As much of a text as may be kept, of letters that are seen.
    fn text(&self, text: &str, most: usize) -> String {
        let text = &*redaction::only_seen(text);
        let kept = shortened(text, most.min(self.bytes.get()));
        self.take(kept.len());
        if kept.len() < text.len() {
            self.has_cut();
        }
        kept
    }
}

fn shortened(text: &str, most: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(ELLIPSIS.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 { String::new() } else { format!("{}{ELLIPSIS}", &text[..end]) }
}

/// A text with not more than so many bytes.
pub(super) fn cut_to(text: String, most: usize, budget: &Budget) -> String {
    if text.len() <= most {
        return text;
    }
    budget.has_cut();
    shortened(&text, most)
}

/// A visitor's answer to everything that it has no use for.
macro_rules! nothing_of_others {
    ($nothing:expr) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }

        bounded::nothing_of_others!($nothing, scalars);
    };
    ($nothing:expr, but_lists) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }

        bounded::nothing_of_others!($nothing, scalars);
    };
    ($nothing:expr, scalars) => {
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    };
}

pub(super) use nothing_of_others;

/// A text, cut; nothing if it is none.
pub(super) struct Text<'a> {
    pub(super) budget: &'a Budget,
    pub(super) most: usize,
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        let leaf = Leaf { budget: self.budget, depth: 0 };
        Ok(match deserializer.deserialize_any(LeafVisitor { leaf, longest: self.most })? {
            Some(Value::String(text)) => Some(text),
            _ => None,
        })
    }
}

/// A value of which only the words are of use: no text in it is longer than that, so that one leaves room for the others.
pub(super) struct Said<'a> {
    pub(super) budget: &'a Budget,
    pub(super) most: usize,
}

impl<'de> DeserializeSeed<'de> for Said<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        let leaf = Leaf { budget: self.budget, depth: 1 };
        deserializer.deserialize_any(LeafVisitor { leaf, longest: self.most })
    }
}

/// Any value, so deep at most; nothing if there is no room for it.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'a> {
    pub(super) budget: &'a Budget,
    pub(super) depth: usize,
}

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        if !self.budget.take_value() {
            self.budget.has_cut();
            IgnoredAny::deserialize_any_of(deserializer)?;
            return Ok(None);
        }
        deserializer.deserialize_any(LeafVisitor { leaf: self, longest: TEXT })
    }
}

/// Reads over a value.
trait ReadOver {
    fn deserialize_any_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error>;
}

impl ReadOver for IgnoredAny {
    fn deserialize_any_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_ignored_any(Self).map(drop)
    }
}

struct LeafVisitor<'a> {
    leaf: Leaf<'a>,
    longest: usize,
}

impl<'a> LeafVisitor<'a> {
    fn inner(&self) -> Option<Leaf<'a>> {
        Some(Leaf { budget: self.leaf.budget, depth: self.leaf.depth.checked_sub(1)? })
    }
}

impl<'de> Visitor<'de> for LeafVisitor<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Option<Value>, E> {
        Ok(Some(Value::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<Value>, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<Value>, E> {
        Ok(Some(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<Value>, E> {
        Ok(Some(Value::String(self.leaf.budget.text(text, self.longest))))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Value>, E> {
        Ok(Some(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Value>, A::Error> {
        let mut kept = Vec::new();
        if let Some(inner) = self.inner() {
            while !inner.budget.is_spent() {
                let Some(item) = list.next_element_seed(inner)? else { return Ok(Some(Value::Array(kept))) };
                kept.extend(item);
            }
        }
        let mut is_whole = true;
        while list.next_element::<IgnoredAny>()?.is_some() {
            is_whole = false;
        }
        if !is_whole {
            self.leaf.budget.has_cut();
        }
        Ok(Some(Value::Array(kept)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut kept = Map::new();
        if let Some(inner) = self.inner() {
            while !inner.budget.is_spent() {
                let Some(key) = map.next_key_seed(Text { budget: inner.budget, most: KEY })? else {
                    return Ok(Some(Value::Object(kept)));
                };
                if let Some((key, value)) = key.zip(map.next_value_seed(inner)?) {
                    kept.insert(key, value);
                }
            }
        }
        let mut is_whole = true;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            is_whole = false;
        }
        if !is_whole {
            self.leaf.budget.has_cut();
        }
        Ok(Some(Value::Object(kept)))
    }
}
