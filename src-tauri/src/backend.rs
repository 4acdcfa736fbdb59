//! The host's way to a running backend: HTTP on loopback, with the token that the host made for this launch.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use taskpaw_contract::ipc::{ErrorCode, IpcError};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A stream that is silent for this long is dead: the backend gives a sign of life every 15 seconds.
const SILENT_FOR: Duration = Duration::from_secs(60);

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
    /// As [`BackendClient::send`].
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, IpcError> {
        let answer = self.send(Method::GET, path, None).await?;
        answer.json().await.map_err(unreachable)
    }

    /// Asks the backend to do something; what it answers besides is of no interest.
    ///
    /// # Errors
    /// As [`BackendClient::send`].
    pub(crate) async fn order(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(), IpcError> {
        self.send(method, path, body).await.map(|_| ())
    }

    /// Sends something to the backend and gets what it answers.
    ///
    /// # Errors
    /// As [`BackendClient::send`].
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, IpcError> {
        let answer = self.send(Method::POST, path, Some(body)).await?;
        answer.json().await.map_err(unreachable)
    }

    /// # Errors
    /// [`ErrorCode::BackendUnreachable`] if it does not answer, or not as agreed;
    /// [`ErrorCode::InvalidFields`] and [`ErrorCode::BadRequest`] with its own words if it refuses.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response, IpcError> {
        let mut request = client()
            .request(method, format!("{}{path}", self.base_url))
            .bearer_auth(&self.token)
            .timeout(ANSWER_WITHIN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        if answer.status().is_client_error() {
            return Err(refusal(answer).await);
        }
        answer.error_for_status().map_err(unreachable)
    }

    /// Subscribes to a stream of the backend; no line of it is longer than `longest`.
    ///
    /// # Errors
    /// As [`BackendClient::send`].
    pub(crate) async fn stream(&self, path: &str, longest: usize) -> Result<Lines, IpcError> {
        let request = client().get(format!("{}{path}", self.base_url)).bearer_auth(&self.token);
        // The head comes at once; a body has no end.
        let asked = tokio::time::timeout(ANSWER_WITHIN, request.send()).await;
        let answer = asked.map_err(|_says_no_more| silent())?.and_then(Response::error_for_status);
        Ok(Lines { answer: answer.map_err(unreachable)?, rest: Vec::new(), longest })
    }

    /// Whether the backend is well.
    ///
    /// # Errors
    /// Any reason why it is not.
    pub(crate) async fn ping(&self) -> Result<(), IpcError> {
        self.get::<Value>("/control/ping").await.map(|_| ())
    }

    /// Whether anything at all is answered: a backend that answers does not hang, whatever the answer says.
    pub(crate) async fn answers(&self) -> bool {
        let asked = client()
            .get(format!("{}/control/ping", self.base_url))
            .bearer_auth(&self.token)
            .timeout(ANSWER_WITHIN);
        asked.send().await.is_ok()
    }
}

/// The lines of a stream, as they come.
pub(crate) struct Lines {
    answer: Response,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    longest: usize,
}

impl Lines {
    /// The next line; nothing after the last one. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// [`ErrorCode::BackendUnreachable`] if the stream breaks off, if it gives no sign of life any more, or if a line has no
    /// end.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, IpcError> {
        loop {
            if let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.rest.len() > self.longest {
                return Err(IpcError::new(ErrorCode::BackendUnreachable, "a line of its stream has no end"));
            }
            let part = tokio::time::timeout(SILENT_FOR, self.answer.chunk()).await;
            match part.map_err(|_says_no_more| silent())?.map_err(unreachable)? {
                Some(part) => self.rest.extend_from_slice(&part),
                None => return Ok(None),
            }
        }
    }
}

fn silent() -> IpcError {
    IpcError::new(ErrorCode::BackendUnreachable, "its stream gives no sign of life")
}

/// The error's own text would contain the address, which means nothing to a person.
fn unreachable(error: reqwest::Error) -> IpcError {
    let reason = error.without_url();
    IpcError::new(
        ErrorCode::BackendUnreachable,
        format!("the backend did not answer as agreed: {reason}. It is asked again by itself"),
    )
}

/// What a backend says when it refuses a request.
#[derive(Deserialize)]
struct Refused {
    error: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    #[serde(default)]
    detail: Value,
}

async fn refusal(answer: Response) -> IpcError {
    let Refusal { code, message, detail } = match answer.json::<Refused>().await {
        Ok(refused) => refused.error,
        Err(error) => return unreachable(error),
    };
    let code = match code.as_str() {
        "invalid_fields" => ErrorCode::InvalidFields,
        "config" => ErrorCode::Config,
        // Calls that the backend does not know, and keys that it does not take, are no fault of the person.
        "not_found" | "wrong_method" | "unauthorized" | "foreign_host" => ErrorCode::Internal,
        _ => ErrorCode::BadRequest,
    };
    IpcError { code, message, detail }
}

/// One client for everything: it keeps its connections open. A proxy is never used for what is on this machine.
fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // Nothing here goes over HTTPS. But the backend's client can, and where both are built together, this one has
        // TLS too and would not be made without a provider; nor need it read whom the system trusts.
        let _fails_only_if_there_is_one = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_backend_that_is_not_there_is_an_error_and_no_panic() {
        // Nobody listens on port 9 of loopback.
        let nobody = BackendClient::new("http://127.0.0.1:9".to_owned(), String::new());
        assert_eq!(nobody.ping().await.unwrap_err().code, ErrorCode::BackendUnreachable);
    }
}
