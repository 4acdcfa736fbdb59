//! YAML as V3 wrote it, read within bounds: the parser gives events and the tree is made here, so that neither depth
//! nor anchors nor tags can do more than a small file should.

use std::collections::{HashMap, HashSet};

use super::NotTakenReason;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// Lists and mappings inside of each other; V3's own files have four.
const DEEPEST: usize = 32;
/// What a file may come to, with every alias written out.
const MOST_BYTES: usize = 4 << 20;
/// What a value takes besides its text.
const NODE_BYTES: usize = 16;

/// A value. It can be a token, so it is never printed.
#[derive(Clone, PartialEq)]
pub(super) enum Node {
    /// A word, as it is written; a plain one can stand for a number, yes, no or nothing.
    Scalar { text: String, is_plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A mapping with every key, in the order of the file. Of two that are the same the last one counts.
    Map(Vec<(String, Node)>),
    /// Something with a tag that asks for more than a plain value.
    Tagged,
}

/// What a file says.
pub(super) struct Document {
    /// The file's first document; nothing if that is empty.
    pub(super) root: Option<Node>,
    /// Whether more documents follow, or something that is no YAML.
    pub(super) has_more: bool,
}

/// Reads the first document of a file.
pub(super) fn parse(text: &str) -> Result<Document, NotTakenReason> {
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree::default();
    let mut is_over = false;
    let mut document = Document { root: None, has_more: false };
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            _ if is_over => {
                document.has_more = true;
                break;
            }
            Ok((Event::DocumentEnd, _)) => is_over = true,
            Ok((event, _)) => {
                if let Some(root) = tree.take(event)? {
                    document.root = Some(root);
                }
            }
            // Its words can repeat a part of the file, so only the place is told.
            Err(error) => {
                let at = error.marker();
                return Err(NotTakenReason::Syntax {
                    line: u32::try_from(at.line()).unwrap_or(u32::MAX),
                    column: u32::try_from(at.col() + 1).unwrap_or(u32::MAX),
                });
            }
        }
    }
    document.root = document.root.filter(|root| !root.is_nothing());
    Ok(document)
}

/// A finished value with what it takes.
#[derive(Clone)]
struct Built {
    node: Node,
    bytes: usize,
    depth: usize,
}

/// A list or a mapping that is not finished.
struct Open {
    node: Node,
    key: Option<String>,
    anchor: usize,
    is_tagged: bool,
    bytes: usize,
    depth: usize,
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    anchors: HashMap<usize, Built>,
    bytes: usize,
}

impl Tree {
    /// Takes an event; gives back the root once it is finished.
    fn take(&mut self, event: Event<'_>) -> Result<Option<Node>, NotTakenReason> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = tag.as_deref().map(|tag| (tag.is_yaml_core_schema(), tag.suffix.as_str()));
                let node = match kind {
                    None => Node::Scalar { text: text.into_owned(), is_plain: style == ScalarStyle::Plain },
                    Some((true, "str")) => Node::Scalar { text: text.into_owned(), is_plain: false },
                    Some((true, "int" | "float" | "bool" | "null")) => {
                        Node::Scalar { text: text.into_owned(), is_plain: true }
                    }
                    Some(_) => Node::Tagged,
                };
                let bytes = NODE_BYTES + if let Node::Scalar { text, .. } = &node { text.len() } else { 0 };
                self.finish(Built { node, bytes, depth: 0 }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let is_tagged = tag.is_some_and(|tag| !(tag.is_yaml_core_schema() && tag.suffix == "seq"));
                self.begin(Node::List(Vec::new()), anchor, is_tagged)
            }
            Event::MappingStart(anchor, tag) => {
                let is_tagged = tag.is_some_and(|tag| !(tag.is_yaml_core_schema() && tag.suffix == "map"));
                self.begin(Node::Map(Vec::new()), anchor, is_tagged)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { node, anchor, is_tagged, bytes, depth, .. }) = self.open.pop() else {
                    return Ok(None);
                };
                let node = if is_tagged { Node::Tagged } else { with_merged(node) };
                // Its parts were counted when they were finished.
                self.bytes = self.bytes.saturating_sub(bytes);
                self.finish(Built { node, bytes: bytes + NODE_BYTES, depth: depth + 1 }, anchor)
            }
            Event::Alias(anchor) => {
                // One that stands for itself is not finished yet.
                let Some(known) = self.anchors.get(&anchor) else { return Err(NotTakenReason::TooMuch) };
                if self.bytes + known.bytes > MOST_BYTES {
                    return Err(NotTakenReason::TooMuch);
                }
                let copy = known.clone();
                self.finish(copy, 0)
            }
            _ => Ok(None),
        }
    }

    fn begin(&mut self, node: Node, anchor: usize, is_tagged: bool) -> Result<Option<Node>, NotTakenReason> {
        if self.open.len() >= DEEPEST {
            return Err(NotTakenReason::TooMuch);
        }
        self.open.push(Open { node, key: None, anchor, is_tagged, bytes: 0, depth: 0 });
        Ok(None)
    }

    fn finish(&mut self, built: Built, anchor: usize) -> Result<Option<Node>, NotTakenReason> {
        self.count(built.bytes)?;
        if self.open.len() + built.depth > DEEPEST {
            return Err(NotTakenReason::TooMuch);
        }
        if anchor != 0 {
            self.count(built.bytes)?;
            self.anchors.insert(anchor, built.clone());
        }
        let Some(parent) = self.open.last_mut() else { return Ok(Some(built.node)) };
        parent.bytes += built.bytes;
        parent.depth = parent.depth.max(built.depth);
        match (&mut parent.node, parent.key.take()) {
            (Node::List(list), _) => list.push(built.node),
            (Node::Map(pairs), Some(key)) => pairs.push((key, built.node)),
            (Node::Map(_), None) => parent.key = Some(key_of(built.node)),
            _ => {}
        }
        Ok(None)
    }

    fn count(&mut self, bytes: usize) -> Result<(), NotTakenReason> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES { Err(NotTakenReason::TooMuch) } else { Ok(()) }
    }
}

