//! Errors as JSON: `{"error":{"code","message"}}`.

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The query has a value that means nothing.
    #[error("{0}")]
    BadQuery(String),
    /// No token, or a wrong one.
    #[error("this needs the header Authorization: Bearer TOKEN, with the token of this backend")]
    Unauthorized,
    /// A web page may have made this request under a name that only seems to be this machine.
    #[error("the Host header names no address of this machine")]
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
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadQuery(_) => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
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
        let body = Json(json!({ "error": { "code": code, "message": self.to_string() } }));
        if matches!(self, Self::Unauthorized) {
            return (status, [(WWW_AUTHENTICATE, "Bearer realm=\"TaskPaw\"")], body).into_response();
        }
        (status, body).into_response()
    }
}

/// The answer for every path that is not there.
pub(crate) async fn not_found(uri: Uri) -> ApiError {
    ApiError::NotFound(uri.path().to_owned())
}

/// The answer for every method that a path does not have.
pub(crate) async fn wrong_method(method: Method) -> ApiError {
    ApiError::WrongMethod(method)
}
