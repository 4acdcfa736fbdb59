//! A feed: which version there is, for which systems, where, and for how long that is to be believed. The form is that
//! of Tauri's tools (`version`, `notes`, `pub_date`, `platforms`), which ignore what TaskPaw adds under `taskpaw`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use semver::{BuildMetadata, Prerelease, Version};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::signature::LONGEST_SIGNATURE;
pub use crate::system::{Kind, System};

/// One for all systems, with notes in two languages, is some 10 KB.
pub const LARGEST_FEED: usize = 256 * 1024;
/// A package is some 20 MB.
pub const LARGEST_PACKAGE: u64 = 512 * 1024 * 1024;
/// Three systems with two kinds of machines each, and two kinds of packages.
const MOST_PACKAGES: usize = 32;
/// As long as a long list of changes.
const LONGEST_NOTES: usize = 16 * 1024;
/// As long as browsers take.
const LONGEST_URL: usize = 2 * 1024;
/// A version must fit into the stamp of a program (40 bytes, the last of them zero).
const LONGEST_VERSION: usize = 39;
/// The form of what TaskPaw adds. A feed of another form is for other versions.
const FORM: u32 = 1;

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Feed {
    /// The version that it offers.
    pub version: Version,
    /// When it was made.
    pub published: Timestamp,
    /// When it ends to be believed.
    pub expires: Timestamp,
    /// Each feed has a higher number than the one before.
    pub sequence: u64,
    /// No feed may offer a version below this one from now on.
    pub floor: Version,
    /// Whether what runs before it has a hole.
    pub security: bool,
    /// What is new.
    pub notes: Notes,
    /// A package for each system.
    pub packages: BTreeMap<System, Package>,
}

/// What is new, in each language. Lines of plain text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notes {
    /// In English.
    pub en: String,
    /// In Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// One file to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Where it lies.
    pub url: String,
    /// Its signature, in minisign's form.
    pub signature: String,
    /// So many bytes it has.
    pub size: u64,
}

/// A feed as it is written.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    version: String,
    notes: String,
    pub_date: String,
    platforms: BTreeMap<String, WrittenPackage>,
    taskpaw: Added,
}

#[derive(Clone, Serialize, Deserialize)]
struct WrittenPackage {
    /// Minisign's form once more in base64, as Tauri's tools write it.
    signature: String,
    url: String,
    size: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Added {
    form: u32,
    sequence: u64,
    expires: String,
    floor: String,
    security: bool,
    notes: Notes,
}

impl Feed {
    /// Reads one. Its signature must have been found good before.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] or [`Refusal::BadForm`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > LARGEST_FEED {
            return Err(Refusal::TooLarge);
        }
        // Of what is nested deeper than 128 serde_json reads nothing.
        serde_json::from_slice(bytes).map_err(|_| Refusal::BadForm)
    }

    /// It as it is written, to be signed.
    ///
    /// # Errors
    /// [`Refusal::BadForm`] if it could not be read again.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Refusal> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|_| Refusal::BadForm)?;
        bytes.push(b'\n');
        match Self::parse(&bytes) {
            Ok(read) if &read == self => Ok(bytes),
            Ok(_) => Err(Refusal::BadForm),
            Err(refusal) => Err(refusal),
        }
    }
}

impl TryFrom<Written> for Feed {
    type Error = Refusal;

    fn try_from(written: Written) -> Result<Self, Refusal> {
        let Written { version, notes, pub_date, platforms, taskpaw } = written;
        let texts = [&notes, &taskpaw.notes.en, &taskpaw.notes.zh_cn];
        let (published, expires) = (moment(&pub_date)?, moment(&taskpaw.expires)?);
        let (version, floor) = (released(&version)?, released(&taskpaw.floor)?);
        let is_bounded =
            platforms.len() <= MOST_PACKAGES && texts.iter().all(|text| text.len() <= LONGEST_NOTES);
        let is_sound =
            taskpaw.form == FORM && published < expires && floor <= version && notes == taskpaw.notes.en;
        if !is_bounded || !is_sound {
            return Err(Refusal::BadForm);
        }
        let package = |(name, package): (String, WrittenPackage)| {
            Ok((System::named(&name).ok_or(Refusal::BadForm)?, Package::try_from(package)?))
        };
        Ok(Self {
            version,
            published,
            expires,
            sequence: taskpaw.sequence,
            floor,
            security: taskpaw.security,
            notes: taskpaw.notes,
            packages: platforms.into_iter().map(package).collect::<Result<_, Refusal>>()?,
        })
    }
}

impl From<Feed> for Written {
    fn from(feed: Feed) -> Self {
        let packages =
            feed.packages.into_iter().map(|(system, package)| (system.to_string(), package.into()));
        Self {
            version: feed.version.to_string(),
            notes: feed.notes.en.clone(),
            pub_date: feed.published.to_string(),
            platforms: packages.collect(),
            taskpaw: Added {
                form: FORM,
                sequence: feed.sequence,
                expires: feed.expires.to_string(),
                floor: feed.floor.to_string(),
                security: feed.security,
                notes: feed.notes,
            },
        }
    }
}

impl TryFrom<WrittenPackage> for Package {
    type Error = Refusal;

    fn try_from(WrittenPackage { signature, url, size }: WrittenPackage) -> Result<Self, Refusal> {
        let is_bounded = url.len() <= LONGEST_URL && (1..=LARGEST_PACKAGE).contains(&size);
        let is_bounded = is_bounded && signature.len() <= 2 * LONGEST_SIGNATURE;
        let is_address = url.starts_with("https://") || (cfg!(debug_assertions) && is_http_on_loopback(&url));
        if !is_bounded || !is_address || url.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Refusal::BadForm);
        }
        let signature = BASE64.decode(signature).map_err(|_| Refusal::BadForm)?;
        let signature = String::from_utf8(signature).map_err(|_| Refusal::BadForm)?;
        Ok(Self { url, signature, size })
    }
}

