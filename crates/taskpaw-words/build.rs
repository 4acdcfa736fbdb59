//! Makes constants of the window's catalogue, `ui/src/locales`. A key, or a name to be filled in, that a language lacks is an
//! error; so is a line that is not one of `key: "text",`, `key: {` and `},`, the only ones that the formatter leaves there.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A section is a module, a word a constant.
enum Entry {
    Section(BTreeMap<String, Entry>),
    Word(String),
}

type Section = BTreeMap<String, Entry>;

fn main() -> Result<(), Box<dyn Error>> {
    let catalogue = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../ui/src/locales");
    let read = |name: &str| -> Result<Section, Box<dyn Error>> {
        let file = catalogue.join(name);
        println!("cargo::rerun-if-changed={}", file.display());
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(sections(&text).map_err(|error| format!("{name}: {error}"))?)
    };
    let made = section(&read("en.ts")?, &read("zh-CN.ts")?, "")?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("words.rs"), made)?;
    Ok(())
}

fn sections(text: &str) -> Result<Section, String> {
    let mut open: Vec<(String, Section)> = Vec::new();
    let mut waiting: Option<String> = None;
    for (at, line) in text.lines().enumerate() {
        let (number, line) = (at + 1, line.trim());
        if line.is_empty() || line.starts_with("//") || line.starts_with("import ") {
            continue;
        }
        if line.starts_with("export const ") && line.ends_with('{') {
            open.push((String::new(), Section::new()));
            continue;
        }
        if line == "};" {
            let (_, root) = open.pop().ok_or(format!("line {number}: nothing is open"))?;
            return Ok(root);
        }
        if line == "}," {
            let (name, section) = open.pop().ok_or(format!("line {number}: nothing is open"))?;
            let (_, above) = open.last_mut().ok_or(format!("line {number}: nothing is above"))?;
            above.insert(name, Entry::Section(section));
            continue;
        }
        let (key, value) = match waiting.take() {
            Some(key) => (key, line),
            None => {
                let (key, value) = line.split_once(':').ok_or(format!("line {number}: no key"))?;
                (key.trim().trim_matches('"').to_owned(), value.trim())
            }
        };
        match value {
            "" => waiting = Some(key),
            "{" => open.push((key, Section::new())),
            value => {
                let said = said(value).ok_or(format!("line {number}: no text: {value}"))?;
                let (_, section) = open.last_mut().ok_or(format!("line {number}: nothing is open"))?;
                section.insert(key, Entry::Word(said));
            }
        }
    }
    Err("it does not end".to_owned())
}

/// A text in double quotes, or in single ones where there are double ones in it.
fn said(value: &str) -> Option<String> {
    let value = value.strip_suffix(',')?;
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
    let (mut said, mut letters) = (String::new(), inner.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next()? {
                'n' => said.push('\n'),
                'u' => {
                    let digits: String = letters.by_ref().take(4).collect();
                    said.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                plain @ ('"' | '\'' | '\\') => said.push(plain),
                _ => return None,
            },
            letter if letter == quote => return None,
            letter => said.push(letter),
        }
    }
    Some(said)
}

fn section(en: &Section, zh: &Section, path: &str) -> Result<String, String> {
    if let Some(key) = zh.keys().find(|key| !en.contains_key(*key)) {
        return Err(format!("{path}{key}: English lacks it"));
    }
    let mut made = String::new();
    for (key, entry) in en {
        let path = format!("{path}{key}");
        match (entry, zh.get(key).ok_or(format!("{path}: Chinese lacks it"))?) {
            (Entry::Section(en), Entry::Section(zh)) => {
                let inner = section(en, zh, &format!("{path}."))?;
                let name = key.replace('-', "_");
                let written = writeln!(
                    made,
                    "/// `{path}` of the window's catalogue.\npub mod r#{name} {{\nuse super::Word;\n{inner}}}"
                );
                written.map_err(|error| error.to_string())?;
            }
            (Entry::Word(en), Entry::Word(zh)) => {
                if names(en) != names(zh) {
                    return Err(format!("{path}: the languages do not fill in the same"));
                }
                // `agent` and `Agent` are two words.
                let capital = if key.starts_with(char::is_uppercase) { "TITLE_" } else { "" };
                let name = key.replace('-', "_").to_uppercase();
                let written = writeln!(
                    made,
                    "/// `{path}` of the window's catalogue.\n\
                     pub const {capital}{name}: Word = Word {{ en: {en:?}, zh_cn: {zh:?} }};"
                );
                written.map_err(|error| error.to_string())?;
            }
            _ => return Err(format!("{path}: a section in one language and a word in the other")),
        }
    }
    Ok(made)
}

fn names(text: &str) -> BTreeSet<&str> {
    text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0)).collect()
}
