//! What a kind of monitor asks for. Its JSON schema, the check of a configuration and its defaults all come from
//! one table of fields, so they cannot disagree.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};
use taskpaw_contract::ipc::{FieldFault, FieldProblem};

mod kinds;
mod pattern;
mod python;

pub use kinds::*;
pub use pattern::{Pattern, SearchError};

/// How long a text may be: more than any path or pattern needs.
const LONGEST_TEXT: usize = 4096;
/// How many entries a list may have.
const MOST_ENTRIES: usize = 256;

/// One setting.
#[derive(Debug)]
pub struct Field {
    /// The field's key in `config`.
    pub key: &'static str,
    /// What a form calls it.
    pub title: &'static str,
    /// What the field does, for the person who fills in the form.
    pub about: &'static str,
    /// What may be written.
    pub shape: Shape,
}

/// What may be written into a field. A field that must be filled in has no default.
#[derive(Debug)]
pub enum Shape {
    /// Any text.
    Text(Option<&'static str>),
    /// The name or the address of a machine.
    Host(&'static str),
    /// The whole path of a file or folder; `~` stands for the home folder.
    Path,
    /// A regular expression; an empty one is none.
    Pattern(Option<&'static str>),
    /// One of these words; the first is the default.
    Choice(&'static [&'static str]),
    /// A number between two others.
    Number {
        /// What it is if nothing is written.
        default: Option<f64>,
        /// The least that is possible.
        least: f64,
        /// The most that is possible.
        most: f64,
    },
    /// A number without a fraction.
    Whole {
        /// What it is if nothing is written.
        default: Option<u64>,
        /// The least that is possible.
        least: u64,
        /// The most that is possible.
        most: u64,
    },
    /// Yes or no.
    Flag(bool),
    /// A list of texts.
    Texts {
        /// What it is if nothing is written.
        default: &'static [&'static str],
        /// The least number of entries that the list must have.
        least: usize,
    },
}

/// The setting that every kind has.
#[must_use]
pub const fn every(seconds: f64) -> Field {
    Field {
        key: "poll_interval",
        title: "Check every",
        about: "Seconds between two checks.",
        shape: Shape::Number { default: Some(seconds), least: 1.0, most: 86_400.0 },
    }
}

/// How long one look may take.
#[must_use]
pub const fn timeout(seconds: f64, about: &'static str) -> Field {
    Field {
        key: "timeout",
        title: "Time limit",
        about,
        shape: Shape::Number { default: Some(seconds), least: 0.1, most: 3_600.0 },
    }
}

/// How many bad looks in a row it takes.
pub const FAILURES: Field = Field {
    key: "failures",
    title: "Failures until the alert",
    about: "Alert after this many failed checks in a row.",
    shape: Shape::Whole { default: Some(1), least: 1, most: 100 },
};

/// The settings of one monitor: checked, and with every default filled in.
#[derive(Debug, Clone)]
pub struct Values(Map<String, Value>);

/// Checks a configuration.
///
/// # Errors
/// Every setting that is wrong, with the reason.
pub fn check(fields: &[Field], config: &Map<String, Value>) -> Result<Values, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut values = Map::new();
    for field in fields {
        let written = config.get(field.key).filter(|value| !value.is_null());
        match written {
            Some(value) => {
                problems.extend(field.wrong_with(value));
                values.insert(field.key.to_owned(), value.clone());
            }
            None => match field.shape.default() {
                Some(default) => {
                    values.insert(field.key.to_owned(), default);
                }
                None => problems.push(field.problem("", required())),
            },
        }
    }
    if problems.is_empty() { Ok(Values(values)) } else { Err(problems) }
}

/// The JSON schema of a kind's settings.
#[must_use]
pub fn schema(title: &str, about: &str, fields: &[Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.key.to_owned(), field.schema())).collect();
    let needed = fields.iter().filter(|field| field.shape.default().is_none());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": about,
        "type": "object",
        "properties": properties,
        "required": needed.map(|field| field.key).collect::<Vec<_>>(),
    })
}

impl Field {
    fn schema(&self) -> Value {
        let mut schema = self.shape.schema();
        if let Some(keys) = schema.as_object_mut() {
            keys.insert("title".to_owned(), self.title.into());
            keys.insert("description".to_owned(), self.about.into());
            if let Some(default) = self.shape.default() {
                keys.insert("default".to_owned(), default);
            }
        }
        schema
    }

