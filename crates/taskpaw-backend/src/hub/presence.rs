//! That a machine went away, or came back, as an event of the hub: stored, streamed and delivered like those of agents.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use taskpaw_contract::ipc::{AgentEvent, EventKind, EventLevel, FleetNews, PollErrorCode};

use super::Shared;
use super::fleet::Presence;

/// Stores it and tells the listeners. What cannot be stored is in the log alone.
pub(super) async fn tell(shared: &Shared, agent: &str, presence: Presence) {
    match shared.store.keep_own(agent, &shared.hub_id, event(agent, &presence)).await {
        Ok(event) => {
            shared.stored.fetch_add(1, Ordering::Relaxed);
            shared.tell(FleetNews::Event { event });
            shared.wake_outboxes();
        }
        Err(error) => tracing::warn!("whether {agent} is there cannot be told: {error}"),
    }
}

/// The event; its number is given where it is stored.
fn event(agent: &str, presence: &Presence) -> AgentEvent {
    let Presence { machine, away, silent_seconds } = presence;
    let (kind, level, title, message, cause) = match away {
        Some(cause) => {
            let (title, message) = words(agent, *cause);
            (EventKind::MachineOffline, EventLevel::Alert, title, message.to_owned(), Some(*cause))
        }
        None => {
            let title = format!("{agent} is back");
            (EventKind::MachineOnline, EventLevel::Done, title, "It answers again.".to_owned(), None)
        }
    };
    let mut data = json!({ "kind": kind, "agent": agent });
    if let (Some(cause), Value::Object(data)) = (cause, &mut data) {
        data.insert("cause".to_owned(), json!(cause));
    }
    if let (Some(seconds), Value::Object(data)) = (silent_seconds, &mut data) {
        data.insert("seconds".to_owned(), json!(seconds.floor()));
    }
    AgentEvent {
        id: 0,
        time: format!("{:.3}", jiff::Timestamp::now()),
        machine: machine.clone(),
        // No monitor says so, and not the agent of itself either.
        monitor: String::new(),
        message,
        level: Some(level),
        title: Some(title),
        data: Some(data),
    }
}

/// Each cause is another thing for a person to do.
fn words(agent: &str, cause: PollErrorCode) -> (String, &'static str) {
    match cause {
        PollErrorCode::Unauthorized => (
            format!("{agent} refuses the token"),
            "It answers, and asks for another token. Use the one that is set on that machine.",
        ),
        PollErrorCode::Status | PollErrorCode::NoAgent => (
            format!("{agent} answers badly"),
            "Something answers at its address, but not as an agent does. Check the address and the port.",
        ),
        PollErrorCode::TooOld => (
            format!("{agent} is too old"),
            "The TaskPaw there is too old for this hub. Update it on that machine.",
        ),
        PollErrorCode::Timeout => (
            format!("{agent} is offline"),
            "It does not answer in time. It may be switched off or asleep, or a firewall may be in the way.",
        ),
        PollErrorCode::NotAllowed => (
            format!("{agent} is offline"),
            "macOS does not let TaskPaw reach it. Allow it in System Settings under Privacy & Security > Local Network.",
        ),
        PollErrorCode::Unreachable | PollErrorCode::Store | PollErrorCode::TooMuch => (
            format!("{agent} is offline"),
            "It cannot be reached. Check that it is switched on and that TaskPaw is running there.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(away: Option<PollErrorCode>) -> Presence {
        Presence { machine: "render-box".to_owned(), away, silent_seconds: Some(120.7) }
    }

    #[test]
    fn each_cause_is_said_apart_and_the_way_back_is_good_news() {
        let title = |cause| event("nas", &presence(Some(cause))).title.unwrap();
        assert_eq!(title(PollErrorCode::Timeout), "nas is offline");
        assert_eq!(title(PollErrorCode::Unreachable), "nas is offline");
        assert_eq!(title(PollErrorCode::Unauthorized), "nas refuses the token");
        assert_eq!(title(PollErrorCode::TooOld), "nas is too old");
        assert_eq!(title(PollErrorCode::NoAgent), "nas answers badly");
        let kept_off = event("nas", &presence(Some(PollErrorCode::NotAllowed)));
        assert!(kept_off.message.contains("Local Network"), "{}", kept_off.message);
        let away = event("nas", &presence(Some(PollErrorCode::Timeout)));
        assert_eq!((away.level, away.machine.as_str()), (Some(EventLevel::Alert), "render-box"));
        let data = json!({ "kind": "machine_offline", "agent": "nas", "cause": "timeout", "seconds": 120.0 });
        assert_eq!(away.data, Some(data));
        let back = event("nas", &presence(None));
        assert_eq!((back.level, back.title.as_deref()), (Some(EventLevel::Done), Some("nas is back")));
        assert_eq!(back.data, Some(json!({ "kind": "machine_online", "agent": "nas", "seconds": 120.0 })));
    }
}
