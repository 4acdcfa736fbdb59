//! Telling the webhook and ntfy the events that they want.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use taskpaw_contract::config::WebhookConfig;
use taskpaw_contract::ipc::{AgentEvent, AlertTarget, FleetEvent};

use super::Shared;
use super::store::{Delivery, Outcome};
use crate::alerts::{Message, SendError, Sender};

/// How long one delivery may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What happened longer ago is told with its time.
const LATE: SignedDuration = SignedDuration::from_mins(2);
/// How many deliveries are read at once.
const TOGETHER: usize = 20;
/// When to look again if nothing is due, or the history cannot be read.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Why the last delivery to each target failed.
#[derive(Debug, Default)]
pub(super) struct Failures([Mutex<Option<SendError>>; 2]);

impl Failures {
    pub(super) fn of(&self, target: AlertTarget) -> MutexGuard<'_, Option<SendError>> {
        let [webhook, ntfy] = &self.0;
        let of = match target {
            AlertTarget::Webhook => webhook,
            AlertTarget::Ntfy => ntfy,
        };
        of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers what waits for this target, for ever.
pub(super) async fn deliver(shared: Arc<Shared>, target: AlertTarget, config: WebhookConfig) {
    if config.url.is_empty() {
        return;
    }
    let sender = match Sender::new(target, config, LIMIT) {
        Ok(sender) => sender,
        Err(error) => {
            failed(&shared, target, error);
            return;
        }
    };
    loop {
        let wait = match shared.store.due(target, TOGETHER).await {
            Ok((due, next)) if due.is_empty() => {
                next.map_or(LOOK_EVERY, Duration::from_millis).min(LOOK_EVERY)
            }
            Ok((due, _)) => {
                // What follows of the same agent comes later, too.
                let mut waiting = HashSet::new();
                for Delivery { event } in due {
                    if !waiting.contains(&event.agent)
                        && attempt(&shared, target, &sender, &event).await != Outcome::Delivered
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
            () = shared.outbox(target).notified() => {}
        }
    }
}

async fn attempt(shared: &Shared, target: AlertTarget, sender: &Sender, event: &FleetEvent) -> Outcome {
    // If the answer is lost the same event comes again: by this the other side can know it.
    let key = format!("taskpaw-{}-{}", event.server_id, event.number);
    let outcome = match sender.send(&key, &message(target, event)).await {
        Ok(_) => {
            *shared.failures.of(target) = None;
            Outcome::Delivered
        }
        Err(error) => {
            let outcome = outcome(&error);
            failed(shared, target, error);
            outcome
        }
    };
    if let Err(error) = shared.store.delivered(target, event.number, outcome).await {
        tracing::warn!("event {} may be told twice: {error}", event.number);
        // It would be due again at once.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    outcome
}

/// Whether a failure is about the one event alone.
fn outcome(error: &SendError) -> Outcome {
    match error {
        SendError::Status { status: 400 | 413 | 422, .. } => Outcome::Refused,
        SendError::Status { .. } | SendError::Timeout | SendError::Unreachable { .. } => Outcome::Failed,
    }
}

fn failed(shared: &Shared, target: AlertTarget, error: SendError) {
    let name = match target {
        AlertTarget::Webhook => "the webhook",
        AlertTarget::Ntfy => "ntfy",
    };
    tracing::warn!("{name}: {error}; it is told again later");
    *shared.failures.of(target) = Some(error);
}

/// What is told. A webhook gets all in one text, and the whole event.
fn message(target: AlertTarget, event: &FleetEvent) -> Message {
    let AgentEvent { monitor, message, time, title, level, .. } = &event.event;
    let (title, text) = match target {
        AlertTarget::Webhook => (String::new(), text(&event.agent, monitor, message)),
        AlertTarget::Ntfy => (
            title.clone().map_or_else(|| event.agent.clone(), |title| format!("{}: {title}", event.agent)),
            message.clone(),
        ),
    };
    let text = match late(time, Timestamp::now()) {
        Some(when) => format!("{text} ({when})"),
        None => text,
    };
    let event = (target == AlertTarget::Webhook).then(|| event.clone());
    Message { title, text, level: *level, event }
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