    fn problem(&self, place: &str, (fault, message): Wrong) -> FieldProblem {
        FieldProblem::new(format!("config.{}{place}", self.key), fault, message)
    }

    fn wrong_with(&self, value: &Value) -> Vec<FieldProblem> {
        if let (Shape::Texts { least, .. }, Value::Array(entries)) = (&self.shape, value) {
            if entries.len() < *least {
                return vec![self.problem("", required())];
            }
            if entries.len() > MOST_ENTRIES {
                return vec![self.problem("", too_many())];
            }
            let wrong = |(at, entry)| wrong_with_text(entry).map(|why| self.problem(&format!("[{at}]"), why));
            return entries.iter().enumerate().filter_map(wrong).collect();
        }
        self.shape.wrong_with(value).map(|why| self.problem("", why)).into_iter().collect()
    }
}

impl Shape {
    fn default(&self) -> Option<Value> {
        match self {
            Self::Path => None,
            Self::Text(default) | Self::Pattern(default) => default.map(Value::from),
            Self::Host(default) => Some((*default).into()),
            Self::Choice(words) => words.first().map(|&word| word.into()),
            Self::Number { default, .. } => default.map(Value::from),
            Self::Whole { default, .. } => default.map(Value::from),
            Self::Flag(default) => Some((*default).into()),
            Self::Texts { default, least } => (default.len() >= *least).then(|| json!(default)),
        }
    }

    fn schema(&self) -> Value {
        match self {
            Self::Text(None) => json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_TEXT }),
            Self::Text(Some(_)) | Self::Host(_) => json!({ "type": "string", "maxLength": LONGEST_TEXT }),
            Self::Path => {
                json!({ "type": "string", "format": "path", "minLength": 1, "maxLength": LONGEST_TEXT })
            }
            Self::Pattern(None) => {
                json!({ "type": "string", "format": "regex", "minLength": 1, "maxLength": LONGEST_TEXT })
            }
            Self::Pattern(Some(_)) => {
                json!({ "type": "string", "format": "regex", "maxLength": LONGEST_TEXT })
            }
            Self::Choice(words) => json!({ "type": "string", "enum": words }),
            Self::Number { least, most, .. } => {
                json!({ "type": "number", "minimum": least, "maximum": most })
            }
            Self::Whole { least, most, .. } => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Self::Flag(_) => json!({ "type": "boolean" }),
            Self::Texts { least, .. } => json!({
                "type": "array", "minItems": least, "maxItems": MOST_ENTRIES,
                "items": { "type": "string", "minLength": 1, "maxLength": LONGEST_TEXT },
            }),
        }
    }

    /// What is wrong with a value that was written.
    fn wrong_with(&self, value: &Value) -> Option<Wrong> {
        match self {
            Self::Text(Some(_)) | Self::Pattern(Some(_)) if value == "" => None,
            Self::Text(_) => wrong_with_text(value),
            Self::Host(_) => wrong_with_text(value).or_else(|| {
                let host = bare_host(value.as_str()?);
                let is_none =
                    host.is_empty() || host.contains(|letter: char| letter == '/' || letter.is_whitespace());
                let words = "write a name or an address, such as 192.168.1.5";
                is_none.then(|| (FieldFault::NotAHost, words.to_owned()))
            }),
            Self::Path => wrong_with_text(value).or_else(|| {
                let path = expanded(value.as_str()?);
                let words = "write the whole path, from the root on";
                (!path.is_absolute()).then(|| (FieldFault::NotAPath, words.to_owned()))
            }),
            Self::Pattern(_) => wrong_with_text(value).or_else(|| {
                let error = Pattern::compiled(value.as_str()?).err()?;
                Some((FieldFault::NotAPattern, format!("it is no regular expression: {error}")))
            }),
            Self::Choice(words) => match value.as_str() {
                Some(word) if words.contains(&word) => None,
                _ => {
                    let fault =
                        FieldFault::NotOneOf { words: words.iter().map(|&word| word.to_owned()).collect() };
                    Some((fault, format!("{value} is none of {}", words.join(", "))))
                }
            },
            Self::Number { least, most, .. } => match value.as_f64() {
                Some(number) if (*least..=*most).contains(&number) => None,
                Some(_) => Some((between(least, most), format!("{value} is not between {least} and {most}"))),
                None => Some((FieldFault::NotANumber, format!("{value} is no number"))),
            },
            Self::Whole { least, most, .. } => match value.as_u64() {
                Some(number) if (*least..=*most).contains(&number) => None,
                None if !value.is_number() => Some((FieldFault::NotANumber, format!("{value} is no number"))),
                _ => {
                    let is_fraction = value.as_f64().is_some_and(|number| number.fract() != 0.0);
                    let fault = if is_fraction { FieldFault::NotWhole } else { between(least, most) };
                    Some((fault, format!("{value} is no whole number between {least} and {most}")))
                }
            },
            Self::Flag(_) => (!value.is_boolean())
                .then(|| (FieldFault::NotAFlag, format!("{value} is neither true nor false"))),
            Self::Texts { .. } => Some((FieldFault::NotAList, format!("{value} is no list of texts"))),
        }
        .map(|(fault, why)| (fault, shortened(&why, 300)))
    }
}

