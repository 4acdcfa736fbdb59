//! Asks a ComfyUI server: what is in its queue, and what has failed. An answer is bounded, and only what is needed of it is kept: each
//! prompt has a whole workflow with it.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::time::Duration;

use reqwest::{Response, Url};
use serde::de::{DeserializeOwned, Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use taskpaw_contract::ipc::FieldFault;

use super::super::BadSetup;
use super::super::form::shortened;
use super::super::http_check::client;
use super::super::memory::fingerprint;
use super::SHOWN;
use crate::http::why;

/// How long an answer may take, as in V3.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A queue of thousands of large workflows.
const MOST_QUEUE_BYTES: u64 = 256 << 20;
/// What the last prompts have made and how they ended.
const MOST_HISTORY_BYTES: u64 = 8 << 20;
/// The most prompts that are counted.
const MOST_PROMPTS: usize = 100_000;
/// How many of the last prompts are looked at.
const LAST_PROMPTS: usize = 64;
/// As long as a prompt's id is.
const LONGEST_ID: usize = 200;

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    base: Url,
}

/// What is in its queue: the prompts by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Queue {
    #[serde(rename = "queue_running", deserialize_with = "prompts")]
    pub(super) running: Vec<String>,
    #[serde(rename = "queue_pending", deserialize_with = "prompts")]
    pub(super) pending: Vec<String>,
}

/// A prompt that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// Stands for its id.
    pub(super) prompt: u64,
    /// Why.
    pub(super) reason: String,
}

impl Server {
    /// At this address.
    pub(super) fn new(host: &str, port: u64) -> Result<Self, BadSetup> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let base = format!("http://{host}:{port}/").parse();
        let base = base.map_err(|error| {
            BadSetup::field("host", FieldFault::NotAHost, format!("it is no address: {error}"))
        })?;
        Ok(Self { base })
    }

    /// What is in its queue.
    pub(super) fn queue(&self) -> Result<Queue, String> {
        self.get("queue", MOST_QUEUE_BYTES).map_err(|why| format!("ComfyUI does not answer: {why}"))
    }

    /// The prompts that have failed, the last one last: among the last ones, or just this one. None if that is not known.
    pub(super) fn failed(&self, prompt: Option<&str>) -> Vec<Failed> {
        let path = match prompt {
            None => format!("history?max_items={LAST_PROMPTS}"),
            Some(id) if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
                format!("history/{id}")
            }
            Some(_) => return Vec::new(),
        };
        failed_in(&self.get(&path, MOST_HISTORY_BYTES).unwrap_or_default())
    }

    fn get<T: DeserializeOwned>(&self, path: &str, most: u64) -> Result<T, String> {
        let url = self.base.join(path).map_err(|error| error.to_string())?;
        let request = client(false, true)?.get(url).timeout(ANSWER_WITHIN);
        let answer = Handle::current().block_on(request.send()).map_err(in_words)?;
        if !answer.status().is_success() {
            return Err(format!("it says {}", answer.status()));
        }
        let body = Body { answer, part: Vec::new(), at: 0 };
        serde_json::from_reader(BufReader::new(body.take(most)))
            .map_err(|_| "what answers there is no ComfyUI, or says too much".to_owned())
    }
}

fn in_words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", ANSWER_WITHIN.as_secs());
    }
    why(&error.without_url())
}

/// An answer that is read while it comes: it is never in memory as a whole.
struct Body {
    answer: Response,
    part: Vec<u8>,
    at: usize,
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.part.len() {
            match Handle::current().block_on(self.answer.chunk()).map_err(io::Error::other)? {
                Some(part) => (self.part, self.at) = (part.to_vec(), 0),
                None => return Ok(0),
            }
        }
        let length = out.len().min(self.part.len() - self.at);
        out[..length].copy_from_slice(&self.part[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// What has failed, of a history.
fn failed_in(history: &Map<String, Value>) -> Vec<Failed> {
    let one = |(id, entry): (&String, &Value)| {
        Some(Failed { prompt: fingerprint(id.as_bytes()), reason: reason_in(entry)? })
    };
    history.iter().filter_map(one).collect()
}

/// What is kept of an answer is short, whatever it says.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    if let Ok(queue) = serde_json::from_slice::<Queue>(bytes) {
        let ids = || queue.running.iter().chain(&queue.pending);
        assert!(ids().count() <= 2 * MOST_PROMPTS && ids().all(|id| id.chars().count() <= LONGEST_ID + 1));
    }
    if let Ok(history) = serde_json::from_slice(bytes) {
        assert!(failed_in(&history).iter().all(|failed| failed.reason.chars().count() <= SHOWN + 1));
    }
}

/// Why a prompt has failed, from its entry in the history; nothing if it has not.
fn reason_in(entry: &Value) -> Option<String> {
    let status = entry.get("status").filter(|status| status.is_object())?;
    let is_completed = status.get("completed").and_then(Value::as_bool).unwrap_or(true);
    let word = status.get("status_str").and_then(Value::as_str).unwrap_or_default();
    if is_completed && !word.to_lowercase().contains("error") {
        return None;
    }
    let messages = status.get("messages").and_then(Value::as_array).into_iter().flatten();
    let errors = messages.filter(|message| message.get(0).is_some_and(|name| name == "execution_error"));
    let said = errors.filter_map(|error| error.get(1)?.get("exception_message")?.as_str()).next();
    let said = said.map(str::trim).filter(|said| !said.is_empty()).unwrap_or(word);
    let said = said.lines().next().unwrap_or_default();
    Some(if said.is_empty() { "unknown error".to_owned() } else { shortened(said, SHOWN) })
}

/// `[[number, id, workflow, …], …]`: the ids.
fn prompts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    struct All;
    impl<'de> Visitor<'de> for All {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of prompts")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut ids = Vec::new();
            while let Some(Prompt(id)) = list.next_element()? {
                if ids.len() >= MOST_PROMPTS {
                    return Err(A::Error::custom("too many prompts"));
                }
                ids.push(id);
            }
            Ok(ids)
        }
    }
    from.deserialize_seq(All)
}

struct Prompt(String);

impl<'de> Deserialize<'de> for Prompt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Prompt;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a prompt: its number, its id and its workflow")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Prompt, A::Error> {
                let _number: Option<IgnoredAny> = list.next_element()?;
                let id: String =
                    list.next_element()?.ok_or_else(|| A::Error::custom("a prompt has no id"))?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Prompt(shortened(&id, LONGEST_ID)))
            }
        }
        from.deserialize_seq(One)
    }
}