/// Only words are keys here; anything else is a key that nobody knows.
fn key_of(node: Node) -> String {
    match node {
        Node::Scalar { text, .. } => text,
        _ => "?".to_owned(),
    }
}

/// `<<` brings the pairs of other mappings, and a pair of the mapping's own counts more.
fn with_merged(node: Node) -> Node {
    let Node::Map(pairs) = node else { return node };
    if pairs.iter().all(|(key, _)| key != "<<") {
        return Node::Map(pairs);
    }
    let (merges, own): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| key == "<<");
    let mut known: HashSet<String> = own.iter().map(|(key, _)| key.clone()).collect();
    let mut merged: Vec<(String, Node)> = Vec::new();
    let mut bring = |from: Vec<(String, Node)>| {
        merged.extend(from.into_iter().filter(|(key, _)| known.insert(key.clone())));
    };
    for (_, value) in merges {
        match value {
            Node::Map(pairs) => bring(pairs),
            Node::List(list) => list.into_iter().for_each(|one| {
                if let Node::Map(pairs) = one {
                    bring(pairs);
                }
            }),
            _ => {}
        }
    }
    merged.extend(own);
    Node::Map(merged)
}

impl Node {
    /// Whether it says nothing, so that the key might as well not be there.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Scalar { text, is_plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The node's words; of a number, its digits.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, .. } if !self.is_nothing() => Some(text),
            _ => None,
        }
    }

    /// A whole number, also one in quotes, as V3 took it.
    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Self::Scalar { text, is_plain } => {
                whole(text.trim(), *is_plain).or_else(|| whole_float(real(text.trim())?))
            }
            _ => None,
        }
    }

    /// A number, also one in quotes, as V3 took it.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Scalar { text, is_plain } => {
                let text = text.trim();
                #[expect(clippy::cast_precision_loss, reason = "a number of seconds or per cent")]
                let whole = whole(text, *is_plain).map(|whole| whole as f64);
                whole.or_else(|| real(text))
            }
            _ => None,
        }
    }

    /// Yes or no.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Scalar { text, is_plain: true } => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => Some(true),
                "false" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Yes or no, also in quotes or as 1 and 0, as V3's reader took the settings of a monitor.
    pub(super) fn lax_flag(&self) -> Option<bool> {
        let Self::Scalar { text, .. } = self else { return None };
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "t" | "1" | "1.0" => Some(true),
            "false" | "no" | "off" | "n" | "f" | "0" | "0.0" => Some(false),
            _ => None,
        }
    }
}

/// A whole number: a plain one by YAML 1.1, which knows other bases, parts of a day and `_`; one in quotes is decimal.
fn whole(text: &str, is_plain: bool) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) || digits.ends_with('_') {
        return None;
    }
    let digits = digits.replace('_', "");
    let is_octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|digit| digit < b'8');
    let number = match (is_plain, digits.get(..2)) {
        (true, Some("0x")) => i64::from_str_radix(&digits[2..], 16).ok(),
        (true, Some("0b")) => i64::from_str_radix(&digits[2..], 2).ok(),
        (true, _) if is_octal => i64::from_str_radix(&digits, 8).ok(),
        (true, _) if digits.contains(':') && !digits.starts_with('0') => sixties(&digits),
        _ => digits.parse().ok(),
    }?;
    if is_negative { number.checked_neg() } else { Some(number) }
}