impl From<Package> for WrittenPackage {
    fn from(Package { url, signature, size }: Package) -> Self {
        Self { signature: BASE64.encode(signature), url, size }
    }
}

/// Where the servers of tests are. No release believes it.
fn is_http_on_loopback(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://127.0.0.1:") else { return false };
    // With an @ after it, it would be the name of a person at another server.
    let port = rest.split_once('/').map_or(rest, |(port, _)| port);
    port.parse::<u16>().is_ok()
}

fn moment(text: &str) -> Result<Timestamp, Refusal> {
    text.parse().map_err(|_| Refusal::BadForm)
}

/// A version that was released: three numbers and nothing else, so that it is the name of a folder as well.
///
/// # Errors
/// [`Refusal::BadForm`].
pub fn released(text: &str) -> Result<Version, Refusal> {
    let version = if text.len() <= LONGEST_VERSION { Version::parse(text).ok() } else { None };
    let is_plain =
        |version: &Version| version.pre == Prerelease::EMPTY && version.build == BuildMetadata::EMPTY;
    version.filter(is_plain).ok_or(Refusal::BadForm)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written() -> Value {
        json!({
            "version": "4.2.0",
            "notes": "Faster.",
            "pub_date": "2026-11-28T05:00:00Z",
            "platforms": {
                "linux-x86_64": {
                    "signature": BASE64.encode("untrusted comment: x\n"),
                    "url": "https://example.org/TaskPaw_4.2.0_linux_x64.tar.gz",
                    "size": 20_000_000,
                },
            },
            "taskpaw": {
                "form": 1,
                "sequence": 7,
                "expires": "2027-02-28T05:00:00Z",
                "floor": "4.1.0",
                "security": false,
                "notes": { "en": "Faster.", "zh-CN": "更快。" },
            },
        })
    }

    fn parsed(written: &Value) -> Result<Feed, Refusal> {
        Feed::parse(&serde_json::to_vec(written).unwrap())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let feed = parsed(&written()).unwrap();
        assert_eq!((feed.version.to_string(), feed.sequence), ("4.2.0".to_owned(), 7));
        let again: Value = serde_json::from_slice(&feed.to_bytes().unwrap()).unwrap();
        assert_eq!(again, written());
    }

    #[test]
    fn what_other_tools_add_is_left_alone() {
        let mut other = written();
        other["channel"] = json!("stable");
        other["platforms"]["linux-x86_64"]["with"] = json!({ "more": [1] });
        assert_eq!(parsed(&other), parsed(&written()));
    }

    #[test]
    fn what_has_no_sound_form_is_no_feed() {
        let long = "x".repeat(LONGEST_NOTES + 1);
        let wrong = [
            ("/version", json!("4.2")),
            ("/version", json!("4.2.0-beta.1")),
            ("/version", json!("4.2.0+x")),
            ("/version", json!("../4.2.0")),
            ("/version", json!("4.0.9")),
            ("/version", json!(format!("4.2.{}", "1".repeat(60)))),
            ("/pub_date", json!("yesterday")),
            ("/pub_date", json!("2028-01-01T00:00:00Z")),
            ("/notes", json!("Others.")),
            ("/platforms/linux-x86_64/url", json!("http://example.org/x")),
            ("/platforms/linux-x86_64/url", json!("http://127.0.0.1.example.org/x")),
            ("/platforms/linux-x86_64/url", json!("http://127.0.0.1:x@example.org/x")),
            ("/platforms/linux-x86_64/url", json!("http://127.0.0.1:80@example.org/x")),
            ("/platforms/linux-x86_64/url", json!("http://127.0.0.1:80?@example.org/x")),
            ("/platforms/linux-x86_64/url", json!("file:///etc/passwd")),
            ("/platforms/linux-x86_64/url", json!("https://example.org/a b")),
            (
                "/platforms/linux-x86_64/url",
                json!(format!("https://example.org/{}", "x".repeat(LONGEST_URL))),
            ),
            ("/platforms/linux-x86_64/size", json!(0)),
            ("/platforms/linux-x86_64/size", json!(LARGEST_PACKAGE + 1)),
            ("/platforms/linux-x86_64/size", json!(-1)),
            ("/platforms/linux-x86_64/signature", json!("?")),
            ("/platforms", json!({ "Linux x86": written()["platforms"]["linux-x86_64"] })),
            ("/taskpaw/form", json!(2)),
            ("/taskpaw/sequence", json!(-1)),
            ("/taskpaw/floor", json!("4.3.0")),
            ("/taskpaw/expires", json!("2026-11-28T05:00:00Z")),
            ("/taskpaw/notes/zh-CN", json!(long)),
            ("/taskpaw", Value::Null),
        ];
        for (place, value) in wrong {
            let mut feed = written();
            *feed.pointer_mut(place).unwrap() = value.clone();
            assert_eq!(parsed(&feed), Err(Refusal::BadForm), "{place} {value}");
        }
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_not_read() {
        assert_eq!(Feed::parse(&vec![b' '; LARGEST_FEED + 1]), Err(Refusal::TooLarge));
        let deep = format!("{{\"other\":{}", "[".repeat(100_000));
        assert_eq!(Feed::parse(deep.as_bytes()), Err(Refusal::BadForm));
        let packages: serde_json::Map<String, Value> = (0..=MOST_PACKAGES)
            .map(|at| (format!("s{at}"), written()["platforms"]["linux-x86_64"].clone()))
            .collect();
        let mut many = written();
        many["platforms"] = Value::Object(packages);
        assert_eq!(parsed(&many), Err(Refusal::BadForm));
    }
}
