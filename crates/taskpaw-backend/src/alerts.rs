//! Telling a webhook or a topic of ntfy something, once: what is sent, and what the answer means. Neither addresses nor tokens get
//! into an error, a log or an answer.

use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::{Value, json};
use taskpaw_contract::clock::milliseconds;
use taskpaw_contract::config::{WebhookConfig, ntfy_topic};
use taskpaw_contract::ipc::{
    AlertOutcome, AlertProbe, AlertTarget, AlertTest, EventLevel, FieldProblem, FleetEvent,
};

use crate::http::{ApiError, cause, client, why};

/// How long a person waits for a test at most: a little less than the app waits for the backend.
const TEST_WITHIN: Duration = Duration::from_secs(4);
/// How much of a server's answer is read, and how many letters of it are shown.
const SAID_BYTES: usize = 4 * 1024;
const SAID_LETTERS: usize = 200;

/// Why something was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The target answers, and does not accept the message.
    #[error("it answers with status {status}")]
    Status {
        /// The status.
        status: u16,
        /// What it says besides.
        said: Option<String>,
    },
    /// The target does not answer.
    #[error("it does not answer in time")]
    Timeout,
    /// The target cannot be reached.
    #[error("it cannot be reached: {reason}")]
    Unreachable {
        /// Why, as a code.
        outcome: AlertOutcome,
        /// Why, in words.
        reason: String,
    },
}

impl SendError {
    /// What a person is told.
    pub(crate) fn outcome(&self) -> AlertOutcome {
        match self {
            Self::Status { status, .. } => AlertOutcome::of_status(*status),
            Self::Timeout => AlertOutcome::Timeout,
            Self::Unreachable { outcome, .. } => *outcome,
        }
    }
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_timeout() {
            return Self::Timeout;
        }
        Self::Unreachable { outcome: cause(&error), reason: why(&error) }
    }
}

/// What is told, in the form that a target wants.
pub(crate) struct Message {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) level: Option<EventLevel>,
    /// What a webhook is told besides.
    pub(crate) event: Option<FleetEvent>,
}

/// Where something is told.
pub(crate) struct Sender {
    client: Client,
    target: AlertTarget,
    config: WebhookConfig,
}

impl Sender {
    /// One that waits for an answer for so long.
    ///
    /// # Errors
    /// If there is no way to HTTPS on this system.
    pub(crate) fn new(
        target: AlertTarget,
        config: WebhookConfig,
        within: Duration,
    ) -> Result<Self, SendError> {
        let client = client(config.url.starts_with("https:")).timeout(within).build()?;
        Ok(Self { client, target, config })
    }

    /// Tells it. If the answer is lost the same thing comes again: a webhook can know it by the key.
    ///
    /// # Errors
    /// [`SendError`].
    pub(crate) async fn send(&self, key: &str, message: &Message) -> Result<u16, SendError> {
        let (url, body) = match self.target {
            AlertTarget::Webhook => (self.config.url.as_str(), webhook_body(message)),
            AlertTarget::Ntfy => {
                let (server, topic) = ntfy_topic(&self.config.url).unwrap_or((&self.config.url, ""));
                (server, ntfy_body(topic, message))
            }
        };
        let mut request = self.client.post(url).header("Idempotency-Key", key).json(&body);
        if !self.config.token.is_empty() {
            request = request.bearer_auth(&self.config.token);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            return Ok(status);
        }
        Err(SendError::Status { status, said: self.said(answer).await })
    }

    /// What the server says, in its own words, unless it repeats a secret.
    async fn said(&self, mut answer: Response) -> Option<String> {
        let mut body = Vec::new();
        while let Ok(Some(part)) = answer.chunk().await {
            body.extend_from_slice(&part);
            if body.len() > SAID_BYTES {
                return None;
            }
        }
        let said = words_of(&body)?;
        let path = self.config.url.splitn(4, '/').nth(3).unwrap_or_default();
        let is_secret = |part: &str| part.len() > 3 && said.contains(part);
        let repeats = path.split(['/', '?', '&', '=']).any(is_secret) || is_secret(&self.config.token);
        (!repeats).then_some(said)
    }
}