/// `1:30` is a minute and a half.
fn sixties(text: &str) -> Option<i64> {
    text.split(':').enumerate().try_fold(0_i64, |sum, (place, part)| {
        let part: i64 = part.parse().ok().filter(|part| place == 0 || (0..60).contains(part))?;
        sum.checked_mul(60)?.checked_add(part)
    })
}

/// A number with a fraction or an exponent; never one that is not a number or has no end.
fn real(text: &str) -> Option<f64> {
    let is_of_digits = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'e' | b'E'));
    let number: f64 = is_of_digits.then(|| text.replace('_', "").parse().ok())??;
    number.is_finite().then_some(number)
}

#[expect(clippy::cast_possible_truncation, reason = "it has no fraction and fits")]
fn whole_float(number: f64) -> Option<i64> {
    // 2^53: above it not every whole number has a floating-point number of its own.
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The tree as JSON, every value as its words.
    fn value(text: &str) -> Value {
        fn json(node: &Node) -> Value {
            match node {
                Node::Tagged => "(a tag)".into(),
                Node::List(list) => list.iter().map(json).collect(),
                Node::Map(pairs) => pairs.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
                Node::Scalar { .. } => node.text().map_or(Value::Null, Value::from),
            }
        }
        let document = parse(text).unwrap_or_else(|reason| panic!("{reason}: {text}"));
        document.root.as_ref().map_or(Value::Null, json)
    }

    fn reason(text: &str) -> NotTakenReason {
        parse(text).err().unwrap()
    }

    #[test]
    fn words_are_as_they_are_written() {
        let text = "a: 1\nb: '1'\nf: ~\ng:\np: [x, {y: true}]\nq: !!str 5\nr: |\n  two\n  lines\n";
        assert_eq!(
            value(text),
            json!({ "a": "1", "b": "1", "f": null, "g": null, "p": ["x", { "y": "true" }], "q": "5",
                    "r": "two\nlines\n" })
        );
        assert_eq!(value("a: 1\na: 2"), json!({ "a": "2" }), "the last one counts");
        assert_eq!(
            (value(""), value("# only words"), value("---\n")),
            (Value::Null, Value::Null, Value::Null)
        );
    }

    #[test]
    fn anchors_and_merges_are_written_out() {
        assert_eq!(value("a: &x [1]\nb: *x"), json!({ "a": ["1"], "b": ["1"] }));
        let merged = value("base: &b {p: 1, q: 1}\nit: {<<: *b, q: 2}");
        assert_eq!(merged["it"], json!({ "p": "1", "q": "2" }));
        let two = value("it: {<<: [{p: 1}, {p: 2, q: 2}]}");
        assert_eq!(two["it"], json!({ "p": "1", "q": "2" }), "the first one counts");
    }

    #[test]
    fn what_would_take_too_much_is_refused() {
        assert_eq!(reason(&"[".repeat(100)), NotTakenReason::TooMuch);
        // The parser itself looks no deeper than this, before it gives anything away.
        assert_eq!(reason(&"[".repeat(100_000)), NotTakenReason::Syntax { line: 1, column: 256 });
        assert_eq!(reason("a: &a [*a]"), NotTakenReason::TooMuch, "an anchor in itself");
        let mut laughs = "l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
        for level in 1..9 {
            let last = format!("*l{}, ", level - 1).repeat(9);
            laughs += &format!("l{level}: &l{level} [{last}]\n");
        }
        assert_eq!(reason(&laughs), NotTakenReason::TooMuch);
        let mut ladder = "a0: &a0 [x]\n".to_owned();
        for step in 1..100 {
            ladder += &format!("a{step}: &a{step} [*a{}]\n", step - 1);
        }
        assert_eq!(reason(&ladder), NotTakenReason::TooMuch, "aliases are as deep as what they stand for");
    }

    #[test]
    fn tags_are_not_followed_and_only_one_document_is_read() {
        let tagged = parse("a: !!python/object/apply:os.system [ls]\nb: !x y\nc: 1").unwrap().root.unwrap();
        let Node::Map(pairs) = &tagged else { panic!() };
        assert!(pairs[0].1 == Node::Tagged && pairs[1].1 == Node::Tagged && pairs[2].1.whole() == Some(1));
        for text in ["a: 1\n---\nb: 2", "a: 1\n---\n[", "a: 1\n...\n---\n"] {
            let document = parse(text).unwrap();
            assert!(document.has_more && document.root.is_some(), "{text}");
        }
        assert!(!parse("---\na: 1\n...\n").unwrap().has_more);
        assert!(matches!(reason("a: 1\nb: {c: 1]\nd: 2\n"), NotTakenReason::Syntax { line: 2, .. }));
    }
}
