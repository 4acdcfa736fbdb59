//! What every port of a backend has in common: who is let in, how errors look, and how long things may take.

mod attempts;
mod auth;
mod body;
mod client;
mod error;
mod limits;
mod local;
mod metrics;
mod patience;
mod places;
mod query;
mod refusal;
mod serve;
mod stream;
mod trust;

pub(crate) use auth::{Guard, Peer, authorize, refuse_web_pages};
pub(crate) use body::JsonBody;
pub(crate) use client::client;
pub(crate) use error::{ApiError, not_found, wrong_method};
#[cfg(feature = "fuzzing")]
pub(crate) use local::fuzz as fuzz_host;
pub(crate) use local::{OnlyFrom, refuse_foreign_hosts};
pub(crate) use metrics::{Kind, Metrics};
pub(crate) use query::Query;
pub(crate) use refusal::{cause, is_kept_off, why};
pub(crate) use serve::{base_url, serve};
pub(crate) use stream::stream;

use serde::Serialize;

/// How a hub names itself towards agents, with 32 hex digits: each named one has an acknowledgement of its own.
pub(crate) const HUB_HEADER: &str = "taskpaw-hub";

/// The answer to every call for events.
#[derive(Debug, Serialize)]
pub(crate) struct Events<T> {
    /// In the order of their numbers.
    pub(crate) events: Vec<T>,
}