/// What a body says to a person: `error` or `message` of JSON, or a short text; no page of HTML.
fn words_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let said = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => {
            let named = ["error", "message", "detail"].iter().find_map(|key| object.get(*key)?.as_str());
            named?.to_owned()
        }
        Ok(Value::String(said)) => said,
        Ok(_) => return None,
        Err(_) if text.trim_start().starts_with('<') => return None,
        Err(_) => text.to_owned(),
    };
    let said: String = said.trim().chars().filter(|letter| !letter.is_control()).take(SAID_LETTERS).collect();
    (!said.is_empty()).then_some(said)
}

/// `text` is what TaskPaw V3 sent, and all that simple receivers read.
fn webhook_body(Message { text, event, .. }: &Message) -> Value {
    match event {
        Some(event) => json!({ "text": text, "event": event }),
        None => json!({ "text": text }),
    }
}

/// The form in which ntfy takes JSON (docs.ntfy.sh/publish, "Publish as JSON"); 3 is its ordinary priority, 4 is high.
fn ntfy_body(topic: &str, Message { title, text, level, .. }: &Message) -> Value {
    let (priority, tags) = match level {
        Some(EventLevel::Alert) => (4, json!(["warning"])),
        Some(EventLevel::Done) => (3, json!(["white_check_mark"])),
        Some(EventLevel::Warn | EventLevel::Info) | None => (3, json!([])),
    };
    json!({ "topic": topic, "title": title, "message": text, "priority": priority, "tags": tags })
}

/// Sends one message and says what came of it.
///
/// # Errors
/// [`ApiError::InvalidFields`] for what is not an address of such a target, or no token.
pub(crate) async fn test(probe: AlertProbe) -> Result<AlertTest, ApiError> {
    let AlertProbe { target, url, token, title, message } = probe;
    let config = WebhookConfig { url, token, ..WebhookConfig::default() };
    if let Some((field, message)) = config.wrong(target) {
        return Err(ApiError::InvalidFields(vec![FieldProblem::in_words(field, message)]));
    }
    let since = Instant::now();
    let text = if target == AlertTarget::Webhook { format!("{title}: {message}") } else { message };
    let message = Message { title, text, level: None, event: None };
    let key = format!("taskpaw-test-{}", jiff::Timestamp::now().as_millisecond());
    let sent = match Sender::new(target, config, TEST_WITHIN) {
        Ok(sender) => sender.send(&key, &message).await,
        Err(error) => Err(error),
    };
    let (outcome, status, said) = match sent {
        Ok(status) => (AlertOutcome::Taken, Some(status), None),
        Err(error) => {
            let outcome = error.outcome();
            match error {
                SendError::Status { status, said } => (outcome, Some(status), said),
                SendError::Timeout | SendError::Unreachable { .. } => (outcome, None, None),
            }
        }
    };
    Ok(AlertTest { outcome, status, said, milliseconds: milliseconds(since.elapsed()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_short_and_in_words() {
        for (body, expected) in [
            (&br#"{"code":40101,"http":401,"error":"unauthorized"}"#[..], Some("unauthorized")),
            (br#"{"message":"no such room"}"#, Some("no such room")),
            (b"invalid_token\n", Some("invalid_token")),
            (b"<html><body>404</body></html>", None),
            (br#"{"ok":false}"#, None),
            (b"", None),
            (b"\xff\xfe", None),
        ] {
            assert_eq!(words_of(body).as_deref(), expected, "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(words_of("x".repeat(999).as_bytes()).unwrap().len(), SAID_LETTERS);
    }

    #[test]
    fn a_topic_is_told_in_the_form_of_ntfy() {
        let message = Message {
            title: "nas is offline".into(),
            text: "It cannot be reached.".into(),
            level: Some(EventLevel::Alert),
            event: None,
        };
        let expected = json!({ "topic": "render", "title": "nas is offline", "message": "It cannot be reached.",
                               "priority": 4, "tags": ["warning"] });
        assert_eq!(ntfy_body("render", &message), expected);
        assert_eq!(webhook_body(&message), json!({ "text": "It cannot be reached." }));
    }
}
