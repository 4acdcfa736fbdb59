//! Telling the webhook the events that it wants.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use taskpaw_contract::config::WebhookConfig;
use taskpaw_contract::ipc::{AgentEvent, FleetEvent};

use super::Shared;
use super::store::{Delivery, Outcome};
use crate::http::{client, why};

/// How long one delivery may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What happened longer ago is told with its time.
const LATE: SignedDuration = SignedDuration::from_mins(2);
/// So many are read at once.
const TOGETHER: usize = 20;
/// When to look again if nothing is due, or the history cannot be read.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Why a delivery failed. The address is not repeated: it may be a secret.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the webhook answers with status {0}")]
    Status(StatusCode),
    #[error("the webhook does not answer within {} s", LIMIT.as_secs())]
    Timeout,
    #[error("the webhook cannot be reached: {0}")]
    Unreachable(String),
}

/// Delivers what waits, for ever.
pub(super) async fn deliver(shared: Arc<Shared>, config: WebhookConfig) {
    if config.url.is_empty() {
        return;
    }
    let client = match client(config.url.starts_with("https:")).timeout(LIMIT).build() {
        Ok(client) => client,
        Err(error) => {
            failed(&shared, &DeliveryError::Unreachable(why(&error)));
            return;
        }
    };
    loop {
        let wait = match shared.store.due(TOGETHER).await {
            Ok((due, next)) if due.is_empty() => {
                next.map_or(LOOK_EVERY, Duration::from_millis).min(LOOK_EVERY)
            }
            Ok((due, _)) => {
                // What follows of the same agent comes later, too.
                let mut waiting = HashSet::new();
                for Delivery { event } in due {
                    if !waiting.contains(&event.agent)
                        && attempt(&shared, &client, &config, &event).await != Outcome::Delivered
                    {
                        waiting.insert(event.agent);
                    }
                }
                Duration::ZERO
            }
            Err(_) => LOOK_AGAIN,
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.outbox.notified() => {}
        }
    }
}

async fn attempt(shared: &Shared, client: &Client, config: &WebhookConfig, event: &FleetEvent) -> Outcome {
    let outcome = match post(client, config, event).await {
        Ok(()) => {
            *shared.webhook_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Outcome::Delivered
        }
        Err(error) => {
            failed(shared, &error);
            error.outcome()
        }
    };
    if let Err(error) = shared.store.delivered(event.number, outcome).await {
        tracing::warn!("event {} may reach the webhook twice: {error}", event.number);
        // It would be due again at once.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    outcome
}

impl DeliveryError {
    /// Whether it is about the one event alone.
    fn outcome(&self) -> Outcome {
        match self {
            Self::Status(
                StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY,
            ) => Outcome::Refused,
            Self::Status(_) | Self::Timeout | Self::Unreachable(_) => Outcome::Failed,
        }
    }
}

fn failed(shared: &Shared, error: &DeliveryError) {
    tracing::warn!("{error}; it is told again later");
    *shared.webhook_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
}

async fn post(client: &Client, config: &WebhookConfig, event: &FleetEvent) -> Result<(), DeliveryError> {
    // If the answer is lost the same event comes again: by this the other side can know it.
    let mut request = client
        .post(&config.url)
        .header("Idempotency-Key", format!("taskpaw-{}-{}", event.server_id, event.number))
        .json(&body(event));
    if !config.token.is_empty() {
        request = request.bearer_auth(&config.token);
    }
    let answer = request.send().await.map_err(|error| {
        if error.is_timeout() { DeliveryError::Timeout } else { DeliveryError::Unreachable(why(&error)) }
    })?;
    if answer.status().is_success() { Ok(()) } else { Err(DeliveryError::Status(answer.status())) }
}

/// `text` is what TaskPaw V3 sent, with the monitor, and all that simple receivers read.
fn body(event: &FleetEvent) -> Value {
    let AgentEvent { monitor, message, time, .. } = &event.event;
    let text = text(&event.agent, monitor, message);
    let text = match late(time, Timestamp::now()) {
        Some(when) => format!("{text} ({when})"),
        None => text,
    };
    json!({ "text": text, "event": event })
}

/// When it happened, by the agent's own clock, if that is not now: the machine, or the webhook, could not be reached.
fn late(time: &str, now: Timestamp) -> Option<String> {
    let then: Timestamp = time.parse().ok()?;
    let apart = now.duration_since(then).abs();
    (apart > LATE).then(|| then.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// What the agent tells of itself has no monitor.
fn text(machine: &str, monitor: &str, message: &str) -> String {
    match monitor {
        "" | "taskpaw" => format!("TaskPaw Event | {machine}: {message}"),
        monitor => format!("TaskPaw Event | {machine} | {monitor}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_says_when_it_was() {
        let now: Timestamp = "2026-11-27T22:30:00Z".parse().unwrap();
        for (time, expected) in [
            ("2026-11-27T22:29:00.123Z", None),
            ("2026-11-27T20:03:59Z", Some("2026-11-27 20:03 UTC")),
            ("2026-11-27T21:03:59+01:00", Some("2026-11-27 20:03 UTC")),
            ("2027-11-27T22:30:00Z", Some("2027-11-27 22:30 UTC")),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(late(time, now).as_deref(), expected, "{time}");
        }
    }

    #[test]
    fn the_text_names_the_machine_and_the_monitor() {
        assert_eq!(text("box", "flap", "exit status: 1"), "TaskPaw Event | box | flap: exit status: 1");
        assert_eq!(text("box", "taskpaw", "started"), "TaskPaw Event | box: started");
        assert_eq!(text("box", "", "old"), "TaskPaw Event | box: old");
    }
}
