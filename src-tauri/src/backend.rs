//! The host's way to a running backend: HTTP on loopback, with the token that the host made for this launch.

use std::sync::OnceLock;
use std::time::Duration;

use serde::de::DeserializeOwned;
use taskpaw_contract::ipc::{ErrorCode, IpcError};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A backend and the key to it. The token never leaves the host.
#[derive(Clone)]
pub(crate) struct BackendClient {
    base_url: String,
    token: String,
}

impl BackendClient {
    pub(crate) fn new(base_url: String, token: String) -> Self {
        Self { base_url, token }
    }

    /// Asks for something on the backend, such as `/control/status?limit=10`.
    ///
    /// # Errors
    /// [`ErrorCode::BackendUnreachable`] if it does not answer, or not as agreed.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, IpcError> {
        let unreachable = |error: reqwest::Error| {
            // The error's own text would name the address, which says nothing to a person.
            let reason = error.without_url();
            IpcError::new(
                ErrorCode::BackendUnreachable,
                format!("the backend did not answer as agreed: {reason}. It is asked again by itself"),
            )
        };
        let answer = client()
            .get(format!("{}{path}", self.base_url))
            .bearer_auth(&self.token)
            .timeout(ANSWER_WITHIN)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(unreachable)?;
        answer.json().await.map_err(unreachable)
    }

    /// Whether the backend is well.
    ///
    /// # Errors
    /// Any reason why it is not.
    pub(crate) async fn ping(&self) -> Result<(), IpcError> {
        self.get::<serde_json::Value>("/control/ping").await.map(|_| ())
    }

    /// The version that a backend of any kind answers to `GET /ping`.
    pub(crate) async fn version_at(base: &str, within: Duration) -> Option<String> {
        let answer = client().get(format!("{base}/ping")).timeout(within).send().await.ok()?;
        let answer: serde_json::Value = answer.json().await.ok()?;
        // It comes from another program: a version is short and plain, or it is not shown.
        let version = answer.get("version")?.as_str()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        (version.len() <= 32 && version.chars().all(plain)).then(|| version.to_owned())
    }
}

/// One client for all: it keeps its connections. A proxy is never asked for what is on this machine.
fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().build().unwrap_or_default())
}