/// What is wrong, as a code and in words.
type Wrong = (FieldFault, String);

fn required() -> Wrong {
    (FieldFault::Required, "it must be filled in".to_owned())
}

fn too_many() -> Wrong {
    let most = u32::try_from(MOST_ENTRIES).unwrap_or(u32::MAX);
    (FieldFault::TooMany { most }, format!("more than {MOST_ENTRIES} entries are too many"))
}

fn between(least: &impl ToString, most: &impl ToString) -> FieldFault {
    FieldFault::NotBetween { least: least.to_string(), most: most.to_string() }
}

fn wrong_with_text(value: &Value) -> Option<Wrong> {
    let Some(text) = value.as_str() else {
        return Some((FieldFault::NotText, shortened(&format!("{value} is no text"), 300)));
    };
    if text.trim().is_empty() {
        return Some(required());
    }
    if text.contains('\0') {
        return Some((FieldFault::BadCharacter, "it has a character that no text has (NUL)".to_owned()));
    }
    let most = u32::try_from(LONGEST_TEXT).unwrap_or(u32::MAX);
    (text.len() > LONGEST_TEXT)
        .then(|| (FieldFault::TooLong { most }, format!("it is longer than {LONGEST_TEXT} bytes")))
}

/// A name or an address without the brackets of IPv6 and the spaces around it.
fn bare_host(text: &str) -> &str {
    text.trim().trim_start_matches('[').trim_end_matches(']')
}

/// The beginning of a text, if it is longer.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A path, with the home folder in place of `~`.
#[must_use]
pub fn expanded(path: &str) -> PathBuf {
    let rest = path.strip_prefix("~/").or_else(|| path.strip_prefix("~\\"));
    match (rest, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(path).to_owned(),
    }
}

/// What a key has is what [`check`] has let through; for a key that its table does not know these give nothing.
impl Values {
    /// A text.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The name or the address of a machine, without brackets.
    #[must_use]
    pub fn host(&self, key: &str) -> String {
        bare_host(&self.text(key)).to_owned()
    }

    /// A path, with the home folder in place of `~`.
    #[must_use]
    pub fn path(&self, key: &str) -> PathBuf {
        expanded(&self.text(key))
    }

    /// A pattern; nothing if it is empty.
    #[must_use]
    pub fn pattern(&self, key: &str) -> Option<Pattern> {
        Pattern::compiled(&self.text(key)).ok().filter(|pattern| !pattern.as_str().is_empty())
    }

    /// A pattern that must be filled in.
    ///
    /// # Errors
    /// The field that has none.
    pub fn needed_pattern(&self, key: &str) -> Result<Pattern, FieldProblem> {
        self.pattern(key).ok_or_else(|| {
            let (fault, message) = required();
            FieldProblem::new(format!("config.{key}"), fault, message)
        })
    }

    /// A number.
    #[must_use]
    pub fn number(&self, key: &str) -> f64 {
        self.0.get(key).and_then(Value::as_f64).unwrap_or_default()
    }

    /// A number of seconds.
    #[must_use]
    pub fn seconds(&self, key: &str) -> Duration {
        Duration::try_from_secs_f64(self.number(key)).unwrap_or_default()
    }

    /// A whole number.
    #[must_use]
    pub fn whole(&self, key: &str) -> u64 {
        self.0.get(key).and_then(Value::as_u64).unwrap_or_default()
    }

    /// A number of looks.
    #[must_use]
    pub fn count(&self, key: &str) -> u32 {
        u32::try_from(self.whole(key)).unwrap_or(u32::MAX)
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<String> {
        let entries = self.0.get(key).and_then(Value::as_array).into_iter().flatten();
        entries.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests;
