//! What may be acknowledged: what was told since this start, and what was given before it.

use std::net::IpAddr;
use std::time::Instant;

use taskpaw_contract::clock::unix_ms;
use taskpaw_contract::ipc::{EventCursor, EventRefusal};

use super::seldom::Seldom;

/// So many refused hubs are remembered for the window.
const MOST_REFUSALS: usize = 8;

/// A hub that asks for events.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Fetch<'a> {
    /// What it calls itself; empty if it does not.
    pub(in super::super) hub: &'a str,
    /// The last event that it has; nothing if it takes all.
    pub(in super::super) ack: Option<u64>,
    /// Which row of numbers it means, if it says it.
    pub(in super::super) proof: Option<Proof<'a>>,
    /// Where it asks from.
    pub(in super::super) from: Option<IpAddr>,
}

/// Which row of numbers, and which start of its agent, a hub means. Half of it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Proof<'a> {
    /// The stream.
    pub(in super::super) stream: Option<&'a str>,
    /// The start.
    pub(in super::super) boot: Option<&'a str>,
}

/// Why a hub gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum Refused {
    /// The hub has acknowledged an event that nobody was ever told.
    #[error(
        "ack: event {ack} was never offered; the last one is {offered}. Nothing was forgotten. Remove this machine from \
         that hub and add it again"
    )]
    NotOffered {
        /// What it has acknowledged.
        ack: u64,
        /// What it could have.
        offered: u64,
    },
    /// The hub means another series of numbers, or another start.
    #[error("cursor_stream and cursor_boot are not those of this agent's start; ask for its status again")]
    OtherCursor,
}

/// What was offered, and who was refused.
#[derive(Debug)]
pub(super) struct Offers {
    stream_id: String,
    boot_id: String,
    resume_floor: u64,
    offered: u64,
    /// The last one first.
    refusals: Vec<EventRefusal>,
    said: Seldom,
}

impl Offers {
    /// A start after this last number.
    pub(super) fn new(stream_id: String, boot_id: String, resume_floor: u64) -> Self {
        Self {
            stream_id,
            boot_id,
            resume_floor,
            offered: resume_floor,
            refusals: Vec::new(),
            said: Seldom::default(),
        }
    }

    /// Whether what a hub acknowledges can be.
    pub(super) fn admit(&mut self, fetch: &Fetch<'_>) -> Result<(), Refused> {
        let is_meant = |Proof { stream, boot }: Proof<'_>| {
            stream == Some(self.stream_id.as_str()) && boot == Some(self.boot_id.as_str())
        };
        if fetch.proof.is_some_and(|proof| !is_meant(proof)) {
            return Err(Refused::OtherCursor);
        }
        let from = fetch.from.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
        match fetch.ack {
            Some(ack) if ack > self.offered => {
                self.refuse(from, ack);
                Err(Refused::NotOffered { ack, offered: self.offered })
            }
            _ => {
                self.refusals.retain(|refusal| refusal.from != from);
                Ok(())
            }
        }
    }

    /// Said in the log when it is another hub or number, and seldom; shown for as long as it lasts.
    fn refuse(&mut self, from: String, ack: u64) {
        let offered = self.offered;
        let known = self.refusals.iter().position(|refusal| refusal.from == from);
        let is_news = known.is_none_or(|at| self.refusals[at].ack != ack);
        if is_news && self.said.may_say(Instant::now()) {
            tracing::error!(
                "the hub at {from} acknowledges event {ack}, and the last one that this agent has offered is {offered}: \
                 nothing is forgotten, and that hub gets no events. Remove this machine from it and add it again"
            );
        }
        if let Some(at) = known {
            self.refusals.remove(at);
        }
        self.refusals.insert(0, EventRefusal { from, ack, offered, at: unix_ms() });
        self.refusals.truncate(MOST_REFUSALS);
    }

    /// Events up to this one were told.
    pub(super) fn offer(&mut self, last: u64) {
        self.offered = self.offered.max(last);
    }

    /// The cursor; nothing for an agent without an identity.
    pub(super) fn cursor(&self, server_id: &str, last_id: u64) -> Option<EventCursor> {
        (!server_id.trim().is_empty()).then(|| EventCursor {
            version: 1,
            server_id: server_id.to_owned(),
            stream_id: self.stream_id.clone(),
            boot_id: self.boot_id.clone(),
            resume_floor: self.resume_floor,
            offered_highwater: self.offered,
            next_event_id: last_id + 1,
            durable: true,
        })
    }

    /// Who was refused.
    pub(super) fn refusals(&self) -> Vec<EventRefusal> {
        self.refusals.clone()
    }
}
