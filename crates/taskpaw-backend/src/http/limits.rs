//! How much a client may send, and how long it may take.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;

use super::ApiError;

/// How long a client may take for its headers, for a body, and for taking the next part of an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How large the headers of a request may be.
pub(super) const HEADER_BYTES: usize = 64 * 1024;
/// How large a body may be.
pub(super) const BODY_BYTES: usize = 64 * 1024;

/// Middleware: a body that says that it is too large is refused at once (one that does not say it is cut by
/// axum's own limit), and an answer that waits for a slow body is given up.
pub(super) async fn bound(request: Request, next: Next) -> Result<Response, ApiError> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY_BYTES as u64) {
        return Err(ApiError::TooLarge(BODY_BYTES));
    }
    tokio::time::timeout(PATIENCE, next.run(request)).await.map_err(|_| ApiError::Timeout)
}
