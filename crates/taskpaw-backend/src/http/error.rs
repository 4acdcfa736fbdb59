//! Errors as JSON: `{"error":{"code","message","detail"?}}`.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use taskpaw_contract::config::ConfigProblem;
use taskpaw_contract::ipc::FieldProblem;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The query has a value that means nothing.
    #[error("{0}")]
    BadQuery(String),
    /// The body is no JSON, or none of the agreed form.
    #[error("{0}")]
    BadBody(String),
    /// The body has the agreed form and says something that cannot be.
    #[error("{}", first_of(.0))]
    InvalidFields(Vec<FieldProblem>),
    /// No monitor has this name.
    #[error("no monitor is called {0:?}")]
    NoSuchMonitor(String),
    /// No agent of this hub has this name.
    #[error("no agent is called {0:?}")]
    NoSuchAgent(String),
    /// What the answer is made of cannot be had now.
    #[error("{0}")]
    Unavailable(String),
    /// Events are acknowledged that were never offered.
    #[error("{0}")]
    NotOffered(String),
    /// Events of another start of the agent are meant.
    #[error("{0}")]
    OtherCursor(String),
    /// The configuration cannot be used or written, so nothing was changed.
    #[error("{0}")]
    Config(#[from] ConfigProblem),
    /// A fault of this program.
    #[error("this failed inside of TaskPaw; its log says more")]
    Internal,
    /// No token, or a wrong one.
    #[error("this needs the header Authorization: Bearer TOKEN, with the token of this backend")]
    Unauthorized,
    /// Too many wrong tokens.
    #[error("too many wrong tokens from this address; try again in {seconds} s")]
    TooManyAttempts {
        /// How long it takes until the next one counts.
        seconds: u64,
    },
    /// A web page may have made this request under a name that only seems to be this machine.
    #[error("it may come from a web page: the Host header must name this machine, and no other site may ask")]
    ForeignHost,
    /// No such path.
    #[error("{0} is no path of this port")]
    NotFound(String),
    /// The path knows other methods.
    #[error("{0} is no method of this path")]
    WrongMethod(Method),
    /// The body did not arrive in time.
    #[error("the request took too long")]
    Timeout,
    /// The body is larger than any that is asked for.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
}

impl ApiError {
    /// One field says something that cannot be.
    pub(crate) fn invalid(field: &str, message: &str) -> Self {
        Self::InvalidFields(vec![FieldProblem::in_words(field, message)])
    }

    /// What a program can read about it.
    fn detail(&self) -> Option<Value> {
        match self {
            Self::InvalidFields(problems) => serde_json::to_value(problems).ok(),
            Self::Config(problem) => serde_json::to_value(problem).ok(),
            _ => None,
        }
    }

    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadQuery(_) => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::BadBody(_) => (StatusCode::BAD_REQUEST, "bad_body"),
            Self::InvalidFields(_) => (StatusCode::BAD_REQUEST, "invalid_fields"),
            Self::NoSuchMonitor(_) => (StatusCode::NOT_FOUND, "no_such_monitor"),
            Self::NoSuchAgent(_) => (StatusCode::NOT_FOUND, "no_such_agent"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::NotOffered(_) => (StatusCode::CONFLICT, "ack_not_offered"),
            Self::OtherCursor(_) => (StatusCode::CONFLICT, "cursor_mismatch"),
            Self::Config(_) => (StatusCode::CONFLICT, "config"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::ForeignHost => (StatusCode::FORBIDDEN, "foreign_host"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::WrongMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, "wrong_method"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.kind();
        let mut error = json!({ "code": code, "message": self.to_string() });
        if let Some(detail) = self.detail() {
            error["detail"] = detail;
        }
        let body = Json(json!({ "error": error }));
        if matches!(self, Self::Unauthorized) {
            return (status, [(WWW_AUTHENTICATE, "Bearer realm=\"TaskPaw\"")], body).into_response();
        }
        if let Self::TooManyAttempts { seconds } = self {
            return (status, [(RETRY_AFTER, seconds.to_string())], body).into_response();
        }
        (status, body).into_response()
    }
}

fn first_of(problems: &[FieldProblem]) -> String {
    problems
        .first()
        .map(|FieldProblem { field, message, .. }| format!("{field}: {message}"))
        .unwrap_or_default()
}

/// The answer for every path that is not there.
pub(crate) async fn not_found(uri: Uri) -> ApiError {
    ApiError::NotFound(uri.path().to_owned())
}

/// The answer for every method that a path does not have.
pub(crate) async fn wrong_method(method: Method) -> ApiError {
    ApiError::WrongMethod(method)
}
